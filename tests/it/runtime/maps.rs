//! Maps as text, against bpftrace 0.27: the cases of `tests/golden/maps/reference.txt` hold entries and what it printed
//! for them. `deviations.txt` holds the cases in which it is not followed.
//!
//! A case: a line `NAME KIND [top N] [div N]`, then a line `KEY = VALUE` an entry (`= VALUE` for a keyless map). Values of
//! aggregations are their words; for histograms, the numbers that went in.

use beetrace::runtime::maps::{Contents, MapView, sort};
use beetrace::runtime::output::Output;
use beetrace::runtime::output::sink::Memory;
use beetrace::runtime::output::text::Text;
use beetrace::runtime::output::writer::{Buffering, Writer};
use beetrace::wire::map::{ValueKind, hist_bucket, hist_buckets};
use beetrace::wire::types::DataType;

use super::notation::{Fixed, value};
use crate::golden;

#[test]
fn maps_are_printed_as_the_reference_does() {
    golden::check("maps", |script| script.split("\n\n").map(print).collect::<Vec<_>>().concat());
}

fn print(case: &str) -> String {
    let (head, rows) = case.split_once('\n').unwrap_or((case, ""));
    let words: Vec<&str> = head.split(' ').collect();
    let option =
        |name: &str| words.iter().position(|w| *w == name).map_or(0, |at| words[at + 1].parse().unwrap());
    let (mut key, mut kind, mut entries) = (None, ValueKind::Count, Vec::new());
    for row in rows.lines() {
        let (left, right) = row.split_once("= ").expect("an entry");
        let bytes = match left.trim_end() {
            "" => Vec::new(),
            text => {
                let (ty, bytes) = value(text);
                key = Some(ty);
                bytes
            }
        };
        let (of, value) = entry(words[1], right);
        kind = of;
        entries.push((bytes, value));
    }
    text(words[0], key.as_ref(), &kind, &entries, option("top"), option("div") as u64)
}

fn entry(kind: &str, text: &str) -> (ValueKind, Vec<u8>) {
    let words = || text.split(' ').flat_map(|n| (n.parse::<i128>().unwrap() as u64).to_le_bytes()).collect();
    match kind {
        "count" => (ValueKind::Count, words()),
        "sum" => (ValueKind::Sum { signed: true }, words()),
        "min" => (ValueKind::Min { signed: true }, words()),
        "max" => (ValueKind::Max { signed: true }, words()),
        "avg" => (ValueKind::Avg { signed: true }, words()),
        "stats" => (ValueKind::Stats { signed: true }, words()),
        "plain" => {
            let (ty, mut bytes) = value(text);
            bytes.resize(bytes.len().next_multiple_of(8), 0);
            (ValueKind::Plain(ty), bytes)
        }
        "hist" => {
            let mut counts = vec![0u64; hist_buckets(0) as usize];
            for number in text.split(' ').filter(|n| !n.is_empty()) {
                counts[hist_bucket(number.parse().unwrap(), 0) as usize] += 1;
            }
            (ValueKind::Hist { bits: 0 }, counts.iter().flat_map(|n| n.to_le_bytes()).collect())
        }
        _ => panic!("{kind}"),
    }
}

fn text(
    name: &str,
    key: Option<&DataType>,
    kind: &ValueKind,
    entries: &[(Vec<u8>, Vec<u8>)],
    top: usize,
    div: u64,
) -> String {
    let mut contents = Contents::new(key.map_or(0, DataType::size), kind.size());
    for (key, value) in entries {
        contents.keys.extend(key);
        contents.values.extend(value);
        contents.len += 1;
    }
    let rows = sort::order(&contents, key, kind);
    let first = if top == 0 { 0 } else { rows.len().saturating_sub(top) };
    let memory = Memory::default();
    let mut text = Text::new(Writer::new(Box::new(memory.clone()), Buffering::Record), false);
    let view = MapView { name, key, value: kind, contents: &contents, rows: &rows[first..], div: div.max(1) };
    text.map(&view, &mut Fixed).unwrap();
    let written = memory.0.borrow().clone();
    String::from_utf8(written).unwrap()
}
