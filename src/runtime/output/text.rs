//! Plain text, as bpftrace 0.27 prints it.

use std::io;

use super::histogram::{write_hist, write_lhist};
use super::series::write_series;
use super::writer::Writer;
use super::{BenchmarkResult, Message, Output, TestResult, TextKind, trials};
use crate::runtime::format;
use crate::runtime::maps::series::points;
use crate::runtime::maps::{MapView, reduce};
use crate::runtime::names::Names;
use crate::runtime::value::{self, Context, divide, unsigned, write_signed, write_unsigned};
use crate::wire::format::Format;
use crate::wire::map::ValueKind;
use crate::wire::record::Field;
use crate::wire::types::DataType;

/// Text to a writer.
pub struct Text {
    writer: Writer,
    raw: bool,
    warnings: bool,
    errors: Box<dyn io::Write>,
}

impl Text {
    /// With `raw`, bytes of traced processes are not escaped.
    pub fn new(writer: Writer, raw: bool) -> Text {
        Text { writer, raw, warnings: true, errors: Box::new(io::stderr()) }
    }

    /// Says there what the script says about itself, instead of on standard error.
    pub fn with_errors(self, errors: Box<dyn io::Write>) -> Text {
        Text { errors, ..self }
    }

    /// Leaves out what `warnf` says.
    pub fn without_warnings(self) -> Text {
        Text { warnings: false, ..self }
    }
}

impl Output for Text {
    fn printf(
        &mut self,
        format: &Format,
        args: &[Field],
        record: &[u8],
        names: &mut dyn Names,
    ) -> io::Result<()> {
        let mut context = Context { names, raw: self.raw };
        format::write(&mut self.writer.buffer, format, args, record, &mut context);
        self.writer.commit()
    }

    fn value(&mut self, field: &Field, record: &[u8], names: &mut dyn Names) -> io::Result<()> {
        let mut context = Context { names, raw: self.raw };
        let bytes = value::tail(record, field.offset);
        value::write(&mut self.writer.buffer, &field.ty, bytes, 1, &mut context);
        self.writer.buffer.push(b'\n');
        self.writer.commit()
    }

    fn map(&mut self, map: &MapView, names: &mut dyn Names) -> io::Result<()> {
        let mut context = Context { names, raw: self.raw };
        for row in map.rows {
            write_entry(&mut self.writer.buffer, map, *row as usize, &mut context);
            self.writer.commit()?;
        }
        Ok(())
    }

    fn text(&mut self, kind: TextKind, text: &[u8]) -> io::Result<()> {
        self.writer.buffer.extend_from_slice(text);
        if matches!(kind, TextKind::Join | TextKind::System) {
            self.writer.buffer.push(b'\n');
        }
        self.writer.commit()
    }

    /// On standard error: what the script says about itself is no result.
    fn message(&mut self, message: &Message) -> io::Result<()> {
        if !message.error && !self.warnings {
            return Ok(());
        }
        // what was printed before stands before
        self.writer.flush()?;
        let mut line = format!("{}:{}:{}: ", message.file, message.line, message.column).into_bytes();
        line.extend_from_slice(if message.error { b"ERROR: " } else { b"WARNING: " });
        line.extend_from_slice(message.text);
        line.push(b'\n');
        self.errors.write_all(&line)
    }

    fn test_result(&mut self, names: &[&str], results: &[TestResult]) -> io::Result<()> {
        trials::test_result(&mut self.writer.buffer, names, results);
        self.writer.commit()
    }

    fn benchmark_result(&mut self, names: &[&str], result: &BenchmarkResult) -> io::Result<()> {
        trials::benchmark_result(&mut self.writer.buffer, names, result);
        self.writer.commit()
    }

    fn events_end(&mut self) -> io::Result<()> {
        self.writer.buffer.extend_from_slice(b"\n\n");
        self.writer.commit()
    }

    fn writer(&mut self) -> &mut Writer {
        &mut self.writer
    }
}

/// `@name[key]: value`; a histogram's table starts on the next line and ends with an empty one.
fn write_entry(out: &mut Vec<u8>, map: &MapView, row: usize, context: &mut Context) {
    out.extend_from_slice(map.name.as_bytes());
    if let Some(key) = map.key {
        out.push(b'[');
        write_key(out, key, map.contents.key(row), context);
        out.push(b']');
    }
    out.push(b':');
    let value = map.contents.value(row);
    match map.value {
        ValueKind::Series(series) => {
            out.push(b'\n');
            write_series(out, &points(map.contents, row, series), series);
        }
        ValueKind::Hist { bits } => {
            out.push(b'\n');
            write_hist(out, value, *bits, map.div);
        }
        ValueKind::Lhist { min, max, step } => {
            out.push(b'\n');
            write_lhist(out, value, (*min, *max, *step));
        }
        kind => {
            out.push(b' ');
            write_scalar(out, kind, value, map.div, context);
        }
    }
    out.push(b'\n');
}

/// A tuple stands without its parentheses.
fn write_key(out: &mut Vec<u8>, ty: &DataType, bytes: &[u8], context: &mut Context) {
    match ty {
        DataType::Tuple { fields, .. } => value::write_fields(out, fields, bytes, 1, context),
        _ => value::write(out, ty, bytes, 1, context),
    }
}

fn write_scalar(out: &mut Vec<u8>, kind: &ValueKind, bytes: &[u8], div: u64, context: &mut Context) {
    match kind {
        ValueKind::Plain(ty) => value::write(out, ty, bytes, div, context),
        ValueKind::Sum { signed } | ValueKind::Min { signed } | ValueKind::Max { signed } => {
            write_number(out, unsigned(bytes, 8), *signed, div);
        }
        ValueKind::Avg { signed } => write_number(out, reduce::average(bytes, *signed), *signed, div),
        ValueKind::Stats { signed } => {
            out.extend_from_slice(b"{ .count = ");
            write_unsigned(out, unsigned(&bytes[8..], 8));
            out.extend_from_slice(b", .average = ");
            write_number(out, reduce::average(bytes, *signed), *signed, div);
            out.extend_from_slice(b", .total = ");
            write_number(out, unsigned(bytes, 8), *signed, 1);
            out.extend_from_slice(b" }");
        }
        _ => write_number(out, unsigned(bytes, 8), false, div),
    }
}

fn write_number(out: &mut Vec<u8>, bits: u64, signed: bool, div: u64) {
    match signed {
        true => write_signed(out, divide(bits as i64, div)),
        false => write_unsigned(out, bits / div.max(1)),
    }
}
