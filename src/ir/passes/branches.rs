//! Branches: those that are decided, those that need not be taken, conditions that ask too much.
//!
//! - A branch on a constant, or to the same place both ways, is a jump.
//! - `x != 0` and `x == 0` as conditions are `x`, the latter with the targets exchanged; so is `x ^ 1` of a truth value.
//! - A block that only jumps is passed by: its predecessors go where it goes.
//! - A block that only branches on a parameter, or on the comparison of one with a constant, is passed by those
//!   predecessors that give a constant for it (jump threading).
//!
//! What the last two pass by must not define anything that is used elsewhere, and loop heads are not passed by, so
//! that loops keep one entry. Blocks that are not reached any more are taken out.

use cranelift_entity::SecondaryMap;
use smallvec::SmallVec;

use crate::ir::cfg::{Cfg, Edge};
use crate::ir::entities::{Block, Inst, Value};
use crate::ir::function::{BinOp, Cond, Function, InstData, Target, Terminator, ValueDef};
use crate::ir::typing::Maps;

/// Instructions of a block that may be computed at the time of threading.
const MOST_INSTS: usize = 6;
/// Blocks passed by on one edge at most.
const MOST_STEPS: u32 = 16;

pub(super) fn run(_: &Maps, func: &mut Function) {
    for block in func.layout.clone() {
        decide(func, block);
    }
    func.remove_unreachable();
    let cfg = Cfg::new(func);
    let passable = Passable::new(func, &cfg);
    for from in func.layout.clone() {
        for index in 0..func.blocks[from].terminator.as_ref().map_or(0, |t| t.targets().len()) {
            passable.thread(func, Edge { from, index: index as u32 });
        }
        decide(func, from);
    }
    func.remove_unreachable();
    func.resolve_aliases();
}

/// Simplifies the terminator of a block.
fn decide(func: &mut Function, block: Block) {
    let Some(mut terminator) = func.blocks[block].terminator.take() else { return };
    while let Some(simpler) = simpler(func, &terminator) {
        terminator = simpler;
    }
    func.blocks[block].terminator = Some(terminator);
}

fn simpler(func: &Function, terminator: &Terminator) -> Option<Terminator> {
    match terminator {
        Terminator::Branch { cond, then, otherwise } => {
            if let Some(number) = func.as_const(func.resolve(*cond)) {
                return Some(Terminator::Jump(if number != 0 { then } else { otherwise }.clone()));
            }
            if same(func, then, otherwise) {
                return Some(Terminator::Jump(then.clone()));
            }
            let (cond, negated) = condition(func, *cond)?;
            let (then, otherwise) = if negated { (otherwise, then) } else { (then, otherwise) };
            Some(Terminator::Branch { cond, then: then.clone(), otherwise: otherwise.clone() })
        }
        Terminator::BrNull { null, non_null, .. } => {
            same(func, null, non_null).then(|| Terminator::Jump(null.clone()))
        }
        Terminator::MayGo { go, stop } => same(func, go, stop).then(|| Terminator::Jump(go.clone())),
        Terminator::Jump(_) | Terminator::Return(_) => None,
    }
}

fn same(func: &Function, a: &Target, b: &Target) -> bool {
    let resolved = |target: &Target| target.args.iter().map(|arg| func.resolve(*arg)).collect::<Vec<_>>();
    a.block == b.block && resolved(a) == resolved(b)
}

/// What a condition asks in the end, and whether for the opposite.
fn condition(func: &Function, cond: Value) -> Option<(Value, bool)> {
    match *func.def_data(cond)? {
        InstData::Icmp { cond: op @ (Cond::Eq | Cond::Ne), left, right } => {
            let zero = func.as_const(func.resolve(right)) == Some(0);
            zero.then_some((left, op == Cond::Eq))
        }
        InstData::Binary { op: BinOp::Xor, left, right } => {
            let one = func.as_const(func.resolve(right)) == Some(1);
            let truth = matches!(func.def_data(left), Some(InstData::Icmp { .. } | InstData::MemEq { .. }));
            (one && truth).then_some((left, true))
        }
        _ => None,
    }
}

/// Which blocks edges may pass by.
struct Passable {
    may: SecondaryMap<Block, bool>,
}

