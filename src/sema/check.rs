//! The state of a check: what is known of the script, and where messages go.
//!
//! The same code types an expression twice: *quietly* while the types of variables and maps are still sought (see
//! `infer`), and *aloud* once they are settled, when mistakes are reported and the typed tree is kept. In quiet mode
//! an expression without a type yet is `None`; aloud, `None` means that the mistake has been reported.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use super::Options;
use super::ctypes::CTypes;
use super::fields::Record;
use super::imports::Imports;
use super::maps::{Maps, Slot};
use super::names;
use super::scope::Scopes;
use super::tree::{AttachPoint, Imported, ProbeKind, VarId};
use super::ty::Ty;
use super::types::Space;
use super::value::{Kind, Val};
use crate::config::Missing;
use crate::diag::{Code, Diagnostic, Severity, Sink, codes};
use crate::host::{Btf, Host};
use crate::source::Span;
use crate::syntax::ast;

/// One program to be: the body of a probe block for attach points that can share it.
pub(super) struct Body<'a> {
    /// Index of the probe block.
    pub clause: u32,
    pub ast: &'a ast::Probe,
    pub scopes: Rc<Scopes<'a>>,
    pub kind: ProbeKind,
    pub attach: Vec<AttachPoint>,
    /// Fields of the tracepoint, when the body asks for them.
    pub record: Option<Record>,
    /// Where the arguments of a static probe are, when the body asks for them.
    pub arguments: Option<Rc<str>>,
    /// The memory that pointers among the probe's arguments lead to.
    pub space: Space,
    /// By [`VarId`].
    pub vars: Vec<VarSlot>,
}

/// A scratch variable of a [`Body`].
#[derive(Clone, Default)]
pub(super) struct VarSlot {
    pub slot: Slot,
    /// Declared with its full type: assignments do not change it.
    pub fixed: bool,
}

/// See the module.
pub(super) struct Checker<'a, 's> {
    pub host: &'a dyn Host,
    pub options: &'a Options,
    sink: &'s mut Sink,
    pub quiet: bool,
    pub types: CTypes,
    pub maps: Maps,
    pub probe_names: Vec<String>,
    /// Formats and patterns that names of numbers index.
    pub texts: Vec<String>,
    /// Index of each of the names of probes.
    pub name_index: HashMap<String, u32>,
    /// An error was reported.
    pub failed: bool,
    /// Fields reported as missing: once, however many tracepoints lack them.
    pub missing: HashSet<Span>,
    /// The attach point at work may match nothing, as its block has others; no longer set when it does.
    pub may_match_nothing: bool,
    pub bodies: Vec<Body<'a>>,
    /// The body at work.
    pub current: usize,
    /// Loops around the statement at work.
    pub loops: u32,
    /// What imported objects offer.
    pub imports: &'a Imports,
    /// Functions of theirs that the script calls.
    pub called: Vec<Imported>,
}

impl<'a, 's> Checker<'a, 's> {
    pub fn new(
        (host, imports): (&'a dyn Host, &'a Imports),
        options: &'a Options,
        sink: &'s mut Sink,
        maps: Maps,
    ) -> Self {
        Checker {
            host,
            options,
            sink,
            quiet: false,
            types: CTypes::default(),
            maps,
            probe_names: Vec::new(),
            texts: Vec::new(),
            name_index: HashMap::new(),
            failed: false,
            missing: HashSet::new(),
            may_match_nothing: false,
            bodies: Vec::new(),
            current: 0,
            loops: 0,
            imports,
            called: Vec::new(),
        }
    }

    pub fn body(&self) -> &Body<'a> {
        &self.bodies[self.current]
    }

    /// Passes a message on, unless types are still sought.
    pub fn report(&mut self, mut diagnostic: Diagnostic) {
        if diagnostic.code == codes::NO_SUCH_TARGET {
            if std::mem::take(&mut self.may_match_nothing) {
                return;
            }
            match self.options.missing_probes {
                Missing::Error => {}
                Missing::Warn => diagnostic.severity = Severity::Warning,
                Missing::Ignore => return,
            }
        }
        if !self.quiet {
            self.failed |= diagnostic.severity == Severity::Error;
            self.sink.push(diagnostic);
        }
    }

    /// Resolves the variables of a probe block.
    pub fn resolve_scopes(&mut self, probe: &'a ast::Probe) -> Scopes<'a> {
        let scopes = Scopes::resolve(probe, self.sink);
        self.failed |= scopes.failed;
        scopes
    }

    /// Reports an error with one label.
    pub fn error<T>(
        &mut self,
        code: Code,
        span: Span,
        message: impl Into<String>,
        label: impl Into<String>,
    ) -> Option<T> {
        self.report(Diagnostic::error(code, message).at(span, label));
        None
    }

    /// A type as messages call it.
    pub fn name(&self, ty: &Ty) -> String {
        names::ty(ty, &self.types.structs)
    }

    /// The kernel's types, which something in the script needs.
    pub fn btf(&mut self, span: Span, why: &str) -> Option<&'a dyn Btf> {
        match self.host.btf() {
            Ok(btf) => Some(btf),
            Err(error) => {
                let message = format!("{why} needs the kernel's types (BTF), which are not there");
                let message = Diagnostic::error(codes::NO_BTF, message).at(span, "needed here");
                self.report(
                    message
                        .note(error.to_string())
                        .help("the kernel must be built with CONFIG_DEBUG_INFO_BTF"),
                );
                None
            }
        }
    }

    pub fn var(&self, id: VarId) -> &VarSlot {
        &self.body().vars[id.0 as usize]
    }

    /// An expression whose value can be computed, compared and kept.
    pub fn value(&mut self, expr: &ast::Expr) -> Option<Val> {
        let val = self.expr(expr)?;
        self.as_value(val)
    }

    /// Refuses what is no value.
    pub fn as_value(&mut self, val: Val) -> Option<Val> {
        match &val.kind {
            Kind::Place(_) => {
                self.complete(&val.ty);
                Some(Val { ty: val.ty.clone(), span: val.span, kind: Kind::Expr(val.into_expr().kind) })
            }
            Kind::Args => self.arguments(val.span),
            _ => match &val.ty {
                // An aggregation that is one number is read as that number.
                Ty::Aggregate(kind) => match super::loops::number_of(kind) {
                    Some(ty) => Some(Val { ty, ..val }),
                    None => match super::loops::record_of(kind) {
                        Some(ty) => Some(Val { ty, ..val }),
                        None => self.refuse_aggregate(&val),
                    },
                },
                _ => Some(val),
            },
        }
    }

    /// Learns the fields of the structs that a value of this type holds: it is going to be kept or printed.
    pub fn complete(&mut self, ty: &Ty) {
        if !self.quiet
            && let Ok(btf) = self.host.btf()
        {
            self.types.complete(btf, ty);
        }
    }

    fn refuse_aggregate(&mut self, val: &Val) -> Option<Val> {
        let kind = self.name(&val.ty);
        let message = format!("the value of a {kind} map is no number");
        let error = Diagnostic::error(codes::MAP_VALUE, message).at(val.span, format!("holds {kind}"));
        self.report(error.help("print the map as a whole, or keep a plain number: `@n++`"));
        None
    }
}
