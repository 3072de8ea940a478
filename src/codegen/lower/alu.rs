//! Arithmetic: constants into the instruction, 32 bits where only those are wanted.

use super::Lower;
use crate::codegen::mach::{AluOp, MInst, Reg, Src};
use crate::ir::{BinOp, InstData, UnOp, Value};

impl Lower<'_> {
    /// `dst = left op right`
    pub(super) fn alu(&mut self, op: AluOp, dst: Reg, left: Reg, right: Src) {
        self.push(MInst::Alu { op, narrow: false, dst, left, right });
    }

    /// `left op right` in a new register.
    pub(super) fn alu_new(&mut self, op: AluOp, left: Reg, right: Src) -> Reg {
        let dst = self.fresh();
        self.alu(op, dst, left, right);
        dst
    }

    pub(super) fn unary(&mut self, op: UnOp, arg: Value, dst: Reg) {
        match op {
            UnOp::Zext32 => {
                if !self.narrow(arg, dst) {
                    let src = self.half(arg);
                    self.push(MInst::Move32 { dst, src });
                }
                return;
            }
            UnOp::Zext8 | UnOp::Zext16 => {
                let left = self.low_bits(arg, if op == UnOp::Zext8 { 8 } else { 16 });
                let mask = if op == UnOp::Zext8 { 0xff } else { 0xffff };
                return self.alu(AluOp::And, dst, left, Src::Imm(mask));
            }
            _ => {}
        }
        match op {
            UnOp::Sext8 => self.sign_extend(arg, 8, dst),
            UnOp::Sext16 => self.sign_extend(arg, 16, dst),
            UnOp::Sext32 => self.sign_extend(arg, 32, dst),
            UnOp::Swap16 => self.swap(arg, 16, dst),
            UnOp::Swap32 => self.swap(arg, 32, dst),
            UnOp::Swap64 => self.swap(arg, 64, dst),
            _ => {
                let src = self.reg(arg);
                self.push(MInst::Neg { dst, src });
            }
        }
    }

    fn swap(&mut self, arg: Value, bits: u8, dst: Reg) {
        let src = self.low_bits(arg, bits);
        self.push(MInst::Swap { dst, src, bits });
    }

    fn sign_extend(&mut self, arg: Value, bits: u8, dst: Reg) {
        let src = self.low_bits(arg, bits);
        self.sign_extend_reg(src, bits, dst);
    }

    pub(super) fn sign_extend_reg(&mut self, src: Reg, bits: u8, dst: Reg) {
        if self.target.v4 {
            return self.push(MInst::MoveSx { dst, src, bits });
        }
        let shift = Src::Imm(64 - i32::from(bits));
        let high = self.alu_new(AluOp::Lsh, src, shift);
        self.alu(AluOp::Arsh, dst, high, shift);
    }

    /// A register with at least the low `bits` of a value right: extensions beyond them are passed over.
    pub(super) fn low_bits(&mut self, value: Value, bits: u8) -> Reg {
        let mut value = self.facts.canon(value);
        while let Some(InstData::Unary { op, arg }) = self.facts.def(value)
            && op.extension().is_some_and(|(from, _)| from >= u32::from(bits))
        {
            value = self.facts.canon(*arg);
        }
        if bits <= 32 { self.half(value) } else { self.reg(value) }
    }

    /// Computes the low half of a value that only this zero extension wants in one 32-bit instruction, if there is
    /// one.
    fn narrow(&mut self, value: Value, dst: Reg) -> bool {
        if !self.facts.single_use(value) {
            return false;
        }
        match self.facts.def(value) {
            Some(InstData::Binary { op, left, right }) => self.narrow_binary(*op, *left, *right, dst),
            _ => false,
        }
    }

    fn narrow_binary(&mut self, op: BinOp, left: Value, right: Value, dst: Reg) -> bool {
        let (left, right) = self.constant_right(op, left, right);
        let constant = self.facts.constant(right);
        let alu = match (op, constant) {
            (BinOp::Add, _) => AluOp::Add,
            (BinOp::Sub, _) => AluOp::Sub,
            (BinOp::Mul, _) => AluOp::Mul,
            (BinOp::And, _) => AluOp::And,
            (BinOp::Or, _) => AluOp::Or,
            (BinOp::Xor, _) => AluOp::Xor,
            (BinOp::Shl, Some(n)) if n & 63 < 32 => AluOp::Lsh,
            _ => return false,
        };
        let left = self.low_bits(left, 32);
        let right = match constant {
            Some(n) if alu == AluOp::Lsh => Src::Imm(n as i32 & 63),
            Some(n) => Src::Imm(n as i32),
            None => Src::Reg(self.low_bits(right, 32)),
        };
        self.push(MInst::Alu { op: alu, narrow: true, dst, left, right });
        true
    }

    /// Operands with a constant on the right, where their order does not matter.
    fn constant_right(&self, op: BinOp, left: Value, right: Value) -> (Value, Value) {
        let commutes = matches!(op, BinOp::Add | BinOp::Mul | BinOp::And | BinOp::Or | BinOp::Xor);
        if commutes && self.facts.constant(left).is_some() { (right, left) } else { (left, right) }
    }

    pub(super) fn binary(&mut self, op: BinOp, left: Value, right: Value, dst: Reg) {
        let (left, right) = self.constant_right(op, left, right);
        let alu = match op {
            BinOp::Add => AluOp::Add,
            BinOp::Sub => AluOp::Sub,
            BinOp::Mul => AluOp::Mul,
            BinOp::Or => AluOp::Or,
            BinOp::Xor => AluOp::Xor,
            BinOp::And => return self.and(left, right, dst),
            BinOp::Shl => return self.shift(AluOp::Lsh, left, right, dst),
            BinOp::LShr => return self.shift(AluOp::Rsh, left, right, dst),
            BinOp::AShr => return self.shift(AluOp::Arsh, left, right, dst),
            BinOp::UDiv => return self.unsigned(AluOp::Div, left, right, dst),
            BinOp::URem => return self.unsigned(AluOp::Mod, left, right, dst),
            BinOp::SDiv => return self.signed(true, left, right, dst),
            BinOp::SRem => return self.signed(false, left, right, dst),
        };
        let (left, right) = self.dying_left(alu, left, right);
        let left = self.reg(left);
        let right = self.src(right);
        self.alu(alu, dst, left, right);
    }

    /// Of two operands whose order does not matter, the one that nobody wants later goes left: the result takes
    /// its register.
    fn dying_left(&self, op: AluOp, left: Value, right: Value) -> (Value, Value) {
        let wanted = |value| self.regs[self.facts.canon(value)].is_some();
        let exchange =
            op.commutes() && self.facts.constant(right).is_none() && wanted(left) && !wanted(right);
        if exchange { (right, left) } else { (left, right) }
    }

    fn and(&mut self, left: Value, right: Value, dst: Reg) {
        match self.facts.constant(right) {
            Some(0xffff_ffff) => {
                let src = self.half(left);
                self.push(MInst::Move32 { dst, src });
            }
            Some(mask) if i32::try_from(mask).is_err() && u32::try_from(mask).is_ok() => {
                let left = self.low_bits(left, 32);
                let right = Src::Imm(mask as i32);
                self.push(MInst::Alu { op: AluOp::And, narrow: true, dst, left, right });
            }
            Some(mask) if mask >= 0 => {
                let bits = 64 - mask.leading_zeros() as u8;
                let left = self.low_bits(left, bits);
                let right = self.src(right);
                self.alu(AluOp::And, dst, left, right);
            }
            _ => {
                let (left, right) = self.dying_left(AluOp::And, left, right);
                let left = self.reg(left);
                let right = self.src(right);
                self.alu(AluOp::And, dst, left, right);
            }
        }
    }

    fn shift(&mut self, op: AluOp, left: Value, right: Value, dst: Reg) {
        let count = self.facts.constant(right).map(|n| n as i32 & 63);
        if op == AluOp::Lsh
            && let Some(count) = count
        {
            let left = self.low_bits(left, 64 - count as u8);
            return self.shift_reg(op, dst, left, count);
        }
        let left = self.reg(left);
        match count {
            Some(count) => self.shift_reg(op, dst, left, count),
            None => {
                // the machine takes the count modulo 64, as the IR does
                let right = Src::Reg(self.low_bits(right, 8));
                self.alu(op, dst, left, right);
            }
        }
    }

    pub(super) fn shift_reg(&mut self, op: AluOp, dst: Reg, src: Reg, count: i32) {
        match count {
            0 => self.push(MInst::Move { dst, src }),
            _ => self.alu(op, dst, src, Src::Imm(count)),
        }
    }
}
