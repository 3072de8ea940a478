//! Expressions: types and typed trees.
//!
//! `expr` looks at the kind of an expression and leaves the rest to a function of its own: it runs once a level of
//! the syntax tree, so its frame is kept small.

mod access;
mod binary;
mod block;
mod cast;
mod convert;
mod introspect;
mod map;
pub(super) mod prefix;
mod name;
mod settings;
mod unary;

pub(super) use binary::Op;
pub(super) use convert::literal;

use super::check::Checker;
use super::constant::Const;
use super::tree::{ExprKind, VarId};
use super::ty::Ty;
use super::value::Val;
use crate::diag::{Diagnostic, codes};
use crate::source::Span;
use crate::syntax::ast;

impl Checker<'_, '_> {
    /// Types an expression.
    pub fn expr(&mut self, expr: &ast::Expr) -> Option<Val> {
        use ast::ExprKind::*;
        match &expr.kind {
            Int { value, .. } => Some(Val::constant(Const::Int(*value), expr.span)),
            Str(text) => self.text(expr.span, text),
            Bool(value) => Some(Val::constant(Const::Bool(*value), expr.span)),
            Name(name) => self.named(expr.span, name),
            Variable(_) => self.variable(expr),
            Map { name, key } => self.map_value(expr.span, name, key.as_deref()),
            Call { .. } => self.call(expr),
            Field { .. } => self.field(expr),
            TupleField { base, index } => self.tuple_field(expr.span, base, *index),
            Index { base, index } => self.index(expr.span, base, index),
            Unary { op, operand } => self.unary(expr.span, *op, operand),
            Step { .. } => self.step(expr),
            Binary { .. } => self.binary(expr),
            Ternary { .. } => self.ternary(expr),
            Cast { ty, operand } => self.cast(expr.span, ty, operand),
            Tuple(items) => self.tuple(expr.span, items),
            SizeofType(ty) => self.sizeof_type(expr.span, ty),
            SizeofExpr(operand) => self.sizeof_expr(expr.span, operand),
            Record(fields) => self.record_value(expr.span, fields),
            Block { body, value } => self.block_value(expr.span, body, value.as_deref()),
            If { cond, then, otherwise } => self.if_value(expr.span, cond, then, otherwise.as_deref()),
            Comptime(inner) => self.known(inner),
            Offsetof { of, path } => self.offsetof(expr.span, of, path),
            Typeinfo(of) => {
                self.unstable("typeinfo", "unstable_typeinfo", self.options.unstable.typeinfo, expr.span);
                self.typeinfo(expr.span, of)
            }
            Positional(_) | PositionalCount | Type(_) => self.refuse_expr(&expr.kind, expr.span),
        }
    }

    fn text(&mut self, span: Span, text: &[u8]) -> Option<Val> {
        let most = self.options.max_strlen as usize;
        if text.len() >= most {
            let message = format!("text of {} bytes is too long", text.len());
            return self.error(codes::TOO_LARGE, span, message, format!("at most {} bytes", most - 1));
        }
        Some(Val::constant(Const::Str(text.to_vec()), span))
    }

    fn variable(&mut self, expr: &ast::Expr) -> Option<Val> {
        let (id, ty) = self.variable_type(expr)?;
        Some(Val::new(ty, expr.span, ExprKind::Var(id)))
    }

    /// The variable that `expr` names, and its type.
    pub(super) fn variable_type(&mut self, expr: &ast::Expr) -> Option<(VarId, Ty)> {
        let id = self.body().scopes.of_use(expr)?;
        if let Some(ty) = &self.var(id).slot.ty {
            return Some((id, ty.clone()));
        }
        // Where its assignment is wrong that has been said.
        if !self.failed {
            let declared = self.body().scopes.vars[id.0 as usize].span;
            let message = "the type of this variable is not known";
            let error = Diagnostic::error(codes::VARIABLE, message).at(expr.span, "nothing says what it is");
            self.report(error.because(declared, "declared here without a type"));
        }
        None
    }

    fn tuple(&mut self, span: Span, items: &[ast::Expr]) -> Option<Val> {
        // All items are looked at, so that every mistake is reported.
        let items: Vec<Option<Val>> = items.iter().map(|item| self.value(item)).collect();
        let items: Vec<Val> = items.into_iter().collect::<Option<_>>()?;
        let ty = Ty::Tuple(items.iter().map(|item| item.ty.clone()).collect());
        Some(Val::new(ty, span, ExprKind::Tuple(items.into_iter().map(Val::into_expr).collect())))
    }

