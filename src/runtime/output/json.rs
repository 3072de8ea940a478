//! A line of JSON for each message, as bpftrace prints them with `-f json`.
//!
//! `{"type": T, "data": D}`, where T is `printf`, `value`, `map`, `hist`, `stats`, `tseries`, `time`, `cat`, `syscall` (what
//! `system` printed), `join`, `attached_probes`, `errorf` or `warnf` (both with `msg` and the place in the script). Numbers
//! that a double cannot hold exactly are strings. Keys are text: of a tuple without parentheses and blanks. Bytes of
//! traced processes that are no UTF-8 are replaced by U+FFFD.

use std::io;
use std::io::Write as _;

use super::writer::Writer;
use super::{BenchmarkResult, Message, Output, TestResult, TextKind};
use crate::runtime::format;
use crate::runtime::maps::reduce::{self, words};
use crate::runtime::maps::series::{Point, points};
use crate::runtime::maps::{MapView, sort};
use crate::runtime::names::Names;
use crate::runtime::time;
use crate::runtime::value::{self, Context, divide, signed, tail, unsigned};
use crate::wire::format::Format;
use crate::wire::map::{Series, ValueKind, hist_bounds};
use crate::wire::record::Field;
use crate::wire::types::{DataType, StructField};

/// JSON to a writer.
pub struct Json {
    writer: Writer,
    warnings: bool,
}

impl Json {
    /// Messages of `warnf` are left out without `warnings`.
    pub fn new(writer: Writer, warnings: bool) -> Json {
        Json { writer, warnings }
    }

    fn message_of(&mut self, kind: &str, data: impl FnOnce(&mut Vec<u8>)) -> io::Result<()> {
        let out = &mut self.writer.buffer;
        write!(out, "{{\"type\": \"{kind}\", \"data\": ").expect("writing to memory");
        data(out);
        out.extend_from_slice(b"}\n");
        self.writer.commit()
    }
}

impl Output for Json {
    fn printf(
        &mut self,
        format: &Format,
        args: &[Field],
        record: &[u8],
        names: &mut dyn Names,
    ) -> io::Result<()> {
        let mut text = Vec::new();
        format::write(&mut text, format, args, record, &mut Context { names, raw: true });
        self.message_of("printf", |out| string(out, &text))
    }

    fn value(&mut self, field: &Field, record: &[u8], names: &mut dyn Names) -> io::Result<()> {
        let bytes = tail(record, field.offset);
        let mut context = Context { names, raw: true };
        self.message_of("value", |out| write(out, &field.ty, bytes, 1, &mut context))
    }

    fn map(&mut self, map: &MapView, names: &mut dyn Names) -> io::Result<()> {
        let summary = matches!(map.value, ValueKind::Avg { .. } | ValueKind::Stats { .. });
        // as the reference: only these are shown when nothing is in them
        if map.rows.is_empty() && !summary {
            return Ok(());
        }
        let kind = match map.value {
            ValueKind::Hist { .. } | ValueKind::Lhist { .. } => "hist",
            ValueKind::Avg { .. } | ValueKind::Stats { .. } => "stats",
            ValueKind::Series(_) => "tseries",
            _ => "map",
        };
        let mut context = Context { names, raw: true };
        self.message_of(kind, |out| {
            out.push(b'{');
            string(out, map.name.as_bytes());
            out.extend_from_slice(b": ");
            match map.key {
                None if map.rows.is_empty() => out.extend_from_slice(b"{}"),
                None => map_value(out, map, map.rows[0] as usize, &mut context),
                Some(key) => entries(out, map, key, &mut context),
            }
            out.push(b'}');
        })
    }

    fn text(&mut self, kind: TextKind, text: &[u8]) -> io::Result<()> {
        let kind = match kind {
            TextKind::Time => "time",
            TextKind::Cat => "cat",
            TextKind::System => "syscall",
            TextKind::Join => "join",
        };
        self.message_of(kind, |out| string(out, text))
    }

