//! The kernel's BTF, read through libbpf; types are decoded one at a time.
//!
//! libbpf checks the whole section when it loads it (ids in range, lengths right), so the raw reads below stay
//! inside its memory.
//!
//! Types of modules are read when first asked for. Their ids begin where those of vmlinux end, in every module; here
//! module `k` has the ids from `(k + 1) << 24` on, so that an id says whose it is.

use std::cell::{OnceCell, RefCell};
use std::collections::HashMap;
use std::ffi::{CStr, CString};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::ptr::NonNull;
use std::rc::Rc;

use libbpf_sys as sys;

use super::super::dwarf::FIRST_TYPE;
use super::super::dwarf::types::UserTypes;
use super::super::{Btf, BtfKind, BtfMember, BtfType, HostError, TypeId};

pub(super) const PATH: &str = "/sys/kernel/btf/vmlinux";

/// BTF of the running kernel.
pub struct KernelBtf {
    btf: NonNull<sys::btf>,
    constants: OnceCell<HashMap<String, (i64, TypeId)>>,
    /// Modules asked for; None where there are no types. None is ever taken out.
    modules: RefCell<Vec<(String, Option<NonNull<sys::btf>>)>>,
    /// Types of programs, which have ids of their own.
    user: Rc<UserTypes>,
}

/// Ids of one module.
const PER_MODULE: u32 = 1 << 24;

impl Drop for KernelBtf {
    fn drop(&mut self) {
        for btf in self.modules.borrow().iter().filter_map(|(_, btf)| *btf) {
            // SAFETY: made by btf__load_module_btf and freed once, before what it is based on.
            unsafe { sys::btf__free(btf.as_ptr()) }
        }
        // SAFETY: made by btf__parse_raw and freed once.
        unsafe { sys::btf__free(self.btf.as_ptr()) }
    }
}

/// Null when there are no types.
fn parse(file: &Path) -> *mut sys::btf {
    let Ok(path) = CString::new(file.as_os_str().as_bytes()) else { return std::ptr::null_mut() };
    // libbpf would say what is wrong: the caller does
    libbpf_rs::set_print(None);
    // SAFETY: a valid C string.
    unsafe { sys::btf__parse(path.as_ptr(), std::ptr::null_mut()) }
}

impl KernelBtf {
    /// Reads it, or what is in `file`: raw, or an ELF file with a section for it.
    ///
    /// # Errors
    /// Missing when the kernel was built without, Denied without the right to read it.
    pub fn load(file: Option<&Path>, user: Rc<UserTypes>) -> Result<KernelBtf, HostError> {
        let path = CString::new(PATH).expect("no NUL in a constant");
        let btf = match file {
            Some(file) => parse(file),
            // SAFETY: a valid C string.
            None => unsafe { sys::btf__parse_raw(path.as_ptr()) },
        };
        let (constants, modules) = (OnceCell::new(), RefCell::default());
        NonNull::new(btf).map(|btf| KernelBtf { btf, constants, modules, user }).ok_or_else(|| {
            let error = std::io::Error::last_os_error();
            match error.kind() {
                std::io::ErrorKind::NotFound => HostError::Missing(PATH.into()),
                std::io::ErrorKind::PermissionDenied => HostError::Denied(PATH.into()),
                _ => HostError::Other(format!("{PATH}: {error}")),
            }
        })
    }

    /// True when a file has types of a kernel.
    pub fn is_in(file: &Path) -> bool {
        KernelBtf::load(Some(file), Rc::default()).is_ok()
    }

    fn count(&self) -> u32 {
        // SAFETY: a live object.
        unsafe { sys::btf__type_cnt(self.btf.as_ptr()) }
    }

