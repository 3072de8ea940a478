//! Machine instructions: what selection makes, the allocator assigns registers to, and the encoder writes out.
//!
//! Invariants:
//! - A register is a physical one (r0–r10) or a virtual one with exactly one definition in the function.
//! - [`MInst::visit`] is the one place that says how an instruction uses its registers. An instruction whose
//!   result overwrites an operand (`Role::DefReuse`) names that operand first.
//! - What the verifier wants to see in one piece (clamp and use, the words of a comparison) is one instruction here.
//!
//! Deliberately absent: frame layout (offsets from r10 are final here) and jump distances.

use smallvec::SmallVec;

use super::callback::Callback;
use crate::ir::{MapRef, Width};
use crate::source::Span;

/// A register: 0–10 are the machine's, 10 the frame pointer; from [`Reg::FIRST_VIRTUAL`] on virtual.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Reg(u32);

impl Reg {
    /// The frame pointer, never allocated.
    pub const FP: Reg = Reg(10);
    const FIRST_VIRTUAL: u32 = 16;

    /// Register rN of the machine.
    pub fn phys(n: u8) -> Reg {
        debug_assert!(n <= 10);
        Reg(u32::from(n))
    }

    /// Virtual register number `n`.
    pub fn virt(n: u32) -> Reg {
        Reg(n + Reg::FIRST_VIRTUAL)
    }

    /// The number of a virtual register.
    pub fn as_virt(self) -> Option<u32> {
        self.0.checked_sub(Reg::FIRST_VIRTUAL)
    }

    /// The number of a machine register.
    ///
    /// # Panics
    /// When it is virtual: encoding before allocation.
    pub fn num(self) -> u8 {
        assert!(self.0 < Reg::FIRST_VIRTUAL, "virtual register {self:?} in finished code");
        self.0 as u8
    }
}

impl std::fmt::Debug for Reg {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.as_virt() {
            Some(n) => write!(f, "v{n}"),
            None => write!(f, "r{}", self.0),
        }
    }
}

/// A right operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Src {
    /// A register.
    Reg(Reg),
    /// A constant, sign-extended to 64 bits.
    Imm(i32),
}

/// A place in memory: `base + off`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Addr {
    /// A pointer, or [`Reg::FP`].
    pub base: Reg,
    /// Bytes further on.
    pub off: i16,
}

/// Two-operand arithmetic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AluOp {
    /// +
    Add,
    /// −
    Sub,
    /// ×
    Mul,
    /// unsigned ÷
    Div,
    /// signed ÷ (v4)
    Sdiv,
    /// or
    Or,
    /// and
    And,
    /// <<
    Lsh,
    /// unsigned >>
    Rsh,
    /// unsigned remainder
    Mod,
    /// signed remainder (v4)
    Smod,
    /// exclusive or
    Xor,
    /// signed >>
    Arsh,
}

impl AluOp {
    /// `a op b = b op a`
    pub fn commutes(self) -> bool {
        matches!(self, AluOp::Add | AluOp::Mul | AluOp::Or | AluOp::And | AluOp::Xor)
    }
}

/// Conditions of jumps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cmp {
    /// ==
    Eq,
    /// !=
    Ne,
    /// unsigned >
    Gt,
    /// unsigned >=
    Ge,
    /// unsigned <
    Lt,
    /// unsigned <=
    Le,
    /// signed >
    Sgt,
    /// signed >=
    Sge,
    /// signed <
    Slt,
    /// signed <=
    Sle,
    /// a common bit is set
    Set,
}

impl Cmp {
    /// The condition that holds exactly when this one does not; none for [`Cmp::Set`].
    pub fn inverse(self) -> Option<Cmp> {
        Some(match self {
            Cmp::Eq => Cmp::Ne,
            Cmp::Ne => Cmp::Eq,
            Cmp::Gt => Cmp::Le,
            Cmp::Le => Cmp::Gt,
            Cmp::Ge => Cmp::Lt,
            Cmp::Lt => Cmp::Ge,
            Cmp::Sgt => Cmp::Sle,
            Cmp::Sle => Cmp::Sgt,
            Cmp::Sge => Cmp::Slt,
            Cmp::Slt => Cmp::Sge,
            Cmp::Set => return None,
        })
    }

