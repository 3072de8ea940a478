//! After pest has refused a script: every mistake of it, each once.
//!
//! The text is cut at its braces and semicolons. A piece that pest accepts is built; one that it refuses is reported
//! and, if it holds blocks, taken apart: its skeleton (`if (…) { }`) is parsed with the insides blanked out, then each
//! block by itself. So a mistake hides no other outside of its own statement.
//!
//! Deliberately absent: repair. What was refused is not in the tree.

use pest::Parser as _;
use pest::error::InputLocation;

use super::build::Builder;
use super::explain::{Place, Trouble, explain};
use super::grammar::{Grammar, Rule};
use super::lexical;
use super::scan::{Kind, Scan, Token, scan};
use crate::diag::{Diagnostic, Sink, codes};
use crate::source::{FileId, Span};
use crate::syntax::ast::Script;

/// Messages after which no more are looked for.
const ENOUGH: usize = 40;

/// Reports the mistakes of `text`, which pest refused, and returns what has none.
pub(super) fn recover(file: FileId, text: &str, sink: &mut Sink) -> Script {
    let Scan { mut tokens, problems } = scan(text, true);
    tokens.retain(|t| !matches!(t.kind, Kind::Comment | Kind::Shebang));
    let script = Script::default();
    let mut recovery = Recovery { file, text, tokens, found: Vec::new(), script, bad: Vec::new() };
    for (range, problem) in problems {
        if lexical::is_closing_quote(text, range.start, problem, recovery.bad.last().copied()) {
            continue;
        }
        recovery.bad.push(range.start);
        recovery.found.push(lexical::diagnostic(file, text, range, problem));
    }
    recovery.items();
    recovery.found.sort_by_key(|d| d.labels.first().map_or(0, |l| l.span.start));
    recovery.found.into_iter().take(ENOUGH).for_each(|d| sink.push(d));
    if !sink.has_errors() {
        // Each piece is fine and the whole is not: the pieces were cut wrongly.
        sink.push(
            Diagnostic::error(codes::SYNTAX, "this script does not parse").at(Span::new(file, 0..0), ""),
        );
    }
    recovery.script
}

struct Recovery<'a> {
    file: FileId,
    text: &'a str,
    /// Without comments.
    tokens: Vec<Token>,
    found: Vec<Diagnostic>,
    script: Script,
    /// Where the problems of the scan are; the pieces around them are not explained again.
    bad: Vec<usize>,
}