    fn raw(&self, id: TypeId) -> Option<Raw<'_>> {
        let (btf, module) = match (id.0 / PER_MODULE).checked_sub(1) {
            None => (self.btf, None),
            Some(index) => (self.modules.borrow().get(index as usize)?.1?, Some(index)),
        };
        // SAFETY: a live object; unknown ids give null.
        let ty = unsafe { sys::btf__type_by_id(btf.as_ptr(), self.own_id(id)).as_ref()? };
        Some(Raw { btf: self, ty, module })
    }

    /// The kernel's own number of a type.
    pub fn own_id(&self, id: TypeId) -> u32 {
        if id.0 < PER_MODULE { id.0 } else { id.0 % PER_MODULE + self.count() }
    }

    /// The index of a module and its types; None where there are none.
    fn module(&self, name: &str) -> Option<(u32, NonNull<sys::btf>)> {
        let known = self.modules.borrow().iter().position(|(module, _)| module == name);
        let index = known.unwrap_or_else(|| {
            let loaded = CString::new(name).ok().and_then(|name| {
                // SAFETY: a valid C string and a live base, which outlives the result.
                NonNull::new(unsafe { sys::btf__load_module_btf(name.as_ptr(), self.btf.as_ptr()) })
            });
            let mut modules = self.modules.borrow_mut();
            modules.push((name.to_owned(), loaded));
            modules.len() - 1
        });
        Some((index as u32, self.modules.borrow()[index].1?))
    }

    /// Ids of a module's own types.
    fn module_ids(&self, name: &str) -> impl Iterator<Item = TypeId> + use<> {
        let ids = self.module(name).map(|(index, btf)| {
            // SAFETY: a live object.
            let count = unsafe { sys::btf__type_cnt(btf.as_ptr()) } - self.count();
            let first = (index + 1) * PER_MODULE;
            first..first + count
        });
        ids.into_iter().flatten().map(TypeId)
    }

    fn string(&self, module: Option<u32>, offset: u32) -> String {
        let own = module.and_then(|index| self.modules.borrow()[index as usize].1);
        // SAFETY: a live object; the string lives as long as it does and is copied at once.
        unsafe {
            let text = sys::btf__name_by_offset(own.unwrap_or(self.btf).as_ptr(), offset);
            if text.is_null() { String::new() } else { CStr::from_ptr(text).to_string_lossy().into_owned() }
        }
    }

    fn constants(&self) -> &HashMap<String, (i64, TypeId)> {
        self.constants.get_or_init(|| {
            let mut found = HashMap::new();
            for id in (1..self.count()).map(TypeId) {
                let is_enum = self
                    .raw(id)
                    .is_some_and(|r| matches!(r.kind(), sys::BTF_KIND_ENUM | sys::BTF_KIND_ENUM64));
                if let (true, BtfType::Enum { values, .. }) = (is_enum, self.get(id)) {
                    for (name, value) in values {
                        found.entry(name).or_insert((value, id));
                    }
                }
            }
            found
        })
    }
}

/// A type in libbpf's memory.
#[derive(Clone, Copy)]
struct Raw<'a> {
    btf: &'a KernelBtf,
    ty: &'a sys::btf_type,
    /// Index of the module that it is of.
    module: Option<u32>,
}

impl<'a> Raw<'a> {
    fn kind(self) -> u32 {
        self.ty.info >> 24 & 0x1f
    }

    fn flag(self) -> bool {
        self.ty.info >> 31 == 1
    }

    /// The size or the type that it refers to: one word.
    fn word(self) -> u32 {
        // SAFETY: both members of the union are u32.
        unsafe { self.ty.__bindgen_anon_1.size }
    }

    fn refers(self) -> TypeId {
        self.id(self.word())
    }

    /// The id by which this type calls another.
    fn id(self, own: u32) -> TypeId {
        match (self.module, own.checked_sub(self.btf.count())) {
            (Some(module), Some(at)) => TypeId((module + 1) * PER_MODULE + at),
            _ => TypeId(own),
        }
    }

    fn string(self, offset: u32) -> String {
        self.btf.string(self.module, offset)
    }

    fn name(self) -> String {
        self.string(self.ty.name_off)
    }