    /// The condition with its operands exchanged.
    pub fn swapped(self) -> Cmp {
        match self {
            Cmp::Eq | Cmp::Ne | Cmp::Set => self,
            Cmp::Gt => Cmp::Lt,
            Cmp::Lt => Cmp::Gt,
            Cmp::Ge => Cmp::Le,
            Cmp::Le => Cmp::Ge,
            Cmp::Sgt => Cmp::Slt,
            Cmp::Slt => Cmp::Sgt,
            Cmp::Sge => Cmp::Sle,
            Cmp::Sle => Cmp::Sge,
        }
    }
}

/// A comparison of two operands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Test {
    /// How.
    pub cmp: Cmp,
    /// Only the low 32 bits.
    pub narrow: bool,
    /// Left.
    pub left: Reg,
    /// Right.
    pub right: Src,
    /// Asks whether a pointer is null, which it seldom is.
    pub null_check: bool,
}

impl Test {
    /// A comparison of all 64 bits.
    pub fn wide(cmp: Cmp, left: Reg, right: Src) -> Test {
        Test { cmp, narrow: false, left, right, null_check: false }
    }

    /// A comparison of the low 32 bits.
    pub fn narrow(cmp: Cmp, left: Reg, right: Src) -> Test {
        Test { cmp, narrow: true, left, right, null_check: false }
    }

    /// Equality of a pointer with null.
    pub fn null(left: Reg) -> Test {
        Test { cmp: Cmp::Eq, narrow: false, left, right: Src::Imm(0), null_check: true }
    }
}

/// How the places of a stretch of memory are aligned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Phase {
    /// What its root is a multiple of: 1, 2, 4 or 8.
    align: u8,
    /// Bytes from the root, modulo 8.
    at: u8,
}

impl Phase {
    /// Of a stretch that begins `offset` bytes from a multiple of `align`.
    pub fn new(align: u32, offset: i64) -> Phase {
        Phase { align: align as u8, at: offset.rem_euclid(8) as u8 }
    }

    /// Alignment of the place `further` bytes on.
    pub fn align_at(self, further: u32) -> u32 {
        let at = u32::from(self.at) + further;
        u32::from(self.align).min(1 << at.trailing_zeros().min(3))
    }
}

/// Two stretches of memory of one length.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Span2 {
    /// One; written to, where something is written.
    pub left: Addr,
    /// The other.
    pub right: Addr,
    /// Bytes.
    pub len: u32,
    /// Their alignments.
    pub phases: [Phase; 2],
}

