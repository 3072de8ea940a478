//! `kstack`, `ustack`, `usym`, and `len` of a stack.

use crate::diag::{Diagnostic, codes};
use crate::source::Span;
use crate::syntax::ast::{Expr, ExprKind as Ast};
use crate::wire::stack::{DEPTH, MOST};
use crate::wire::types::{Name, StackMode};

use super::super::check::Checker;
use super::super::tree::{Builtin, ExprKind, Function, StackSpec};
use super::super::ty::Ty;
use super::super::value::Val;
use super::Call;

impl Checker<'_, '_> {
    /// A stack without a word about how.
    pub(in super::super) fn default_stack(&mut self, span: Span, user: bool) -> Val {
        stack_value(span, StackSpec { user, mode: self.default_mode(user), depth: DEPTH })
    }

    /// `kstack()`, `kstack(mode)`, `kstack(depth)`, `kstack(mode, depth)`
    pub(super) fn stack(&mut self, call: Call, user: bool) -> Option<Val> {
        let mut spec = StackSpec { user, mode: self.default_mode(user), depth: DEPTH };
        let mut rest = call.args;
        if let Some((first, others)) = rest.split_first()
            && let Ast::Name(name) = &first.kind
            && super::super::signatures::find(name).is_none()
        {
            spec.mode = self.stack_mode(first, name, user)?;
            rest = others;
        }
        if let Some((depth, others)) = rest.split_first() {
            spec.depth = self.stack_depth(call, depth)?;
            rest = others;
        }
        if let Some(extra) = rest.first() {
            let message = format!("{}() takes a mode, then a depth", call.name);
            return self.error(codes::BAD_ARGUMENT, extra.span, message, "neither");
        }
        Some(stack_value(call.span, spec))
    }

    /// Build ids are of files that processes have mapped.
    fn default_mode(&self, user: bool) -> StackMode {
        match self.options.stack_mode {
            StackMode::BuildId if !user => StackMode::Symbols,
            mode => mode,
        }
    }

    fn stack_mode(&mut self, arg: &Expr, name: &str, user: bool) -> Option<StackMode> {
        match StackMode::from_name(name) {
            Some(StackMode::BuildId) if !user => {
                let message = "the kernel's stacks have no build ids";
                self.error(codes::BAD_ARGUMENT, arg.span, message, "only for ustack")
            }
            Some(mode) => Some(mode),
            None => {
                let modes = StackMode::ALL.map(StackMode::name);
                let message = format!("`{name}` is no way to print a stack");
                let mut error = Diagnostic::error(codes::BAD_ARGUMENT, message)
                    .at(arg.span, format!("one of {}", modes.join(", ")));
                if let Some(near) = crate::diag::suggest::nearest(name, modes) {
                    error = error.help(format!("did you mean `{near}`?"));
                }
                self.report(error);
                None
            }
        }
    }

    fn stack_depth(&mut self, call: Call, arg: &Expr) -> Option<u32> {
        let depth = self.literal_count(call, arg)?;
        match u32::try_from(depth) {
            Ok(depth @ 1..=MOST) => Some(depth),
            _ => {
                let message = format!("a stack of {depth} frames");
                self.error(codes::OUT_OF_RANGE, arg.span, message, format!("1 to {MOST} frames"))
            }
        }
    }

    /// `usym(address)`
    pub(super) fn usym(&mut self, call: Call) -> Option<Val> {
        let address = self.address(call, |_| Ty::U64)?.into_expr();
        let kind = ExprKind::Call { function: Function::UserSymbol, args: vec![address] };
        Some(Val::new(Ty::Named(Name::UserSymbol), call.span, kind))
    }

    /// `len(stack)`: None when the argument is no stack.
    pub(super) fn stack_len(&mut self, call: Call) -> Option<Option<Val>> {
        if matches!(call.args[0].kind, Ast::Map { key: None, .. }) {
            return None;
        }
        let Some(stack) = self.value(&call.args[0]) else { return Some(None) };
        if !matches!(stack.ty, Ty::Named(Name::KernelStack(_) | Name::UserStack(_))) {
            let message = "len() counts the entries of a map or the frames of a stack";
            let label = format!("this is {}", self.name(&stack.ty));
            return Some(self.error(codes::BAD_ARGUMENT, stack.span, message, label));
        }
        let kind = ExprKind::Call { function: Function::StackLen, args: vec![stack.into_expr()] };
        Some(Some(Val::new(Ty::I64, call.span, kind)))
    }
}

fn stack_value(span: Span, spec: StackSpec) -> Val {
    let name = if spec.user { Name::UserStack(spec.mode) } else { Name::KernelStack(spec.mode) };
    Val::new(Ty::Named(name), span, ExprKind::Builtin(Builtin::Stack(spec)))
}
