//! Changes of the syntax tree in place: what an [`Edit`] does not override is walked through.

use crate::syntax::ast::{
    Block, Expr, ExprKind, ForOver, Statement, StatementKind, TypeBase, TypeName, TypeOrExpr,
};

/// A change of the tree, node by node.
pub(super) trait Edit {
    /// Changes an expression.
    fn expr(&mut self, expr: &mut Expr) {
        walk_expr(self, expr);
    }

    /// Changes a statement.
    fn statement(&mut self, statement: &mut Statement) {
        walk_statement(self, statement);
    }

    /// Changes a block.
    fn block(&mut self, block: &mut Block) {
        walk_block(self, block);
    }

    /// Changes a type as written.
    fn type_name(&mut self, ty: &mut TypeName) {
        walk_type(self, ty);
    }
}

/// Changes the parts of an expression, in the order in which they are evaluated.
pub(super) fn walk_expr<E: Edit + ?Sized>(edit: &mut E, expr: &mut Expr) {
    use ExprKind::*;
    match &mut expr.kind {
        Int { .. } | Str(_) | Bool(_) | Name(_) | Variable(_) | Positional(_) | PositionalCount => {}
        SizeofType(ty) | Type(ty) => edit.type_name(ty),
        Map { key, .. } => key.iter_mut().for_each(|key| edit.expr(key)),
        Call { args, .. } | Tuple(args) => args.iter_mut().for_each(|e| edit.expr(e)),
        Record(fields) => fields.iter_mut().for_each(|field| edit.expr(&mut field.value)),
        Field { base, .. } | TupleField { base, .. } => edit.expr(base),
        Unary { operand, .. } | SizeofExpr(operand) | Comptime(operand) => edit.expr(operand),
        Cast { ty, operand } => {
            edit.type_name(ty);
            edit.expr(operand);
        }
        Step { target, .. } => edit.expr(target),
        Index { base, index } => [base, index].into_iter().for_each(|e| edit.expr(e)),
        Binary { left, right, .. } => [left, right].into_iter().for_each(|e| edit.expr(e)),
        Ternary { cond, then, otherwise } => {
            edit.expr(cond);
            then.iter_mut().for_each(|e| edit.expr(e));
            edit.expr(otherwise);
        }
        If { cond, then, otherwise } => {
            edit.expr(cond);
            edit.expr(then);
            otherwise.iter_mut().for_each(|e| edit.expr(e));
        }
        Block { body, value } => {
            edit.block(body);
            value.iter_mut().for_each(|e| edit.expr(e));
        }
        Offsetof { of, .. } | Typeinfo(of) => walk_type_or_expr(edit, of),
    }
}

fn walk_type_or_expr<E: Edit + ?Sized>(edit: &mut E, of: &mut TypeOrExpr) {
    match of {
        TypeOrExpr::Type(ty) => edit.type_name(ty),
        TypeOrExpr::Expr(expr) => edit.expr(expr),
    }
}

/// Changes what a type holds.
pub(super) fn walk_type<E: Edit + ?Sized>(edit: &mut E, ty: &mut TypeName) {
    if let TypeBase::Typeof(of) = &mut ty.base {
        walk_type_or_expr(edit, of);
    }
}

/// Changes the statements of a block.
pub(super) fn walk_block<E: Edit + ?Sized>(edit: &mut E, block: &mut Block) {
    block.statements.iter_mut().for_each(|statement| edit.statement(statement));
}

/// Changes the parts of a statement.
pub(super) fn walk_statement<E: Edit + ?Sized>(edit: &mut E, statement: &mut Statement) {
    match &mut statement.kind {
        StatementKind::Expr(expr) | StatementKind::Discard(expr) | StatementKind::Return(Some(expr)) => {
            edit.expr(expr);
        }
        StatementKind::Assign { target, value, .. } => {
            edit.expr(value);
            edit.expr(target);
        }
        StatementKind::Let { ty, value, .. } => {
            ty.iter_mut().for_each(|ty| edit.type_name(ty));
            value.iter_mut().for_each(|value| edit.expr(value));
        }
        StatementKind::If { cond, then, otherwise } => {
            edit.expr(cond);
            edit.block(then);
            otherwise.iter_mut().for_each(|block| edit.block(block));
        }
        StatementKind::While { cond, body } | StatementKind::Unroll { count: cond, body } => {
            edit.expr(cond);
            edit.block(body);
        }
        StatementKind::For { over, body, .. } => {
            match over {
                ForOver::Map(map) => edit.expr(map),
                ForOver::Range { start, end } => [start, end].into_iter().for_each(|e| edit.expr(e)),
            }
            edit.block(body);
        }
        StatementKind::Block(block) => edit.block(block),
        StatementKind::Return(None)
        | StatementKind::Break
        | StatementKind::Continue
        | StatementKind::Import(_) => {}
    }
}
