//! Messages about what can be no token at all.

use std::ops::Range;

use super::scan::Problem;
use crate::diag::{Diagnostic, codes};
use crate::source::{FileId, Span};

/// The message for `problem` at `range` of `text`.
pub(super) fn diagnostic(file: FileId, text: &str, range: Range<usize>, problem: Problem) -> Diagnostic {
    let written = &text[range.clone()];
    let span = Span::new(file, range.clone());
    let error = |message: String, label: &str| Diagnostic::error(codes::SYNTAX, message).at(span, label);
    match problem {
        Problem::UnterminatedString => error("unterminated string".into(), "no closing `\"` on this line")
            .help("strings end on the line they begin on; a line break in one is written `\\n`"),
        Problem::UnterminatedComment => {
            let opening = Span::new(file, range.start..range.start + 2);
            Diagnostic::error(codes::SYNTAX, "unterminated comment").at(opening, "no `*/` follows")
        }
        Problem::SingleQuotes => single_quotes(written, span),
        Problem::TypographicQuotes => {
            let quote = written.chars().next().unwrap_or('“');
            error(format!("`{quote}` is not a quote"), "a typographic quote").help("write `\"`")
        }
        Problem::LoneDollar => error("`$` without a name".into(), "the name must follow at once"),
        Problem::Stray => stray(written, span),
    }
}

/// True if the string "begun" at `start` is rather the end of the one begun at `before`, on an earlier line.
pub(super) fn is_closing_quote(text: &str, start: usize, problem: Problem, before: Option<usize>) -> bool {
    let opened = before.is_some_and(|at| text[at..].starts_with('"'));
    let behind = text[start..].trim_start_matches('"').chars().next();
    problem == Problem::UnterminatedString && opened && behind.is_none_or(|c| " \n);,".contains(c))
}

fn single_quotes(written: &str, span: Span) -> Diagnostic {
    let inside = written.trim_matches('\'');
    let mut chars = inside.chars();
    let error = |message: &str, label: &str| Diagnostic::error(codes::SYNTAX, message).at(span, label);
    match (chars.next(), chars.next()) {
        (Some(c), None) if c.is_ascii() => {
            error("there are no character literals", "a number must stand here")
                .help(format!("the code of `{c}` is {}; as a string it is `\"{c}\"`", c as u32))
        }
        (Some(_), _) => {
            error("strings stand in double quotes", "in single quotes").help(format!("write `\"{inside}\"`"))
        }
        (None, _) => error("stray `'`", "has no meaning here"),
    }
}

fn stray(written: &str, span: Span) -> Diagnostic {
    let error = |message: String, label: &str| Diagnostic::error(codes::SYNTAX, message).at(span, label);
    match written.chars().next().unwrap_or('\0') {
        '`' => error("stray backquote".into(), "has no meaning here"),
        '#' => error("stray `#`".into(), "has no meaning here").help("comments begin with `//`"),
        '\u{a0}' | '\u{2007}' | '\u{202f}' => {
            error("a no-break space".into(), "looks like a space and is none").help("replace it by a space")
        }
        c @ ('\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}') => {
            error(format!("an invisible character (U+{:04X})", c as u32), "remove it")
        }
        '–' | '—' | '−' => error(format!("`{written}` is not a minus"), "a dash").help("write `-`"),
        '…' => error("`…` has no meaning here".into(), "an ellipsis"),
        c if c.is_ascii_graphic() => error(format!("stray `{c}`"), "has no meaning here"),
        c if c.is_alphanumeric() => error(format!("stray `{c}`"), "names consist of a-z, A-Z, 0-9 and `_`"),
        c if c.is_ascii() || c.is_control() => {
            error(format!("a control character (U+{:04X})", c as u32), "remove it")
        }
        c => error(format!("stray `{c}` (U+{:04X})", c as u32), "has no meaning outside of strings"),
    }
}
