//! Instruction selection: SSA to machine instructions on virtual registers.
//!
//! Blocks and their instructions are walked backward, so that what an instruction can take into itself (a constant,
//! an extension, a distance, a comparison) is seen before it is made on its own; what nobody asked for is not made.
//! `facts` says what values are, `addr` takes pointers apart, and each family of instructions has a file: `alu`,
//! `divide`, `branch`, `memory`, `bulk`, `call`. `order` puts the blocks in line, `stores` merges neighbouring constants.
//!
//! Invariants: constants and pointers with a constant distance never live in a register between two instructions
//! that use them, unless the allocator is told so; nothing is computed on a pointer before its null check, because
//! distances are added where the pointer is used.
//!
//! Deliberately absent: optimisation across instructions that passes do on the IR (folding, merging, dead code).

mod addr;
mod alu;
mod branch;
mod bulk;
mod call;
mod crossing;
mod divide;
mod facts;
mod memory;
mod order;
mod shared;
mod stores;

use std::collections::HashSet;

use cranelift_entity::SecondaryMap;

use super::callback::Callback;
use super::frame::Frame;
use super::inst::Target;
use super::mach::{MBlock, MFunc, MInst, Reg, Src};
use crate::ir::cfg::Cfg;
use crate::ir::{Block, Function, Helper, Inst, InstData, MapRef, Value};
use crate::source::Span;
use crate::wire::map::MapSpec;
use cranelift_entity::PrimaryMap;
use facts::Facts;
pub use order::put_cold_last;
use shared::{Shared, Sharing};

/// What selection reads besides the function.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// Maps of the module.
    pub maps: &'a PrimaryMap<MapRef, MapSpec>,
    /// What the kernel can do.
    pub target: &'a Target,
    /// Where slots lie.
    pub frame: &'a Frame,
}

/// Selects instructions for a verified function.
pub fn lower(func: &Function, cfg: &Cfg, context: Context<'_>) -> MFunc {
    let mut lower = Lower::new(func, cfg, context);
    let mut blocks: Vec<MBlock> = lower.blocks().into_iter().map(|block| lower.settle(block)).collect();
    lower.prologue(&mut blocks);
    order::order(&mut blocks);
    for block in &mut blocks {
        stores::merge(block, &lower.aligned);
    }
    MFunc { blocks, vregs: lower.vregs, callbacks: lower.callbacks }
}

/// A block whose holes are still open.
#[derive(Default)]
struct Selected {
    /// All but its instructions.
    block: MBlock,
    items: Vec<Item>,
}

/// An instruction, or the place where something shared may have to be made.
enum Item {
    Inst(MInst, Span),
    Hole(u32, Span),
}

struct Lower<'a> {
    func: &'a Function,
    cfg: &'a Cfg,
    maps: &'a PrimaryMap<MapRef, MapSpec>,
    target: &'a Target,
    frame: &'a Frame,
    facts: Facts<'a>,
    crossing: crossing::Crossing,
    /// Registers of values that someone asked for.
    regs: SecondaryMap<Value, Option<Reg>>,
    vregs: u32,
    /// Registers of which only the low halves are right, of values that [`Facts::is_half`] says.
    halves: SecondaryMap<Value, Option<Reg>>,
    /// Registers that hold multiples of 8 and are the base of an access.
    aligned: HashSet<Reg>,
    /// The program's scratch entry, once someone asked for it.
    scratch: Option<Reg>,
    /// Machine instructions of the current IR instruction, forward.
    now: Vec<Item>,
    span: Span,
    /// Number of the current IR instruction.
    serial: u32,
    sharing: Sharing,
    /// What stands in each hole.
    holes: Vec<Option<MInst>>,
    callbacks: Vec<Callback>,
}

