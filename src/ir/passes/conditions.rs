//! What a dominating branch has decided is not asked again.
//!
//! Behind a branch on `x < 10` a comparison `x < 20` is constant, and behind a null check of a pointer another check of
//! the same pointer is decided. Comparisons become constants, checks become jumps; branches on constants are left to
//! `branches`.

use crate::ir::cfg::Cfg;
use crate::ir::domtree::DomTree;
use crate::ir::entities::Block;
use crate::ir::function::{Function, InstData, Terminator};
use crate::ir::refine::{self, Refined};
use crate::ir::typing::Maps;

pub(super) fn run(_: &Maps, func: &mut Function) {
    let cfg = Cfg::new(func);
    let domtree = DomTree::new(&cfg);
    refine::walk(func, &cfg, &domtree, |func, block, refined| {
        comparisons(func, block, refined);
        check(func, block, refined);
    });
    func.remove_unreachable();
}

fn comparisons(func: &mut Function, block: Block, refined: &Refined) {
    for at in 0..func.blocks[block].insts.len() {
        let inst = func.blocks[block].insts[at];
        let (InstData::Icmp { .. }, Some(result)) = (&func.insts[inst], func.result(inst)) else { continue };
        if let Some(number) = refined.of(func, result).as_constant() {
            func.insts[inst] = InstData::Const(number as i64);
        }
    }
}

fn check(func: &mut Function, block: Block, refined: &Refined) {
    let Some(Terminator::BrNull { ptr, null, non_null }) = &func.blocks[block].terminator else { return };
    let Some(is_null) = refined.is_null(func, *ptr) else { return };
    let target = if is_null { null } else { non_null }.clone();
    func.blocks[block].terminator = Some(Terminator::Jump(target));
}
