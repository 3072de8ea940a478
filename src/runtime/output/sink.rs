//! Where written bytes go.
//!
//! A pipe or a terminal whose reader does not read must not keep the run from ending: writing waits for room together
//! with signals, and the second SIGINT or SIGTERM ends the wait. A closed reader and a full disk are errors (SIGPIPE is
//! ignored).

use std::cell::RefCell;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};
use std::path::Path;
use std::rc::Rc;

use crate::runtime::signals::Signals;
use crate::runtime::sys;

/// Takes bytes.
pub trait Sink {
    /// Writes all of `bytes`.
    ///
    /// # Errors
    /// The system call's; `Interrupted` when the user wants to quit at once.
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// The descriptor to watch for a reader that goes away.
    fn fd(&self) -> Option<RawFd>;
}

/// An open file: standard output or the file of `-o`.
#[derive(Debug)]
pub struct FileSink {
    file: File,
    /// A write may wait for a reader.
    waits: bool,
    signals: Signals,
}

/// As much as a pipe takes at once when it is ready for writing (PIPE_BUF).
const PIECE: usize = 4096;

impl FileSink {
    /// Standard output.
    ///
    /// # Errors
    /// When it is closed.
    pub fn stdout(signals: Signals) -> io::Result<FileSink> {
        let fd = io::stdout().as_fd().try_clone_to_owned()?;
        FileSink::new(fd, signals)
    }

    /// A new or emptied file.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn create(path: &Path, signals: Signals) -> io::Result<FileSink> {
        FileSink::new(File::create(path)?.into(), signals)
    }

    /// An open descriptor.
    ///
    /// # Errors
    /// When the kernel does not know it.
    pub fn new(fd: OwnedFd, signals: Signals) -> io::Result<FileSink> {
        let file = File::from(fd);
        let waits = !file.metadata()?.is_file();
        Ok(FileSink { file, waits, signals })
    }

    fn write_some(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if !self.waits {
            return self.file.write(bytes);
        }
        sys::wait_writable(self.file.as_raw_fd(), self.signals.fd())?;
        self.signals.acknowledge();
        if self.signals.count() > 1 {
            return Err(io::ErrorKind::Interrupted.into());
        }
        match self.file.write(&bytes[..bytes.len().min(PIECE)]) {
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {
                Ok(0)
            }
            result => result,
        }
    }
}

impl Sink for FileSink {
    fn write_all(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            match self.write_some(bytes) {
                Ok(count) => bytes = &bytes[count..],
                Err(error) if !self.waits && error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn fd(&self) -> Option<RawFd> {
        Some(self.file.as_raw_fd())
    }
}

/// Memory that others read, for tests.
#[derive(Clone, Debug, Default)]
pub struct Memory(pub Rc<RefCell<Vec<u8>>>);

impl io::Write for Memory {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Sink for Memory {
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.borrow_mut().extend_from_slice(bytes);
        Ok(())
    }

    fn fd(&self) -> Option<RawFd> {
        None
    }
}
