//! Operators of two operands.
//!
//! Arithmetic is done in 64 bits: signed when an operand is signed or the operator is `-`, else unsigned. Comparison
//! is done in the type that holds both operands. What is no scalar is equal or not. Division, modulo and right shifts are unsigned whatever the type, as
//! in bpftrace: the typed tree holds them between casts.

use std::sync::Arc;

use crate::diag::{Diagnostic, codes};
use crate::source::Span;
use crate::syntax::ast::{self, BinaryOp};
use crate::wire::types::Name;

use super::super::check::Checker;
use super::super::constant::{self, Const, Folded};
use super::super::tree::{Expr, ExprKind};
use super::super::ty::Ty;
use super::super::types::{IntType, Type};
use super::super::value::Val;

/// An operator with the places that messages point to.
#[derive(Clone, Copy)]
pub(in super::super) struct Op {
    pub op: BinaryOp,
    pub op_span: Span,
    /// The whole expression.
    pub span: Span,
}

impl Checker<'_, '_> {
    pub(super) fn binary(&mut self, expr: &ast::Expr) -> Option<Val> {
        let ast::ExprKind::Binary { op, op_span, left, right } = &expr.kind else { return None };
        let left = self.value(left);
        let right = self.value(right);
        self.apply(Op { op: *op, op_span: *op_span, span: expr.span }, left?, right?)
    }

    /// `left op right`
    pub(in super::super) fn apply(&mut self, op: Op, left: Val, right: Val) -> Option<Val> {
        if let (Some(a), Some(b)) = (left.as_const(), right.as_const()) {
            match constant::binary(op.op, a, b) {
                Folded::Value(value) => return Some(Val::constant(value, op.span)),
                Folded::Overflow => return self.report_overflow(op),
                Folded::ByZero => return self.report_by_zero(op, right.span),
                Folded::Not => {}
            }
        }
        match (&left.ty, &right.ty) {
            _ if matches!(op.op, BinaryOp::And | BinaryOp::Or) => self.logical(op, left, right),
            (Ty::Pointer { .. }, _) | (_, Ty::Pointer { .. }) => self.pointers(op, left, right),
            (Ty::Named(Name::Probe), Ty::Str { .. }) => self.probe_name(op, left, right),
            (Ty::Str { .. }, Ty::Named(Name::Probe)) => self.probe_name(op, right, left),
            (Ty::Named(Name::Syscall), Ty::Str { .. }) => self.probe_name(op, left, right),
            (Ty::Str { .. }, Ty::Named(Name::Syscall)) => self.probe_name(op, right, left),
            (Ty::Bool, Ty::Bool) => Some(self.bools(op, left, right)),
            (a, b) if arithmetic(a) && arithmetic(b) => self.integers(op, left, right),
            _ => self.whole(op, left, right),
        }
    }

    fn report_overflow(&mut self, op: Op) -> Option<Val> {
        let shift = matches!(op.op, BinaryOp::Shl | BinaryOp::Shr);
        let (message, label) = if shift {
            ("a shift of constants must be by 0 to 63 bits", "by more, or less")
        } else {
            ("the result fits no integer of 64 bits", "overflows")
        };
        self.error(codes::OUT_OF_RANGE, op.span, message, label)
    }

    fn report_by_zero(&mut self, op: Op, right: Span) -> Option<Val> {
        let message = "division by the constant 0";
        let error = Diagnostic::error(codes::DIVISION_BY_ZERO, message).at(right, "this is 0");
        self.report(error.because(op.op_span, "divided here"));
        None
    }

    /// Says that `op` has no meaning on these types.
    fn report_types(&mut self, op: Op, left: &Val, right: &Val) -> Option<Val> {
        let symbol = op.op.symbol();
        let message =
            format!("`{symbol}` does not work on {} and {}", self.name(&left.ty), self.name(&right.ty));
        let error = Diagnostic::error(codes::TYPE_MISMATCH, message).at(op.op_span, "not on these types");
        let error = error.because(left.span, format!("this is {}", self.name(&left.ty)));
        let error = error.because(right.span, format!("this is {}", self.name(&right.ty)));
        let help = type_help(op.op, &left.ty, &right.ty).or_else(|| type_help(op.op, &right.ty, &left.ty));
        self.report(match help {
            Some(help) => error.help(help),
            None => error,
        });
        None
    }

