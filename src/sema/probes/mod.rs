//! Attach points: what the parts between the colons mean, and which real places they stand for.
//!
//! Each kind of probe has a file of its own. Wildcards are expanded here; an attach point that names nothing is an
//! error, with the nearest name where there is one.

mod begin_end;
mod by_hand;
pub(super) mod fentry;
mod in_files;
mod interval;
pub(super) mod iter;
mod kprobe;
mod profile;
pub(super) mod rawtracepoint;
mod software;
mod tracepoint;
mod uprobe;
mod usdt;
mod watchpoint;
pub(super) mod wildcard;

use std::rc::Rc;

use super::check::Checker;
use super::tree::{Attach, ProbeKind};
use crate::diag::{Code, Diagnostic, codes, suggest};
use crate::host::{Host, HostError};
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

/// A kind of probe that attach points may name: a file here, one in `load::attach`, a line in the table of each.
pub(super) struct Provider {
    pub name: &'static str,
    /// Short forms and older names.
    pub aliases: &'static [&'static str],
    pub kind: ProbeKind,
    /// The places that an attach point stands for; None when a mistake was reported.
    expand: Expand,
    /// What `-l` tells of it.
    pub list: Option<List>,
}

/// How the places of a kind are listed.
pub(super) struct List {
    /// Among what a pattern over all of the kernel finds.
    pub kernel: bool,
    pub names: Names,
}

/// Names of the places without the kind, in any order.
pub(super) enum Names {
    /// At least those that the pattern fits.
    All(AllNames),
    /// Those of a file, or of a process, that the pattern fits: its first part says which file, in other words than the
    /// name's.
    InFile(NamesInFile),
}

type AllNames = fn(&dyn Host, &str) -> Result<Vec<String>, HostError>;
type NamesInFile = fn(&dyn Host, &str, Option<u32>) -> Result<Vec<String>, HostError>;

type Expand = fn(&mut Checker<'_, '_>, ProbeKind, &AttachPoint) -> Option<Vec<Place>>;

const fn provider(
    name: &'static str,
    aliases: &'static [&'static str],
    kind: ProbeKind,
    expand: Expand,
) -> Provider {
    Provider { name, aliases, kind, expand, list: None }
}

impl Provider {
    /// Listed, also when all of the kernel is.
    const fn listed(mut self, names: AllNames) -> Provider {
        self.list = Some(List { kernel: true, names: Names::All(names) });
        self
    }

    /// Listed when asked for by its name.
    const fn listed_alone(mut self, names: AllNames) -> Provider {
        self.list = Some(List { kernel: false, names: Names::All(names) });
        self
    }

    /// Listed when asked for by its name, or with a file or a process.
    const fn listed_in_files(mut self, names: NamesInFile) -> Provider {
        self.list = Some(List { kernel: false, names: Names::InFile(names) });
        self
    }
}

