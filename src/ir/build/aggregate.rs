//! Aggregations: what one value adds to count, sum, min, max, avg, stats, hist and lhist.

use super::func::FuncBuilder;
use super::insert::Initial;
use super::place::Memory;
use crate::ir::entities::Value;
use crate::ir::function::{Cond, Width};
use crate::sema::tree::{Aggregate, Expr, MapId, MapValue};
use crate::wire::map::{hist_buckets, lhist_buckets};

/// Offset of the second word: `set` of min and max, `count` of avg and stats.
const SECOND: i32 = 8;

impl<'m> FuncBuilder<'_, 'm> {
    /// `@m[key] = count()` and the like.
    pub fn aggregate(&mut self, map: MapId, key: Option<&'m Expr>, value: Option<&'m Expr>) {
        let MapValue::Aggregate(kind) = &self.m.program.maps[map.0 as usize].value else { return };
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
        let key = self.key(&info, key);
        self.add(map, key, kind, value);
        self.release(key);
    }

    fn add(&mut self, map: MapId, key: Memory, kind: &Aggregate, value: Value) {
        let one = self.iconst(1);
        match *kind {
            Aggregate::Count | Aggregate::Sum { .. } => {
                self.contribute(map, key, Initial::Words(&[value]), None, |b, at| {
                    b.atomic_add(at, 0, value);
                    None
                });
            }
            Aggregate::Min { signed } => {
                self.keep_best(map, key, value, if signed { Cond::Slt } else { Cond::Ult });
            }
            Aggregate::Max { signed } => {
                self.keep_best(map, key, value, if signed { Cond::Sgt } else { Cond::Ugt });
            }
            Aggregate::Avg { .. } | Aggregate::Stats { .. } => {
                self.contribute(map, key, Initial::Words(&[value, one]), None, |b, at| {
                    b.atomic_add(at, 0, value);
                    b.atomic_add(at, SECOND, one);
                    None
                });
            }
            Aggregate::Hist { bits } => self.add_to_bucket(map, key, value, hist_buckets(bits)),
            Aggregate::Lhist { min, max, step } => {
                self.add_to_bucket(map, key, value, lhist_buckets(min, max, step));
            }
        }
    }

    /// Keeps the smallest or largest value. Two runs that interrupt one another on one CPU may keep the other's:
    /// there is no atomic minimum, and a run that is interrupted between its comparison and its store is rare.
    fn keep_best(&mut self, map: MapId, key: Memory, value: Value, better: Cond) {
        let one = self.iconst(1);
        self.contribute(map, key, Initial::Words(&[value, one]), None, |b, at| {
            let (compare, keep, done) = (b.new_block(), b.new_block(), b.new_block());
            let set = b.load(Width::B8, false, at, SECOND);
            b.branch(set, compare, keep);
            b.enter(compare);
            let best = b.load(Width::B8, false, at, 0);
            let is_better = b.icmp(better, value, best);
            b.branch(is_better, keep, done);
            b.enter(keep);
            b.store(Width::B8, at, 0, value);
            b.store(Width::B8, at, SECOND, one);
            b.jump(done, &[]);
            b.enter(done);
            None
        });
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