    fn logical(&mut self, op: Op, left: Val, right: Val) -> Option<Val> {
        if !left.ty.is_condition() || !right.ty.is_condition() {
            return self.report_types(op, &left, &right);
        }
        let (left, right) = (Box::new(left.into_expr()), Box::new(right.into_expr()));
        let kind = ExprKind::Logical { and: op.op == BinaryOp::And, left, right };
        Some(Val::new(Ty::Bool, op.span, kind))
    }

    fn integers(&mut self, op: Op, left: Val, right: Val) -> Option<Val> {
        let (left, right) = (from_bool(left), from_bool(right));
        if op.op.is_comparison() {
            let Some(common) = left.ty.join(&right.ty) else { return self.report_types(op, &left, &right) };
            let (left, right) = (self.coerce(left, &common)?, self.coerce(right, &common)?);
            return Some(node(op, Ty::Bool, left, right));
        }
        let result = result_type(op.op, &left.ty, &right.ty).in_space(left.ty.space().or(right.ty.space()));
        if matches!(op.op, BinaryOp::Div | BinaryOp::Mod) {
            self.warn_division(op, &left, &right);
        }
        let (left, right) = (self.widen(op, left, &result), self.widen(op, right, &result));
        Some(compute(op, left, right, result))
    }

    /// An operand in the type of the result. A large unsigned one among signed ones deserves a warning, but for
    /// differences, which are signed by rule.
    fn widen(&mut self, op: Op, val: Val, result: &Ty) -> Val {
        if op.op == BinaryOp::Sub || val.as_const().is_some() {
            return val.cast(result.clone());
        }
        let (span, ty) = (val.span, val.ty.clone());
        match self.coerce(val.clone(), result) {
            Some(expr) => Val { ty: result.clone(), ..Val::new(ty, span, expr.kind) },
            None => val.cast(result.clone()),
        }
    }

    fn warn_division(&mut self, op: Op, left: &Val, right: &Val) {
        let warn =
            |message: &str| Diagnostic::warning(codes::DIVISION, message).at(op.op_span, "divided here");
        if right.as_integer() == Some(0) {
            let warning = warn("division by 0 gives 1").because(right.span, "this is 0");
            return self.report(warning);
        }
        let negative = |val: &Val| {
            let narrow =
                matches!(val.ty, Ty::Int { int: IntType { size: 1..=4, signed: true }, flexible: false, .. });
            narrow || val.as_integer().is_some_and(|value| value < 0)
        };
        if let Some(signed) = [left, right].into_iter().find(|val| negative(val)) {
            let warning = warn("division is unsigned: a negative operand gives a large number");
            let label = format!("this is {}", self.name(&signed.ty));
            let warning = warning.because(signed.span, label);
            self.report(warning.help("cast to an unsigned type to silence this"));
        }
    }

    fn bools(&mut self, op: Op, left: Val, right: Val) -> Val {
        let wide = |val: Val| val.cast(Ty::U64);
        if op.op.is_comparison() {
            return node(op, Ty::Bool, wide(left).into_expr(), wide(right).into_expr());
        }
        compute(op, wide(left), wide(right), Ty::U64).cast(Ty::Bool)
    }

    /// Text, tuples and names: equal or not.
    fn whole(&mut self, op: Op, left: Val, right: Val) -> Option<Val> {
        let negated = op.op == BinaryOp::Ne;
        if !negated && op.op != BinaryOp::Eq {
            return self.report_types(op, &left, &right);
        }
        let equal = |left: Expr, right: Expr| {
            let kind = ExprKind::Equal { negated, left: Box::new(left), right: Box::new(right) };
            Val::new(Ty::Bool, op.span, kind)
        };
        match (&left.ty, &right.ty) {
            (Ty::Str { .. }, Ty::Str { .. }) => Some(equal(left.into_expr(), right.into_expr())),
            (Ty::Named(a), Ty::Named(b)) if a == b => {
                Some(node(op, Ty::Bool, left.cast(Ty::U64).into_expr(), right.cast(Ty::U64).into_expr()))
            }
            (Ty::Buffer { .. }, Ty::Buffer { .. }) => Some(equal(left.into_expr(), right.into_expr())),
            (Ty::Array { .. }, Ty::Array { .. }) | (Ty::Struct { .. }, Ty::Struct { .. })
                if left.ty.same(&right.ty) =>
            {
                Some(equal(left.into_expr(), right.into_expr()))
            }
            (Ty::Array { .. }, Ty::Array { .. }) => self.report_arrays(op, &left, &right),
            (Ty::Tuple(_), Ty::Tuple(_)) | (Ty::Record { .. }, Ty::Record { .. }) => {
                let Some(common) = left.ty.join(&right.ty) else {
                    return Some(self.never_equal(op, &left, &right));
                };
                let left = self.coerce(left, &common)?;
                Some(equal(left, self.coerce(right, &common)?))
            }
            _ => self.report_types(op, &left, &right),
        }
    }

