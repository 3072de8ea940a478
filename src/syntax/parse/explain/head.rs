//! What is wrong before the body of a probe.

use super::{Kind, Token, View};
use crate::diag::Diagnostic;
use crate::source::Span;

impl View<'_> {
    /// Something about the attach points.
    pub(super) fn head(&self) -> Diagnostic {
        let first = self.first();
        if self.is_code(first) {
            let error = self.error(format!("expected an attach point, found `{}`", self.text(first)));
            return error.at(self.span(first), "looks like a statement outside of a probe");
        }
        let Some(before) = self.before else {
            let between =
                if self.is(self.found, "{") || self.is(self.found, "/") { " before" } else { ", found" };
            let message = format!("expected an attach point{between} {}", self.name(self.found));
            let error = self.label(self.error(message), "no attach point");
            return error.help("a probe begins with what it attaches to, e.g. `interval:1s { … }`");
        };
        if self.is(Some(before), ",") {
            return self.label(self.error("expected an attach point after `,`"), "no attach point");
        }
        let Some(found) = self.found.filter(|f| f.kind == Kind::Attach) else {
            return self.no_body();
        };
        if self.is_code(found) {
            let error = self.error("expected `{` to begin the body of the probe");
            return error
                .at(self.span(found), "expected `{` before this")
                .because(self.head_span(), "the probe");
        }
        let error = self.error("expected `,`, a predicate or `{` after the attach point");
        let error = error.at(self.span(found), "unexpected").because(self.span(before), "attach point");
        error.help("attach points are separated by `,` and hold no blanks outside of quotes")
    }

    /// Something in a predicate that is not about one of its operands.
    pub(super) fn predicate(&self) -> Option<Diagnostic> {
        let opening = (self.t.range.clone()).find(|at| self.is(Some(self.t.tokens[*at]), "/"))?;
        let opening = self.span(self.t.tokens[opening]);
        if self.is(self.found, "{") {
            let error = self.error("expected `/` to close the predicate opened here");
            return Some(self.label(error, "expected `/`").because(opening, "opened here"));
        }
        self.ends_statement().then(|| {
            let error = self.label(self.error("the probe has no body"), "expected `{` before this");
            error.because(opening, "the predicate begins here")
        })
    }

    pub(super) fn no_body(&self) -> Diagnostic {
        let error = self.error("the probe has no body").at(self.head_span(), "expected `{ … }` after this");
        error.help("what a probe does stands in braces behind it")
    }

    /// From the first attach point to the token before.
    fn head_span(&self) -> Span {
        let first = self.first();
        Span::new(self.t.file, first.start..self.before.map_or(first.end, |b| b.end))
    }

    /// True if an attach point looks like a statement.
    fn is_code(&self, token: Token) -> bool {
        let text = self.text(token);
        let signs = text.starts_with(['@', '$']) || (text.contains('(') && !text.contains(':'));
        token.kind == Kind::Attach && signs
    }
}
