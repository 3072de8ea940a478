//! `str`.

use std::sync::Arc;

use crate::diag::{Diagnostic, codes};
use crate::source::Span;
use crate::syntax::ast::Expr;

use super::super::builtins::Function;
use super::super::check::Checker;
use super::super::constant::Const;
use super::super::tree::{Expr as TreeExpr, ExprKind};
use super::super::ty::Ty;
use super::super::types::Space;
use super::super::value::{Kind, Val};
use super::Call;

/// How much to read at most.
struct Limit {
    /// Bytes of the result's type, the NUL included.
    size: u32,
    /// The limit as computed, the NUL included.
    length: Option<TreeExpr>,
}

impl Limit {
    /// Whether it is known while compiling.
    fn is_known(&self) -> bool {
        self.length.as_ref().is_none_or(|length| matches!(length.kind, ExprKind::Int(_)))
    }
}

impl Checker<'_, '_> {
    /// `str(pointer)`, `str(pointer, size)`; text stays text.
    pub(super) fn str(&mut self, call: Call) -> Option<Val> {
        let source = self.expr(&call.args[0])?;
        let limit = call.args.get(1).map(|arg| self.value(arg));
        let limit = match limit {
            Some(limit) => Some(limit?),
            None => None,
        };
        if let Some(text) = constant_text(&source, limit.as_ref()) {
            return Some(Val::constant(Const::Str(text), call.span));
        }
        let source = self.as_value(source)?;
        let limit = self.limit(call, limit)?;
        match source.ty {
            Ty::Str { .. } => self.shorten(call.span, source, limit),
            Ty::Int { .. } | Ty::Pointer { .. } => Some(self.read_text(call.span, source, limit)),
            _ => self.report_source(&call.args[0], &source),
        }
    }

    fn report_source(&mut self, arg: &Expr, source: &Val) -> Option<Val> {
        let message = format!("str() reads text at an address, not {}", self.name(&source.ty));
        self.error(codes::BAD_ARGUMENT, arg.span, message, format!("this is {}", self.name(&source.ty)))
    }

    fn limit(&mut self, call: Call, limit: Option<Val>) -> Option<Limit> {
        let most = self.options.max_strlen;
        let Some(limit) = limit else { return Some(Limit { size: most, length: None }) };
        let span = limit.span;
        match limit.as_integer() {
            Some(n) if n < 0 => {
                self.error(codes::BAD_ARGUMENT, span, "str() cannot read a negative length", "negative")
            }
            Some(n) if n + 1 > i128::from(most) => {
                let message = format!("str() reads {most} bytes at most");
                let warning = Diagnostic::warning(codes::IGNORED_ARGUMENT, message).at(span, "shortened");
                self.report(warning.help("raise max_strlen for more"));
                Some(Limit { size: most, length: None })
            }
            Some(n) => Some(Limit { size: n as u32 + 1, length: Some(limit.cast(Ty::U64).into_expr()) }),
            None if limit.ty.is_int() => {
                Some(Limit { size: most, length: Some(limit.cast(Ty::U64).into_expr()) })
            }
            None => {
                let message = format!("the length of {}() is an integer", call.name);
                let label = format!("this is {}", self.name(&limit.ty));
                self.error(codes::BAD_ARGUMENT, span, message, label)
            }
        }
    }

    fn read_text(&mut self, span: Span, source: Val, limit: Limit) -> Val {
        let space = source.ty.space().unwrap_or(self.body().space);
        let kind = ExprKind::LoadStr {
            address: Box::new(source.into_expr()),
            offset: 0,
            space,
            length: limit.length.map(Box::new),
            array: false,
        };
        Val::new(Ty::Str { size: limit.size }, span, kind)
    }

    /// Text that is read from memory is read shorter; any other is copied, and read from there.
    fn shorten(&mut self, span: Span, source: Val, limit: Limit) -> Option<Val> {
        let Ty::Str { size: own } = source.ty else { return None };
        if own < limit.size && limit.is_known() || own == limit.size && limit.length.is_none() {
            return Some(Val { span, ..source });
        }
        let size = own.min(limit.size);
        match source.kind {
            Kind::Expr(ExprKind::LoadStr { address, offset, space, length: None, .. }) => {
                let length = limit.length.map(Box::new);
                let kind = ExprKind::LoadStr { address, offset, space, length, array: false };
                Some(Val::new(Ty::Str { size }, span, kind))
            }
            Kind::Expr(ExprKind::DataLoc { offset }) if limit.is_known() => {
                Some(Val::new(Ty::Str { size }, span, ExprKind::DataLoc { offset }))
            }
            Kind::Expr(ExprKind::Var(id)) => {
                let address = in_kernel(span, ExprKind::AddressOf(id));
                Some(self.read_text(span, address, Limit { size, ..limit }))
            }
            _ => {
                let args = vec![source.into_expr()];
                let address = in_kernel(span, ExprKind::Call { function: Function::TextAddress, args });
                Some(self.read_text(span, address, Limit { size, ..limit }))
            }
        }
    }
}

/// An address of the program's own memory.
fn in_kernel(span: Span, kind: ExprKind) -> Val {
    Val::new(Ty::Pointer { to: Arc::new(Ty::I8), space: Some(Space::Kernel) }, span, kind)
}

/// `str` of literals is computed while compiling.
fn constant_text(source: &Val, limit: Option<&Val>) -> Option<Vec<u8>> {
    let mut text = match source.as_const()? {
        Const::Str(text) => text.clone(),
        other => other.as_integer()?.to_string().into_bytes(),
    };
    if let Some(limit) = limit {
        let most = usize::try_from(limit.as_integer()?).ok()?;
        text.truncate(most);
    }
    Some(text)
}
