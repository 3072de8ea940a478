//! Walks over the syntax tree, in the order in which it is evaluated.

use crate::syntax::ast::{Block, Expr, ExprKind, Probe, Statement, StatementKind};

/// Calls `visit` with each direct operand of `expr`.
pub(super) fn operands<'a>(expr: &'a Expr, visit: &mut dyn FnMut(&'a Expr)) {
    use ExprKind::*;
    match &expr.kind {
        Int { .. } | Str(_) | Bool(_) | Name(_) | Variable(_) | SizeofType(_) => {}
        Map { key, .. } => key.iter().for_each(|key| visit(key)),
        Call { args, .. } | Tuple(args) => args.iter().for_each(visit),
        Field { base, .. } | TupleField { base, .. } => visit(base),
        Unary { operand, .. } | Cast { operand, .. } | SizeofExpr(operand) => visit(operand),
        Step { target, .. } => visit(target),
        Index { base, index } => [base, index].into_iter().for_each(|e| visit(e)),
        Binary { left, right, .. } => [left, right].into_iter().for_each(|e| visit(e)),
        Ternary { cond, then, otherwise } => {
            visit(cond);
            then.iter().for_each(|e| visit(e));
            visit(otherwise);
        }
    }
}

/// Calls `visit` with `expr` and everything within it, outermost first.
pub(super) fn expr<'a>(expr: &'a Expr, visit: &mut dyn FnMut(&'a Expr)) {
    visit(expr);
    operands(expr, &mut |operand| self::expr(operand, visit));
}

/// Calls `visit` with the expressions of `statement` itself, blocks within it left out, in source order.
pub(super) fn roots<'a>(statement: &'a Statement, visit: &mut dyn FnMut(&'a Expr)) {
    match &statement.kind {
        StatementKind::Expr(expr) | StatementKind::Return(Some(expr)) => visit(expr),
        StatementKind::Assign { target, value, .. } => {
            visit(target);
            visit(value);
        }
        StatementKind::Let { value, .. } => value.iter().for_each(visit),
        StatementKind::If { cond, .. } => visit(cond),
        StatementKind::Return(None) | StatementKind::Block(_) => {}
    }
}

/// Calls `visit` with every statement of `block` and of the blocks within it.
pub(super) fn statements<'a>(block: &'a Block, visit: &mut dyn FnMut(&'a Statement)) {
    for statement in &block.statements {
        visit(statement);
        match &statement.kind {
            StatementKind::If { then, otherwise, .. } => {
                statements(then, visit);
                otherwise.iter().for_each(|block| statements(block, visit));
            }
            StatementKind::Block(block) => statements(block, visit),
            _ => {}
        }
    }
}

/// Calls `visit` with every expression of the probe's predicate and body.
pub(super) fn probe<'a>(probe: &'a Probe, visit: &mut dyn FnMut(&'a Expr)) {
    probe.predicate.iter().for_each(|predicate| expr(predicate, visit));
    statements(&probe.body, &mut |statement| roots(statement, &mut |root| expr(root, visit)));
}
