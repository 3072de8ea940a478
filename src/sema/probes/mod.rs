//! Attach points: what the parts between the colons mean, and which real places they stand for.
//!
//! Each kind of probe has a file of its own. Wildcards are expanded here; an attach point that names nothing is an
//! error, with the nearest name where there is one.

mod begin_end;
mod interval;
mod kprobe;
mod profile;
mod tracepoint;
mod uprobe;
mod usdt;
mod wildcard;

use std::rc::Rc;

use super::check::Checker;
use super::tree::{Attach, ProbeKind};
use crate::diag::{Code, Diagnostic, codes, suggest};
use crate::host::HostError;
use crate::source::Span;
use crate::syntax::ast::{AttachPoint, Part};

/// A place to attach to, before it has a number.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Place {
    pub name: String,
    pub target: Attach,
    pub span: Span,
    /// Of a static probe: where its arguments are, as its note says.
    pub arguments: Option<Rc<str>>,
}

impl Place {
    fn new(name: impl Into<String>, target: Attach, span: Span) -> Place {
        Place { name: name.into(), target, span, arguments: None }
    }
}

/// Names of probe types and their short forms.
const KINDS: &[(&str, &str, ProbeKind)] = &[
    ("begin", "", ProbeKind::Begin),
    ("end", "", ProbeKind::End),
    ("interval", "i", ProbeKind::Interval),
    ("profile", "p", ProbeKind::Profile),
    ("tracepoint", "t", ProbeKind::Tracepoint),
    ("kprobe", "k", ProbeKind::Kprobe),
    ("kretprobe", "kr", ProbeKind::Kretprobe),
    ("uprobe", "u", ProbeKind::Uprobe),
    ("uretprobe", "ur", ProbeKind::Uretprobe),
    ("usdt", "U", ProbeKind::Usdt),
];

/// Probe types of bpftrace that are not there yet.
const LATER: &[&str] = &[
    "bench",
    "f",
    "fentry",
    "fexit",
    "fr",
    "h",
    "hardware",
    "it",
    "iter",
    "kfunc",
    "kretfunc",
    "rawtracepoint",
    "rt",
    "s",
    "self",
    "software",
    "test",
    "w",
    "watchpoint",
];

impl Checker<'_, '_> {
    /// The kind of probe that an attach point asks for. Long names may be written in any case.
    pub(super) fn probe_kind(&mut self, point: &AttachPoint) -> Option<ProbeKind> {
        let written = &point.parts[0];
        let lower = written.text.to_lowercase();
        let found = KINDS
            .iter()
            .find(|(name, short, _)| lower == *name || (!short.is_empty() && written.text == *short));
        if let Some((_, _, kind)) = found {
            return Some(*kind);
        }
        self.report_unknown_kind(written)
    }

    fn report_unknown_kind(&mut self, written: &Part) -> Option<ProbeKind> {
        let name = &written.text;
        let later = LATER.contains(&name.as_str());
        let (message, label) = if later {
            (format!("{name} probes are not supported yet"), "known to bpftrace only")
        } else {
            (format!("unknown probe type `{name}`"), "no such probe type")
        };
        let error = Diagnostic::error(codes::UNKNOWN_PROBE_TYPE, message).at(written.span, label);
        let names = KINDS.iter().map(|(name, _, _)| *name);
        self.report(match suggest::nearest(name, names.clone()) {
            Some(near) if !later => error.help(format!("did you mean `{near}`?")),
            _ => error.note(format!("probe types: {}", names.collect::<Vec<_>>().join(", "))),
        });
        None
    }

    /// The places that an attach point of `kind` stands for; None when a mistake was reported.
    pub(super) fn expand(&mut self, kind: ProbeKind, point: &AttachPoint) -> Option<Vec<Place>> {
        match kind {
            ProbeKind::Begin | ProbeKind::End => self.begin_end(kind, point),
            ProbeKind::Interval => self.interval(point),
            ProbeKind::Profile => self.profile(point),
            ProbeKind::Tracepoint => self.tracepoint(point),
            ProbeKind::Kprobe | ProbeKind::Kretprobe => self.kprobe(kind, point),
            ProbeKind::Uprobe | ProbeKind::Uretprobe => self.uprobe(kind, point),
            ProbeKind::Usdt => self.usdt(point),
        }
    }

    fn malformed<T>(&mut self, span: Span, message: impl Into<String>, label: &str, form: &str) -> Option<T> {
        let error = Diagnostic::error(codes::BAD_ATTACH_POINT, message).at(span, label);
        self.report(error.help(format!("write `{form}`")));
        None
    }

    fn no_such(&mut self, span: Span, message: String, help: Option<String>) -> Option<Vec<Place>> {
        let error = Diagnostic::error(codes::NO_SUCH_TARGET, message).at(span, "nothing to attach to");
        self.report(match help {
            Some(help) => error.help(help),
            None => error,
        });
        None
    }

    fn host_error<T>(&mut self, span: Span, what: &str, error: &HostError) -> Option<T> {
        let (code, help): (Code, _) = match error {
            HostError::Denied(_) => (codes::NO_PRIVILEGE, "run as root"),
            _ => (codes::NO_SUCH_TARGET, "tracefs must be mounted at /sys/kernel/tracing"),
        };
        let message = format!("{what} cannot be listed");
        let report = Diagnostic::error(code, message).at(span, "needed here");
        self.report(report.note(error.to_string()).help(help));
        None
    }
}

/// Whether an attach point, written out, names as many parts behind its type.
fn parts(point: &AttachPoint) -> &[Part] {
    &point.parts[1..]
}
