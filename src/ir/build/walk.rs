//! Questions about trees of statements and expressions, answered by one walk.

use crate::sema::tree::{Builtin, Expr, ExprKind, MapId, Probe, Stmt, StmtKind, VarId};

/// Calls `f` with the expression and everything in it.
pub fn each_expr<'t>(expr: &'t Expr, f: &mut impl FnMut(&'t Expr)) {
    f(expr);
    match &expr.kind {
        ExprKind::Int(_)
        | ExprKind::Str(_)
        | ExprKind::Var(_)
        | ExprKind::StepVar { .. }
        | ExprKind::Len(_)
        | ExprKind::AddressOf(_)
        | ExprKind::AddressOfMap(_)
        | ExprKind::Builtin(_)
        | ExprKind::Context
        | ExprKind::DataLoc { .. } => {}
        ExprKind::MapGet { key, .. } | ExprKind::StepMap { key, .. } | ExprKind::Delete { key, .. } => {
            key.iter().for_each(|key| each_expr(key, f));
        }
        ExprKind::HasKey { key: inner, .. }
        | ExprKind::Load { address: inner, .. }
        | ExprKind::LoadWhole { address: inner, .. }
        | ExprKind::TupleField { base: inner, .. }
        | ExprKind::Part { base: inner, .. }
        | ExprKind::Bytes(inner)
        | ExprKind::Neg(inner)
        | ExprKind::BitNot(inner)
        | ExprKind::Not(inner)
        | ExprKind::Cast(inner) => each_expr(inner, f),
        ExprKind::LoadStr { address, length, .. } => {
            each_expr(address, f);
            length.iter().for_each(|length| each_expr(length, f));
        }
        ExprKind::Block { statements, value } => {
            each_expr_in(statements, f);
            each_expr(value, f);
        }
        ExprKind::Element { base, index, .. } => {
            each_expr(base, f);
            each_expr(index, f);
        }
        ExprKind::Tuple(items) => items.iter().for_each(|item| each_expr(item, f)),
        ExprKind::Binary { left, right, .. }
        | ExprKind::Logical { left, right, .. }
        | ExprKind::Equal { left, right, .. } => {
            each_expr(left, f);
            each_expr(right, f);
        }
        ExprKind::Ternary { cond, then, otherwise } => {
            each_expr(cond, f);
            each_expr(then, f);
            each_expr(otherwise, f);
        }
    }
}

/// Calls `f` with every expression of the statements.
pub fn each_expr_in<'t>(statements: &'t [Stmt], f: &mut impl FnMut(&'t Expr)) {
    for statement in statements {
        match &statement.kind {
            StmtKind::Expr(expr)
            | StmtKind::SetVar { value: expr, .. }
            | StmtKind::PrintValue { value: expr }
            | StmtKind::PrintEntry { key: expr, .. } => each_expr(expr, f),
            StmtKind::SetMap { key, value, .. } | StmtKind::UpdateMap { key, value, .. } => {
                key.iter().for_each(|key| each_expr(key, f));
                each_expr(value, f);
            }
            StmtKind::Aggregate { key, value, .. } => {
                key.iter().chain(value).for_each(|expr| each_expr(expr, f));
            }
            StmtKind::If { cond, then, otherwise } => {
                each_expr(cond, f);
                each_expr_in(then, f);
                each_expr_in(otherwise, f);
            }
            StmtKind::Printf { args, .. } => args.iter().for_each(|arg| each_expr(arg, f)),
            StmtKind::Exit { code } => code.iter().for_each(|code| each_expr(code, f)),
            StmtKind::Return
            | StmtKind::PrintMap { .. }
            | StmtKind::Clear(_)
            | StmtKind::Zero(_)
            | StmtKind::Time { .. } => {}
        }
    }
}

/// Calls `f` with every expression of the probe.
pub fn each_expr_of<'t>(probe: &'t Probe, f: &mut impl FnMut(&'t Expr)) {
    probe.predicate.iter().for_each(|predicate| each_expr(predicate, f));
    each_expr_in(&probe.body, f);
}

fn any(expr: &Expr, test: impl Fn(&Expr) -> bool) -> bool {
    let mut found = false;
    each_expr(expr, &mut |expr| found |= test(expr));
    found
}

/// True when the body asks for the builtin `probe`.
pub fn uses_probe_name(probe: &Probe) -> bool {
    let mut found = false;
    each_expr_of(probe, &mut |expr| {
        found |= matches!(expr.kind, ExprKind::Builtin(Builtin::Probe | Builtin::UserFunction));
    });
    found
}

/// True when computing the expression changes a variable.
pub fn steps_variables(expr: &Expr) -> bool {
    any(expr, |expr| matches!(expr.kind, ExprKind::StepVar { .. } | ExprKind::Block { .. }))
}

/// True when computing the expression changes a variable or a map: it must happen, once, and in its turn.
pub fn has_effects(expr: &Expr) -> bool {
    any(expr, |expr| {
        matches!(
            expr.kind,
            ExprKind::StepVar { .. }
                | ExprKind::StepMap { .. }
                | ExprKind::Delete { .. }
                | ExprKind::Block { .. }
        )
    })
}

/// The variables whose addresses are taken.
pub fn addressed_vars(probe: &Probe) -> Vec<VarId> {
    let mut found = Vec::new();
    each_expr_of(probe, &mut |expr| {
        if let ExprKind::AddressOf(var) = expr.kind
            && !found.contains(&var)
        {
            found.push(var);
        }
    });
    found
}

/// True when the expression reads the variable.
pub fn reads_var(expr: &Expr, var: VarId) -> bool {
    any(expr, |expr| matches!(expr.kind, ExprKind::Var(read) if read == var))
}

/// True when the expression reads the map's values.
pub fn reads_map(expr: &Expr, map: MapId) -> bool {
    any(expr, |expr| matches!(expr.kind, ExprKind::MapGet { map: read, .. } if read == map))
}
