//! Addresses of the kernel's symbols, and ids of cgroups: asked of the machine while compiling.

use std::sync::Arc;

use crate::diag::{Diagnostic, codes};
use crate::source::Span;

use super::super::check::Checker;
use super::super::tree::{BinaryOp, Builtin, Expr, ExprKind};
use super::super::ty::Ty;
use super::super::types::Space;
use super::super::value::Val;
use super::Call;

/// Where the kernel keeps how far each CPU's variables are from their symbols.
const OFFSETS: &str = "__per_cpu_offset";

impl Checker<'_, '_> {
    /// `kaddr("name")`: a pointer to 64 bits.
    pub(super) fn kaddr(&mut self, call: Call) -> Option<Val> {
        let name = self.literal_text(call, &call.args[0])?;
        let address = self.symbol(call.args[0].span, &name)?;
        Some(Val::int(address as i64, pointer(), call.span))
    }

    fn symbol(&mut self, span: Span, name: &str) -> Option<u64> {
        let address = self.host.symbol_address(name);
        if address.is_none() {
            let message = format!("the kernel has no symbol `{name}`");
            let error = Diagnostic::error(codes::UNKNOWN_NAME, message).at(span, "not in /proc/kallsyms");
            self.report(error.help("addresses are hidden from users without rights"));
        }
        address
    }

    /// `percpu_kaddr("name")`, `percpu_kaddr("name", cpu)`: null for a CPU that there is not.
    pub(super) fn percpu_kaddr(&mut self, call: Call) -> Option<Val> {
        let name = self.literal_text(call, &call.args[0])?;
        let symbol = self.symbol(call.args[0].span, &name)?;
        let offsets = self.symbol(call.args[0].span, OFFSETS)?;
        let span = call.span;
        let cpu = match call.args.get(1) {
            Some(_) => self.number(call, 1)?.cast(Ty::U64).into_expr(),
            None => Val::new(Ty::U64, span, ExprKind::Builtin(Builtin::Cpu)).into_expr(),
        };
        let number = |value: i64| Expr::int(value, Ty::U64.to_type(), span);
        let binary = |op, left: Expr, right: Expr| Expr {
            span,
            ty: Ty::U64.to_type(),
            kind: ExprKind::Binary { op, left: Box::new(left), right: Box::new(right) },
        };
        let at = binary(BinaryOp::Mul, cpu.clone(), number(8));
        let at = binary(BinaryOp::Add, at, number(offsets as i64));
        let kind = ExprKind::Load { address: Box::new(at), offset: 0, space: Space::Kernel, bits: None };
        let distance = Expr { span, ty: Ty::U64.to_type(), kind };
        let address = binary(BinaryOp::Add, distance, number(symbol as i64));
        if call.args.len() == 1 {
            return Some(Val::new(Ty::U64, span, address.kind).cast(pointer()));
        }
        let cpus = number(i64::from(self.host.possible_cpus()));
        let cond = Expr { ty: Ty::Bool.to_type(), ..binary(BinaryOp::Lt, cpu, cpus) };
        let (cond, then, otherwise) = (Box::new(cond), Box::new(address), Box::new(number(0)));
        Some(Val::new(Ty::U64, span, ExprKind::Ternary { cond, then, otherwise }).cast(pointer()))
    }

    /// `cgroupid("path")`
    pub(super) fn cgroup_id(&mut self, call: Call) -> Option<Val> {
        let path = self.literal_text(call, &call.args[0])?;
        match self.host.cgroup_id(&path) {
            Ok(id) => Some(Val::int(id as i64, Ty::U64, call.span)),
            Err(why) => {
                let message = format!("no cgroup there: {why}");
                self.error(codes::BAD_ARGUMENT, call.args[0].span, message, "asked for here")
            }
        }
    }
}

fn pointer() -> Ty {
    Ty::Pointer { to: Arc::new(Ty::U64), space: Some(Space::Kernel) }
}
