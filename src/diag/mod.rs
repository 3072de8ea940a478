//! Diagnostics: what is wrong, where, what was expected, and what would help.
//!
//! The facts of a message and its rendering are apart: stages push [`Diagnostic`]s into a [`Sink`];
//! `render` alone knows how they look. Every message has a stable code (`E0101`), one per kind of mistake,
//! which is a row of [`codes`], and a label on the script's own text wherever there is one.
//!
//! Invariant: a stage that pushed an error may go on to find more, but its result is not used further.

pub mod codes;
pub mod explain;
pub mod render;
pub mod suggest;

use std::hash::BuildHasher;

use rustc_hash::{FxBuildHasher, FxHashMap};

use crate::source::Span;
pub use codes::Code;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Severity {
    /// For information.
    Note,
    /// The script runs, but perhaps not as meant.
    Warning,
    /// The script does not run.
    Error,
}

/// A place in the script with a remark.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Label {
    /// Where.
    pub span: Span,
    /// What about it; may be empty.
    pub text: String,
    /// The place the message is about, as against one that explains it.
    pub primary: bool,
}

/// One message.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Diagnostic {
    /// Its stable code.
    pub code: Code,
    /// How bad it is.
    pub severity: Severity,
    /// One sentence, lower case, without a full stop.
    pub message: String,
    /// Places; the first primary one names the line in short output.
    pub labels: Vec<Label>,
    /// Further facts.
    pub notes: Vec<String>,
    /// What to do, where known.
    pub help: Option<String>,
}

impl Diagnostic {
    /// An error.
    pub fn error(code: Code, message: impl Into<String>) -> Diagnostic {
        Diagnostic::new(Severity::Error, code, message)
    }

    /// A warning.
    pub fn warning(code: Code, message: impl Into<String>) -> Diagnostic {
        Diagnostic::new(Severity::Warning, code, message)
    }

    /// For information.
    pub fn remark(code: Code, message: impl Into<String>) -> Diagnostic {
        Diagnostic::new(Severity::Note, code, message)
    }

    fn new(severity: Severity, code: Code, message: impl Into<String>) -> Diagnostic {
        Diagnostic {
            code,
            severity,
            message: message.into(),
            labels: Vec::new(),
            notes: Vec::new(),
            help: None,
        }
    }

    /// Adds the place that the message is about.
    pub fn at(mut self, span: Span, text: impl Into<String>) -> Diagnostic {
        self.labels.push(Label { span, text: text.into(), primary: true });
        self
    }

    /// Adds a place that explains.
    pub fn because(mut self, span: Span, text: impl Into<String>) -> Diagnostic {
        self.labels.push(Label { span, text: text.into(), primary: false });
        self
    }

    /// Adds a fact.
    pub fn note(mut self, text: impl Into<String>) -> Diagnostic {
        self.notes.push(text.into());
        self
    }

    /// Says what to do.
    pub fn help(mut self, text: impl Into<String>) -> Diagnostic {
        self.help = Some(text.into());
        self
    }
}

/// Collects the messages of a compilation, in the order found.
#[derive(Clone, Debug, Default)]
pub struct Sink {
    list: Vec<Diagnostic>,
    /// Where in the list those with a hash are: scripts of thousands of lines have thousands of messages.
    known: FxHashMap<u64, Vec<usize>>,
}

impl Sink {
    /// Takes a message. The same message at the same place is kept once.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        let alike = self.known.entry(FxBuildHasher.hash_one(&diagnostic)).or_default();
        if !alike.iter().any(|index| self.list[*index] == diagnostic) {
            alike.push(self.list.len());
            self.list.push(diagnostic);
        }
    }

    /// True when there is an error among them.
    pub fn has_errors(&self) -> bool {
        self.list.iter().any(|d| d.severity == Severity::Error)
    }

    /// All messages.
    pub fn all(&self) -> &[Diagnostic] {
        &self.list
    }

    /// Takes all messages out.
    pub fn take(&mut self) -> Vec<Diagnostic> {
        self.known.clear();
        std::mem::take(&mut self.list)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_message_is_kept_once() {
        let mut sink = Sink::default();
        let message = |text: &str| Diagnostic::error(codes::MISSING_FEATURE, text);
        for text in ["a", "b", "a"] {
            sink.push(message(text));
        }
        sink.push(message("a").note("and more"));
        let told: Vec<&str> = sink.all().iter().map(|d| d.message.as_str()).collect();
        assert_eq!(told, ["a", "b", "a"]);
        assert_eq!(sink.take().len(), 3);
        sink.push(message("a"));
        assert_eq!(sink.all().len(), 1);
    }

    #[test]
    fn a_hundred_thousand_messages_take_no_time() {
        let mut sink = Sink::default();
        let start = std::time::Instant::now();
        for number in 0..100_000 {
            sink.push(Diagnostic::error(codes::MISSING_FEATURE, number.to_string()));
        }
        assert_eq!(sink.all().len(), 100_000);
        // comparing each with all before it takes minutes
        assert!(start.elapsed().as_secs() < 10, "{:?}", start.elapsed());
    }
}
