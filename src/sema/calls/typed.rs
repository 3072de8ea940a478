//! Functions that take pointers whose type the kernel knows: those that it gave the program as its arguments.
//!
//! That a pointer is such a one is seen when the program is built; what it points to is checked here.

use crate::diag::{Diagnostic, codes};
use crate::source::Span;

use super::super::check::Checker;
use super::super::signatures::Row;
use super::super::tree::{Attach, ExprKind, Function, Inside};
use super::super::ty::Ty;
use super::super::types::Space;
use super::super::value::{Base, Kind, Place, Val};
use super::Call;

impl Checker<'_, '_> {
    /// `path(path)`, `path(path, size)`
    pub(super) fn path(&mut self, call: Call, row: &Row) -> Option<Val> {
        self.available(call.span, row)?;
        let most = self.options.max_strlen;
        let size = match call.args.get(1) {
            Some(arg) => self.literal_count(call, arg)?.clamp(1, most.into()) as u32,
            None => most,
        };
        let val = self.expr(&call.args[0])?;
        let (base, offset) = self.given(call, val, "struct path")?;
        self.check_path_allowed(call.span)?;
        let args = vec![base.cast(Ty::U64).into_expr()];
        let kind = ExprKind::Call { function: Function::Path { offset }, args };
        Some(Val::new(Ty::Str { size }, call.span, kind))
    }

    /// `socket_cookie(sock)`
    pub(super) fn socket_cookie(&mut self, call: Call, row: &Row) -> Option<Val> {
        self.available(call.span, row)?;
        let val = self.expr(&call.args[0])?;
        let (base, _) = self.given(call, val, "struct sock")?;
        let args = vec![base.cast(Ty::U64).into_expr()];
        Some(Val::new(Ty::U64, call.span, ExprKind::Call { function: Function::SocketCookie, args }))
    }

    /// A pointer to `wanted`, or such a struct within one that a pointer leads to: the pointer and the offset.
    fn given(&mut self, call: Call, val: Val, wanted: &str) -> Option<(Val, i64)> {
        let pointee = match &val.ty {
            Ty::Pointer { to, .. } => (**to).clone(),
            ty => ty.clone(),
        };
        let within = matches!(&val.kind, Kind::Place(Place { base: Base::Memory { .. }, .. }));
        if self.name(&pointee) != wanted || !(val.ty.is_pointer() || within && wanted == "struct path") {
            let message = format!("{}() takes a pointer to {wanted}", call.name);
            let label = format!("this is {}", self.name(&val.ty));
            return self.error(codes::BAD_ARGUMENT, val.span, message, label);
        }
        match val.kind {
            Kind::Place(Place { base: Base::Memory { address, space }, offset, .. })
                if space != Space::User =>
            {
                Some((Val::new(Ty::U64, val.span, address.kind), offset))
            }
            _ => Some((self.as_value(val)?, 0)),
        }
    }

    /// The kernel has a list of functions in which paths may be asked for.
    fn check_path_allowed(&mut self, span: Span) -> Option<()> {
        for place in &self.body().attach {
            let allowed = match &place.target {
                Attach::Fentry(traced) | Attach::Fexit(traced) => match &traced.inside {
                    Inside::Module(module) if module == "vmlinux" => {
                        self.host.may_ask_path(&traced.function, false)
                    }
                    _ => false,
                },
                Attach::Iter { target, .. } => self.host.may_ask_path(target, true),
                _ => true,
            };
            if !allowed {
                let message = format!("the kernel does not allow path() in `{}`", place.name);
                let error = Diagnostic::error(codes::NOT_IN_PROBE, message).at(span, "not allowed here");
                let error =
                    error.note("its list (btf_allowlist_d_path) has few functions, iterators from 5.14 on");
                self.report(error.help("allowed are filp_close, dentry_open, vfs_truncate, vfs_fallocate, vfs_getattr and some security_… functions"));
                return None;
            }
        }
        Some(())
    }
}
