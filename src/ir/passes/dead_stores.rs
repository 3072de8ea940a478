//! Stores that nobody reads.
//!
//! Bytes of slots and records that are overwritten before they are read, or never read again, need not be written:
//! stores, zeroing, copies, and helpers that only write there. What is partly needed is trimmed at its ends. A slot that
//! is never read loses all of its stores so.

use rustc_hash::FxHashMap;

use crate::ir::cfg::Cfg;
use crate::ir::entities::{Block, Inst};
use crate::ir::function::{Function, InstData};
use crate::ir::helper::Effect;
use crate::ir::memory::{Effects, Liveness, effects, extent, is_tracked, reservation};
use crate::ir::places::{Access, Places, Region};
use crate::ir::ranges::Ranges;
use crate::ir::typing::Maps;

pub(super) fn run(maps: &Maps, func: &mut Function) {
    let cfg = Cfg::new(func);
    let places = Places::new(maps, func, &cfg);
    let liveness = Liveness::careful(maps, func, &cfg, &places);
    let uses = func.use_counts();
    for block in func.layout.clone() {
        let mut live = Live::at_end(&liveness, block);
        let mut insts = std::mem::take(&mut func.blocks[block].insts);
        insts.reverse();
        insts.retain(|&inst| {
            let effects = effects(maps, func, &places, inst);
            if let Some(region) = reservation(func, inst) {
                live.bytes.remove(&region);
            }
            let unused = func.result(inst).is_none_or(|result| uses[result] == 0);
            match effects.writes.first() {
                Some(write) if is_tracked(write.region) && only_writes(func, inst) && unused => {
                    let Some((start, end)) = live.needed(maps, func, write) else { return false };
                    trim(func, inst, write, start, end);
                }
                _ => {}
            }
            live.before(maps, func, &effects);
            true
        });
        insts.reverse();
        func.blocks[block].insts = insts;
    }
}

/// What is alive at a place in a block.
pub(super) struct Live<'a> {
    liveness: &'a Liveness,
    bytes: FxHashMap<Region, Ranges>,
}

impl Live<'_> {
    pub(super) fn at_end(liveness: &Liveness, block: Block) -> Live<'_> {
        Live { liveness, bytes: liveness.live_out(block).clone() }
    }

    /// The least range that has all bytes of an access that are alive.
    pub(super) fn needed(&self, maps: &Maps, func: &Function, access: &Access) -> Option<(i64, i64)> {
        let (start, end) = extent(maps, func, access);
        if self.liveness.is_everywhere(access.region) {
            return Some((start, end));
        }
        let live = self.bytes.get(&access.region)?;
        let ranges = live.iter().filter(|(from, to)| *from < end && start < *to);
        let needed = ranges.map(|(from, to)| (from.max(start), to.min(end)));
        needed.reduce(|first, last| (first.0, last.1))
    }

    /// Goes back over an instruction.
    pub(super) fn before(&mut self, maps: &Maps, func: &Function, effects: &Effects) {
        for write in effects.writes.iter().filter(|write| write.exact && effects.whole) {
            if let Some(live) = self.bytes.get_mut(&write.region) {
                live.remove(write.start, write.end);
            }
        }
        for read in effects.reads.iter().filter(|read| is_tracked(read.region)) {
            let (start, end) = extent(maps, func, read);
            self.bytes.entry(read.region).or_default().insert(start, end);
        }
    }
}

/// The instruction does nothing but write to memory.
fn only_writes(func: &Function, inst: Inst) -> bool {
    match &func.insts[inst] {
        InstData::Store { .. } | InstData::Zero { .. } | InstData::Copy { .. } => true,
        InstData::Call { helper, .. } => helper.effect() == Effect::WriteOut,
        _ => false,
    }
}

/// Leaves out bytes at the ends that are not needed.
fn trim(func: &mut Function, inst: Inst, write: &Access, start: i64, end: i64) {
    if !write.exact {
        return;
    }
    let (skip, new_len) = ((start - write.start) as i32, (end - start) as u32);
    match &mut func.insts[inst] {
        InstData::Zero { offset, len, .. } => {
            *offset += skip;
            *len = new_len;
        }
        InstData::Copy { to_offset, from_offset, len, .. } => {
            // Whole words are copied at no more cost than parts of them.
            let skip = skip & !7;
            let end = (new_len as i32 + (start - write.start) as i32 - skip + 7) & !7;
            let rest = *len as i32 - skip;
            *to_offset += skip;
            *from_offset += skip;
            *len = end.min(rest) as u32;
        }
        _ => {}
    }
}
