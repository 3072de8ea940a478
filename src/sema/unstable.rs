//! Features that a setting turns off, or warns about.

use super::check::Checker;
use crate::config::Unstable;
use crate::diag::{Diagnostic, codes};
use crate::source::Span;

impl Checker<'_, '_> {
    /// An `import` within a probe or macro. What it names has been taken in before.
    pub(super) fn unstable_import(&mut self, span: Span) {
        let may = self.options.unstable.import_statement;
        self.unstable("import statements", "unstable_import_statement", may, span);
    }

    /// Says about the use of `feature` at `span` what its `setting` wants said.
    pub(super) fn unstable(&mut self, feature: &str, setting: &str, may: Unstable, span: Span) {
        let help = format!("config = {{ {setting} = enable }}");
        match may {
            Unstable::Enable => {}
            Unstable::Warn => {
                let message = format!("{feature} may change: an unstable feature");
                self.report(
                    Diagnostic::warning(codes::UNSTABLE_WARNING, message).at(span, "used here").help(help),
                );
            }
            Unstable::Error => {
                let message = format!("{feature} must be enabled: an unstable feature");
                self.report(Diagnostic::error(codes::UNSTABLE, message).at(span, "not enabled").help(help));
            }
        }
    }
}
