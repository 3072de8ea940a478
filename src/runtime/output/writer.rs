//! Collects output and decides when it leaves the process.
//!
//! Left alone, output leaves when the run has nothing else to do (see [`Writer::idle`]) and whenever much has come
//! together: lines appear at once, and a flood costs one system call for many lines.

use std::io;
use std::os::fd::RawFd;

use super::sink::Sink;

/// When output leaves the process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Buffering {
    /// When there is nothing else to do, and in large pieces.
    #[default]
    Auto,
    /// After each record.
    Record,
    /// After each line.
    Line,
    /// In large pieces only.
    Full,
}

/// Written in one go.
const LARGE: usize = 64 << 10;

/// Output on its way to a [`Sink`].
pub struct Writer {
    /// What is to be written: forms append here, then call [`Writer::commit`].
    pub buffer: Vec<u8>,
    sink: Box<dyn Sink>,
    buffering: Buffering,
}

impl Writer {
    /// Writes to `sink`.
    pub fn new(sink: Box<dyn Sink>, buffering: Buffering) -> Writer {
        Writer { buffer: Vec::with_capacity(2 * LARGE), sink, buffering }
    }

    /// A record is complete.
    ///
    /// # Errors
    /// When it cannot be written.
    #[inline]
    pub fn commit(&mut self) -> io::Result<()> {
        if self.buffer.len() < LARGE && matches!(self.buffering, Buffering::Auto | Buffering::Full) {
            return Ok(());
        }
        self.commit_now()
    }

    fn commit_now(&mut self) -> io::Result<()> {
        if self.buffering != Buffering::Line || self.buffer.len() >= LARGE {
            return self.flush();
        }
        if let Some(newline) = self.buffer.iter().rposition(|b| *b == b'\n') {
            self.sink.write_all(&self.buffer[..=newline])?;
            self.buffer.drain(..=newline);
        }
        Ok(())
    }

    /// Nothing else is to be done for now.
    ///
    /// # Errors
    /// When the output cannot be written.
    pub fn idle(&mut self) -> io::Result<()> {
        if self.buffering == Buffering::Auto { self.flush() } else { Ok(()) }
    }

    /// Writes everything.
    ///
    /// # Errors
    /// When the output cannot be written.
    pub fn flush(&mut self) -> io::Result<()> {
        if !self.buffer.is_empty() {
            // what could not be written is gone: the run ends, and must not try again
            let result = self.sink.write_all(&self.buffer);
            self.buffer.clear();
            result?;
        }
        Ok(())
    }

    /// The descriptor to watch for a reader that goes away.
    pub fn fd(&self) -> Option<RawFd> {
        self.sink.fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::output::sink::Memory;

    fn written(buffering: Buffering, pieces: &[&str]) -> Vec<String> {
        let memory = Memory::default();
        let mut writer = Writer::new(Box::new(memory.clone()), buffering);
        let mut states = Vec::new();
        for piece in pieces {
            writer.buffer.extend_from_slice(piece.as_bytes());
            writer.commit().unwrap();
            states.push(String::from_utf8(memory.0.borrow().clone()).unwrap());
        }
        writer.idle().unwrap();
        states.push(String::from_utf8(memory.0.borrow().clone()).unwrap());
        states
    }

    #[test]
    fn buffering_decides_when_output_leaves() {
        let pieces = ["a\nb", "c\n", "d"];
        assert_eq!(written(Buffering::Auto, &pieces), ["", "", "", "a\nbc\nd"]);
        assert_eq!(written(Buffering::Record, &pieces), ["a\nb", "a\nbc\n", "a\nbc\nd", "a\nbc\nd"]);
        assert_eq!(written(Buffering::Line, &pieces), ["a\n", "a\nbc\n", "a\nbc\n", "a\nbc\n"]);
        assert_eq!(written(Buffering::Full, &pieces), ["", "", "", ""]);
    }

    #[test]
    fn much_output_leaves_without_waiting() {
        let large = "x".repeat(LARGE);
        assert_eq!(written(Buffering::Full, &[&large])[0].len(), LARGE);
        assert_eq!(written(Buffering::Auto, &[&large])[0].len(), LARGE);
    }
}
