//! Stores side by side become wider ones.
//!
//! Constant bytes stored to a slot, a record or a map value are held back, and written as late as they can be, by the
//! widest stores that fit: eight bytes at a time where the number is an immediate of 32 bits, else four. What is
//! overwritten in between is not written at all. A value that is known to be narrow, beside zeros, is stored
//! as a wider word together with them.
//!
//! Held back means: until something may read or write the memory, or the block ends. Stores to map values, which others
//! can see, are not moved past anything else with an effect.

mod pending;

use crate::ir::cfg::Cfg;
use crate::ir::edit::Cursor;
use crate::ir::entities::{Inst, Value};
use crate::ir::function::{Function, InstData, Width};
use crate::ir::known::Facts;
use crate::ir::memory::effects;
use crate::ir::places::{Access, Places, Region};
use crate::ir::typing::Maps;
use pending::Pending;

/// Longer runs of zeros are left as they are.
const LONGEST_ZERO: u32 = 64;
/// Pieces of memory for which stores are held back at the same time.
const MOST_PENDING: usize = 8;

pub(super) fn run(maps: &Maps, func: &mut Function) {
    let cfg = Cfg::new(func);
    let places = Places::new(maps, func, &cfg);
    let facts = Facts::new(func, &cfg);
    align_slots(func);
    for block in func.layout.clone() {
        let cursor = Cursor::new(func, block);
        Merger { maps, places: &places, facts: &facts, cursor, pending: Vec::new() }.block();
    }
}

/// Slots of 8 bytes or more are aligned to 8, so that they can be written by words.
fn align_slots(func: &mut Function) {
    for slot in func.slots.values_mut().filter(|slot| slot.size >= 8) {
        slot.align = 8;
    }
}

struct Merger<'f, 'a> {
    maps: &'a Maps,
    places: &'a Places,
    facts: &'a Facts,
    cursor: Cursor<'f>,
    pending: Vec<Pending>,
}

/// A store that may be held back or widened.
struct Write {
    base: Value,
    offset: i32,
    access: Access,
    what: What,
}

enum What {
    /// Constant bytes.
    Bytes(Vec<u8>),
    /// The low bytes of a value.
    Value(Width, Value),
}

impl Merger<'_, '_> {
    fn block(&mut self) {
        while let Some(inst) = self.cursor.next() {
            match self.write(inst) {
                Some(write) => self.store(inst, write),
                None => {
                    self.flush_for(inst);
                    self.cursor.keep(inst);
                }
            }
        }
        for pending in std::mem::take(&mut self.pending) {
            pending.flush(&mut self.cursor);
        }
    }

    /// What a store writes where, if it is one that can be merged.
    fn write(&self, inst: Inst) -> Option<Write> {
        let func: &Function = self.cursor.func;
        let (base, offset, len, what) = match func.insts[inst] {
            InstData::Store { width, base, offset, value } => {
                let bytes = width.bytes();
                let what = match func.as_const(func.resolve(value)) {
                    Some(number) => What::Bytes(number.to_le_bytes()[..bytes as usize].to_vec()),
                    None => What::Value(width, value),
                };
                (base, offset, bytes, what)
            }
            InstData::Zero { base, offset, len } if len <= LONGEST_ZERO => {
                (base, offset, len, What::Bytes(vec![0; len as usize]))
            }
            _ => return None,
        };
        let access = self.places.access(func, base, offset.into(), len)?;
        access.exact.then_some(Write { base, offset, access, what })
    }

    fn store(&mut self, inst: Inst, write: Write) {
        let at = self.pending_of(&write);
        // Others see the order of stores to different map values.
        let shared = matches!(write.access.region, Region::MapValue(_));
        self.flush(|other, index| {
            index != at && (shared && other.is_shared() || other.may_overlap(&write.access))
        });
        let at = self.pending_of(&write);
        let pending = &mut self.pending[at];
        match write.what {
            What::Bytes(bytes) => {
                let span = self.cursor.func.spans[inst];
                pending.bytes(self.cursor.func, &write.access, &bytes, span);
            }
            What::Value(width, value) => {
                let known = self.facts.of(self.cursor.func, value);
                let width = pending.value(&write.access, width, known, inst);
                if let InstData::Store { width: old, .. } = &mut self.cursor.func.insts[inst] {
                    *old = width;
                }
                self.cursor.keep(inst);
            }
        }
    }

    /// The number of what is pending for the memory of a write.
    fn pending_of(&mut self, write: &Write) -> usize {
        let same = |pending: &Pending| pending.is_for(&write.access);
        if let Some(at) = self.pending.iter().position(same) {
            return at;
        }
        if self.pending.len() == MOST_PENDING {
            self.pending.remove(0).flush(&mut self.cursor);
        }
        let start = write.access.start - i64::from(write.offset);
        let align = match write.access.region {
            Region::Slot(slot) => self.cursor.func.slots[slot].align,
            _ => 8,
        };
        self.pending.push(Pending::new(write.base, start, &write.access, align));
        self.pending.len() - 1
    }

    /// Writes what an instruction that is no such store may read, overwrite, or give away.
    fn flush_for(&mut self, inst: Inst) {
        let func: &Function = self.cursor.func;
        let data = &func.insts[inst];
        if is_only_an_address(data) {
            return;
        }
        let effects = effects(self.maps, func, self.places, inst);
        let has_effect = data.has_side_effect();
        let mut regions = Vec::new();
        data.for_each_operand(|value| regions.extend(self.places.of(func, value).map(|place| place.region)));
        self.flush(|pending, _| {
            let touched =
                effects.reads.iter().chain(&effects.writes).any(|access| pending.may_overlap(access));
            let given = has_effect && regions.contains(&pending.region());
            touched || given || pending.is_shared() && has_effect
        });
    }

    fn flush(&mut self, mut which: impl FnMut(&Pending, usize) -> bool) {
        let mut kept = Vec::new();
        for (index, pending) in std::mem::take(&mut self.pending).into_iter().enumerate() {
            if which(&pending, index) {
                pending.flush(&mut self.cursor);
            } else {
                kept.push(pending);
            }
        }
        self.pending = kept;
    }
}

fn is_only_an_address(data: &InstData) -> bool {
    matches!(data, InstData::PtrAdd { .. } | InstData::PtrIndex { .. } | InstData::NonNull { .. })
}
