//! C types: the kernel's, from BTF, and the names of C's own integers, which need no BTF.
//!
//! Only what a script touches is decoded: a struct is known by name and size until a member of it is asked for, and
//! then that member alone is looked at.

use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use super::tree::{Field, Struct};
use super::ty::{Constants, Ty};
use super::types::{IntType, StructId};
use crate::host::{Btf, BtfKind, BtfMember, BtfType, TypeId};

/// The structs and enums that a script names or reaches.
#[derive(Default)]
pub(super) struct CTypes {
    /// By [`StructId`]; members are left out.
    pub structs: Vec<Struct>,
    /// Where each struct stands in BTF.
    origins: Vec<TypeId>,
    by_type: HashMap<TypeId, StructId>,
    /// Members of the structs asked about.
    members: HashMap<TypeId, Rc<[BtfMember]>>,
    enums: HashMap<TypeId, Ty>,
}

/// Where a member is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Member {
    /// Bits from the start of the outermost struct.
    pub bit_offset: u32,
    /// Width of a bit field.
    pub bit_size: Option<u32>,
    pub ty: TypeId,
}

impl CTypes {
    /// The language's view of a BTF type.
    pub fn of(&mut self, btf: &dyn Btf, id: TypeId) -> Ty {
        self.named(btf, id, None)
    }

    /// `alias` names a struct that has no name of its own.
    fn named(&mut self, btf: &dyn Btf, id: TypeId, alias: Option<&str>) -> Ty {
        match btf.get(id) {
            BtfType::Int { is_bool: true, .. } => Ty::Bool,
            BtfType::Int { size, signed, .. } => int(size, signed),
            BtfType::Pointer(to) => Ty::Pointer { to: Arc::new(self.of(btf, to)), space: None },
            BtfType::Array { element, count } => self.array(btf, element, count),
            BtfType::Composite { union, name, size, .. } => {
                let name = if name.is_empty() { alias.unwrap_or_default().to_string() } else { name };
                structure(self.intern(id, union, &name, size))
            }
            BtfType::Forward { name } => self.forward(btf, id, &name),
            BtfType::Enum { name, size, signed, .. } if name.is_empty() => int(size, signed),
            BtfType::Enum { name, size, signed, values } => {
                self.enumeration(id, &name, int(size, signed), &values)
            }
            BtfType::Typedef { name, ty } => self.named(btf, ty, Some(&name)),
            BtfType::Qualifier(ty) => self.named(btf, ty, alias),
            BtfType::Void | BtfType::Func { .. } | BtfType::FuncProto { .. } | BtfType::Other => Ty::Void,
        }
    }

    /// Arrays of bytes are text, as in bpftrace.
    fn array(&mut self, btf: &dyn Btf, element: TypeId, count: u32) -> Ty {
        match self.of(btf, element) {
            Ty::Int { int: IntType { size: 1, .. }, .. } => Ty::Str { size: count },
            element => Ty::Array { element: Arc::new(element), count, space: None },
        }
    }

    fn enumeration(&mut self, id: TypeId, name: &str, int: Ty, values: &[(String, i64)]) -> Ty {
        let made = || {
            let values: Constants = values.iter().map(|(name, value)| (*value, name.clone())).collect();
            Ty::Enum { int: int.as_int().unwrap_or(IntType::U32), name: name.into(), values }
        };
        self.enums.entry(id).or_insert_with(made).clone()
    }

    fn forward(&mut self, btf: &dyn Btf, id: TypeId, name: &str) -> Ty {
        let body = btf.find(BtfKind::Struct, name).or_else(|| btf.find(BtfKind::Union, name));
        match body {
            Some(body) if body != id => self.of(btf, body),
            _ => structure(self.intern(id, false, name, 0)),
        }
    }

    fn intern(&mut self, id: TypeId, union: bool, name: &str, size: u32) -> StructId {
        if let Some(known) = self.by_type.get(&id) {
            return *known;
        }
        let kind = if union { "union" } else { "struct" };
        let name = if name.is_empty() { format!("{kind} {{...}}") } else { format!("{kind} {name}") };
        let new = StructId(self.structs.len() as u32);
        self.structs.push(Struct { name, size, fields: Vec::new() });
        self.origins.push(id);
        self.by_type.insert(id, new);
        new
    }

    /// Finds a member, also inside members without a name.
    pub fn member(&mut self, btf: &dyn Btf, of: StructId, name: &str) -> Option<Member> {
        self.search(btf, self.origins[of.0 as usize], 0, name)
    }

