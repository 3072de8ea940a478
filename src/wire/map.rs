//! Maps: what the kernel is asked for, and how the runtime reads them. (contract)

use serde::{Deserialize, Serialize};

use super::front;
use super::types::DataType;

/// Index of a map in the module's and the artifact's list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MapIndex(pub u32);

/// The kernel's kinds of map, as far as programs here use them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum MapKind {
    /// BPF_MAP_TYPE_HASH
    Hash,
    /// BPF_MAP_TYPE_PERCPU_HASH
    PerCpuHash,
    /// BPF_MAP_TYPE_LRU_HASH
    LruHash,
    /// BPF_MAP_TYPE_LRU_PERCPU_HASH
    PerCpuLruHash,
    /// BPF_MAP_TYPE_ARRAY
    Array,
    /// BPF_MAP_TYPE_PERCPU_ARRAY
    PerCpuArray,
    /// BPF_MAP_TYPE_QUEUE
    Queue,
    /// BPF_MAP_TYPE_STACK
    Stack,
    /// BPF_MAP_TYPE_LPM_TRIE
    LpmTrie,
    /// BPF_MAP_TYPE_RINGBUF; `max_entries` is its size in bytes.
    Ring,
    /// BPF_MAP_TYPE_ARRAY_OF_MAPS with one slot that holds a map of the kind `inner`
    Swapped,
}

impl MapKind {
    /// Entries come and go.
    pub fn is_hash(self) -> bool {
        matches!(self, MapKind::Hash | MapKind::PerCpuHash | MapKind::LpmTrie) || self.evicts()
    }

    /// Values follow each other, and there is no key: its size is 0. The key in [`MapRole::User`] is the place of a value,
    /// a u32 that only the runtime knows: 0 for the one that leaves next.
    pub fn is_sequence(self) -> bool {
        matches!(self, MapKind::Queue | MapKind::Stack)
    }

    /// Every CPU has a value of its own.
    pub fn is_per_cpu(self) -> bool {
        matches!(self, MapKind::PerCpuHash | MapKind::PerCpuLruHash | MapKind::PerCpuArray)
    }

    /// Entries that were not used for long make room for new ones; it is never full, and its entries are always
    /// allocated in advance.
    pub fn evicts(self) -> bool {
        matches!(self, MapKind::LruHash | MapKind::PerCpuLruHash)
    }
}

/// How a map's value accumulates.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ValueKind {
    /// One value of the given shape; integers always take 8 bytes.
    Plain(DataType),
    /// `count()`: u64.
    Count,
    /// `sum(x)`: u64 or i64.
    Sum {
        /// Printed as signed.
        signed: bool,
    },
    /// `min(x)`: `{ value: i64|u64, set: u64 }`; `set` is 0 until the first value.
    Min {
        /// Compared and printed as signed.
        signed: bool,
    },
    /// `max(x)`: as `min`.
    Max {
        /// Compared and printed as signed.
        signed: bool,
    },
    /// `avg(x)`: `{ total: i64|u64, count: u64 }`.
    Avg {
        /// Printed as signed.
        signed: bool,
    },
    /// `stats(x)`: `{ total, count }` as `avg`.
    Stats {
        /// Printed as signed.
        signed: bool,
    },
    /// `hist(x, bits)`: u64 buckets, see [`hist_buckets`].
    Hist {
        /// Each power of two is split in 2^bits buckets, 0..=5.
        bits: u8,
    },
    /// `lhist(x, min, max, step)`: u64 buckets: below min, the steps, from max up.
    Lhist {
        /// Lowest value of the first step.
        min: i64,
        /// One past the last step's highest.
        max: i64,
        /// Width of a step.
        step: i64,
    },
    /// `tseries(x, interval, intervals, how)`: a ring of intervals, `{ value, meta: u64, epoch: u64 }` each. The epoch is
    /// the time in intervals of CLOCK_TAI, 0 where there is none yet; its remainder by `intervals` is the place in the
    /// ring. `meta` is the time of the last value, how many there are (`Avg`), or not 0 when there is one.
    Series(Series),
}

/// Parameters of a time series.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Series {
    /// Compared and printed as signed.
    pub signed: bool,
    /// Nanoseconds.
    pub interval: u64,
    /// At least 1.
    pub intervals: u32,
    /// What values of one interval become.
    pub how: SeriesKind,
}

