//! From probe blocks to bodies: attach points expanded, those that can share a program put together.
//!
//! A block gives one body a kind of probe. Where it reads the fields of tracepoints, those with other fields get a
//! body of their own.

use std::collections::HashSet;
use std::rc::Rc;

use super::check::{Body, Checker, VarSlot};
use super::fields::Record;
use super::infer::{self, Rule};
use super::maps::Slot;
use super::probes::Place;
use super::probes::wildcard::is_pattern;
use super::scope::Scopes;
use super::tree::{Attach, AttachPoint, ProbeKind};
use super::ty::Ty;
use super::types::Space;
use crate::diag::{Diagnostic, codes};
use crate::host::Feature;
use crate::source::Span;
use crate::syntax::ast::{self, ExprKind};

/// What tells the bodies of a block apart.
#[derive(PartialEq)]
struct Group {
    kind: ProbeKind,
    space: Space,
    record: Option<Record>,
    /// See [`Place`].
    arguments: Option<Rc<str>>,
}

impl Group {
    fn new(kind: ProbeKind) -> Group {
        let space = if kind.in_user_space() { Space::User } else { Space::Kernel };
        Group { kind, space, record: None, arguments: None }
    }
}

impl<'a> Checker<'a, '_> {
    /// Makes the bodies of a probe block; gives the rules of each.
    pub(super) fn add_bodies(&mut self, clause: u32, probe: &'a ast::Probe) -> Vec<Rc<[Rule<'a>]>> {
        let scopes = Rc::new(self.resolve_scopes(probe));
        let reads = uses_args(probe);
        let mut groups: Vec<(Group, Vec<AttachPoint>)> = Vec::new();
        for (kind, places) in self.places(probe) {
            for place in places {
                let group = self.group(kind, &place, reads);
                // what only another mode runs is checked, and left out
                if !self.options.mode.runs(kind) || self.is_filtered_out(kind, &place.name) {
                    groups.push((group, Vec::new()));
                    continue;
                }
                let attach = self.attach_point(place);
                match groups.iter_mut().find(|(known, _)| *known == group) {
                    Some((_, points)) => points.push(attach),
                    None => groups.push((group, vec![attach])),
                }
            }
        }
        if groups.is_empty() {
            groups.push((Group::new(ProbeKind::Begin), Vec::new()));
        }
        let rules = infer::rules(probe, &scopes, &self.maps);
        let vars = self.declared(&scopes);
        let made = groups.len();
        for (group, attach) in groups {
            let Group { kind, space, record, arguments } = group;
            let (scopes, vars) = (scopes.clone(), vars.clone());
            self.bodies.push(Body {
                clause,
                ast: probe,
                scopes,
                kind,
                attach,
                record,
                arguments,
                space,
                vars,
            });
        }
        vec![rules; made]
    }

    /// What the attach points of a block stand for. A pattern that nothing matches is a mistake only where no other
    /// attach point of the block has places: scripts list the names that a function has in different kernels.
    fn places(&mut self, probe: &ast::Probe) -> Vec<(ProbeKind, Vec<Place>)> {
        let (mut places, mut unmatched) = (Vec::new(), Vec::new());
        for point in &probe.attach {
            let Some(kind) = self.probe_kind(point) else { continue };
            let tolerated =
                probe.attach.len() > 1 && point.parts[1..].iter().any(|part| is_pattern(&part.text));
            self.may_match_nothing = tolerated;
            places.push((kind, self.expand(kind, point).unwrap_or_default()));
            if !std::mem::take(&mut self.may_match_nothing) && tolerated {
                unmatched.push((kind, point));
            }
        }
        if places.iter().all(|(_, found)| found.is_empty()) {
            for (kind, point) in unmatched {
                self.expand(kind, point);
            }
        }
        places
    }

    fn is_filtered_out(&self, kind: ProbeKind, name: &str) -> bool {
        let of_the_run = matches!(kind, ProbeKind::Begin | ProbeKind::End | ProbeKind::SelfSignal);
        !of_the_run && self.options.filter.as_ref().is_some_and(|filter| !filter.fits(name))
    }

    fn group(&mut self, kind: ProbeKind, place: &Place, reads: Reads) -> Group {
        let arguments = place.arguments.clone().filter(|_| reads.numbered);
        if !reads.fields {
            return Group { arguments, ..Group::new(kind) };
        }
        // What system calls are given points to the caller's memory.
        let syscall = matches!(&place.target, Attach::Tracepoint { category, .. } if category == "syscalls");
        let space = if syscall { Space::User } else { Group::new(kind).space };
        Group { arguments, space, record: self.record_of(place), ..Group::new(kind) }
    }

    /// What `args`, `retval` or `ctx` stand for at a place.
    fn record_of(&mut self, place: &Place) -> Option<Record> {
        match &place.target {
            Attach::Tracepoint { category, event } => self.record(place.span, category, event),
            Attach::Rawtracepoint { module, event } => self.raw_record(place.span, module, event),
            Attach::Fentry(traced) | Attach::Fexit(traced) => self.function_record(place.span, traced),
            Attach::Iter { target, .. } => self.iter_record(place.span, target),
            Attach::Uprobe(at) => self.user_record(place.span, at),
            _ => None,
        }
    }

    fn attach_point(&mut self, place: Place) -> AttachPoint {
        let Place { name, target, span, .. } = place;
        let known = self.name_index.get(&name).copied();
        let name_index = known.unwrap_or_else(|| {
            let new = self.probe_names.len() as u32;
            self.probe_names.push(name.clone());
            self.name_index.insert(name.clone(), new);
            new
        });
        AttachPoint { name, name_index, span, target }
    }

    /// The slots of a block's variables, with the types that they are declared as.
    fn declared(&mut self, scopes: &Scopes<'a>) -> Vec<VarSlot> {
        let mut slots = Vec::new();
        for var in &scopes.vars {
            // `typeof` is known once the types of other variables are.
            let declared = var.declared.filter(|ty| !matches!(ty.base, ast::TypeBase::Typeof(_)));
            let ty = declared.and_then(|written| self.declared_type(written));
            let fixed = declared.is_some() && ty != Some(Ty::Str { size: 0 });
            let span = var.declared.map_or(var.span, |written| written.span);
            slots.push(VarSlot { slot: Slot { ty, span }, fixed });
        }
        slots
    }

    fn declared_type(&mut self, written: &ast::TypeName) -> Option<Ty> {
        let ty = self.type_name(written)?;
        if ty != Ty::Void {
            self.complete(&ty);
            return Some(ty);
        }
        let message = format!("a variable cannot be declared as {}", self.name(&ty));
        let error = Diagnostic::error(codes::VARIABLE, message).at(written.span, "no type of a variable");
        self.report(error);
        None
    }

    /// Refuses more attach points than the limit.
    pub(super) fn check_count(&mut self, span: Span) {
        let most = self.options.max_probes as usize;
        let count: usize = self.bodies.iter().map(|body| body.attach.len()).sum();
        let count = if count > most { self.bodies.iter().map(|body| self.links(body)).sum() } else { count };
        if count > most {
            let message = format!("{count} probes, {most} at most");
            let error = Diagnostic::error(codes::TOO_LARGE, message).at(span, "passes the limit");
            self.report(error.help(format!("raise max_probes: BPFTRACE_MAX_PROBES={count}")));
        }
    }
}