    /// Tuples and records of different shapes are different, whatever they hold.
    fn never_equal(&mut self, op: Op, left: &Val, right: &Val) -> Val {
        let message = "these are never equal";
        let warning =
            Diagnostic::warning(codes::NEVER_EQUAL, message).at(op.op_span, "always the same answer");
        let warning = warning.because(left.span, format!("this is {}", self.name(&left.ty)));
        self.report(warning.because(right.span, format!("this is {}", self.name(&right.ty))));
        Val::constant(Const::Bool(op.op == BinaryOp::Ne), op.span)
    }

    fn report_arrays(&mut self, op: Op, left: &Val, right: &Val) -> Option<Val> {
        let message = "only arrays of the same type compare";
        let error = Diagnostic::error(codes::TYPE_MISMATCH, message).at(op.op_span, "not on these types");
        let error = error.because(left.span, format!("this is {}", self.name(&left.ty)));
        self.report(error.because(right.span, format!("this is {}", self.name(&right.ty))));
        None
    }

    /// `probe == "name"`, `syscall_name(n) == "name"`: these names are known while compiling.
    fn probe_name(&mut self, op: Op, probe: Val, text: Val) -> Option<Val> {
        let known = match text.as_const() {
            Some(Const::Str(text)) if probe.ty == Ty::Named(Name::Syscall) => {
                let name = std::str::from_utf8(text).ok();
                name.and_then(crate::wire::codes::syscall_number).map(Const::Int)
            }
            Some(Const::Str(text)) => self.probe_index(text),
            _ => return self.report_types(op, &probe, &text),
        };
        match (op.op, known) {
            (BinaryOp::Eq | BinaryOp::Ne, Some(index)) => {
                let index = Val::constant(index, text.span).cast(Ty::U64).into_expr();
                Some(node(op, Ty::Bool, probe.cast(Ty::U64).into_expr(), index))
            }
            (BinaryOp::Eq, None) => Some(Val::constant(Const::Bool(false), op.span)),
            (BinaryOp::Ne, None) => Some(Val::constant(Const::Bool(true), op.span)),
            _ => self.report_types(op, &probe, &text),
        }
    }

    /// Comparison of addresses, and addresses plus or minus a number of elements.
    fn pointers(&mut self, op: Op, left: Val, right: Val) -> Option<Val> {
        let comparable = |ty: &Ty| ty.is_pointer() || arithmetic(ty);
        if op.op.is_comparison() && comparable(&left.ty) && comparable(&right.ty) {
            let (left, right) = (left.cast(Ty::U64).into_expr(), right.cast(Ty::U64).into_expr());
            return Some(node(op, Ty::Bool, left, right));
        }
        let (pointer, count) = match (op.op, left.ty.is_pointer(), right.ty.is_pointer()) {
            (BinaryOp::Add | BinaryOp::Sub, true, false) => (left, right),
            (BinaryOp::Add, false, true) => (right, left),
            _ => return self.report_types(op, &left, &right),
        };
        if !arithmetic(&count.ty) {
            return self.report_types(op, &pointer, &count);
        }
        let size = self.step_of(&pointer.ty);
        let ty = pointer.ty.clone();
        let bytes = times(count, size);
        Some(compute(op, pointer.cast(Ty::U64), bytes, Ty::U64).cast(ty))
    }

