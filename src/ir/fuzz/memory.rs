//! Statements on slots and on memory in general.

use super::generate::Generator;
use crate::ir::entities::{Slot, Value};
use crate::ir::function::{InstData, Width};
use crate::ir::names::Words;

/// A place in memory: pointer, offset, and bytes from there that may be read or written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spot {
    pub base: Value,
    pub offset: i32,
    pub room: u32,
    /// For a slot: which, and the offset in it.
    pub slot: Option<(Slot, u32)>,
}

impl Generator<'_> {
    pub fn memory_statement(&mut self) {
        match self.random.below(20) {
            0 => drop(self.new_slot()),
            1..8 => self.store(),
            8..11 => self.zero(),
            11..14 => self.copy(),
            14..16 => self.compare(),
            _ => {
                let value = self.load_anything();
                self.scope.ints.push(value);
            }
        }
    }

    /// A slot's first byte, moved a multiple of 8 perhaps.
    fn slot_spot(&mut self, slot: Slot) -> Spot {
        let size = self.func.slots[slot].size;
        let at = 8 * self.random.below(u64::from(size) / 8) as u32;
        let base = self.emit_value(InstData::SlotAddr { slot });
        let spot = Spot { base, offset: at as i32, room: size - at, slot: Some((slot, at)) };
        if self.random.chance(30) {
            let base = self.emit_value(InstData::PtrAdd { base, offset: at.into() });
            return Spot { base, offset: 0, ..spot };
        }
        spot
    }

    /// Any slot, one of the newest more often: statements that work on the same memory are what passes see.
    fn any_slot(&mut self) -> Slot {
        let slots = self.func.slots.len() as u64;
        let back = if self.random.chance(50) { slots.min(2) } else { slots };
        Slot::from_u32((slots - 1 - self.random.below(back)) as u32)
    }

    /// Memory to write to.
    fn spot(&mut self) -> Spot {
        if !self.scope.pointers.is_empty() && self.random.chance(35) {
            let (base, _, room) = *self.random.pick(&self.scope.pointers);
            let offset = 8 * self.random.below(u64::from(room) / 8) as i32;
            return Spot { base, offset, room: room - offset as u32, slot: None };
        }
        let slot = self.any_slot();
        self.slot_spot(slot)
    }

    /// Memory of which `len` bytes can be read: unwritten ones are zeroed first.
    pub fn readable(&mut self, len: u32) -> Spot {
        loop {
            let spot = self.spot();
            if spot.room < len {
                if self.func.slots.values().all(|slot| slot.size < len) {
                    self.new_slot();
                }
                continue;
            }
            let unwritten = spot.slot.is_some_and(|(slot, at)| !self.scope.is_written(slot, at, at + len));
            if unwritten {
                self.emit(InstData::Zero { base: spot.base, offset: spot.offset, len });
                self.wrote(spot, 0, len);
            }
            return spot;
        }
    }

    /// Notes that bytes of a spot are written.
    pub fn wrote(&mut self, spot: Spot, further: u32, len: u32) {
        if let Some((slot, at)) = spot.slot {
            self.scope.write(slot, at + further, at + further + len);
        }
    }

    fn width_in(&mut self, room: u32) -> Width {
        let widths: Vec<_> = Width::ALL.iter().copied().filter(|width| width.bytes() <= room).collect();
        *self.random.pick(&widths)
    }

    fn store(&mut self) {
        let spot = self.spot();
        let width = self.width_in(spot.room);
        let bytes = width.bytes();
        let further = bytes * self.random.below(u64::from(spot.room / bytes)) as u32;
        let value = if self.random.chance(40) {
            let number = self.number();
            self.emit_const(number)
        } else {
            self.int()
        };
        self.emit(InstData::Store { width, base: spot.base, offset: spot.offset + further as i32, value });
        self.wrote(spot, further, bytes);
    }

    fn zero(&mut self) {
        let spot = self.spot();
        let further = self.random.below(u64::from(spot.room)) as u32;
        let len = 1 + self.random.below(u64::from(spot.room - further)) as u32;
        self.emit(InstData::Zero { base: spot.base, offset: spot.offset + further as i32, len });
        self.wrote(spot, further, len);
    }

    fn copy(&mut self) {
        let len = 1 + self.random.below(16) as u32;
        let from = self.readable(len);
        let to = self.new_slot();
        let to = if self.random.chance(50) { self.slot_spot(to) } else { self.spot() };
        let apart = match (from.slot, to.slot) {
            (Some((a, _)), Some((b, _))) => a != b,
            (None, None) => false,
            _ => true,
        };
        if apart && to.room >= len {
            let (to_offset, from_offset) = (to.offset, from.offset);
            self.emit(InstData::Copy { to: to.base, to_offset, from: from.base, from_offset, len });
            self.wrote(to, 0, len);
        }
    }

    fn compare(&mut self) {
        let len = 1 + self.random.below(24) as u32;
        if self.random.chance(50) {
            return self.compare_constant(len.min(16));
        }
        let (left, right) = (self.readable(len), self.readable(len));
        self.emit_int(InstData::MemEq {
            left: left.base,
            left_offset: left.offset,
            right: right.base,
            right_offset: right.offset,
            len,
        });
    }

    /// Compares with bytes that are constant.
    fn compare_constant(&mut self, len: u32) {
        let (left, slot) = (self.readable(len), self.new_slot());
        let right = self.emit_value(InstData::SlotAddr { slot });
        self.func.slots[slot].size = 24;
        for at in 0..2 {
            let number = if self.random.chance(60) { 0 } else { self.number() };
            let value = self.emit_const(number);
            self.emit(InstData::Store { width: Width::B8, base: right, offset: 8 * at, value });
        }
        self.scope.write(slot, 0, 16);
        let (left, left_offset) = (left.base, left.offset);
        self.emit_int(InstData::MemEq { left, left_offset, right, right_offset: 0, len });
    }

    /// An integer from memory, or one in scope where there is no memory.
    pub fn load_anything(&mut self) -> Value {
        if !self.config.memory {
            return self.int();
        }
        if self.config.slot_indices && self.random.chance(15) {
            return self.load_indexed();
        }
        let width = *self.random.pick(Width::ALL);
        let signed = width != Width::B8 && self.random.chance(40);
        let spot = self.readable(8);
        let further = width.bytes() * self.random.below(u64::from(8 / width.bytes())) as u32;
        self.emit_value(InstData::Load {
            width,
            signed,
            base: spot.base,
            offset: spot.offset + further as i32,
        })
    }

    fn load_indexed(&mut self) -> Value {
        let slot = self.any_slot();
        let size = self.func.slots[slot].size;
        let base = self.emit_value(InstData::SlotAddr { slot });
        if !self.scope.is_written(slot, 0, size) {
            self.emit(InstData::Zero { base, offset: 0, len: size });
            self.scope.write(slot, 0, size);
        }
        let limit = 1 << self.random.below(4);
        let index = if self.random.chance(50) { self.int() } else { self.masked(limit) };
        let count = size / 4;
        let base = self.emit_value(InstData::PtrIndex { base, index, count, scale: 4, in_bounds: false });
        self.emit_value(InstData::Load { width: Width::B4, signed: false, base, offset: 0 })
    }
}
