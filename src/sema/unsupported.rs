//! Parts of the language that are parsed and not compiled yet: each refused by name, at its place.

use super::check::Checker;
use crate::diag::{Diagnostic, Sink, codes};
use crate::source::Span;
use crate::syntax::ast::{ExprKind, Script};

/// The message about `what` (a plural) at `span`.
pub(super) fn refuse(what: &str, span: Span) -> Diagnostic {
    Diagnostic::error(codes::UNSUPPORTED, format!("{what} are not supported yet"))
        .at(span, "not supported yet")
}

/// Refuses what stands beside probes.
pub(super) fn items(script: &Script, sink: &mut Sink) {
    let mut refuse = |what: &str, span: Span| sink.push(refuse(what, span));
    script.c_items.iter().for_each(|item| refuse("C definitions", item.span));
    script.functions.iter().for_each(|item| refuse("functions", item.name_span));
}

impl Checker<'_, '_> {
    /// Refuses an expression.
    pub(super) fn refuse_expr<T>(&mut self, kind: &ExprKind, span: Span) -> Option<T> {
        let what = match kind {
            ExprKind::Comptime(_) | ExprKind::Positional(_) | ExprKind::PositionalCount => {
                "parameters outside of probes"
            }
            _ => "types as values",
        };
        self.report(refuse(what, span));
        None
    }
}
