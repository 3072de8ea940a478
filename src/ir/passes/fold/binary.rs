//! Sums, products, bits and shifts.

use super::{Folder, Rewrite, binary, unary};
use crate::ir::entities::Value;
use crate::ir::function::{BinOp, InstData, UnOp};

impl Folder<'_, '_> {
    pub(super) fn binary(&mut self, op: BinOp, left: Value, right: Value) -> Option<Rewrite> {
        if op.is_commutative() && self.constant(left).is_some() && self.constant(right).is_none() {
            return binary(op, right, left);
        }
        if op.is_division() {
            return self.divide(op, left, right);
        }
        match self.constant(right) {
            Some(number) => self.with_right(op, left, number),
            None => self.without_const(op, left, right),
        }
    }

    fn with_right(&mut self, op: BinOp, left: Value, number: i64) -> Option<Rewrite> {
        match (op, number) {
            (BinOp::Add | BinOp::Sub | BinOp::Or | BinOp::Xor, 0) | (BinOp::Mul, 1) => {
                Some(Rewrite::Value(left))
            }
            (BinOp::Sub, _) => self.with_const(BinOp::Add, left, number.wrapping_neg()),
            (BinOp::Add, _) => self.add_const(left, number),
            (BinOp::Mul, -1) => unary(UnOp::Neg, left),
            (BinOp::Mul, _) if (number as u64).is_power_of_two() => {
                self.with_const(BinOp::Shl, left, number.trailing_zeros().into())
            }
            (BinOp::And, _) => self.and_const(left, number as u64),
            (BinOp::Or, _) if number as u64 & !self.known(left).ones == 0 => Some(Rewrite::Value(left)),
            (BinOp::Xor, 1) if self.known(left).max <= 1 => {
                self.inverted(left).or_else(|| self.chain(op, left, number))
            }
            (BinOp::Xor, -1) => self.chain(op, left, number),
            (BinOp::Mul | BinOp::Or | BinOp::Xor, _) => self.chain(op, left, number),
            _ => self.shift_const(op, left, number),
        }
    }

    /// `(x op c) op d` is `x op (c op d)`.
    fn chain(&mut self, op: BinOp, left: Value, number: i64) -> Option<Rewrite> {
        let (inner, first) = self.def_with_const(left, op)?;
        self.with_const(op, inner, op.eval(first as u64, number as u64) as i64)
    }

    fn add_const(&mut self, left: Value, number: i64) -> Option<Rewrite> {
        if let Some((BinOp::Sub, from, what)) = self.def_binary(left) {
            let sum = self.constant(from)?.wrapping_add(number);
            let from = self.emit_const(sum);
            return binary(BinOp::Sub, from, what);
        }
        self.chain(BinOp::Add, left, number)
    }

    fn and_const(&mut self, left: Value, mask: u64) -> Option<Rewrite> {
        let known = self.known(left);
        // Bits that are 0 anyway need no mask.
        let open = !known.zeros;
        if open & !mask == 0 {
            return Some(Rewrite::Value(left));
        }
        for bits in [8, 16, 32] {
            if mask & open == (u64::MAX >> (64 - bits)) & open {
                return unary(UnOp::of_extension(bits, false)?, left);
            }
        }
        if let Some((inner, first)) = self.def_with_const(left, BinOp::And) {
            return self.with_const(BinOp::And, inner, (first as u64 & mask) as i64);
        }
        let needed = 64 - mask.leading_zeros();
        if let Some(low) = self.low_bits(left, needed) {
            return self.with_const(BinOp::And, low, mask as i64);
        }
        let least = mask & open;
        // As an immediate of 32 bits the mask is cheaper.
        let fits = |mask: u64| i32::try_from(mask as i64).is_ok();
        (least != mask && fits(least) && !fits(mask)).then_some(())?;
        self.with_const(BinOp::And, left, least as i64)
    }

