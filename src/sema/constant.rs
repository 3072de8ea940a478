//! Constants and what is computed of them while compiling.
//!
//! Only literals fold, not casts of them: a cast gives a value its type, and folding would lose that. Integers are
//! kept as the language has them: non-negative ones to 2^64 − 1, negative ones to −2^63. A result outside both is
//! an error, never a wrap.

use super::ty::Ty;
use crate::syntax::ast::{BinaryOp, UnaryOp};

/// The value of a literal expression.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Const {
    /// Not negative.
    Int(u64),
    /// Below zero.
    Negative(i64),
    Bool(bool),
    Str(Vec<u8>),
}

/// What came of folding.
#[derive(Debug, PartialEq)]
pub(super) enum Folded {
    Value(Const),
    /// The operation means nothing on these constants at compile time; types decide.
    Not,
    /// The result does not exist or fits no integer.
    Overflow,
    /// Division by zero.
    ByZero,
}

impl Const {
    pub(super) fn ty(&self) -> Ty {
        match self {
            Const::Int(value) => Ty::of_literal(*value),
            Const::Negative(value) => Ty::of_negative(*value),
            Const::Bool(_) => Ty::Bool,
            Const::Str(text) => Ty::Str { size: text.len() as u32 + 1 },
        }
    }

    pub(super) fn of(value: i128) -> Option<Const> {
        match u64::try_from(value) {
            Ok(value) => Some(Const::Int(value)),
            Err(_) => i64::try_from(value).ok().map(Const::Negative),
        }
    }

    /// The mathematical value of an integer.
    pub(super) fn as_integer(&self) -> Option<i128> {
        match self {
            Const::Int(value) => Some(i128::from(*value)),
            Const::Negative(value) => Some(i128::from(*value)),
            _ => None,
        }
    }

    /// As a condition.
    pub(super) fn truth(&self) -> bool {
        match self {
            Const::Int(value) => *value != 0,
            Const::Negative(_) => true,
            Const::Bool(value) => *value,
            Const::Str(text) => !text.is_empty(),
        }
    }

    /// As printf would print it.
    pub(super) fn text(&self) -> String {
        match self {
            Const::Int(value) => value.to_string(),
            Const::Negative(value) => value.to_string(),
            Const::Bool(value) => value.to_string(),
            Const::Str(text) => String::from_utf8_lossy(text).into_owned(),
        }
    }

    /// Its bits in a register.
    pub(super) fn bits(&self) -> i64 {
        match self {
            Const::Int(value) => *value as i64,
            Const::Negative(value) => *value,
            Const::Bool(value) => i64::from(*value),
            Const::Str(_) => 0,
        }
    }
}

fn made(value: Option<i128>) -> Folded {
    value.and_then(Const::of).map_or(Folded::Overflow, Folded::Value)
}

/// `op value`
pub(super) fn unary(op: UnaryOp, value: &Const) -> Folded {
    match (op, value) {
        (UnaryOp::Not, Const::Str(_)) => Folded::Not,
        (UnaryOp::Not, _) => Folded::Value(Const::Bool(!value.truth())),
        (UnaryOp::Neg, _) => match value.as_integer() {
            Some(value) => made(Some(-value)),
            None => Folded::Not,
        },
        (UnaryOp::BitNot, Const::Int(value)) => Folded::Value(Const::Int(!value)),
        (UnaryOp::BitNot, Const::Negative(value)) => Folded::Value(Const::Int(!value as u64)),
        _ => Folded::Not,
    }
}

/// `left op right`
pub(super) fn binary(op: BinaryOp, left: &Const, right: &Const) -> Folded {
    match (left, right) {
        (Const::Str(a), Const::Str(b)) => strings(op, a, b),
        (Const::Str(text), Const::Int(skip)) | (Const::Int(skip), Const::Str(text))
            if op == BinaryOp::Add =>
        {
            let skip = usize::try_from(*skip).unwrap_or(usize::MAX).min(text.len());
            Folded::Value(Const::Str(text[skip..].to_vec()))
        }
        (Const::Str(_), _) | (_, Const::Str(_)) => Folded::Not,
        (Const::Bool(a), Const::Bool(b)) => bools(op, *a, *b),
        (Const::Bool(_), _) | (_, Const::Bool(_)) if !matches!(op, BinaryOp::And | BinaryOp::Or) => {
            Folded::Not
        }
        _ => integers(op, left, right),
    }
}

fn strings(op: BinaryOp, a: &[u8], b: &[u8]) -> Folded {
    let value = match op {
        BinaryOp::Add => return Folded::Value(Const::Str([a, b].concat())),
        _ if op.is_comparison() => compare(op, a.cmp(b)),
        _ => return Folded::Not,
    };
    Folded::Value(Const::Bool(value))
}

