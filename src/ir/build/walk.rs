//! Questions about trees of statements and expressions, answered by one walk.

use crate::sema::tree::{Builtin, Expr, ExprKind, Function, MapId, Probe, Program, Stmt, StmtKind, VarId};
use crate::wire::types::StackMode;

/// Calls `f` with the expression and everything in it.
pub fn each_expr<'t>(expr: &'t Expr, f: &mut impl FnMut(&'t Expr)) {
    f(expr);
    match &expr.kind {
        ExprKind::Int(_)
        | ExprKind::Str(_)
        | ExprKind::Var(_)
        | ExprKind::StepVar { .. }
        | ExprKind::Len(_)
        | ExprKind::Next { .. }
        | ExprKind::AddressOf(_)
        | ExprKind::AddressOfMap(_)
        | ExprKind::Builtin(_)
        | ExprKind::Context
        | ExprKind::DataLoc { .. } => {}
        ExprKind::MapGet { key, .. } | ExprKind::StepMap { key, .. } | ExprKind::Delete { key, .. } => {
            key.iter().for_each(|key| each_expr(key, f));
        }
        ExprKind::HasKey { key: inner, .. }
        | ExprKind::Push { value: inner, .. }
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
        ExprKind::Tuple(items) | ExprKind::Call { args: items, .. } => {
            items.iter().for_each(|item| each_expr(item, f))
        }
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
            StmtKind::While { cond, body } => {
                each_expr(cond, f);
                each_expr_in(body, f);
            }
            StmtKind::ForRange { start, end, body, .. } => {
                each_expr(start, f);
                each_expr(end, f);
                each_expr_in(body, f);
            }
            StmtKind::ForMap { body, .. } | StmtKind::Unroll { body, .. } => each_expr_in(body, f),
            StmtKind::Join { array, .. } => each_expr(array, f),
            StmtKind::Printf { args, .. } | StmtKind::Formatted { args, .. } => {
                args.iter().for_each(|arg| each_expr(arg, f))
            }
            StmtKind::Exit { code } => code.iter().for_each(|code| each_expr(code, f)),
            StmtKind::Return(value) => value.iter().for_each(|value| each_expr(value, f)),
            StmtKind::Break
            | StmtKind::Continue
            | StmtKind::PrintMap { .. }
            | StmtKind::Clear(_)
            | StmtKind::Zero(_)
            | StmtKind::Time { .. } => {}
        }
    }
}

/// Calls `f` with every statement, those within expressions too.
pub fn each_stmt<'t>(statements: &'t [Stmt], f: &mut impl FnMut(&'t Stmt)) {
    each_nested(statements, f);
    each_expr_in(statements, &mut |expr| each_stmt_of(expr, f));
}

/// Calls `f` with the statements of a block that is the expression itself.
fn each_stmt_of<'t>(expr: &'t Expr, f: &mut impl FnMut(&'t Stmt)) {
    if let ExprKind::Block { statements, .. } = &expr.kind {
        each_nested(statements, f);
    }
}

/// Calls `f` with every statement, outer ones before those in them; not those within expressions.
fn each_nested<'t>(statements: &'t [Stmt], f: &mut impl FnMut(&'t Stmt)) {
    for statement in statements {
        f(statement);
        match &statement.kind {
            StmtKind::If { then, otherwise, .. } => {
                each_nested(then, f);
                each_nested(otherwise, f);
            }
            StmtKind::While { body, .. }
            | StmtKind::ForRange { body, .. }
            | StmtKind::ForMap { body, .. }
            | StmtKind::Unroll { body, .. } => each_nested(body, f),
            _ => {}
        }
    }
}

/// Variables that the statements, or expressions in them, may set.
pub fn assigned_in(statements: &[Stmt]) -> Vec<VarId> {
    let mut vars = Vec::new();
    each_stmt(statements, &mut |statement| vars.extend(assigned_by(statement)));
    each_expr_in(statements, &mut |expr| vars.extend(stepped(expr)));
    vars
}