    fn message(&mut self, message: &Message) -> io::Result<()> {
        if !message.error && !self.warnings {
            return Ok(());
        }
        let out = &mut self.writer.buffer;
        let kind = if message.error { "errorf" } else { "warnf" };
        write!(out, "{{\"type\": \"{kind}\", \"msg\": ").expect("writing to memory");
        string(out, message.text);
        out.extend_from_slice(b", \"filename\": ");
        // consumers know a script of the command line by the name that bpftrace gives it
        let file = if matches!(message.file, "-e" | "-") { "stdin" } else { message.file };
        string(out, file.as_bytes());
        let (line, column) = (message.line, message.column);
        writeln!(out, ", \"line\": {line}, \"col\": {column}}}").expect("writing to memory");
        self.writer.commit()
    }

    fn attached(&mut self, count: usize) -> io::Result<bool> {
        let out = &mut self.writer.buffer;
        let (kind, data) = ("attached_probes", format!("{{\"probes\": {count}}}"));
        writeln!(out, "{{\"type\": \"{kind}\", \"count\": {count}, \"data\": {data}}}")
            .expect("writing to memory");
        self.writer.commit().map(|()| true)
    }

    fn test_result(&mut self, names: &[&str], results: &[TestResult]) -> io::Result<()> {
        let Some((name, result)) = names.iter().zip(results).next_back() else { return Ok(()) };
        self.message_of("test_result", |out| {
            out.push(b'{');
            string(out, name.as_bytes());
            let TestResult { passed, duration, output } = result;
            write!(out, ": {{\"duration\": {duration}, \"passed\": {passed}, \"output\": ")
                .expect("writing to memory");
            string(out, output);
            out.extend_from_slice(b"}}");
        })
    }

    fn benchmark_result(&mut self, names: &[&str], result: &BenchmarkResult) -> io::Result<()> {
        self.message_of("benchmark_result", |out| {
            out.push(b'{');
            string(out, names[result.index].as_bytes());
            let BenchmarkResult { average, runs, .. } = result;
            write!(out, ": {{\"average\": {average}, \"iters\": {runs}}}}}").expect("writing to memory");
        })
    }

