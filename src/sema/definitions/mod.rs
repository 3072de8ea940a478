//! The C types that a script defines, laid over the kernel's.
//!
//! What is defined is turned into the shape that BTF has, under ids that the kernel does not use, and [`Definitions`]
//! answers for both: the rest of the checker asks one [`Btf`] and does not know who defined a type. The script's own
//! come first.
//!
//! Invariants: sizes and offsets are those of the machine's C ABI; a type is complete once its declaration has been
//! taken in; chains of pointers, arrays and typedefs are at most [`MAX_CHAIN`] long.
//! Deliberately absent: text. The declarations come parsed from `syntax::cdecl`.

mod adopt;
mod constants;
mod host;
mod layout;
mod lower;
mod sizes;

use std::collections::{HashMap, HashSet};

use crate::diag::Sink;
use crate::host::{Btf, BtfKind, BtfType, TypeId};
use crate::source::Span;
use crate::syntax::cdecl::ast::Declaration;
pub(super) use host::WithDefinitions;

/// Pointers, arrays and typedefs in a row.
pub(super) const MAX_CHAIN: u32 = 64;

/// The first id of a type that a script defines.
const FIRST: u32 = 0x8000_0000;

/// The kernel's types and the script's.
pub(super) struct Definitions<'k> {
    /// None where the kernel has no BTF.
    kernel: Option<&'k dyn Btf>,
    types: Vec<BtfType>,
    names: HashMap<(BtfKind, String), TypeId>,
    /// Where each of the names was defined, for those with a body.
    places: HashMap<(BtfKind, String), Span>,
    constants: HashMap<String, (i64, TypeId)>,
    /// Where each of the constants stands.
    constant_places: HashMap<String, Span>,
    /// Alignments in bytes, where they are not what the type suggests.
    aligned: HashMap<TypeId, u64>,
    /// Length of the chain of pointers, arrays and typedefs that a type begins.
    chains: HashMap<TypeId, u32>,
    /// Tags that get a body somewhere in the script.
    tags: HashSet<(BtfKind, String)>,
}

impl<'k> Definitions<'k> {
    /// Takes in `declarations`, in order. What is wrong with them goes to `sink`.
    pub fn new(
        kernel: Option<&'k dyn Btf>,
        declarations: &[Declaration],
        sink: &mut Sink,
    ) -> Definitions<'k> {
        let mut all = Definitions {
            kernel,
            types: Vec::new(),
            names: HashMap::new(),
            places: HashMap::new(),
            constants: HashMap::new(),
            constant_places: HashMap::new(),
            aligned: HashMap::new(),
            chains: HashMap::new(),
            tags: HashSet::new(),
        };
        for declaration in declarations {
            all.collect_tags(&declaration.base);
        }
        for declaration in declarations {
            lower::declaration(&mut all, declaration, sink);
        }
        all
    }

    /// Adds a type.
    fn add(&mut self, ty: BtfType) -> TypeId {
        self.types.push(ty);
        TypeId(FIRST + self.types.len() as u32 - 1)
    }

    fn own(&self, id: TypeId) -> Option<&BtfType> {
        self.types.get(id.0.checked_sub(FIRST)? as usize)
    }

    fn set(&mut self, id: TypeId, ty: BtfType) {
        if let Some(slot) = id.0.checked_sub(FIRST).and_then(|at| self.types.get_mut(at as usize)) {
            *slot = ty;
        }
    }
}

/// The script's types with sizes and offsets, for tests of layouts.
pub(super) fn describe(types: &Definitions) -> String {
    let mut out = String::new();
    let mut named: Vec<(&(BtfKind, String), &TypeId)> = types.names.iter().collect();
    named.sort_by_key(|(_, id)| id.0);
    for ((kind, name), id) in named {
        let (size, align) = (types.size_of(*id).unwrap_or(0), types.align_of(*id));
        match (kind, types.get(*id)) {
            (BtfKind::Typedef, BtfType::Typedef { ty, .. }) => {
                out += &format!("typedef {name} = {} size {size} align {align}\n", types.describe(ty));
            }
            (_, BtfType::Composite { union, members, .. }) => {
                let tag = if union { "union" } else { "struct" };
                out += &format!("{tag} {name} size {size} align {align}\n");
                types.describe_members(&members, 0, 1, &mut out);
            }
            (BtfKind::Enum, BtfType::Enum { values, signed, .. }) => {
                let sign = if signed { "signed" } else { "unsigned" };
                out += &format!("enum {name} size {size} {sign}\n");
                out.extend(values.iter().map(|(name, value)| format!("  {name} = {value}\n")));
            }
            _ => {}
        }
    }
    out
}

impl Definitions<'_> {
    fn describe_members(
        &self,
        members: &[crate::host::BtfMember],
        base: u32,
        depth: usize,
        out: &mut String,
    ) {
        for member in members {
            let at = base + member.bit_offset;
            let indent = "  ".repeat(depth);
            let width = member.bit_size.map_or(String::new(), |bits| format!(" bits {}+{bits}", at % 8));
            *out += &format!("{indent}{} @{}{width} {}\n", member.name, at / 8, self.describe(member.ty));
            if let BtfType::Composite { name, members, .. } = self.get(member.ty)
                && name.is_empty()
            {
                self.describe_members(&members, at, depth + 1, out);
            }
        }
    }

    fn describe(&self, id: TypeId) -> String {
        match self.get(id) {
            BtfType::Int { name, .. } | BtfType::Typedef { name, .. } => name,
            BtfType::Pointer(to) => format!("{} *", self.describe(to)),
            BtfType::Array { element, count } => format!("{}[{count}]", self.describe(element)),
            BtfType::Composite { union, name, .. } => {
                format!("{} {name}", if union { "union" } else { "struct" }).trim_end().to_string()
            }
            BtfType::Enum { name, .. } => format!("enum {name}").trim_end().to_string(),
            BtfType::Forward { name } => format!("{name}?"),
            BtfType::Qualifier(ty) => self.describe(ty),
            BtfType::FuncProto { .. } | BtfType::Func { .. } => "function".into(),
            BtfType::Void | BtfType::Other => "void".into(),
        }
    }
}

impl Btf for Definitions<'_> {
    fn find(&self, kind: BtfKind, name: &str) -> Option<TypeId> {
        // Looking up does not own the name; few scripts define much.
        let own = self.names.get(&(kind, name.to_string())).copied();
        let complete = own.filter(|id| !matches!(self.own(*id), Some(BtfType::Forward { .. })));
        complete.or_else(|| self.kernel?.find(kind, name))
    }

    fn get(&self, id: TypeId) -> BtfType {
        match self.own(id) {
            Some(ty) => ty.clone(),
            None => self.kernel.map_or(BtfType::Void, |kernel| kernel.get(id)),
        }
    }

    fn names(&self, kind: BtfKind) -> Vec<String> {
        let own = self.names.keys().filter(|(own, _)| *own == kind).map(|(_, name)| name.clone());
        let mut all: Vec<String> = own.collect();
        all.sort();
        all.extend(self.kernel.map(|kernel| kernel.names(kind)).unwrap_or_default());
        all
    }

    fn enum_constant(&self, name: &str) -> Option<(i64, TypeId)> {
        self.constants.get(name).copied().or_else(|| self.kernel?.enum_constant(name))
    }
}
