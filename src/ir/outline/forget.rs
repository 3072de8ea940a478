//! Numbers that the kernel's verifier forgets, in programs with loops.
//!
//! Verifiers keep every number of a loop exactly, and those of kernels without `may_go` every number of a program that
//! has functions (callbacks too): what was learnt of one at a branch, and which constant came which way, makes the ways
//! different from there on, and the verifier walks through what follows once for each combination, up to its limits.
//! Nothing here needs that knowledge: what must be bounded is bounded where it is used. So
//!
//! - comparisons look at a copy of a number, which nobody uses afterwards;
//! - a number that differs by the way one came (a parameter of a block where ways meet, the result of a comparison) is
//!   one that the verifier knows nothing of.
//!
//! A number is forgotten by adding a 0 that comes from a map. Counters of loops that the verifier walks through round by
//! round stay known: it must see their end.
//!
//! Deliberately absent: strings and other memory, which rarely differ by the way one came.

use rustc_hash::FxHashSet;

use crate::ir::cfg::Cfg;
use crate::ir::domtree::DomTree;
use crate::ir::edit::Cursor;
use crate::ir::entities::{Block, MapRef, Value};
use crate::ir::function::{
    BinOp, Function, InstData, Provenance, Terminator, Type, ValueData, ValueDef, Width,
};

/// Makes the verifier forget the numbers of a program, as the passes leave it. `zeros` is a map whose value is 0.
pub fn run(func: &mut Function, zeros: MapRef) {
    func.resolve_aliases();
    let zero = zero(func, zeros);
    let cfg = Cfg::new(func);
    let domtree = DomTree::new(&cfg);
    let is_head = |block: Block| cfg.preds(block).iter().any(|edge| domtree.dominates(block, edge.from));
    let (heads, others): (Vec<Block>, Vec<Block>) = func.layout.iter().partition(|block| is_head(**block));
    let joins: FxHashSet<Block> = others.into_iter().filter(|block| cfg.preds(*block).len() > 1).collect();
    let counters = counters(func, &cfg, &domtree, &heads);
    let fused = fused(func);
    for block in func.layout.clone() {
        Walk { zero, counters: &counters, fused: &fused, is_join: joins.contains(&block) }.block(func, block);
    }
}

/// The 0, loaded at the program's entry.
fn zero(func: &mut Function, zeros: MapRef) -> Value {
    let ty = Type::Ptr(Provenance::MapValue(zeros));
    let (entry, span) = (func.entry(), func.span);
    let at = func.make_inst(InstData::MapValueAddr { map: zeros, offset: 0 }, Some(ty), span);
    let base = func.result(at).expect("has a type");
    let load = InstData::Load { width: Width::B8, signed: false, base, offset: 0 };
    let load = func.make_inst(load, Some(Type::Int), span);
    func.blocks[entry].insts.splice(0..0, [at, load]);
    func.result(load).expect("has a type")
}

/// What goes up by a constant in each round of a loop that the verifier walks through, and what it becomes.
fn counters(func: &Function, cfg: &Cfg, domtree: &DomTree, heads: &[Block]) -> FxHashSet<Value> {
    let mut found = FxHashSet::default();
    for &head in heads {
        if matches!(func.blocks[head].terminator, Some(Terminator::MayGo { .. })) {
            continue;
        }
        for edge in cfg.preds(head).iter().filter(|edge| domtree.dominates(head, edge.from)) {
            let targets = func.blocks[edge.from].terminator.iter().flat_map(|end| end.targets());
            let Some(target) = targets.into_iter().nth(edge.index as usize) else { continue };
            for (param, arg) in func.blocks[head].params.iter().zip(&target.args) {
                if is_sum(func, *arg, *param) {
                    found.extend([*param, *arg]);
                }
            }
        }
    }
    found
}

/// `value` is `from` and a constant.
fn is_sum(func: &Function, value: Value, from: Value) -> bool {
    let constant = |value: Value| func.as_const(value).is_some();
    match func.def_data(value) {
        Some(InstData::Binary { op: BinOp::Add, left, right }) => {
            *left == from && constant(*right) || *right == from && constant(*left)
        }
        _ => false,
    }
}

