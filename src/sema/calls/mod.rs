//! Calls: which function, how many arguments, and what each does with them.
//!
//! Functions that do something are statements, those that give a value are expressions; aggregations are only what a
//! map is set to. The table of `signatures` tells which is which.

mod act;
mod aggregate;
pub(super) mod bytes;
mod imported;
mod kernel;
mod map;
mod memory;
mod mode;
mod numbers;
mod print;
mod sequence;
mod signal;
mod stack;
mod strings;
mod text;
mod typed;

pub(super) use aggregate::aggregation;

use super::check::Checker;
use super::signatures::{self, Function, Meaning, Row};
use super::ty::Ty;
use super::value::Val;
use crate::diag::{Diagnostic, codes};
use crate::source::Span;
use crate::syntax::ast::{Expr, ExprKind};
use crate::wire::types::Name;

/// A call of the script, taken apart.
#[derive(Clone, Copy)]
pub(super) struct Call<'c> {
    pub span: Span,
    pub name: &'c str,
    pub name_span: Span,
    pub args: &'c [Expr],
}

impl<'c> Call<'c> {
    pub fn of(expr: &'c Expr) -> Option<Call<'c>> {
        match &expr.kind {
            ExprKind::Call { name, name_span, args } => {
                Some(Call { span: expr.span, name, name_span: *name_span, args })
            }
            _ => None,
        }
    }
}

impl Checker<'_, '_> {
    /// A call as an expression.
    pub(super) fn call(&mut self, expr: &Expr) -> Option<Val> {
        let call = Call::of(expr)?;
        if self.is_imported(call.name) {
            return self.imported(call);
        }
        let row = self.row(call)?;
        match row.meaning {
            meaning if meaning.is_value() => self.with_mode(call, row),
            Meaning::Stack { user } => self.stack(call, user),
            Meaning::Task { link, field } => self.task_field(call.span, call.args.first(), link, field),
            Meaning::Aggregation(_) => {
                let message = format!("{}() must be assigned to a map", call.name);
                let error = Diagnostic::error(codes::BAD_CONTEXT, message).at(call.span, "not assigned");
                self.report(error.help(format!("write `{}`", row.usage)));
                None
            }
            Meaning::Action(_) => {
                let message = format!("{}() gives no value", call.name);
                self.error(codes::BAD_CONTEXT, call.span, message, "used as a value")
            }
            Meaning::Function(Function::Delete) => self.delete(call),
            Meaning::Function(Function::HasKey) => self.has_key(call),
            Meaning::Function(Function::Len) => self.len(call),
            Meaning::Function(Function::Push) => self.push(call),
            Meaning::Function(Function::Next { stays }) => self.next_of(call, stays),
            Meaning::Function(Function::Str) => self.str(call),
            Meaning::Function(Function::Is(question)) => self.question(call, question),
            Meaning::Function(Function::ContainerOf) => self.container_of(call),
            Meaning::Function(Function::Ksym) => self.address(call, |_| Ty::Named(Name::KernelSymbol)),
            Meaning::Function(Function::Reg) => self.register(call, row),
            Meaning::Function(Function::Usym) => self.usym(call),
            Meaning::Function(Function::Named(name)) => self.number_name(call, name),
            Meaning::Function(Function::Strftime) => self.strftime(call),
            Meaning::Function(Function::CgroupPath) => self.cgroup_path(call),
            Meaning::Function(Function::CgroupId) => self.cgroup_id(call),
            Meaning::Function(Function::IsErr) => self.is_err(call),
            Meaning::Function(Function::Bswap) => self.bswap(call),
            Meaning::Function(Function::Kaddr) => self.kaddr(call),
            Meaning::Function(Function::PercpuKaddr) => self.percpu_kaddr(call),
            Meaning::Function(Function::Strlen) => self.strlen(call),
            Meaning::Function(Function::Strncmp) => self.strncmp(call),
            Meaning::Function(Function::Strstr) => self.strstr(call),
            Meaning::Function(Function::Strcontains) => self.strcontains(call),
            Meaning::Function(Function::StrConcat) => self.str_concat(call),
            Meaning::Function(Function::Memcmp) => self.memcmp(call),
            Meaning::Function(Function::Strcap) => self.strcap(call),
            Meaning::Function(Function::WriteUser) => self.write_user(call),
            Meaning::Function(Function::Kfunc { callable }) => self.kernel_function(call, callable),
            Meaning::Function(Function::Buf) => self.buf(call),
            Meaning::Function(Function::Ntop) => self.ntop(call),
            Meaning::Function(Function::Pton) => self.pton(call),
            Meaning::Function(Function::Path) => self.path(call, row),
            Meaning::Function(Function::SocketCookie) => self.socket_cookie(call, row),
            Meaning::Function(Function::Macaddr) => self.macaddr(call),
            Meaning::Function(Function::InSpace(space)) => self.address(call, |ty| ty.in_space(Some(space))),
            // the values, above
            _ => None,
        }
    }