    /// Bytes between neighbours that a pointer of this type may point to.
    pub(in super::super) fn step_of(&self, pointer: &Ty) -> u32 {
        match pointer {
            Ty::Pointer { to, .. } => self.types.size_of(to).unwrap_or(1).max(1),
            _ => 1,
        }
    }
}

fn arithmetic(ty: &Ty) -> bool {
    ty.is_int() || matches!(ty, Ty::Bool)
}

fn from_bool(val: Val) -> Val {
    if val.ty == Ty::Bool { val.cast(Ty::fixed(1, false)) } else { val }
}

/// The type of an arithmetic operator's result: what `int64` or `uint64` its operands make.
fn result_type(op: BinaryOp, left: &Ty, right: &Ty) -> Ty {
    let settle = |own: &Ty, other: &Ty| match own.is_flexible() && !other.is_flexible() {
        true => other.is_signed(),
        false => own.is_signed(),
    };
    let signed = settle(left, right) || settle(right, left) || op == BinaryOp::Sub;
    if signed { Ty::I64 } else { Ty::U64 }
}

/// `left op right` in the type `result`, whose operands have that type already.
fn compute(op: Op, left: Val, right: Val, result: Ty) -> Val {
    match op.op {
        BinaryOp::Div | BinaryOp::Mod | BinaryOp::Shr if result.is_signed() => {
            let (left, right) = (left.cast(Ty::U64).into_expr(), right.cast(Ty::U64).into_expr());
            node(op, Ty::U64, left, right).cast(result)
        }
        _ => node(op, result, left.into_expr(), right.into_expr()),
    }
}

fn node(op: Op, ty: Ty, left: Expr, right: Expr) -> Val {
    Val::new(ty, op.span, ExprKind::Binary { op: op.op, left: Box::new(left), right: Box::new(right) })
}

/// `count` elements in bytes, as 64 bits.
fn times(count: Val, size: u32) -> Val {
    let span = count.span;
    match count.as_integer() {
        Some(value) => Val::int((value as i64).wrapping_mul(i64::from(size)), Ty::U64, span),
        None if size == 1 => count.cast(Ty::U64),
        None => {
            let op = Op { op: BinaryOp::Mul, op_span: span, span };
            node(op, Ty::U64, count.cast(Ty::U64).into_expr(), u64_node(i64::from(size), span))
        }
    }
}

fn u64_node(value: i64, span: Span) -> Expr {
    Expr::int(value, Type::Int(IntType::U64), span)
}

/// `base + offset` on addresses.
pub(super) fn add(base: Expr, offset: i64, span: Span) -> Expr {
    let op = Op { op: BinaryOp::Add, op_span: span, span };
    node(op, Ty::U64, base, u64_node(offset, span)).into_expr()
}

/// `base + index * size` on addresses.
pub(super) fn element(base: Expr, index: Val, size: u32) -> Expr {
    let span = index.span;
    let op = Op { op: BinaryOp::Add, op_span: span, span };
    node(op, Ty::U64, base, times(index, size).into_expr()).into_expr()
}

/// What would make `op` work on `this` and `other`.
fn type_help(op: BinaryOp, this: &Ty, other: &Ty) -> Option<&'static str> {
    match (this, other) {
        (Ty::Pointer { to, .. }, Ty::Str { .. }) if is_text(to) => Some("read the text: `str(...)`"),
        (Ty::Int { .. }, Ty::Str { .. }) if op.is_comparison() => {
            Some("compare text with text, or read it at an address: `str(...)`")
        }
        (Ty::Pointer { .. }, Ty::Pointer { .. }) if op == BinaryOp::Sub => {
            Some("cast both to integers for the number of bytes between them: `(uint64)...`")
        }
        (Ty::Str { .. }, Ty::Str { .. }) if op.is_comparison() => Some("text compares with == and != only"),
        (Ty::Str { .. }, _) if matches!(op, BinaryOp::And | BinaryOp::Or) => {
            Some("text is neither true nor false: compare it, `!= \"\"`")
        }
        _ => None,
    }
}

fn is_text(to: &Arc<Ty>) -> bool {
    matches!(**to, Ty::Int { int: IntType { size: 1, .. }, .. } | Ty::Char | Ty::Void)
}
