//! What a map may accumulate: part of the typed tree. (contract)

use crate::wire::map::Series;

/// Aggregations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Aggregate {
    /// `count()`
    Count,
    /// `sum(x)`
    Sum {
        /// Signed argument.
        signed: bool,
    },
    /// `min(x)`
    Min {
        /// Signed argument.
        signed: bool,
    },
    /// `max(x)`
    Max {
        /// Signed argument.
        signed: bool,
    },
    /// `avg(x)`
    Avg {
        /// Signed argument.
        signed: bool,
    },
    /// `stats(x)`
    Stats {
        /// Signed argument.
        signed: bool,
    },
    /// `hist(x, bits)`
    Hist {
        /// 0..=5
        bits: u8,
    },
    /// `lhist(x, min, max, step)`
    Lhist {
        /// Lowest.
        min: i64,
        /// Highest, exclusive.
        max: i64,
        /// Width of a bucket.
        step: i64,
    },
    /// `tseries(x, interval, intervals, how)`. What is added is a tuple of the value and the time, u64 of CLOCK_TAI.
    Series(Series),
}

impl Aggregate {
    /// What several CPUs add to one value at once adds up with atomic additions alone.
    pub fn adds_up(&self) -> bool {
        !matches!(self, Aggregate::Min { .. } | Aggregate::Max { .. } | Aggregate::Series(_))
    }
}