    fn events_end(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn writer(&mut self) -> &mut Writer {
        &mut self.writer
    }
}

fn entries(out: &mut Vec<u8>, map: &MapView, key: &DataType, context: &mut Context) {
    out.push(b'{');
    for (i, row) in map.rows.iter().enumerate() {
        out.extend_from_slice(if i == 0 { b"" } else { b", " });
        key_text(out, key, map.contents.key(*row as usize), context);
        out.extend_from_slice(b": ");
        map_value(out, map, *row as usize, context);
    }
    out.push(b'}');
}

/// A key is text; blanks stay only in one that is text itself.
fn key_text(out: &mut Vec<u8>, ty: &DataType, bytes: &[u8], context: &mut Context) {
    let mut text = Vec::new();
    match ty {
        DataType::Tuple { fields, .. } => value::write_fields(&mut text, fields, bytes, 1, context),
        _ => value::write(&mut text, ty, bytes, 1, context),
    }
    if !matches!(ty, DataType::Str { .. }) {
        text.retain(|byte| *byte != b' ');
    }
    string(out, &text);
}

fn map_value(out: &mut Vec<u8>, map: &MapView, row: usize, context: &mut Context) {
    let (bytes, div) = (map.contents.value(row), map.div);
    match map.value {
        ValueKind::Plain(ty) => write(out, ty, bytes, div, context),
        ValueKind::Hist { bits } => hist(out, bytes, *bits, div),
        ValueKind::Series(series) => time_series(out, &points(map.contents, row, series), series),
        ValueKind::Lhist { min, max, step } => lhist(out, bytes, (*min, *max, *step)),
        ValueKind::Sum { signed } | ValueKind::Min { signed } | ValueKind::Max { signed } => {
            number(out, unsigned(bytes, 8), *signed, div);
        }
        ValueKind::Avg { signed } => number(out, reduce::average(bytes, *signed), *signed, div),
        ValueKind::Stats { signed } => {
            out.extend_from_slice(b"{\"count\": ");
            number(out, unsigned(&bytes[8..], 8), false, 1);
            out.extend_from_slice(b", \"average\": ");
            number(out, reduce::average(bytes, *signed), *signed, div);
            out.extend_from_slice(b", \"total\": ");
            number(out, unsigned(bytes, 8), *signed, 1);
            out.push(b'}');
        }
        _ => number(out, unsigned(bytes, 8), false, div),
    }
}

/// The buckets from the first to the last that is not empty.
fn buckets(
    out: &mut Vec<u8>,
    counts: &[u64],
    div: u64,
    bounds: impl Fn(usize) -> (Option<i64>, Option<i64>),
) {
    out.push(b'[');
    let first = counts.iter().position(|count| *count != 0).unwrap_or(0);
    let last = counts.iter().rposition(|count| *count != 0).map_or(0, |last| last + 1);
    for (i, index) in (first..last).enumerate() {
        out.extend_from_slice(if i == 0 { b"{" } else { b",{" });
        let (min, max) = bounds(index);
        for (name, bound) in [("min", min), ("max", max)] {
            if let Some(bound) = bound {
                write!(out, "\"{name}\": ").expect("writing to memory");
                number(out, bound as u64, true, 1);
                out.extend_from_slice(b", ");
            }
        }
        write!(out, "\"count\": {}}}", counts[index] / div.max(1)).expect("writing to memory");
    }
    out.push(b']');
}

fn hist(out: &mut Vec<u8>, value: &[u8], bits: u8, div: u64) {
    let counts: Vec<u64> = words(value).collect();
    buckets(out, &counts, div, |index| {
        let (low, high) = hist_bounds(index as u32, bits);
        (Some(low).filter(|_| index != 0), Some(high))
    });
}

fn lhist(out: &mut Vec<u8>, value: &[u8], (min, max, step): (i64, i64, i64)) {
    let counts: Vec<u64> = words(value).collect();
    let end = crate::wire::map::lhist_end(min, max, step);
    buckets(out, &counts, 1, |index| {
        let low = min.wrapping_add((index as i64 - 1).wrapping_mul(step));
        match index {
            0 => (None, Some(min.wrapping_sub(1))),
            _ if index + 1 == counts.len() => (Some(end), None),
            _ => (Some(low), Some(low.wrapping_add(step - 1))),
        }
    });
}

fn time_series(out: &mut Vec<u8>, points: &[Point], series: &Series) {
    out.push(b'[');
    let known = points.iter().filter_map(|point| Some((point.time, point.value?)));
    for (i, (time, value)) in known.enumerate() {
        out.extend_from_slice(if i == 0 { b"{" } else { b",{" });
        let start = time::utc("%Y-%m-%d %H:%M:%S", time);
        write!(out, "\"interval_start\":\"{start}\",\"value\":").expect("writing to memory");
        match series.signed {
            true => value::write_signed(out, value as i64),
            false => value::write_unsigned(out, value),
        }
        out.push(b'}');
    }
    out.push(b']');
}

/// A value.
fn write(out: &mut Vec<u8>, ty: &DataType, bytes: &[u8], div: u64, context: &mut Context) {
    match ty {
        DataType::Int { .. } => {
            let (bits, is_signed) = sort::integer(ty, bytes).unwrap_or((0, false));
            number(out, bits, is_signed, div);
        }
        DataType::Bool => out.extend_from_slice(if unsigned(bytes, 1) != 0 { b"true" } else { b"false" }),
        DataType::Pointer => number(out, unsigned(bytes, 8), false, 1),
        DataType::Enum { size, .. } => number(out, unsigned(bytes, *size), false, 1),
        DataType::Bytes { size } => char_list(out, &bytes[..bytes.len().min(*size as usize)]),
        DataType::Buffer { size } => char_list(out, value::buffer(bytes, *size)),
        DataType::Tuple { fields, .. } => {
            list(out, fields.iter(), |out, (at, ty)| write(out, ty, tail(bytes, *at), div, context));
        }
        DataType::Array { element, count } => list(out, 0..*count, |out, i| {
            write(out, element, tail(bytes, i * element.size()), div, context);
        }),
        DataType::Struct { fields, .. } => {
            out.push(b'{');
            members(out, fields, bytes, div, context, &mut true);
            out.push(b'}');
        }
        _ => {
            let mut text = Vec::new();
            value::write(&mut text, ty, bytes, div, context);
            string(out, &text);
        }
    }
}

fn members(
    out: &mut Vec<u8>,
    fields: &[StructField],
    bytes: &[u8],
    div: u64,
    context: &mut Context,
    first: &mut bool,
) {
    for field in fields {
        let bytes = tail(bytes, field.offset);
        // members of an anonymous struct or union belong to the struct around it
        if let (DataType::Struct { fields, .. }, true) = (&field.ty, field.name.is_empty()) {
            members(out, fields, bytes, div, context, first);
            continue;
        }
        out.extend_from_slice(if std::mem::replace(first, false) { b"" } else { b", " });
        string(out, field.name.as_bytes());
        out.extend_from_slice(b": ");
        match field.bits {
            Some(bits) => write(out, &field.ty, &value::bit_field(bytes, &field.ty, bits), div, context),
            None => write(out, &field.ty, bytes, div, context),
        }
    }
}

fn list<T>(out: &mut Vec<u8>, items: impl Iterator<Item = T>, mut item: impl FnMut(&mut Vec<u8>, T)) {
    out.push(b'[');
    for (i, value) in items.enumerate() {
        out.extend_from_slice(if i == 0 { b"" } else { b"," });
        item(out, value);
    }
    out.push(b']');
}

/// Bytes as the reference's signed characters.
fn char_list(out: &mut Vec<u8>, bytes: &[u8]) {
    list(out, bytes.iter(), |out, byte| number(out, i64::from(*byte as i8) as u64, true, 1));
}

/// A number; text where a double would not hold it.
fn number(out: &mut Vec<u8>, bits: u64, is_signed: bool, div: u64) {
    let (text, exact) = if is_signed {
        let value = divide(signed(&bits.to_le_bytes(), 8), div);
        (value.to_string(), (value as f64) as i64 == value && value != i64::MAX)
    } else {
        let value = bits / div.max(1);
        (value.to_string(), (value as f64) as u64 == value && value != u64::MAX)
    };
    if exact { out.extend_from_slice(text.as_bytes()) } else { string(out, text.as_bytes()) }
}

/// Text, in quotes.
fn string(out: &mut Vec<u8>, text: &[u8]) {
    out.push(b'"');
    for chunk in text.utf8_chunks() {
        for byte in chunk.valid().bytes() {
            match byte {
                b'"' => out.extend_from_slice(b"\\\""),
                b'\\' => out.extend_from_slice(b"\\\\"),
                b'\n' => out.extend_from_slice(b"\\n"),
                b'\r' => out.extend_from_slice(b"\\r"),
                b'\t' => out.extend_from_slice(b"\\t"),
                0..=0x1f => write!(out, "\\u{byte:04x}").expect("writing to memory"),
                byte => out.push(byte),
            }
        }
        if !chunk.invalid().is_empty() {
            out.extend_from_slice("\u{fffd}".as_bytes());
        }
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).expect("UTF-8")
    }

