//! Time series: the intervals of all CPUs as one, and as points in time.

use std::collections::HashMap;

use super::Contents;
use crate::runtime::value::unsigned;
use crate::wire::map::{SERIES_EPOCH, SERIES_META, SERIES_SLOT, Series, SeriesKind};

/// An interval of a series.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Point {
    /// When it begins: ns of CLOCK_TAI, which bpftrace prints as they are.
    pub time: u64,
    /// The 64 bits of the value; None when none came.
    pub value: Option<u64>,
}

/// One interval as it is kept.
#[derive(Clone, Copy)]
struct Slot {
    value: u64,
    meta: u64,
    epoch: u64,
}

impl Slot {
    fn read(bytes: &[u8]) -> Slot {
        let word = |at: u32| unsigned(&bytes[at as usize..], 8);
        Slot { value: word(0), meta: word(SERIES_META), epoch: word(SERIES_EPOCH) }
    }

    fn write(self, bytes: &mut [u8]) {
        for (at, word) in [(0, self.value), (SERIES_META, self.meta), (SERIES_EPOCH, self.epoch)] {
            bytes[at as usize..at as usize + 8].copy_from_slice(&word.to_le_bytes());
        }
    }

    /// Two CPUs' values of one interval.
    fn join(self, other: Slot, series: &Series) -> Slot {
        let less = |a: u64, b: u64| if series.signed { (a as i64) < b as i64 } else { a < b };
        let sum = Slot {
            value: self.value.wrapping_add(other.value),
            meta: self.meta.wrapping_add(other.meta),
            ..self
        };
        match series.how {
            SeriesKind::Last if other.meta > self.meta => other,
            SeriesKind::Last => self,
            SeriesKind::Avg | SeriesKind::Sum => sum,
            SeriesKind::Max if less(self.value, other.value) => other,
            SeriesKind::Min if less(other.value, self.value) => other,
            SeriesKind::Max | SeriesKind::Min => self,
        }
    }

    fn number(self, series: &Series) -> u64 {
        match (series.how, self.meta) {
            (SeriesKind::Avg, 0) => 0,
            (SeriesKind::Avg, count) if series.signed => {
                (self.value as i64).wrapping_div(count as i64) as u64
            }
            (SeriesKind::Avg, count) => self.value / count,
            _ => self.value,
        }
    }
}

fn slots(value: &[u8]) -> impl Iterator<Item = Slot> + '_ {
    value.chunks_exact(SERIES_SLOT as usize).map(Slot::read)
}

/// Adds what another CPU has to `total`: of each interval the newest counts.
pub fn merge(total: &mut [u8], slot: &[u8], series: &Series) {
    let size = SERIES_SLOT as usize;
    for (total, slot) in total.chunks_exact_mut(size).zip(slot.chunks_exact(size)) {
        let (ours, theirs) = (Slot::read(total), Slot::read(slot));
        let both = match theirs.epoch.cmp(&ours.epoch) {
            std::cmp::Ordering::Less => ours,
            std::cmp::Ordering::Greater => theirs,
            std::cmp::Ordering::Equal => ours.join(theirs, series),
        };
        both.write(total);
    }
}

/// The newest interval of a value.
pub fn last_epoch(value: &[u8]) -> Option<u64> {
    slots(value).map(|slot| slot.epoch).max().filter(|epoch| *epoch != 0)
}

/// The points of one row: from its first that is no older than the newest of the whole map allows, to the newest
/// of the whole map.
pub fn points(contents: &Contents, row: usize, series: &Series) -> Vec<Point> {
    let newest = (0..contents.len).filter_map(|row| last_epoch(contents.value(row))).max();
    let Some(newest) = newest else { return Vec::new() };
    let oldest = newest.saturating_sub(u64::from(series.intervals) - 1);
    let kept = slots(contents.value(row)).filter(|slot| slot.epoch != 0 && slot.epoch >= oldest);
    let kept: HashMap<u64, u64> = kept.map(|slot| (slot.epoch, slot.number(series))).collect();
    let Some(first) = kept.keys().min() else { return Vec::new() };
    let point =
        |epoch: u64| Point { time: epoch.wrapping_mul(series.interval), value: kept.get(&epoch).copied() };
    (*first..=newest).map(point).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(slots: &[(i64, u64, u64)]) -> Vec<u8> {
        let words = slots.iter().flat_map(|(value, meta, epoch)| [*value as u64, *meta, *epoch]);
        words.flat_map(u64::to_le_bytes).collect()
    }

    fn merged(how: SeriesKind, a: (i64, u64, u64), b: (i64, u64, u64)) -> i64 {
        let series = Series { signed: true, interval: 1, intervals: 1, how };
        let mut total = bytes(&[a]);
        merge(&mut total, &bytes(&[b]), &series);
        Slot::read(&total).number(&series) as i64
    }

    #[test]
    fn cpus_are_joined_within_an_interval_and_newer_ones_win() {
        assert_eq!(merged(SeriesKind::Sum, (5, 0, 7), (-8, 0, 7)), -3);
        assert_eq!(merged(SeriesKind::Avg, (5, 1, 7), (-8, 2, 7)), -1);
        assert_eq!(merged(SeriesKind::Max, (-5, 1, 7), (-8, 1, 7)), -5);
        assert_eq!(merged(SeriesKind::Min, (-5, 1, 7), (-8, 1, 7)), -8);
        assert_eq!(merged(SeriesKind::Last, (5, 100, 7), (6, 90, 7)), 5);
        assert_eq!(merged(SeriesKind::Sum, (5, 0, 7), (6, 0, 8)), 6);
        assert_eq!(merged(SeriesKind::Sum, (5, 0, 7), (0, 0, 0)), 5);
    }

    #[test]
    fn points_run_to_the_newest_interval_of_the_map() {
        let series = Series { signed: false, interval: 10, intervals: 3, how: SeriesKind::Sum };
        let mut contents = Contents::new(4, 72);
        for row in [[(1, 0, 9), (2, 0, 7), (3, 0, 5)], [(4, 0, 6), (0, 0, 0), (5, 0, 8)]] {
            contents.keys.extend_from_slice(&[0; 4]);
            contents.values.extend_from_slice(&bytes(&row));
            contents.len += 1;
        }
        let found =
            |row| points(&contents, row, &series).iter().map(|p| (p.time, p.value)).collect::<Vec<_>>();
        assert_eq!(found(0), [(70, Some(2)), (80, None), (90, Some(1))]);
        assert_eq!(found(1), [(80, Some(5)), (90, None)]);
    }
}
