//! Names that stand alone: builtin values and constants of the kernel's enums.

use std::sync::Arc;

use crate::diag::{Diagnostic, codes, suggest};
use crate::host::{BtfKind, BtfType, TypeId};
use crate::source::Span;
use crate::syntax::ast;
use crate::wire::types::Name;

use super::super::check::Checker;
use super::super::constant::Const;
use super::super::fields::RESULT;
use super::super::signatures::{self, Meaning, Place, Row};
use super::super::tree::{Builtin, ExprKind, ProbeKind};
use super::super::ty::Ty;
use super::super::types::{IntType, Space};
use super::super::uapi;
use super::super::value::{Kind, Val};

impl Checker<'_, '_> {
    /// A name without parentheses.
    pub(super) fn named(&mut self, span: Span, name: &str) -> Option<Val> {
        if let Some(row) = signatures::find(name) {
            return match row.meaning {
                meaning if meaning.is_value() => self.builtin(span, row),
                Meaning::Task { link, field } => self.task_field(span, None, link, field),
                Meaning::Stack { user } => Some(self.default_stack(span, user)),
                _ => {
                    let message = format!("`{name}` is a function");
                    let error = Diagnostic::error(codes::UNKNOWN_NAME, message).at(span, "not called");
                    self.report(error.help(format!("call it: `{}`", row.usage)));
                    None
                }
            };
        }
        self.enum_constant(span, name).or_else(|| self.report_unknown_name(span, name))
    }

    fn report_unknown_name(&mut self, span: Span, name: &str) -> Option<Val> {
        let later = signatures::comes_later(name);
        let message =
            if later { format!("`{name}` is not supported yet") } else { format!("unknown name `{name}`") };
        let label = if later { "known to bpftrace only" } else { "no builtin or constant of this name" };
        let mut error = Diagnostic::error(codes::UNKNOWN_NAME, message).at(span, label);
        if name.strip_prefix("arg").is_some_and(|number| number.parse::<u32>().is_ok()) {
            error = error.help("only arg0 to arg5 are passed in registers");
        } else if let Some(near) = signatures::nearest(name, false).filter(|_| !later) {
            error = error.help(format!("did you mean `{}` ({})?", near.name, near.about));
        } else if let Some(near) = suggest::nearest(name, uapi::names()).filter(|_| name.contains('_')) {
            error = error.help(format!("did you mean `{near}`?"));
        }
        self.report(error);
        None
    }

    /// A builtin value; says so when it does not exist in this kind of probe.
    pub(in super::super) fn builtin(&mut self, span: Span, row: &Row) -> Option<Val> {
        self.available(span, row)?;
        Some(match row.meaning {
            Meaning::Value(Builtin::Arg(number), _) if self.body().kind == ProbeKind::Usdt => {
                return self.usdt_argument(span, number);
            }
            Meaning::Value(Builtin::Retval, _) if self.body().kind == ProbeKind::Fexit => {
                return self.typed_result(span);
            }
            Meaning::Context => return self.iterator_context(span),
            Meaning::Value(builtin, size) => self.builtin_value(span, builtin, size),
            Meaning::StackArg(number) => self.stack_argument(span, number),
            Meaning::Usermode => return self.usermode(span),
            Meaning::DefaultLength => Val::int(i64::from(self.options.max_strlen), Ty::U64, span),
            Meaning::Config => self.settings(span),
            Meaning::Cpus => Val::int(i64::from(self.host.possible_cpus()), Ty::U64, span),
            Meaning::ChildPid => Val::int(i64::from(self.options.cpid), Ty::U64, span),
            Meaning::HasChild => Val::constant(Const::Bool(self.options.cpid != 0), span),
            Meaning::Username => {
                let uid = ExprKind::Builtin(Builtin::Uid);
                Val::new(Ty::U64, span, uid).cast(Ty::Named(Name::Username))
            }
            Meaning::ProbeType => Val::constant(Const::Str(self.probe_type().into()), span),
            _ => Val { ty: Ty::Void, span, kind: Kind::Args },
        })
    }

    /// Checks where a name may stand and what it needs of the kernel.
    pub(in super::super) fn available(&mut self, span: Span, row: &Row) -> Option<()> {
        let kind = self.body().kind;
        // Where the attach points are wrong nobody knows what kind was meant.
        if self.body().attach.is_empty() {
            return Some(());
        }
        if !row.place.allows(kind) {
            let message = format!("`{}` does not exist in {} probes", row.name, kind.name());
            let label = format!("only in {}", row.place.words());
            let error = Diagnostic::error(codes::NOT_IN_PROBE, message).at(span, label);
            self.report(match place_help(row, kind.name()) {
                Some(help) => error.help(help),
                None => error,
            });
            return None;
        }
        match row.feature {
            Some((feature, place)) if place.allows(kind) && !self.host.has(feature) => {
                let message = format!("`{}` needs the kernel feature {}", row.name, feature.name());
                let error = Diagnostic::error(codes::MISSING_FEATURE, message).at(span, "not on this kernel");
                let probe = row.place == Place::Function;
                self.report(if probe { error.help("`probe` tells the function too") } else { error });
                None
            }
            _ => Some(()),
        }
    }

