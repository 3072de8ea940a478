//! Values that may be called with a word about which is meant: `pid(init)`, `nsecs(mono)`.

use crate::diag::{Diagnostic, codes};
use crate::host::Feature;
use crate::source::Span;
use crate::syntax::ast::{self, ExprKind as Ast};
use crate::wire::types::Clock;

use super::super::check::Checker;
use super::super::signatures::Row;
use super::super::tree::{BinaryOp, Builtin, Expr, ExprKind};
use super::super::ty::Ty;
use super::super::value::Val;
use super::Call;

impl Checker<'_, '_> {
    /// A builtin value, called.
    pub(super) fn with_mode(&mut self, call: Call, row: &Row) -> Option<Val> {
        let Some(arg) = call.args.first() else { return self.builtin(call.span, row) };
        match (call.name, &arg.kind) {
            ("nsecs", Ast::Name(mode)) => self.nsecs(call, mode),
            ("comm", _) => self.process_name(call),
            ("pid" | "tid", Ast::Name(mode)) if mode == "curr_ns" || mode == "init" => {
                self.builtin(call.span, row)
            }
            _ => {
                let words =
                    if call.name == "nsecs" { "boot, monotonic, tai, sw_tai" } else { "curr_ns, init" };
                let message = format!("`{}` with this argument is not supported", call.name);
                self.error(codes::BAD_ARGUMENT, arg.span, message, format!("one of {words}"))
            }
        }
    }

    fn nsecs(&mut self, call: Call, mode: &str) -> Option<Val> {
        let value = |builtin| Some(Val::new(Ty::U64, call.span, ExprKind::Builtin(builtin)));
        match mode {
            "boot" => value(Builtin::Nsecs),
            "monotonic" => value(Builtin::NsecsMonotonic),
            "tai" if self.host.has(Feature::KtimeTai) => value(Builtin::NsecsTai),
            "tai" => {
                let name = Feature::KtimeTai.name();
                let message = format!("`nsecs(tai)` needs the kernel feature {name}");
                let error = Diagnostic::error(codes::MISSING_FEATURE, message);
                let error = error.at(call.span, "not on this kernel");
                self.report(error.help("`nsecs(sw_tai)` is close to it"));
                None
            }
            "sw_tai" => Some(self.software_tai(call.span)),
            _ => {
                let message = format!("`{mode}` is no clock");
                let label = "one of boot, monotonic, tai, sw_tai";
                self.error(codes::BAD_ARGUMENT, call.args[0].span, message, label)
            }
        }
    }
}

impl Checker<'_, '_> {
    /// CLOCK_TAI as far as it was from CLOCK_MONOTONIC at the start.
    pub(super) fn software_tai(&mut self, span: Span) -> Val {
        let clock = ExprKind::Builtin(Builtin::NsecsMonotonic);
        let ty = Ty::U64.to_type();
        let left = Box::new(Expr { span, ty: ty.clone(), kind: clock });
        let right = Box::new(Expr::int(self.options.tai_offset, ty, span));
        Val::new(Ty::U64, span, ExprKind::Binary { op: BinaryOp::Add, left, right })
    }
}

/// The clock that an argument of `strftime` was read from, as far as one can see.
pub(super) fn clock_of(arg: &ast::Expr) -> Clock {
    let Ast::Call { name, args, .. } = &arg.kind else { return Clock::Boot };
    match args.first().map(|arg| &arg.kind) {
        Some(Ast::Name(mode)) if name == "nsecs" => match mode.as_str() {
            "monotonic" => Clock::Monotonic,
            "tai" | "sw_tai" => Clock::Tai,
            _ => Clock::Boot,
        },
        _ => Clock::Boot,
    }
}
