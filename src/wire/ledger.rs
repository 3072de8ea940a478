//! The ledger of losses: what was not seen, by probe and cause. (contract)
//!
//! An array map `bt_ledger` of one value: `u64` counters `[clause][cause]`, added to atomically by programs and
//! mapped into the runtime's memory. A clause is a probe block of the script, counted from 0.
//! Losses only the kernel knows (missed runs) are read from it at exit.

/// Why something was not seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u32)]
pub enum Cause {
    /// No room in the ring for a record.
    RingFull = 0,
    /// No room in a map for a new key.
    MapFull = 1,
    /// A read of kernel or user memory faulted; the value was taken as 0 or "".
    ReadFault = 2,
    /// A string was longer than its buffer and was cut.
    Truncated = 3,
    /// The kernel failed a map operation for another reason (busy, out of memory).
    MapBusy = 4,
    /// An index outside its array; the element was taken as 0.
    OutOfBounds = 5,
    /// A loop was left because the kernel allows no more rounds.
    LoopLimit = 6,
}

impl Cause {
    /// Every cause, in the order of the table.
    pub const ALL: [Cause; 7] = [
        Cause::RingFull,
        Cause::MapFull,
        Cause::ReadFault,
        Cause::Truncated,
        Cause::MapBusy,
        Cause::OutOfBounds,
        Cause::LoopLimit,
    ];

    /// In words, for the footer.
    pub fn words(self) -> &'static str {
        match self {
            Cause::RingFull => "events lost: ring buffer full",
            Cause::MapFull => "updates lost: map full",
            Cause::ReadFault => "reads faulted",
            Cause::Truncated => "strings truncated",
            Cause::MapBusy => "updates lost: map busy or out of memory",
            Cause::OutOfBounds => "array indices out of bounds",
            Cause::LoopLimit => "loops cut short: too many rounds for this kernel",
        }
    }
}

/// Counters of one clause.
pub const CAUSES: u32 = 8;

/// Byte offset of a counter in the ledger's value.
pub const fn offset(clause: u32, cause: Cause) -> u32 {
    (clause * CAUSES + cause as u32) * 8
}

/// Size in bytes of the ledger's value for `clauses` probe blocks (at least one).
pub const fn size(clauses: u32) -> u32 {
    let clauses = if clauses == 0 { 1 } else { clauses };
    clauses * CAUSES * 8
}
