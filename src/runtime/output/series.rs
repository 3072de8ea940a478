//! Charts of `tseries`, as bpftrace prints them: time runs down, a star stands where the value is.

use std::io::Write as _;

use crate::runtime::maps::series::Point;
use crate::runtime::time;
use crate::wire::map::Series;

/// Characters of a line of the chart, borders included.
const WIDTH: usize = 53;
/// Characters that the least value has in the lines above and below.
const LEAST: usize = 21;

/// Appends the chart of a series.
pub fn write_series(out: &mut Vec<u8>, points: &[Point], series: &Series) {
    let key = |value: &u64| if series.signed { i128::from(*value as i64) } else { i128::from(*value) };
    let known = || points.iter().filter_map(|point| point.value).map(|value| key(&value));
    let (Some(mut least), Some(mut greatest)) = (known().min(), known().max()) else {
        out.extend_from_slice(b"<no data>");
        return;
    };
    if least == greatest {
        let (low, high) =
            if series.signed { (i64::MIN.into(), i64::MAX.into()) } else { (0, u64::MAX.into()) };
        (least, greatest) = ((least - 1).max(low), (greatest + 1).min(high));
    }
    let (unit, digits) = resolution(points);
    let indent = "hh:mm:ss".len() + if digits == 0 { 0 } else { 1 + digits };
    let scale = format!("{:indent$} {least:<LEAST$}{greatest:>right$}\n", "", right = WIDTH - LEAST);
    out.extend_from_slice(scale.as_bytes());
    let heading = format!("hh:mm:ss{unit}");
    // the reference counts bytes
    let pad = (indent + 1).saturating_sub(heading.len());
    writeln!(out, "{heading}{:pad$}|{}|", "", "_".repeat(WIDTH - 2)).expect("writing to memory");
    for point in points {
        let line = line(point.value.map(|value| key(&value)), least, greatest);
        write!(out, "{} {line} ", time::local(point.time, digits)).expect("writing to memory");
        match point.value {
            Some(value) => writeln!(out, "{}", key(&value)),
            None => writeln!(out, "-"),
        }
        .expect("writing to memory");
    }
    writeln!(out, "{:indent$} v{}v", "", "_".repeat(WIDTH - 2)).expect("writing to memory");
    out.extend_from_slice(scale.as_bytes());
}

/// The unit in which intervals are told apart, as in the heading, and its digits.
fn resolution(points: &[Point]) -> (&'static str, usize) {
    let (first, last) = (points.first().map_or(0, |p| p.time), points.last().map_or(0, |p| p.time));
    match (last - first) / (points.len() as u64).saturating_sub(1).max(1) {
        1_000_000_000.. => ("", 0),
        1_000_000.. => (".ms", 3),
        1_000.. => (".μs", 6),
        _ => (".ns", 9),
    }
}

/// In 32-bit floating point, as bpftrace does: stars are at the same place.
fn line(value: Option<i128>, least: i128, greatest: i128) -> String {
    let distance = |from: i128, to: i128| (from - to) as i64 as f32;
    let mut line = vec![b' '; WIDTH];
    line[0] = b'|';
    line[WIDTH - 1] = b'|';
    if least < 0 && greatest > 0 {
        let zero = (WIDTH as f32 * distance(least, 0) / distance(least, greatest)) as usize;
        if zero > 0 {
            line[zero.min(WIDTH - 1)] = b'.';
        }
    }
    if let Some(value) = value {
        let at = (WIDTH - 1) as f32 * distance(least, value) / distance(least, greatest);
        line[(at as usize).min(WIDTH - 1)] = b'*';
    }
    String::from_utf8(line).expect("ASCII")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::map::SeriesKind;

    fn chart(points: &[(u64, Option<i64>)]) -> String {
        let points: Vec<Point> = points
            .iter()
            .map(|(time, value)| Point { time: *time, value: value.map(|v| v as u64) })
            .collect();
        let mut out = Vec::new();
        let series = Series { signed: true, interval: 1, intervals: 5, how: SeriesKind::Last };
        write_series(&mut out, &points, &series);
        String::from_utf8(out).expect("UTF-8")
    }

    #[test]
    fn stars_stand_between_the_least_and_the_greatest() {
        let text = chart(&[
            (0, Some(-5)),
            (1_000_000_000, Some(5)),
            (2_000_000_000, None),
            (3_000_000_000, Some(0)),
        ]);
        let rows: Vec<&str> = text.lines().collect();
        assert_eq!(rows[0], "         -5                                                  5");
        assert_eq!(rows[1], format!("hh:mm:ss |{}|", "_".repeat(51)));
        assert!(
            rows[2].ends_with(" *                         .                         | -5"),
            "{}",
            rows[2]
        );
        assert!(rows[3].ends_with(" |                         .                         * 5"), "{}", rows[3]);
        assert!(rows[4].ends_with(" |                         .                         | -"), "{}", rows[4]);
        assert!(rows[5].ends_with(" |                         *                         | 0"), "{}", rows[5]);
        assert_eq!(rows[6], format!("         v{}v", "_".repeat(51)));
        assert_eq!(rows[7], rows[0]);
    }

    #[test]
    fn one_value_stands_in_the_middle() {
        let text = chart(&[(0, Some(5))]);
        assert!(
            text.starts_with("                   4                                                   6\n"),
            "{text}"
        );
        assert!(text.contains("|                         *                         | 5\n"), "{text}");
        assert_eq!(chart(&[]), "<no data>");
    }
}
