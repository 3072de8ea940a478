//! Memory compared, measured and written.

use crate::diag::codes;
use crate::source::Span;

use super::super::check::Checker;
use super::super::tree::{BinaryOp, Expr, ExprKind, Function, StmtKind};
use super::super::ty::Ty;
use super::super::types::Space;
use super::super::value::Val;
use super::Call;

/// Bytes that `write_user` writes at most.
const WRITTEN: u64 = 4096;

impl Checker<'_, '_> {
    /// `memcmp(a, b, count)`
    pub(super) fn memcmp(&mut self, call: Call) -> Option<Val> {
        let (left, right) = (self.value(&call.args[0]), self.value(&call.args[1]));
        let count = self.number(call, 2)?;
        let (left, right) = (left?, right?);
        if count.as_integer().is_some_and(|n| n < 0) {
            let message = "memcmp() cannot compare a negative number of bytes";
            return self.error(codes::BAD_ARGUMENT, count.span, message, "negative");
        }
        for val in [&left, &right] {
            if self.types.size_of(&val.ty).is_none_or(|size| size == 0) {
                let message = format!("{} has no bytes to compare", self.name(&val.ty));
                return self.error(codes::BAD_ARGUMENT, val.span, message, "compared here");
            }
        }
        let args = vec![left.into_expr(), right.into_expr(), count.cast(Ty::U64).into_expr()];
        let kind = ExprKind::Call { function: Function::Compare, args };
        Some(Val::new(Ty::fixed(4, true), call.span, kind))
    }

    /// `strcap(text)`: the room of a text or array; of a pointer how long the text there is.
    pub(super) fn strcap(&mut self, call: Call) -> Option<Val> {
        let val = self.text_like(call)?;
        let size = match val.ty {
            Ty::Str { size } => size,
            Ty::Array { count, .. } => count,
            _ => return self.strlen(call),
        };
        Some(Val::int(i64::from(size), Ty::U64, call.span))
    }

    /// `assert_str(x)`: nothing, or a message.
    pub(super) fn assert_str(&mut self, call: Call) -> Option<StmtKind> {
        self.text_like(call)?;
        let cond = Val::constant(super::super::constant::Const::Bool(true), call.span).into_expr();
        Some(StmtKind::If { cond, then: Vec::new(), otherwise: Vec::new() })
    }

    /// Text, an array of characters, or a pointer to some.
    fn text_like(&mut self, call: Call) -> Option<Val> {
        let val = self.value(&call.args[0])?;
        let char = |ty: &Ty| *ty == Ty::Char || ty.as_int().is_some_and(|int| int.size == 1);
        let good = match &val.ty {
            Ty::Str { .. } => true,
            Ty::Array { element, .. } => char(element),
            Ty::Pointer { to, .. } => char(to),
            _ => false,
        };
        if good {
            return Some(val);
        }
        let message = format!("{}() takes text, an array of characters or a pointer to some", call.name);
        let label = format!("this is {}", self.name(&val.ty));
        self.error(codes::BAD_ARGUMENT, val.span, message, label)
    }

    /// `write_user(to, from, length)`: true when it was written.
    pub(super) fn write_user(&mut self, call: Call) -> Option<Val> {
        self.check_safe(call)?;
        let (to, from) = (self.value(&call.args[0]), self.value(&call.args[1]));
        let length = self.literal_count(call, &call.args[2])?;
        let (to, from) = (to?, from?);
        if length > WRITTEN {
            let message = format!("write_user() writes {WRITTEN} bytes at most");
            return self.error(codes::TOO_LARGE, call.args[2].span, message, "too many");
        }
        if !to.ty.is_int() && !to.ty.is_pointer() {
            let message = "write_user() writes to an address";
            let label = format!("this is {}", self.name(&to.ty));
            return self.error(codes::BAD_ARGUMENT, to.span, message, label);
        }
        // What an address of the traced system leads to is read first: the kernel takes bytes of the program's own.
        let space = match &from.ty {
            Ty::Int { .. } | Ty::Pointer { .. } => Some(from.ty.space().unwrap_or(Space::Kernel)),
            _ => None,
        };
        let length = Val::int(length as i64, Ty::U64, call.span);
        let args = vec![from.into_expr(), length.into_expr(), to.cast(Ty::U64).into_expr()];
        let kind = ExprKind::Call { function: Function::WriteUser { space }, args };
        Some(Val::new(Ty::Bool, call.span, kind))
    }

    /// `usermode`: 1 where the registers are those of a process, 0 elsewhere.
    pub(in super::super) fn usermode(&mut self, span: Span) -> Option<Val> {
        use super::super::tree::ProbeKind::{Begin, End, SelfSignal};
        let ty = Ty::fixed(1, false);
        let kind = self.body().kind;
        if matches!(kind, Begin | End | SelfSignal) {
            return Some(Val::int(1, ty, span));
        }
        if !super::super::signatures::Place::Registers.allows(kind) {
            return Some(Val::int(0, ty, span));
        }
        let machine = crate::host::elf::Machine::native();
        let Some(at) = super::super::registers::offset(machine, "cs") else {
            let message = "`usermode` is known on x86-64 only";
            return self.error(codes::NOT_IN_PROBE, span, message, "not on this machine");
        };
        let binary = |op, left: Val, right: i64, ty: Ty| {
            let (left, right) = (left.into_expr(), Expr::int(right, Ty::U64.to_type(), span));
            let kind = ExprKind::Binary { op, left: Box::new(left), right: Box::new(right) };
            Val::new(ty, span, kind)
        };
        let ring = binary(BinaryOp::BitAnd, super::super::registers::word(span, at), 3, Ty::U64);
        Some(binary(BinaryOp::Eq, ring, 3, Ty::Bool).cast(ty))
    }

    /// `comm(pid)`: the name that the process has when it is printed.
    pub(super) fn process_name(&mut self, call: Call) -> Option<Val> {
        let pid = self.number(call, 0)?;
        let ty = Ty::Named(crate::wire::types::Name::Process);
        Some(Val { span: call.span, ..pid.cast(Ty::U32).cast(Ty::U64).cast(ty) })
    }

    /// `kfunc_exist("name")`, `kfunc_allowed("name")`
    pub(super) fn kernel_function(&mut self, call: Call, callable: bool) -> Option<Val> {
        let name = self.literal_text(call, &call.args[0])?;
        let known = self.host.btf().is_ok_and(|btf| btf.find(crate::host::BtfKind::Func, &name).is_some());
        let answer = known && (!callable || self.host.may_call(&name, program_type(self.body().kind)));
        Some(Val::constant(super::super::constant::Const::Bool(answer), call.span))
    }
}

/// `BPF_PROG_TYPE_…` of the kernel.
fn program_type(kind: super::super::tree::ProbeKind) -> u32 {
    use super::super::tree::ProbeKind::*;
    match kind {
        Kprobe | Kretprobe | Uprobe | Uretprobe | Usdt => 2,
        Tracepoint => 5,
        Profile | Interval | Software | Hardware | Watchpoint => 7,
        Begin | End | SelfSignal | Test | Bench | Rawtracepoint => 17,
        Fentry | Fexit | Iter => 26,
    }
}
