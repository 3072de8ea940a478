//! Sets of bytes as few ranges: which bytes of a slot or record are written, read, alive.

use smallvec::SmallVec;

/// A set of numbers as sorted ranges that neither overlap nor touch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ranges {
    list: SmallVec<[(i64, i64); 2]>,
}

impl Ranges {
    /// The numbers from `start` up to `end`, `end` not included.
    pub fn new(start: i64, end: i64) -> Ranges {
        let mut ranges = Ranges::default();
        ranges.insert(start, end);
        ranges
    }

    /// True when there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// The ranges, each `start..end`, ascending.
    pub fn iter(&self) -> impl Iterator<Item = (i64, i64)> + '_ {
        self.list.iter().copied()
    }

    /// Adds the numbers of `start..end`.
    pub fn insert(&mut self, mut start: i64, mut end: i64) {
        if start >= end {
            return;
        }
        let first = self.list.partition_point(|range| range.1 < start);
        let last = self.list.partition_point(|range| range.0 <= end);
        if first < last {
            start = start.min(self.list[first].0);
            end = end.max(self.list[last - 1].1);
        }
        self.list.drain(first..last);
        self.list.insert(first, (start, end));
    }

    /// Takes the numbers of `start..end` out.
    pub fn remove(&mut self, start: i64, end: i64) {
        let first = self.list.partition_point(|range| range.1 <= start);
        let last = self.list.partition_point(|range| range.0 < end);
        if start >= end || first >= last {
            return;
        }
        let (before, after) = ((self.list[first].0, start), (end, self.list[last - 1].1));
        self.list.drain(first..last);
        if after.0 < after.1 {
            self.list.insert(first, after);
        }
        if before.0 < before.1 {
            self.list.insert(first, before);
        }
    }

    /// True when all numbers of `start..end` are in it.
    pub fn contains(&self, start: i64, end: i64) -> bool {
        let at = self.list.partition_point(|range| range.1 <= start);
        start >= end || self.list.get(at).is_some_and(|range| range.0 <= start && end <= range.1)
    }

    /// True when a number of `start..end` is in it.
    pub fn overlaps(&self, start: i64, end: i64) -> bool {
        let at = self.list.partition_point(|range| range.1 <= start);
        start < end && self.list.get(at).is_some_and(|range| range.0 < end)
    }

    /// Adds all numbers of another set.
    pub fn union(&mut self, other: &Ranges) {
        other.iter().for_each(|(start, end)| self.insert(start, end));
    }

    /// Takes all numbers of another set out.
    pub fn subtract(&mut self, other: &Ranges) {
        other.iter().for_each(|(start, end)| self.remove(start, end));
    }

    /// The numbers that are in this set and not in the other.
    pub fn without(&self, other: &Ranges) -> Ranges {
        let mut rest = self.clone();
        rest.subtract(other);
        rest
    }
}

#[cfg(test)]
mod tests {
    use super::Ranges;
    use crate::ir::fuzz::Random;

    #[test]
    fn agrees_with_a_set_of_bits() {
        let mut random = Random::new(3);
        for _ in 0..300 {
            let (mut ranges, mut bits) = (Ranges::default(), [false; 24]);
            for _ in 0..20 {
                let (start, end) = (random.below(20) as i64, random.below(24) as i64);
                let add = random.chance(60);
                if add {
                    ranges.insert(start, end)
                } else {
                    ranges.remove(start, end)
                }
                (start..end).for_each(|at| bits[at as usize] = add);
                let (start, end) = (random.below(20) as i64, random.below(24) as i64);
                assert_eq!(ranges.contains(start, end), (start..end).all(|at| bits[at as usize]));
                assert_eq!(ranges.overlaps(start, end), (start..end).any(|at| bits[at as usize]));
                let ends: Vec<_> = ranges.iter().collect();
                assert!(ends.windows(2).all(|pair| pair[0].1 < pair[1].0), "{ends:?}");
            }
        }
    }
}
