//! A small set of kernel types, in BTF's shape.

use super::super::dwarf::FIRST_TYPE;
use super::super::{Btf, BtfKind, BtfMember, BtfType, TypeId};
use super::binaries::FakeTypes;

/// Types from a list; id n is the n-th (1-based), 0 is void.
#[derive(Clone, Debug, Default)]
pub struct FakeBtf {
    types: Vec<BtfType>,
}

impl FakeBtf {
    /// Adds a type.
    pub fn add(&mut self, ty: BtfType) -> TypeId {
        self.types.push(ty);
        TypeId(self.types.len() as u32)
    }

    /// Adds an integer type.
    pub fn int(&mut self, name: &str, size: u32, signed: bool) -> TypeId {
        let (is_bool, is_char) = (name == "_Bool", name == "char");
        self.add(BtfType::Int { name: name.into(), size, signed, is_bool, is_char })
    }

    /// Adds a struct of members `(name, type, bit offset, bit size)`.
    pub fn structure(&mut self, name: &str, size: u32, members: &[Member]) -> TypeId {
        let members = members.iter().map(member).collect();
        self.add(BtfType::Composite { union: false, name: name.into(), size, members })
    }

    /// The types of the sample machine: `task_struct` and what it leads to, `path`, an enum, typedefs, functions.
    pub fn sample() -> FakeBtf {
        let mut b = FakeBtf::default();
        let int = b.int("int", 4, true);
        let uint = b.int("unsigned int", 4, false);
        let long = b.int("long", 8, true);
        let ulong = b.int("long unsigned int", 8, false);
        let u8 = b.int("unsigned char", 1, false);
        let char = b.int("char", 1, true);
        b.int("_Bool", 1, false);
        let constant = b.add(BtfType::Qualifier(char));
        let string = b.add(BtfType::Pointer(constant));
        let comm = b.add(BtfType::Array { element: char, count: 16 });
        let ids = b.add(BtfType::Array { element: int, count: 4 });
        let pid_t = b.add(BtfType::Typedef { name: "pid_t".into(), ty: int });
        b.add(BtfType::Typedef { name: "uint64_t".into(), ty: ulong });
        b.add(BtfType::Typedef { name: "u64".into(), ty: ulong });
        let state = b.add(BtfType::Enum {
            name: "task_state".into(),
            size: 4,
            signed: false,
            values: vec![("STATE_RUNNING".into(), 0), ("STATE_SLEEPING".into(), 1)],
        });
        let task = TypeId(b.types.len() as u32 + 7);
        let task_pointer = b.add(BtfType::Pointer(task));
        let inner = b.structure("", 8, &[("low", uint, 0, None), ("high", uint, 32, None)]);
        let mm = b.structure("mm_struct", 16, &[("start_brk", ulong, 0, None), ("map_count", int, 64, None)]);
        let mm_pointer = b.add(BtfType::Pointer(mm));
        let name = b.structure("qstr", 16, &[("hash", uint, 0, None), ("name", string, 64, None)]);
        let alternatives = b.add(BtfType::Composite {
            union: true,
            name: String::new(),
            size: 8,
            members: [("wide", ulong, 0, None), ("narrow", u8, 0, None)].iter().map(member).collect(),
        });
        let fields: &[Member] = &[
            ("state", state, 0, None),
            ("pid", pid_t, 32, None),
            ("tgid", pid_t, 64, None),
            ("flags_a", uint, 96, Some(1)),
            ("flags_b", uint, 97, Some(5)),
            ("real_parent", task_pointer, 128, None),
            ("comm", comm, 192, None),
            ("ids", ids, 320, None),
            ("", inner, 448, None),
            ("mm", mm_pointer, 512, None),
            ("", alternatives, 576, None),
            ("d_name", name, 640, None),
            ("utime", long, 768, None),
        ];
        let at = b.structure("task_struct", 104, fields);
        debug_assert_eq!(at, task);
        let proto = b.add(BtfType::FuncProto {
            ret: long,
            params: vec![("task".into(), task_pointer), ("count".into(), ulong)],
        });
        b.add(BtfType::Func { name: "vfs_read".into(), proto });
        b
    }
}

type Member<'a> = (&'a str, TypeId, u32, Option<u32>);

fn member((name, ty, bit_offset, bit_size): &Member) -> BtfMember {
    BtfMember { name: name.to_string(), ty: *ty, bit_offset: *bit_offset, bit_size: *bit_size }
}

fn kind_and_name(ty: &BtfType) -> Option<(BtfKind, &str)> {
    Some(match ty {
        BtfType::Int { name, .. } => (BtfKind::Int, name),
        BtfType::Composite { union: false, name, .. } => (BtfKind::Struct, name),
        BtfType::Composite { union: true, name, .. } => (BtfKind::Union, name),
        BtfType::Enum { name, .. } => (BtfKind::Enum, name),
        BtfType::Typedef { name, .. } => (BtfKind::Typedef, name),
        BtfType::Func { name, .. } => (BtfKind::Func, name),
        _ => return None,
    })
}

impl Btf for FakeBtf {
    fn find(&self, kind: BtfKind, name: &str) -> Option<TypeId> {
        let at = self.types.iter().position(|ty| kind_and_name(ty) == Some((kind, name)))?;
        Some(TypeId(at as u32 + 1))
    }

    fn get(&self, id: TypeId) -> BtfType {
        if id.0 >= FIRST_TYPE {
            return FakeTypes.get(id);
        }
        let at = (id.0 as usize).checked_sub(1);
        at.and_then(|at| self.types.get(at)).cloned().unwrap_or(BtfType::Void)
    }

    fn names(&self, kind: BtfKind) -> Vec<String> {
        let named = self.types.iter().filter_map(kind_and_name);
        named.filter(|(k, n)| *k == kind && !n.is_empty()).map(|(_, n)| n.to_string()).collect()
    }

    fn enum_constant(&self, name: &str) -> Option<(i64, TypeId)> {
        self.types.iter().enumerate().find_map(|(i, ty)| match ty {
            BtfType::Enum { values, .. } => {
                values.iter().find(|(n, _)| n == name).map(|(_, v)| (*v, TypeId(i as u32 + 1)))
            }
            _ => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sample_links_up() {
        let btf = FakeBtf::sample();
        let task = btf.find(BtfKind::Struct, "task_struct").unwrap();
        let BtfType::Composite { members, .. } = btf.get(task) else { panic!("not a struct") };
        let parent = members.iter().find(|m| m.name == "real_parent").unwrap();
        assert_eq!(btf.get(parent.ty), BtfType::Pointer(task));
        assert_eq!(btf.enum_constant("STATE_SLEEPING").unwrap().0, 1);
    }
}
