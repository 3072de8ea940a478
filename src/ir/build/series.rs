//! Time series: a value goes to the interval of its time, which is cleared when it holds an older one.

use super::func::FuncBuilder;
use super::insert::Initial;
use crate::ir::entities::Value;
use crate::ir::function::{BinOp, Cond, Width};
use crate::sema::tree::{Expr, ExprKind, MapId};
use crate::wire::map::{SERIES_EPOCH, SERIES_META, SERIES_SLOT, Series, SeriesKind};

impl<'m> FuncBuilder<'_, 'm> {
    /// `@m[key] = tseries(x, …)`; `sample` is a tuple of the value and the time.
    pub fn aggregate_series(&mut self, map: MapId, key: Option<&'m Expr>, sample: &'m Expr, series: Series) {
        let ExprKind::Tuple(items) = &sample.kind else { return };
        let [value, now] = &items[..] else { return };
        let (value, now) = (self.int(value), self.int(now));
        let epoch = self.binary_const(BinOp::UDiv, now, series.interval as i64);
        let place = self.binary_const(BinOp::URem, epoch, i64::from(series.intervals));
        let info = self.info(map);
        let key = self.key(&info, key);
        self.contribute(map, key, Initial::Zeros, None, |b, at| {
            let slot = b.element(at, place, series.intervals, SERIES_SLOT);
            b.start_interval(slot, epoch, series.how);
            b.add_to_interval(slot, value, now, series);
            None
        });
        self.release(key);
    }

    fn start_interval(&mut self, slot: Value, epoch: Value, how: SeriesKind) {
        if how != SeriesKind::Last {
            let (other, same) = (self.new_block(), self.new_block());
            let held = self.load(Width::B8, false, slot, SERIES_EPOCH as i32);
            let is_other = self.icmp(Cond::Ne, held, epoch);
            self.branch(is_other, other, same);
            self.enter(other);
            let zero = self.iconst(0);
            self.store(Width::B8, slot, 0, zero);
            self.store(Width::B8, slot, SERIES_META as i32, zero);
            self.jump(same, &[]);
            self.enter(same);
        }
        self.store(Width::B8, slot, SERIES_EPOCH as i32, epoch);
    }

    fn add_to_interval(&mut self, slot: Value, value: Value, now: Value, series: Series) {
        let one = self.iconst(1);
        match series.how {
            SeriesKind::Last => {
                self.store(Width::B8, slot, 0, value);
                self.store(Width::B8, slot, SERIES_META as i32, now);
            }
            SeriesKind::Sum => self.atomic_add(slot, 0, value),
            SeriesKind::Avg => {
                self.atomic_add(slot, 0, value);
                self.atomic_add(slot, SERIES_META as i32, one);
            }
            SeriesKind::Max => {
                self.keep_better(slot, value, if series.signed { Cond::Sgt } else { Cond::Ugt })
            }
            SeriesKind::Min => {
                self.keep_better(slot, value, if series.signed { Cond::Slt } else { Cond::Ult })
            }
        }
    }

    /// `meta` is where a minimum or maximum has the word that tells whether there is one.
    fn keep_better(&mut self, slot: Value, value: Value, better: Cond) {
        match self.m.facts.atomic_fetch {
            true => self.exchange_if_better(slot, value, better),
            false => self.replace_if_better(slot, value, better),
        }
    }
}
