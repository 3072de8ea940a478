//! Names of numbers: only the number travels, user space names it when it prints.

use crate::diag::codes;
use crate::wire::types::Name;

use super::super::check::Checker;
use super::super::tree::{BinaryOp, ExprKind, Function};
use super::super::ty::Ty;
use super::super::value::Val;
use super::Call;
use super::mode::clock_of;

impl Checker<'_, '_> {
    /// `syscall_name(n)` and its like.
    pub(super) fn number_name(&mut self, call: Call, name: Name) -> Option<Val> {
        let number = self.number(call, 0)?;
        // extended by its own sign: error numbers may come as negative ones
        Some(Val { span: call.span, ..number.cast(Ty::I64).cast(Ty::Named(name)) })
    }

    /// The argument, an integer.
    pub(super) fn number(&mut self, call: Call, at: usize) -> Option<Val> {
        let val = self.value(&call.args[at])?;
        if val.ty.is_int() || val.ty == Ty::Bool {
            return Some(val);
        }
        let message = format!("{}() takes an integer here", call.name);
        let label = format!("this is {}", self.name(&val.ty));
        self.error(codes::BAD_ARGUMENT, val.span, message, label)
    }

    /// `strftime(format, nsecs)`
    pub(super) fn strftime(&mut self, call: Call) -> Option<Val> {
        let format = self.literal_text(call, &call.args[0]);
        let time = self.number(call, 1)?;
        if time.as_integer().is_some_and(|time| time < 0) {
            let message = "a time before the clock began";
            return self.error(codes::BAD_ARGUMENT, time.span, message, "negative");
        }
        let (format, clock) = (self.text_index(&format?), clock_of(&call.args[1]));
        let ty = Ty::Named(Name::Time { format, clock });
        Some(Val { span: call.span, ..time.cast(Ty::U64).cast(ty) })
    }

    /// `cgroup_path(id)`, `cgroup_path(id, filter)`
    pub(super) fn cgroup_path(&mut self, call: Call) -> Option<Val> {
        let id = self.number(call, 0);
        let filter = match call.args.get(1) {
            Some(arg) => {
                let text = self.literal_text(call, arg)?;
                Some(self.text_index(&text))
            }
            None => None,
        };
        Some(Val { span: call.span, ..id?.cast(Ty::U64).cast(Ty::Named(Name::CgroupPath { filter })) })
    }

    fn text_index(&mut self, text: &str) -> u32 {
        let known = self.texts.iter().position(|known| known == text);
        known.unwrap_or_else(|| {
            self.texts.push(text.to_owned());
            self.texts.len() - 1
        }) as u32
    }

    /// `is_err(pointer)`: the last 4095 addresses are error numbers.
    pub(super) fn is_err(&mut self, call: Call) -> Option<Val> {
        let address = self.address(call, |_| Ty::U64)?.into_expr();
        let first = Val::int(-4095, Ty::U64, call.span).into_expr();
        let (left, right) = (Box::new(address), Box::new(first));
        Some(Val::new(Ty::Bool, call.span, ExprKind::Binary { op: BinaryOp::Ge, left, right }))
    }

    /// `bswap(n)`: unsigned, of the same width.
    pub(super) fn bswap(&mut self, call: Call) -> Option<Val> {
        let number = self.number(call, 0)?;
        let size = number.ty.as_int().map_or(1, |int| int.size);
        let ty = Ty::fixed(size, false);
        let number = number.cast(ty.clone()).into_expr();
        if let ExprKind::Int(bits) = number.kind {
            let swapped = (bits as u64).swap_bytes() >> (64 - 8 * u32::from(size));
            return Some(Val::int(swapped as i64, ty, call.span));
        }
        let kind = ExprKind::Call { function: Function::Swap, args: vec![number] };
        Some(Val::new(ty, call.span, kind))
    }
}
