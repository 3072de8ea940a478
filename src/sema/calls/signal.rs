//! What changes the traced processes: only where the command line allows it.

use crate::diag::{Diagnostic, codes};
use crate::syntax::ast::ExprKind as Ast;
use crate::wire::codes as tables;

use super::super::check::Checker;
use super::super::tree::{Expr, ExprKind, Function, ProbeKind, StmtKind};
use super::super::ty::Ty;
use super::super::value::Val;
use super::Call;

impl Checker<'_, '_> {
    /// Refuses what is unsafe without `--unsafe`.
    pub(super) fn check_safe(&mut self, call: Call) -> Option<()> {
        if self.options.allow_unsafe {
            return Some(());
        }
        let message = format!("{}() is unsafe", call.name);
        let error = Diagnostic::error(codes::BAD_CONTEXT, message).at(call.span, "not allowed");
        self.report(error.help("allow it with `--unsafe`"));
        None
    }

    /// `signal(n)`, `signal("NAME")`
    pub(super) fn signal(&mut self, call: Call, thread: bool) -> Option<StmtKind> {
        self.check_safe(call)?;
        let kind = self.body().kind;
        if matches!(kind, ProbeKind::Begin | ProbeKind::End | ProbeKind::Interval) {
            let message = format!("`{}` does not exist in {} probes", call.name, kind.name());
            return self.error(codes::NOT_IN_PROBE, call.span, message, "no process to send it to");
        }
        let arg = &call.args[0];
        let number = match &arg.kind {
            Ast::Str(name) => {
                let name = String::from_utf8_lossy(name).into_owned();
                let Some(number) = tables::signal_number(&name) else {
                    let message = format!("`{name}` is no signal");
                    return self.error(codes::BAD_ARGUMENT, arg.span, message, "not among their names");
                };
                Val::int(number as i64, Ty::U32, arg.span)
            }
            _ => self.number(call, 0)?,
        };
        if number.as_integer().is_some_and(|number| !(1..=64).contains(&number)) {
            let message = "signals have numbers from 1 to 64";
            return self.error(codes::OUT_OF_RANGE, arg.span, message, "no signal");
        }
        let args = vec![number.cast(Ty::U32).into_expr()];
        Some(call_statement(call, Function::Signal { thread }, args))
    }

    /// `override(n)`
    pub(super) fn override_(&mut self, call: Call) -> Option<StmtKind> {
        self.check_safe(call)?;
        if self.body().kind != ProbeKind::Kprobe {
            let message = format!("`override` does not exist in {} probes", self.body().kind.name());
            return self.error(codes::NOT_IN_PROBE, call.span, message, "only in kprobe");
        }
        let value = self.number(call, 0)?;
        Some(call_statement(call, Function::Override, vec![value.cast(Ty::U64).into_expr()]))
    }
}

fn call_statement(call: Call, function: Function, args: Vec<Expr>) -> StmtKind {
    let kind = ExprKind::Call { function, args };
    StmtKind::Expr(Expr { span: call.span, ty: Ty::I64.to_type(), kind })
}
