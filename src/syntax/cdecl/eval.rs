//! Constant expressions of C: their values, by C's rules for `int`, `unsigned`, `long` and `unsigned long`.
//!
//! Deliberately absent: names and sizes of types, which [`Names`] answers for.

use super::ast::{CType, Expr, ExprKind, Step};
use crate::source::Span;

/// The value of a constant expression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Number {
    /// The value, extended to 64 bits by its type's sign.
    pub bits: i64,
    /// 64 bits as against 32.
    pub long: bool,
    /// Unsigned.
    pub unsigned: bool,
}

impl Number {
    /// An `int` where it fits, else a `long`.
    pub fn signed(value: i64) -> Number {
        Number { bits: value, long: i32::try_from(value).is_err(), unsigned: false }
    }

    /// An `unsigned long`.
    pub fn size(value: u64) -> Number {
        Number { bits: value as i64, long: true, unsigned: true }
    }

    /// The value as a mathematical integer.
    pub fn value(self) -> i128 {
        if self.unsigned { i128::from(self.bits as u64) } else { i128::from(self.bits) }
    }

    fn wrap(self) -> Number {
        let bits = match (self.long, self.unsigned) {
            (true, _) => self.bits,
            (false, true) => i64::from(self.bits as u32),
            (false, false) => i64::from(self.bits as i32),
        };
        Number { bits, ..self }
    }

    /// As a value of another type.
    fn to(self, long: bool, unsigned: bool) -> Number {
        Number { long, unsigned, ..self }.wrap()
    }

    fn truth(value: bool) -> Number {
        Number { bits: i64::from(value), long: false, unsigned: false }
    }
}

/// Why an expression has no value, and which part of it is to blame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrong {
    /// Where.
    pub span: Span,
    /// One sentence, as diagnostics have it.
    pub message: String,
}

impl Wrong {
    /// About the place `span`.
    pub fn new(span: Span, message: impl Into<String>) -> Wrong {
        Wrong { span, message: message.into() }
    }
}

/// Who knows names and types.
pub trait Names {
    /// The value of a name.
    ///
    /// # Errors
    /// When there is none.
    fn constant(&mut self, name: &str, span: Span) -> Result<Number, Wrong>;
    /// Bytes of a type, and its alignment.
    ///
    /// # Errors
    /// When it has no size.
    fn size(&mut self, ty: &CType, span: Span) -> Result<(u64, u64), Wrong>;
    /// Where a part of a type is, and how large: both in bytes.
    ///
    /// # Errors
    /// When there is no such part.
    fn part(&mut self, ty: &CType, steps: &[Step], span: Span) -> Result<(u64, u64), Wrong>;
    /// The integer type behind a name or tag: bytes, and whether it is signed. None for what is no integer.
    fn integer(&mut self, ty: &CType) -> Option<(u32, bool)>;
}

/// The value of `expr`.
///
/// # Errors
/// When it has none: an unknown name, a division by zero.
pub fn eval(expr: &Expr, names: &mut dyn Names) -> Result<Number, Wrong> {
    use ExprKind::*;
    match &expr.kind {
        Number(number) => Ok(*number),
        Name(name) => names.constant(name, expr.span),
        Unary(op, operand) => Ok(unary(*op, eval(operand, names)?)),
        Binary(op, left, right) => binary(expr.span, op, left, right, names),
        Ternary(cond, then, otherwise) => {
            let chosen = if eval(cond, names)?.bits != 0 { then } else { otherwise };
            eval(chosen, names)
        }
        Cast(ty, operand) => {
            let value = eval(operand, names)?;
            let Some((size, signed)) = names.integer(ty) else { return Ok(value.to(true, true)) };
            let unused = 64 - size.clamp(1, 8) * 8;
            let bits = if signed {
                value.bits << unused >> unused
            } else {
                ((value.bits as u64) << unused >> unused) as i64
            };
            Ok(self::Number { bits, long: size == 8, unsigned: !signed && size >= 4 })
        }
        Sizeof(ty) => names.size(ty, expr.span).map(|(size, _)| self::Number::size(size)),
        Alignof(ty) => names.size(ty, expr.span).map(|(_, align)| self::Number::size(align)),
        SizeofExpr(operand) => {
            let value = eval(operand, names)?;
            Ok(self::Number::size(if value.long { 8 } else { 4 }))
        }
        Offsetof(ty, steps) => names.part(ty, steps, expr.span).map(|(at, _)| self::Number::size(at)),
        SizeofMember(ty, steps) => names.part(ty, steps, expr.span).map(|(_, size)| self::Number::size(size)),
    }
}

fn unary(op: char, value: Number) -> Number {
    let bits = match op {
        '-' => value.bits.wrapping_neg(),
        '~' => !value.bits,
        '!' => return Number::truth(value.bits == 0),
        _ => value.bits,
    };
    Number { bits, ..value }.wrap()
}

fn binary(span: Span, op: &str, left: &Expr, right: &Expr, names: &mut dyn Names) -> Result<Number, Wrong> {
    let a = eval(left, names)?;
    // What is not evaluated may be wrong.
    match (op, a.bits != 0) {
        ("&&", false) => return Ok(Number::truth(false)),
        ("||", true) => return Ok(Number::truth(true)),
        ("&&" | "||", _) => return Ok(Number::truth(eval(right, names)?.bits != 0)),
        _ => {}
    }
    let b = eval(right, names)?;
    if matches!(op, "<<" | ">>") {
        return Ok(shift(op, a, b));
    }
    let long = a.long || b.long;
    let unsigned = (a.unsigned && a.long == long) || (b.unsigned && b.long == long);
    let (a, b) = (a.to(long, unsigned), b.to(long, unsigned));
    let (x, y) = (a.bits, b.bits);
    let divide = |signed: fn(i64, i64) -> i64, other: fn(u64, u64) -> u64| match (y, unsigned) {
        (0, _) => Err(Wrong::new(span, "division by zero in a constant expression")),
        (_, true) => Ok(other(x as u64, y as u64) as i64),
        (_, false) => Ok(signed(x, y)),
    };
    let bits = match op {
        "+" => x.wrapping_add(y),
        "-" => x.wrapping_sub(y),
        "*" => x.wrapping_mul(y),
        "/" => divide(i64::wrapping_div, |x, y| x / y)?,
        "%" => divide(i64::wrapping_rem, |x, y| x % y)?,
        "&" => x & y,
        "|" => x | y,
        "^" => x ^ y,
        "==" => return Ok(Number::truth(x == y)),
        "!=" => return Ok(Number::truth(x != y)),
        "<" => return Ok(Number::truth(a.value() < b.value())),
        "<=" => return Ok(Number::truth(a.value() <= b.value())),
        ">" => return Ok(Number::truth(a.value() > b.value())),
        _ => return Ok(Number::truth(a.value() >= b.value())),
    };
    Ok(Number { bits, long, unsigned }.wrap())
}

/// The type is the left operand's. Shifts by more than the width are undefined in C; here they shift all out.
fn shift(op: &str, a: Number, b: Number) -> Number {
    let by = u32::try_from(b.value()).unwrap_or(64);
    let bits = match (op, a.unsigned) {
        ("<<", _) => a.bits.checked_shl(by).unwrap_or(0),
        (_, true) => (a.bits as u64).checked_shr(by).unwrap_or(0) as i64,
        (_, false) => a.bits >> by.min(63),
    };
    Number { bits, ..a }.wrap()
}