/// A machine instruction. The last of a block is a terminator.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum MInst {
    /// Takes the context over from r1: the first instruction.
    Entry {
        /// The context.
        dst: Reg,
    },
    /// A constant.
    Imm {
        /// Result.
        dst: Reg,
        /// What.
        value: i64,
    },
    /// `dst = src`
    Move {
        /// Result.
        dst: Reg,
        /// What.
        src: Reg,
    },
    /// `dst = low 32 bits of src`
    Move32 {
        /// Result.
        dst: Reg,
        /// What.
        src: Reg,
    },
    /// `dst = sign-extended low bits of src` (v4)
    MoveSx {
        /// Result.
        dst: Reg,
        /// What.
        src: Reg,
        /// 8, 16 or 32.
        bits: u8,
    },
    /// The map itself.
    MapAddr {
        /// Result.
        dst: Reg,
        /// Which.
        map: MapRef,
    },
    /// The address of a byte of an array map's only value.
    MapValueAddr {
        /// Result.
        dst: Reg,
        /// Which.
        map: MapRef,
        /// Bytes from the value's start.
        offset: u32,
    },
    /// The address of a function of the program.
    FuncAddr {
        /// Result.
        dst: Reg,
        /// Which of [`MFunc::callbacks`].
        callback: u32,
    },
    /// `dst = base + offset`, a pointer or a number; base may be r10.
    AddImm {
        /// Result.
        dst: Reg,
        /// What.
        base: Reg,
        /// How far.
        offset: i32,
    },
    /// `dst = left op right`
    Alu {
        /// What.
        op: AluOp,
        /// On 32 bits, upper half of the result zero.
        narrow: bool,
        /// Result, in the register of `left`.
        dst: Reg,
        /// Left.
        left: Reg,
        /// Right.
        right: Src,
    },
    /// `dst = -src`
    Neg {
        /// Result, in the register of `src`.
        dst: Reg,
        /// What.
        src: Reg,
    },
    /// `dst = low bits of src with their bytes swapped`
    Swap {
        /// Result, in the register of `src`.
        dst: Reg,
        /// What.
        src: Reg,
        /// 16, 32 or 64.
        bits: u8,
    },
    /// `dst = *addr`
    Load {
        /// How wide.
        width: Width,
        /// Sign-extended (v4).
        signed: bool,
        /// Result.
        dst: Reg,
        /// From where.
        addr: Addr,
    },
    /// `*addr = src`
    Store {
        /// How wide.
        width: Width,
        /// To where.
        addr: Addr,
        /// What.
        src: Src,
    },
    /// `*addr += src`, atomically
    AtomicAdd {
        /// B4 or B8.
        width: Width,
        /// Where.
        addr: Addr,
        /// What.
        src: Reg,
    },
    /// `dst = *addr; *addr += src`, atomically (5.12)
    AtomicFetchAdd {
        /// B4 or B8.
        width: Width,
        /// Result, in the register of `src`.
        dst: Reg,
        /// Where.
        addr: Addr,
        /// What.
        src: Reg,
    },
    /// `dst = *addr; if dst == expected { *addr = src }` on 8 bytes, atomically (5.12)
    AtomicCmpXchg {
        /// Result, in r0.
        dst: Reg,
        /// Where.
        addr: Addr,
        /// What must be there, in r0.
        expected: Reg,
        /// What then takes its place.
        src: Reg,
    },
    /// Calls a helper: arguments in r1…, result in r0, r0–r5 lost.
    Call {
        /// Number in the kernel's ABI.
        helper: i32,
        /// Arguments.
        args: SmallVec<[Reg; 5]>,
        /// Result, if anyone wants it.
        dst: Option<Reg>,
    },
    /// Calls a function of the program without arguments: result in r0, r0–r5 lost.
    CallSub {
        /// Which of [`MFunc::callbacks`].
        callback: u32,
        /// Result, if anyone wants it.
        dst: Option<Reg>,
    },
    /// Calls a function of an imported object: as a helper.
    CallImport {
        /// Which.
        function: u32,
        /// Arguments.
        args: SmallVec<[Reg; 5]>,
        /// Result, if anyone wants it.
        dst: Option<Reg>,
    },
    /// `dst = test ? 1 : 0`
    SetIf {
        /// Result.
        dst: Reg,
        /// When 1.
        test: Test,
    },
    /// `dst = base + min(index, count − 1) * scale`: clamped and used in one piece.
    PtrIndex {
        /// Result, in the register of `index`.
        dst: Reg,
        /// From where.
        base: Reg,
        /// Which element.
        index: Reg,
        /// Elements there are.
        count: u32,
        /// Bytes of an element.
        scale: u32,
        /// The index is below `count`, a power of two, already: a mask shows it to the verifier.
        mask: bool,
    },
    /// `dst = min(src, max)`, for sizes.
    Clamp {
        /// Result, in the register of `src`.
        dst: Reg,
        /// What.
        src: Reg,
        /// At most.
        max: u32,
    },
    /// `dst = base + (offset & 0xffff)`, base a context.
    ContextAddr {
        /// Result, in the register of `offset`.
        dst: Reg,
        /// The context.
        base: Reg,
        /// How far.
        offset: Reg,
    },
    /// Copies `right` to `left` in a loop of `step` bytes a round, by words to which both are aligned; len is a
    /// multiple of step.
    CopyLoop {
        /// What to where.
        span: Span2,
        /// Bytes a round.
        step: u32,
        /// Registers: target, source, rounds left, word.
        temps: [Reg; 4],
    },
    /// `dst = left equals right ? 1 : 0`
    MemEq {
        /// Result.
        dst: Reg,
        /// What with what.
        span: Span2,
        /// Registers: one word of each.
        temps: [Reg; 2],
    },
    /// As `MemEq`, in a loop of words of `step` bytes; len is a multiple of step.
    MemEqLoop {
        /// Result.
        dst: Reg,
        /// What with what.
        span: Span2,
        /// Bytes of a word, to which both ends are aligned.
        step: u32,
        /// Registers: left, right, words left, one word of each.
        temps: [Reg; 5],
    },
    /// Goes to the only successor.
    Jump,
    /// Goes to the first successor when the test holds, else to the second.
    Branch {
        /// The test.
        test: Test,
    },
    /// Goes to the first successor while the kernel allows a loop another round, else to the second (may_goto).
    MayGo,
    /// Goes to the first successor when the memory is equal, else to the second.
    BranchMemEq {
        /// What with what.
        span: Span2,
        /// Registers: one word of each.
        temps: [Reg; 2],
    },
    /// Leaves the program.
    Exit {
        /// With this result.
        value: Reg,
    },
}