    #[test]
    fn texts_are_escaped() {
        assert_eq!(made(|out| string(out, b"a\"\\\n\t\x01\xff")), "\"a\\\"\\\\\\n\\t\\u0001\u{fffd}\"");
    }

    #[test]
    fn large_numbers_are_text() {
        assert_eq!(made(|out| number(out, 1 << 53, false, 1)), "9007199254740992");
        assert_eq!(made(|out| number(out, (1 << 53) + 1, false, 1)), "\"9007199254740993\"");
        assert_eq!(made(|out| number(out, u64::MAX, false, 1)), "\"18446744073709551615\"");
        assert_eq!(made(|out| number(out, -7i64 as u64, true, 2)), "-3");
    }

    #[test]
    fn histograms_show_closed_intervals() {
        let value = |counts: &[u64]| counts.iter().flat_map(|c| c.to_le_bytes()).collect::<Vec<u8>>();
        let text = made(|out| hist(out, &value(&[1, 0, 0, 4, 0]), 0, 2));
        assert_eq!(
            text,
            "[{\"max\": -1, \"count\": 0},{\"min\": 0, \"max\": 0, \"count\": 0},\
             {\"min\": 1, \"max\": 1, \"count\": 0},{\"min\": 2, \"max\": 3, \"count\": 2}]"
        );
        let text = made(|out| lhist(out, &value(&[1, 2, 0, 3]), (0, 20, 10)));
        assert_eq!(
            text,
            "[{\"max\": -1, \"count\": 1},{\"min\": 0, \"max\": 9, \"count\": 2},\
             {\"min\": 10, \"max\": 19, \"count\": 0},{\"min\": 20, \"count\": 3}]"
        );
    }
}
