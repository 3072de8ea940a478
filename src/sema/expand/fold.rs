//! Values known from the tree alone: literals, and operators on them.
//!
//! Integers are 64 bits wide and wrap as at run time. Deliberately absent: what needs types (`sizeof`).

use crate::syntax::ast::{BinaryOp, Expr, ExprKind, UnaryOp};

/// A value known while compiling.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Known {
    /// An integer.
    Int(i128),
    /// `true`, `false`
    Bool(bool),
    /// Text.
    Str(Vec<u8>),
}

impl Known {
    /// Whether it holds as a condition; text has none.
    pub(super) fn truth(&self) -> Option<bool> {
        match self {
            Known::Int(value) => Some(*value != 0),
            Known::Bool(value) => Some(*value),
            Known::Str(_) => None,
        }
    }

    /// The literal of this value.
    pub(super) fn literal(self, like: &Expr) -> Expr {
        let int = |value: u64| ExprKind::Int { value, suffix: String::new() };
        let kind = match self {
            Known::Bool(value) => ExprKind::Bool(value),
            Known::Str(text) => ExprKind::Str(text),
            Known::Int(value) if value >= 0 => int(value as u64),
            Known::Int(value) => {
                let operand = Expr { span: like.span, kind: int(value.unsigned_abs() as u64) };
                ExprKind::Unary { op: UnaryOp::Neg, operand: Box::new(operand) }
            }
        };
        Expr { span: like.span, kind }
    }
}

/// The value of `expr`, if its tree says it.
pub(super) fn known(expr: &Expr) -> Option<Known> {
    match &expr.kind {
        ExprKind::Int { value, .. } => Some(Known::Int(i128::from(*value))),
        ExprKind::Bool(value) => Some(Known::Bool(*value)),
        ExprKind::Str(text) => Some(Known::Str(text.clone())),
        ExprKind::Comptime(operand) => known(operand),
        ExprKind::Unary { op, operand } => unary(*op, known(operand)?),
        ExprKind::Binary { op, left, right, .. } => {
            let left = known(left)?;
            match (op, left.truth()) {
                (BinaryOp::And, Some(false)) => Some(Known::Bool(false)),
                (BinaryOp::Or, Some(true)) => Some(Known::Bool(true)),
                _ => binary(*op, left, known(right)?),
            }
        }
        ExprKind::Ternary { cond, then, otherwise } => match (known(cond)?.truth()?, then) {
            (true, Some(then)) => known(then),
            (true, None) => known(cond),
            (false, _) => known(otherwise),
        },
        ExprKind::Block { body, value: Some(value) } if body.statements.is_empty() => known(value),
        ExprKind::If { cond, then, otherwise } => match known(cond)?.truth()? {
            true => known(then),
            false => known(otherwise.as_ref()?),
        },
        _ => None,
    }
}

fn unary(op: UnaryOp, value: Known) -> Option<Known> {
    let value = match (op, value) {
        (UnaryOp::Not, value) => return Some(Known::Bool(!value.truth()?)),
        (UnaryOp::Neg, Known::Int(value)) => -value,
        (UnaryOp::BitNot, Known::Int(value)) => !value,
        _ => return None,
    };
    in_range(value)
}

fn in_range(value: i128) -> Option<Known> {
    let fits = i64::try_from(value).is_ok() || u64::try_from(value).is_ok();
    fits.then_some(Known::Int(value))
}

fn binary(op: BinaryOp, left: Known, right: Known) -> Option<Known> {
    use BinaryOp::*;
    if matches!(op, And | Or) {
        let (left, right) = (left.truth()?, right.truth()?);
        return Some(Known::Bool(if op == And { left && right } else { left || right }));
    }
    if let (Known::Str(left), Known::Str(right)) = (&left, &right) {
        return match op {
            Eq => Some(Known::Bool(left == right)),
            Ne => Some(Known::Bool(left != right)),
            _ => None,
        };
    }
    let (left, right) = (number(left)?, number(right)?);
    let compared = match op {
        Eq => left == right,
        Ne => left != right,
        Lt => left < right,
        Le => left <= right,
        Gt => left > right,
        Ge => left >= right,
        _ => return in_range(arithmetic(op, left, right)?),
    };
    Some(Known::Bool(compared))
}

fn number(value: Known) -> Option<i128> {
    match value {
        Known::Int(value) => Some(value),
        Known::Bool(value) => Some(i128::from(value)),
        Known::Str(_) => None,
    }
}

fn arithmetic(op: BinaryOp, left: i128, right: i128) -> Option<i128> {
    use BinaryOp::*;
    let shift = || u32::try_from(right).ok().filter(|bits| *bits < 64);
    match op {
        Add => left.checked_add(right),
        Sub => left.checked_sub(right),
        Mul => left.checked_mul(right),
        Div => left.checked_div(right),
        Mod => left.checked_rem(right),
        BitAnd => Some(left & right),
        BitOr => Some(left | right),
        BitXor => Some(left ^ right),
        Shl => left.checked_shl(shift()?),
        Shr => left.checked_shr(shift()?),
        _ => None,
    }
}
