//! Basic blocks of finished code.

use super::Violation;
use crate::codegen::disasm::slots;
use crate::codegen::encode::Sealed;
use crate::codegen::inst::Insn;
use crate::codegen::opcode as op;

/// Slots `start..end`, control entering at the start only.
#[derive(Clone, Copy, Debug)]
pub struct Block {
    /// First slot.
    pub start: usize,
    /// One past the last.
    pub end: usize,
    /// Place in the reverse postorder.
    pub order: u32,
    /// Where a loop comes back to.
    pub head: bool,
}

/// The blocks of a program.
pub struct Graph {
    /// In the order of the code.
    pub blocks: Vec<Block>,
    /// The block that starts at a slot.
    starts: Vec<Option<u32>>,
}

/// Where an instruction may go besides the next one, and whether it may go to the next one.
pub fn ways(insn: Insn, at: usize) -> (Option<i64>, bool) {
    let class = insn.code & op::CLASS;
    if class != op::JMP && class != op::JMP32 {
        return (None, true);
    }
    match insn.code & op::OP {
        op::EXIT => (None, false),
        op::CALL => (None, true),
        op::JA if class == op::JMP32 => (Some(at as i64 + 1 + i64::from(insn.imm)), false),
        op::JA => (Some(at as i64 + 1 + i64::from(insn.off)), false),
        _ => (Some(at as i64 + 1 + i64::from(insn.off)), true),
    }
}

impl Graph {
    /// Finds the blocks; an error when a jump leaves the code or something cannot be reached.
    pub fn new(insns: &[Insn], sealed: &[Sealed]) -> Result<Graph, Violation> {
        let mut starts = vec![None; insns.len() + 1];
        let mut heads = vec![false; insns.len() + 1];
        let mut leader = vec![false; insns.len() + 1];
        leader[0] = true;
        let mut skip = sealed.iter().peekable();
        let mut at = 0;
        while at < insns.len() {
            heads[at] = true;
            if let Some(inside) = skip.next_if(|s| s.at as usize == at) {
                at = inside.end as usize;
                continue;
            }
            let next = at + slots(insns[at]);
            let (target, falls) = ways(insns[at], at);
            if let Some(target) = target {
                let target = usize::try_from(target).ok().filter(|target| *target < insns.len());
                let Some(target) = target else {
                    return Err(Violation { at, what: "a jump out of the code".into() });
                };
                leader[target] = true;
                leader[next.min(insns.len())] = true;
            } else if !falls {
                leader[next.min(insns.len())] = true;
            }
            at = next;
        }
        let mut blocks: Vec<Block> = Vec::new();
        for at in (0..insns.len()).filter(|at| leader[*at]) {
            if !heads[at] {
                return Err(Violation { at, what: "a jump into the middle of an instruction".into() });
            }
            if let Some(last) = blocks.last_mut() {
                last.end = at;
            }
            starts[at] = Some(blocks.len() as u32);
            blocks.push(Block { start: at, end: insns.len(), order: u32::MAX, head: false });
        }
        let mut graph = Graph { blocks, starts };
        graph.number(insns, sealed);
        match graph.blocks.iter().find(|block| block.order == u32::MAX) {
            Some(block) => Err(Violation { at: block.start, what: "unreachable code".into() }),
            None => Ok(graph),
        }
    }

    /// The block that starts at a slot.
    pub fn block_at(&self, at: i64) -> Option<usize> {
        let at = usize::try_from(at).ok()?;
        self.starts.get(at).copied().flatten().map(|block| block as usize)
    }

    fn successors(&self, insns: &[Insn], sealed: &[Sealed], block: usize) -> [Option<usize>; 2] {
        let Block { start, end, .. } = self.blocks[block];
        let mut last = start;
        let mut at = start;
        let mut skip = sealed.partition_point(|s| (s.at as usize) < start);
        while at < end {
            last = at;
            match sealed.get(skip).filter(|s| s.at as usize == at) {
                Some(inside) => {
                    at = inside.end as usize;
                    skip += 1;
                    last = at;
                }
                None => at += slots(insns[at]),
            }
        }
        let (target, falls) = if last < end { ways(insns[last], last) } else { (None, true) };
        let next = if falls { self.block_at(end as i64) } else { None };
        [next, target.and_then(|target| self.block_at(target))]
    }

    fn number(&mut self, insns: &[Insn], sealed: &[Sealed]) {
        let mut post = Vec::with_capacity(self.blocks.len());
        let mut seen = vec![false; self.blocks.len()];
        let mut stack = vec![(0, 0)];
        seen[0] = true;
        while let Some((block, next)) = stack.pop() {
            if next == 2 {
                post.push(block);
                continue;
            }
            stack.push((block, next + 1));
            if let Some(to) = self.successors(insns, sealed, block)[next]
                && !std::mem::replace(&mut seen[to], true)
            {
                stack.push((to, 0));
            }
        }
        for (order, block) in post.into_iter().rev().enumerate() {
            self.blocks[block].order = order as u32;
        }
        for block in 0..self.blocks.len() {
            for to in self.successors(insns, sealed, block).into_iter().flatten() {
                let back = self.blocks[to].order <= self.blocks[block].order;
                self.blocks[to].head |= back;
            }
        }
    }
}