    /// What follows the header: as many `T` as the header counts.
    fn items<T>(self) -> &'a [T] {
        let count = (self.ty.info & 0xffff) as usize;
        // SAFETY: libbpf has checked that so many items of the kind's type follow the header.
        unsafe { std::slice::from_raw_parts((self.ty as *const sys::btf_type).add(1).cast(), count) }
    }

    /// The single `T` that follows the header.
    fn item<T>(self) -> &'a T {
        // SAFETY: as `items`, for kinds that always have one.
        unsafe { &*(self.ty as *const sys::btf_type).add(1).cast() }
    }

    fn members(self) -> Vec<BtfMember> {
        let packed = self.flag();
        let member = |m: &sys::btf_member| {
            let (bit_offset, width) =
                if packed { (m.offset & 0xff_ffff, m.offset >> 24) } else { (m.offset, 0) };
            let name = self.string(m.name_off);
            BtfMember { name, ty: self.id(m.type_), bit_offset, bit_size: (width > 0).then_some(width) }
        };
        self.items::<sys::btf_member>().iter().map(member).collect()
    }

    fn values(self) -> Vec<(String, i64)> {
        if self.kind() == sys::BTF_KIND_ENUM64 {
            let value = |v: &sys::btf_enum64| {
                let wide = u64::from(v.val_hi32) << 32 | u64::from(v.val_lo32);
                (self.string(v.name_off), wide as i64)
            };
            return self.items::<sys::btf_enum64>().iter().map(value).collect();
        }
        let value = |v: &sys::btf_enum| {
            let wide = if self.flag() { i64::from(v.val) } else { i64::from(v.val as u32) };
            (self.string(v.name_off), wide)
        };
        self.items::<sys::btf_enum>().iter().map(value).collect()
    }

    fn integer(self) -> BtfType {
        let encoding = *self.item::<u32>() >> 24 & 0xf;
        let name = self.name();
        let is_char = encoding & sys::BTF_INT_CHAR != 0 || name == "char";
        BtfType::Int {
            name,
            size: self.word(),
            signed: encoding & sys::BTF_INT_SIGNED != 0,
            is_bool: encoding & sys::BTF_INT_BOOL != 0,
            is_char,
        }
    }

    fn decode(self) -> BtfType {
        match self.kind() {
            sys::BTF_KIND_INT => self.integer(),
            sys::BTF_KIND_PTR => BtfType::Pointer(self.refers()),
            sys::BTF_KIND_ARRAY => {
                let array = self.item::<sys::btf_array>();
                BtfType::Array { element: self.id(array.type_), count: array.nelems }
            }
            kind @ (sys::BTF_KIND_STRUCT | sys::BTF_KIND_UNION) => BtfType::Composite {
                union: kind == sys::BTF_KIND_UNION,
                name: self.name(),
                size: self.word(),
                members: self.members(),
            },
            sys::BTF_KIND_FWD => BtfType::Forward { name: self.name() },
            sys::BTF_KIND_ENUM | sys::BTF_KIND_ENUM64 => BtfType::Enum {
                name: self.name(),
                size: self.word(),
                signed: self.flag(),
                values: self.values(),
            },
            sys::BTF_KIND_TYPEDEF => BtfType::Typedef { name: self.name(), ty: self.refers() },
            sys::BTF_KIND_CONST
            | sys::BTF_KIND_VOLATILE
            | sys::BTF_KIND_RESTRICT
            | sys::BTF_KIND_TYPE_TAG => BtfType::Qualifier(self.refers()),
            sys::BTF_KIND_FUNC => BtfType::Func { name: self.name(), proto: self.refers() },
            sys::BTF_KIND_FUNC_PROTO => BtfType::FuncProto {
                ret: self.refers(),
                params: self
                    .items::<sys::btf_param>()
                    .iter()
                    .map(|p| (self.string(p.name_off), self.id(p.type_)))
                    .collect(),
            },
            _ => BtfType::Other,
        }
    }
}

