//! Copies the entries of a map to user space.
//!
//! Hashes are read in batches, bucket by bucket: no key comes twice, and keys that programs add or remove meanwhile
//! may or may not be there. A bucket that does not fit is asked for again with twice the room. Where the kernel has no
//! batches, keys are walked one by one; a walk that meets a deleted key begins anew, so keys already seen are left out.
//!
//! Values are reduced batch by batch: the raw values of a large per-CPU map would not fit in memory.

use std::io;

use rustc_hash::FxHashSet;

use super::Contents;
use super::reduce;
use crate::runtime::kernel::{Batch, KernelMaps, Table};
use crate::wire::align_up;
use crate::wire::map::{MapKind, MapRole, MapSpec, ValueKind};

/// Bytes of values asked for at once, and bounds for the number of entries.
const BATCH_BYTES: usize = 1 << 20;
const LEAST_ENTRIES: usize = 64;
const MOST_ENTRIES: usize = 1 << 16;

/// A kernel's ENOTSUPP, which libc does not know.
const ENOTSUPP: i32 = 524;

/// How the values of a map lie in memory.
#[derive(Clone, Copy, Debug)]
pub struct Layout {
    /// Bytes of a key.
    pub key: usize,
    /// From one CPU's slot to the next.
    pub slot: usize,
    /// Slots of a value.
    pub slots: usize,
}

impl Layout {
    /// Of the map that `spec` describes (for a `Swapped` map: the inner one), on a machine with `cpus` CPUs.
    pub fn of(spec: &MapSpec, cpus: usize) -> Layout {
        let per_cpu = kind(spec).is_per_cpu();
        Layout {
            key: spec.key_size as usize,
            slot: if per_cpu { align_up(spec.value_size, 8) } else { spec.value_size } as usize,
            slots: if per_cpu { cpus } else { 1 },
        }
    }

    /// Bytes of a whole value.
    pub fn value(&self) -> usize {
        self.slot * self.slots
    }
}

/// The kind of map that holds the entries.
pub fn kind(spec: &MapSpec) -> MapKind {
    spec.inner.unwrap_or(spec.kind)
}

/// What a user's map accumulates.
///
/// # Panics
/// When the map is not one of the script's.
pub fn value_kind(spec: &MapSpec) -> &ValueKind {
    match &spec.role {
        MapRole::User { value, .. } => value,
        role => panic!("a map of the script, not {role:?}"),
    }
}

/// The entries of `table`, a map of the script that `spec` describes. A keyless map has one entry, or none when it
/// was never assigned; of an array those that are not 0.
///
/// # Errors
/// The system calls'.
pub fn read(kernel: &mut dyn KernelMaps, table: Table, spec: &MapSpec) -> io::Result<Contents> {
    let mut reader = Reader::new(spec, kernel.cpus());
    match kind(spec) {
        // a batch's cursor would be as large as a key, and the kernel has batches of them since 5.11 only
        MapKind::LpmTrie => reader.walk(kernel, table)?,
        _ if !is_keyless(spec) => match reader.batches(kernel, table) {
            Err(error) if lacks_batches(&error) => reader.restart().walk(kernel, table)?,
            result => result?,
        },
        _ => reader.scalar(kernel, table)?,
    }
    Ok(reader.contents)
}

/// A map of the script without keys.
pub fn is_keyless(spec: &MapSpec) -> bool {
    matches!(&spec.role, MapRole::User { key: None, .. })
}

/// An array of the script: its entries are always there, and those that are 0 are left out of what is read.
pub fn is_array(spec: &MapSpec) -> bool {
    matches!(kind(spec), MapKind::Array | MapKind::PerCpuArray) && !is_keyless(spec)
}

fn lacks_batches(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EINVAL | libc::EOPNOTSUPP | ENOTSUPP))
}

struct Reader<'a> {
    kind: &'a ValueKind,
    layout: Layout,
    /// Entries that are 0 are left out.
    sparse: bool,
    /// Keys that a walk may meet.
    most: usize,
    contents: Contents,
}