    fn search(&mut self, btf: &dyn Btf, id: TypeId, base: u32, name: &str) -> Option<Member> {
        let members = self.members_of(btf, id);
        if let Some(found) = members.iter().find(|member| member.name == name) {
            let bit_offset = base + found.bit_offset;
            return Some(Member { bit_offset, bit_size: found.bit_size, ty: found.ty });
        }
        let inner = members.iter().filter(|member| member.name.is_empty());
        inner.into_iter().find_map(|member| self.search(btf, member.ty, base + member.bit_offset, name))
    }

    /// Names of the members, those inside members without a name included.
    pub fn member_names(&mut self, btf: &dyn Btf, of: StructId) -> Vec<String> {
        let (mut names, mut open) = (Vec::new(), vec![self.origins[of.0 as usize]]);
        while let Some(id) = open.pop() {
            for member in self.members_of(btf, id).iter() {
                if member.name.is_empty() {
                    open.push(member.ty);
                } else {
                    names.push(member.name.clone());
                }
            }
        }
        names
    }

    fn members_of(&mut self, btf: &dyn Btf, id: TypeId) -> Rc<[BtfMember]> {
        if let Some(known) = self.members.get(&id) {
            return known.clone();
        }
        let members: Rc<[BtfMember]> = match btf.resolve(id).1 {
            BtfType::Composite { members, .. } => members.into(),
            _ => Rc::new([]),
        };
        self.members.insert(id, members.clone());
        members
    }

    /// Learns the fields of the structs that a value of type `ty` holds; what pointers lead to is left alone.
    pub fn complete(&mut self, btf: &dyn Btf, ty: &Ty) {
        match ty {
            Ty::Struct { id, .. } => self.complete_struct(btf, *id),
            Ty::Array { element, .. } => self.complete(btf, element),
            Ty::Tuple(items) | Ty::Record { items, .. } => {
                items.iter().for_each(|item| self.complete(btf, item));
            }
            _ => {}
        }
    }

    fn complete_struct(&mut self, btf: &dyn Btf, id: StructId) {
        if !self.structs[id.0 as usize].fields.is_empty() {
            return;
        }
        let members = self.members_of(btf, self.origins[id.0 as usize]);
        let mut fields = Vec::with_capacity(members.len());
        for member in members.iter() {
            let ty = self.of(btf, member.ty);
            self.complete(btf, &ty);
            fields.push(field(member, &ty));
        }
        self.structs[id.0 as usize].fields = fields;
    }

    /// Bytes that a value of the type takes; None for `void` and what has no size.
    pub fn size_of(&self, ty: &Ty) -> Option<u32> {
        Some(match ty {
            Ty::Void => return None,
            Ty::Int { int, .. } | Ty::Enum { int, .. } => u32::from(int.size),
            Ty::Bool | Ty::Char => 1,
            Ty::Str { size } => *size,
            Ty::Pointer { .. } | Ty::Named(_) | Ty::Aggregate(_) => 8,
            Ty::Buffer { size } => crate::wire::align_up(size + 4, 4),
            Ty::Inet => 20,
            Ty::Mac => 6,
            Ty::Struct { id, .. } => self.structs[id.0 as usize].size,
            Ty::Array { element, count, .. } => self.size_of(element)? * count,
            Ty::Tuple(items) | Ty::Record { items, .. } => {
                let (mut size, mut align) = (0, 1);
                for item in items.iter() {
                    let own = self.align_of(item);
                    align = align.max(own);
                    size = crate::wire::align_up(size, own) + self.size_of(item)?;
                }
                crate::wire::align_up(size, align)
            }
        })
    }

    fn align_of(&self, ty: &Ty) -> u32 {
        match ty {
            Ty::Int { int, .. } | Ty::Enum { int, .. } => u32::from(int.size),
            Ty::Bool | Ty::Char | Ty::Str { .. } | Ty::Void | Ty::Mac => 1,
            Ty::Buffer { .. } | Ty::Inet => 4,
            Ty::Tuple(items) | Ty::Record { items, .. } => {
                items.iter().map(|item| self.align_of(item)).max().unwrap_or(1)
            }
            Ty::Array { element, .. } => self.align_of(element),
            _ => 8,
        }
    }
}

/// A member as a field to print. The unit of a bit field is as wide as its type; one that crosses it is taken out
/// of 64 bits from its first byte.
fn field(member: &BtfMember, ty: &Ty) -> Field {
    let (name, plain) = (member.name.clone(), ty.to_type());
    let (Some(width), Some(int)) = (member.bit_size, plain.as_int()) else {
        return Field { name, offset: member.bit_offset / 8, bits: None, ty: plain };
    };
    let unit = u32::from(int.size) * 8;
    let first = member.bit_offset % unit;
    if first + width <= unit {
        let offset = member.bit_offset / unit * unit / 8;
        return Field { name, offset, bits: Some((first as u8, width as u8)), ty: plain };
    }
    let bits = Some(((member.bit_offset % 8) as u8, width as u8));
    Field { name, offset: member.bit_offset / 8, bits, ty: Ty::fixed(8, int.signed).to_type() }
}

