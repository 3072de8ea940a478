//! Where frame slots lie: on the 512-byte stack or in per-CPU scratch memory, overlapping where their lives allow.
//!
//! A slot lives from the first to the last instruction that has a pointer into it ([`super::spans`]). That is enough: a
//! key or a buffer is written and used within a few instructions. A slot whose address is known as a number lives
//! throughout.
//!
//! Invariants: every place is 8-aligned. A slot that is indexed by a variable is never on the stack (kernels
//! before 5.12 refuse that).
//!
//! Deliberately absent: spill slots, which lie below, and the choice what to move when they need the room.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use cranelift_entity::SecondaryMap;

use super::spans::{Positions, Spans};
use crate::ir::cfg::Cfg;
use crate::ir::{Block, Function, InstData, Provenance, Slot, Terminator, Type, Value};
use crate::wire::align_up;

/// Bytes of stack that the kernel gives a program.
pub const STACK: u32 = 512;
/// Bytes of stack that the kernel takes for itself to count the rounds of loops.
const ROUNDS: u32 = 16;
/// Bytes of stack of a function that the kernel calls back, as the kernel rounds: all frames together have 512.
const CALLBACK: u32 = 32;
/// Slots larger than this do not go to the stack when there is scratch memory, unless the script says otherwise.
pub const LARGE: u32 = 256;

/// Bytes of stack for each function of a program: those that run inside one another have `stack` together.
pub fn share(func: &Function, stack: u32) -> u32 {
    let collects = |func: &Function| func.insts.values().any(|data| matches!(data, InstData::Collect { .. }));
    fn levels(func: &Function) -> u32 {
        1 + func.subs.iter().map(levels).max().unwrap_or(0)
    }
    fn any(func: &Function, test: &dyn Fn(&Function) -> bool) -> bool {
        test(func) || func.subs.iter().any(|sub| any(sub, test))
    }
    let room = if any(func, &collects) { stack - CALLBACK } else { stack };
    // the kernel rounds each frame up
    room / levels(func) / 32 * 32
}

/// Bytes of stack that a function with a share of `share` may use itself.
pub fn limit(func: &Function, share: u32) -> u32 {
    let counted = |block: &Block| matches!(func.blocks[*block].terminator, Some(Terminator::MayGo { .. }));
    if func.layout.iter().any(counted) { share.saturating_sub(ROUNDS) } else { share }
}

/// Where a slot lies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Place {
    /// Nowhere: nothing uses it.
    #[default]
    None,
    /// At r10 + offset, which is negative.
    Stack(i16),
    /// At this offset of the program's scratch entry.
    Scratch(u32),
}

/// When slots live, and which must not be on the stack.
#[derive(Debug)]
pub struct Lives {
    spans: Spans<Slot>,
    /// Indexed by a variable.
    indexed: SecondaryMap<Slot, bool>,
    /// Given to a callback: only the stack will do.
    pinned: SecondaryMap<Slot, bool>,
}

impl Lives {
    /// Reads the function once.
    pub fn new(func: &Function, cfg: &Cfg) -> Lives {
        let mut lives =
            Lives { spans: Spans::new(), indexed: SecondaryMap::new(), pinned: SecondaryMap::new() };
        let mut addressed = Vec::new();
        let positions = Positions::walk(func, cfg, |inst, at| {
            let data = &func.insts[inst];
            data.for_each_operand(|value| {
                if let Some(slot) = slot_of(func, value) {
                    lives.spans.touch(slot, at);
                }
            });
            match data {
                InstData::Address { base } => addressed.extend(slot_of(func, *base)),
                InstData::Collect { state, .. } => {
                    if let Some(slot) = slot_of(func, *state) {
                        lives.pinned[slot] = true;
                    }
                }
                InstData::PtrIndex { base, index, .. } if func.as_const(func.resolve(*index)).is_none() => {
                    if let Some(slot) = slot_of(func, *base) {
                        lives.indexed[slot] = true;
                    }
                }
                _ => {}
            }
        });
        for slot in addressed {
            lives.spans.touch(slot, 0);
            lives.spans.touch(slot, positions.end);
        }
        lives.spans.extend_over_loops(cfg, &positions);
        lives
    }

    /// True when the slot must lie on the stack.
    pub fn needs_stack(&self, slot: Slot) -> bool {
        self.pinned[slot]
    }

    /// True when the slot must lie in scratch memory.
    pub fn needs_scratch(&self, slot: Slot) -> bool {
        self.indexed[slot]
    }
}

/// The slot that a pointer points into.
fn slot_of(func: &Function, value: Value) -> Option<Slot> {
    match func.type_of(func.resolve(value)) {
        Type::Ptr(Provenance::Stack(slot)) => Some(slot),
        _ => None,
    }
}

