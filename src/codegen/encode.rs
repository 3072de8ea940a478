//! Machine instructions on physical registers to instruction slots.
//!
//! Everything but the terminators of blocks, whose distances only `emit` knows. Jumps inside one machine
//! instruction are resolved here.
//!
//! Deliberately absent: choice of instructions. What stands in an `MInst` is written as it is.

use super::callback;
use super::inst::{Insn, Reloc};
use super::mach::{Addr, AluOp, Cmp, MInst, Phase, Reg, Span2, Src, Test};
use super::opcode as op;
use crate::ir::Width;

/// A loop inside one machine instruction, slots `at..end`: `lint` checks it as a whole.
#[derive(Clone, Debug)]
pub struct Sealed {
    /// First slot.
    pub at: u32,
    /// One past the last.
    pub end: u32,
    /// The instruction, on physical registers.
    pub inst: MInst,
}

/// Slots under construction.
#[derive(Default)]
pub struct Buffer {
    /// Slots so far.
    pub insns: Vec<Insn>,
    /// Maps to put in, by slot.
    pub relocs: Vec<Reloc>,
    /// Loops.
    pub sealed: Vec<Sealed>,
}

impl Buffer {
    /// Appends the slots of an instruction that is not a terminator.
    ///
    /// # Panics
    /// On terminators and virtual registers.
    pub fn encode(&mut self, inst: &MInst) {
        match inst {
            MInst::Entry { .. } => {}
            MInst::Imm { dst, value } => self.constant(*dst, *value),
            MInst::Move { dst, src } => self.copy(*dst, *src),
            MInst::Move32 { dst, src } => self.alu(op::ALU | op::MOV, *dst, Src::Reg(*src), 0),
            MInst::MoveSx { dst, src, bits } => {
                self.alu(op::ALU64 | op::MOV, *dst, Src::Reg(*src), i16::from(*bits));
            }
            MInst::MapAddr { dst, map } => {
                self.relocs.push(Reloc { at: self.at(), map: *map, value_offset: None });
                self.wide(*dst, op::PSEUDO_MAP, 0, 0);
            }
            MInst::MapValueAddr { dst, map, offset } => {
                self.relocs.push(Reloc { at: self.at(), map: *map, value_offset: Some(*offset) });
                self.wide(*dst, op::PSEUDO_MAP_VALUE, 0, *offset as i32);
            }
            MInst::FuncAddr { dst, callback } => self.wide(*dst, op::PSEUDO_FUNC, *callback as i32, 0),
            MInst::AddImm { dst, base, offset } => {
                self.copy(*dst, *base);
                if *offset != 0 {
                    self.alu(op::ALU64 | op::ADD, *dst, Src::Imm(*offset), 0);
                }
            }
            MInst::Alu { op, narrow, dst, right, .. } => self.binary(*op, *narrow, *dst, *right),
            MInst::Neg { dst, .. } => self.push(op::ALU64 | op::NEG, *dst, 0, 0, 0),
            MInst::Swap { dst, bits, .. } => {
                self.push(op::ALU | op::END | op::X, *dst, 0, 0, i32::from(*bits));
            }
            MInst::Load { width, signed, dst, addr } => self.load(*width, *signed, *dst, *addr),
            MInst::Store { width, addr, src } => self.store(*width, *addr, *src),
            MInst::AtomicAdd { width, addr, src } => self.atomic(*width, *addr, *src, i32::from(op::ADD)),
            MInst::AtomicFetchAdd { width, addr, dst, .. } => {
                self.atomic(*width, *addr, *dst, i32::from(op::ADD) | op::FETCH);
            }
            MInst::AtomicCmpXchg { addr, src, .. } => self.atomic(Width::B8, *addr, *src, op::CMPXCHG),
            MInst::Call { helper, .. } => self.push(op::JMP | op::CALL, Reg::phys(0), 0, 0, *helper),
            MInst::CallSub { callback, .. } => {
                self.push(op::JMP | op::CALL, Reg::phys(0), op::PSEUDO_CALL, 0, *callback as i32);
            }
            MInst::CallImport { function, .. } => {
                let number = callback::number_of_import(*function);
                self.push(op::JMP | op::CALL, Reg::phys(0), op::PSEUDO_CALL, 0, number);
            }
            MInst::SetIf { dst, test } => {
                self.constant(*dst, 1);
                self.jump(*test, 1);
                self.constant(*dst, 0);
            }
            MInst::PtrIndex { dst, base, count, scale, mask, .. } => {
                self.ptr_index(*dst, *base, *count, *scale, *mask);
            }
            MInst::Clamp { dst, max, .. } => self.clamp(*dst, *max),
            MInst::ContextAddr { dst, base, .. } => {
                self.alu(op::ALU64 | op::AND, *dst, Src::Imm(0xffff), 0);
                self.alu(op::ALU64 | op::ADD, *dst, Src::Reg(*base), 0);
            }
            MInst::CopyLoop { span, step, temps } => {
                let at = self.at();
                self.copy_loop(*span, *step, *temps);
                self.sealed.push(Sealed { at, end: self.at(), inst: inst.clone() });
            }
            MInst::MemEq { dst, span, temps } => self.mem_eq(*dst, *span, *temps),
            MInst::MemEqLoop { dst, span, step, temps } => {
                let at = self.at();
                self.mem_eq_loop(*dst, *span, *step, *temps);
                self.sealed.push(Sealed { at, end: self.at(), inst: inst.clone() });
            }
            MInst::Jump
            | MInst::MayGo
            | MInst::Branch { .. }
            | MInst::BranchMemEq { .. }
            | MInst::Exit { .. } => {
                unreachable!("terminators are written by emit")
            }
        }
    }

