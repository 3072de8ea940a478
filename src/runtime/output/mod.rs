//! How a run's results leave the process: one file per form, all through [`writer::Writer`].
//!
//! A form decides how things look; what they are comes as shapes and bytes, so that a form may keep numbers as numbers.
//! Deliberately absent: messages for people (stderr), which are not part of the results.

pub mod flame;
pub mod folded;
pub mod histogram;
mod series;
pub mod json;
pub mod sink;
pub mod text;
mod trials;
pub mod writer;

use std::io;

use super::maps::MapView;
use super::names::Names;
use crate::wire::format::Format;
use crate::wire::record::Field;
use writer::Writer;

/// Where a text comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextKind {
    /// `time(format)`
    Time,
    /// `cat(path)`
    Cat,
    /// `system(command)`
    System,
    /// `join(array)`, without the newline behind it
    Join,
}

/// What a script has to say about itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message<'a> {
    /// An error, not a warning.
    pub error: bool,
    /// The text.
    pub text: &'a [u8],
    /// The file of the script.
    pub file: &'a str,
    /// Where in it, from 1.
    pub line: u32,
    /// Where in the line, from 1.
    pub column: u32,
}

/// How a `test` probe ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TestResult {
    /// It returned 0, printed no error and did not exit with a status.
    pub passed: bool,
    /// Nanoseconds.
    pub duration: u64,
    /// What it printed, as text.
    pub output: Vec<u8>,
}

/// What a `bench` probe took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BenchmarkResult {
    /// Which it is of all.
    pub index: usize,
    /// None was told before it.
    pub first: bool,
    /// Nanoseconds for a run.
    pub average: u64,
    /// Runs.
    pub runs: u64,
}

/// A form of output. Errors are those of writing: the run ends on the first.
pub trait Output {
    /// `printf`: the arguments are where `args` says in `record`.
    ///
    /// # Errors
    /// When the text cannot be written.
    fn printf(
        &mut self,
        format: &Format,
        args: &[Field],
        record: &[u8],
        names: &mut dyn Names,
    ) -> io::Result<()>;

    /// `print(value)`.
    ///
    /// # Errors
    /// When the text cannot be written.
    fn value(&mut self, value: &Field, record: &[u8], names: &mut dyn Names) -> io::Result<()>;

    /// A whole map.
    ///
    /// # Errors
    /// When the text cannot be written.
    fn map(&mut self, map: &MapView, names: &mut dyn Names) -> io::Result<()>;

    /// Text that is printed as it is.
    ///
    /// # Errors
    /// When the text cannot be written.
    fn text(&mut self, kind: TextKind, text: &[u8]) -> io::Result<()>;

    /// `errorf`, `warnf`.
    ///
    /// # Errors
    /// When the message cannot be written.
    fn message(&mut self, message: &Message) -> io::Result<()>;

    /// So many probes are attached; true when this form says so by itself.
    ///
    /// # Errors
    /// When it cannot be written.
    fn attached(&mut self, count: usize) -> io::Result<bool> {
        let _ = count;
        Ok(false)
    }

    /// How the last of `results` ended, which are those of the first of `names`.
    ///
    /// # Errors
    /// When it cannot be written.
    fn test_result(&mut self, names: &[&str], results: &[TestResult]) -> io::Result<()>;

    /// What one of `names` took.
    ///
    /// # Errors
    /// When it cannot be written.
    fn benchmark_result(&mut self, names: &[&str], result: &BenchmarkResult) -> io::Result<()>;

    /// No more events follow; the maps come next.
    ///
    /// # Errors
    /// When the text cannot be written.
    fn events_end(&mut self) -> io::Result<()>;

    /// The run is over and all is printed.
    ///
    /// # Errors
    /// When what belongs to the results cannot be written.
    fn finish(&mut self) -> io::Result<()> {
        Ok(())
    }

    /// What is written goes through here.
    fn writer(&mut self) -> &mut Writer;
}
