//! Numbers of machine blocks, and their order: reverse postorder for the allocator, and for the code, what seldom runs
//! at the end.

use std::collections::HashMap;

use crate::codegen::mach::{MBlock, MBlockId, MInst};
use crate::ir::cfg::Cfg;
use crate::ir::{Block, Function};

/// Cold blocks go behind at least so many machine instructions of others: in a huge function they would be out of
/// the reach of a jump if they all stood at its end.
const REGION: usize = 8_000;

/// Numbers of machine blocks while selection runs: IR blocks in reverse postorder, then edge blocks.
pub struct Ids {
    blocks: HashMap<Block, MBlockId>,
    edges: HashMap<(Block, u32), MBlockId>,
    /// How many there are.
    pub total: u32,
}

impl Ids {
    /// The machine block of an IR block.
    pub fn of(&self, block: Block) -> MBlockId {
        self.blocks[&block]
    }

    /// The machine block on a critical edge.
    pub fn edge(&self, block: Block, index: u32) -> Option<MBlockId> {
        self.edges.get(&(block, index)).copied()
    }
}

/// Numbers the blocks of a function and its critical edges: those from a block with two ways out to a block with
/// several ways in.
pub fn number(cfg: &Cfg, func: &Function) -> Ids {
    let mut ids = Ids { blocks: HashMap::new(), edges: HashMap::new(), total: 0 };
    for block in cfg.reverse_postorder() {
        ids.blocks.insert(block, ids.total);
        ids.total += 1;
    }
    for block in cfg.reverse_postorder() {
        let targets = func.blocks[block].terminator.iter().flat_map(|t| t.targets()).count();
        for (index, target) in func.blocks[block].terminator.iter().flat_map(|t| t.targets()).enumerate() {
            if targets > 1 && cfg.preds(target.block).len() > 1 {
                ids.edges.insert((block, index as u32), ids.total);
                ids.total += 1;
            }
        }
    }
    ids
}

/// Puts `entry` in front of all blocks, its first-numbered block following; `leave`, where there is one, becomes its
/// first successor and stands last.
pub fn put_in_front(blocks: &mut Vec<MBlock>, mut entry: MBlock, leave: Option<MBlock>) {
    for edge in blocks.iter_mut().flat_map(|b| &mut b.succs) {
        edge.block += 1;
    }
    entry.succs.clear();
    if leave.is_some() {
        entry.succs.push(edge_to(blocks.len() as u32 + 1));
    }
    entry.succs.push(edge_to(1));
    blocks.insert(0, entry);
    blocks.extend(leave);
}

/// An edge without arguments.
pub fn edge_to(block: MBlockId) -> crate::codegen::mach::Edge {
    crate::codegen::mach::Edge { block, ..Default::default() }
}

/// Puts blocks in reverse postorder, renumbers them, and finds out which are cold.
pub fn order(blocks: &mut Vec<MBlock>) {
    let line = reverse_postorder(blocks);
    renumber(blocks, &line);
    spread_cold(blocks);
}

/// Puts cold blocks behind the others.
pub fn put_cold_last(blocks: &mut Vec<MBlock>) {
    let mut places = Vec::with_capacity(blocks.len());
    let (mut aside, mut size) = (Vec::new(), 0);
    for (number, block) in blocks.iter().enumerate() {
        if block.cold {
            aside.push(number);
        } else {
            places.push(number);
            size += block.insts.len();
        }
        if size > REGION {
            places.append(&mut aside);
            size = 0;
        }
    }
    places.append(&mut aside);
    renumber(blocks, &places);
}

fn renumber(blocks: &mut Vec<MBlock>, places: &[usize]) {
    let mut numbers = vec![0; blocks.len()];
    for (number, block) in places.iter().enumerate() {
        numbers[*block] = number as u32;
    }
    let mut old: Vec<Option<MBlock>> = std::mem::take(blocks).into_iter().map(Some).collect();
    blocks.extend(places.iter().filter_map(|block| old[*block].take()));
    for edge in blocks.iter_mut().flat_map(|b| &mut b.succs) {
        edge.block = numbers[edge.block as usize];
    }
}

/// Blocks after their predecessors, the first successor right behind where it can be.
fn reverse_postorder(blocks: &[MBlock]) -> Vec<usize> {
    let mut seen = vec![false; blocks.len()];
    let mut post = Vec::with_capacity(blocks.len());
    let mut stack = vec![(0, 0)];
    seen[0] = true;
    while let Some((block, next)) = stack.pop() {
        // last successor first, so that the reversed order has the first one first
        match blocks[block].succs.iter().rev().nth(next) {
            Some(edge) => {
                stack.push((block, next + 1));
                let to = edge.block as usize;
                if !std::mem::replace(&mut seen[to], true) {
                    stack.push((to, 0));
                }
            }
            None => post.push(block),
        }
    }
    post.reverse();
    post
}

/// A block is cold when all ways out of it are into cold blocks, or all ways to it are: out of cold blocks, or the
/// null side of a null check.
fn spread_cold(blocks: &mut [MBlock]) {
    for block in (1..blocks.len()).rev() {
        let succs = &blocks[block].succs;
        if !succs.is_empty() && succs.iter().all(|edge| blocks[edge.block as usize].cold) {
            blocks[block].cold = true;
        }
    }
    let mut warm = vec![false; blocks.len()];
    warm[0] = true;
    for block in 0..blocks.len() {
        if !warm[block] {
            blocks[block].cold = true;
        }
        if blocks[block].cold {
            continue;
        }
        let unlikely = unlikely(&blocks[block]);
        for (index, edge) in blocks[block].succs.iter().enumerate() {
            if Some(index) != unlikely {
                warm[edge.block as usize] = true;
            }
        }
    }
}

/// The successor that is seldom taken: terminators of null checks name it first.
fn unlikely(block: &MBlock) -> Option<usize> {
    match block.insts.last() {
        Some((MInst::Branch { test }, _)) if test.null_check => Some(0),
        Some((MInst::MayGo, _)) => Some(1),
        _ => None,
    }
}
