//! The kinds of map that a script can declare.
//!
//! Deliberately absent: how the kernel keeps each of them, which is [`crate::wire::map::MapKind`]'s.

/// Kinds of map that a script can declare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Storage {
    /// `hash`
    Hash,
    /// `lruhash`: entries that were not used for long make room for new ones.
    LruHash,
    /// `percpuhash`: every CPU has values of its own.
    PerCpuHash,
    /// `percpulruhash`: both.
    PerCpuLruHash,
    /// `array`: an element for each number below its size, 0 at first.
    Array,
    /// `percpuarray`: the same, and every CPU has values of its own.
    PerCpuArray,
    /// `queue`: values without keys, the oldest leaves first.
    Queue,
    /// `stack`: the same, the newest leaves first.
    Stack,
    /// `lpmtrie`: values by prefixes of addresses of the internet; an address finds its longest one.
    LpmTrie,
}

impl Storage {
    /// All there are.
    pub const ALL: [Storage; 9] = [
        Storage::Hash,
        Storage::LruHash,
        Storage::PerCpuHash,
        Storage::PerCpuLruHash,
        Storage::Array,
        Storage::PerCpuArray,
        Storage::Queue,
        Storage::Stack,
        Storage::LpmTrie,
    ];

    /// As scripts write it.
    pub fn name(self) -> &'static str {
        match self {
            Storage::Hash => "hash",
            Storage::LruHash => "lruhash",
            Storage::PerCpuHash => "percpuhash",
            Storage::PerCpuLruHash => "percpulruhash",
            Storage::Array => "array",
            Storage::PerCpuArray => "percpuarray",
            Storage::Queue => "queue",
            Storage::Stack => "stack",
            Storage::LpmTrie => "lpmtrie",
        }
    }

    /// Entries that were not used for long make room for new ones.
    pub fn evicts(self) -> bool {
        matches!(self, Storage::LruHash | Storage::PerCpuLruHash)
    }

    /// Every CPU has values of its own: for aggregations, and for nothing else.
    pub fn is_per_cpu(self) -> bool {
        matches!(self, Storage::PerCpuHash | Storage::PerCpuLruHash | Storage::PerCpuArray)
    }

    /// Values follow each other, and there is no key.
    pub fn is_sequence(self) -> bool {
        matches!(self, Storage::Queue | Storage::Stack)
    }

    /// The key is the number of an element.
    pub fn is_array(self) -> bool {
        matches!(self, Storage::Array | Storage::PerCpuArray)
    }
}