    /// Index of the next slot.
    pub fn at(&self) -> u32 {
        self.insns.len() as u32
    }

    fn push(&mut self, code: u8, dst: Reg, src: u8, off: i16, imm: i32) {
        self.insns.push(Insn { code, dst: dst.num(), src, off, imm });
    }

    fn alu(&mut self, code: u8, dst: Reg, src: Src, off: i16) {
        match src {
            Src::Reg(src) => self.push(code | op::X, dst, src.num(), off, 0),
            Src::Imm(imm) => self.push(code | op::K, dst, 0, off, imm),
        }
    }

    fn copy(&mut self, dst: Reg, src: Reg) {
        if dst != src {
            self.alu(op::ALU64 | op::MOV, dst, Src::Reg(src), 0);
        }
    }

    fn wide(&mut self, dst: Reg, pseudo: u8, low: i32, high: i32) {
        self.push(op::LD | op::IMM | op::DW, dst, pseudo, 0, low);
        self.insns.push(Insn { imm: high, ..Insn::default() });
    }

    fn constant(&mut self, dst: Reg, value: i64) {
        if let Ok(imm) = i32::try_from(value) {
            self.alu(op::ALU64 | op::MOV, dst, Src::Imm(imm), 0);
        } else if let Ok(imm) = u32::try_from(value) {
            self.alu(op::ALU | op::MOV, dst, Src::Imm(imm as i32), 0);
        } else {
            self.wide(dst, 0, value as i32, (value >> 32) as i32);
        }
    }

    fn binary(&mut self, what: AluOp, narrow: bool, dst: Reg, right: Src) {
        let (code, signed) = match what {
            AluOp::Add => (op::ADD, 0),
            AluOp::Sub => (op::SUB, 0),
            AluOp::Mul => (op::MUL, 0),
            AluOp::Div => (op::DIV, 0),
            AluOp::Sdiv => (op::DIV, 1),
            AluOp::Or => (op::OR, 0),
            AluOp::And => (op::AND, 0),
            AluOp::Lsh => (op::LSH, 0),
            AluOp::Rsh => (op::RSH, 0),
            AluOp::Mod => (op::MOD, 0),
            AluOp::Smod => (op::MOD, 1),
            AluOp::Xor => (op::XOR, 0),
            AluOp::Arsh => (op::ARSH, 0),
        };
        let class = if narrow { op::ALU } else { op::ALU64 };
        self.alu(class | code, dst, right, signed);
    }

    fn load(&mut self, width: Width, signed: bool, dst: Reg, addr: Addr) {
        let mode = if signed { op::MEMSX } else { op::MEM };
        self.push(op::LDX | mode | size(width), dst, addr.base.num(), addr.off, 0);
    }

    fn store(&mut self, width: Width, addr: Addr, src: Src) {
        match src {
            Src::Reg(src) => {
                self.push(op::STX | op::MEM | size(width), addr.base, src.num(), addr.off, 0);
            }
            Src::Imm(imm) => self.push(op::ST | op::MEM | size(width), addr.base, 0, addr.off, imm),
        }
    }

    fn atomic(&mut self, width: Width, addr: Addr, src: Reg, imm: i32) {
        self.push(op::STX | op::ATOMIC | size(width), addr.base, src.num(), addr.off, imm);
    }

    /// A conditional jump over `off` slots.
    pub fn jump(&mut self, test: Test, off: i16) {
        let class = if test.narrow { op::JMP32 } else { op::JMP };
        self.alu(class | condition(test.cmp), test.left, test.right, off);
    }

    /// `ja off`
    pub fn jump_always(&mut self, off: i16) {
        self.push(op::JMP | op::JA, Reg::phys(0), 0, off, 0);
    }

    /// `gotol imm`
    pub fn jump_long(&mut self, imm: i32) {
        self.push(op::JMP32 | op::JA, Reg::phys(0), 0, 0, imm);
    }

    /// `exit`
    pub fn exit(&mut self) {
        self.push(op::JMP | op::EXIT, Reg::phys(0), 0, 0, 0);
    }

    fn clamp(&mut self, dst: Reg, max: u32) {
        let test = Test::wide(Cmp::Le, dst, Src::Imm(max as i32));
        self.jump(test, 1);
        self.constant(dst, i64::from(max));
    }