impl Checker<'_, '_> {
    /// What the attach points of a body are to the kernel: many functions that one link holds are one.
    fn links(&self, body: &Body) -> usize {
        let together = match body.kind {
            ProbeKind::Kprobe | ProbeKind::Kretprobe => self.host.has(Feature::KprobeMulti),
            kind if kind.in_user_space() => self.host.has(Feature::UprobeMulti),
            _ => false,
        };
        if !together {
            return body.attach.len();
        }
        let written: HashSet<Span> = body.attach.iter().map(|at| at.span).collect();
        written.len()
    }
}

/// Names of what a [`Record`] describes.
const FIELDS: &[&str] = &["args", "retval", "ctx"];

/// What a block reads that may be elsewhere in each attach point.
#[derive(Clone, Copy, Default)]
struct Reads {
    /// What a record describes: fields, typed arguments and results, an iterator's context.
    fields: bool,
    /// Arguments by number: `arg0`.
    numbered: bool,
}

fn uses_args(probe: &ast::Probe) -> Reads {
    let mut found = Reads::default();
    super::walk::probe(probe, &mut |expr| {
        if let ExprKind::Name(name) | ExprKind::Call { name, .. } = &expr.kind {
            found.fields |= FIELDS.contains(&name.as_str());
            found.numbered |= name.strip_prefix("arg").is_some_and(|number| number.parse::<u8>().is_ok());
        }
    });
    found
}
