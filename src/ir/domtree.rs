//! Dominators, by the algorithm of Cooper, Harvey and Kennedy ("A Simple, Fast Dominance Algorithm").
//!
//! Immediate dominators are found by walking the reverse postorder until nothing changes; numbers given in a walk
//! over the finished tree then answer `dominates` at once. Stale after any change to terminators.

use cranelift_entity::{SecondaryMap, packed_option::PackedOption};

use super::cfg::Cfg;
use super::entities::Block;

#[derive(Clone, Copy, Debug, Default)]
struct Node {
    idom: PackedOption<Block>,
    first_child: PackedOption<Block>,
    next_sibling: PackedOption<Block>,
    /// Numbers of entering and leaving the node in a walk over the tree.
    enter: u32,
    leave: u32,
}

/// The dominator tree of the blocks that the entry reaches.
#[derive(Clone, Debug)]
pub struct DomTree {
    nodes: SecondaryMap<Block, Node>,
    preorder: Vec<Block>,
}

impl DomTree {
    /// The tree of a graph.
    pub fn new(cfg: &Cfg) -> DomTree {
        let mut tree = DomTree { nodes: SecondaryMap::new(), preorder: Vec::new() };
        tree.find_idoms(cfg);
        tree.link_children(cfg);
        tree.number(cfg);
        tree
    }

    fn find_idoms(&mut self, cfg: &Cfg) {
        let mut changed = true;
        while changed {
            changed = false;
            for block in cfg.reverse_postorder().skip(1) {
                let mut idom: Option<Block> = None;
                // The deepest first: each meet then climbs only from there to the next, not from each to the top.
                for edge in cfg.preds(block).iter().rev() {
                    if !self.is_placed(edge.from, cfg) {
                        continue;
                    }
                    idom = Some(idom.map_or(edge.from, |other| self.meet(other, edge.from, cfg)));
                }
                if self.nodes[block].idom != idom.into() {
                    self.nodes[block].idom = idom.into();
                    changed = true;
                }
            }
        }
    }

    fn is_placed(&self, block: Block, cfg: &Cfg) -> bool {
        cfg.position(block) == Some(0) || self.nodes[block].idom.is_some()
    }

    /// The nearest common ancestor.
    fn meet(&self, mut a: Block, mut b: Block, cfg: &Cfg) -> Block {
        while a != b {
            let (at, bt) = (cfg.position(a), cfg.position(b));
            let lower = if at > bt { &mut a } else { &mut b };
            match self.nodes[*lower].idom.expand() {
                Some(idom) => *lower = idom,
                None => return *lower,
            }
        }
        a
    }

    fn link_children(&mut self, cfg: &Cfg) {
        // In postorder, so that pushing at the front leaves children in reverse postorder.
        for &block in cfg.postorder() {
            if let Some(idom) = self.nodes[block].idom.expand() {
                self.nodes[block].next_sibling = self.nodes[idom].first_child;
                self.nodes[idom].first_child = block.into();
            }
        }
    }

    fn number(&mut self, cfg: &Cfg) {
        let Some(root) = cfg.reverse_postorder().next() else { return };
        let (mut clock, mut stack) = (0, vec![(root, false)]);
        while let Some((block, done)) = stack.pop() {
            clock += 1;
            if done {
                self.nodes[block].leave = clock;
                continue;
            }
            self.nodes[block].enter = clock;
            self.preorder.push(block);
            stack.push((block, true));
            let at = stack.len();
            stack.extend(self.children(block).map(|child| (child, false)));
            stack[at..].reverse();
        }
    }

    /// The nearest block through which every path to `block` goes; None for the entry.
    pub fn idom(&self, block: Block) -> Option<Block> {
        self.nodes[block].idom.expand()
    }

    /// True when every path from the entry to `b` passes `a`. A block dominates itself. Both must be reachable.
    pub fn dominates(&self, a: Block, b: Block) -> bool {
        self.nodes[a].enter <= self.nodes[b].enter && self.nodes[b].leave <= self.nodes[a].leave
    }

    /// The blocks whose immediate dominator this is.
    pub fn children(&self, block: Block) -> impl Iterator<Item = Block> + '_ {
        std::iter::successors(self.nodes[block].first_child.expand(), |child| {
            self.nodes[*child].next_sibling.expand()
        })
    }

    /// Reached blocks, each after its dominators.
    pub fn preorder(&self) -> &[Block] {
        &self.preorder
    }

    /// True when every path to `block` passes the edge into `to`, where `edge` is one of the edges into `to`: all
    /// other edges into `to` come back from below it.
    pub fn edge_dominates(&self, cfg: &Cfg, edge: super::cfg::Edge, to: Block, block: Block) -> bool {
        self.dominates(to, block)
            && cfg.preds(to).iter().all(|other| *other == edge || self.dominates(to, other.from))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::function::{Function, InstData, Target, Terminator, Type};
    use crate::ir::fuzz::Random;
    use crate::sema::tree::ProbeKind;
    use crate::source::Span;

    fn random_graph(random: &mut Random, blocks: u32) -> Function {
        let mut func = Function::new("f", ProbeKind::Begin, 0, Span::default());
        for _ in 0..blocks {
            func.add_block();
        }
        let entry = func.entry();
        let value = func.append(entry, InstData::Const(0), Some(Type::Int), Span::default()).unwrap();
        for block in func.layout.clone() {
            let [then, otherwise] = [0; 2].map(|_| Target {
                block: func.layout[1 + random.below(u64::from(blocks) - 1) as usize],
                args: Default::default(),
            });
            let terminator = match random.chance(30) {
                true => Terminator::Jump(then),
                false => Terminator::Branch { cond: value, then, otherwise },
            };
            func.blocks[block].terminator = Some(terminator);
        }
        func
    }

    /// What the entry reaches without passing `without`.
    fn reached(func: &Function, without: Block) -> Vec<Block> {
        let (mut seen, mut stack) = (vec![], vec![func.entry()]);
        while let Some(block) = stack.pop() {
            if block != without && !seen.contains(&block) {
                seen.push(block);
                stack.extend(crate::ir::cfg::successors(func, block));
            }
        }
        seen
    }

    #[test]
    fn agrees_with_the_definition_on_random_graphs() {
        let mut random = Random::new(7);
        for _ in 0..200 {
            let blocks = 2 + random.below(12) as u32;
            let func = random_graph(&mut random, blocks);
            let cfg = Cfg::new(&func);
            let tree = DomTree::new(&cfg);
            for a in cfg.reverse_postorder() {
                let without = reached(&func, a);
                for b in cfg.reverse_postorder() {
                    assert_eq!(tree.dominates(a, b), !without.contains(&b), "{a} {b}\n{func}");
                }
            }
            assert_eq!(tree.preorder().len(), cfg.postorder().len());
        }
    }
}
