//! What constant expressions in C ask for: names and sizes.

use super::{Definitions, lower};
use crate::diag::Sink;
use crate::host::{Btf, BtfType, TypeId};
use crate::sema::uapi;
use crate::source::Span;
use crate::syntax::cdecl::ast::{CType, Step};
use crate::syntax::cdecl::eval::{Names, Number, Wrong, eval};

/// Answers out of `types`; types that turn up are taken in.
pub(super) struct Answers<'d, 'k, 's> {
    pub types: &'d mut Definitions<'k>,
    pub sink: &'s mut Sink,
}

impl Answers<'_, '_, '_> {
    fn lower(&mut self, ty: &CType, span: Span) -> Result<TypeId, Wrong> {
        lower::ctype(self.types, ty, self.sink)
            .ok_or_else(|| Wrong::new(span, "the type in this expression is wrong"))
    }
}

impl Names for Answers<'_, '_, '_> {
    fn constant(&mut self, name: &str, span: Span) -> Result<Number, Wrong> {
        if let Some((value, _)) = self.types.enum_constant(name) {
            return Ok(Number::signed(value));
        }
        uapi::find(name)
            .map(|value| Number::signed(value as i64))
            .ok_or_else(|| Wrong::new(span, format!("`{name}` is not the name of a constant")))
    }

    fn size(&mut self, ty: &CType, span: Span) -> Result<(u64, u64), Wrong> {
        let id = self.lower(ty, span)?;
        let size = self.types.size_of(id).ok_or_else(|| Wrong::new(span, "this type has no size"))?;
        Ok((size, self.types.align_of(id)))
    }

    fn part(&mut self, ty: &CType, steps: &[Step], span: Span) -> Result<(u64, u64), Wrong> {
        let (mut id, mut at) = (self.lower(ty, span)?, 0u64);
        for step in steps {
            match step {
                Step::Field(name, span) => {
                    let found = self.types.member(id, name);
                    let found =
                        found.ok_or_else(|| Wrong::new(*span, format!("there is no field `{name}`")))?;
                    if found.bit_size.is_some() {
                        return Err(Wrong::new(
                            *span,
                            format!("`{name}` is a bit field, which has no offset"),
                        ));
                    }
                    at += u64::from(found.bit_offset / 8);
                    id = found.ty;
                }
                Step::Index(index) => {
                    let index_span = index.span;
                    let index = eval(index, self)?.value();
                    let (_, BtfType::Array { element, .. }) = self.types.resolve(id) else {
                        return Err(Wrong::new(index_span, "only an array has elements"));
                    };
                    let size = self.types.size_of(element).unwrap_or(0);
                    let offset = u64::try_from(index).ok().and_then(|index| index.checked_mul(size));
                    let sum = offset.and_then(|offset| at.checked_add(offset));
                    at = sum.ok_or_else(|| Wrong::new(index_span, "this index is outside of any array"))?;
                    id = element;
                }
            }
        }
        Ok((at, self.types.size_of(id).unwrap_or(0)))
    }

    fn integer(&mut self, ty: &CType) -> Option<(u32, bool)> {
        let id = lower::ctype(self.types, ty, self.sink)?;
        match self.types.resolve(id).1 {
            BtfType::Int { size, signed, .. } | BtfType::Enum { size, signed, .. } => Some((size, signed)),
            _ => None,
        }
    }
}