fn kinds(kind: BtfKind) -> &'static [u32] {
    match kind {
        BtfKind::Struct => &[sys::BTF_KIND_STRUCT],
        BtfKind::Union => &[sys::BTF_KIND_UNION],
        BtfKind::Enum => &[sys::BTF_KIND_ENUM, sys::BTF_KIND_ENUM64],
        BtfKind::Typedef => &[sys::BTF_KIND_TYPEDEF],
        BtfKind::Int => &[sys::BTF_KIND_INT],
        BtfKind::Func => &[sys::BTF_KIND_FUNC],
    }
}

impl Btf for KernelBtf {
    fn find(&self, kind: BtfKind, name: &str) -> Option<TypeId> {
        let text = CString::new(name).ok()?;
        let own = kinds(kind).iter().find_map(|kind| {
            // SAFETY: a live object and a valid C string.
            let id = unsafe { sys::btf__find_by_name_kind(self.btf.as_ptr(), text.as_ptr(), *kind) };
            u32::try_from(id).ok().map(TypeId)
        });
        own.or_else(|| self.user.find(kind, name))
    }

    fn get(&self, id: TypeId) -> BtfType {
        match id.0 {
            0 => return BtfType::Void,
            FIRST_TYPE.. => return self.user.get(id),
            _ => {}
        }
        self.raw(id).map_or(BtfType::Void, Raw::decode)
    }

    fn names(&self, kind: BtfKind) -> Vec<String> {
        let wanted = kinds(kind);
        let types = (1..self.count()).filter_map(|id| self.raw(TypeId(id)));
        types.filter(|t| wanted.contains(&t.kind()) && t.ty.name_off != 0).map(Raw::name).collect()
    }

    fn find_in(&self, module: &str, kind: BtfKind, name: &str) -> Option<TypeId> {
        if module == "vmlinux" {
            return self.find(kind, name);
        }
        let fits = |id: &TypeId| {
            self.raw(*id).is_some_and(|ty| kinds(kind).contains(&ty.kind()) && ty.name() == name)
        };
        self.module_ids(module).find(fits)
    }

    fn names_in(&self, module: &str, kind: BtfKind) -> Vec<String> {
        if module == "vmlinux" {
            return self.names(kind);
        }
        let types = self.module_ids(module).filter_map(|id| self.raw(id));
        types.filter(|t| kinds(kind).contains(&t.kind()) && t.ty.name_off != 0).map(Raw::name).collect()
    }

    fn is_const(&self, id: TypeId) -> bool {
        self.raw(id).is_some_and(|ty| ty.kind() == sys::BTF_KIND_CONST)
    }

    fn enum_constant(&self, name: &str) -> Option<(i64, TypeId)> {
        self.constants().get(name).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Skipped only where the kernel has no BTF at all, which the load error proves.
    #[test]
    fn task_struct_of_this_kernel() {
        let btf = match KernelBtf::load(None, Default::default()) {
            Ok(btf) => btf,
            Err(HostError::Missing(_)) => return,
            Err(why) => panic!("{why}"),
        };
        let id = btf.find(BtfKind::Struct, "task_struct").expect("every kernel has tasks");
        let BtfType::Composite { members, size, .. } = btf.get(id) else { panic!("not a struct") };
        let tgid = members.iter().find(|m| m.name == "tgid").expect("a tgid");
        assert_eq!(tgid.bit_offset % 32, 0);
        assert!(tgid.bit_offset / 8 < size);
        assert!(matches!(btf.resolve(tgid.ty).1, BtfType::Int { size: 4, signed: true, .. }));
        assert_eq!(btf.enum_constant("BPF_MAP_TYPE_HASH").map(|(v, _)| v), Some(1));
        assert_eq!(btf.get(TypeId(0)), BtfType::Void);
        assert_eq!(btf.get(TypeId(u32::MAX)), BtfType::Void);
    }
}
