//! Why a function has no code.

use std::fmt;

use crate::diag::{Diagnostic, codes};
use crate::source::Span;

/// What went wrong, and where in the script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CodegenError {
    /// The part of the script it is about.
    pub span: Span,
    /// What.
    pub kind: CodegenErrorKind,
}

/// Kinds of failure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CodegenErrorKind {
    /// Objects need scratch memory and the target has none.
    NoScratch {
        /// Bytes on the stack without it.
        bytes: u32,
        /// The largest object, for people.
        largest: String,
    },
    /// The values that live at the same time do not fit the 512 bytes of the stack.
    FrameTooLarge {
        /// Bytes that would be needed.
        bytes: u32,
        /// Bytes that there are: functions that run inside one another share the stack.
        room: u32,
    },
    /// A bug of the compiler: an internal check failed.
    Internal(String),
}

impl CodegenError {
    /// An internal check that failed for a function.
    pub fn internal(span: Span, what: impl Into<String>) -> CodegenError {
        CodegenError { span, kind: CodegenErrorKind::Internal(what.into()) }
    }

    /// The message for people.
    pub fn diagnostic(&self) -> Diagnostic {
        let code = match self.kind {
            CodegenErrorKind::Internal(_) => codes::INTERNAL,
            _ => codes::TOO_LARGE,
        };
        let diagnostic = Diagnostic::error(code, self.to_string()).at(self.span, "");
        match &self.kind {
            CodegenErrorKind::NoScratch { largest, .. } => {
                diagnostic.note(format!("largest object: {largest}"))
            }
            CodegenErrorKind::FrameTooLarge { .. } => {
                diagnostic.help("split the probe into smaller ones, or nest fewer loops")
            }
            CodegenErrorKind::Internal(_) => {
                diagnostic.note("this is a bug of the compiler; the program was not loaded")
            }
        }
    }
}

impl fmt::Display for CodegenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            CodegenErrorKind::NoScratch { bytes, .. } => {
                write!(f, "{bytes} bytes of objects do not fit the stack and there is no scratch memory")
            }
            CodegenErrorKind::FrameTooLarge { bytes, room } => {
                write!(f, "the probe needs {bytes} bytes of stack where it has {room} of the kernel's 512")
            }
            CodegenErrorKind::Internal(what) => write!(f, "code generation failed: {what}"),
        }
    }
}

impl std::error::Error for CodegenError {}
