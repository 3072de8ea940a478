//! Sizes and alignments of types, the script's and the kernel's.

use super::Definitions;
use crate::host::{Btf, BtfType, TypeId};

impl Definitions<'_> {
    /// Bytes that the type takes; None for one without a size.
    pub(super) fn size_of(&self, id: TypeId) -> Option<u64> {
        match self.get(id) {
            BtfType::Int { size, .. } | BtfType::Enum { size, .. } => Some(u64::from(size)),
            BtfType::Pointer(_) => Some(8),
            BtfType::Array { element, count } => self.size_of(element)?.checked_mul(u64::from(count)),
            BtfType::Composite { size, .. } => Some(u64::from(size)),
            BtfType::Typedef { ty, .. } | BtfType::Qualifier(ty) => self.size_of(ty),
            BtfType::Forward { .. } => match self.completed(id) {
                Some(body) => self.size_of(body),
                None => None,
            },
            BtfType::Void | BtfType::Func { .. } | BtfType::FuncProto { .. } | BtfType::Other => None,
        }
    }

    /// Its alignment in bytes. BTF does not tell it for structs: where every member stands at a multiple of its own it is
    /// the largest of the members', elsewhere the struct is packed.
    pub(super) fn align_of(&self, id: TypeId) -> u64 {
        if let Some(known) = self.aligned.get(&id) {
            return *known;
        }
        match self.get(id) {
            BtfType::Int { size, .. } | BtfType::Enum { size, .. } => u64::from(size).clamp(1, 16),
            BtfType::Pointer(_) => 8,
            BtfType::Array { element: ty, .. } | BtfType::Typedef { ty, .. } | BtfType::Qualifier(ty) => {
                self.align_of(ty)
            }
            BtfType::Composite { size, members, .. } => {
                let aligns = members.iter().filter(|m| m.bit_size.is_none_or(|bits| bits > 0));
                let most = aligns.clone().map(|m| self.align_of(m.ty)).max().unwrap_or(1);
                let apart = |bit_offset: u32, align: u64| !u64::from(bit_offset).is_multiple_of(align * 8);
                let mut plain = aligns.filter(|m| m.bit_size.is_none());
                let packed = plain.any(|m| apart(m.bit_offset, self.align_of(m.ty)));
                if packed || !u64::from(size).is_multiple_of(most) { 1 } else { most }
            }
            _ => 1,
        }
    }

    /// The body of a struct or union that was only announced where it is spoken of.
    fn completed(&self, id: TypeId) -> Option<TypeId> {
        use crate::host::BtfKind::{Struct, Union};
        let BtfType::Forward { name } = self.get(id) else { return None };
        self.find(Struct, &name).or_else(|| self.find(Union, &name)).filter(|body| *body != id)
    }
}
