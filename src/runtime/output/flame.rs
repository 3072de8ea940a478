//! A flame graph beside the results: an SVG picture of the stacks in maps, as each was printed last.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::PathBuf;

use super::folded::{self, Stacks};
use super::writer::Writer;
use super::{BenchmarkResult, Message, Output, TestResult, TextKind};
use crate::runtime::maps::MapView;
use crate::runtime::names::Names;
use crate::wire::format::Format;
use crate::wire::record::Field;

/// Passes results on and remembers the stacks among them.
pub struct Flame {
    results: Box<dyn Output>,
    path: PathBuf,
    /// By the names of maps.
    stacks: BTreeMap<String, Stacks>,
}

impl Flame {
    /// The picture goes to the file at `path`.
    pub fn new(results: Box<dyn Output>, path: PathBuf) -> Flame {
        Flame { results, path, stacks: BTreeMap::new() }
    }
}

/// The picture of folded stacks. The same stacks give the same picture.
///
/// # Errors
/// When there are none.
pub fn picture(title: &str, stacks: &Stacks) -> io::Result<Vec<u8>> {
    if stacks.is_empty() {
        return Err(io::Error::other("no map that is keyed by a stack: there is nothing to draw"));
    }
    let mut options = inferno::flamegraph::Options::default();
    options.title = title.to_owned();
    options.deterministic = true;
    let lines: Vec<String> = stacks.iter().map(|(stack, count)| format!("{stack} {count}")).collect();
    let mut picture = Vec::new();
    inferno::flamegraph::from_lines(&mut options, lines.iter().map(String::as_str), &mut picture)
        .map_err(io::Error::other)?;
    Ok(picture)
}

impl Output for Flame {
    fn printf(
        &mut self,
        format: &Format,
        args: &[Field],
        record: &[u8],
        names: &mut dyn Names,
    ) -> io::Result<()> {
        self.results.printf(format, args, record, names)
    }

    fn value(&mut self, field: &Field, record: &[u8], names: &mut dyn Names) -> io::Result<()> {
        self.results.value(field, record, names)
    }

    fn map(&mut self, map: &MapView, names: &mut dyn Names) -> io::Result<()> {
        if let Some(stacks) = folded::fold(map, names) {
            self.stacks.insert(map.name.to_owned(), stacks);
        }
        self.results.map(map, names)
    }

    fn text(&mut self, kind: TextKind, text: &[u8]) -> io::Result<()> {
        self.results.text(kind, text)
    }

    fn message(&mut self, message: &Message) -> io::Result<()> {
        self.results.message(message)
    }

    fn attached(&mut self, count: usize) -> io::Result<bool> {
        self.results.attached(count)
    }

    fn test_result(&mut self, names: &[&str], results: &[TestResult]) -> io::Result<()> {
        self.results.test_result(names, results)
    }

    fn benchmark_result(&mut self, names: &[&str], result: &BenchmarkResult) -> io::Result<()> {
        self.results.benchmark_result(names, result)
    }

    fn events_end(&mut self) -> io::Result<()> {
        self.results.events_end()
    }

    fn finish(&mut self) -> io::Result<()> {
        self.results.finish()?;
        let mut all = Stacks::new();
        for (stack, count) in self.stacks.values().flatten() {
            let sum = all.entry(stack.clone()).or_default();
            *sum = sum.saturating_add(*count);
        }
        let title = self.stacks.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
        fs::write(&self.path, picture(&title, &all)?)
    }

    fn writer(&mut self) -> &mut Writer {
        self.results.writer()
    }
}
