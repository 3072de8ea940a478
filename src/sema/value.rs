//! A typed expression while it is checked: a value, a constant, or a place in memory that holds more than a register.

use super::constant::Const;
use super::tree::{Expr, ExprKind};
use super::ty::Ty;
use super::types::Space;
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
    /// A struct or an array in memory: fields and elements of it are read, never the whole.
    Place(Place),
    /// `args` of a tracepoint.
    Args,
}

/// An address to read from.
#[derive(Clone, Debug)]
pub(super) struct Place {
    /// A pointer, or an integer used as one.
    pub address: Expr,
    /// Bytes from there.
    pub offset: i64,
    pub space: Space,
    /// The memory that pointers read from here lead to.
    pub leads_to: Space,
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

    /// Fits in a tree as it is; a place stands for its address.
    pub fn into_expr(self) -> Expr {
        let ty = self.ty.to_type();
        let kind = match self.kind {
            Kind::Const(Const::Str(text)) => ExprKind::Str(text),
            Kind::Const(value) => ExprKind::Int(value.bits()),
            Kind::Expr(kind) => kind,
            Kind::Place(place) => return place.into_address(self.span),
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
    /// The address itself, as an unsigned integer.
    pub fn into_address(self, span: Span) -> Expr {
        let base = Val { ty: Ty::U64, span, kind: Kind::Expr(ExprKind::Cast(Box::new(self.address))) };
        if self.offset == 0 {
            return base.into_expr();
        }
        super::expr::add(base.into_expr(), self.offset, span)
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