/// How an instruction uses a register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Read before anything is written.
    Use,
    /// Read until the end: no result may take its register.
    UseLate,
    /// Read in this register.
    UseFixed(u8),
    /// Written at the end.
    Def,
    /// Written, in the register of the first operand; no other operand shares it.
    DefReuse,
    /// Written in this register.
    DefFixed(u8),
    /// Of no use before or after.
    Temp,
}

impl MInst {
    /// Calls `f` on every register with its role.
    pub fn visit(&mut self, f: &mut dyn FnMut(&mut Reg, Role)) {
        match self {
            MInst::Entry { dst } => f(dst, Role::DefFixed(1)),
            MInst::Imm { dst, .. }
            | MInst::MapAddr { dst, .. }
            | MInst::MapValueAddr { dst, .. }
            | MInst::FuncAddr { dst, .. } => {
                f(dst, Role::Def);
            }
            MInst::Move { dst, src } | MInst::Move32 { dst, src } | MInst::MoveSx { dst, src, .. } => {
                f(src, Role::Use);
                f(dst, Role::Def);
            }
            MInst::AddImm { dst, base, .. } => {
                f(base, Role::Use);
                f(dst, Role::Def);
            }
            MInst::Alu { dst, left, right, .. } => {
                f(left, Role::Use);
                visit_src(right, Role::Use, f);
                f(dst, Role::DefReuse);
            }
            MInst::Neg { dst, src } | MInst::Swap { dst, src, .. } | MInst::Clamp { dst, src, .. } => {
                f(src, Role::Use);
                f(dst, Role::DefReuse);
            }
            MInst::Load { dst, addr, .. } => {
                f(&mut addr.base, Role::Use);
                f(dst, Role::Def);
            }
            MInst::Store { addr, src, .. } => {
                f(&mut addr.base, Role::Use);
                visit_src(src, Role::Use, f);
            }
            MInst::AtomicAdd { addr, src, .. } => {
                f(&mut addr.base, Role::Use);
                f(src, Role::Use);
            }
            MInst::AtomicFetchAdd { dst, addr, src, .. } => {
                f(src, Role::Use);
                f(&mut addr.base, Role::Use);
                f(dst, Role::DefReuse);
            }
            MInst::AtomicCmpXchg { dst, addr, expected, src } => {
                f(expected, Role::UseFixed(0));
                f(&mut addr.base, Role::Use);
                f(src, Role::Use);
                f(dst, Role::DefFixed(0));
            }
            MInst::Call { args, dst, .. } | MInst::CallImport { args, dst, .. } => {
                for (arg, n) in args.iter_mut().zip(1..) {
                    f(arg, Role::UseFixed(n));
                }
                if let Some(dst) = dst {
                    f(dst, Role::DefFixed(0));
                }
            }
            MInst::CallSub { dst, .. } => {
                if let Some(dst) = dst {
                    f(dst, Role::DefFixed(0));
                }
            }
            MInst::SetIf { dst, test } => {
                visit_test(test, Role::UseLate, f);
                f(dst, Role::Def);
            }
            MInst::PtrIndex { dst, base, index, .. } => {
                f(index, Role::Use);
                f(base, Role::Use);
                f(dst, Role::DefReuse);
            }
            MInst::ContextAddr { dst, base, offset } => {
                f(offset, Role::Use);
                f(base, Role::Use);
                f(dst, Role::DefReuse);
            }
            MInst::CopyLoop { span, temps, .. } => visit_span(span, temps, f),
            MInst::MemEq { dst, span, temps } => {
                visit_span(span, temps, f);
                f(dst, Role::Def);
            }
            MInst::MemEqLoop { dst, span, temps, .. } => {
                visit_span(span, temps, f);
                f(dst, Role::Def);
            }
            MInst::Jump | MInst::MayGo => {}
            MInst::Branch { test } => visit_test(test, Role::Use, f),
            MInst::BranchMemEq { span, temps } => visit_span(span, temps, f),
            MInst::Exit { value } => f(value, Role::UseFixed(0)),
        }
    }

