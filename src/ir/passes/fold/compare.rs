//! Comparisons.

use super::{Folder, Rewrite};
use crate::ir::entities::Value;
use crate::ir::function::{BinOp, Cond, InstData, UnOp};

fn icmp(cond: Cond, left: Value, right: Value) -> Option<Rewrite> {
    Some(Rewrite::Inst(InstData::Icmp { cond, left, right }))
}

impl Folder<'_, '_> {
    pub(super) fn compare(&mut self, cond: Cond, left: Value, right: Value) -> Option<Rewrite> {
        if left == right {
            return Some(Rewrite::Number(cond.eval(0, 0).into()));
        }
        if self.constant(left).is_some() && self.constant(right).is_none() {
            return icmp(cond.swapped(), right, left);
        }
        if self.known(left).is_non_negative() && self.known(right).is_non_negative() {
            let unsigned = match cond {
                Cond::Slt => Some(Cond::Ult),
                Cond::Sle => Some(Cond::Ule),
                Cond::Sgt => Some(Cond::Ugt),
                Cond::Sge => Some(Cond::Uge),
                _ => None,
            };
            if let Some(cond) = unsigned {
                return icmp(cond, left, right);
            }
        }
        let number = self.constant(right)?;
        self.compare_const(cond, left, number)
    }

    fn compare_const(&mut self, cond: Cond, left: Value, number: i64) -> Option<Rewrite> {
        let known = self.known(left);
        let with = |folder: &mut Self, cond, number| {
            let right = folder.emit_const(number);
            icmp(cond, left, right)
        };
        match (cond, number) {
            (Cond::Ult, 1) | (Cond::Ule, 0) => return with(self, Cond::Eq, 0),
            (Cond::Ugt, 0) | (Cond::Uge, 1) => return with(self, Cond::Ne, 0),
            _ => {}
        }
        // Against the ends of what is possible, order is equality.
        let (min, max) = (known.min as i64, known.max as i64);
        match cond {
            Cond::Ult if number == max => return with(self, Cond::Ne, max),
            Cond::Uge if number == max => return with(self, Cond::Eq, max),
            Cond::Ule if number == min => return with(self, Cond::Eq, min),
            Cond::Ugt if number == min => return with(self, Cond::Ne, min),
            _ => {}
        }
        if !matches!(cond, Cond::Eq | Cond::Ne) {
            return None;
        }
        if known.max <= 1 {
            // The comparison of a truth value is that value, or its opposite.
            return match ((cond == Cond::Eq) == (number != 0), self.inverted(left)) {
                (true, _) => Some(Rewrite::Value(left)),
                (false, Some(inverted)) => Some(inverted),
                (false, None) => (number != 0).then(|| with(self, Cond::Eq, 0)).flatten(),
            };
        }
        self.equal_const(cond, left, number)
    }

    /// Equality with a constant, of a value that can be computed backwards.
    fn equal_const(&mut self, cond: Cond, left: Value, number: i64) -> Option<Rewrite> {
        if let Some((op, arg)) = self.def_unary(left) {
            let back = match op {
                UnOp::Neg => number.wrapping_neg(),
                UnOp::Swap64 => number.swap_bytes(),
                _ => return None,
            };
            let right = self.emit_const(back);
            return icmp(cond, arg, right);
        }
        let (op, a, b) = self.def_binary(left)?;
        match (op, self.constant(a), self.constant(b)) {
            (BinOp::Sub | BinOp::Xor, None, None) if number == 0 => icmp(cond, a, b),
            (BinOp::Add, _, Some(constant)) => {
                let right = self.emit_const(number.wrapping_sub(constant));
                icmp(cond, a, right)
            }
            (BinOp::Xor, _, Some(constant)) => {
                let right = self.emit_const(number ^ constant);
                icmp(cond, a, right)
            }
            (BinOp::Sub, Some(constant), _) => {
                let right = self.emit_const(constant.wrapping_sub(number));
                icmp(cond, b, right)
            }
            _ => None,
        }
    }
}