fn bools(op: BinaryOp, a: bool, b: bool) -> Folded {
    let value = match op {
        BinaryOp::And | BinaryOp::Mul | BinaryOp::BitAnd => a && b,
        BinaryOp::Or | BinaryOp::Add | BinaryOp::BitOr => a || b,
        BinaryOp::Sub | BinaryOp::BitXor => a != b,
        BinaryOp::Div | BinaryOp::Mod if !b => return Folded::ByZero,
        BinaryOp::Div => a,
        BinaryOp::Mod => false,
        BinaryOp::Shl => !a & b,
        BinaryOp::Shr => a & !b,
        _ => compare(op, a.cmp(&b)),
    };
    Folded::Value(Const::Bool(value))
}

fn compare(op: BinaryOp, order: std::cmp::Ordering) -> bool {
    match op {
        BinaryOp::Eq => order.is_eq(),
        BinaryOp::Ne => order.is_ne(),
        BinaryOp::Lt => order.is_lt(),
        BinaryOp::Le => order.is_le(),
        BinaryOp::Gt => order.is_gt(),
        _ => order.is_ge(),
    }
}

fn integers(op: BinaryOp, left: &Const, right: &Const) -> Folded {
    match op {
        BinaryOp::And => return Folded::Value(Const::Bool(left.truth() && right.truth())),
        BinaryOp::Or => return Folded::Value(Const::Bool(left.truth() || right.truth())),
        _ => {}
    }
    let (Some(a), Some(b)) = (left.as_integer(), right.as_integer()) else { return Folded::Not };
    match op {
        _ if op.is_comparison() => Folded::Value(Const::Bool(compare(op, a.cmp(&b)))),
        BinaryOp::Div | BinaryOp::Mod if b == 0 => Folded::ByZero,
        BinaryOp::Add => made(a.checked_add(b)),
        BinaryOp::Sub => made(a.checked_sub(b)),
        BinaryOp::Mul => made(a.checked_mul(b)),
        BinaryOp::Div => made(Some(a / b)),
        BinaryOp::Mod => made(Some(a % b)),
        BinaryOp::BitAnd => made(Some(a & b)),
        BinaryOp::BitOr => made(Some(a | b)),
        BinaryOp::BitXor => made(Some(a ^ b)),
        BinaryOp::Shl | BinaryOp::Shr if !(0..64).contains(&b) => Folded::Overflow,
        BinaryOp::Shl => shift_left(left, b as u32),
        _ => made(Some(a >> b)),
    }
}

/// Bits shifted out of the 64 are gone.
fn shift_left(left: &Const, by: u32) -> Folded {
    Folded::Value(match left {
        Const::Int(value) => Const::Int(value << by),
        other => match other.bits() << by {
            shifted @ 0.. => Const::Int(shifted as u64),
            shifted => Const::Negative(shifted),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fold(op: BinaryOp, a: i128, b: i128) -> Folded {
        binary(op, &Const::of(a).unwrap(), &Const::of(b).unwrap())
    }

    fn value(v: i128) -> Folded {
        Folded::Value(Const::of(v).unwrap())
    }

    #[test]
    fn integers_fold_like_c_with_64_bits() {
        assert_eq!(fold(BinaryOp::Div, -7, 2), value(-3));
        assert_eq!(fold(BinaryOp::Mod, -7, 3), value(-1));
        assert_eq!(fold(BinaryOp::Shr, -8, 1), value(-4));
        assert_eq!(fold(BinaryOp::Sub, 1, 2), value(-1));
        assert_eq!(fold(BinaryOp::Shl, 1, 63), value(1 << 63));
        assert_eq!(fold(BinaryOp::Add, u64::MAX.into(), 1), Folded::Overflow);
        assert_eq!(fold(BinaryOp::Shl, 1, 64), Folded::Overflow);
        assert_eq!(fold(BinaryOp::Div, 1, 0), Folded::ByZero);
        assert_eq!(fold(BinaryOp::Lt, -1, i128::from(u64::MAX)), Folded::Value(Const::Bool(true)));
    }

    #[test]
    fn strings_join_and_shorten() {
        let text = |s: &str| Const::Str(s.into());
        assert_eq!(binary(BinaryOp::Add, &text("ab"), &text("c")), Folded::Value(text("abc")));
        assert_eq!(binary(BinaryOp::Add, &text("abc"), &Const::Int(1)), Folded::Value(text("bc")));
        assert_eq!(binary(BinaryOp::Add, &text("abc"), &Const::Int(9)), Folded::Value(text("")));
        assert_eq!(binary(BinaryOp::Eq, &text("a"), &text("a")), Folded::Value(Const::Bool(true)));
    }

    #[test]
    fn complements_are_64_bits_wide() {
        assert_eq!(unary(UnaryOp::BitNot, &Const::Int(1)), value(i128::from(u64::MAX - 1)));
        assert_eq!(unary(UnaryOp::Neg, &Const::Int(1 << 63)), value(i128::from(i64::MIN)));
        assert_eq!(unary(UnaryOp::Neg, &Const::Int((1 << 63) + 1)), Folded::Overflow);
    }
}
