//! Directives other than conditions: `#define`, `#include` and the rest.

use super::token::{Kind, Token};
use super::{Found, Preprocessor};
use crate::diag::{Diagnostic, codes, suggest};
use crate::source::{FileId, Span};

/// Headers inside headers.
const MAX_INCLUDES: usize = 64;

/// Headers read for a script.
const MAX_HEADERS: usize = 2000;

/// Names of directives, for who mistypes one.
const DIRECTIVES: &[&str] = &[
    "define", "undef", "include", "if", "ifdef", "ifndef", "elif", "else", "endif", "error", "warning",
    "pragma",
];

impl Preprocessor<'_> {
    /// Handles the directive whose tokens, the `#` left out, are `line`.
    pub(super) fn directive(&mut self, line: &[Token], hash: Span) {
        let span = line.last().map_or(hash, |last| hash.to(last.span));
        if self.condition(line, span) || !self.active() {
            return;
        }
        let Some(name) = line.first() else { return };
        match &*name.text {
            "define" => self.define(&line[1..], span),
            "undef" => match line.get(1) {
                Some(name) => self.expander.macros.remove(&name.text),
                None => self.wrong(span, "`#undef` without a name", "a name must follow"),
            },
            "include" | "include_next" | "import" => self.include(&line[1..], span),
            "error" => self.message(line, span, true),
            "warning" => self.message(line, span, false),
            "pragma" | "ident" | "sccs" | "line" => {}
            _ if name.kind == Kind::Number => {}
            other => {
                let error = Diagnostic::error(codes::PREPROCESSOR, format!("unknown directive `#{other}`"));
                let error = error.at(name.span, "not a directive of C's preprocessor");
                let near = suggest::nearest(other, DIRECTIVES.iter().copied());
                self.report(match near {
                    Some(near) => error.help(format!("did you mean `#{near}`?")),
                    None => error.help("comments begin with `//`"),
                });
            }
        }
    }

    fn wrong(&mut self, span: Span, message: &str, label: &str) {
        self.report(Diagnostic::error(codes::PREPROCESSOR, message).at(span, label));
    }

    /// The texts of `#error` and `#warning`.
    fn message(&mut self, line: &[Token], span: Span, error: bool) {
        let mut text = String::new();
        for token in &line[1..] {
            if token.space && !text.is_empty() {
                text.push(' ');
            }
            text += &token.text;
        }
        let text = text.trim_matches('"').to_owned();
        self.report(match error {
            true => Diagnostic::error(codes::C_ERROR, text).at(span, "the script says so"),
            false => Diagnostic::warning(codes::PREPROCESSOR_WARNING, text).at(span, ""),
        });
    }

    fn define(&mut self, line: &[Token], span: Span) {
        let foreign = self.depth > 0;
        match self.expander.macros.define(line, span, foreign) {
            Err((at, message, label)) => self.wrong(at, &message, label),
            Ok(Some(old)) if !old.foreign && !foreign => {
                let message = format!("the macro `{}` is defined anew", old.name);
                let warning = Diagnostic::warning(codes::PREPROCESSOR_WARNING, message);
                let here = line.first().map_or(span, |name| name.span);
                let warning = warning.at(here, "with another text").because(old.span, "first defined here");
                self.report(warning.help(format!("`#undef {}` first", old.name)));
            }
            Ok(_) => {}
        }
    }

    fn include(&mut self, line: &[Token], span: Span) {
        let line = match line.first() {
            Some(first) if first.kind == Kind::Word => self.expand_line(line.to_vec()),
            _ => line.to_vec(),
        };
        let (name, quoted) = match line.as_slice() {
            [text, ..] if text.kind == Kind::Str => (text.text.trim_matches('"').to_owned(), true),
            [open, name @ .., close] if open.is("<") && close.is(">") => {
                (name.iter().map(|token| &*token.text).collect(), false)
            }
            _ => return self.wrong(span, "`#include` without a header", "expected \"name\" or <name>"),
        };
        let at = line.iter().map(|token| token.span).reduce(Span::to).unwrap_or(span);
        self.header(&name, quoted, at);
    }

    /// Takes in the header `name`, which stands at `span`.
    pub(super) fn header(&mut self, name: &str, quoted: bool, span: Span) {
        let from = self.sources.file(self.file).name.clone();
        match self.headers.find(name, quoted, &from) {
            Found::Known => self.prelude(),
            Found::Missing if self.quiet > 0 => {}
            Found::Missing => {
                let error = Diagnostic::error(codes::NO_HEADER, format!("no header `{name}`"));
                let error = error.at(span, "not found");
                let help = "name its folder with -I; headers of the kernel and of libc need not be there";
                self.report(error.help(help));
            }
            Found::Unreadable(why) => {
                let error =
                    Diagnostic::error(codes::NO_HEADER, format!("cannot read the header `{name}`: {why}"));
                self.report(error.at(span, "included here"));
            }
            Found::Text { path, text, system } => self.enter(&path, text, system, span),
        }
    }

    pub(super) fn enter(&mut self, path: &str, text: String, system: bool, span: Span) {
        let known = self.seen.get(path).copied();
        if known.is_some_and(|file| self.once.contains(&file)) {
            return;
        }
        self.included += 1;
        if self.depth >= MAX_INCLUDES || self.included > MAX_HEADERS {
            let message = format!("`{path}` is included too often");
            let error = Diagnostic::error(codes::TOO_LARGE, message).at(span, "once more here");
            // However deep the files that nobody looks into: this ends the work.
            self.sink
                .push(error.note(format!("headers may be {MAX_INCLUDES} deep and {MAX_HEADERS} in number")));
            self.included = usize::MAX / 2;
            return;
        }
        if self.included > MAX_HEADERS {
            return;
        }
        let file = known.unwrap_or_else(|| self.sources.add(path, text.as_str()));
        self.seen.insert(path.to_owned(), file);
        if text.lines().any(|line| line.trim_start().starts_with("#pragma once")) {
            self.once.insert(file);
        }
        let quiet = usize::from(system || self.quiet > 0);
        self.quiet += quiet;
        self.read(file, &text);
        self.quiet -= quiet;
    }

    /// Reads a header: directives are followed, the rest is C.
    pub(super) fn read(&mut self, file: FileId, text: &str) {
        let around =
            (std::mem::replace(&mut self.file, file), std::mem::replace(&mut self.floor, self.groups.len()));
        self.depth += 1;
        let tokens = super::token::tokens(file, text);
        let (mut at, mut pending) = (0, Vec::new());
        while at < tokens.len() {
            let end = line_end(&tokens, at);
            if tokens[at].first && tokens[at].is("#") {
                self.c_code(&mut pending);
                self.directive(&tokens[at + 1..end], tokens[at].span);
                at = end;
            } else {
                let active = self.active();
                // To the next line that may be a directive.
                let mut stop = at + 1;
                while stop < tokens.len() && !(tokens[stop].first && tokens[stop].is("#")) {
                    stop += 1;
                }
                if active {
                    pending.extend_from_slice(&tokens[at..stop]);
                }
                at = stop;
            }
        }
        self.c_code(&mut pending);
        self.close_groups(self.floor);
        self.depth -= 1;
        (self.file, self.floor) = around;
    }

    /// Expands what is C and keeps it.
    pub(super) fn c_code(&mut self, pending: &mut Vec<Token>) {
        if pending.is_empty() {
            return;
        }
        let tokens = self.expand_line(std::mem::take(pending));
        let system = self.quiet > 0;
        self.c_tokens.extend(tokens.into_iter().map(|token| (token, system)));
    }
}

/// Where the line that begins at token `at` ends.
pub(super) fn line_end(tokens: &[Token], at: usize) -> usize {
    tokens[at + 1..].iter().position(|token| token.first).map_or(tokens.len(), |length| at + 1 + length)
}