    /// `retval` of a function with types.
    fn typed_result(&mut self, span: Span) -> Option<Val> {
        let record = self.body().record.as_ref()?;
        if record.find(RESULT).is_none() {
            let message = format!("`{}` returns nothing", self.body().attach[0].name);
            return self.error(codes::NOT_IN_PROBE, span, message, "no value");
        }
        self.argument(span, RESULT, span)
    }

    /// `task.link.field`, of the current task unless one is given.
    pub(in super::super) fn task_field(
        &mut self,
        span: Span,
        task: Option<&ast::Expr>,
        link: &str,
        field: &str,
    ) -> Option<Val> {
        let current = || ast::Expr { span, kind: ast::ExprKind::Name("curtask".into()) };
        let of = |base: ast::Expr, name: &str| {
            let (base, name) = (Box::new(base), name.to_owned());
            let kind = ast::ExprKind::Field { base, name, name_span: span, arrow: false };
            ast::Expr { span, kind }
        };
        let task = of(task.cloned().unwrap_or_else(current), link);
        self.expr(&of(task, field))
    }

    /// The kind of the probe: begin and end are special.
    fn probe_type(&self) -> &'static str {
        match self.body().kind {
            ProbeKind::Begin | ProbeKind::End => "special",
            kind => kind.name(),
        }
    }

    fn builtin_value(&mut self, span: Span, builtin: Builtin, size: u8) -> Val {
        let space = match builtin {
            Builtin::Arg(_) | Builtin::Retval => Some(self.body().space),
            _ => None,
        };
        let builtin = match builtin {
            Builtin::Func if self.body().kind.in_user_space() => Builtin::UserFunction,
            other => other,
        };
        let ty = match builtin {
            Builtin::Comm => Ty::Str { size: 16 },
            Builtin::Probe => Ty::Named(Name::Probe),
            Builtin::Func => Ty::Named(Name::KernelSymbol),
            Builtin::UserFunction => Ty::Named(Name::Function),
            Builtin::Curtask => self.task_pointer(),
            _ => Ty::fixed(size, false).in_space(space),
        };
        Val::new(ty, span, ExprKind::Builtin(builtin))
    }

    /// `struct task_struct *`; without BTF a pointer to nothing known.
    fn task_pointer(&mut self) -> Ty {
        let to = match self.host.btf() {
            Ok(btf) => match btf.find(BtfKind::Struct, "task_struct") {
                Some(id) => self.types.of(btf, id),
                None => Ty::Void,
            },
            Err(_) => Ty::Void,
        };
        Ty::Pointer { to: Arc::new(to), space: Some(Space::Kernel) }
    }

    /// A constant of an enum, or of the kernel's headers.
    fn enum_constant(&mut self, span: Span, name: &str) -> Option<Val> {
        if let Ok(btf) = self.host.btf() {
            if let Some((value, id)) = btf.enum_constant(name) {
                return Some(Val::int(value, self.constant_type(id), span));
            }
            // REQ_SYNC is a flag, whose bit has a name of its own.
            if name.starts_with("REQ_")
                && let Some((bit, _)) = btf.enum_constant(&format!("__{name}"))
            {
                return Some(Val::constant(Const::Int(1u64.checked_shl(bit as u32).unwrap_or(0)), span));
            }
        }
        let value = uapi::find(name)?;
        Const::of(value).map(|value| Val::constant(value, span))
    }

    /// Constants of an enum are 64 bits wide and printed by name, whether the enum has a name or not.
    fn constant_type(&mut self, id: TypeId) -> Ty {
        let Ok(btf) = self.host.btf() else { return Ty::U64 };
        match btf.get(id) {
            BtfType::Enum { name, values, signed, .. } => Ty::Enum {
                int: IntType { size: 8, signed },
                name: name.into(),
                values: values.into_iter().map(|(name, value)| (value, name)).collect(),
            },
            _ => Ty::U64,
        }
    }

    /// The constant index of the probe name `text`, when any probe is called so.
    pub(super) fn probe_index(&self, text: &[u8]) -> Option<Const> {
        let found = self.probe_names.iter().position(|name| name.as_bytes() == text);
        found.map(|index| Const::Int(index as u64))
    }
}

fn place_help(row: &Row, kind: &str) -> Option<&'static str> {
    match (row.name, kind) {
        ("retval", "tracepoint") => Some("the result of a system call is `args.ret`"),
        ("retval", "kprobe") => Some("the function has not run yet: trace its kretprobe"),
        ("retval", "uprobe") => Some("the function has not run yet: trace its uretprobe"),
        ("args", "kprobe") => Some("use arg0, arg1, ... cast to the right type"),
        (name, "kretprobe") if name.starts_with("arg") => {
            Some("keep the argument in a map at the kprobe: `@a[tid] = arg0`")
        }
        (name, "uretprobe") if name.starts_with("arg") => {
            Some("keep the argument in a map at the uprobe: `@a[tid] = arg0`")
        }
        (name, "uprobe") if name.starts_with("arg") => {
            Some("later arguments are on the stack: sarg0, sarg1, ...")
        }
        ("retval", "fentry") => Some("the function has not run yet: trace its fexit"),
        (name, "fentry" | "fexit") if name.starts_with("arg") => Some("name an argument: `args.name`"),
        (name, "tracepoint") if name.starts_with("arg") => Some("name a field: `args.field`"),
        _ => None,
    }
}
