//! Operators of one operand.

use crate::diag::{Diagnostic, codes};
use crate::source::Span;
use crate::syntax::ast::{self, UnaryOp};

use super::super::check::Checker;
use super::super::constant::{self, Folded};
use super::super::tree::ExprKind;
use super::super::ty::Ty;
use super::super::value::{Kind, Place, Val};

impl Checker<'_, '_> {
    pub(super) fn unary(&mut self, span: Span, op: UnaryOp, operand: &ast::Expr) -> Option<Val> {
        if op == UnaryOp::AddressOf {
            let message = "the address of a variable or map cannot be taken yet";
            return self.error(codes::TYPE_MISMATCH, span, message, "known to bpftrace only");
        }
        let val = self.expr(operand)?;
        if op == UnaryOp::Deref {
            return self.dereference(span, val);
        }
        let val = self.as_value(val)?;
        if let Some(value) = val.as_const() {
            match constant::unary(op, value) {
                Folded::Value(value) => return Some(Val::constant(value, span)),
                Folded::Overflow => {
                    let message = "the negative value fits no integer of 64 bits";
                    return self.error(codes::OUT_OF_RANGE, span, message, "below -2^63");
                }
                Folded::Not | Folded::ByZero => {}
            }
        }
        match op {
            UnaryOp::Not if val.ty.is_condition() => {
                Some(Val::new(Ty::Bool, span, ExprKind::Not(Box::new(val.into_expr()))))
            }
            UnaryOp::Neg | UnaryOp::BitNot if val.ty.is_int() => Some(complement(op, span, val)),
            _ => self.report_operand(span, op, &val),
        }
    }

    fn report_operand(&mut self, span: Span, op: UnaryOp, val: &Val) -> Option<Val> {
        let symbol = symbol(op);
        let message = format!("`{symbol}` does not work on {}", self.name(&val.ty));
        let error = Diagnostic::error(codes::TYPE_MISMATCH, message);
        let error = error.at(val.span, format!("this is {}", self.name(&val.ty))).because(span, "");
        let text = op == UnaryOp::Not && val.ty.is_str();
        self.report(if text { error.help("compare it: `== \"\"`") } else { error });
        None
    }

    fn dereference(&mut self, span: Span, val: Val) -> Option<Val> {
        if matches!(val.kind, Kind::Args) {
            return Some(val);
        }
        let val = self.as_value(val)?;
        match &val.ty {
            Ty::Pointer { to, .. } => {
                let (to, place) = (to.clone(), self.place_at(val));
                self.load(span, (*to).clone(), place)
            }
            // An integer is the address of one as wide as itself.
            Ty::Int { int, .. } => {
                let to = Ty::fixed(int.size, false);
                let place = self.place_at(val);
                let loaded = self.load(span, to, place)?;
                Some(loaded.cast(Ty::U64))
            }
            _ => self.report_operand(span, UnaryOp::Deref, &val),
        }
    }

    /// What a pointer, or an integer used as one, points to.
    pub(in super::super) fn place_at(&self, val: Val) -> Place {
        let space = val.ty.space().unwrap_or(self.body().space);
        Place { address: val.into_expr(), offset: 0, space, leads_to: space }
    }
}

/// The operand's own width is complemented, then extended.
fn complement(op: UnaryOp, span: Span, val: Val) -> Val {
    let wide = if val.ty.is_signed() { Ty::I64 } else { Ty::U64 };
    let (ty, wide) = (val.ty.clone(), wide.in_space(val.ty.space()));
    let operand = Box::new(val.into_expr());
    let kind = if op == UnaryOp::Neg { ExprKind::Neg(operand) } else { ExprKind::BitNot(operand) };
    Val::new(ty, span, kind).cast(wide)
}

fn symbol(op: UnaryOp) -> &'static str {
    match op {
        UnaryOp::Neg => "-",
        UnaryOp::Not => "!",
        UnaryOp::BitNot => "~",
        UnaryOp::Deref => "*",
        UnaryOp::AddressOf => "&",
    }
}
