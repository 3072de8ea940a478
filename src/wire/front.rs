//! Front tables: counters of keys that a hash has, where a program reaches them without asking the kernel. (contract)
//!
//! A hash costs a call of the kernel, which hashes and compares the key; programs do the same in a few instructions. The
//! table is the one value of an array: [`SLOTS`] slots for each CPU (several CPUs share them where there are very many).
//! A key has one slot where it may be, and has it to itself from the first claim to the end of the run; all other
//! keys of that slot go to the hash. A slot:
//!
//! | offset | |
//! |---|---|
//! | 0 | u64 state: [`EMPTY`], [`BUSY`] while a program writes the key, [`READY`] |
//! | 8 | the value's u64 words, added to atomically |
//! | then | the key's bytes, zeros up to the next word; text may be longer than the slot's and zeros follow then |
//!
//! Invariants: the key of a slot is in the hash too, so the hash tells which keys there are; what a key has is the sum of
//! its value in the hash and of its slots. So only hashes whose keys stay, whose values are sums, and that no program
//! reads have one. The order in which state and key are written and read is that of x86-64's memory.

use serde::{Deserialize, Serialize};

/// Slots of a CPU.
pub const SLOTS: u32 = 256;
/// Bytes of a table at most; CPUs share slots where there are too many.
pub const TABLE_BYTES: u32 = 1 << 20;
/// Bytes of a key in a slot at most; longer texts go to the hash.
pub const KEY_BYTES: u32 = 64;

/// State of a slot without a key.
pub const EMPTY: i64 = 0;
/// State of a slot whose key is being written.
pub const BUSY: i64 = 1;
/// State of a slot with a key.
pub const READY: i64 = 2;

/// Offset of the values in a slot.
pub const VALUES: u32 = 8;

/// How the slots of a table lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Layout {
    /// Bytes of a key in a slot.
    pub key: u32,
    /// 8-byte words of a value.
    pub words: u32,
}

impl Layout {
    /// Offset of the key in a slot.
    pub fn key_offset(self) -> u32 {
        VALUES + self.words * 8
    }

    /// Bytes from a slot to the next.
    pub fn slot(self) -> u32 {
        (self.key_offset() + super::align_up(self.key, 8)).next_power_of_two()
    }

    /// How many CPUs have slots of their own, a power of two.
    pub fn cpus(self, possible: u32) -> u32 {
        let most = TABLE_BYTES / (SLOTS * self.slot());
        possible.next_power_of_two().min(most)
    }

    /// Calls `f` with the key and the value's words of each slot of a table that has a key.
    pub fn each(self, table: &[u8], mut f: impl FnMut(&[u8], &[u64])) {
        let word = |bytes: &[u8]| u64::from_le_bytes(bytes.try_into().expect("8 bytes"));
        let mut values = Vec::with_capacity(self.words as usize);
        for slot in table.chunks_exact(self.slot() as usize) {
            if word(&slot[..8]) != READY as u64 {
                continue;
            }
            let key = self.key_offset() as usize;
            values.clear();
            values.extend(slot[VALUES as usize..key].chunks_exact(8).map(word));
            f(&slot[key..][..self.key as usize], &values);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_powers_of_two_and_tables_have_a_limit() {
        let layout = Layout { key: 12, words: 2 };
        assert_eq!((layout.key_offset(), layout.slot()), (24, 64));
        assert_eq!([1, 2, 3, 60].map(|cpus| layout.cpus(cpus)), [1, 2, 4, 64]);
        assert_eq!(layout.cpus(8192), TABLE_BYTES / SLOTS / 64);
    }

    #[test]
    fn only_slots_with_a_key_are_told() {
        let layout = Layout { key: 4, words: 1 };
        let mut table = vec![0; layout.slot() as usize * 3];
        for (slot, (state, value)) in [(READY, 7), (BUSY, 8), (EMPTY, 9)].into_iter().enumerate() {
            let at = slot * layout.slot() as usize;
            table[at] = state as u8;
            table[at + 8] = value;
            table[at + 16] = 42;
        }
        let mut seen = Vec::new();
        layout.each(&table, |key, words| seen.push((key.to_vec(), words.to_vec())));
        assert_eq!(seen, [(vec![42, 0, 0, 0], vec![7])]);
    }
}
