//! Registers of the traced code: by the names of `reg()`, for words of the stack, for static probes.
//!
//! All are words of the kernel's `struct pt_regs`, which is the context of probes on functions.

use std::sync::Arc;

use super::calls::Call;
use super::check::Checker;
use super::signatures::Row;
use super::tree::{Expr, ExprKind};
use super::ty::Ty;
use super::types::{Space, Type};
use super::value::{Base, Place, Val};
use crate::diag::{Diagnostic, codes, suggest};
use crate::host::elf::Machine;
use crate::source::Span;

/// Bytes from the start of `struct pt_regs`, by the names that the kernel gives its fields.
const X86_64: &[(&str, u16)] = &[
    ("r15", 0),
    ("r14", 8),
    ("r13", 16),
    ("r12", 24),
    ("bp", 32),
    ("bx", 40),
    ("r11", 48),
    ("r10", 56),
    ("r9", 64),
    ("r8", 72),
    ("ax", 80),
    ("cx", 88),
    ("dx", 96),
    ("si", 104),
    ("di", 112),
    ("orig_rax", 120),
    ("ip", 128),
    ("pc", 128),
    ("cs", 136),
    ("flags", 144),
    ("sp", 152),
    ("ss", 160),
];

/// Those of 64-bit ARM that are no `rN`.
const AARCH64: &[(&str, u16)] = &[("sp", 248), ("pc", 256), ("pstate", 264), ("lr", 240), ("fp", 232)];

/// Where a register is in `struct pt_regs`.
pub(super) fn offset(machine: Machine, name: &str) -> Option<u16> {
    let listed =
        |table: &[(&str, u16)], name: &str| table.iter().find(|(n, _)| *n == name).map(|(_, at)| *at);
    match machine {
        Machine::X86_64 => listed(X86_64, name).or_else(|| listed(X86_64, name.strip_prefix('r')?)),
        Machine::Aarch64 => listed(AARCH64, name).or_else(|| {
            let number: u16 = name.strip_prefix(['r', 'x'])?.parse().ok()?;
            (number <= 30).then_some(number * 8)
        }),
        Machine::Other(_) => None,
    }
}

fn offset_of_sp() -> u16 {
    offset(Machine::native(), "sp").unwrap_or_default()
}

/// How far the first argument on the stack is above the stack pointer when a function is entered.
fn first_on_stack(machine: Machine) -> i64 {
    if machine == Machine::X86_64 { 8 } else { 0 }
}

/// A word of the context.
pub(super) fn word(span: Span, offset: u16) -> Val {
    let context = Type::Pointer { to: Arc::new(Type::None), space: Space::Context };
    let address = Box::new(Expr { span, ty: context, kind: ExprKind::Context });
    let kind = ExprKind::Load { address, offset: i64::from(offset), space: Space::Context, bits: None };
    Val::new(Ty::U64, span, kind)
}

impl Checker<'_, '_> {
    /// `reg("ax")`
    pub(super) fn register(&mut self, call: Call, row: &Row) -> Option<Val> {
        self.available(call.span, row)?;
        let name = self.literal_text(call, &call.args[0])?;
        let space = self.body().space;
        if let Some(offset) = offset(Machine::native(), &name) {
            let value = word(call.span, offset);
            return Some(Val { ty: value.ty.clone().in_space(Some(space)), ..value });
        }
        let message = format!("{} has no register `{name}` that probes can read", Machine::native().name());
        let error = Diagnostic::error(codes::BAD_ARGUMENT, message).at(call.args[0].span, "no such register");
        let names = X86_64.iter().map(|(name, _)| *name);
        self.report(match suggest::nearest(&name, names) {
            Some(near) if Machine::native() == Machine::X86_64 => {
                error.help(format!("did you mean `{near}`?"))
            }
            _ => error,
        });
        None
    }

    /// So many bytes above the stack pointer.
    pub(super) fn on_stack(&self, span: Span, offset: i64) -> Place {
        let sp = offset_of_sp();
        let (address, space) = (word(span, sp).into_expr(), self.body().space);
        Place { base: Base::Memory { address, space }, offset, leads_to: Some(space) }
    }

    /// `sarg0`: a word of the stack, as the traced function finds it when it is entered.
    pub(super) fn stack_argument(&mut self, span: Span, number: u8) -> Val {
        let machine = Machine::native();
        let stack = word(span, offset_of_sp());
        let space = self.body().space;
        let kind = ExprKind::Load {
            address: Box::new(stack.into_expr()),
            offset: first_on_stack(machine) + 8 * i64::from(number),
            space,
            bits: None,
        };
        Val::new(Ty::U64.in_space(Some(space)), span, kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn registers_have_their_kernel_names_and_their_own() {
        assert_eq!(offset(Machine::X86_64, "ax"), Some(80));
        assert_eq!(offset(Machine::X86_64, "rax"), Some(80));
        assert_eq!(offset(Machine::X86_64, "r8"), Some(72));
        assert_eq!(offset(Machine::X86_64, "xmm0"), None);
        assert_eq!(offset(Machine::Aarch64, "x30"), Some(240));
        assert_eq!(offset(Machine::Aarch64, "r31"), None);
    }
}