/// What the values of one interval of a time series become.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum SeriesKind {
    /// The last one stays.
    Last,
    /// Their average.
    Avg,
    /// The greatest.
    Max,
    /// The least.
    Min,
    /// Their sum.
    Sum,
}

/// Bytes of an interval of a [`ValueKind::Series`].
pub const SERIES_SLOT: u32 = 24;
/// Offset of `meta` in an interval.
pub const SERIES_META: u32 = 8;
/// Offset of `epoch` in an interval.
pub const SERIES_EPOCH: u32 = 16;

impl ValueKind {
    /// Where the value of a keyless `Plain` or `Sum` map may have a u64 that is not 0 once the map was assigned
    /// (`delete` sets it to 0 again). The word is there when [`MapSpec::value_size`] has room for it; without it, such
    /// a map counts as assigned when it is not all zero. Other kinds tell by their value.
    pub fn presence_offset(&self) -> u32 {
        self.size()
    }

    /// Bytes of one value (on one CPU).
    pub fn size(&self) -> u32 {
        match self {
            ValueKind::Plain(ty) => super::align_up(ty.size(), 8),
            ValueKind::Count | ValueKind::Sum { .. } => 8,
            ValueKind::Min { .. }
            | ValueKind::Max { .. }
            | ValueKind::Avg { .. }
            | ValueKind::Stats { .. } => 16,
            ValueKind::Hist { bits } => hist_buckets(*bits) * 8,
            ValueKind::Lhist { min, max, step } => lhist_buckets(*min, *max, *step) * 8,
            ValueKind::Series(series) => series.intervals * SERIES_SLOT,
        }
    }
}

/// Buckets of `hist(x, bits)`: one for negatives, 2^bits for the values 0…2^bits−1 one by one, then 2^bits for
/// each further power of two up to 2^62. The value is taken as signed, as the reference does.
pub const fn hist_buckets(bits: u8) -> u32 {
    1 + (1 << bits) + ((63 - bits as u32) << bits)
}

/// The bucket of `value` in `hist(x, bits)`. Programs compute the same without this function: for values from 0 up
/// `1 + (shift << bits) + (value >> shift)`, where `shift` is log2 of `value >> bits`, or 0.
pub const fn hist_bucket(value: i64, bits: u8) -> u32 {
    if value < 0 {
        return 0;
    }
    let shift = match (value >> bits).checked_ilog2() {
        Some(log) => log,
        None => 0,
    };
    1 + (shift << bits) + (value >> shift) as u32
}

/// The values that bucket `index` of `hist(x, bits)` takes: the lowest and the highest, both inclusive.
pub const fn hist_bounds(index: u32, bits: u8) -> (i64, i64) {
    if index == 0 {
        return (i64::MIN, -1);
    }
    let position = index - 1;
    // Below 2^(bits + 1) the buckets are single values: the first power of two needs no shift.
    let shift = (position >> bits).saturating_sub(1);
    let top = (position - (shift << bits)) as u64;
    ((top << shift) as i64, (((top + 1) << shift) - 1) as i64)
}

/// Buckets of `lhist`: below `min`, the whole steps that fit, and the rest. `[min, max)` that is no multiple of
/// `step` loses its last, partial step to the rest, as in the reference.
pub fn lhist_buckets(min: i64, max: i64, step: i64) -> u32 {
    lhist_steps(min, max, step) as u32 + 2
}

/// The first value beyond the steps of `lhist`: `max`, rounded down to a whole step.
pub fn lhist_end(min: i64, max: i64, step: i64) -> i64 {
    min.wrapping_add((lhist_steps(min, max, step) * step as u64) as i64)
}

/// The bucket of `value` in `lhist(x, min, max, step)`.
pub fn lhist_bucket(value: i64, min: i64, max: i64, step: i64) -> u32 {
    if value < min {
        0
    } else if value >= lhist_end(min, max, step) {
        lhist_buckets(min, max, step) - 1
    } else {
        (value.wrapping_sub(min) as u64 / step as u64) as u32 + 1
    }
}

fn lhist_steps(min: i64, max: i64, step: i64) -> u64 {
    max.wrapping_sub(min) as u64 / step as u64
}

