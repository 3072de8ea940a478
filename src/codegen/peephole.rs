//! Small repairs of allocated code: moves that change nothing, fills of what is still in a register, spills that
//! nobody fills, blocks that are there twice.
//!
//! Deliberately absent: anything that the selection could have seen.

use std::collections::{HashMap, HashSet};

use super::mach::{Addr, MBlock, MInst, Reg, Src};
use crate::ir::Width;

/// Repairs `blocks`. Spill slots lie below `r10 − spill_base`.
pub fn run(blocks: &mut [MBlock], spill_base: u32) {
    for block in blocks.iter_mut() {
        block.insts = repair(std::mem::take(&mut block.insts), spill_base);
    }
    drop_unread_spills(blocks, spill_base);
    merge_twins(blocks);
}

fn is_spill(addr: Addr, spill_base: u32) -> bool {
    addr.base == Reg::FP && i64::from(addr.off) < -i64::from(spill_base)
}

type Insts = Vec<(MInst, crate::source::Span)>;

/// One walk over a block with what is known to be equal.
fn repair(insts: Insts, spill_base: u32) -> Insts {
    let mut equal = Equal::default();
    let mut out = Insts::with_capacity(insts.len());
    for (mut inst, span) in insts {
        match inst {
            MInst::Move { dst, src } => {
                if equal.are(Place::Reg(dst), Place::Reg(src)) {
                    continue;
                }
                equal.assign(Place::Reg(dst), Some(Place::Reg(src)));
            }
            MInst::Load { dst, addr, width: Width::B8, .. } if is_spill(addr, spill_base) => {
                let slot = Place::Slot(addr.off);
                if equal.are(Place::Reg(dst), slot) {
                    continue;
                }
                if let Some(src) = equal.reg_with(slot) {
                    inst = MInst::Move { dst, src };
                }
                equal.assign(Place::Reg(dst), Some(slot));
            }
            MInst::Store { addr, src: Src::Reg(src), .. } if is_spill(addr, spill_base) => {
                if equal.are(Place::Slot(addr.off), Place::Reg(src)) {
                    continue;
                }
                equal.assign(Place::Slot(addr.off), Some(Place::Reg(src)));
            }
            _ => {
                let call =
                    matches!(inst, MInst::Call { .. } | MInst::CallSub { .. } | MInst::CallImport { .. });
                inst.visit(&mut |reg, role| {
                    use super::mach::Role::{Def, DefFixed, DefReuse, Temp};
                    if matches!(role, Def | DefFixed(_) | DefReuse | Temp) {
                        equal.assign(Place::Reg(*reg), None);
                    }
                });
                if call {
                    (0..6).for_each(|n| equal.assign(Place::Reg(Reg::phys(n)), None));
                }
            }
        }
        out.push((inst, span));
    }
    out
}

/// A register or a spill slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Reg(Reg),
    Slot(i16),
}

/// Which places hold the same value: a number for each value.
#[derive(Default)]
struct Equal {
    values: Vec<(Place, u32)>,
    last: u32,
}

impl Equal {
    fn value(&self, place: Place) -> Option<u32> {
        self.values.iter().find(|(p, _)| *p == place).map(|(_, value)| *value)
    }

    fn are(&self, one: Place, other: Place) -> bool {
        one == other || self.value(one).is_some_and(|value| self.value(other) == Some(value))
    }

    fn reg_with(&self, place: Place) -> Option<Reg> {
        let value = self.value(place)?;
        self.values.iter().find_map(|(place, other)| match place {
            Place::Reg(reg) if *other == value => Some(*reg),
            _ => None,
        })
    }

    /// `place` holds what `of` holds, or something new.
    fn assign(&mut self, place: Place, of: Option<Place>) {
        let value = of.map(|of| {
            self.value(of).unwrap_or_else(|| {
                self.last += 1;
                self.values.push((of, self.last));
                self.last
            })
        });
        self.values.retain(|(p, _)| *p != place);
        if let Some(value) = value {
            self.values.push((place, value));
        }
    }
}

fn drop_unread_spills(blocks: &mut [MBlock], spill_base: u32) {
    let mut read = HashSet::new();
    for (inst, _) in blocks.iter().flat_map(|block| &block.insts) {
        if let MInst::Load { addr, .. } = inst
            && is_spill(*addr, spill_base)
        {
            read.insert(addr.off);
        }
    }
    for block in blocks {
        block.insts.retain(|(inst, _)| match inst {
            MInst::Store { addr, .. } => !is_spill(*addr, spill_base) || read.contains(&addr.off),
            _ => true,
        });
    }
}

/// Ways to a block that equals another one go to that one, so that emission drops it. Until nothing changes: blocks
/// become equal when what follows them does.
fn merge_twins(blocks: &mut [MBlock]) {
    loop {
        let mut first: HashMap<(Vec<&MInst>, Vec<u32>), usize> = HashMap::new();
        let mut twins = HashMap::new();
        for (number, block) in blocks.iter().enumerate().skip(1) {
            if !means_the_same_everywhere(block) {
                continue;
            }
            let insts = block.insts.iter().map(|(inst, _)| inst).collect();
            let succs = block.succs.iter().map(|edge| edge.block).collect();
            match first.entry((insts, succs)) {
                std::collections::hash_map::Entry::Occupied(same) => {
                    twins.insert(number as u32, *same.get() as u32);
                }
                std::collections::hash_map::Entry::Vacant(free) => {
                    free.insert(number);
                }
            }
        }
        let mut changed = false;
        for edge in blocks.iter_mut().flat_map(|block| &mut block.succs) {
            if let Some(same) = twins.get(&edge.block) {
                edge.block = *same;
                changed = true;
            }
        }
        if !changed {
            return;
        }
    }
}

/// True for a block that two paths may share whatever their registers hold: an access through a pointer must not meet
/// different kinds of pointers (rule 8), so only addresses that the block makes itself are accessed.
fn means_the_same_everywhere(block: &MBlock) -> bool {
    let mut made = Vec::new();
    block.insts.iter().all(|(inst, _)| match inst {
        MInst::MapValueAddr { dst, .. } => {
            made.push(*dst);
            true
        }
        MInst::Imm { dst, .. } | MInst::Move { dst, .. } => {
            made.retain(|reg| reg != dst);
            true
        }
        MInst::AtomicAdd { addr, .. } => made.contains(&addr.base),
        MInst::Jump | MInst::Exit { .. } => true,
        _ => false,
    })
}