impl Recovery<'_> {
    fn items(&mut self) {
        let mut at = 0;
        while at < self.tokens.len() && self.found.len() < ENOUGH {
            at = self.item(at);
        }
    }

    fn is(&self, at: usize, spelling: &str) -> bool {
        self.tokens.get(at).is_some_and(|t| t.is(self.text, spelling))
    }

    fn span(&self, token: Token) -> Span {
        Span::new(self.file, token.start..token.end)
    }

    fn report(&mut self, message: &str, token: Token, label: &str) {
        let error = Diagnostic::error(codes::SYNTAX, message).at(self.span(token), label);
        self.found.push(error);
    }

    /// A probe or whatever stands in its place from token `at` on; returns where the next begins.
    fn item(&mut self, at: usize) -> usize {
        let first = self.tokens[at];
        match (first.kind, first.text(self.text)) {
            (Kind::Directive | Kind::Definition, _) => {
                let _ = self.parse_item(at, at);
                at + 1
            }
            (Kind::Word, "let" | "import" | "config") => self.short_item(at),
            (_, "}") => {
                self.report("unmatched `}`", first, "closes nothing");
                at + 1
            }
            (_, ";") => {
                self.report("a `;` outside of a probe", first, "ends no statement");
                at + 1
            }
            _ => self.probe(at),
        }
    }

    /// An item without statements: explained as a whole.
    fn short_item(&mut self, at: usize) -> usize {
        let end = self.short_end(at);
        let last = end - 1 - usize::from(self.is(end - 1, ";"));
        if last >= at && self.parse_item(at, last).is_err() {
            let piece = self.text[self.tokens[at].start..self.tokens[last].end].to_owned();
            self.explain_piece(Rule::only_item, &piece, at..last + 1, Place::Item);
        }
        end
    }

    /// Behind the item that begins at `at`: behind its semicolon or braces, or where a line begins.
    fn short_end(&self, at: usize) -> usize {
        for next in at + 1..self.tokens.len() {
            let (before, token) = (self.tokens[next - 1], self.tokens[next]);
            if self.is(next, "{") {
                return (self.close_of(next) + 1).min(self.tokens.len());
            }
            if self.is(next, ";") {
                return next + 1;
            }
            let line = self.text[before.end.min(token.start)..token.start].contains('\n');
            if line && matches!(token.kind, Kind::Attach | Kind::Word | Kind::Definition | Kind::Directive) {
                return next;
            }
        }
        self.tokens.len()
    }

    /// The token that closes the brace at `open`: a `}`, a `MissingClose`, or the end.
    fn close_of(&self, open: usize) -> usize {
        let mut depth = 0;
        for at in open..self.tokens.len() {
            match self.tokens[at] {
                t if t.kind == Kind::MissingClose => return at,
                t if t.is(self.text, "{") => depth += 1,
                t if t.is(self.text, "}") => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                return at;
            }
        }
        self.tokens.len()
    }

    fn probe(&mut self, at: usize) -> usize {
        let ends = |t: &usize| ["{", "}", ";"].iter().any(|s| self.is(*t, s));
        let open = (at..self.tokens.len()).find(ends).unwrap_or(self.tokens.len());
        if !self.is(open, "{") {
            self.explain_head(at, open);
            return self.next_line(open);
        }
        let close = self.close_of(open);
        if !self.is(close, "}") {
            self.unclosed(open, close);
        } else if self.parse_item(at, close).is_ok() {
            return close + 1;
        }
        self.explain_head(at, open);
        self.block(open, close);
        close + 1
    }

    /// Parses tokens `from..=to` as an item and keeps it.
    fn parse_item(&mut self, from: usize, to: usize) -> Result<(), ()> {
        let (start, end) = (self.tokens[from].start, self.tokens[to].end);
        let pairs = Grammar::parse(Rule::only_item, &self.text[start..end]).map_err(|_| ())?;
        let builder = Builder::new(self.file, start);
        pairs.for_each(|pair| builder.item(pair, &mut self.script));
        self.found.extend(builder.into_found());
        Ok(())
    }

    /// Explains what is wrong before the body that opens at `open`, if anything.
    fn explain_head(&mut self, from: usize, open: usize) {
        let start = self.tokens[from].start;
        let end = self.tokens.get(open).map_or(self.text.len(), |t| t.end);
        let closed = if self.is(open, "{") { "}" } else { "" };
        let skeleton = format!("{}{closed}", &self.text[start..end]);
        let place = if self.tokens[from].kind == Kind::Word { Place::Item } else { Place::Head };
        self.explain_piece(Rule::only_item, &skeleton, from..open, place);
    }

    /// Parses `skeleton`, made of tokens `range`; explains the failure. Returns the token at which to go on.
    fn explain_piece(
        &mut self,
        rule: Rule,
        skeleton: &str,
        range: std::ops::Range<usize>,
        place: Place,
    ) -> Option<usize> {
        let start = self.tokens[range.start].start;
        let end = self.tokens.get(range.end).map_or(self.text.len(), |t| t.start);
        let error = match Grammar::parse(rule, skeleton) {
            Ok(pairs) => {
                if rule == Rule::only_statement {
                    let builder = Builder::new(self.file, start);
                    pairs.for_each(|pair| drop(builder.statement(pair)));
                    self.found.extend(builder.into_found());
                }
                return None;
            }
            Err(error) => error,
        };
        let (InputLocation::Pos(at) | InputLocation::Span((at, _))) = error.location;
        if self.bad.iter().any(|b| (start..end).contains(b)) {
            return None;
        }
        let trouble =
            Trouble { file: self.file, text: self.text, tokens: &self.tokens, range, at: start + at, place };
        let (diagnostic, resume) = explain(trouble);
        self.found.push(diagnostic);
        resume
    }

    /// The first token behind `at` that begins a line, to go on after a probe without a body.
    fn next_line(&self, at: usize) -> usize {
        let mut at = at;
        while at < self.tokens.len() {
            let (before, token) = (self.tokens[at.saturating_sub(1)], self.tokens[at]);
            let line = self.text[before.end.min(token.start)..token.start].contains('\n');
            if line && token.kind == Kind::Attach {
                return at;
            }
            at += 1;
        }
        at
    }

    /// The statements between the braces at `open` and `close`.
    fn block(&mut self, open: usize, close: usize) {
        let mut at = open + 1;
        while at < close && self.found.len() < ENOUGH {
            let end = self.statement_end(at, close);
            at = self.statement(at, end);
        }
    }

    /// Behind the statement that begins at token `at`, its semicolon included.
    fn statement_end(&self, at: usize, close: usize) -> usize {
        let controls = ["if", "for", "while", "unroll", "{"].iter().any(|word| self.is(at, word));
        let mut depth = 0;
        let mut valued = false;
        for t in at..close {
            if self.is(t, "{") {
                valued = depth > 0 && valued || depth == 0 && !controls && self.wants_value(at, t);
                depth += 1;
            } else if self.is(t, "}") {
                depth -= 1;
                if depth == 0 && !valued && !self.is(t + 1, "else") {
                    return (t + 1 + usize::from(self.is(t + 1, ";"))).min(close);
                }
            } else if self.is(t, ";") && depth == 0 {
                return t + 1;
            }
        }
        close
    }

    /// True if the brace at `open` stands where the statement that begins at `from` wants a value.
    fn wants_value(&self, from: usize, open: usize) -> bool {
        let before = self.tokens[open.saturating_sub(1)];
        let operator =
            before.kind == Kind::Punct && ![")", "]", "++", "--"].contains(&before.text(self.text));
        operator || (from..open).any(|t| ["if", "else", "comptime"].iter().any(|word| self.is(t, word)))
    }

    /// The statement of tokens `from..to`; returns where to go on.
    fn statement(&mut self, from: usize, to: usize) -> usize {
        let first = self.tokens[from];
        let (start, end) = (first.start, self.tokens[to - 1].end);
        let mut skeleton = self.text[start..end].to_owned();
        let blocks = self.braces(from, to);
        for &(open, close) in &blocks {
            let inside = self.tokens[open].end - start
                ..self.tokens.get(close).map_or(end, |t| t.start.min(end)) - start;
            skeleton.replace_range(inside.clone(), &" ".repeat(inside.len()));
        }
        if blocks.last().is_some_and(|&(_, close)| !self.is(close, "}")) {
            // Reported with the probe's own brace.
            skeleton.push('}');
        }
        let resume = self.explain_piece(Rule::only_statement, &skeleton, from..to, Place::Statement);
        match resume {
            Some(at) if at > from && at < to => at,
            _ => {
                blocks.into_iter().for_each(|(open, close)| self.block(open, close));
                to
            }
        }
    }

    /// Outermost pairs of braces among tokens `from..to`.
    fn braces(&self, from: usize, to: usize) -> Vec<(usize, usize)> {
        let mut found = Vec::new();
        let mut at = from;
        while at < to {
            if self.is(at, "{") {
                let close = self.close_of(at).min(to);
                found.push((at, close));
                at = close;
            }
            at += 1;
        }
        found
    }

    /// The brace of a probe's body, or one inside, is not closed by `close`.
    fn unclosed(&mut self, open: usize, close: usize) {
        let end = self.tokens.get(close).map_or(self.text.len(), |t| t.start);
        if self.bad.iter().any(|b| (self.tokens[open].start..end).contains(b)) {
            // A string or comment without an end has swallowed it.
            return;
        }
        let mut stack = Vec::new();
        let mut misplaced = None;
        for at in open..close {
            if self.is(at, "{") {
                stack.push(at);
            } else if self.is(at, "}")
                && let Some(opened) = stack.pop()
                && misplaced.is_none()
                && self.starts_line(at)
                && self.indent(at) < self.indent(opened)
            {
                misplaced = Some((opened, at));
            }
        }
        let (opened, before) = match misplaced {
            Some((opened, at)) => (self.tokens[opened], Some(self.tokens[at])),
            None => (self.tokens[stack.first().copied().unwrap_or(open)], None),
        };
        let end =
            self.tokens.get(close).filter(|t| t.kind == Kind::MissingClose).map(|_| self.tokens[close + 1]);
        let error = Diagnostic::error(codes::SYNTAX, "expected `}` to close the block opened here");
        let error = error.at(self.span(opened), "this `{` is never closed");
        self.found.push(match (before, end) {
            (Some(brace), _) => {
                error.because(self.span(brace), "by its indentation, a `}` is missing before this")
            }
            (None, Some(next)) => error.because(self.span(next), "the next probe begins here"),
            (None, None) => error,
        });
    }

    /// Blanks before the first token of the line that token `at` stands on.
    fn indent(&self, at: usize) -> usize {
        let before = &self.text[..self.tokens[at].start];
        let line = &self.text[before.rfind('\n').map_or(0, |n| n + 1)..];
        line.len() - line.trim_start().len()
    }

    fn starts_line(&self, at: usize) -> bool {
        let before = &self.text[..self.tokens[at].start];
        before[before.rfind('\n').map_or(0, |n| n + 1)..].trim().is_empty()
    }
}
