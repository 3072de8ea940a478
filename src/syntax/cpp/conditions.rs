//! `#if` and its relatives: which parts of a text count.

use super::Preprocessor;
use super::output::Output;
use super::token::{Kind, Token};
use crate::diag::{Diagnostic, Sink, codes};
use crate::source::{FileId, Span};
use crate::syntax::cdecl::{self, ast::CType, ast::Step, eval};

/// An `#if` that is open.
#[derive(Clone, Debug)]
pub(super) struct Group {
    /// Where it stands.
    pub span: Span,
    /// What stands here now counts.
    active: bool,
    /// A branch of it has counted.
    taken: bool,
    /// What is around it counts.
    outer: bool,
    /// Its `#else` has been.
    last: bool,
}

/// The file of expressions while they are looked at.
const SCRATCH: FileId = FileId(u32::MAX);

impl Preprocessor<'_> {
    /// What stands here counts.
    pub(super) fn active(&self) -> bool {
        self.groups.last().is_none_or(|group| group.active)
    }

    /// Handles a directive that opens, parts or closes a group; false for any other. `line` begins with its name.
    pub(super) fn condition(&mut self, line: &[Token], span: Span) -> bool {
        let Some(name) = line.first() else { return false };
        match &*name.text {
            "if" | "ifdef" | "ifndef" => {
                let outer = self.active();
                let active = outer && self.holds(&name.text, &line[1..], span);
                self.groups.push(Group { span, active, taken: active, outer, last: false });
            }
            "elif" | "elifdef" | "elifndef" | "else" => self.part(line, span),
            "endif" => {
                if self.groups.len() <= self.floor {
                    self.misplaced(span, "#endif");
                } else {
                    self.groups.pop();
                }
            }
            _ => return false,
        }
        true
    }

    fn misplaced(&mut self, span: Span, name: &str) {
        let message = format!("`{name}` without `#if`");
        self.report(Diagnostic::error(codes::PREPROCESSOR, message).at(span, "belongs to nothing"));
    }

    fn part(&mut self, line: &[Token], span: Span) {
        let name = line[0].text.clone();
        let Some(group) = self.groups.last().cloned().filter(|_| self.groups.len() > self.floor) else {
            return self.misplaced(span, &format!("#{name}"));
        };
        if group.last {
            let error = Diagnostic::error(codes::PREPROCESSOR, format!("`#{name}` behind `#else`"));
            self.report(error.at(span, "too late").because(group.span, "of this"));
        }
        let open = group.outer && !group.taken;
        let active = match &*name {
            "else" => open,
            kind => open && self.holds(&kind[2..], &line[1..], span),
        };
        if let Some(group) = self.groups.last_mut() {
            group.active = active;
            group.taken |= active;
            group.last |= &*name == "else";
        }
    }

    /// Closes the groups that are still open at a file's end; says so of the innermost.
    pub(super) fn close_groups(&mut self, floor: usize) {
        if let Some(group) = self.groups.split_off(floor).last() {
            let error = Diagnostic::error(codes::PREPROCESSOR, "this condition has no end");
            self.report(error.at(group.span, "no `#endif` for it"));
        }
    }

    /// The condition of `#if`, `#ifdef` or `#ifndef`.
    fn holds(&mut self, kind: &str, line: &[Token], span: Span) -> bool {
        if kind == "if" {
            return self.value(line, span).is_some_and(|value| value != 0);
        }
        match line.first() {
            Some(name) if name.kind == Kind::Word => self.defined(&name.text) == (kind == "ifdef"),
            _ => {
                let error = Diagnostic::error(codes::PREPROCESSOR, format!("`#{kind}` without a name"));
                self.report(error.at(span, "a name must follow"));
                false
            }
        }
    }

    /// True for a macro that is defined here.
    pub(super) fn defined(&mut self, name: &str) -> bool {
        self.expander.macros.get(name).is_some()
    }

    /// The value of a condition; None when it has none, which has been said.
    fn value(&mut self, line: &[Token], span: Span) -> Option<i64> {
        if let [only] = line
            && let Ok(value) = only.text.parse()
        {
            return Some(value);
        }
        if line.is_empty() {
            let error = Diagnostic::error(codes::PREPROCESSOR, "`#if` without a condition");
            self.report(error.at(span, "an expression must follow"));
            return None;
        }
        let line = self.replace_defined(line);
        let line = self.expand_line(line);
        let mut out = Output { origins: self.expander.origins.clone_macros(), ..Output::default() };
        line.iter().for_each(|token| out.token(token));
        let mut sink = Sink::default();
        let value = cdecl::expression(SCRATCH, 0, &out.text, &mut sink).and_then(|expr| {
            eval::eval(&expr, &mut Nothing)
                .map_err(|wrong| {
                    let error = Diagnostic::error(codes::PREPROCESSOR, wrong.message);
                    sink.push(error.at(wrong.span, "in this condition"));
                })
                .ok()
        });
        for mut diagnostic in sink.take() {
            for label in &mut diagnostic.labels {
                label.span = out.origins.resolve(label.span);
                if label.span.file == SCRATCH {
                    label.span = span;
                }
            }
            self.report(diagnostic);
        }
        value.map(|value| value.bits)
    }

    /// Expands the macros of a directive.
    pub(super) fn expand_line(&mut self, line: Vec<Token>) -> Vec<Token> {
        let (mut sink, gone) = (Sink::default(), self.expander.gone.len());
        let line = self.expander.expand(line, &mut sink);
        self.pass_on(sink);
        // What the macros of a directive replace is gone with it.
        self.expander.gone.truncate(gone);
        line
    }

    /// Puts 1 and 0 for `defined X`, `defined(X)` and `__has_include(<x>)`.
    fn replace_defined(&mut self, line: &[Token]) -> Vec<Token> {
        let mut out = Vec::with_capacity(line.len());
        let mut at = 0;
        while at < line.len() {
            let token = &line[at];
            let (name, used) = match (line.get(at + 1), line.get(at + 2), line.get(at + 3)) {
                (Some(open), Some(name), Some(close)) if open.is("(") && close.is(")") => (Some(name), 4),
                (Some(name), ..) => (Some(name), 2),
                _ => (None, 1),
            };
            match name {
                Some(name) if token.is("defined") && name.kind == Kind::Word => {
                    let known = self.defined(&name.text);
                    out.push(token.with(Kind::Number, if known { "1" } else { "0" }));
                    at += used;
                }
                _ if token.text.starts_with("__has_") && line.get(at + 1).is_some_and(|t| t.is("(")) => {
                    out.push(token.with(Kind::Number, "0"));
                    at = line[at..].iter().position(|t| t.is(")")).map_or(line.len(), |close| at + close + 1);
                }
                _ => {
                    out.push(token.clone());
                    at += 1;
                }
            }
        }
        out
    }
}

/// Behind `#if` a name that is no macro is 0, and there are no types.
struct Nothing;

impl eval::Names for Nothing {
    fn constant(&mut self, _: &str, _: Span) -> Result<eval::Number, eval::Wrong> {
        Ok(eval::Number::signed(0))
    }

    fn size(&mut self, _: &CType, span: Span) -> Result<(u64, u64), eval::Wrong> {
        Err(eval::Wrong::new(span, "`#if` knows no types"))
    }

    fn part(&mut self, _: &CType, _: &[Step], span: Span) -> Result<(u64, u64), eval::Wrong> {
        Err(eval::Wrong::new(span, "`#if` knows no types"))
    }

    fn integer(&mut self, _: &CType) -> Option<(u32, bool)> {
        None
    }
}