/// Every kind. A kind to come (LSM, XDP, TC, cgroup, socket) is one more line.
pub(super) const PROVIDERS: &[Provider] = &[
    provider("begin", &[], ProbeKind::Begin, |c, kind, point| c.begin_end(kind, point)),
    provider("end", &[], ProbeKind::End, |c, kind, point| c.begin_end(kind, point)),
    provider("interval", &["i"], ProbeKind::Interval, |c, _, point| c.interval(point))
        .listed_alone(|_, _| Ok(interval::entries())),
    provider("profile", &["p"], ProbeKind::Profile, |c, _, point| c.profile(point))
        .listed_alone(|_, _| Ok(interval::entries())),
    provider("tracepoint", &["t"], ProbeKind::Tracepoint, |c, _, point| c.tracepoint(point))
        .listed(|host, _| tracepoint::entries(host)),
    provider("rawtracepoint", &["rt"], ProbeKind::Rawtracepoint, |c, _, point| c.rawtracepoint(point))
        .listed(|host, _| rawtracepoint::entries(host)),
    provider("kprobe", &["k"], ProbeKind::Kprobe, |c, kind, point| c.kprobe(kind, point))
        .listed(kprobe::entries),
    provider("kretprobe", &["kr"], ProbeKind::Kretprobe, |c, kind, point| c.kprobe(kind, point))
        .listed_alone(kprobe::entries),
    provider("uprobe", &["u"], ProbeKind::Uprobe, |c, kind, point| c.uprobe(kind, point))
        .listed_in_files(in_files::functions),
    provider("uretprobe", &["ur"], ProbeKind::Uretprobe, |c, kind, point| c.uprobe(kind, point))
        .listed_in_files(in_files::functions),
    provider("usdt", &["U"], ProbeKind::Usdt, |c, _, point| c.usdt(point))
        .listed_in_files(in_files::static_probes),
    provider("fentry", &["f", "kfunc"], ProbeKind::Fentry, |c, kind, point| c.fentry(kind, point))
        .listed(fentry::entries),
    provider("fexit", &["fr", "kretfunc"], ProbeKind::Fexit, |c, kind, point| c.fentry(kind, point))
        .listed_alone(fentry::entries),
    provider("software", &["s"], ProbeKind::Software, |c, kind, point| c.counted(kind, point))
        .listed(|_, _| Ok(software::entries(software::SOFTWARE))),
    provider("hardware", &["h"], ProbeKind::Hardware, |c, kind, point| c.counted(kind, point))
        .listed(|_, _| Ok(software::entries(software::HARDWARE))),
    provider("watchpoint", &["w"], ProbeKind::Watchpoint, |c, _, point| c.watchpoint(point)),
    provider("iter", &["it"], ProbeKind::Iter, |c, _, point| c.iter(point))
        .listed(|host, _| Ok(iter::targets(host.btf()?))),
    provider("self", &[], ProbeKind::SelfSignal, |c, _, point| c.self_signal(point))
        .listed_alone(|_, _| Ok(by_hand::entries())),
    provider("test", &[], ProbeKind::Test, |c, kind, point| c.named_by_script(kind, point)),
    provider("bench", &[], ProbeKind::Bench, |c, kind, point| c.named_by_script(kind, point)),
];

/// The provider that is written so. Long names may be in any case.
pub(super) fn provider_of(written: &str) -> Option<&'static Provider> {
    let lower = written.to_lowercase();
    PROVIDERS.iter().find(|p| {
        lower == p.name
            || p.aliases.iter().any(|alias| *alias == written || (alias.len() > 2 && *alias == lower))
    })
}

impl Checker<'_, '_> {
    /// The kind of probe that an attach point asks for. Long names may be written in any case.
    pub(super) fn probe_kind(&mut self, point: &AttachPoint) -> Option<ProbeKind> {
        let written = &point.parts[0];
        match provider_of(&written.text) {
            Some(provider) => Some(provider.kind),
            None => self.report_unknown_kind(written),
        }
    }

    fn report_unknown_kind(&mut self, written: &Part) -> Option<ProbeKind> {
        let name = &written.text;
        let message = format!("unknown probe type `{name}`");
        let error =
            Diagnostic::error(codes::UNKNOWN_PROBE_TYPE, message).at(written.span, "no such probe type");
        let names = PROVIDERS.iter().map(|provider| provider.name);
        self.report(match suggest::nearest(name, names.clone()) {
            Some(near) => error.help(format!("did you mean `{near}`?")),
            None => error.note(format!("probe types: {}", names.collect::<Vec<_>>().join(", "))),
        });
        None
    }

    /// The places that an attach point of `kind` stands for; None when a mistake was reported.
    pub(super) fn expand(&mut self, kind: ProbeKind, point: &AttachPoint) -> Option<Vec<Place>> {
        let provider = PROVIDERS.iter().find(|provider| provider.kind == kind)?;
        (provider.expand)(self, kind, point)
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
