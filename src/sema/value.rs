//! A typed expression while it is checked: a value, a constant, or a place that holds more than a register.
//!
//! A struct or an array stays a place as long as only parts of it are asked for: those alone are read then.

use super::constant::Const;
use super::tree::{Expr, ExprKind};
use super::ty::Ty;
use super::types::{Space, Type};
use crate::source::Span;

/// What became of an expression of the script.
#[derive(Clone, Debug)]
pub(super) struct Val {
    pub ty: Ty,
    pub span: Span,
    pub kind: Kind,
}

/// Kinds of [`Val`].
#[derive(Clone, Debug)]
pub(super) enum Kind {
    /// A literal, or what folded to one.
    Const(Const),
    /// Computed when the probe runs.
    Expr(ExprKind),
    /// A struct or an array of which nothing has been read yet.
    Place(Place),
    /// `args` of a tracepoint.
    Args,
}

/// Where something can be read.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub base: Base,
    /// Bytes from there.
    pub offset: i64,
    /// The memory that pointers read from here lead to.
    pub leads_to: Option<Space>,
}

/// What a [`Place`] starts from.
#[derive(Clone, Debug)]
pub(super) enum Base {
    /// An address: a pointer, or an integer used as one.
    Memory { address: Expr, space: Space },
    /// A value of the program's own.
    Value(Expr),
}

impl Val {
    pub fn new(ty: Ty, span: Span, kind: ExprKind) -> Val {
        Val { ty, span, kind: Kind::Expr(kind) }
    }

    pub fn constant(value: Const, span: Span) -> Val {
        Val { ty: value.ty(), span, kind: Kind::Const(value) }
    }

    pub fn place(ty: Ty, span: Span, place: Place) -> Val {
        Val { ty, span, kind: Kind::Place(place) }
    }

    /// The constant that it is.
    pub fn as_const(&self) -> Option<&Const> {
        match &self.kind {
            Kind::Const(value) => Some(value),
            _ => None,
        }
    }

    /// Its value as a literal integer.
    pub fn as_integer(&self) -> Option<i128> {
        self.as_const().and_then(Const::as_integer)
    }

    /// Fits in a tree as it is; a place is read as a whole.
    pub fn into_expr(self) -> Expr {
        let ty = self.ty.to_type();
        let kind = match self.kind {
            Kind::Const(Const::Str(text)) => ExprKind::Str(text),
            Kind::Const(value) => ExprKind::Int(value.bits()),
            Kind::Expr(kind) => kind,
            Kind::Place(place) => return place.into_whole(self.span, ty),
            Kind::Args => ExprKind::Context,
        };
        Expr { span: self.span, ty, kind }
    }

    /// The integer constant `value` of type `ty`.
    pub fn int(value: i64, ty: Ty, span: Span) -> Val {
        Val::new(ty, span, ExprKind::Int(value))
    }

    /// The same value as another type of scalar.
    pub fn cast(self, ty: Ty) -> Val {
        if self.ty.to_type() == ty.to_type() && !matches!(self.kind, Kind::Const(_)) {
            return Val { ty, ..self };
        }
        let span = self.span;
        let constant = match &self.kind {
            Kind::Const(value) => Some(value.bits()),
            Kind::Expr(ExprKind::Int(bits)) => Some(*bits),
            _ => None,
        };
        match constant {
            Some(bits) => Val::int(wrap(bits, &ty), ty, span),
            None => Val::new(ty, span, ExprKind::Cast(Box::new(self.into_expr()))),
        }
    }
}

impl Place {
    /// The start of a value of the program's own.
    pub fn of(val: Val) -> Place {
        let leads_to = val.ty.space();
        match val.kind {
            Kind::Place(place) => place,
            _ => Place { base: Base::Value(val.into_expr()), offset: 0, leads_to },
        }
    }

    /// All that is there, of type `ty`.
    fn into_whole(self, span: Span, ty: Type) -> Expr {
        let kind = match self.base {
            Base::Memory { address, space } => {
                ExprKind::LoadWhole { address: Box::new(address), offset: self.offset, space }
            }
            Base::Value(value) if self.offset == 0 && value.ty == ty => return Expr { span, ..value },
            Base::Value(value) => {
                ExprKind::Part { base: Box::new(value), offset: self.offset as u32, bits: None }
            }
        };
        Expr { span, ty, kind }
    }

    /// The scalar of type `ty` that is there, or a bit field within it.
    pub fn into_scalar(self, span: Span, ty: Ty, bits: Option<(u8, u8)>) -> Val {
        let kind = match self.base {
            Base::Memory { address, space } => {
                ExprKind::Load { address: Box::new(address), offset: self.offset, space, bits }
            }
            Base::Value(value) => ExprKind::Part { base: Box::new(value), offset: self.offset as u32, bits },
        };
        Val::new(ty, span, kind)
    }
}

/// `bits` as a value of type `ty`, extended to 64 bits again.
pub(super) fn wrap(bits: i64, ty: &Ty) -> i64 {
    let Some(int) = ty.to_type().as_int() else { return bits };
    if matches!(ty, Ty::Bool) {
        return i64::from(bits != 0);
    }
    let unused = 64 - u32::from(int.size) * 8;
    if int.signed { (bits << unused) >> unused } else { ((bits as u64) << unused >> unused) as i64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constants_wrap_to_their_type() {
        assert_eq!(wrap(300, &Ty::fixed(1, false)), 44);
        assert_eq!(wrap(200, &Ty::fixed(1, true)), -56);
        assert_eq!(wrap(-1, &Ty::fixed(2, false)), 65535);
        assert_eq!(wrap(-1, &Ty::U64), -1);
        assert_eq!(wrap(5, &Ty::Bool), 1);
    }
}