/// Comparisons that only one branch uses: they are part of it.
fn fused(func: &Function) -> FxHashSet<Value> {
    let uses = func.use_counts();
    let conds = func.layout.iter().filter_map(|block| match func.blocks[*block].terminator {
        Some(Terminator::Branch { cond, .. }) => Some(cond),
        _ => None,
    });
    conds.filter(|cond| uses[*cond] == 1 && is_comparison(func.def_data(*cond))).collect()
}

fn is_comparison(data: Option<&InstData>) -> bool {
    matches!(data, Some(InstData::Icmp { .. }))
}

struct Walk<'a> {
    /// Unknown to the verifier.
    zero: Value,
    counters: &'a FxHashSet<Value>,
    /// See [`fused`].
    fused: &'a FxHashSet<Value>,
    /// Ways meet at the block.
    is_join: bool,
}

impl Walk<'_> {
    fn block(&self, func: &mut Function, block: Block) {
        let params = if self.is_join { func.blocks[block].params.clone() } else { Vec::new() };
        let mut cursor = Cursor::new(func, block);
        for param in params {
            if cursor.func.type_of(param) == Type::Int {
                self.forget_param(&mut cursor, block, param);
            }
        }
        while let Some(inst) = cursor.next() {
            if let InstData::Icmp { cond, left, right } = cursor.func.insts[inst] {
                let (left, right) = self.compared(&mut cursor, left, right);
                cursor.func.insts[inst] = InstData::Icmp { cond, left, right };
            }
            cursor.keep(inst);
            let result = cursor.func.result(inst).filter(|result| !self.fused.contains(result));
            if let Some(result) = result.filter(|_| differs(&cursor.func.insts[inst])) {
                let raw = cursor.func.values.push(ValueData { ty: Type::Int, def: ValueDef::Result(inst) });
                cursor.func.results[inst] = Some(raw).into();
                self.become_copy(&mut cursor, raw, result);
            }
        }
        if let Some(Terminator::Branch { cond, .. }) = cursor.func.blocks[block].terminator
            && !self.fused.contains(&cond)
        {
            let copy = self.forgotten(&mut cursor, cond);
            if let Some(Terminator::Branch { cond, .. }) = &mut cursor.func.blocks[block].terminator {
                *cond = copy;
            }
        }
    }

    /// One of two operands as a copy: the verifier learns of the other only from constants.
    fn compared(&self, cursor: &mut Cursor<'_>, left: Value, right: Value) -> (Value, Value) {
        let is_const = |value: Value| cursor.func.as_const(value).is_some();
        if [left, right].iter().any(|value| self.counters.contains(&cursor.func.resolve(*value))) {
            return (left, right);
        }
        if is_const(left) {
            (left, self.forgotten(cursor, right))
        } else {
            (self.forgotten(cursor, left), right)
        }
    }
    /// A copy that the verifier knows nothing of.
    fn forgotten(&self, cursor: &mut Cursor<'_>, value: Value) -> Value {
        cursor.emit_int(InstData::Binary { op: BinOp::Add, left: value, right: self.zero })
    }

    /// Has a parameter forgotten where its block begins.
    fn forget_param(&self, cursor: &mut Cursor<'_>, block: Block, param: Value) {
        let func = &mut *cursor.func;
        let ValueDef::Param(_, index) = func.values[param].def else { return };
        let raw = func.values.push(ValueData { ty: Type::Int, def: ValueDef::Param(block, index) });
        func.blocks[block].params[index as usize] = raw;
        self.become_copy(cursor, raw, param);
    }

    /// Makes `value`, with all its uses, the copy of `raw` that the verifier knows nothing of.
    fn become_copy(&self, cursor: &mut Cursor<'_>, raw: Value, value: Value) {
        cursor.emit(InstData::Binary { op: BinOp::Add, left: raw, right: self.zero }, None);
        let Some(inst) = cursor.last() else { return };
        cursor.func.results[inst] = Some(value).into();
        cursor.func.values[value].def = ValueDef::Result(inst);
    }
}

/// The instruction's code has ways of its own, by which its result differs.
fn differs(data: &InstData) -> bool {
    let divides = |op: &BinOp| matches!(op, BinOp::SDiv | BinOp::SRem);
    match data {
        InstData::Icmp { .. } | InstData::MemEq { .. } => true,
        InstData::Binary { op, .. } => divides(op),
        _ => false,
    }
}
