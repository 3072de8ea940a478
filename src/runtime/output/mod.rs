//! How a run's results leave the process: one file per form, all through [`writer::Writer`].
//!
//! A form decides how things look; what they are comes as shapes and bytes, so that a form may keep numbers as numbers.
//! Deliberately absent: messages for people (stderr), which are not part of the results.

pub mod histogram;
pub mod sink;
pub mod text;
pub mod writer;

use std::io;

use super::maps::MapView;
use super::names::Names;
use crate::wire::format::Format;
use crate::wire::record::Field;
use writer::Writer;

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

    /// `time(format)`, already formatted.
    ///
    /// # Errors
    /// When the text cannot be written.
    fn time(&mut self, text: &[u8]) -> io::Result<()>;

    /// No more events follow; the maps come next.
    ///
    /// # Errors
    /// When the text cannot be written.
    fn events_end(&mut self) -> io::Result<()>;

    /// What is written goes through here.
    fn writer(&mut self) -> &mut Writer;
}
