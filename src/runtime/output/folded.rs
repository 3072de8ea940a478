//! Folded stacks: a line for each stack of a map that is keyed by one, its frames from the outermost on, and a number. What
//! flame graphs are made of.
//!
//! Frames lose their offsets, and stacks that are the same then add up. What else is in the key stands before the stack,
//! the stack of the process before that of the kernel. Maps without a stack in their key, and all that a script prints
//! itself, go to standard error as text.

use std::collections::BTreeMap;
use std::io::{self, Write as _};
use std::os::fd::RawFd;

use super::sink::Sink;
use super::text::Text;
use super::writer::{Buffering, Writer};
use super::{BenchmarkResult, Message, Output, TestResult, TextKind};
use crate::runtime::maps::{MapView, reduce};
use crate::runtime::names::Names;
use crate::runtime::value::{self, Context, tail, unsigned};
use crate::wire::format::Format;
use crate::wire::map::ValueKind;
use crate::wire::record::Field;
use crate::wire::types::{DataType, Name, StackMode};

/// Stacks and their numbers.
pub type Stacks = BTreeMap<String, u64>;

/// Folded stacks to a writer.
pub struct Folded {
    writer: Writer,
    others: Text,
}

impl Folded {
    /// Messages of `warnf` are left out without `warnings`.
    pub fn new(writer: Writer, warnings: bool) -> Folded {
        let others = Text::new(Writer::new(Box::new(Errors), Buffering::Record), false);
        Folded { writer, others: if warnings { others } else { others.without_warnings() } }
    }
}

/// Standard error.
struct Errors;

impl Sink for Errors {
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        io::stderr().write_all(bytes)
    }

    fn fd(&self) -> Option<RawFd> {
        None
    }
}

impl Output for Folded {
    fn printf(
        &mut self,
        format: &Format,
        args: &[Field],
        record: &[u8],
        names: &mut dyn Names,
    ) -> io::Result<()> {
        self.others.printf(format, args, record, names)
    }

    fn value(&mut self, field: &Field, record: &[u8], names: &mut dyn Names) -> io::Result<()> {
        self.others.value(field, record, names)
    }

    fn map(&mut self, map: &MapView, names: &mut dyn Names) -> io::Result<()> {
        let Some(stacks) = fold(map, names) else { return self.others.map(map, names) };
        for (stack, count) in stacks {
            writeln!(self.writer.buffer, "{stack} {count}").expect("writing to memory");
        }
        self.writer.commit()
    }

    fn text(&mut self, kind: TextKind, text: &[u8]) -> io::Result<()> {
        self.others.text(kind, text)
    }

    fn message(&mut self, message: &Message) -> io::Result<()> {
        self.others.message(message)
    }

    fn test_result(&mut self, names: &[&str], results: &[TestResult]) -> io::Result<()> {
        self.others.test_result(names, results)
    }

    fn benchmark_result(&mut self, names: &[&str], result: &BenchmarkResult) -> io::Result<()> {
        self.others.benchmark_result(names, result)
    }

    fn events_end(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn writer(&mut self) -> &mut Writer {
        &mut self.writer
    }
}

/// The stacks of a map; None when its key holds none.
pub fn fold(map: &MapView, names: &mut dyn Names) -> Option<Stacks> {
    let key = map.key.filter(|key| has_stack(key))?;
    let mut stacks = Stacks::new();
    for row in map.rows {
        let row = *row as usize;
        let mut parts = Parts::default();
        parts.add(key, map.contents.key(row), &mut Context { names, raw: false });
        let count = weight(map.value, map.contents.value(row)) / map.div.max(1);
        if count > 0 {
            let sum = stacks.entry(parts.line()).or_default();
            *sum = sum.saturating_add(count);
        }
    }
    Some(stacks)
}

fn has_stack(ty: &DataType) -> bool {
    match ty {
        DataType::Named { name: Name::KernelStack(_) | Name::UserStack(_), .. } => true,
        DataType::Tuple { fields, .. } => fields.iter().any(|(_, ty)| has_stack(ty)),
        _ => false,
    }
}

/// How much a stack counts: the total of what is more than a number; nothing below 0.
fn weight(kind: &ValueKind, value: &[u8]) -> u64 {
    let (number, signed) = match kind {
        ValueKind::Avg { signed } | ValueKind::Stats { signed } => (unsigned(value, 8), *signed),
        ValueKind::Sum { signed } | ValueKind::Min { signed } | ValueKind::Max { signed } => {
            (unsigned(value, 8), *signed)
        }
        ValueKind::Plain(ty) => crate::runtime::maps::sort::integer(ty, value).unwrap_or_default(),
        _ => (reduce::number(kind, value).unwrap_or(0), false),
    };
    if signed && (number as i64) < 0 { 0 } else { number }
}

/// What a key is made of.
#[derive(Default)]
struct Parts {
    others: Vec<String>,
    user: Vec<String>,
    kernel: Vec<String>,
}

impl Parts {
    fn add(&mut self, ty: &DataType, bytes: &[u8], context: &mut Context) {
        match ty {
            DataType::Tuple { fields, .. } => {
                fields.iter().for_each(|(at, ty)| self.add(ty, tail(bytes, *at), context));
            }
            DataType::Named { size, name: name @ (Name::KernelStack(mode) | Name::UserStack(mode)) } => {
                let text = context.names.text(*name, unsigned(bytes, *size));
                let frames = text.lines().filter(|line| !line.is_empty()).map(|line| symbol(line, *mode));
                let side =
                    if matches!(name, Name::KernelStack(_)) { &mut self.kernel } else { &mut self.user };
                side.extend(frames);
            }
            _ => {
                let mut text = Vec::new();
                value::write(&mut text, ty, bytes, 1, context);
                self.others.push(String::from_utf8_lossy(&text).replace(';', ":").replace('\n', " "));
            }
        }
    }

    fn line(&self) -> String {
        let stacks = self.user.iter().rev().chain(self.kernel.iter().rev());
        self.others.iter().chain(stacks).map(String::as_str).collect::<Vec<_>>().join(";")
    }
}

/// The function of a line of a stack.
fn symbol(line: &str, mode: StackMode) -> String {
    let line = line.trim();
    let name = match mode {
        StackMode::Perf => line.split_once(' ').map_or(line, |(_, rest)| rest),
        _ => line,
    };
    let name = match (mode, name.rfind(" (/").or_else(|| name.rfind(" (["))) {
        (StackMode::Perf, Some(file)) => &name[..file],
        _ => name,
    };
    let plain = match name.rsplit_once('+') {
        Some((function, offset)) if offset.bytes().all(|b| b.is_ascii_digit()) => function,
        _ => name,
    };
    plain.replace(';', ":")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_lose_addresses_offsets_and_files() {
        assert_eq!(symbol("        vfs_read+123", StackMode::Symbols), "vfs_read");
        assert_eq!(symbol("        a::b<c+1>::operator+()+7", StackMode::Symbols), "a::b<c+1>::operator+()");
        assert_eq!(symbol("\tffff1234 main+7 (/bin/a (deleted))", StackMode::Perf), "main");
        assert_eq!(symbol("0x1234", StackMode::Symbols), "0x1234");
        assert_eq!(symbol("1234", StackMode::Raw), "1234");
    }
}
