//! What dominating branches say: facts of values that hold in the blocks behind an edge.
//!
//! A walk over the dominator tree. Behind the edge of a branch on `x < 10` where it holds, `x` is at most 9; behind
//! the edge of a branch on a value where it is 0, it is 0; behind the edges of a null check, the pointer is null or is
//! not. What is computed from such values in the blocks below is known better too. Facts are taken back on the way up.

use rustc_hash::FxHashMap;

use super::cfg::{Cfg, Edge};
use super::domtree::DomTree;
use super::entities::{Block, Value};
use super::function::{BinOp, Cond, Function, InstData, Terminator};
use super::known::{Facts, Known};

/// Facts at the block where the walk is.
pub struct Refined {
    facts: Facts,
    /// Pointers that are known to be null (true) or not.
    null: FxHashMap<Value, bool>,
    undo: Vec<Undo>,
}

enum Undo {
    Fact(Value, Known),
    Null(Value, Option<bool>),
}

impl Refined {
    /// What is known of a value in this block.
    pub fn of(&self, func: &Function, value: Value) -> Known {
        self.facts.of(func, value)
    }

    /// Whether a pointer is null, when that is known in this block.
    pub fn is_null(&self, func: &Function, value: Value) -> Option<bool> {
        self.null.get(&func.resolve(value)).copied()
    }

    fn learn(&mut self, func: &Function, value: Value, known: Known) {
        let value = func.resolve(value);
        let old = self.facts.of(func, value);
        let new = old.meet(known);
        if new != old {
            self.undo.push(Undo::Fact(value, old));
            self.facts.set(value, new);
        }
    }

    fn learn_null(&mut self, value: Value, null: bool) {
        self.undo.push(Undo::Null(value, self.null.insert(value, null)));
    }

    fn back(&mut self, mark: usize) {
        for undo in self.undo.drain(mark..).rev() {
            match undo {
                Undo::Fact(value, known) => self.facts.set(value, known),
                Undo::Null(value, Some(old)) => drop(self.null.insert(value, old)),
                Undo::Null(value, None) => drop(self.null.remove(&value)),
            }
        }
    }

    /// What passing an edge says.
    fn edge(&mut self, func: &Function, edge: Edge) {
        match &func.blocks[edge.from].terminator {
            Some(Terminator::Branch { cond, .. }) => self.condition(func, *cond, edge.index == 0),
            Some(Terminator::BrNull { ptr, .. }) => self.learn_null(func.resolve(*ptr), edge.index == 0),
            _ => {}
        }
    }

    fn condition(&mut self, func: &Function, cond: Value, holds: bool) {
        let known = self.of(func, cond);
        let fact = match holds {
            false => Known::constant(0),
            true if known.max <= 1 => Known::constant(1),
            true => Known { min: 1, ..Known::ANY },
        };
        self.learn(func, cond, fact);
        match func.def_data(cond) {
            Some(&InstData::Icmp { cond, left, right }) => {
                let cond = if holds { cond } else { cond.inverse() };
                let (left_known, right_known) = (self.of(func, left), self.of(func, right));
                self.learn(func, left, left_known.given(cond, right_known));
                self.learn(func, right, right_known.given(cond.swapped(), left_known));
            }
            // Bits that are not set where the masked value is 0.
            Some(&InstData::Binary { op: BinOp::And, left, right }) if !holds => {
                if let Some(mask) = self.of(func, right).as_constant() {
                    self.learn(func, left, Known { zeros: mask, ..Known::ANY });
                }
            }
            _ => {}
        }
    }

    /// Facts of the block's own instructions, from what is known here.
    fn block(&mut self, func: &Function, block: Block) {
        for &inst in &func.blocks[block].insts {
            if let Some(result) = func.result(inst) {
                let known = self.facts.of_inst(func, &func.insts[inst]);
                self.learn(func, result, known);
            }
        }
    }
}

/// Walks the dominator tree; `visit` sees each block with what is known in it, and may change its instructions and its
/// terminator, though not what they mean.
pub fn walk(
    func: &mut Function,
    cfg: &Cfg,
    domtree: &DomTree,
    mut visit: impl FnMut(&mut Function, Block, &Refined),
) {
    let mut refined = Refined { facts: Facts::new(func, cfg), null: FxHashMap::default(), undo: Vec::new() };
    let mut stack = vec![(func.entry(), None)];
    while let Some((block, mark)) = stack.pop() {
        if let Some(mark) = mark {
            refined.back(mark);
            continue;
        }
        stack.push((block, Some(refined.undo.len())));
        if let Some(edge) = cfg.only_pred(block) {
            refined.edge(func, edge);
        }
        refined.block(func, block);
        visit(func, block, &refined);
        stack.extend(domtree.children(block).map(|child| (child, None)));
    }
}

impl Known {
    /// What holds of a value for which two sets of facts hold.
    pub fn meet(self, other: Known) -> Known {
        let both = Known {
            zeros: self.zeros | other.zeros,
            ones: self.ones | other.ones,
            min: self.min.max(other.min),
            max: self.max.min(other.max),
            signed_bits: self.signed_bits.min(other.signed_bits),
        };
        both.normal()
    }

    /// What a comparison with another value says when it holds.
    fn given(self, cond: Cond, other: Known) -> Known {
        let any = Known::ANY;
        match cond {
            Cond::Eq => other,
            Cond::Ne if other.as_constant() == Some(self.min) && self.min < self.max => {
                Known { min: self.min + 1, ..any }
            }
            Cond::Ne if other.as_constant() == Some(self.max) && self.min < self.max => {
                Known { max: self.max - 1, ..any }
            }
            Cond::Ult if other.max > 0 => Known::at_most(other.max - 1),
            Cond::Ule => Known::at_most(other.max),
            Cond::Ugt if other.min < u64::MAX => Known { min: other.min + 1, ..any },
            Cond::Uge => Known { min: other.min, ..any },
            Cond::Slt | Cond::Sle => {
                let high = other.signed_range().1;
                let high = if cond == Cond::Slt { high.saturating_sub(1) } else { high };
                // Of one sign, the order is that of the words.
                match (self.is_non_negative(), high < 0) {
                    (true, _) => Known::at_most(high.max(0) as u64),
                    (_, true) => Known { min: 1 << 63, max: high as u64, ..any },
                    _ => any,
                }
            }
            Cond::Sgt | Cond::Sge => {
                let low = other.signed_range().0;
                let low = if cond == Cond::Sgt { low.saturating_add(1) } else { low };
                if low >= 0 { Known { min: low as u64, max: i64::MAX as u64, ..any } } else { any }
            }
            _ => any,
        }
    }
}