impl<'a> Reader<'a> {
    fn new(spec: &'a MapSpec, cpus: usize) -> Reader<'a> {
        let kind = value_kind(spec);
        Reader {
            kind,
            layout: Layout::of(spec, cpus),
            sparse: is_array(spec),
            most: 2 * spec.max_entries as usize,
            contents: Contents::new(spec.key_size, kind.size()),
        }
    }

    fn restart(&mut self) -> &mut Self {
        self.contents = Contents::new(self.layout.key as u32, self.kind.size());
        self
    }

    fn push(&mut self, key: &[u8], value: &[u8]) {
        self.contents.keys.extend_from_slice(key);
        reduce::reduce(self.kind, value.chunks_exact(self.layout.slot), &mut self.contents.values);
        self.contents.len += 1;
        if self.sparse && !reduce::is_assigned(self.kind, self.contents.value(self.contents.len - 1), None) {
            self.contents.len -= 1;
            self.contents.keys.truncate(self.contents.len * self.contents.key_size);
            self.contents.values.truncate(self.contents.len * self.contents.value_size);
        }
    }

    fn batches(&mut self, kernel: &mut dyn KernelMaps, table: Table) -> io::Result<()> {
        let Layout { key, .. } = self.layout;
        let value = self.layout.value();
        let mut room = (BATCH_BYTES / value.max(key)).clamp(LEAST_ENTRIES, MOST_ENTRIES);
        let (mut keys, mut values) = (vec![0; room * key], vec![0; room * value]);
        let mut cursor = None;
        loop {
            match kernel.batch(table, &mut cursor, &mut keys, &mut values) {
                Ok(Batch { count, end }) => {
                    for i in 0..count {
                        self.push(&keys[i * key..][..key], &values[i * value..][..value]);
                    }
                    if end {
                        return Ok(());
                    }
                }
                Err(error) if error.raw_os_error() == Some(libc::ENOSPC) => {
                    room *= 2;
                    keys.resize(room * key, 0);
                    values.resize(room * value, 0);
                }
                Err(error) => return Err(error),
            }
        }
    }

    fn walk(&mut self, kernel: &mut dyn KernelMaps, table: Table) -> io::Result<()> {
        let mut seen: FxHashSet<Box<[u8]>> = FxHashSet::default();
        let (mut key, mut next) = (None::<Box<[u8]>>, vec![0; self.layout.key]);
        let mut value = vec![0; self.layout.value()];
        // Programs that add and delete all the time could keep the walk going for ever: it ends when it went twice
        // over what it knows without meeting anything new, or saw twice as many keys as the map can hold.
        let mut stale = 0;
        while stale <= 2 * seen.len()
            && seen.len() <= self.most
            && kernel.next_key(table, key.as_deref(), &mut next)?
        {
            stale += 1;
            if seen.insert(next.as_slice().into()) {
                stale = 0;
                if kernel.lookup(table, &next, &mut value)? {
                    self.push(&next, &value);
                }
            }
            key = Some(next.as_slice().into());
        }
        Ok(())
    }

    fn scalar(&mut self, kernel: &mut dyn KernelMaps, table: Table) -> io::Result<()> {
        let (key, mut value) = (vec![0; self.layout.key], vec![0; self.layout.value()]);
        if !kernel.lookup(table, &key, &mut value)? {
            return Ok(());
        }
        let at = self.kind.presence_offset() as usize;
        let presence = (self.layout.slot >= at + 8).then(|| {
            let word = |slot: &[u8]| crate::runtime::value::unsigned(&slot[at..], 8);
            value.chunks_exact(self.layout.slot).map(word).fold(0, |a, b| a | b)
        });
        self.push(&key, &value);
        if !reduce::is_assigned(self.kind, self.contents.value(0), presence) {
            self.restart();
        }
        Ok(())
    }
}