    fn ternary(&mut self, expr: &ast::Expr) -> Option<Val> {
        let ast::ExprKind::Ternary { cond, then, otherwise } = &expr.kind else { return None };
        let (chosen, then) = match then {
            Some(then) => (self.condition(cond), self.value(then)),
            None => (self.condition(cond), self.repeated(cond)),
        };
        let otherwise = self.value(otherwise);
        self.either(expr.span, chosen?, then?, otherwise?)
    }

    /// `chosen ? then : otherwise`
    fn either(&mut self, span: Span, chosen: Val, then: Val, otherwise: Val) -> Option<Val> {
        if let (Some(cond), Some(_), Some(_)) = (chosen.as_const(), then.as_const(), otherwise.as_const()) {
            let value = if cond.truth() { then } else { otherwise };
            return Some(Val { span, ..value });
        }
        let Some(ty) = then.ty.join(&otherwise.ty) else {
            return self.report_branches(span, &then, &otherwise);
        };
        let cond = Box::new(chosen.into_expr());
        let then = Box::new(self.coerce(then, &ty)?);
        let otherwise = Box::new(self.coerce(otherwise, &ty)?);
        Some(Val::new(ty, span, ExprKind::Ternary { cond, then, otherwise }))
    }

    /// The middle of `a ?: b`, which is `a` once more: only where that has no effect of its own.
    fn repeated(&mut self, cond: &ast::Expr) -> Option<Val> {
        let mut pure = true;
        super::walk::expr(cond, &mut |part| {
            pure &= !matches!(part.kind, ast::ExprKind::Step { .. } | ast::ExprKind::Call { .. });
        });
        if pure {
            return self.value(cond);
        }
        let message = "the condition of `?:` may not change anything or call a function";
        self.error(codes::TYPE_MISMATCH, cond.span, message, "assign it to a variable first")
    }

    fn report_branches(&mut self, span: Span, then: &Val, otherwise: &Val) -> Option<Val> {
        let message = "both branches must have the same type";
        let error = Diagnostic::error(codes::TYPE_MISMATCH, message);
        let error = error.at(otherwise.span, format!("this is {}", self.name(&otherwise.ty)));
        let error = error.because(then.span, format!("this is {}", self.name(&then.ty)));
        self.report(error.because(span, ""));
        None
    }

    /// An expression that is true or false.
    pub fn condition(&mut self, expr: &ast::Expr) -> Option<Val> {
        let val = self.value(expr)?;
        if val.ty.is_condition() {
            return Some(val);
        }
        if let Some(text @ Const::Str(_)) = val.as_const() {
            return Some(Val::constant(Const::Bool(text.truth()), val.span));
        }
        let message = format!("{} is neither true nor false", self.name(&val.ty));
        let error = Diagnostic::error(codes::TYPE_MISMATCH, message).at(expr.span, "used as a condition");
        self.report(if val.ty.is_str() { error.help("compare it: `!= \"\"`") } else { error });
        None
    }

    fn sizeof_type(&mut self, span: Span, ty: &ast::TypeName) -> Option<Val> {
        let ty = self.type_name(ty)?;
        self.size(span, &ty)
    }

    /// A name that is no value may be that of a type.
    fn sizeof_expr(&mut self, span: Span, operand: &ast::Expr) -> Option<Val> {
        if let ast::ExprKind::Name(name) = &operand.kind
            && let Some(ty) = self.typedef(name)
        {
            return self.size(span, &ty);
        }
        let val = self.expr(operand)?;
        self.size(span, &val.ty)
    }

    fn size(&mut self, span: Span, ty: &Ty) -> Option<Val> {
        let size = match ty {
            // as the reference has them, without what fills up to the next field
            Ty::Buffer { size } => Some(size + 4),
            Ty::Inet => Some(24),
            _ => self.types.size_of(ty),
        };
        match size {
            Some(size) => Some(Val::constant(Const::Int(u64::from(size)), span)),
            None => {
                let message = format!("{} has no size", self.name(ty));
                self.error(codes::TYPE_MISMATCH, span, message, "size asked here")
            }
        }
    }
}
