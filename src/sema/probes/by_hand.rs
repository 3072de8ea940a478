//! What the run itself calls: `self:signal:SIGUSR1`, `test:NAME`, `bench:NAME`.

use super::{Place, parts};
use crate::diag::{Diagnostic, codes, suggest};
use crate::sema::check::Checker;
use crate::sema::tree::{Attach, ProbeKind};
use crate::syntax::ast::AttachPoint;

/// Signals that a run can be sent: those that do not end it.
pub(super) const SIGNALS: &[(&str, i32)] = &[("SIGUSR1", 10)];

/// For listings.
pub(super) fn entries() -> Vec<String> {
    SIGNALS.iter().map(|(name, _)| format!("signal:{name}")).collect()
}

impl Checker<'_, '_> {
    pub(super) fn self_signal(&mut self, point: &AttachPoint) -> Option<Vec<Place>> {
        let [what, signal] = parts(point) else {
            let message = "a self probe names what happens to this process";
            return self.malformed(point.span, message, "two parts expected", "self:signal:SIGUSR1");
        };
        if what.text != "signal" {
            let message = format!("`{}` is nothing that a self probe knows", what.text);
            return self.malformed(what.span, message, "only `signal`", "self:signal:SIGUSR1");
        }
        let Some((name, number)) = SIGNALS.iter().find(|(name, _)| *name == signal.text) else {
            let message = format!("no self probe for the signal `{}`", signal.text);
            return self.malformed(signal.span, message, "only SIGUSR1", "self:signal:SIGUSR1");
        };
        let target = Attach::Signal { number: *number };
        Some(vec![Place::new(format!("self:signal:{name}"), target, point.span)])
    }

    pub(super) fn named_by_script(&mut self, kind: ProbeKind, point: &AttachPoint) -> Option<Vec<Place>> {
        let word = kind.name();
        let [name] = parts(point) else {
            let message = format!("a {word} probe has a name");
            return self.malformed(point.span, message, "one part expected", &format!("{word}:name"));
        };
        let full = format!("{word}:{}", name.text);
        let target = if kind == ProbeKind::Test { Attach::Test } else { Attach::Bench };
        let earlier = self.bodies.iter().flat_map(|body| &body.attach).find(|at| at.name == full);
        if let Some(earlier) = earlier {
            let message = format!("two {word} probes are called `{}`", name.text);
            let error = Diagnostic::error(codes::BAD_ATTACH_POINT, message).at(name.span, "again");
            let error = error.because(earlier.span, "first here");
            self.report(error.help("give each its own name"));
            return None;
        }
        Some(vec![Place::new(full, target, point.span)])
    }
}

/// The name in `names` that is nearest to a mistaken one, as a help.
pub(super) fn did_you_mean<'n>(
    kind: &str,
    text: &str,
    names: impl Iterator<Item = &'n str>,
) -> Option<String> {
    suggest::nearest(text, names).map(|near| format!("did you mean `{kind}:{near}`?"))
}
