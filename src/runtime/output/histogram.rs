//! Tables of `hist` and `lhist`, as bpftrace prints them.

use std::fmt::Write as _;
use std::io::Write as _;

use crate::runtime::maps::reduce::words;

/// Characters of the longest bar.
const BAR: usize = 52;

/// Appends the table of a `hist(x, bits)`: the buckets from the first to the last that is not empty. Counts are
/// divided by `div`.
pub fn write_hist(out: &mut Vec<u8>, value: &[u8], bits: u8, div: u64) {
    let counts: Vec<u64> = words(value).collect();
    write_table(out, &counts, div, |index| match index {
        0 => "(..., 0)".to_owned(),
        // up to here a bucket is one number
        index if index <= 2 << bits => format!("[{}]", index - 1),
        index => format!("[{}, {})", power_label(index - 1, bits), power_label(index, bits)),
    });
}

/// The value at which bucket `index + 1` of a hist begins, with its unit.
fn power_label(index: usize, bits: u8) -> String {
    let steps = 1usize << bits;
    if index < steps {
        return index.to_string();
    }
    let power = (index >> bits) - 1;
    let (decade, power) = (power / 10, power % 10);
    let unit = ["", "K", "M", "G", "T", "P", "E"][decade];
    format!("{}{unit}", (steps + (index & (steps - 1))) << power)
}

/// Appends the table of an `lhist(x, min, max, step)`. A last step that would pass `max` is shown together with what
/// is above. As in bpftrace, `div` has no effect here.
pub fn write_lhist(out: &mut Vec<u8>, value: &[u8], (min, max, step): (i64, i64, i64)) {
    let whole_steps = (i128::from(max) - i128::from(min)) / i128::from(step);
    let mut counts: Vec<u64> = words(value).collect();
    let above = (whole_steps as usize + 1).min(counts.len() - 1);
    counts[above] = counts[above..].iter().fold(0, |sum, count| sum.wrapping_add(*count));
    counts.truncate(above + 1);
    let bound = |index: usize| i128::from(min) + index as i128 * i128::from(step);
    write_table(out, &counts, 1, |index| {
        if index == 0 {
            return format!("(..., {})", step_label(i128::from(min), step));
        }
        let (low, high) = (bound(index - 1), bound(index));
        let mut label = format!("[{}", step_label(low, step));
        match index {
            index if index == above => label.push_str(", ...)"),
            _ if step == 1 => label.push(']'),
            _ => write!(label, ", {})", step_label(high, step)).expect("writing to memory"),
        }
        label
    });
}

/// Multiples of 1024 are shown with a unit when the step is one.
fn step_label(number: i128, step: i64) -> String {
    const KILO: i128 = 1 << 10;
    const MEGA: i128 = 1 << 20;
    match number {
        _ if i128::from(step) % KILO != 0 => number.to_string(),
        0 => number.to_string(),
        _ if number % MEGA == 0 => format!("{}M", number / MEGA),
        _ if number % KILO == 0 => format!("{}K", number / KILO),
        _ => number.to_string(),
    }
}

fn write_table(out: &mut Vec<u8>, counts: &[u64], div: u64, label: impl Fn(usize) -> String) {
    let Some(first) = counts.iter().position(|count| *count != 0) else { return };
    let last = counts.iter().rposition(|count| *count != 0).expect("there is a first");
    let shown = |index: usize| counts[index] / div.max(1);
    let largest = (first..=last).map(shown).max().unwrap_or(0);
    for index in first..=last {
        let count = shown(index);
        // in 32-bit floating point, as bpftrace does: the bars are the same to the character
        let bar = (count as f32 / largest as f32 * BAR as f32) as usize;
        let bar = "@".repeat(bar.min(BAR));
        writeln!(out, "{:<16}{count:>8} |{bar:<BAR$}|", label(index)).expect("writing to memory");
    }
}