impl<'a> Lower<'a> {
    fn new(func: &'a Function, cfg: &'a Cfg, context: Context<'a>) -> Lower<'a> {
        let mut lower = Lower {
            func,
            cfg,
            maps: context.maps,
            target: context.target,
            frame: context.frame,
            facts: Facts::new(func, cfg),
            crossing: crossing::Crossing::default(),
            regs: SecondaryMap::new(),
            vregs: 0,
            halves: SecondaryMap::new(),
            aligned: HashSet::new(),
            scratch: None,
            now: Vec::new(),
            span: Span::default(),
            serial: 0,
            sharing: Sharing::default(),
            holes: Vec::new(),
            callbacks: Vec::new(),
        };
        lower.crossing = lower.crossing();
        lower
    }

    /// Machine blocks: those of the IR in reverse postorder, then those on edges.
    fn blocks(&mut self) -> Vec<Selected> {
        let ids = order::number(self.cfg, self.func);
        let mut blocks = Vec::new();
        blocks.resize_with(ids.total as usize, Selected::default);
        for block in self.cfg.postorder() {
            let id = ids.of(*block);
            blocks[id as usize] = self.block(*block, &ids, &mut blocks);
        }
        blocks
    }

    fn block(&mut self, block: Block, ids: &order::Ids, blocks: &mut [Selected]) -> Selected {
        let mut done = MBlock { cold: self.is_ledger(block), ..MBlock::default() };
        self.span = self.func.blocks[block].terminator_span;
        self.serial += 1;
        self.terminator(block, ids, blocks, &mut done);
        let mut items: Vec<Item> = self.now.drain(..).rev().collect();
        for inst in self.func.blocks[block].insts.iter().rev() {
            self.span = self.func.spans[*inst];
            self.serial += 1;
            self.inst(*inst);
            items.extend(self.now.drain(..).rev());
        }
        self.leave_shared(block);
        items.reverse();
        if block != self.func.entry() {
            let params = self.func.blocks[block].params.iter();
            let live: Vec<Value> = params.copied().filter(|p| self.facts.is_live_param(*p)).collect();
            done.params = live.into_iter().map(|p| self.defined(p)).collect();
        }
        Selected { block: done, items }
    }

    /// True for blocks that count losses: seldom run.
    fn is_ledger(&self, block: Block) -> bool {
        self.func.blocks[block].insts.iter().any(|inst| match &self.func.insts[*inst] {
            InstData::AtomicAdd { base, .. } => match self.pointer(*base, 0).root {
                addr::Root::MapValue(map) => self.maps[map].role == crate::wire::map::MapRole::Ledger,
                _ => false,
            },
            _ => false,
        })
    }

    /// The entry, in front of everything: takes the context, and looks scratch memory up where it is used.
    fn prologue(&mut self, blocks: &mut Vec<MBlock>) {
        let context = self.func.blocks[self.func.entry()].params.first().copied();
        let value = context.map(|value| (self.defined(value), self.crossing.contains(value)));
        self.span = self.func.span;
        let taken = self.fresh();
        match value {
            Some((dst, false)) => self.push(MInst::Entry { dst }),
            Some((dst, true)) => {
                self.push(MInst::Entry { dst: taken });
                self.push(MInst::Move { dst, src: taken });
            }
            None => self.push(MInst::Entry { dst: taken }),
        }
        let mut leave = None;
        match (self.scratch, self.target.scratch) {
            (Some(base), Some((map, index))) => {
                self.scratch_lookup(base, map, index);
                leave = Some(self.leave());
            }
            _ => self.push(MInst::Jump),
        }
        let items = std::mem::take(&mut self.now);
        let entry = self.settle(Selected { items, ..Selected::default() });
        order::put_in_front(blocks, entry, leave);
    }

    /// Puts into each hole what belongs there, if anything does.
    fn settle(&mut self, selected: Selected) -> MBlock {
        let Selected { mut block, items } = selected;
        for item in items {
            let (inst, span) = match item {
                Item::Inst(inst, span) => (Some(inst), span),
                Item::Hole(hole, span) => (self.holes[hole as usize].take(), span),
            };
            if let Some(mut inst) = inst {
                self.rename(&mut inst);
                block.insts.push((inst, span));
            }
        }
        for arg in block.succs.iter_mut().flat_map(|edge| &mut edge.args) {
            self.rename_reg(arg);
        }
        block
    }

    fn inst(&mut self, inst: Inst) {
        let func = self.func;
        let data = &func.insts[inst];
        // what stands for another value has no instruction of its own
        let result = func.result(inst).filter(|v| self.facts.canon(*v) == *v);
        let dst = result.and_then(|v| self.regs[v]);
        match data {
            InstData::Store { .. } | InstData::AtomicAdd { .. } | InstData::AtomicFetchAdd { .. } => {
                self.memory_write(data, dst);
            }
            InstData::AtomicCmpXchg { .. } => self.compare_exchange(data, dst),
            InstData::Zero { base, offset, len } => self.zero(*base, *offset, *len),
            InstData::Rounds { sub } => self.rounds(*sub),
            InstData::CallSub { sub } => self.call_sub(*sub, result),
            InstData::CallImport { function, args } => {
                self.call_import(*function, args, result.filter(|_| dst.is_some()))
            }
            InstData::Collect { map, state, into, capacity } => self.collect(*map, *state, *into, *capacity),
            InstData::Copy { .. } => self.copy(data),
            InstData::Call { helper, args } => {
                let wanted = result.filter(|value| dst.is_some() || self.halves[*value].is_some());
                if wanted.is_some() || data.has_side_effect() {
                    self.call(*helper, args, wanted);
                }
            }
            _ => {
                if let Some(dst) = dst {
                    self.computed(inst, data, dst);
                }
            }
        }
    }

    /// An instruction without effects whose result is wanted.
    fn computed(&mut self, inst: Inst, data: &InstData, dst: Reg) {
        match data {
            InstData::Unary { op, arg } => self.unary(*op, *arg, dst),
            InstData::Binary { op, left, right } => self.binary(*op, *left, *right, dst),
            InstData::Icmp { cond, left, right } => self.set_if(*cond, *left, *right, dst),
            InstData::MemEq { .. } => self.mem_eq(data, dst),
            InstData::Load { width, signed, base, offset } => {
                let signed = *signed || self.facts.load_is_signed(inst);
                self.load(*width, signed, *base, *offset, dst);
            }
            InstData::PtrIndex { base, index, count, scale, in_bounds } => {
                let pointer = self.pointer(*base, 0);
                let base = self.root_reg(pointer.root);
                let index = self.reg(*index);
                let (count, scale) = (*count, *scale);
                let mask = *in_bounds && count.is_power_of_two();
                self.push(MInst::PtrIndex { dst, base, index, count, scale, mask });
            }
            InstData::ContextAddr { base, offset } => self.context_addr(*base, *offset, dst),
            InstData::Address { base } => {
                let pointer = self.pointer(*base, 0);
                let base = self.pointer_reg(pointer);
                self.push(MInst::AddImm { dst, base, offset: 0 });
            }
            // constants and plain pointers are made where they are used
            _ => {}
        }
    }

    fn context_addr(&mut self, base: Value, offset: Value, dst: Reg) {
        let base = self.reg(base);
        match self.facts.constant(offset).and_then(|n| i32::try_from(n & 0xffff).ok()) {
            Some(offset) => self.push(MInst::AddImm { dst, base, offset }),
            None => {
                let offset = self.reg(offset);
                self.push(MInst::ContextAddr { dst, base, offset });
            }
        }
    }

    fn push(&mut self, inst: MInst) {
        self.now.push(Item::Inst(inst, self.span));
    }

    fn push_hole(&mut self) {
        self.now.push(Item::Hole(self.holes.len() as u32, self.span));
        self.holes.push(None);
    }

    fn fresh(&mut self) -> Reg {
        self.vregs += 1;
        Reg::virt(self.vregs - 1)
    }

    /// The register in which a value lives from its definition on.
    fn defined(&mut self, value: Value) -> Reg {
        if let Some(reg) = self.regs[value] {
            return reg;
        }
        let reg = self.fresh();
        self.regs[value] = Some(reg);
        reg
    }

    /// A register with the low 32 bits of a value at least.
    fn half(&mut self, value: Value) -> Reg {
        let value = self.facts.canon(value);
        if !self.facts.is_half(value) {
            return self.reg(value);
        }
        if self.halves[value].is_none() {
            self.halves[value] = Some(self.fresh());
        }
        self.halves[value].unwrap_or(Reg::FP)
    }

    /// A register that holds a value here.
    fn reg(&mut self, value: Value) -> Reg {
        let value = self.facts.canon(value);
        match self.facts.def(value) {
            Some(InstData::Const(n)) => self.shared(Shared::Const(*n)),
            Some(InstData::Clamp { arg, max }) => {
                let (dst, src) = (self.fresh(), self.reg(*arg));
                self.push(MInst::Clamp { dst, src, max: *max });
                dst
            }
            Some(
                InstData::SlotAddr { .. }
                | InstData::MapAddr { .. }
                | InstData::MapValueAddr { .. }
                | InstData::PtrAdd { .. }
                | InstData::PtrIndex { .. },
            ) => {
                let pointer = self.pointer(value, 0);
                self.pointer_reg(pointer)
            }
            _ => self.defined(value),
        }
    }

    /// A number for one use alone.
    fn constant(&mut self, value: i64) -> Reg {
        let dst = self.fresh();
        self.push(MInst::Imm { dst, value });
        dst
    }

    /// A value in a register of its own if it is a constant: one that the allocator is to put in a certain place.
    fn own_reg(&mut self, value: Value) -> Reg {
        match self.facts.constant(value) {
            Some(n) => self.constant(n),
            None => self.reg(value),
        }
    }

    /// A value as a right operand: a constant where it fits.
    fn src(&mut self, value: Value) -> Src {
        match self.facts.constant(value).and_then(|n| i32::try_from(n).ok()) {
            Some(imm) => Src::Imm(imm),
            None => Src::Reg(self.reg(value)),
        }
    }

    fn scratch_reg(&mut self) -> Reg {
        if let Some(reg) = self.scratch {
            return reg;
        }
        let reg = self.fresh();
        self.scratch = Some(reg);
        reg
    }

    /// The helper's result in a new register.
    fn push_call(&mut self, helper: Helper, args: &[Reg], dst: Option<Reg>) {
        self.push(MInst::Call { helper: helper.number(), args: args.into(), dst });
    }
}
