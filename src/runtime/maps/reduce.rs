//! One value of the slots that a map has for each CPU.
//!
//! Invariant: a reduced value has the layout of [`ValueKind`] again, so what is reduced from one slot is that slot.

use crate::runtime::value::unsigned;
use crate::wire::map::ValueKind;

/// Appends the reduced value of `slots` (each of at least [`ValueKind::size`] bytes) to `out`.
pub fn reduce<'a>(kind: &ValueKind, slots: impl Iterator<Item = &'a [u8]>, out: &mut Vec<u8>) {
    let size = kind.size() as usize;
    let start = out.len();
    out.resize(start + size, 0);
    let total = &mut out[start..];
    let mut first = true;
    for slot in slots {
        match kind {
            ValueKind::Plain(_) if first => total.copy_from_slice(&slot[..size]),
            ValueKind::Plain(_) => return,
            ValueKind::Series(series) => super::series::merge(total, slot, series),
            ValueKind::Min { signed } => extreme(total, slot, |new, old| less(new, old, *signed)),
            ValueKind::Max { signed } => extreme(total, slot, |new, old| less(old, new, *signed)),
            _ => add(total, slot),
        }
        first = false;
    }
}

/// Adds word by word.
fn add(total: &mut [u8], slot: &[u8]) {
    for (sum, word) in total.chunks_exact_mut(8).zip(slot.chunks_exact(8)) {
        let value = unsigned(sum, 8).wrapping_add(unsigned(word, 8));
        sum.copy_from_slice(&value.to_le_bytes());
    }
}

/// Keeps the better of two `{ value, set }`.
fn extreme(total: &mut [u8], slot: &[u8], better: impl Fn(u64, u64) -> bool) {
    let is_set = |pair: &[u8]| unsigned(&pair[8..], 8) != 0;
    if is_set(slot) && (!is_set(total) || better(unsigned(slot, 8), unsigned(total, 8))) {
        total.copy_from_slice(&slot[..16]);
    }
}

fn less(a: u64, b: u64, signed: bool) -> bool {
    if signed { (a as i64) < b as i64 } else { a < b }
}

/// The number that a reduced value is sorted by and, but for records and histograms, printed as. None for values that
/// are no numbers. Signed values are given as their 64 bits.
pub fn number(kind: &ValueKind, value: &[u8]) -> Option<u64> {
    match kind {
        ValueKind::Plain(ty) => super::sort::integer(ty, value).map(|(bits, _)| bits),
        ValueKind::Avg { signed } | ValueKind::Stats { signed } => Some(average(value, *signed)),
        ValueKind::Hist { .. } | ValueKind::Lhist { .. } => Some(words(value).sum()),
        // by their keys
        ValueKind::Series(_) => None,
        _ => Some(unsigned(value, 8)),
    }
}

/// The average of a `{ total, count }`, rounded towards zero; 0 when there is nothing.
pub fn average(value: &[u8], signed: bool) -> u64 {
    let (total, count) = (unsigned(value, 8), unsigned(&value[8..], 8));
    match (count, signed) {
        (0, _) => 0,
        (count, true) => (total as i64).wrapping_div(count as i64) as u64,
        (count, false) => total / count,
    }
}

/// The 8-byte words of a value.
pub fn words(value: &[u8]) -> impl DoubleEndedIterator<Item = u64> + ExactSizeIterator + '_ {
    value.chunks_exact(8).map(|word| unsigned(word, 8))
}

/// Whether a keyless map was assigned, as far as its reduced value and its presence word (where it has one) tell.
pub fn is_assigned(kind: &ValueKind, value: &[u8], presence: Option<u64>) -> bool {
    match kind {
        ValueKind::Plain(_) | ValueKind::Sum { .. } => match presence {
            Some(word) => word != 0,
            None => value.iter().any(|b| *b != 0),
        },
        ValueKind::Count => unsigned(value, 8) != 0,
        ValueKind::Min { .. } | ValueKind::Max { .. } | ValueKind::Avg { .. } | ValueKind::Stats { .. } => {
            unsigned(&value[8..], 8) != 0
        }
        ValueKind::Series(_) => super::series::last_epoch(value).is_some(),
        ValueKind::Hist { .. } | ValueKind::Lhist { .. } => words(value).any(|count| count != 0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reduced(kind: ValueKind, slots: &[&[i64]]) -> Vec<i64> {
        let bytes = |words: &&[i64]| words.iter().flat_map(|w| w.to_le_bytes()).collect::<Vec<u8>>();
        let slots: Vec<Vec<u8>> = slots.iter().map(bytes).collect();
        let mut out = Vec::new();
        reduce(&kind, slots.iter().map(Vec::as_slice), &mut out);
        words(&out).map(|word| word as i64).collect()
    }

    #[test]
    fn slots_add_up() {
        assert_eq!(reduced(ValueKind::Count, &[&[1], &[2], &[0]]), [3]);
        assert_eq!(reduced(ValueKind::Sum { signed: true }, &[&[-5], &[2]]), [-3]);
        assert_eq!(reduced(ValueKind::Avg { signed: true }, &[&[-20, 3], &[5, 1]]), [-15, 4]);
        assert_eq!(
            reduced(ValueKind::Lhist { min: 0, max: 2, step: 2 }, &[&[1, 0, 2], &[0, 3, 4]]),
            [1, 3, 6]
        );
    }

    #[test]
    fn extremes_are_of_the_cpus_that_have_one() {
        assert_eq!(reduced(ValueKind::Min { signed: true }, &[&[0, 0], &[5, 1], &[-3, 1]]), [-3, 1]);
        assert_eq!(reduced(ValueKind::Min { signed: false }, &[&[5, 1], &[-3, 1]]), [5, 1]);
        assert_eq!(reduced(ValueKind::Max { signed: true }, &[&[-7, 1], &[0, 0], &[-9, 1]]), [-7, 1]);
        assert_eq!(reduced(ValueKind::Max { signed: true }, &[&[0, 0], &[0, 0]]), [0, 0]);
    }

    #[test]
    fn averages_round_towards_zero() {
        let value = |total: i64, count: u64| [total.to_le_bytes(), count.to_le_bytes()].concat();
        assert_eq!(average(&value(-15, 2), true) as i64, -7);
        assert_eq!(average(&value(15, 2), false), 7);
        assert_eq!(average(&value(0, 0), true), 0);
    }
}
