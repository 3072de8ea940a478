//! Division and remainder.

use super::{Folder, Rewrite, binary, unary};
use crate::ir::entities::Value;
use crate::ir::function::{BinOp, Cond, InstData, UnOp};
use crate::ir::known::Known;

impl Folder<'_, '_> {
    pub(super) fn divide(&mut self, op: BinOp, left: Value, right: Value) -> Option<Rewrite> {
        let (a, b) = (self.known(left), self.known(right));
        let non_negative = a.is_non_negative() && b.is_non_negative();
        match op {
            BinOp::SDiv if non_negative => return binary(BinOp::UDiv, left, right),
            BinOp::SRem if non_negative => return binary(BinOp::URem, left, right),
            BinOp::URem if b.min > 0 && a.max < b.min => return Some(Rewrite::Value(left)),
            _ => {}
        }
        let number = self.constant(right)?;
        match (op, number) {
            (BinOp::UDiv | BinOp::SDiv, 0) => Some(Rewrite::Number(0)),
            (BinOp::URem | BinOp::SRem, 0) => Some(Rewrite::Value(left)),
            (BinOp::UDiv | BinOp::SDiv, 1) => Some(Rewrite::Value(left)),
            (BinOp::SRem, 1 | -1) => Some(Rewrite::Number(0)),
            (BinOp::SDiv, -1) => unary(UnOp::Neg, left),
            (BinOp::UDiv, _) => self.divide_unsigned(left, number as u64),
            (BinOp::URem, _) if (number as u64).is_power_of_two() => {
                self.with_const(BinOp::And, left, number.wrapping_sub(1))
            }
            (BinOp::SDiv, _) => self.divide_signed(left, a, number),
            (BinOp::SRem, _) if number < 0 && number != i64::MIN => {
                self.with_const(BinOp::SRem, left, -number)
            }
            (BinOp::SRem, _) if (number as u64).is_power_of_two() => self.signed_remainder(left, number),
            _ => None,
        }
    }

    fn divide_unsigned(&mut self, left: Value, number: u64) -> Option<Rewrite> {
        if number.is_power_of_two() {
            return self.with_const(BinOp::LShr, left, number.trailing_zeros().into());
        }
        if number > 1 << 63 {
            let right = self.emit_const(number as i64);
            return Some(Rewrite::Inst(InstData::Icmp { cond: Cond::Uge, left, right }));
        }
        // (x / c) / d is x / (c * d), unless that overflows.
        let (inner, first) = self.def_with_const(left, BinOp::UDiv)?;
        let product = (first as u64).checked_mul(number).filter(|product| *product != 0)?;
        self.with_const(BinOp::UDiv, inner, product as i64)
    }

    fn divide_signed(&mut self, left: Value, known: Known, number: i64) -> Option<Rewrite> {
        if number == i64::MIN {
            let right = self.emit_const(number);
            return Some(Rewrite::Inst(InstData::Icmp { cond: Cond::Eq, left, right }));
        }
        if number < 0 && (known.is_non_negative() || number.unsigned_abs().is_power_of_two()) {
            let quotient = self.emit_binary(BinOp::SDiv, left, -number);
            return unary(UnOp::Neg, quotient);
        }
        if number > 0 && (number as u64).is_power_of_two() {
            let biased = self.biased(left, number);
            return self.with_const(BinOp::AShr, biased, number.trailing_zeros().into());
        }
        None
    }

    /// The remainder by a power of two with the sign of the dividend.
    fn signed_remainder(&mut self, left: Value, number: i64) -> Option<Rewrite> {
        let biased = self.biased(left, number);
        let multiple = self.emit_binary(BinOp::And, biased, number.wrapping_neg());
        binary(BinOp::Sub, left, multiple)
    }

    /// A negative dividend is raised by the divisor less 1, so that the shift rounds towards 0.
    fn biased(&mut self, left: Value, number: i64) -> Value {
        let sign = self.emit_binary(BinOp::AShr, left, 63);
        let bias = self.emit_binary(BinOp::LShr, sign, 64 - i64::from(number.trailing_zeros()));
        self.emit(InstData::Binary { op: BinOp::Add, left, right: bias })
    }
}
