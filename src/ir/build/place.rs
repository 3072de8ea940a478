//! Places in memory: an address with a known alignment, and plain reads and writes there.

use super::func::FuncBuilder;
use crate::ir::entities::{Slot, Value};
use crate::ir::function::{InstData, Width};

/// Somewhere in a slot, a map's value or a record.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    pub base: Value,
    pub offset: i32,
    /// Of `base + offset`: 1, 2, 4 or 8. The kernel wants accesses to the stack aligned.
    pub align: u32,
}

impl Place {
    /// The start of something that is aligned to 8.
    pub fn new(base: Value) -> Place {
        Place { base, offset: 0, align: 8 }
    }

    /// So many bytes further on.
    pub fn at(self, offset: u32) -> Place {
        let align = if offset == 0 { 8 } else { 1 << offset.trailing_zeros().min(3) };
        Place { offset: self.offset + offset as i32, align: self.align.min(align), ..self }
    }
}

/// A value in memory, to be read. `temp` is given back when it was read.
#[derive(Clone, Copy, Debug)]
pub struct Memory {
    pub place: Place,
    pub temp: Option<Slot>,
}

impl FuncBuilder<'_, '_> {
    /// A slot for a while: release it.
    pub fn temp(&mut self, size: u32, what: &str) -> Memory {
        // Nothing takes a byte too: an empty tuple.
        let slot = self.slots.acquire(&mut self.func, size.max(1), what);
        Memory { place: Place::new(self.slot_addr(slot)), temp: Some(slot) }
    }

    /// The value is not needed any more.
    pub fn release(&mut self, memory: Memory) {
        if let Some(slot) = memory.temp {
            self.slots.release(&self.func, slot);
        }
    }

    /// The address of a place.
    pub fn address(&mut self, place: Place) -> Value {
        self.ptr_add(place.base, place.offset)
    }

    /// Writes the low bytes of a value.
    pub fn store_at(&mut self, place: Place, width: Width, value: Value) {
        self.store(width, place.base, place.offset, value);
    }

    /// Reads a number.
    pub fn load_at(&mut self, place: Place, width: Width, signed: bool) -> Value {
        self.load(width, signed, place.base, place.offset)
    }

    /// Writes zeros.
    pub fn zero(&mut self, place: Place, len: u32) {
        if len > 0 {
            self.effect(InstData::Zero { base: place.base, offset: place.offset, len });
        }
    }

    /// Copies bytes.
    pub fn copy(&mut self, to: Place, from: Place, len: u32) {
        if len > 0 {
            self.effect(InstData::Copy {
                to: to.base,
                to_offset: to.offset,
                from: from.base,
                from_offset: from.offset,
                len,
            });
        }
    }

    /// Writes constant bytes, by the widest stores that the alignment allows.
    pub fn store_bytes(&mut self, place: Place, bytes: &[u8]) {
        for (offset, width, word) in words(bytes, place.align) {
            let value = self.iconst(word);
            self.store_at(place.at(offset), width, value);
        }
    }
}

/// Constant bytes as little-endian words at aligned offsets: offset, width and number, sign-extended so that
/// 32-bit immediates serve as often as they can.
pub fn words(bytes: &[u8], align: u32) -> Vec<(u32, Width, i64)> {
    let mut words = Vec::with_capacity(bytes.len() / 8 + 3);
    let mut at = 0;
    while at < bytes.len() {
        let rest = bytes.len() - at;
        let width = [Width::B8, Width::B4, Width::B2, Width::B1]
            .into_iter()
            .find(|width| width.bytes() <= align && width.bytes() as usize <= rest)
            .unwrap_or(Width::B1);
        let size = width.bytes() as usize;
        let mut word = [0; 8];
        word[..size].copy_from_slice(&bytes[at..at + size]);
        let unused = 64 - 8 * size as u32;
        words.push((at as u32, width, i64::from_le_bytes(word) << unused >> unused));
        at += size;
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constant_bytes_become_aligned_words() {
        assert_eq!(words(b"abc\0", 8), [(0, Width::B4, 0x636261)]);
        let found = words(b"abcdefghijk\0\xff", 8);
        assert_eq!(
            found,
            [(0, Width::B8, 0x6867_6665_6463_6261), (8, Width::B4, 0x6b_6a69), (12, Width::B1, -1)]
        );
        assert_eq!(words(b"abc", 2), [(0, Width::B2, 0x6261), (2, Width::B1, 0x63)]);
    }
}