/// Variables that computing the expression may set.
pub fn assigned_within(expr: &Expr) -> Vec<VarId> {
    let mut vars = Vec::new();
    each_expr(expr, &mut |part| {
        vars.extend(stepped(part));
        each_stmt_of(part, &mut |statement| vars.extend(assigned_by(statement)));
    });
    vars
}

fn assigned_by(statement: &Stmt) -> Option<VarId> {
    match &statement.kind {
        StmtKind::SetVar { var, .. } | StmtKind::ForRange { var, .. } => Some(*var),
        _ => None,
    }
}

/// True when a `break` or `continue` of the statements leaves the loop around them.
pub fn leaves(statements: &[Stmt]) -> bool {
    let mut found = false;
    each_stmt(statements, &mut |statement| {
        found |= matches!(statement.kind, StmtKind::Break | StmtKind::Continue);
    });
    found
}

/// The variable that the expression itself steps.
fn stepped(expr: &Expr) -> Option<VarId> {
    match expr.kind {
        ExprKind::StepVar { var, .. } => Some(var),
        _ => None,
    }
}

/// True when the statements hold a loop that runs more than once.
pub fn has_loops(statements: &[Stmt]) -> bool {
    let mut found = false;
    each_stmt(statements, &mut |statement| {
        found |= matches!(
            statement.kind,
            StmtKind::While { .. } | StmtKind::ForRange { .. } | StmtKind::ForMap { .. }
        );
    });
    found
}

/// Rounds that the loops among the statements may do, as far as constants and sizes of maps tell; a loop that tells
/// nothing counts as one round.
pub fn rounds(statements: &[Stmt], program: &Program) -> u64 {
    let body = |statements: &[Stmt]| rounds(statements, program).max(1);
    let of = |statement: &Stmt| match &statement.kind {
        StmtKind::If { then, otherwise, .. } => rounds(then, program).max(rounds(otherwise, program)),
        StmtKind::ForRange { start, end, body: inner, .. } => match (&start.kind, &end.kind) {
            (ExprKind::Int(start), ExprKind::Int(end)) => {
                body(inner).saturating_mul(end.saturating_sub(*start).max(0) as u64)
            }
            _ => body(inner),
        },
        StmtKind::ForMap { map, body: inner, .. } => {
            body(inner).saturating_mul(program.maps[map.0 as usize].max_entries.into())
        }
        StmtKind::While { body: inner, .. } => body(inner),
        StmtKind::Unroll { body: inner, .. } => rounds(inner, program),
        _ => 0,
    };
    statements.iter().map(of).fold(0, u64::saturating_add)
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

/// Depths of the stacks that the script takes, as build ids or as addresses, each once. A `usym` is a stack of one.
pub fn stack_depths(program: &Program, build_id: bool) -> Vec<u32> {
    let mut depths = Vec::new();
    for probe in &program.probes {
        each_expr_of(probe, &mut |expr| {
            if let ExprKind::Builtin(Builtin::Stack(spec)) = &expr.kind
                && (spec.mode == StackMode::BuildId) == build_id
                && !depths.contains(&spec.depth)
            {
                depths.push(spec.depth);
            }
        });
    }
    depths
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

/// True when computing the expression changes a variable or a map: it must happen, once, and in its turn. Stacks and
/// symbols may need a record of their own, which no other should wait for.
pub fn has_effects(expr: &Expr) -> bool {
    any(expr, |expr| {
        matches!(
            expr.kind,
            ExprKind::StepVar { .. }
                | ExprKind::StepMap { .. }
                | ExprKind::Delete { .. }
                | ExprKind::Push { .. }
                | ExprKind::Next { .. }
                | ExprKind::Block { .. }
                | ExprKind::Builtin(Builtin::Stack(_))
                | ExprKind::Call {
                    function: Function::UserSymbol
                        | Function::Signal { .. }
                        | Function::Override
                        | Function::Imported(_),
                    ..
                }
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
