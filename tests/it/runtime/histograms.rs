//! Histogram tables against bpftrace 0.27: `tests/golden/runtime/histograms.txt` holds the values (`5*99`: 99 times,
//! `-5..70`: all from -5 to 69) and the table that it printed.

use beetrace::runtime::output::histogram::{write_hist, write_lhist};
use beetrace::wire::map::{hist_bucket, hist_buckets, lhist_bucket, lhist_buckets};

#[test]
fn tables_are_those_of_the_reference() {
    let text = include_str!("../../golden/runtime/histograms.txt");
    let cases: Vec<&str> = text.split("=== ").skip(1).collect();
    assert!(cases.len() > 25);
    for case in cases {
        let (title, expected) = case.split_once('\n').unwrap();
        let (kind, values) = title.split_once(": ").unwrap();
        let kind: Vec<&str> = kind.split(' ').collect();
        let parameters: Vec<i64> = kind[1..].iter().map(|n| n.parse().unwrap()).collect();
        let table = match (kind[0], parameters.as_slice()) {
            ("hist", [bits]) => hist(*bits as u8, &numbers(values)),
            ("lhist", [min, max, step]) => lhist(*min, *max, *step, &numbers(values)),
            _ => panic!("{title}"),
        };
        assert_eq!(table.trim_end(), expected.trim_end(), "{title}");
    }
}

#[test]
fn divided_counts_may_all_be_zero() {
    let mut out = Vec::new();
    write_hist(&mut out, &buckets(hist_buckets(0), &[5], |v| hist_bucket(v, 0)), 0, 10);
    assert_eq!(String::from_utf8(out).unwrap(), format!("[4, 8)                 0 |{:52}|\n", ""));
}

fn numbers(text: &str) -> Vec<i64> {
    let mut all = Vec::new();
    for word in text.split(' ') {
        let number = |text: &str| text.parse::<i64>().unwrap();
        match (word.split_once(".."), word.split_once('*')) {
            (Some((from, to)), _) => all.extend(number(from)..number(to)),
            (_, Some((value, times))) => all.extend(vec![number(value); number(times) as usize]),
            _ => all.push(number(word)),
        }
    }
    all
}

fn buckets(count: u32, values: &[i64], bucket: impl Fn(i64) -> u32) -> Vec<u8> {
    let mut counts = vec![0u64; count as usize];
    for value in values {
        counts[bucket(*value) as usize] += 1;
    }
    counts.iter().flat_map(|count| count.to_le_bytes()).collect()
}

fn hist(bits: u8, values: &[i64]) -> String {
    let mut out = Vec::new();
    write_hist(&mut out, &buckets(hist_buckets(bits), values, |v| hist_bucket(v, bits)), bits, 1);
    String::from_utf8(out).unwrap()
}

fn lhist(min: i64, max: i64, step: i64, values: &[i64]) -> String {
    let mut out = Vec::new();
    let counts = buckets(lhist_buckets(min, max, step), values, |v| lhist_bucket(v, min, max, step));
    write_lhist(&mut out, &counts, (min, max, step));
    String::from_utf8(out).unwrap()
}