/// What a map is for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum MapRole {
    /// A map of the script. Keyless maps are arrays with one entry and key 0 (u32). A keyless map that was never
    /// assigned is not printed at the end: `value_size` may leave room for a presence word, see
    /// [`ValueKind::presence_offset`].
    User {
        /// The name with its `@`.
        name: String,
        /// The key's shape; None for a keyless map.
        key: Option<DataType>,
        /// The value.
        value: ValueKind,
    },
    /// The ring of records.
    Ring,
    /// The ledger, see [`super::ledger`]. Memory-mapped.
    Ledger,
    /// The control words, see [`super::record`]. Memory-mapped.
    Control,
    /// Values that user space sets before the start, see [`Global`]. Memory-mapped.
    Globals,
    /// Per-CPU scratch memory for objects that do not fit the stack; one entry a program.
    Scratch,
    /// All zero and never written: the source of initial values too large for the stack.
    Zeros,
    /// Counters of keys of a map, see [`super::front`].
    Front {
        /// Index of the map.
        of: u32,
        /// How its slots lie.
        layout: front::Layout,
    },
    /// Keys of a map that a loop runs over, as they were when it began.
    Keys,
    /// Stacks by id, see [`super::stack`].
    Stacks {
        /// Bytes of a frame: an address or a build id.
        frame: u32,
    },
}

/// 8-byte words of the globals map, by index: what user space writes before the start, then counters of the
/// entries of maps on which `len` is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Global {
    /// CLOCK_MONOTONIC (the clock of `nsecs`, bpf_ktime_get_ns or _boot_ns) in ns when the run began: the base of `elapsed`.
    Start = 0,
    /// 1 while the runtime sleeps and found nothing to read, else 0. Programs submit records of events with the flag
    /// 1 + this word: no wakeup, or a forced one. While it is 0 the runtime looks every millisecond or so. It sets
    /// the word, looks at the rings once more, blocks for a tenth of a second at most (a program may have read the
    /// word just before), and sets it back to 0 as soon as it wakes.
    Asleep = 1,
}

/// Words of the globals map that [`Global`] names; counters for `len` follow.
pub const GLOBALS: u32 = 2;

/// What the kernel is asked for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MapSpec {
    /// Its name in the kernel: `[A-Za-z0-9_]`, at most 15 bytes, unique in the artifact.
    pub name: String,
    /// Its kind. For `Swapped`, `inner` tells the kind of the map in its slot.
    pub kind: MapKind,
    /// The kind inside a `Swapped` map; key, value and entries below describe the inner map then.
    pub inner: Option<MapKind>,
    /// Bytes of a key.
    pub key_size: u32,
    /// Bytes of a value (on one CPU).
    pub value_size: u32,
    /// Entries; bytes for a ring.
    pub max_entries: u32,
    /// Allocate entries on demand (BPF_F_NO_PREALLOC).
    pub on_demand: bool,
    /// Map into user space (BPF_F_MMAPABLE).
    pub mmap: bool,
    /// What it is for.
    pub role: MapRole,
    /// Word of the globals map that counts its entries, when `len` is used on it.
    pub len_counter: Option<u32>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hist_buckets_have_no_gaps_and_take_their_bounds() {
        for bits in 0..=5 {
            let mut next = 0;
            for index in 1..hist_buckets(bits) {
                let (low, high) = hist_bounds(index, bits);
                assert_eq!(low, next, "bits {bits}, bucket {index}");
                assert_eq!((hist_bucket(low, bits), hist_bucket(high, bits)), (index, index), "bits {bits}");
                next = high.wrapping_add(1);
            }
            assert_eq!(next, i64::MIN, "the last bucket ends at the largest value");
            assert_eq!((hist_bucket(i64::MIN, bits), hist_bucket(-1, bits)), (0, 0));
        }
    }

    #[test]
    fn hist_numbers_buckets_as_the_reference_does() {
        // 225 = 0b11100001: log2 is 7, the two bits after the leading one are 0b11
        assert_eq!(hist_bucket(225, 2), 1 + 0b11011);
        assert_eq!([0, 1, 2, 3, 4].map(|v| hist_bucket(v, 0)), [1, 2, 3, 3, 4]);
    }

    #[test]
    fn lhist_splits_its_range_in_steps() {
        assert_eq!((lhist_buckets(0, 10, 3), lhist_end(0, 10, 3)), (5, 9));
        assert_eq!([-1, 0, 2, 3, 8, 9, 10, 99].map(|v| lhist_bucket(v, 0, 10, 3)), [0, 1, 1, 2, 3, 4, 4, 4]);
        assert_eq!(lhist_bucket(i64::MAX - 1, i64::MIN, i64::MAX, i64::MAX), 3);
    }
}