    fn shift_const(&mut self, op: BinOp, left: Value, number: i64) -> Option<Rewrite> {
        if !(0..64).contains(&number) {
            return self.with_const(op, left, number & 63);
        }
        if number == 0 {
            return Some(Rewrite::Value(left));
        }
        if op == BinOp::AShr && self.known(left).is_non_negative() {
            return self.with_const(BinOp::LShr, left, number);
        }
        if let Some((inner, first)) =
            self.def_with_const(left, op).filter(|(_, first)| (0..64).contains(first))
        {
            return match (op, first + number) {
                (_, sum) if sum < 64 => self.with_const(op, inner, sum),
                (BinOp::AShr, _) => self.with_const(op, inner, 63),
                _ => Some(Rewrite::Number(0)),
            };
        }
        if op == BinOp::Shl {
            return self.shift_back(left, number).or_else(|| {
                let low = self.low_bits(left, 64 - number as u32)?;
                self.with_const(op, low, number)
            });
        }
        let (inner, first) = self.def_with_const(left, BinOp::Shl)?;
        let bits = 64 - number as u32;
        match op {
            _ if first != number => None,
            // A mask beyond 32 bits is no immediate.
            BinOp::LShr if number < 32 => None,
            BinOp::LShr => self.with_const(BinOp::And, inner, (u64::MAX >> number) as i64),
            _ if self.known(inner).signed_bits <= bits => Some(Rewrite::Value(inner)),
            _ => unary(UnOp::of_extension(bits, true)?, inner),
        }
    }

    /// `(x >> n) << n` clears the low bits.
    fn shift_back(&mut self, left: Value, number: i64) -> Option<Rewrite> {
        let (op, inner, count) = self.def_binary(left)?;
        let same = matches!(op, BinOp::LShr | BinOp::AShr) && self.constant(count) == Some(number);
        // A mask beyond 31 zeros is no immediate.
        (same && number < 32).then_some(())?;
        self.with_const(BinOp::And, inner, -1 << number)
    }

    fn without_const(&mut self, op: BinOp, left: Value, right: Value) -> Option<Rewrite> {
        match op {
            BinOp::And | BinOp::Or if left == right => Some(Rewrite::Value(left)),
            BinOp::Sub | BinOp::Xor if left == right => Some(Rewrite::Number(0)),
            BinOp::Sub if self.constant(left) == Some(0) => unary(UnOp::Neg, right),
            BinOp::Sub => self.sub(left, right),
            BinOp::Add => self.add(left, right),
            BinOp::And => {
                let (a, b) = (self.known(left), self.known(right));
                if !a.zeros & !b.ones == 0 {
                    return Some(Rewrite::Value(left));
                }
                (!b.zeros & !a.ones == 0).then_some(Rewrite::Value(right))
            }
            BinOp::AShr if self.known(left).is_non_negative() => binary(BinOp::LShr, left, right),
            BinOp::Shl | BinOp::LShr | BinOp::AShr => {
                // Counts are taken modulo 64 by the operation itself.
                binary(op, left, self.low_bits(right, 6)?)
            }
            _ => None,
        }
    }

    fn add(&mut self, left: Value, right: Value) -> Option<Rewrite> {
        if let Some((UnOp::Neg, what)) = self.def_unary(right) {
            return binary(BinOp::Sub, left, what);
        }
        if let Some((UnOp::Neg, what)) = self.def_unary(left) {
            return binary(BinOp::Sub, right, what);
        }
        match (self.def_binary(left), self.def_binary(right)) {
            // (x - y) + y
            (Some((BinOp::Sub, from, what)), _) if what == right => Some(Rewrite::Value(from)),
            (_, Some((BinOp::Sub, from, what))) if what == left => Some(Rewrite::Value(from)),
            _ => None,
        }
    }

    fn sub(&mut self, left: Value, right: Value) -> Option<Rewrite> {
        if let Some((UnOp::Neg, what)) = self.def_unary(right) {
            return binary(BinOp::Add, left, what);
        }
        match self.def_binary(left) {
            // (x + y) - x, (x + y) - y, (x - y) - x
            Some((BinOp::Add, a, b)) if a == right => Some(Rewrite::Value(b)),
            Some((BinOp::Add, a, b)) if b == right => Some(Rewrite::Value(a)),
            Some((BinOp::Sub, a, b)) if a == right => unary(UnOp::Neg, b),
            _ => None,
        }
    }

    /// The comparison that holds when this one does not.
    pub(super) fn inverted(&self, value: Value) -> Option<Rewrite> {
        match *self.def(value)? {
            InstData::Icmp { cond, left, right } => {
                let (left, right) = (self.cursor.func.resolve(left), self.cursor.func.resolve(right));
                Some(Rewrite::Inst(InstData::Icmp { cond: cond.inverse(), left, right }))
            }
            _ => None,
        }
    }
}