    /// The one argument, an address, as another type.
    pub(super) fn address(&mut self, call: Call, ty: impl Fn(Ty) -> Ty) -> Option<Val> {
        let val = self.value(&call.args[0])?;
        if !val.ty.is_int() && !val.ty.is_pointer() {
            let message = format!("{}() takes an address", call.name);
            let label = format!("this is {}", self.name(&val.ty));
            return self.error(codes::BAD_ARGUMENT, val.span, message, label);
        }
        let wide = if val.ty.is_pointer() { val } else { val.cast(Ty::U64) };
        let ty = ty(wide.ty.clone());
        Some(Val { span: call.span, ..wide.cast(ty) })
    }

    /// The row of the called function, when the number of arguments fits.
    pub(super) fn row(&mut self, call: Call) -> Option<&'static Row> {
        let Some(row) = signatures::find(call.name) else { return self.report_unknown_function(call) };
        let (least, most) = row.args;
        if (least..=most).contains(&call.args.len()) {
            return Some(row);
        }
        let expected = match (least, most) {
            (0, 0) => "no arguments".to_string(),
            (1, 1) => "one argument".to_string(),
            (0, 1) => "at most one argument".to_string(),
            (least, most) if least == most => format!("{least} arguments"),
            (least, most) if most > 100 => {
                format!("at least {least} argument{}", if least == 1 { "" } else { "s" })
            }
            (least, most) => format!("{least} to {most} arguments"),
        };
        let message = format!("{}() takes {expected}", call.name);
        let error =
            Diagnostic::error(codes::ARITY, message).at(call.span, format!("{} given", call.args.len()));
        self.report(error.help(format!("usage: `{}`", row.usage)));
        None
    }

    fn report_unknown_function(&mut self, call: Call) -> Option<&'static Row> {
        let later = signatures::comes_later(call.name);
        let name = call.name;
        let message = match later {
            true => format!("`{name}()` is not supported yet"),
            false => format!("unknown function `{name}`"),
        };
        let label = if later { "known to bpftrace only" } else { "no function of this name" };
        let mut error = Diagnostic::error(codes::UNKNOWN_FUNCTION, message).at(call.name_span, label);
        if let Some(near) = signatures::nearest(name, true).filter(|_| !later) {
            error = error.help(format!("did you mean `{}` ({})?", near.name, near.about));
        }
        if let Some(object) = self.imports.private(name) {
            error = error
                .note(format!("`{name}` is static in {object}: only functions that are not can be called"));
        }
        self.report(error);
        // The arguments may hold mistakes of their own.
        call.args.iter().for_each(|arg| drop(self.expr(arg)));
        None
    }

    /// The text of an argument that must be a literal.
    pub(super) fn literal_text(&mut self, call: Call, arg: &Expr) -> Option<String> {
        match &arg.kind {
            ExprKind::Str(text) => Some(String::from_utf8_lossy(text).into_owned()),
            _ => {
                let message = format!("{}() wants a text literal here", call.name);
                self.error(codes::BAD_ARGUMENT, arg.span, message, "no text literal")
            }
        }
    }

    /// The value of an argument that must be an integer literal of at least 0.
    pub(super) fn literal_count(&mut self, call: Call, arg: &Expr) -> Option<u64> {
        let val = self.value(arg)?;
        match val.as_integer().map(u64::try_from) {
            Some(Ok(count)) => Some(count),
            _ => {
                let message = format!("{}() wants a constant integer here, 0 or more", call.name);
                self.error(codes::BAD_ARGUMENT, arg.span, message, "no such constant")
            }
        }
    }
}
