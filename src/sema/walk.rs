//! Walks over the syntax tree, in the order in which it is evaluated.
//!
//! Block expressions hold statements: [`statements`] visits them like those of any block, and [`operands`] gives of
//! a block only its value, so that [`probe`] meets every expression once.

use crate::syntax::ast::{
    Block, Expr, ExprKind, ForOver, Probe, Statement, StatementKind, TypeBase, TypeName, TypeOrExpr,
};

/// Calls `visit` with each direct operand of `expr`.
pub(super) fn operands<'a>(expr: &'a Expr, visit: &mut dyn FnMut(&'a Expr)) {
    use ExprKind::*;
    match &expr.kind {
        Int { .. } | Str(_) | Bool(_) | Name(_) | Variable(_) | Positional(_) | PositionalCount => {}
        SizeofType(ty) | Type(ty) => type_name(ty, visit),
        Map { key, .. } => key.iter().for_each(|key| visit(key)),
        Call { args, .. } | Tuple(args) => args.iter().for_each(visit),
        Record(fields) => fields.iter().for_each(|field| visit(&field.value)),
        Field { base, .. } | TupleField { base, .. } => visit(base),
        Unary { operand, .. } | SizeofExpr(operand) | Comptime(operand) => visit(operand),
        Cast { ty, operand } => {
            type_name(ty, visit);
            visit(operand);
        }
        Step { target, .. } => visit(target),
        Index { base, index } => [base, index].into_iter().for_each(|e| visit(e)),
        Binary { left, right, .. } => [left, right].into_iter().for_each(|e| visit(e)),
        Ternary { cond, then, otherwise } => {
            visit(cond);
            then.iter().for_each(|e| visit(e));
            visit(otherwise);
        }
        If { cond, then, otherwise } => {
            visit(cond);
            visit(then);
            otherwise.iter().for_each(|e| visit(e));
        }
        Block { value, .. } => value.iter().for_each(|e| visit(e)),
        Offsetof { of, .. } | Typeinfo(of) => type_or_expr(of, visit),
    }
}

/// Calls `visit` with the expression that `ty` is the type of, if it is a `typeof`.
pub(super) fn type_name<'a>(ty: &'a TypeName, visit: &mut dyn FnMut(&'a Expr)) {
    if let TypeBase::Typeof(of) = &ty.base {
        type_or_expr(of, visit);
    }
}

fn type_or_expr<'a>(of: &'a TypeOrExpr, visit: &mut dyn FnMut(&'a Expr)) {
    match of {
        TypeOrExpr::Type(ty) => type_name(ty, visit),
        TypeOrExpr::Expr(expr) => visit(expr),
    }
}

/// Calls `visit` with `expr` and everything within it, outermost first; of blocks only their values.
pub(super) fn expr<'a>(expr: &'a Expr, visit: &mut dyn FnMut(&'a Expr)) {
    visit(expr);
    operands(expr, &mut |operand| self::expr(operand, visit));
}

/// Calls `visit` with the expressions of `statement` itself, blocks within it left out, in source order.
pub(super) fn roots<'a>(statement: &'a Statement, visit: &mut dyn FnMut(&'a Expr)) {
    match &statement.kind {
        StatementKind::Expr(expr) | StatementKind::Discard(expr) | StatementKind::Return(Some(expr)) => {
            visit(expr);
        }
        StatementKind::Assign { target, value, .. } => {
            visit(target);
            visit(value);
        }
        StatementKind::Let { ty, value, .. } => {
            ty.iter().for_each(|ty| type_name(ty, visit));
            value.iter().for_each(visit);
        }
        StatementKind::If { cond, .. } | StatementKind::While { cond, .. } => visit(cond),
        StatementKind::Unroll { count, .. } => visit(count),
        StatementKind::For { over: ForOver::Map(map), .. } => visit(map),
        StatementKind::For { over: ForOver::Range { start, end }, .. } => {
            visit(start);
            visit(end);
        }
        StatementKind::Return(None)
        | StatementKind::Block(_)
        | StatementKind::Break
        | StatementKind::Continue
        | StatementKind::Import(_) => {}
    }
}

/// Calls `visit` with every statement of `block` and of the blocks within it, those within expressions too.
pub(super) fn statements<'a>(block: &'a Block, visit: &mut dyn FnMut(&'a Statement)) {
    for statement in &block.statements {
        visit(statement);
        roots(statement, &mut |root| nested(root, visit));
        match &statement.kind {
            StatementKind::If { then, otherwise, .. } => {
                statements(then, visit);
                otherwise.iter().for_each(|block| statements(block, visit));
            }
            StatementKind::Block(body)
            | StatementKind::For { body, .. }
            | StatementKind::While { body, .. }
            | StatementKind::Unroll { body, .. } => statements(body, visit),
            _ => {}
        }
    }
}

/// Calls `visit` with every statement of the blocks within `expr`.
fn nested<'a>(expr: &'a Expr, visit: &mut dyn FnMut(&'a Statement)) {
    self::expr(expr, &mut |part| {
        if let ExprKind::Block { body, .. } = &part.kind {
            statements(body, visit);
        }
    });
}

/// Calls `visit` with every statement of the probe, those within its predicate's expressions first.
pub(super) fn probe_statements<'a>(probe: &'a Probe, visit: &mut dyn FnMut(&'a Statement)) {
    probe.predicate.iter().for_each(|predicate| nested(predicate, visit));
    statements(&probe.body, visit);
}

/// Calls `visit` with every expression of the probe's predicate and body.
pub(super) fn probe<'a>(probe: &'a Probe, visit: &mut dyn FnMut(&'a Expr)) {
    probe.predicate.iter().for_each(|predicate| expr(predicate, visit));
    probe_statements(probe, &mut |statement| roots(statement, &mut |root| expr(root, visit)));
}