fn structure(id: StructId) -> Ty {
    Ty::Struct { id, space: None }
}

/// Integers of more than 64 bits are cut to 64.
fn int(size: u32, signed: bool) -> Ty {
    Ty::fixed(if matches!(size, 1 | 2 | 4) { size as u8 } else { 8 }, signed)
}

/// The language's own type names.
pub(super) fn language_type(name: &str) -> Option<Ty> {
    Some(match name {
        "bool" => Ty::Bool,
        "void" => Ty::Void,
        "string" => Ty::Str { size: 0 },
        "buffer" => Ty::Buffer { size: 0 },
        "inet" => Ty::Inet,
        "mac_address" => Ty::Mac,
        "int8" => Ty::fixed(1, true),
        "int16" => Ty::fixed(2, true),
        "int32" => Ty::fixed(4, true),
        "int64" => Ty::fixed(8, true),
        "uint8" => Ty::fixed(1, false),
        "uint16" => Ty::fixed(2, false),
        "uint32" => Ty::fixed(4, false),
        "uint64" => Ty::fixed(8, false),
        _ => return None,
    })
}

/// C's integer types on 64-bit Linux, and the kernel's names for integers of a fixed size.
pub(super) fn c_integer(name: &str) -> Option<Ty> {
    if name == "char" {
        return Some(Ty::Char);
    }
    if let Some(fixed) = fixed_size_name(name) {
        return Some(fixed);
    }
    let (mut signed, mut longs, mut size) = (None, 0, None);
    for word in name.split(' ') {
        match word {
            "unsigned" => signed = Some(false),
            "signed" => signed = Some(true),
            "int" => size = size.or(Some(4)),
            "char" => size = Some(1),
            "short" => size = Some(2),
            "long" => longs += 1,
            _ => return None,
        }
    }
    let size = if longs > 0 { 8 } else { size.unwrap_or(4) };
    Some(Ty::fixed(size, signed.unwrap_or(true)))
}

/// `u32`, `__s64`, `uint8_t`, `size_t`
fn fixed_size_name(name: &str) -> Option<Ty> {
    match name {
        "size_t" | "uintptr_t" => return Some(Ty::U64),
        "ssize_t" | "intptr_t" | "ptrdiff_t" => return Some(Ty::I64),
        _ => {}
    }
    let kernel = name.strip_prefix("__").unwrap_or(name);
    let c99 = name.strip_suffix("_t");
    let (signed, bits) = if let Some(rest) = c99.and_then(|n| n.strip_prefix("uint")) {
        (false, rest)
    } else if let Some(rest) = c99.and_then(|n| n.strip_prefix("int")) {
        (true, rest)
    } else if let Some(rest) = kernel.strip_prefix('u') {
        (false, rest)
    } else {
        (true, kernel.strip_prefix('s')?)
    };
    let size = match bits {
        "8" => 1,
        "16" => 2,
        "32" => 4,
        "64" => 8,
        _ => return None,
    };
    Some(Ty::fixed(size, signed))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::fake::FakeBtf;

    #[test]
    fn names_of_integers() {
        assert_eq!(c_integer("unsigned long"), Some(Ty::U64));
        assert_eq!(c_integer("long long int"), Some(Ty::I64));
        assert_eq!(c_integer("unsigned"), Some(Ty::U32));
        assert_eq!(c_integer("__u16"), Some(Ty::fixed(2, false)));
        assert_eq!(c_integer("int32_t"), Some(Ty::fixed(4, true)));
        assert_eq!(c_integer("pid_t"), None);
        assert_eq!(c_integer("foo"), None);
    }

    #[test]
    fn finds_members_and_anonymous_ones() {
        let (btf, mut types) = (FakeBtf::sample(), CTypes::default());
        let id = btf.find(BtfKind::Struct, "task_struct").unwrap();
        let Ty::Struct { id: task, .. } = types.of(&btf, id) else { panic!("not a struct") };
        assert_eq!(types.member(&btf, task, "tgid").unwrap().bit_offset, 64);
        assert_eq!(types.member(&btf, task, "high").unwrap().bit_offset, 448 + 32);
        assert_eq!(types.member(&btf, task, "flags_b").unwrap().bit_size, Some(5));
        assert!(types.member(&btf, task, "nope").is_none());
        let comm = types.member(&btf, task, "comm").unwrap();
        assert_eq!(types.of(&btf, comm.ty), Ty::Str { size: 16 });
        assert!(types.member_names(&btf, task).contains(&"narrow".to_string()));
    }
}
