//! Maps of the script: read, reduced over CPUs, sorted, emptied.
//!
//! `read` copies the entries of a map, `reduce` makes one value of its slots, `sort` puts entries in the order in
//! which they are printed, `drain` does what `print`, `clear` and `zero` ask for. How they look is the output's matter.

pub mod drain;
pub mod front;
pub mod read;
pub mod reduce;
pub mod sequence;
pub mod series;
pub mod sort;

use crate::wire::map::ValueKind;
use crate::wire::types::DataType;

/// Entries of a map, in user space: keys and reduced values, one after the other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Contents {
    /// Bytes of a key.
    pub key_size: usize,
    /// Bytes of a reduced value: [`ValueKind::size`].
    pub value_size: usize,
    /// How many entries.
    pub len: usize,
    /// The keys.
    pub keys: Vec<u8>,
    /// The values.
    pub values: Vec<u8>,
}

impl Contents {
    /// No entries of these sizes.
    pub fn new(key_size: u32, value_size: u32) -> Contents {
        let (key_size, value_size) = (key_size as usize, value_size as usize);
        Contents { key_size, value_size, ..Contents::default() }
    }

    /// The key of an entry.
    pub fn key(&self, row: usize) -> &[u8] {
        &self.keys[row * self.key_size..][..self.key_size]
    }

    /// The value of an entry.
    pub fn value(&self, row: usize) -> &[u8] {
        &self.values[row * self.value_size..][..self.value_size]
    }
}

/// A map about to be printed.
#[derive(Clone, Copy, Debug)]
pub struct MapView<'a> {
    /// With its `@`.
    pub name: &'a str,
    /// Shape of the keys; None for a keyless map, which has at most one entry.
    pub key: Option<&'a DataType>,
    /// Shape of the values.
    pub value: &'a ValueKind,
    /// The entries.
    pub contents: &'a Contents,
    /// Which entries, in the order to print.
    pub rows: &'a [u32],
    /// Divide values by; at least 1.
    pub div: u64,
}
