//! Straightens the graph: a block that is the only successor of its only predecessor becomes part of it.

use cranelift_entity::EntitySet;

use crate::ir::cfg::Cfg;
use crate::ir::entities::Block;
use crate::ir::function::{Function, Terminator};
use crate::ir::typing::Maps;

pub(super) fn run(_: &Maps, func: &mut Function) {
    let cfg = Cfg::new(func);
    let mut merged = EntitySet::new();
    for block in cfg.reverse_postorder() {
        if !merged.contains(block) {
            while let Some(next) = follower(func, &cfg, block) {
                merge(func, block, next);
                merged.insert(next);
            }
        }
    }
    func.layout.retain(|block| !merged.contains(*block));
    func.resolve_aliases();
}

/// The block that can be put at the end of this one.
fn follower(func: &Function, cfg: &Cfg, block: Block) -> Option<Block> {
    match &func.blocks[block].terminator {
        Some(Terminator::Jump(target)) if target.block != block => {
            cfg.only_pred(target.block).map(|_| target.block)
        }
        _ => None,
    }
}

fn merge(func: &mut Function, block: Block, next: Block) {
    let Some(Terminator::Jump(target)) = func.blocks[block].terminator.take() else { return };
    for (param, arg) in std::mem::take(&mut func.blocks[next].params).into_iter().zip(target.args) {
        func.replace(param, arg);
    }
    let mut data = std::mem::take(&mut func.blocks[next]);
    let into = &mut func.blocks[block];
    into.insts.append(&mut data.insts);
    into.terminator = data.terminator;
    into.terminator_span = data.terminator_span;
}
