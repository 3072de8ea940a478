//! Maps of the model, with the kernel's error numbers.

use std::collections::BTreeMap;

use crate::wire::map::{MapKind, MapSpec};

const ENOENT: i64 = 2;
const E2BIG: i64 = 7;
const EEXIST: i64 = 17;
const EINVAL: i64 = 22;

/// A hash or an array, per-CPU ones as on one CPU.
///
/// Values are kept by number, and a number is never used again: a pointer to a value that was deleted, or replaced
/// in a hash, still points to the old bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MapState {
    kind: MapKind,
    key_size: usize,
    value_size: usize,
    max_entries: u32,
    /// Keys and the numbers of their values.
    entries: BTreeMap<Vec<u8>, usize>,
    values: Vec<Vec<u8>>,
}

impl MapState {
    /// Empty; an array has its entries, all 0. For a map of maps: the inner map.
    pub fn new(spec: &MapSpec) -> MapState {
        let kind = spec.inner.unwrap_or(spec.kind);
        let (key_size, value_size) = (spec.key_size as usize, spec.value_size as usize);
        let max_entries = spec.max_entries;
        let mut map = MapState {
            kind,
            key_size,
            value_size,
            max_entries,
            entries: BTreeMap::new(),
            values: Vec::new(),
        };
        if map.is_array() {
            for index in 0..max_entries {
                map.insert(&index.to_le_bytes(), &vec![0; value_size]);
            }
        }
        map
    }

    fn is_array(&self) -> bool {
        matches!(self.kind, MapKind::Array | MapKind::PerCpuArray)
    }

    fn insert(&mut self, key: &[u8], value: &[u8]) {
        self.entries.insert(key.to_vec(), self.values.len());
        self.values.push(value.to_vec());
    }

    /// Makes room for an entry: the value that is there for longest goes.
    fn evict(&mut self) {
        let oldest = self.entries.iter().min_by_key(|(_, number)| **number).map(|(key, _)| key.clone());
        if let Some(key) = oldest {
            self.entries.remove(&key);
        }
    }

    /// The number of a key's value.
    pub(crate) fn find(&self, key: &[u8]) -> Option<usize> {
        self.entries.get(key).copied()
    }

    /// The value of a key.
    pub fn get(&self, key: &[u8]) -> Option<&[u8]> {
        self.find(key).map(|number| &self.values[number][..])
    }

    /// Keys and values, ascending by the keys' bytes.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.entries.iter().map(|(key, number)| (&key[..], &self.values[*number][..]))
    }

    /// Entries there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// True when there are none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The bytes of value number so-and-so.
    pub(crate) fn value_mut(&mut self, number: usize) -> &mut Vec<u8> {
        &mut self.values[number]
    }

    /// `bpf_map_update_elem`: 0 or a negative error number.
    pub fn update(&mut self, key: &[u8], value: &[u8], flags: u64) -> i64 {
        let found = self.find(key);
        match (found, flags) {
            (_, 3..) => -EINVAL,
            (None, _) if self.is_array() => -E2BIG,
            (Some(_), 1) => -EEXIST,
            (None, 2) => -ENOENT,
            (None, _) if self.entries.len() >= self.max_entries as usize && !self.kind.evicts() => -E2BIG,
            (Some(number), _) if !matches!(self.kind, MapKind::Hash | MapKind::LruHash) => {
                self.values[number].copy_from_slice(value);
                0
            }
            _ => {
                if found.is_none() && self.entries.len() >= self.max_entries as usize {
                    self.evict();
                }
                self.insert(key, value);
                0
            }
        }
    }

    /// `bpf_map_delete_elem`: 0 or a negative error number.
    pub fn delete(&mut self, key: &[u8]) -> i64 {
        if self.is_array() {
            return -EINVAL;
        }
        if self.entries.remove(key).is_some() { 0 } else { -ENOENT }
    }
}
