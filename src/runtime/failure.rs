//! Why a run ended before its time.

use std::io;

use crate::diag::{Diagnostic, codes};

/// A run that failed: what to tell, and the exit status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Messages; empty when there is nothing to say (the user asked to stop).
    pub diagnostics: Vec<Diagnostic>,
    /// The process's exit status, not 0.
    pub status: u8,
}

impl Failure {
    /// With these messages, exit status 1.
    pub fn new(diagnostics: Vec<Diagnostic>) -> Failure {
        Failure { diagnostics, status: 1 }
    }

    /// Output could not be written.
    pub fn output(error: &io::Error) -> Failure {
        let diagnostic = match error.kind() {
            io::ErrorKind::BrokenPipe => Diagnostic::error(codes::OUTPUT, "the reader of the output is gone"),
            io::ErrorKind::StorageFull => Diagnostic::error(codes::OUTPUT, "no space left for the output"),
            io::ErrorKind::Interrupted => return Failure { diagnostics: Vec::new(), status: INTERRUPTED },
            _ => Diagnostic::error(codes::OUTPUT, format!("cannot write the output: {}", words(error))),
        };
        Failure::new(vec![diagnostic.note("the run was ended: what happened after is not in the output")])
    }

    /// A map could not be read or changed.
    pub fn map(name: &str, doing: &str, error: &io::Error) -> Failure {
        let message = format!("cannot {doing} {name}: {}", words(error));
        Failure::new(vec![Diagnostic::error(codes::MAP_ACCESS, message)])
    }

    /// Something the run itself needs of the system failed.
    pub fn system(doing: &str, error: &io::Error) -> Failure {
        Failure::new(vec![Diagnostic::error(codes::SYSTEM, format!("cannot {doing}: {}", words(error)))])
    }
}

/// Exit status after a second SIGINT or SIGTERM: as for a process that the signal killed.
pub const INTERRUPTED: u8 = 130;

/// The error in words, without its number.
pub fn words(error: &io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or("").to_lowercase()
}
