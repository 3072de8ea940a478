//! `usdt:file:probe`, `usdt:file:provider:probe`: static probes that programs and libraries bring along.
//!
//! Wildcards may stand in every part; `usdt:*:…` looks at all files that the process of `-p`, or any process, has
//! mapped. A probe may be at several places, and its arguments elsewhere at each: `bodies` makes a program for each
//! way to get at them.

use super::uprobe::Opened;
use super::wildcard::{is_pattern, matches};
use super::{Place, parts};
use crate::diag::{Diagnostic, codes, suggest};
use crate::host::Feature;
use crate::host::elf::Note;
use crate::sema::check::Checker;
use crate::sema::tree::{Attach, ProbeKind, UserPlace};
use crate::sema::usdt as arguments;
use crate::source::Span;
use crate::syntax::ast::{AttachPoint, Part};

/// An attach point taken apart.
struct Wanted<'a> {
    /// None for all files of the process of `-p`.
    target: Option<&'a Part>,
    provider: Option<&'a str>,
    name: &'a Part,
    span: Span,
}

impl Wanted<'_> {
    fn fits(&self, note: &Note) -> bool {
        matches(&self.name.text, &note.name)
            && self.provider.is_none_or(|provider| matches(provider, &note.provider))
    }

    /// `provider:name` as written.
    fn written(&self) -> String {
        let provider = self.provider.map(|provider| format!("{provider}:")).unwrap_or_default();
        format!("{provider}{}", self.name.text)
    }
}

impl Checker<'_, '_> {
    pub(super) fn usdt(&mut self, point: &AttachPoint) -> Option<Vec<Place>> {
        let wanted = self.usdt_wanted(point)?;
        self.need_uprobes(ProbeKind::Usdt, point.span)?;
        let files = match (wanted.target, self.options.pid) {
            // the probe may be in any library of the process
            (None, Some(pid)) => match self.host.binaries().mapped(Some(pid)) {
                Ok(files) => files,
                Err(error) => return self.report_file(None, point.span, "", &error),
            },
            _ => self.files(wanted.target, point.span)?,
        };
        let mut found = Vec::new();
        for path in &files {
            match self.opened(path) {
                Ok(binary) => found.extend(self.notes_in(&wanted, &Opened { path, binary: &*binary })),
                Err(error) if files.len() == 1 => {
                    return self.report_file(wanted.target, point.span, path, &error);
                }
                Err(_) => {}
            }
        }
        match (found.is_empty(), &files[..]) {
            (false, _) => self.warn_semaphores(found, point.span),
            (true, [only]) => self.report_no_note(&wanted, only),
            (true, _) => {
                let message =
                    format!("none of {} files has a static probe like {}", files.len(), wanted.written());
                self.no_such(point.span, message, None)
            }
        }
    }

    /// The fitting places of a file, one an instruction and probe.
    fn notes_in(&mut self, wanted: &Wanted, file: &Opened) -> Vec<Place> {
        let mut places: Vec<Place> = Vec::new();
        for note in file.binary.notes().iter().filter(|note| wanted.fits(note)) {
            let Some(offset) = file.binary.offset_of(note.address) else { continue };
            let semaphore = match note.semaphore {
                0 => 0,
                address => file.binary.data_offset(address).unwrap_or(0),
            };
            let at = UserPlace {
                path: file.path.to_string(),
                function: String::new(),
                offset,
                semaphore,
                pid: self.traced_process(),
            };
            let name = format!("usdt:{}:{}:{}", file.path, note.provider, note.name);
            let mut place = Place::new(name, Attach::Usdt(at), wanted.span);
            let text = arguments::resolve(&note.arguments, note.address, |name| file.binary.variable(name));
            place.arguments = Some(text.into());
            places.push(place);
        }
        places
    }

    /// Without the kernel's help a semaphore stays at 0, and the program passes the probe by.
    fn warn_semaphores(&mut self, found: Vec<Place>, span: Span) -> Option<Vec<Place>> {
        let guarded = |place: &Place| place.target.user_place().is_some_and(|at| at.semaphore != 0);
        if found.iter().any(guarded) && !self.host.has(Feature::UprobeRefCount) {
            let message = "this kernel cannot switch static probes with semaphores on";
            let warning = Diagnostic::warning(codes::RISKY_PROBE, message).at(span, "may never be hit");
            self.report(warning.note("it needs reference counts of uprobes (ref_ctr_offset)"));
        }
        Some(found)
    }

    fn report_no_note(&mut self, wanted: &Wanted, path: &str) -> Option<Vec<Place>> {
        let Ok(binary) = self.opened(path) else { return None };
        let notes = binary.notes();
        let written = wanted.written();
        if notes.is_empty() {
            return self.no_such(wanted.span, format!("{path} has no static probes (USDT)"), None);
        }
        if is_pattern(&written) {
            return self.no_such(wanted.span, format!("no static probe of {path} is like {written}"), None);
        }
        let full = |note: &Note| match wanted.provider {
            Some(_) => format!("{}:{}", note.provider, note.name),
            None => note.name.clone(),
        };
        let names: Vec<String> = notes.iter().map(full).collect();
        let near = suggest::nearest(&written, names.iter().map(String::as_str));
        let help = near.map(|near| format!("did you mean `usdt:{path}:{near}`?")).or_else(|| {
            let mut known = names.clone();
            known.sort();
            known.dedup();
            (known.len() <= 16).then(|| format!("its probes: {}", known.join(", ")))
        });
        self.no_such(wanted.span, format!("no static probe `{written}` in {path}"), help)
    }

    fn usdt_wanted<'p>(&mut self, point: &'p AttachPoint) -> Option<Wanted<'p>> {
        let has_process = self.options.pid.is_some();
        let (target, provider, name) = match parts(point) {
            [name] if has_process => (None, None, name),
            [target, name] => (Some(target), None, name),
            [target, provider, name] => (Some(target), Some(provider.text.as_str()), name),
            _ => {
                let message = "usdt takes a file and a probe, perhaps with its provider";
                return self.malformed(
                    point.span,
                    message,
                    "two or three parts expected",
                    "usdt:/path:provider:probe",
                );
            }
        };
        if name.text.is_empty() || (target.is_some_and(|part| part.text.is_empty()) && !has_process) {
            let message = "usdt takes a file and a probe";
            return self.malformed(point.span, message, "a part is empty", "usdt:/path:provider:probe");
        }
        let target = target.filter(|part| !part.text.is_empty());
        let provider = provider.filter(|provider| !provider.is_empty());
        Some(Wanted { target, provider, name, span: point.span })
    }
}
