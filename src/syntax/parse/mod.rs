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
mod explain;
mod expr;
mod grammar;
mod lexical;
mod literal;
mod recover;
mod scan;
mod types;
mod unsupported;

use pest::Parser as _;

use crate::diag::{Diagnostic, Sink, codes};
use crate::source::{FileId, Span};
use crate::syntax::ast::{Comment, Script};
use build::Builder;
use grammar::{Grammar, Rule};
use scan::Kind;

/// Brackets, braces and `?` that may be open at a time.
pub const MAX_NESTING: usize = 256;

/// Levels of a syntax tree. What walks the tree recursively may rely on it.
pub const MAX_DEPTH: usize = 512;

/// Parses `text`, the whole of `file`.
///
/// Mistakes go to `sink` as [`codes::SYNTAX`], [`codes::BAD_LITERAL`] or [`codes::TOO_DEEP`]; the script then holds
/// the probes without mistakes.
pub fn parse(file: FileId, text: &str, sink: &mut Sink) -> Script {
    let scanned = scan::scan(text, false);
    let comments = scanned.tokens.iter().filter(|t| matches!(t.kind, Kind::Comment | Kind::Shebang));
    let comments =
        comments.map(|t| Comment { span: Span::new(file, t.start..t.end), text: t.text(text).to_owned() });
    let mut script = Script { probes: Vec::new(), comments: comments.collect() };
    if let Some(bracket) = scanned.too_deep(text, MAX_NESTING) {
        let message = format!("more than {MAX_NESTING} brackets, braces or `?` inside each other");
        let span = Span::new(file, bracket.start..bracket.end);
        sink.push(Diagnostic::error(codes::TOO_DEEP, message).at(span, "one too many"));
        return script;
    }
    let parsed = Grammar::parse(Rule::script, text).ok().filter(|_| scanned.problems.is_empty());
    let Some(pairs) = parsed else {
        script.probes = recover::recover(file, text, sink);
        return script;
    };
    let builder = Builder::new(file, 0);
    let probes = pairs.filter(|pair| pair.as_rule() == Rule::probe);
    script.probes.extend(probes.map(|pair| builder.probe(pair)));
    builder.into_found().into_iter().for_each(|d| sink.push(d));
    script
}
