//! Comparisons and the ends of blocks: tests fused into jumps, arguments on edges.

use super::order::{Ids, edge_to};
use super::{Lower, Selected};
use crate::codegen::mach::{AluOp, Cmp, Edge, MBlock, MInst, Reg, Src, Test};
use crate::ir::function::Target;
use crate::ir::{BinOp, Block, Cond, Helper, InstData, MapRef, Terminator, UnOp, Value, Width};
use crate::wire::map::MapKind;

/// What a branch tests.
enum Condition {
    Test(Test),
    /// Equality of memory: the instruction, taken into the branch.
    MemEq(InstData),
}

impl Lower<'_> {
    /// The end of a block: instructions into `now`, ways out into `done`, arguments into edge blocks.
    pub(super) fn terminator(&mut self, block: Block, ids: &Ids, blocks: &mut [Selected], done: &mut MBlock) {
        let func = self.func;
        let terminator = func.blocks[block].terminator.as_ref();
        self.enter_shared(block, terminator.map_or(0, |terminator| terminator.targets().len()));
        match terminator {
            Some(Terminator::Jump(target)) => {
                let args = self.args(target, None);
                done.succs.push(Edge { block: ids.of(target.block), args });
                self.push(MInst::Jump);
            }
            Some(Terminator::Branch { cond, then, otherwise }) => {
                self.conditional(block, *cond, [then, otherwise], ids, blocks, done);
            }
            Some(Terminator::BrNull { ptr, null, non_null }) => {
                let left = self.reg(*ptr);
                done.succs.push(self.edge(block, 0, null, Some((0, left)), ids, blocks));
                done.succs.push(self.edge(block, 1, non_null, None, ids, blocks));
                self.push(MInst::Branch { test: Test::null(left) });
            }
            Some(Terminator::MayGo { go, stop }) => {
                done.succs.push(self.edge(block, 0, go, None, ids, blocks));
                done.succs.push(self.edge(block, 1, stop, None, ids, blocks));
                self.push(MInst::MayGo);
            }
            Some(Terminator::Return(value)) => {
                let value = self.fixed(*value);
                self.push(MInst::Exit { value });
            }
            None => {}
        }
    }

    fn conditional(
        &mut self,
        block: Block,
        cond: Value,
        targets: [&Target; 2],
        ids: &Ids,
        blocks: &mut [Selected],
        done: &mut MBlock,
    ) {
        let (condition, negated) = self.condition(block, cond);
        let order = if negated { [1, 0] } else { [0, 1] };
        let mut equal = [None, None];
        if let Condition::Test(Test { cmp, narrow: false, left, right: Src::Imm(n), .. }) = condition {
            match cmp {
                Cmp::Eq => equal[0] = Some((i64::from(n), left)),
                Cmp::Ne => equal[1] = Some((i64::from(n), left)),
                _ => {}
            }
        }
        let test = std::mem::take(&mut self.now);
        for (known, index) in equal.into_iter().zip(order) {
            let edge = self.edge(block, index as u32, targets[index], known, ids, blocks);
            done.succs.push(edge);
        }
        self.now = test;
        match condition {
            Condition::Test(test) => self.push(MInst::Branch { test }),
            Condition::MemEq(data) => self.branch_mem_eq(&data),
        }
    }

    /// A way out of a block with two. On it, `known` says, a register holds a constant.
    fn edge(
        &mut self,
        block: Block,
        index: u32,
        target: &Target,
        known: Option<(i64, Reg)>,
        ids: &Ids,
        blocks: &mut [Selected],
    ) -> Edge {
        let Some(id) = ids.edge(block, index) else { return edge_to(ids.of(target.block)) };
        let before = std::mem::take(&mut self.now);
        let args = self.elsewhere(|lower| {
            let args = lower.args(target, known);
            lower.push(MInst::Jump);
            args
        });
        let items = std::mem::replace(&mut self.now, before);
        let succs = [Edge { block: ids.of(target.block), args }].into_iter().collect();
        blocks[id as usize] = Selected { block: MBlock { succs, ..MBlock::default() }, items };
        edge_to(id)
    }

    /// Registers for the parameters that the target has.
    fn args(&mut self, target: &Target, known: Option<(i64, Reg)>) -> smallvec::SmallVec<[Reg; 2]> {
        let func = self.func;
        let params = &func.blocks[target.block].params;
        let mut regs = smallvec::SmallVec::new();
        for (param, arg) in params.iter().zip(&target.args) {
            if !self.facts.is_live_param(*param) {
                continue;
            }
            let constant = self.facts.constant(*arg);
            regs.push(match known {
                Some((value, reg)) if constant == Some(value) => reg,
                _ => self.own_reg(*arg),
            });
        }
        regs
    }

    /// What to test for a condition; true when it holds where the condition does not.
    fn condition(&mut self, block: Block, cond: Value) -> (Condition, bool) {
        let func = self.func;
        let mut negated = false;
        let mut value = self.facts.canon(cond);
        loop {
            match self.facts.def(value) {
                Some(InstData::Icmp { cond: Cond::Ne, left, right }) if self.is_zero(*right) => {
                    value = self.facts.canon(*left);
                }
                Some(InstData::Icmp { cond: Cond::Eq, left, right }) if self.is_zero(*right) => {
                    negated = !negated;
                    value = self.facts.canon(*left);
                }
                Some(InstData::Binary { op: BinOp::Xor, left, right })
                    if self.facts.constant(*right) == Some(1) && self.facts.bits(*left) == 1 =>
                {
                    negated = !negated;
                    value = self.facts.canon(*left);
                }
                Some(InstData::Icmp { cond, left, right }) => {
                    return (Condition::Test(self.test(*cond, *left, *right)), negated);
                }
                Some(data @ InstData::MemEq { len, .. })
                    if super::bulk::is_inline_eq(*len) && self.is_last(block, value) =>
                {
                    return (Condition::MemEq(data.clone()), negated);
                }
                Some(data) if self.facts.single_use(value) && func.def_inst(value).is_some() => {
                    return (Condition::Test(self.bit_test(data.clone(), value)), negated);
                }
                _ => return (Condition::Test(self.not_zero(value)), negated),
            }
        }
    }

    fn is_zero(&self, value: Value) -> bool {
        self.facts.constant(value) == Some(0)
    }

    /// True when nothing but computations stands between the value's instruction and the end of the block, so that
    /// its memory is still the same there, and nobody else wants it.
    fn is_last(&self, block: Block, value: Value) -> bool {
        let insts = &self.func.blocks[block].insts;
        let effect = |data: &InstData| data.has_side_effect() || matches!(data, InstData::Call { .. });
        self.facts.single_use(value)
            && insts
                .iter()
                .rev()
                .find(|inst| self.func.result(**inst) == Some(value) || effect(&self.func.insts[**inst]))
                .is_some_and(|inst| self.func.result(*inst) == Some(value))
    }

    fn not_zero(&mut self, value: Value) -> Test {
        if self.facts.is_half(value) {
            return Test::narrow(Cmp::Ne, self.half(value), Src::Imm(0));
        }
        let left = self.reg(value);
        Test::wide(Cmp::Ne, left, Src::Imm(0))
    }

    /// `value != 0`, where the value is a mask or an extension that nobody else wants.
    fn bit_test(&mut self, data: InstData, value: Value) -> Test {
        let set = |left, right| Test::wide(Cmp::Set, left, right);
        match data {
            InstData::Binary { op: BinOp::And, left, right } => {
                let (left, right) =
                    if self.facts.constant(left).is_some() { (right, left) } else { (left, right) };
                if self.facts.constant(right).is_none_or(|n| i32::try_from(n).is_ok()) {
                    let left = self.reg(left);
                    let right = self.src(right);
                    return set(left, right);
                }
            }
            InstData::Unary { op: UnOp::Zext8 | UnOp::Sext8, arg } => {
                return set(self.half(arg), Src::Imm(0xff));
            }
            InstData::Unary { op: UnOp::Zext16 | UnOp::Sext16, arg } => {
                return set(self.half(arg), Src::Imm(0xffff));
            }
            InstData::Unary { op: UnOp::Zext32 | UnOp::Sext32, arg } => {
                let left = self.half(arg);
                return Test::narrow(Cmp::Ne, left, Src::Imm(0));
            }
            _ => {}
        }
        self.not_zero(value)
    }

    /// A comparison of integers; on the low halves where that says the same.
    pub(super) fn test(&mut self, cond: Cond, left: Value, right: Value) -> Test {
        let (mut cmp, mut left, mut right) = (compare(cond), left, right);
        if self.facts.constant(left).is_some() && self.facts.constant(right).is_none() {
            (cmp, left, right) = (cmp.swapped(), right, left);
        }
        if let Some((cmp, left, right)) = self.narrow_test(cmp, left, right) {
            return Test::narrow(cmp, left, right);
        }
        let left = self.reg(left);
        let right = self.src(right);
        Test::wide(cmp, left, right)
    }

    /// The comparison on 32 bits, where both sides are extensions of 32 bits and at least one need not be made then.
    fn narrow_test(&mut self, cmp: Cmp, left: Value, right: Value) -> Option<(Cmp, Reg, Src)> {
        let constant = self.facts.constant(right);
        let zero_extended = self.facts.bits(left) <= 32 && self.facts.bits(right) <= 32;
        let sign_extended = self.facts.signed_bits(left) <= 32 && self.facts.signed_bits(right) <= 32;
        let saves = self.is_spare_extension(left)
            || self.is_spare_extension(right)
            || constant.is_some_and(|n| zero_extended && i32::try_from(n).is_err());
        if !saves || !(zero_extended || sign_extended) {
            return None;
        }
        // a sign extension keeps both orders; of zero-extended values the signed order is the unsigned one
        let cmp = if zero_extended { unsigned(cmp) } else { cmp };
        let left = self.low_half(left);
        let right = match constant {
            Some(n) => Src::Imm(n as i32),
            None => Src::Reg(self.low_half(right)),
        };
        Some((cmp, left, right))
    }

    /// An extension of 32 bits that only this user wants.
    fn is_spare_extension(&self, value: Value) -> bool {
        let extends = |op: &UnOp| matches!(op, UnOp::Zext32 | UnOp::Sext32);
        self.facts.is_half(value)
            || matches!(self.facts.def(value), Some(InstData::Unary { op, .. }) if extends(op))
                && self.facts.single_use(value)
    }

    /// A register with the low 32 bits of a value, the rest whatever.
    pub(super) fn low_half(&mut self, value: Value) -> Reg {
        match self.facts.def(value) {
            Some(InstData::Unary { op: UnOp::Zext32 | UnOp::Sext32, arg }) => self.half(*arg),
            _ => self.half(value),
        }
    }

    /// A comparison whose result is wanted as a number.
    pub(super) fn set_if(&mut self, cond: Cond, left: Value, right: Value, dst: Reg) {
        let sign_only = cond == Cond::Slt && self.is_zero(right);
        if sign_only {
            let left = self.reg(left);
            return self.alu(AluOp::Rsh, dst, left, Src::Imm(63));
        }
        if self.facts.bits(left) == 1 && self.is_zero(right) && matches!(cond, Cond::Eq | Cond::Ne) {
            let src = self.reg(left);
            return match cond {
                Cond::Eq => self.alu(AluOp::Xor, dst, src, Src::Imm(1)),
                _ => self.push(MInst::Move { dst, src }),
            };
        }
        let test = self.test(cond, left, right);
        self.push(MInst::SetIf { dst, test });
    }

    /// Looks up the program's entry of the scratch map, in a map for all CPUs the one of this CPU; the branch leaves when
    /// there is none.
    pub(super) fn scratch_lookup(&mut self, base: Reg, map: MapRef, index: u32) {
        let key = crate::codegen::mach::Addr { base: Reg::FP, off: -8 };
        let src = match self.maps[map].kind {
            MapKind::Array => {
                let cpu = self.fresh();
                self.push_call(Helper::Cpu, &[], Some(cpu));
                Src::Reg(self.alu_new(AluOp::Add, cpu, Src::Imm(index as i32)))
            }
            _ => Src::Imm(index as i32),
        };
        self.push(MInst::Store { width: Width::B4, addr: key, src });
        let (map_reg, key_reg) = (self.fresh(), self.fresh());
        self.push(MInst::MapAddr { dst: map_reg, map });
        self.push(MInst::AddImm { dst: key_reg, base: Reg::FP, offset: -8 });
        self.push_call(Helper::MapLookup, &[map_reg, key_reg], Some(base));
        self.push(MInst::Branch { test: Test::null(base) });
    }

    /// A block that returns 0.
    pub(super) fn leave(&mut self) -> MBlock {
        let dst = self.fresh();
        let insts = vec![(MInst::Imm { dst, value: 0 }, self.span), (MInst::Exit { value: dst }, self.span)];
        MBlock { insts, cold: true, ..MBlock::default() }
    }
}

fn compare(cond: Cond) -> Cmp {
    match cond {
        Cond::Eq => Cmp::Eq,
        Cond::Ne => Cmp::Ne,
        Cond::Ult => Cmp::Lt,
        Cond::Ule => Cmp::Le,
        Cond::Ugt => Cmp::Gt,
        Cond::Uge => Cmp::Ge,
        Cond::Slt => Cmp::Slt,
        Cond::Sle => Cmp::Sle,
        Cond::Sgt => Cmp::Sgt,
        Cond::Sge => Cmp::Sge,
    }
}

fn unsigned(cmp: Cmp) -> Cmp {
    match cmp {
        Cmp::Slt => Cmp::Lt,
        Cmp::Sle => Cmp::Le,
        Cmp::Sgt => Cmp::Gt,
        Cmp::Sge => Cmp::Ge,
        other => other,
    }
}