    /// True for the last instruction of a block.
    pub fn is_terminator(&self) -> bool {
        matches!(
            self,
            MInst::Jump
                | MInst::MayGo
                | MInst::Branch { .. }
                | MInst::BranchMemEq { .. }
                | MInst::Exit { .. }
        )
    }
}

fn visit_src(src: &mut Src, role: Role, f: &mut dyn FnMut(&mut Reg, Role)) {
    if let Src::Reg(reg) = src {
        f(reg, role);
    }
}

fn visit_test(test: &mut Test, role: Role, f: &mut dyn FnMut(&mut Reg, Role)) {
    f(&mut test.left, role);
    visit_src(&mut test.right, role, f);
}

fn visit_span(span: &mut Span2, temps: &mut [Reg], f: &mut dyn FnMut(&mut Reg, Role)) {
    f(&mut span.left.base, Role::UseLate);
    f(&mut span.right.base, Role::UseLate);
    for temp in temps {
        f(temp, Role::Temp);
    }
}

/// Index of a machine block in [`MFunc::blocks`], which is also its place in the code.
pub type MBlockId = u32;

/// A successor with arguments for its parameters.
#[derive(Clone, Debug, Default)]
pub struct Edge {
    /// Where.
    pub block: MBlockId,
    /// One a parameter.
    pub args: SmallVec<[Reg; 2]>,
}

/// A block: instructions with their spans, the last a terminator.
#[derive(Clone, Debug, Default)]
pub struct MBlock {
    /// Parameters, virtual registers. Empty after allocation.
    pub params: Vec<Reg>,
    /// Instructions.
    pub insts: Vec<(MInst, Span)>,
    /// Where the terminator goes.
    pub succs: SmallVec<[Edge; 2]>,
    /// Seldom run: put out of the way.
    pub cold: bool,
}

/// A function of machine blocks; the first is the entry and has no predecessors.
#[derive(Clone, Debug, Default)]
pub struct MFunc {
    /// Blocks in the order of the code.
    pub blocks: Vec<MBlock>,
    /// How many virtual registers there are.
    pub vregs: u32,
    /// Functions that the kernel calls back.
    pub callbacks: Vec<Callback>,
}