    fn ptr_index(&mut self, dst: Reg, base: Reg, count: u32, scale: u32, mask: bool) {
        if mask {
            self.alu(op::ALU64 | op::AND, dst, Src::Imm((count - 1) as i32), 0);
        } else {
            self.clamp(dst, count - 1);
        }
        if scale.is_power_of_two() {
            if scale > 1 {
                self.alu(op::ALU64 | op::LSH, dst, Src::Imm(scale.trailing_zeros() as i32), 0);
            }
        } else {
            self.alu(op::ALU64 | op::MUL, dst, Src::Imm(scale as i32), 0);
        }
        self.alu(op::ALU64 | op::ADD, dst, Src::Reg(base), 0);
    }

    /// `dst = base + off`, for the running pointers of loops.
    fn pointer(&mut self, dst: Reg, addr: Addr) {
        self.copy(dst, addr.base);
        if addr.off != 0 {
            self.alu(op::ALU64 | op::ADD, dst, Src::Imm(i32::from(addr.off)), 0);
        }
    }

    fn copy_loop(&mut self, span: Span2, step: u32, [to, from, rounds, word]: [Reg; 4]) {
        self.pointer(to, span.left);
        self.pointer(from, span.right);
        self.constant(rounds, i64::from(span.len / step));
        let start = self.insns.len();
        for (width, off) in chunks(step, span.phases) {
            self.load(width, false, word, Addr { base: from, off: off as i16 });
            self.store(width, Addr { base: to, off: off as i16 }, Src::Reg(word));
        }
        self.alu(op::ALU64 | op::ADD, to, Src::Imm(step as i32), 0);
        self.alu(op::ALU64 | op::ADD, from, Src::Imm(step as i32), 0);
        self.again(rounds, start);
    }

    /// Counts `rounds` down and goes back to slot `start` until it is 0.
    fn again(&mut self, rounds: Reg, start: usize) {
        self.alu(op::ALU64 | op::ADD, rounds, Src::Imm(-1), 0);
        let test = Test::wide(Cmp::Ne, rounds, Src::Imm(0));
        let back = start as i64 - self.insns.len() as i64 - 1;
        self.jump(test, back as i16);
    }

    fn mem_eq(&mut self, dst: Reg, span: Span2, temps: [Reg; 2]) {
        self.constant(dst, 0);
        let first = self.insns.len();
        self.compare_words(span, temps);
        let done = self.insns.len() + 1;
        for at in (first + 2..done).step_by(3) {
            self.insns[at].off = (done - at - 1) as i16;
        }
        self.constant(dst, 1);
    }

    /// Three slots a word: two loads and a jump when they differ, its distance left open.
    pub fn compare_words(&mut self, span: Span2, [one, other]: [Reg; 2]) {
        for (width, off) in chunks(span.len, span.phases) {
            self.load(width, false, one, shifted(span.left, off));
            self.load(width, false, other, shifted(span.right, off));
            self.jump(Test::wide(Cmp::Ne, one, Src::Reg(other)), 0);
        }
    }

    fn mem_eq_loop(&mut self, dst: Reg, span: Span2, step: u32, temps: [Reg; 5]) {
        let [left, right, rounds, one, other] = temps;
        self.pointer(left, span.left);
        self.pointer(right, span.right);
        self.constant(dst, 0);
        self.constant(rounds, i64::from(span.len / step));
        let start = self.insns.len();
        let word = Span2 {
            left: Addr { base: left, off: 0 },
            right: Addr { base: right, off: 0 },
            len: step,
            phases: span.phases,
        };
        self.compare_words(word, [one, other]);
        let leave = self.insns.len() - 1;
        self.alu(op::ALU64 | op::ADD, left, Src::Imm(step as i32), 0);
        self.alu(op::ALU64 | op::ADD, right, Src::Imm(step as i32), 0);
        self.again(rounds, start);
        self.constant(dst, 1);
        self.insns[leave].off = (self.insns.len() - leave - 1) as i16;
    }
}

/// The place `off` bytes further on.
pub fn shifted(addr: Addr, off: u32) -> Addr {
    Addr { base: addr.base, off: addr.off + off as i16 }
}

/// Cuts `len` bytes into accesses as wide as the alignments of both sides allow: width and offset of each.
pub fn chunks(len: u32, phases: [Phase; 2]) -> impl Iterator<Item = (Width, u32)> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let left = len - at;
        if left == 0 {
            return None;
        }
        let [one, other] = phases.map(|phase| phase.align_at(at));
        let bytes = one.min(other).min(1 << left.ilog2());
        let off = at;
        at += bytes;
        Some((Width::from_bytes(bytes)?, off))
    })
}

fn size(width: Width) -> u8 {
    match width {
        Width::B1 => op::B,
        Width::B2 => op::H,
        Width::B4 => op::W,
        Width::B8 => op::DW,
    }
}

fn condition(cmp: Cmp) -> u8 {
    match cmp {
        Cmp::Eq => op::JEQ,
        Cmp::Ne => op::JNE,
        Cmp::Gt => op::JGT,
        Cmp::Ge => op::JGE,
        Cmp::Lt => op::JLT,
        Cmp::Le => op::JLE,
        Cmp::Sgt => op::JSGT,
        Cmp::Sge => op::JSGE,
        Cmp::Slt => op::JSLT,
        Cmp::Sle => op::JSLE,
        Cmp::Set => op::JSET,
    }
}
