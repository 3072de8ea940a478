//! Finds `print(@m)` that is followed by `clear(@m)`: the runtime then takes the contents out as it prints them, and
//! what is counted in between is not lost.
//!
//! Only where nothing between the two uses the map or ends the probe, within one list of statements.

use std::collections::HashSet;

use super::tree::{Expr, ExprKind, MapId, Stmt, StmtKind};

/// Marks them in `body`, from the last statement to the first: `cleared` holds the maps that are cleared next.
pub(super) fn mark(body: &mut [Stmt]) {
    let mut cleared = HashSet::new();
    for stmt in body.iter_mut().rev() {
        match &mut stmt.kind {
            StmtKind::Clear(map) => {
                cleared.insert(*map);
                continue;
            }
            StmtKind::PrintMap { map, drains, .. } => {
                *drains = cleared.remove(map);
                continue;
            }
            StmtKind::If { then, otherwise, .. } => {
                mark(then);
                mark(otherwise);
            }
            StmtKind::While { body, .. }
            | StmtKind::ForRange { body, .. }
            | StmtKind::ForMap { body, .. }
            | StmtKind::Unroll { body, .. } => mark(body),
            _ => {}
        }
        if may_end(stmt) {
            cleared.clear();
        } else if !cleared.is_empty() {
            maps_of(stmt, &mut |map| {
                cleared.remove(&map);
            });
        }
    }
}

fn may_end(stmt: &Stmt) -> bool {
    match &stmt.kind {
        StmtKind::Return(_) | StmtKind::Break | StmtKind::Continue | StmtKind::Exit { .. } => true,
        StmtKind::While { body, .. }
        | StmtKind::ForRange { body, .. }
        | StmtKind::ForMap { body, .. }
        | StmtKind::Unroll { body, .. } => body.iter().any(may_end),
        StmtKind::If { then, otherwise, .. } => then.iter().chain(otherwise).any(may_end),
        _ => false,
    }
}

/// Calls `visit` with every map that the statement uses.
fn maps_of(stmt: &Stmt, visit: &mut dyn FnMut(MapId)) {
    use StmtKind::*;
    match &stmt.kind {
        Expr(expr) | SetVar { value: expr, .. } | PrintValue { value: expr } => in_expr(expr, visit),
        SetMap { map, key, value } | UpdateMap { map, key, value, .. } => {
            visit(*map);
            key.iter().chain([value]).for_each(|expr| in_expr(expr, visit));
        }
        Aggregate { map, key, value } => {
            visit(*map);
            key.iter().chain(value).for_each(|expr| in_expr(expr, visit));
        }
        If { cond, then, otherwise } => {
            in_expr(cond, visit);
            then.iter().chain(otherwise).for_each(|stmt| maps_of(stmt, visit));
        }
        Join { array, .. } => in_expr(array, visit),
        Printf { args, .. } | Formatted { args, .. } => args.iter().for_each(|arg| in_expr(arg, visit)),
        PrintEntry { map, key } => {
            visit(*map);
            in_expr(key, visit);
        }
        PrintMap { map, .. } | Clear(map) | Zero(map) => visit(*map),
        Exit { code } => code.iter().for_each(|code| in_expr(code, visit)),
        While { cond, body } => {
            in_expr(cond, visit);
            body.iter().for_each(|stmt| maps_of(stmt, visit));
        }
        ForRange { start, end, body, .. } => {
            in_expr(start, visit);
            in_expr(end, visit);
            body.iter().for_each(|stmt| maps_of(stmt, visit));
        }
        ForMap { map, body, .. } => {
            visit(*map);
            body.iter().for_each(|stmt| maps_of(stmt, visit));
        }
        Unroll { body, .. } => body.iter().for_each(|stmt| maps_of(stmt, visit)),
        Return(value) => value.iter().for_each(|value| in_expr(value, visit)),
        Break | Continue | Time { .. } => {}
    }
}

fn in_expr(expr: &Expr, visit: &mut dyn FnMut(MapId)) {
    use ExprKind::*;
    match &expr.kind {
        MapGet { map, .. } | StepMap { map, .. } | HasKey { map, .. } | Delete { map, .. } => visit(*map),
        Len(map) | AddressOfMap(map) | Push { map, .. } | Next { map, .. } => visit(*map),
        Block { statements, .. } => statements.iter().for_each(|stmt| maps_of(stmt, visit)),
        _ => {}
    }
    operands(expr, &mut |operand| in_expr(operand, visit));
}

/// Calls `visit` with each direct operand.
fn operands(expr: &Expr, visit: &mut dyn FnMut(&Expr)) {
    use ExprKind::*;
    match &expr.kind {
        AddressOf(_) | AddressOfMap(_) | Next { .. } => {}
        Int(_) | Str(_) | Var(_) | StepVar { .. } | Len(_) | Builtin(_) | Context | DataLoc { .. } => {}
        MapGet { key, .. } | StepMap { key, .. } | Delete { key, .. } => {
            key.iter().for_each(|key| visit(key))
        }
        HasKey { key, .. } => visit(key),
        Push { value, .. } => visit(value),
        Load { address, .. } | LoadWhole { address, .. } => visit(address),
        LoadStr { address, length, .. } => {
            visit(address);
            length.iter().for_each(|length| visit(length));
        }
        Tuple(items) | Call { args: items, .. } => items.iter().for_each(visit),
        TupleField { base, .. } | Part { base, .. } => visit(base),
        Element { base, index, .. } => {
            visit(base);
            visit(index);
        }
        Block { value: inner, .. } | Bytes(inner) | Neg(inner) | BitNot(inner) | Not(inner) | Cast(inner) => {
            visit(inner)
        }
        Binary { left, right, .. } | Logical { left, right, .. } | Equal { left, right, .. } => {
            visit(left);
            visit(right);
        }
        Ternary { cond, then, otherwise } => [cond, then, otherwise].into_iter().for_each(|expr| visit(expr)),
    }
}
