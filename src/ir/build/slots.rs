//! Temporary frame slots, shared by size: a program of thousands of statements uses as many slots as one
//! statement.

use rustc_hash::FxHashMap;

use crate::ir::entities::Slot;
use crate::ir::function::{Function, SlotData};
use crate::wire::align_up;

/// Slots that nobody uses at the moment, by size.
#[derive(Default)]
pub struct Slots {
    free: FxHashMap<u32, Vec<Slot>>,
}

impl Slots {
    /// A slot with room for `size` bytes, aligned to 8. `what` names a new one.
    pub fn acquire(&mut self, func: &mut Function, size: u32, what: &str) -> Slot {
        let size = align_up(size.max(1), 8);
        let free = self.free.get_mut(&size).and_then(Vec::pop);
        free.unwrap_or_else(|| func.slots.push(SlotData { size, align: 8, name: what.into() }))
    }

    /// Gives a slot back.
    pub fn release(&mut self, func: &Function, slot: Slot) {
        self.free.entry(func.slots[slot].size).or_default().push(slot);
    }
}
