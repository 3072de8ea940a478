//! Aggregations: what one value adds to count, sum, min, max, avg, stats, hist and lhist.

use smallvec::{SmallVec, smallvec};

use super::func::FuncBuilder;
use super::insert::Initial;
use super::maps::MapInfo;
use super::place::Memory;
use crate::ir::entities::Value;
use crate::ir::function::{Cond, Type as IrType, Width};
use crate::sema::tree::{Aggregate, Expr, MapId, MapValue};
use crate::wire::ledger::Cause;
use crate::wire::map::{hist_buckets, lhist_buckets};

/// Offset of the second word: `set` of min and max, `count` of avg and stats.
const SECOND: i32 = 8;
/// Comparisons and exchanges of a minimum or maximum at most.
const TRIES: u32 = 3;

impl<'m> FuncBuilder<'_, 'm> {
    /// `@m[key] = count()` and the like.
    pub fn aggregate(&mut self, map: MapId, key: Option<&'m Expr>, value: Option<&'m Expr>) {
        let MapValue::Aggregate(kind) = &self.m.program.maps[map.0 as usize].value else { return };
        if let (Aggregate::Series(series), Some(value)) = (kind, value) {
            return self.aggregate_series(map, key, value, *series);
        }
        let value = match value {
            Some(value) => self.int(value),
            None => self.iconst(1),
        };
        let info = self.info(map);
        // The bucket is computed first: with a pointer into the map at hand there would be one more value to
        // keep.
        let value = match kind {
            Aggregate::Hist { bits } => self.hist_bucket(value, *bits),
            Aggregate::Lhist { min, max, step } => self.lhist_bucket(value, *min, *max, *step),
            _ => value,
        };
        if let Some(key) = key
            && self.add_to_text((map, &info), key, kind, value)
        {
            return;
        }
        let key = self.key(&info, key);
        self.add(map, key, kind, value);
        self.release(key);
    }

    /// Adds to a sum whose key is text that need not be read whole; false for any other.
    fn add_to_text(
        &mut self,
        (map, info): (MapId, &MapInfo),
        key: &'m Expr,
        kind: &Aggregate,
        value: Value,
    ) -> bool {
        if info.front.is_none() {
            return false;
        }
        let one = self.iconst(1);
        let Some(words) = addends(kind, value, one) else { return false };
        self.contribute_text_in_front((map, info), key, Initial::Words(&words), |b, at| {
            b.add_words(at, &words);
            None
        })
    }

    fn add(&mut self, map: MapId, key: Memory, kind: &Aggregate, value: Value) {
        let one = self.iconst(1);
        if let Some(words) = addends(kind, value, one) {
            self.contribute(map, key, Initial::Words(&words), None, |b, at| {
                b.add_words(at, &words);
                None
            });
            return;
        }
        match *kind {
            Aggregate::Min { signed } => {
                self.keep_best(map, key, value, if signed { Cond::Slt } else { Cond::Ult });
            }
            Aggregate::Max { signed } => {
                self.keep_best(map, key, value, if signed { Cond::Sgt } else { Cond::Ugt });
            }
            Aggregate::Hist { bits } => self.add_to_bucket(map, key, value, hist_buckets(bits)),
            Aggregate::Lhist { min, max, step } => {
                self.add_to_bucket(map, key, value, lhist_buckets(min, max, step));
            }
            // above; with a time, in `aggregate`
            Aggregate::Count
            | Aggregate::Sum { .. }
            | Aggregate::Avg { .. }
            | Aggregate::Stats { .. }
            | Aggregate::Series(_) => {}
        }
    }

    /// Adds to the words of a sum.
    fn add_words(&mut self, at: Value, words: &[Value]) {
        for (offset, word) in (0..).step_by(8).zip(words) {
            self.atomic_add(at, offset, *word);
        }
    }

    /// Keeps the smallest or largest value.
    fn keep_best(&mut self, map: MapId, key: Memory, value: Value, better: Cond) {
        let one = self.iconst(1);
        self.contribute(map, key, Initial::Words(&[value, one]), None, |b, at| {
            match b.m.facts.atomic_fetch {
                true => b.exchange_if_better(at, value, better),
                false => b.replace_if_better(at, value, better),
            }
            None
        });
    }

    /// A run that interrupts this one may change the value in between: then it is compared again. A run that was
    /// interrupted so [`TRIES`] times gives up, and is counted.
    pub(super) fn exchange_if_better(&mut self, at: Value, value: Value, better: Cond) {
        let [zero, one] = [0, 1].map(|n| self.iconst(n));
        let [first, known, compare, lost, done] = std::array::from_fn(|_| self.new_block());
        let old = self.func.add_param(compare, IrType::Int);
        let set = self.load(Width::B8, false, at, SECOND);
        self.branch(set, known, first);
        self.enter_cold(first);
        let there = self.compare_exchange(at, zero, value);
        self.store(Width::B8, at, SECOND, one);
        let (was_zero, taken) = (self.icmp(Cond::Eq, there, zero), self.new_block());
        self.branch(was_zero, done, taken);
        self.enter_cold(taken);
        self.jump(compare, &[there]);
        self.enter(known);
        let there = self.load(Width::B8, false, at, 0);
        self.jump(compare, &[there]);
        let (mut block, mut old) = (compare, old);
        for left in (0..TRIES).rev() {
            let (keep, again) = (self.new_block(), if left == 0 { lost } else { self.new_block() });
            self.enter(block);
            let is_better = self.icmp(better, value, old);
            self.branch(is_better, keep, done);
            self.enter(keep);
            let now = self.compare_exchange(at, old, value);
            let kept = self.icmp(Cond::Eq, now, old);
            self.branch(kept, done, again);
            (block, old) = (again, now);
        }
        self.enter_cold(lost);
        self.count(Cause::MapBusy);
        self.jump(done, &[]);
        self.enter(done);
    }

    /// The same where the kernel has no compare and exchange: a run that interrupts this one between its comparison and
    /// its store, which are next to one another, may have its value replaced by a worse one.
    pub(super) fn replace_if_better(&mut self, at: Value, value: Value, better: Cond) {
        let one = self.iconst(1);
        let [compare, keep, done] = std::array::from_fn(|_| self.new_block());
        let set = self.load(Width::B8, false, at, SECOND);
        self.branch(set, compare, keep);
        self.enter(compare);
        let best = self.load(Width::B8, false, at, 0);
        let is_better = self.icmp(better, value, best);
        self.branch(is_better, keep, done);
        self.enter(keep);
        self.store(Width::B8, at, 0, value);
        self.store(Width::B8, at, SECOND, one);
        self.jump(done, &[]);
        self.enter(done);
    }

    fn add_to_bucket(&mut self, map: MapId, key: Memory, bucket: Value, buckets: u32) {
        let one = self.iconst(1);
        self.contribute(map, key, Initial::Zeros, None, |b, at| {
            let counter = b.element(at, bucket, buckets, 8);
            b.atomic_add(counter, 0, one);
            None
        });
    }
}

/// What a value adds to each word of a sum; None where the aggregation is none.
fn addends(kind: &Aggregate, value: Value, one: Value) -> Option<SmallVec<[Value; 2]>> {
    match kind {
        Aggregate::Count | Aggregate::Sum { .. } => Some(smallvec![value]),
        Aggregate::Avg { .. } | Aggregate::Stats { .. } => Some(smallvec![value, one]),
        _ => None,
    }
}
