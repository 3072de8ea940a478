//! Operators of one operand.

use std::sync::Arc;

use crate::diag::{Diagnostic, codes};
use crate::source::Span;
use crate::syntax::ast::{self, UnaryOp};

use super::super::check::Checker;
use super::super::constant::{self, Folded};
use super::super::tree::ExprKind;
use super::super::ty::Ty;
use super::super::types::Space;
use super::super::value::{Base, Kind, Place, Val};

impl Checker<'_, '_> {
    pub(super) fn unary(&mut self, span: Span, op: UnaryOp, operand: &ast::Expr) -> Option<Val> {
        if op == UnaryOp::AddressOf {
            return self.address_of(span, operand);
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

    /// `&$x`, `&@m`: addresses in the program's own memory, which is the kernel's.
    fn address_of(&mut self, span: Span, operand: &ast::Expr) -> Option<Val> {
        let (ty, kind) = match &operand.kind {
            ast::ExprKind::Variable(_) => {
                let (id, ty) = self.variable_type(operand)?;
                (ty, ExprKind::AddressOf(id))
            }
            ast::ExprKind::Map { name, key: None } => {
                let (map, _) = self.entry(operand.span, name, None)?;
                let info = &self.maps.list[map.0 as usize];
                let ty = info.value.ty.clone()?;
                if info.cleared || matches!(ty, Ty::Aggregate(_)) {
                    let message = format!("the value of @{name} has no address that stays");
                    let label = if info.cleared { "cleared while the script runs" } else { "an aggregation" };
                    return self.error(codes::TYPE_MISMATCH, operand.span, message, label);
                }
                (ty, ExprKind::AddressOfMap(map))
            }
            _ => {
                let message = "only variables and maps without a key have an address";
                return self.error(codes::TYPE_MISMATCH, operand.span, message, "neither");
            }
        };
        let pointer = Ty::Pointer { to: Arc::new(ty), space: Some(Space::Kernel) };
        Some(Val::new(pointer, span, kind))
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
        let base = Base::Memory { address: val.into_expr(), space };
        Place { base, offset: 0, leads_to: Some(space) }
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
