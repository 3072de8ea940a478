//! Something stands where the statement should have ended, or where something must separate two things.

use super::{Kind, Token, View};
use crate::diag::{Diagnostic, suggest};
use crate::source::Span;

impl View<'_> {
    /// Conditions without parentheses and bodies without braces.
    pub(super) fn condition(&self) -> Option<Diagnostic> {
        if self.in_predicate {
            return self.predicate();
        }
        let back = (self.t.range.start..self.index.min(self.t.tokens.len())).rev();
        let mut back = back.take_while(|at| !self.is(Some(self.t.tokens[*at]), "}"));
        let keyword = back.find(|at| self.is(Some(self.t.tokens[*at]), "if"))?;
        if !self.open.is_empty() {
            return None;
        }
        let owner = self.span(self.t.tokens[keyword]);
        let operator = self.found.is_some_and(|f| f.kind == Kind::Punct) && !self.is(self.found, ";");
        if operator && self.closed.is_none_or(|opened| opened == keyword + 1) {
            let error =
                self.label(self.error("a condition stands in parentheses"), "goes on behind the condition");
            let error = error.because(owner, "the condition of this");
            return Some(error.help("write `if (…) { … }`, the whole condition in the parentheses"));
        }
        let error = self.label(self.error("expected `{` after the condition"), "expected `{`");
        let error = error.because(owner, "the body of this");
        Some(error.help("the body of an `if` stands in braces, even when it is one statement"))
    }

    /// Operators that do not go there.
    pub(super) fn operator(&self) -> Option<Diagnostic> {
        let found = self.found.filter(|f| f.kind == Kind::Punct)?;
        let text = self.text(found);
        let error = |message: &str, label: &str| self.error(message).at(self.span(found), label);
        Some(match text {
            "=" if self.in_predicate || !self.open.is_empty() => {
                error("an assignment is not an expression", "assigns").help("a comparison is written `==`")
            }
            "=" => error("a second assignment in one statement", "already assigned before this"),
            "+=" | "-=" | "*=" | "/=" | "%=" | "&=" | "|=" | "^=" | "<<=" | ">>=" => {
                if self.is(Some(self.first()), "let") {
                    return Some(error("a new variable has no value to change", "").help("`let` takes `=`"));
                }
                error("an assignment is not an expression", "assigns")
            }
            ":" => error("a `:` without its `?`", ""),
            ".." => error("ranges have no meaning outside of loops", ""),
            "," if self.open.is_empty() => {
                error("a `,` outside of parentheses", "").help("a tuple stands in parentheses: `(a, b)`")
            }
            "!" | "~" => error(&format!("`{text}` does not stand between two values"), ""),
            "{" => self.block(found),
            _ => return None,
        })
    }

    fn block(&self, found: Token) -> Diagnostic {
        let error = self.error("a block cannot begin here").at(self.span(found), "unexpected");
        let first = self.first();
        let word = if first.kind == Kind::Word { self.text(first) } else { "" };
        let meant = match word {
            "" => None,
            "elif" | "elsif" | "elseif" => Some("else if"),
            _ => suggest::nearest(word, ["if", "else", "for", "while", "unroll"]),
        };
        match meant {
            Some(meant) => error.because(self.span(first), "").help(format!("did you mean `{meant}`?")),
            None => error.help("the statement before it must end with `;`"),
        }
    }

    /// Two things side by side that something must separate; with the token at which to go on.
    pub(super) fn separator(&self) -> (Diagnostic, Option<usize>) {
        let found = self.name(self.found);
        let Some(next) = self.found.filter(|f| self.begins_operand(*f)) else {
            let found = found.trim_start_matches("the ");
            return (self.label(self.error(format!("unexpected {found}")), "unexpected"), None);
        };
        let opener = self.open.last().map(|at| self.t.tokens[*at]);
        let expected = match opener.map(|opener| self.text(opener)) {
            Some("(") => "`,` or `)`",
            Some("[") => "`,` or `]`",
            Some(_) => "an operator or `:`",
            None if self.in_predicate => "an operator or `/`",
            None if matches!(next.kind, Kind::Str | Kind::Number) => "an operator or `;`",
            None => {
                let end = self.before.map_or(next.start, |b| b.end);
                let error = self.error(format!("expected `;`, found {found}"));
                let error = error.at(Span::new(self.t.file, end..end), "expected `;`");
                return (error.because(self.span(next), "a new statement begins here"), Some(self.index));
            }
        };
        let error = self.error(format!("expected {expected}, found {found}"));
        let mut error = error.at(self.span(next), "unexpected");
        if let Some(opener) = opener {
            error = error.because(self.span(opener), "opened here");
        }
        let strings = next.kind == Kind::Str && self.before.is_some_and(|b| b.kind == Kind::Str);
        (if strings { error.note("strings side by side are not joined") } else { error }, None)
    }
}
