//! Register allocation: the only user of regalloc2.
//!
//! In: machine instructions on virtual registers, critical edges split, the entry without predecessors. Out: the
//! same blocks on r0–r9, with the moves, spills and fills that the allocator wanted, and block parameters gone.
//!
//! The mapping: one class, spill slots of one 8-byte word, calls clobber r0–r5 except r0 where it is the result
//! (an r0 that is both makes the allocator wrong), no scratch register. The backtracking allocator serves functions
//! of every size: 90,000 instructions take it 0.1 s. The single-pass one would give each spilled value a slot of its
//! own, and 512 bytes of stack do not have them.
//!
//! Deliberately absent: where spill slots lie; they are addressed from `spill_base` down.

use regalloc2::{
    Algorithm, Allocation, Block, Edit, Inst, InstOrEdit, InstRange, MachineEnv, Operand, OperandConstraint,
    OperandKind, OperandPos, Output, PReg, PRegSet, RegClass, RegallocOptions, VReg,
};

use super::mach::{Addr, MBlock, MFunc, MInst, Reg, Role, Src};
use crate::ir::Width;
use crate::source::Span;

/// What to allocate with.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Registers r0…: 6 to 10.
    pub registers: u8,
    /// Run the independent checker on the result.
    pub check: bool,
}

/// An allocated function.
#[derive(Debug)]
pub struct Allocated {
    /// Its blocks on physical registers.
    pub blocks: Vec<MBlock>,
    /// Spill slots used, 8 bytes each.
    pub spills: u32,
}

/// Allocates registers. Spill slot `i` lies at `r10 − spill_base − 8 * (i + 1)`.
///
/// # Errors
/// When the allocator or its checker refuses: a bug in the selection, in words.
pub fn allocate(func: MFunc, spill_base: u32, options: Options) -> Result<Allocated, String> {
    let env = machine(options.registers);
    let input = Input::new(func);
    let settings =
        RegallocOptions { verbose_log: false, validate_ssa: options.check, algorithm: Algorithm::Ion };
    let output =
        regalloc2::run(&input, &env, &settings).map_err(|e| format!("register allocation: {e:?}"))?;
    if options.check {
        let mut checker = regalloc2::checker::Checker::new(&input, &env);
        checker.prepare(&output);
        checker.run().map_err(|e| format!("register allocation is wrong: {e:?}"))?;
    }
    Ok(rewrite(input, &output, spill_base))
}

fn machine(registers: u8) -> MachineEnv {
    let set = |range: std::ops::Range<u8>| {
        range.fold(PRegSet::empty(), |set, n| set.with(PReg::new(usize::from(n), RegClass::Int)))
    };
    let none = PRegSet::empty();
    MachineEnv {
        // r6–r9 cost the JIT a push and a pop each
        preferred_regs_by_class: [set(0..registers.min(6)), none, none],
        non_preferred_regs_by_class: [set(6..registers.clamp(6, 10)), none, none],
        scratch_by_class: [None; 3],
        fixed_stack_slots: Vec::new(),
    }
}

/// The function as regalloc2 wants to see it.
struct Input {
    insts: Vec<(MInst, Span)>,
    /// Operands of instruction `i`: `operands[starts[i]..starts[i + 1]]`.
    operands: Vec<Operand>,
    starts: Vec<u32>,
    blocks: Vec<InputBlock>,
    vregs: u32,
}

struct InputBlock {
    first: usize,
    end: usize,
    params: Vec<VReg>,
    succs: Vec<Block>,
    preds: Vec<Block>,
    args: Vec<Vec<VReg>>,
    source: MBlock,
}

fn vreg(reg: Reg) -> VReg {
    match reg.as_virt() {
        Some(n) => VReg::new(n as usize, RegClass::Int),
        None => unreachable!("physical register {reg:?} before allocation"),
    }
}

fn operand(reg: Reg, role: Role) -> Operand {
    let reg = vreg(reg);
    let fixed = |n: u8| OperandConstraint::FixedReg(PReg::new(usize::from(n), RegClass::Int));
    let (constraint, kind, pos) = match role {
        Role::Use => (OperandConstraint::Reg, OperandKind::Use, OperandPos::Early),
        Role::UseLate => (OperandConstraint::Reg, OperandKind::Use, OperandPos::Late),
        Role::UseFixed(n) => (fixed(n), OperandKind::Use, OperandPos::Early),
        Role::Def => (OperandConstraint::Reg, OperandKind::Def, OperandPos::Late),
        Role::DefReuse => (OperandConstraint::Reuse(0), OperandKind::Def, OperandPos::Late),
        Role::DefFixed(n) => (fixed(n), OperandKind::Def, OperandPos::Late),
        Role::Temp => (OperandConstraint::Reg, OperandKind::Def, OperandPos::Early),
    };
    Operand::new(reg, constraint, kind, pos)
}

impl Input {
    fn new(func: MFunc) -> Input {
        let total = func.blocks.iter().map(|b| b.insts.len()).sum();
        let mut input = Input {
            insts: Vec::with_capacity(total),
            operands: Vec::with_capacity(2 * total),
            starts: Vec::with_capacity(total + 1),
            blocks: Vec::with_capacity(func.blocks.len()),
            vregs: func.vregs,
        };
        for block in func.blocks {
            input.add(block);
        }
        input.starts.push(input.operands.len() as u32);
        for from in 0..input.blocks.len() {
            for at in 0..input.blocks[from].succs.len() {
                let to = input.blocks[from].succs[at];
                input.blocks[to.index()].preds.push(Block::new(from));
            }
        }
        input
    }