impl Passable {
    fn new(func: &Function, cfg: &Cfg) -> Passable {
        let mut may: SecondaryMap<Block, bool> = SecondaryMap::new();
        for block in cfg.reverse_postorder().skip(1) {
            let data = &func.blocks[block];
            let head = cfg.preds(block).iter().any(|edge| cfg.position(edge.from) >= cfg.position(block));
            let small =
                data.insts.len() <= MOST_INSTS && data.insts.iter().all(|inst| is_simple(func, *inst));
            let goes_on = matches!(data.terminator, Some(Terminator::Jump(_) | Terminator::Branch { .. }));
            may[block] = !head && small && goes_on;
        }
        let mut passable = Passable { may };
        passable.forbid_used_elsewhere(func);
        passable
    }

    /// Blocks whose values other blocks use must be passed through.
    fn forbid_used_elsewhere(&mut self, func: &Function) {
        let mut home: SecondaryMap<Value, Option<Block>> = SecondaryMap::new();
        home.resize(func.values.len());
        for &block in func.layout.iter().filter(|block| self.may[**block]) {
            let data = &func.blocks[block];
            let results = data.insts.iter().filter_map(|inst| func.result(*inst));
            results.chain(data.params.iter().copied()).for_each(|value| home[value] = Some(block));
        }
        let may = &mut self.may;
        for &block in &func.layout {
            let data = &func.blocks[block];
            let mut check = |value| match home[func.resolve(value)] {
                Some(other) if other != block => may[other] = false,
                _ => {}
            };
            data.insts.iter().for_each(|inst| func.insts[*inst].for_each_operand(&mut check));
            data.terminator.iter().for_each(|terminator| terminator.for_each_operand(&mut check));
        }
    }

    /// Leads an edge as far as it can go.
    fn thread(&self, func: &mut Function, edge: Edge) {
        for _ in 0..MOST_STEPS {
            let Some(target) = self.step(func, edge) else { return };
            if let Some(terminator) = &mut func.blocks[edge.from].terminator {
                *terminator.targets_mut()[edge.index as usize] = target;
            }
        }
    }

    /// Where an edge may lead past the block that it leads to.
    fn step(&self, func: &Function, edge: Edge) -> Option<Target> {
        let targets = func.blocks[edge.from].terminator.as_ref()?.targets();
        let via = targets[edge.index as usize];
        if !self.may[via.block] || via.block == edge.from {
            return None;
        }
        let data = &func.blocks[via.block];
        let params = &data.params;
        let give = |value: Value| {
            let value = func.resolve(value);
            let param = params.iter().position(|param| *param == value);
            param.map_or(value, |index| func.resolve(via.args[index]))
        };
        let next = match data.terminator.as_ref()? {
            Terminator::Jump(target) => target,
            Terminator::Branch { cond, then, otherwise } => match evaluate(func, &give, *cond, MOST_INSTS)? {
                0 => otherwise,
                _ => then,
            },
            _ => return None,
        };
        let args: SmallVec<[Value; 2]> = next.args.iter().map(|arg| give(*arg)).collect();
        // What the block computes itself cannot be given by an edge that passes it by.
        let inside = |value: &Value| match func.values[*value].def {
            ValueDef::Result(inst) => data.insts.contains(&inst),
            ValueDef::Param(block, _) => block == via.block,
            ValueDef::Alias(_) => false,
        };
        (!args.iter().any(inside)).then_some(Target { block: next.block, args })
    }
}

/// Instructions that nobody misses when they do not run.
fn is_simple(func: &Function, inst: Inst) -> bool {
    matches!(
        func.insts[inst],
        InstData::Const(_) | InstData::Icmp { .. } | InstData::Binary { .. } | InstData::Unary { .. }
    )
}

/// The number that a value is when parameters are what an edge gives.
fn evaluate(func: &Function, give: &impl Fn(Value) -> Value, value: Value, depth: usize) -> Option<u64> {
    let value = give(value);
    if let Some(number) = func.as_const(value) {
        return Some(number as u64);
    }
    let depth = depth.checked_sub(1)?;
    match *func.def_data(value)? {
        InstData::Icmp { cond, left, right } => {
            let (left, right) = (evaluate(func, give, left, depth)?, evaluate(func, give, right, depth)?);
            Some(cond.eval(left, right).into())
        }
        InstData::Unary { op, arg } => Some(op.eval(evaluate(func, give, arg, depth)?)),
        InstData::Binary { op, left, right } => {
            Some(op.eval(evaluate(func, give, left, depth)?, evaluate(func, give, right, depth)?))
        }
        _ => None,
    }
}
