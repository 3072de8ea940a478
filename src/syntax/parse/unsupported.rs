//! Constructs of the language that this version recognises and refuses, so that nobody hunts for a typo.

use super::scan::{Kind, Token};
use crate::diag::{Diagnostic, codes};
use crate::source::Span;

fn refuse(what: &str, span: Span) -> Diagnostic {
    Diagnostic::error(codes::SYNTAX, format!("{what} are not supported yet")).at(span, "not supported yet")
}

/// What stands between probes, by its first token.
pub(super) fn item(text: &str, first: Token, span: Span) -> Option<Diagnostic> {
    let what = match (first.kind, first.text(text)) {
        (Kind::Directive, _) => "preprocessor lines",
        (_, "struct" | "union" | "enum") => "definitions of C types",
        (_, "config") => "config blocks",
        (_, "import") => "imports",
        (_, "macro") => "macros",
        (_, "fn") => "functions",
        (_, "let") => "declarations of maps",
        _ => return None,
    };
    Some(refuse(what, span))
}

/// A statement, by its first token.
pub(super) fn statement(text: &str, first: Token, span: Span) -> Option<Diagnostic> {
    let what = match first.text(text) {
        "for" | "while" | "unroll" => "loops",
        "break" | "continue" => "loops, and with them `break` and `continue`,",
        "import" => "imports",
        _ => return None,
    };
    (first.kind == Kind::Word).then(|| refuse(what, span))
}

/// An operand, by its first token.
pub(super) fn operand(text: &str, first: Token, span: Span) -> Option<Diagnostic> {
    let what = match first.text(text) {
        "offsetof" => "`offsetof` expressions",
        "typeof" | "typeinfo" => "`typeof` and `typeinfo` expressions",
        "comptime" => "`comptime` expressions",
        "if" => "`if` expressions",
        "{" => "block expressions",
        _ => return None,
    };
    matches!(first.kind, Kind::Word | Kind::Punct).then(|| refuse(what, span))
}