    fn add(&mut self, mut block: MBlock) {
        let first = self.insts.len();
        for (mut inst, span) in std::mem::take(&mut block.insts) {
            self.starts.push(self.operands.len() as u32);
            inst.visit(&mut |reg, role| {
                if *reg != Reg::FP {
                    self.operands.push(operand(*reg, role));
                }
            });
            self.insts.push((inst, span));
        }
        self.blocks.push(InputBlock {
            first,
            end: self.insts.len(),
            params: block.params.iter().map(|r| vreg(*r)).collect(),
            succs: block.succs.iter().map(|e| Block::new(e.block as usize)).collect(),
            preds: Vec::new(),
            args: block.succs.iter().map(|e| e.args.iter().map(|r| vreg(*r)).collect()).collect(),
            source: block,
        });
    }
}

impl regalloc2::Function for Input {
    fn num_insts(&self) -> usize {
        self.insts.len()
    }

    fn num_blocks(&self) -> usize {
        self.blocks.len()
    }

    fn entry_block(&self) -> Block {
        Block::new(0)
    }

    fn block_insns(&self, block: Block) -> InstRange {
        let block = &self.blocks[block.index()];
        InstRange::new(Inst::new(block.first), Inst::new(block.end))
    }

    fn block_succs(&self, block: Block) -> &[Block] {
        &self.blocks[block.index()].succs
    }

    fn block_preds(&self, block: Block) -> &[Block] {
        &self.blocks[block.index()].preds
    }

    fn block_params(&self, block: Block) -> &[VReg] {
        &self.blocks[block.index()].params
    }

    fn is_ret(&self, inst: Inst) -> bool {
        matches!(self.insts[inst.index()].0, MInst::Exit { .. })
    }

    fn is_branch(&self, inst: Inst) -> bool {
        self.insts[inst.index()].0.is_terminator() && !self.is_ret(inst)
    }

    fn branch_blockparams(&self, block: Block, _: Inst, succ: usize) -> &[VReg] {
        &self.blocks[block.index()].args[succ]
    }

    fn inst_operands(&self, inst: Inst) -> &[Operand] {
        let at = inst.index();
        &self.operands[self.starts[at] as usize..self.starts[at + 1] as usize]
    }

    fn inst_clobbers(&self, inst: Inst) -> PRegSet {
        let mut set = PRegSet::empty();
        if let MInst::Call { dst, .. } | MInst::CallSub { dst, .. } | MInst::CallImport { dst, .. } =
            &self.insts[inst.index()].0
        {
            for n in usize::from(dst.is_some())..6 {
                set.add(PReg::new(n, RegClass::Int));
            }
        }
        set
    }

    fn num_vregs(&self) -> usize {
        self.vregs as usize
    }

    fn spillslot_size(&self, _: RegClass) -> usize {
        1
    }
}

/// Puts the allocator's answer into the instructions.
fn rewrite(mut input: Input, output: &Output, spill_base: u32) -> Allocated {
    let mut blocks = Vec::with_capacity(input.blocks.len());
    for index in 0..input.blocks.len() {
        let mut insts = Vec::new();
        let mut span = input.insts[input.blocks[index].first].1;
        for item in output.block_insts_and_edits(&input, Block::new(index)) {
            match item {
                InstOrEdit::Inst(at) => {
                    let (mut inst, inst_span) = input.insts[at.index()].clone();
                    span = inst_span;
                    assign(&mut inst, output.inst_allocs(at));
                    insts.push((inst, span));
                }
                InstOrEdit::Edit(Edit::Move { from, to }) => {
                    insts.push((movement(*from, *to, spill_base), span));
                }
            }
        }
        let mut block = std::mem::take(&mut input.blocks[index].source);
        block.params.clear();
        block.succs.iter_mut().for_each(|edge| edge.args.clear());
        block.insts = insts;
        blocks.push(block);
    }
    Allocated { blocks, spills: output.num_spillslots as u32 }
}

fn assign(inst: &mut MInst, allocs: &[Allocation]) {
    let mut allocs = allocs.iter();
    inst.visit(&mut |reg, _| {
        if *reg != Reg::FP {
            let preg = allocs.next().and_then(|a| a.as_reg());
            *reg = Reg::phys(preg.map_or(0, |p| p.hw_enc() as u8));
        }
    });
}

fn movement(from: Allocation, to: Allocation, spill_base: u32) -> MInst {
    let reg = |a: Allocation| a.as_reg().map(|p| Reg::phys(p.hw_enc() as u8));
    let slot = |a: Allocation| {
        let index = a.as_stack().map_or(0, |s| s.index()) as i64;
        // a frame too large for 16 bits is refused before it is encoded
        let off = -(i64::from(spill_base) + 8 * (index + 1));
        Addr { base: Reg::FP, off: off.max(i64::from(i16::MIN)) as i16 }
    };
    match (reg(from), reg(to)) {
        (Some(src), Some(dst)) => MInst::Move { dst, src },
        (Some(src), None) => MInst::Store { width: Width::B8, addr: slot(to), src: Src::Reg(src) },
        (None, Some(dst)) => MInst::Load { width: Width::B8, signed: false, dst, addr: slot(from) },
        (None, None) => unreachable!("the allocator never moves from slot to slot"),
    }
}
