//! What the operations mean, on 64-bit words. Used by the interpreter, by constant folding and by nobody else's
//! private copy: eBPF's own rules stand here once.
//!
//! Division by 0 gives 0, remainder by 0 the dividend; −2^63 ÷ −1 wraps; shift counts count modulo 64.

use super::function::{BinOp, Cond, UnOp, Width};

impl BinOp {
    /// The result.
    pub fn eval(self, left: u64, right: u64) -> u64 {
        let (signed_left, signed_right) = (left as i64, right as i64);
        match self {
            BinOp::Add => left.wrapping_add(right),
            BinOp::Sub => left.wrapping_sub(right),
            BinOp::Mul => left.wrapping_mul(right),
            BinOp::UDiv => left.checked_div(right).unwrap_or(0),
            BinOp::URem => left.checked_rem(right).unwrap_or(left),
            BinOp::SDiv if right == 0 => 0,
            BinOp::SDiv => signed_left.wrapping_div(signed_right) as u64,
            BinOp::SRem if right == 0 => left,
            BinOp::SRem => signed_left.wrapping_rem(signed_right) as u64,
            BinOp::And => left & right,
            BinOp::Or => left | right,
            BinOp::Xor => left ^ right,
            BinOp::Shl => left << (right & 63),
            BinOp::LShr => left >> (right & 63),
            BinOp::AShr => (signed_left >> (right & 63)) as u64,
        }
    }

    /// True when the operands may change places.
    pub fn is_commutative(self) -> bool {
        matches!(self, BinOp::Add | BinOp::Mul | BinOp::And | BinOp::Or | BinOp::Xor)
    }

    /// True for the divisions and remainders.
    pub fn is_division(self) -> bool {
        matches!(self, BinOp::UDiv | BinOp::SDiv | BinOp::URem | BinOp::SRem)
    }

    /// True for the shifts.
    pub fn is_shift(self) -> bool {
        matches!(self, BinOp::Shl | BinOp::LShr | BinOp::AShr)
    }
}

impl UnOp {
    /// The result.
    pub fn eval(self, arg: u64) -> u64 {
        match self {
            UnOp::Neg => arg.wrapping_neg(),
            UnOp::Zext8 => u64::from(arg as u8),
            UnOp::Zext16 => u64::from(arg as u16),
            UnOp::Zext32 => u64::from(arg as u32),
            UnOp::Sext8 => arg as i8 as u64,
            UnOp::Sext16 => arg as i16 as u64,
            UnOp::Sext32 => arg as i32 as u64,
            UnOp::Swap16 => u64::from((arg as u16).swap_bytes()),
            UnOp::Swap32 => u64::from((arg as u32).swap_bytes()),
            UnOp::Swap64 => arg.swap_bytes(),
        }
    }

    /// For an extension: bits kept, and whether they are extended by the sign.
    pub fn extension(self) -> Option<(u32, bool)> {
        match self {
            UnOp::Zext8 => Some((8, false)),
            UnOp::Zext16 => Some((16, false)),
            UnOp::Zext32 => Some((32, false)),
            UnOp::Sext8 => Some((8, true)),
            UnOp::Sext16 => Some((16, true)),
            UnOp::Sext32 => Some((32, true)),
            UnOp::Neg | UnOp::Swap16 | UnOp::Swap32 | UnOp::Swap64 => None,
        }
    }

    /// The extension of so many bits, if it is one instruction.
    pub fn of_extension(bits: u32, signed: bool) -> Option<UnOp> {
        match (bits, signed) {
            (8, false) => Some(UnOp::Zext8),
            (16, false) => Some(UnOp::Zext16),
            (32, false) => Some(UnOp::Zext32),
            (8, true) => Some(UnOp::Sext8),
            (16, true) => Some(UnOp::Sext16),
            (32, true) => Some(UnOp::Sext32),
            _ => None,
        }
    }
}

