//! Division and remainder.
//!
//! The machine divides by 0 as the IR does: quotient 0, remainder the dividend. Signed division has an instruction
//! on newer kernels (v4); it is used for constant divisors only, because kernels before the end of 2024 trap on
//! −2^63 / −1 there. All else divides magnitudes and puts the sign back.

use super::Lower;
use crate::codegen::mach::{AluOp, MInst, Reg, Src};
use crate::ir::Value;

impl Lower<'_> {
    /// Unsigned; on 32 bits when both operands have no more, which is faster on many machines.
    pub(super) fn unsigned(&mut self, op: AluOp, left: Value, right: Value, dst: Reg) {
        let constant = self.facts.constant(right);
        match constant {
            Some(0) => return self.by_zero(op, left, dst),
            Some(n) if n > 0 && (n as u64).is_power_of_two() => {
                return self.by_power_of_two(op, left, n.trailing_zeros() as i32, dst);
            }
            _ => {}
        }
        let narrow = self.facts.bits(left) <= 32 && self.facts.bits(right) <= 32;
        let left = self.reg(left);
        let right = match constant {
            // an immediate is sign-extended: only what that leaves alone
            Some(n) if (1..=i64::from(i32::MAX)).contains(&n) => Src::Imm(n as i32),
            _ => Src::Reg(self.reg(right)),
        };
        self.push(MInst::Alu { op, narrow, dst, left, right });
    }

    fn by_zero(&mut self, op: AluOp, left: Value, dst: Reg) {
        if op == AluOp::Div {
            self.push(MInst::Imm { dst, value: 0 });
        } else {
            let src = self.reg(left);
            self.push(MInst::Move { dst, src });
        }
    }

    fn by_power_of_two(&mut self, op: AluOp, left: Value, log: i32, dst: Reg) {
        let left = self.reg(left);
        if op == AluOp::Div {
            return self.shift_reg(AluOp::Rsh, dst, left, log);
        }
        match i32::try_from((1i64 << log) - 1) {
            Ok(mask) => self.alu(AluOp::And, dst, left, Src::Imm(mask)),
            Err(_) => {
                let high = self.alu_new(AluOp::Lsh, left, Src::Imm(64 - log));
                self.alu(AluOp::Rsh, dst, high, Src::Imm(64 - log));
            }
        }
    }

    /// Signed quotient or remainder.
    pub(super) fn signed(&mut self, quotient: bool, left: Value, right: Value, dst: Reg) {
        match self.facts.constant(right) {
            Some(0) => self.by_zero(if quotient { AluOp::Div } else { AluOp::Mod }, left, dst),
            Some(1) if quotient => {
                let src = self.reg(left);
                self.push(MInst::Move { dst, src });
            }
            Some(-1) if quotient => {
                let src = self.reg(left);
                self.push(MInst::Neg { dst, src });
            }
            Some(1 | -1) => self.push(MInst::Imm { dst, value: 0 }),
            Some(n) if quotient && n > 0 && (n as u64).is_power_of_two() => {
                self.signed_shift(left, n.trailing_zeros() as i32, dst);
            }
            Some(n) if self.target.v4 && i32::try_from(n).is_ok() => {
                let left = self.reg(left);
                let op = if quotient { AluOp::Sdiv } else { AluOp::Smod };
                self.alu(op, dst, left, Src::Imm(n as i32));
            }
            Some(n) if n > 0 && i32::try_from(n).is_ok() => {
                let left = self.reg(left);
                self.by_magnitude(quotient, left, Src::Imm(n as i32), None, dst);
            }
            _ => {
                let (left, right) = (self.reg(left), self.reg(right));
                let sign = self.alu_new(AluOp::Arsh, right, Src::Imm(63));
                let magnitude = self.flip(right, sign);
                self.by_magnitude(quotient, left, Src::Reg(magnitude), Some(sign), dst);
            }
        }
    }

    /// Rounds towards 0: adds 2^log − 1 to negative dividends first.
    fn signed_shift(&mut self, left: Value, log: i32, dst: Reg) {
        let left = self.reg(left);
        let sign = self.alu_new(AluOp::Arsh, left, Src::Imm(63));
        let bias = self.alu_new(AluOp::Rsh, sign, Src::Imm(64 - log));
        let sum = self.alu_new(AluOp::Add, bias, Src::Reg(left));
        self.alu(AluOp::Arsh, dst, sum, Src::Imm(log));
    }

    /// Divides the dividend's magnitude and gives the result its sign: for a quotient the product of both signs.
    fn by_magnitude(&mut self, quotient: bool, left: Reg, right: Src, right_sign: Option<Reg>, dst: Reg) {
        let sign = self.alu_new(AluOp::Arsh, left, Src::Imm(63));
        let magnitude = self.flip(left, sign);
        let op = if quotient { AluOp::Div } else { AluOp::Mod };
        let result = self.alu_new(op, magnitude, right);
        let sign = match right_sign {
            Some(other) if quotient => self.alu_new(AluOp::Xor, sign, Src::Reg(other)),
            _ => sign,
        };
        let flipped = self.alu_new(AluOp::Xor, result, Src::Reg(sign));
        self.alu(AluOp::Sub, dst, flipped, Src::Reg(sign));
    }

    /// The value where `sign` is 0, its negative where it is −1.
    fn flip(&mut self, value: Reg, sign: Reg) -> Reg {
        let flipped = self.alu_new(AluOp::Xor, value, Src::Reg(sign));
        self.alu_new(AluOp::Sub, flipped, Src::Reg(sign))
    }
}
