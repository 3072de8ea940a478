//! C's declarations: text to tree. The grammar is `grammar/cdecl.pest`.
//!
//! What it is for: the structs, unions, enums and typedefs of scripts and headers, and the constant expressions in
//! them and behind `#if`. The text is the preprocessor's result, one declaration at a time.
//!
//! Invariants: parsing is linear in the text; what is nested deeper than [`MAX_NESTING`] is refused before anything
//! recurses. Deliberately absent: layout and meaning of names, which are sema's.

pub mod ast;
mod build;
pub mod eval;
mod expr;
mod grammar;
mod words;

use pest::Parser as _;
use pest::error::{ErrorVariant, InputLocation};

use crate::diag::{Diagnostic, Sink, codes};
use crate::source::{FileId, Span};
use ast::{Declaration, Expr};
use build::Builder;
use grammar::{Grammar, Rule};

/// Brackets that may be open at a time.
pub const MAX_NESTING: usize = 64;

/// Parses `text`, which begins at byte `base` of `file`, as one declaration. None when it is none, which goes to
/// `sink`.
pub fn declaration(file: FileId, base: usize, text: &str, sink: &mut Sink) -> Option<Declaration> {
    parse(file, base, text, sink, Rule::only_declaration, "malformed C definition", |builder, pair| {
        builder.declaration(pair)
    })
}

/// Parses `text` as a constant expression, likewise.
pub fn expression(file: FileId, base: usize, text: &str, sink: &mut Sink) -> Option<Expr> {
    parse(file, base, text, sink, Rule::only_expr, "malformed constant expression", |builder, pair| {
        expr::expr(builder, pair)
    })
}

fn parse<T>(
    file: FileId,
    base: usize,
    text: &str,
    sink: &mut Sink,
    rule: Rule,
    wrong: &str,
    build: impl FnOnce(&Builder, build::Pair) -> T,
) -> Option<T> {
    let at = |start: usize, end: usize| Span::new(file, base + start..base + end);
    if let Err(bracket) = nesting(text) {
        let message = format!("more than {MAX_NESTING} brackets inside each other");
        sink.push(Diagnostic::error(codes::TOO_DEEP, message).at(at(bracket, bracket + 1), "one too many"));
        return None;
    }
    match Grammar::parse(rule, text) {
        Ok(mut pairs) => {
            let builder = Builder { file, base, found: Default::default() };
            let made = pairs.next().map(|pair| build(&builder, pair));
            let found = builder.found.into_inner();
            let good = found.is_empty();
            found.into_iter().for_each(|d| sink.push(d));
            made.filter(|_| good)
        }
        Err(error) => {
            let (InputLocation::Pos(start) | InputLocation::Span((start, _))) = error.location;
            let (start, end) = token(text, start);
            let label = match &error.variant {
                ErrorVariant::ParsingError { positives, .. } => expected(positives),
                ErrorVariant::CustomError { message } => message.clone(),
            };
            sink.push(Diagnostic::error(codes::C_DEFINITION, wrong).at(at(start, end), label));
            None
        }
    }
}

/// The first bracket or `?` that is one too many.
fn nesting(text: &str) -> Result<(), usize> {
    let (mut depth, mut chosen) = (0usize, 0usize);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => depth = depth.saturating_sub(1),
            b'?' => chosen += 1,
            b';' | b',' => chosen = 0,
            _ => continue,
        }
        if depth > MAX_NESTING || chosen > MAX_NESTING {
            return Err(at);
        }
    }
    Ok(())
}

/// The token at `at`, or the last one when nothing follows.
fn token(text: &str, at: usize) -> (usize, usize) {
    let rest = &text[at..];
    let start = at + rest.len() - rest.trim_start().len();
    if start >= text.len() {
        let end = text.trim_end().len();
        return (end.saturating_sub(1), end);
    }
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let length = text[start..].find(|c| !word(c)).unwrap_or(text.len() - start);
    let first = text[start..].chars().next().map_or(1, char::len_utf8);
    (start, start + length.max(first))
}

/// What could have stood there, in a few words.
fn expected(rules: &[Rule]) -> String {
    let any = |wanted: &[Rule]| rules.iter().any(|rule| wanted.contains(rule));
    let mut words = Vec::new();
    if any(&[Rule::specifiers, Rule::field, Rule::c_word, Rule::named, Rule::type_name]) {
        words.push("a type");
    }
    if any(&[Rule::word, Rule::declarator, Rule::enumerator, Rule::field_item, Rule::declarator_item]) {
        words.push("a name");
    }
    if any(&[Rule::expr, Rule::operand, Rule::number, Rule::primary, Rule::constant]) {
        words.push("a constant");
    }
    if any(&[Rule::infix]) {
        words.push("an operator");
    }
    if any(&[Rule::end, Rule::EOI]) {
        words.push("`;`");
    }
    if any(&[Rule::close]) {
        words.push("`}`");
    }
    match words.as_slice() {
        [] => "not understood".into(),
        [one] => format!("expected {one}"),
        [list @ .., last] => format!("expected {} or {last}", list.join(", ")),
    }
}
