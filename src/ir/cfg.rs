//! The control flow graph: who goes where, and in which orders to walk.
//!
//! Computed once for a function as it stands; stale after any change to terminators. Only blocks that the entry
//! reaches are part of it.

use cranelift_entity::SecondaryMap;
use smallvec::SmallVec;

use super::entities::Block;
use super::function::{Function, Target, Terminator};

/// An edge: the block it leaves and the number of the target in its terminator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Edge {
    /// From where.
    pub from: Block,
    /// Which of [`super::Terminator::targets`].
    pub index: u32,
}

/// Predecessors and orders of a function's blocks.
#[derive(Clone, Debug)]
pub struct Cfg {
    preds: SecondaryMap<Block, SmallVec<[Edge; 2]>>,
    succs: SecondaryMap<Block, SmallVec<[Block; 2]>>,
    postorder: Vec<Block>,
    /// Position in the reverse postorder, plus 1; 0 for blocks that are not reached.
    number: SecondaryMap<Block, u32>,
}

impl Cfg {
    /// The graph of a function whose blocks all have terminators.
    pub fn new(func: &Function) -> Cfg {
        let mut cfg = Cfg {
            preds: SecondaryMap::new(),
            succs: SecondaryMap::new(),
            postorder: Vec::new(),
            number: SecondaryMap::new(),
        };
        if !func.layout.is_empty() {
            cfg.preds.resize(func.blocks.len());
            cfg.succs.resize(func.blocks.len());
            cfg.number.resize(func.blocks.len());
            cfg.walk(func);
        }
        let count = cfg.postorder.len() as u32;
        for (index, &block) in cfg.postorder.iter().enumerate() {
            cfg.number[block] = count - index as u32;
        }
        for at in (0..cfg.postorder.len()).rev() {
            let from = cfg.postorder[at];
            for (index, to) in cfg.succs[from].iter().enumerate() {
                cfg.preds[*to].push(Edge { from, index: index as u32 });
            }
        }
        cfg
    }

    /// Depth first without recursion; a block is left when all its targets are.
    fn walk(&mut self, func: &Function) {
        let mut stack = vec![self.enter(func, func.entry())];
        while let Some((block, left)) = stack.last_mut() {
            // The last target first, so that the reverse postorder has the first target first.
            let Some(next) = left.checked_sub(1) else {
                self.postorder.push(*block);
                stack.pop();
                continue;
            };
            *left = next;
            let to = self.succs[*block][next];
            if self.number[to] == 0 {
                let entered = self.enter(func, to);
                stack.push(entered);
            }
        }
    }

    /// A block that is met for the first time, and how many targets it has.
    fn enter(&mut self, func: &Function, block: Block) -> (Block, usize) {
        self.number[block] = 1;
        self.succs[block] = successors(func, block);
        (block, self.succs[block].len())
    }

    /// Where a reached block may go, in the order of its terminator.
    pub fn succs(&self, block: Block) -> &[Block] {
        &self.succs[block]
    }

    /// The edges that enter a block, in reverse postorder of where they come from. A block may be there twice.
    pub fn preds(&self, block: Block) -> &[Edge] {
        &self.preds[block]
    }

    /// The only predecessor edge, if there is one alone.
    pub fn only_pred(&self, block: Block) -> Option<Edge> {
        match self.preds(block) {
            [edge] => Some(*edge),
            _ => None,
        }
    }

    /// Reached blocks, each after its successors, loops apart.
    pub fn postorder(&self) -> &[Block] {
        &self.postorder
    }

    /// Reached blocks, each after its predecessors, loops apart.
    pub fn reverse_postorder(&self) -> impl DoubleEndedIterator<Item = Block> + ExactSizeIterator + '_ {
        self.postorder.iter().rev().copied()
    }

    /// Position in the reverse postorder; None for a block that the entry does not reach.
    pub fn position(&self, block: Block) -> Option<u32> {
        self.number[block].checked_sub(1)
    }

    /// True when the entry reaches it.
    pub fn is_reachable(&self, block: Block) -> bool {
        self.number[block] != 0
    }
}

/// The blocks that a block may go to, in the order of its terminator.
pub fn successors(func: &Function, block: Block) -> SmallVec<[Block; 2]> {
    let two = |one: &Target, other: &Target| SmallVec::from_buf([one.block, other.block]);
    match &func.blocks[block].terminator {
        Some(Terminator::Jump(to)) => SmallVec::from_elem(to.block, 1),
        Some(Terminator::Branch { then, otherwise, .. }) => two(then, otherwise),
        Some(Terminator::BrNull { null, non_null, .. }) => two(null, non_null),
        Some(Terminator::MayGo { go, stop }) => two(go, stop),
        Some(Terminator::Return(_)) | None => SmallVec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::parse;

    #[test]
    fn orders_and_predecessors_of_a_diamond_with_a_loop() {
        let text = "function f begin clause 0 {
            block0(v0: ctx): v1 = const 1 branch v1, block2, block1
            block1: jump block3
            block2: branch v1, block3, block3
            block3: branch v1, block3, block4
            block4: return v1
        }";
        let func = parse::module(text).unwrap().programs.remove(0).function;
        let cfg = Cfg::new(&func);
        let order: Vec<_> = cfg.reverse_postorder().map(|block| block.to_string()).collect();
        assert_eq!(order, ["block0", "block2", "block1", "block3", "block4"]);
        let preds: Vec<_> =
            cfg.preds(func.layout[3]).iter().map(|edge| format!("{}.{}", edge.from, edge.index)).collect();
        assert_eq!(preds, ["block2.0", "block2.1", "block1.0", "block3.0"]);
        assert_eq!(cfg.only_pred(func.layout[4]).map(|edge| edge.from), Some(func.layout[3]));
    }
}
