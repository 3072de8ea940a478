//! `software:event:count` and `hardware:event:count`: events that the kernel or the processor counts, every so many.

use super::by_hand::did_you_mean;
use super::interval::number;
use super::{Place, parts};
use crate::diag::{Diagnostic, codes};
use crate::sema::check::Checker;
use crate::sema::tree::{Attach, ProbeKind};
use crate::syntax::ast::{AttachPoint, Part};

/// A countable event.
pub(super) struct Event {
    /// Its name.
    pub name: &'static str,
    /// Its other name; empty for most.
    pub alias: &'static str,
    /// The kernel's number (`linux/perf_event.h`).
    number: u32,
    /// How many make a sample, unless told.
    count: u64,
}

const fn event(name: &'static str, alias: &'static str, number: u32, count: u64) -> Event {
    Event { name, alias, number, count }
}

/// Sorted by name.
pub(super) const SOFTWARE: &[Event] = &[
    event("alignment-faults", "", 7, 1),
    event("bpf-output", "", 10, 1),
    event("context-switches", "cs", 3, 1000),
    event("cpu-clock", "cpu", 0, 1_000_000),
    event("cpu-migrations", "", 4, 1),
    event("dummy", "", 9, 1),
    event("emulation-faults", "", 8, 1),
    event("major-faults", "", 6, 1),
    event("minor-faults", "", 5, 100),
    event("page-faults", "faults", 2, 100),
    event("task-clock", "", 1, 1),
];

/// Sorted by name.
pub(super) const HARDWARE: &[Event] = &[
    event("backend-stalls", "", 8, 1_000_000),
    event("branch-instructions", "branches", 4, 100_000),
    event("branch-misses", "", 5, 100_000),
    event("bus-cycles", "", 6, 100_000),
    event("cache-misses", "", 3, 1_000_000),
    event("cache-references", "", 2, 1_000_000),
    event("cpu-cycles", "cycles", 0, 1_000_000),
    event("frontend-stalls", "", 7, 1_000_000),
    event("instructions", "", 1, 1_000_000),
    event("ref-cycles", "", 9, 1_000_000),
];

/// Names and other names, for listings.
pub(super) fn entries(table: &[Event]) -> Vec<String> {
    let names = table.iter().flat_map(|event| [event.name, event.alias]);
    names.filter(|name| !name.is_empty()).map(|name| format!("{name}:")).collect()
}

impl Checker<'_, '_> {
    pub(super) fn counted(&mut self, kind: ProbeKind, point: &AttachPoint) -> Option<Vec<Place>> {
        let word = kind.name();
        let form = format!("{word}:{}:1000", if kind == ProbeKind::Software { "cs" } else { "cycles" });
        let (name, count) = match parts(point) {
            [name] => (name, None),
            [name, count] => (name, Some(count).filter(|count| !count.text.is_empty())),
            _ => {
                let message = format!("{word} takes an event, perhaps with a count");
                return self.malformed(point.span, message, "one or two parts expected", &form);
            }
        };
        let event = self.event(kind, name)?;
        let count = match count.map(|count| number(&count.text).filter(|n| *n > 0).ok_or(count)) {
            None => event.count,
            Some(Ok(count)) => count,
            Some(Err(part)) => {
                let message = format!("`{}` is no count", part.text);
                return self.malformed(part.span, message, "a number of at least 1 expected", &form);
            }
        };
        let number = event.number;
        let target = match kind {
            ProbeKind::Software => Attach::Software { event: number, count },
            _ => Attach::Hardware { event: number, count },
        };
        let name = format!("{word}:{}:{count}", name.text);
        Some(vec![Place::new(name, target, point.span)])
    }

    fn event(&mut self, kind: ProbeKind, name: &Part) -> Option<&'static Event> {
        let (word, text) = (kind.name(), name.text.as_str());
        let table = if kind == ProbeKind::Software { SOFTWARE } else { HARDWARE };
        let found =
            table.iter().find(|event| event.name == text || (event.alias == text && !text.is_empty()));
        if found.is_some() {
            return found;
        }
        let message = match text.contains('*') {
            true => format!("{word} probes take no wildcards"),
            false => format!("no {word} event `{text}`"),
        };
        let names =
            || table.iter().flat_map(|event| [event.name, event.alias]).filter(|name| !name.is_empty());
        let error = Diagnostic::error(codes::NO_SUCH_TARGET, message).at(name.span, "no such event");
        self.report(match did_you_mean(word, text, names()) {
            Some(help) => error.help(help),
            None => error.note(format!("{word} events: {}", names().collect::<Vec<_>>().join(", "))),
        });
        None
    }
}
