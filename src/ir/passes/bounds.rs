//! Clamps of indices that cannot be too large.
//!
//! Where what is known of an index, by its bits or by dominating branches, keeps it below the count, the clamp does
//! nothing: the instruction says so. The kernel still wants to see a bound; where the index stays below a power of two
//! that is not above the count, that power becomes the count, so that a mask is enough.

use crate::ir::cfg::Cfg;
use crate::ir::domtree::DomTree;
use crate::ir::function::{Function, InstData};
use crate::ir::refine;
use crate::ir::typing::Maps;

pub(super) fn run(_: &Maps, func: &mut Function) {
    let cfg = Cfg::new(func);
    let domtree = DomTree::new(&cfg);
    refine::walk(func, &cfg, &domtree, |func, block, refined| {
        for at in 0..func.blocks[block].insts.len() {
            let inst = func.blocks[block].insts[at];
            let InstData::PtrIndex { index, count, .. } = func.insts[inst] else { continue };
            let max = refined.of(func, index).max;
            if max >= count.into() {
                continue;
            }
            let power = (max as u32 + 1).next_power_of_two();
            if let InstData::PtrIndex { count, in_bounds, .. } = &mut func.insts[inst] {
                *in_bounds = true;
                *count = if power <= *count { power } else { *count };
            }
        }
    });
}
