//! Values that take statements: block expressions, `if` as a value, and records.

use std::sync::Arc;

use crate::diag::{Diagnostic, codes};
use crate::source::Span;
use crate::syntax::ast::{self, RecordField};

use super::super::check::Checker;
use super::super::tree::ExprKind;
use super::super::ty::Ty;
use super::super::value::Val;

impl Checker<'_, '_> {
    /// `{ statements; value }`
    pub(super) fn block_value(
        &mut self,
        span: Span,
        body: &ast::Block,
        value: Option<&ast::Expr>,
    ) -> Option<Val> {
        // While types are sought, statements are rules of their own.
        let statements = if self.quiet { Vec::new() } else { self.block(body) };
        let Some(value) = value else {
            let message = "this block has no value";
            let error = Diagnostic::error(codes::TYPE_MISMATCH, message).at(span, "used as a value");
            self.report(error.help("end it with an expression without a semicolon"));
            return None;
        };
        let val = self.value(value)?;
        if statements.is_empty() {
            return Some(Val { span, ..val });
        }
        let ty = val.ty.clone();
        let kind = ExprKind::Block { statements, value: Box::new(val.into_expr()) };
        Some(Val::new(ty, span, kind))
    }

    /// `if cond { a } else { b }` where a value is wanted.
    pub(super) fn if_value(
        &mut self,
        span: Span,
        cond: &ast::Expr,
        then: &ast::Expr,
        otherwise: Option<&ast::Expr>,
    ) -> Option<Val> {
        let Some(otherwise) = otherwise else {
            let message = "an `if` that gives a value needs an `else`";
            return self.error(codes::TYPE_MISMATCH, span, message, "no value when the condition fails");
        };
        if let Some(known) = self.comptime(cond) {
            return self.value(if known? { then } else { otherwise });
        }
        let chosen = self.condition(cond);
        let (then, otherwise) = (self.value(then), self.value(otherwise));
        self.either(span, chosen?, then?, otherwise?)
    }

    /// What the condition `comptime x` is; None when `expr` is no such condition, Some(None) when what it is cannot be
    /// told, which was reported.
    pub(in super::super) fn comptime(&mut self, expr: &ast::Expr) -> Option<Option<bool>> {
        let ast::ExprKind::Comptime(inner) = &expr.kind else { return None };
        Some(self.known(inner).and_then(|val| val.as_const().map(|value| value.truth())))
    }

    /// A value that is known while compiling.
    pub(super) fn known(&mut self, expr: &ast::Expr) -> Option<Val> {
        let val = self.value(expr)?;
        if val.as_const().is_some() {
            return Some(val);
        }
        let message = "this is not known while compiling";
        self.error(codes::BAD_CONTEXT, expr.span, message, "computed when the probe runs")
    }

    /// `(a=1, b="x")`; names are different ones, as the parser has seen.
    pub(super) fn record_value(&mut self, span: Span, fields: &[RecordField]) -> Option<Val> {
        // All fields are looked at, so that every mistake is reported.
        let items: Vec<Option<Val>> = fields.iter().map(|field| self.value(&field.value)).collect();
        let items: Vec<Val> = items.into_iter().collect::<Option<_>>()?;
        let names: Arc<[Arc<str>]> = fields.iter().map(|field| field.name.as_str().into()).collect();
        let ty = Ty::Record { names, items: items.iter().map(|item| item.ty.clone()).collect() };
        Some(Val::new(ty, span, ExprKind::Tuple(items.into_iter().map(Val::into_expr).collect())))
    }
}