/// The layout.
#[derive(Clone, Debug, Default)]
pub struct Frame {
    /// By slot.
    places: SecondaryMap<Slot, Place>,
    /// Bytes of stack used, without spills.
    pub stack: u32,
    /// Bytes of scratch used.
    pub scratch: u32,
}

impl Frame {
    /// Lays the slots out; `in_scratch` says which ones go to scratch memory, which begins at `scratch`.
    pub fn new(func: &Function, lives: &Lives, in_scratch: &SecondaryMap<Slot, bool>, scratch: u32) -> Frame {
        let mut frame = Frame::default();
        let mut stack = Arena::default();
        let (mut memory, start) = (Arena::default(), align_up(scratch, 8));
        let mut order: Vec<_> = func.slots.keys().filter_map(|s| Some((lives.spans.get(s)?, s))).collect();
        order.sort_unstable();
        for ((first, last), slot) in order {
            let size = align_up(func.slots[slot].size.max(1), 8);
            frame.places[slot] = if in_scratch[slot] {
                Place::Scratch(start + memory.take(size, first, last))
            } else {
                // a frame too large for 16 bits is laid out again before anyone looks
                let end = stack.take(size, first, last) + size;
                Place::Stack(i16::try_from(-i64::from(end)).unwrap_or(i16::MIN))
            };
        }
        frame.scratch = if memory.top > 0 { start + memory.top } else { 0 };
        frame.stack = stack.top;
        if frame.scratch > 0 {
            // the key of the lookup, used before any slot is
            frame.stack = frame.stack.max(8);
        }
        frame
    }

    /// Where a slot lies.
    pub fn place(&self, slot: Slot) -> Place {
        self.places[slot]
    }

    /// The largest slot on the stack that may move.
    pub fn largest_on_stack(&self, func: &Function, lives: &Lives) -> Option<Slot> {
        let on_stack =
            |slot: &Slot| matches!(self.places[*slot], Place::Stack(_)) && !lives.needs_stack(*slot);
        func.slots.keys().filter(on_stack).max_by_key(|slot| (func.slots[*slot].size, Reverse(*slot)))
    }
}

/// Memory handed out in order of time.
#[derive(Default)]
struct Arena {
    /// Free stretches `(offset, size)` below `top`, ascending, never adjacent.
    free: Vec<(u32, u32)>,
    /// Taken stretches by the time when they are free again.
    taken: BinaryHeap<Reverse<(u32, u32, u32)>>,
    top: u32,
}

impl Arena {
    fn take(&mut self, size: u32, first: u32, last: u32) -> u32 {
        while let Some(Reverse((end, offset, size))) = self.taken.peek().copied()
            && end < first
        {
            self.taken.pop();
            self.give_back(offset, size);
        }
        let offset = self.find(size);
        self.taken.push(Reverse((last, offset, size)));
        offset
    }

    fn find(&mut self, size: u32) -> u32 {
        if let Some(at) = self.free.iter().position(|(_, room)| *room >= size) {
            let (offset, room) = self.free[at];
            if room == size {
                self.free.remove(at);
            } else {
                self.free[at] = (offset + size, room - size);
            }
            return offset;
        }
        // a free stretch at the top is extended
        let offset = match self.free.last() {
            Some((offset, room)) if offset + room == self.top => {
                let offset = *offset;
                self.free.pop();
                offset
            }
            _ => self.top,
        };
        self.top = offset + size;
        offset
    }

    fn give_back(&mut self, mut offset: u32, mut size: u32) {
        let mut at = self.free.partition_point(|(start, _)| *start < offset);
        if let Some((next, room)) = self.free.get(at).copied()
            && offset + size == next
        {
            size += room;
            self.free.remove(at);
        }
        if at > 0 {
            let (start, room) = self.free[at - 1];
            if start + room == offset {
                at -= 1;
                self.free.remove(at);
                (offset, size) = (start, room + size);
            }
        }
        self.free.insert(at, (offset, size));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_used_again_once_its_time_is_over() {
        let mut arena = Arena::default();
        assert_eq!(arena.take(8, 1, 3), 0);
        assert_eq!(arena.take(16, 2, 9), 8);
        assert_eq!(arena.take(8, 3, 3), 24, "still taken at its last position");
        assert_eq!(arena.take(8, 4, 5), 0);
        assert_eq!(arena.take(24, 6, 7), 24, "the free end is extended");
        assert_eq!(arena.top, 48);
        assert_eq!(arena.take(48, 20, 21), 0, "what is free side by side is one stretch");
    }
}
