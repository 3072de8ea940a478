//! Text to syntax tree.
//!
//! The way of a script: `scan` runs over the text once, collects the comments and refuses what would make the
//! parser recurse too deeply; pest parses the whole; `build`, `expr`, `types` and `literal` turn its pairs into the
//! tree. Only when pest refuses, `recover` cuts the text into probes and statements and parses them one by one, so
//! that each gets its own message, which `explain` words.
//!
//! Invariants: spans of the tree lie within the text; the tree is at most [`MAX_DEPTH`] levels deep.
//! Deliberately absent: names and types. `foo(1)` parses whatever `foo` is.

mod build;
mod expr;
mod grammar;
mod literal;
mod types;

use pest::Parser as _;

use crate::diag::{Diagnostic, Sink, codes};
use crate::source::{FileId, Span};
use crate::syntax::ast::Script;
use build::Builder;
use grammar::{Grammar, Rule};

/// Brackets, braces and `?` that may be open at a time.
pub const MAX_NESTING: usize = 256;

/// Levels of a syntax tree. What walks the tree recursively may rely on it.
pub const MAX_DEPTH: usize = 512;

/// Parses `text`, the whole of `file`.
///
/// Mistakes go to `sink` as [`codes::SYNTAX`], [`codes::BAD_LITERAL`] or [`codes::TOO_DEEP`]; the script then holds
/// the probes without mistakes.
pub fn parse(file: FileId, text: &str, sink: &mut Sink) -> Script {
    let mut script = Script::default();
    let builder = Builder::new(file, 0);
    match Grammar::parse(Rule::script, text) {
        Ok(pairs) => {
            for pair in pairs.filter(|pair| pair.as_rule() == Rule::probe) {
                script.probes.push(builder.probe(pair));
            }
        }
        Err(error) => {
            let at = match error.location {
                pest::error::InputLocation::Pos(at) => at,
                pest::error::InputLocation::Span((at, _)) => at,
            };
            let end = text[at..].chars().next().map_or(at, |c| at + c.len_utf8());
            sink.push(Diagnostic::error(codes::SYNTAX, "unexpected input").at(Span::new(file, at..end), ""));
        }
    }
    builder.finish(sink);
    script
}
