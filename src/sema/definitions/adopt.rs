//! Types of imported objects, taken over.
//!
//! A named type that the script or the kernel has too is theirs: values of it go from one to the other.

use std::collections::HashMap;

use super::Definitions;
use crate::host::linkable::Linkable;
use crate::host::{Btf, BtfKind, BtfMember, BtfType, TypeId};

impl Definitions<'_> {
    /// The type `id` of an object under an id of ours. `known` holds the object's types so far.
    pub(in crate::sema) fn adopt(
        &mut self,
        from: &Linkable,
        id: TypeId,
        known: &mut HashMap<TypeId, TypeId>,
    ) -> TypeId {
        let mut open = Vec::new();
        let taken = self.place(from, id, known, &mut open);
        while let Some((id, own)) = open.pop() {
            let mut place = |id: TypeId| self.place(from, id, known, &mut open);
            let ty = match from.get(id).clone() {
                BtfType::Pointer(to) => BtfType::Pointer(place(to)),
                BtfType::Array { element, count } => BtfType::Array { element: place(element), count },
                BtfType::Composite { union, name, size, members } => {
                    let member = |member: BtfMember| BtfMember { ty: place(member.ty), ..member };
                    let members = members.into_iter().map(member).collect();
                    BtfType::Composite { union, name, size, members }
                }
                BtfType::Typedef { name, ty } => BtfType::Typedef { name, ty: place(ty) },
                BtfType::Qualifier(ty) => BtfType::Qualifier(place(ty)),
                other => other,
            };
            self.set(own, ty);
        }
        taken
    }

    /// The id for a type: one that there is, or a new one that is still open.
    fn place(
        &mut self,
        from: &Linkable,
        id: TypeId,
        known: &mut HashMap<TypeId, TypeId>,
        open: &mut Vec<(TypeId, TypeId)>,
    ) -> TypeId {
        if let Some(known) = known.get(&id) {
            return *known;
        }
        let key = match from.get(id) {
            BtfType::Void => return TypeId(0),
            BtfType::Composite { union: true, name, .. } => Some((BtfKind::Union, name.clone())),
            BtfType::Composite { name, .. } | BtfType::Forward { name } => {
                Some((BtfKind::Struct, name.clone()))
            }
            BtfType::Enum { name, .. } => Some((BtfKind::Enum, name.clone())),
            BtfType::Typedef { name, .. } => Some((BtfKind::Typedef, name.clone())),
            _ => None,
        };
        let key = key.filter(|(_, name)| !name.is_empty());
        if let Some(there) = key.as_ref().and_then(|(kind, name)| self.find(*kind, name)) {
            known.insert(id, there);
            return there;
        }
        let own = self.add(BtfType::Void);
        known.insert(id, own);
        open.push((id, own));
        if let Some(key) = key {
            self.names.entry(key).or_insert(own);
        }
        if let BtfType::Enum { values, .. } = from.get(id) {
            for (name, value) in values {
                self.constants.entry(name.clone()).or_insert((*value, own));
            }
        }
        own
    }
}