impl Cond {
    /// Whether it holds.
    pub fn eval(self, left: u64, right: u64) -> bool {
        let (signed_left, signed_right) = (left as i64, right as i64);
        match self {
            Cond::Eq => left == right,
            Cond::Ne => left != right,
            Cond::Ult => left < right,
            Cond::Ule => left <= right,
            Cond::Ugt => left > right,
            Cond::Uge => left >= right,
            Cond::Slt => signed_left < signed_right,
            Cond::Sle => signed_left <= signed_right,
            Cond::Sgt => signed_left > signed_right,
            Cond::Sge => signed_left >= signed_right,
        }
    }

    /// The condition that holds when this one does not.
    pub fn inverse(self) -> Cond {
        match self {
            Cond::Eq => Cond::Ne,
            Cond::Ne => Cond::Eq,
            Cond::Ult => Cond::Uge,
            Cond::Ule => Cond::Ugt,
            Cond::Ugt => Cond::Ule,
            Cond::Uge => Cond::Ult,
            Cond::Slt => Cond::Sge,
            Cond::Sle => Cond::Sgt,
            Cond::Sgt => Cond::Sle,
            Cond::Sge => Cond::Slt,
        }
    }

    /// The condition on exchanged operands.
    pub fn swapped(self) -> Cond {
        match self {
            Cond::Eq | Cond::Ne => self,
            Cond::Ult => Cond::Ugt,
            Cond::Ule => Cond::Uge,
            Cond::Ugt => Cond::Ult,
            Cond::Uge => Cond::Ule,
            Cond::Slt => Cond::Sgt,
            Cond::Sle => Cond::Sge,
            Cond::Sgt => Cond::Slt,
            Cond::Sge => Cond::Sle,
        }
    }
}

impl Width {
    /// The low bytes of `word` as a load of this width gives them.
    pub fn extend(self, word: u64, signed: bool) -> u64 {
        let spare = 64 - self.bytes() * 8;
        if signed { ((word << spare) as i64 >> spare) as u64 } else { word << spare >> spare }
    }
}

#[cfg(test)]
mod tests {
    use crate::ir::names::Words;
    use crate::ir::{BinOp, Cond, UnOp, Width};

    const MIN: u64 = 1 << 63;

    #[test]
    fn division_follows_ebpf() {
        assert_eq!(
            [BinOp::UDiv, BinOp::SDiv, BinOp::URem, BinOp::SRem].map(|op| op.eval(7, 0)),
            [0, 0, 7, 7]
        );
        assert_eq!(BinOp::SDiv.eval(MIN, u64::MAX), MIN);
        assert_eq!(BinOp::SRem.eval(MIN, u64::MAX), 0);
        assert_eq!(BinOp::SRem.eval(-7i64 as u64, 2), u64::MAX);
        assert_eq!(BinOp::SDiv.eval(-7i64 as u64, 2), -3i64 as u64);
    }

    #[test]
    fn shifts_count_modulo_64() {
        assert_eq!([BinOp::Shl, BinOp::LShr, BinOp::AShr].map(|op| op.eval(MIN, 65)), [0, MIN >> 1, 3 << 62]);
    }

    #[test]
    fn conditions_have_inverses_and_mirrors() {
        for cond in Cond::ALL {
            for (a, b) in [(1, 2), (2, 1), (1, 1), (MIN, 1), (1, MIN)] {
                assert_eq!(cond.eval(a, b), !cond.inverse().eval(a, b));
                assert_eq!(cond.eval(a, b), cond.swapped().eval(b, a));
            }
        }
    }

    #[test]
    fn extensions_agree_with_loads() {
        for op in UnOp::ALL {
            if let Some((bits, signed)) = op.extension() {
                let width = Width::from_bytes(bits / 8).unwrap();
                assert_eq!(op.eval(0x8182_8384_8586_8788), width.extend(0x8182_8384_8586_8788, signed));
                assert_eq!(UnOp::of_extension(bits, signed), Some(*op));
            }
        }
    }
}
