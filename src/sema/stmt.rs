//! Statements: from the syntax tree to the typed tree.

use super::calls::{self, Call};
use super::check::Checker;
use super::expr::Op;
use super::signatures::Meaning;
use super::storage::Storage;
use super::tree::{ExprKind, MapId, ProbeKind, Stmt, StmtKind, VarId};
use super::ty::Ty;
use super::value::{Kind, Val};
use crate::diag::{Diagnostic, codes};
use crate::source::Span;
use crate::syntax::ast::{self, BinaryOp, Block, Expr, ExprKind as Ast, Statement, StatementKind};

impl Checker<'_, '_> {
    /// The statements of a block; those behind a `return` or `exit` are checked and left out.
    pub(super) fn block(&mut self, block: &Block) -> Vec<Stmt> {
        let (mut out, mut dead) = (Vec::new(), false);
        for statement in &block.statements {
            let before = out.len();
            self.statement(statement, &mut out);
            if dead {
                out.truncate(before);
                continue;
            }
            if out[before..].iter().any(ends)
                && let Some(next) = after(block, statement)
            {
                let message = "this statement never runs";
                let warning = Diagnostic::warning(codes::UNREACHABLE, message).at(next.span, "never reached");
                let why = match out.last().map(|stmt| &stmt.kind) {
                    Some(StmtKind::Break) => "the loop ends here",
                    Some(StmtKind::Continue) => "the round ends here",
                    _ => "the probe ends here",
                };
                self.report(warning.because(statement.span, why));
                dead = true;
            }
        }
        out
    }

    fn statement(&mut self, statement: &Statement, out: &mut Vec<Stmt>) {
        let span = statement.span;
        let kind = match &statement.kind {
            StatementKind::Expr(expr) => return self.effects(expr, out),
            StatementKind::Assign { target, op, value } => self.assignment(span, target, *op, value),
            StatementKind::Let { value, .. } => self.declaration(statement, value.as_ref()),
            StatementKind::If { cond, then, otherwise } => match self.comptime(cond) {
                // What is known not to run may be wrong.
                Some(known) => {
                    let taken = known.and_then(|known| if known { Some(then) } else { otherwise.as_ref() });
                    return out.extend(taken.map(|block| self.block(block)).unwrap_or_default());
                }
                None => self.branches(cond, then, otherwise.as_ref()),
            },
            StatementKind::Return(value) => {
                let value = value.as_ref().and_then(|value| self.returned(value));
                let seen = matches!(self.body().kind, ProbeKind::Test | ProbeKind::Bench);
                Some(StmtKind::Return(value.filter(|_| seen).map(Val::into_expr)))
            }
            StatementKind::Block(block) => return out.extend(self.block(block)),
            StatementKind::Discard(value) => self.value(value).map(|v| StmtKind::Expr(v.into_expr())),
            StatementKind::Import(_) => return self.unstable_import(span),
            _ => self.loop_statement(statement),
        };
        out.extend(kind.map(|kind| Stmt { span, kind }));
    }

    fn branches(&mut self, cond: &Expr, then: &Block, otherwise: Option<&Block>) -> Option<StmtKind> {
        let cond = self.condition(cond);
        let then = self.block(then);
        let otherwise = otherwise.map(|block| self.block(block)).unwrap_or_default();
        Some(StmtKind::If { cond: cond?.into_expr(), then, otherwise })
    }

    fn returned(&mut self, value: &Expr) -> Option<Val> {
        let val = self.value(value)?;
        if !val.ty.is_int() {
            let message = "a probe returns an integer, or nothing";
            let label = format!("this is {}", self.name(&val.ty));
            return self.error(codes::TYPE_MISMATCH, value.span, message, label);
        }
        Some(val)
    }

    /// An expression for its effect; a block is its statements.
    fn effects(&mut self, expr: &Expr, out: &mut Vec<Stmt>) {
        match &expr.kind {
            Ast::Block { body, value } => {
                out.extend(self.block(body));
                value.iter().for_each(|value| self.effects(value, out));
            }
            Ast::If { cond, then, otherwise } => {
                let cond = self.condition(cond);
                let then = self.branch(then);
                let otherwise = otherwise.as_ref().map(|other| self.branch(other)).unwrap_or_default();
                let kind = cond.map(|cond| StmtKind::If { cond: cond.into_expr(), then, otherwise });
                out.extend(kind.map(|kind| Stmt { span: expr.span, kind }));
            }
            _ => out.extend(self.effect(expr).map(|kind| Stmt { span: expr.span, kind })),
        }
    }

    /// An expression for its effect, one that is no block.
    fn effect(&mut self, expr: &Expr) -> Option<StmtKind> {
        if let Some(call) = Call::of(expr)
            && let Some(Meaning::Action(action)) = super::signatures::find(call.name).map(|row| row.meaning)
        {
            self.row(call)?;
            return self.action(call, action);
        }
        if let Ast::Ternary { cond, then: Some(then), otherwise } = &expr.kind {
            let cond = self.condition(cond);
            let (then, otherwise) = (self.branch(then), self.branch(otherwise));
            return Some(StmtKind::If { cond: cond?.into_expr(), then, otherwise });
        }
        if let Some(statement) = self.imported_statement(expr) {
            return statement;
        }
        let val = self.expr(expr)?;
        if !matches!(&val.kind, Kind::Expr(kind) if has_effect(kind)) {
            let message = "this value is not used";
            self.report(
                Diagnostic::warning(codes::UNUSED_VALUE, message).at(expr.span, "computed and dropped"),
            );
            return None;
        }
        Some(StmtKind::Expr(val.into_expr()))
    }

    fn branch(&mut self, expr: &Expr) -> Vec<Stmt> {
        let mut out = Vec::new();
        self.effects(expr, &mut out);
        out
    }

    fn declaration(&mut self, statement: &Statement, value: Option<&Expr>) -> Option<StmtKind> {
        let StatementKind::Let { name_span, .. } = &statement.kind else { return None };
        let id = self.body().scopes.of_let(statement);
        match (id, value) {
            (Some(id), Some(value)) => self.set_var(*name_span, id, value),
            (Some(var), None) => {
                let ty = self.var(var).slot.ty.clone()?;
                let value = initial(&ty, statement.span)?;
                Some(StmtKind::SetVar { var, value })
            }
            (None, value) => {
                value.iter().for_each(|value| drop(self.value(value)));
                None
            }
        }
    }

    fn assignment(
        &mut self,
        span: Span,
        target: &Expr,
        op: Option<BinaryOp>,
        value: &Expr,
    ) -> Option<StmtKind> {
        match (&target.kind, op) {
            (Ast::Variable(_), None) => {
                let Some(id) = self.body().scopes.of_use(target) else {
                    self.expr(value);
                    return None;
                };
                self.set_var(target.span, id, value)
            }
            (Ast::Variable(_), Some(op)) => {
                let val = self.compound(span, target, op, value)?;
                let id = self.body().scopes.of_use(target)?;
                self.store_var(target.span, id, val)
            }
            (Ast::Map { name, key }, None) => self.set_map(target.span, name, key.as_deref(), value),
            (Ast::Map { name, key }, Some(op)) => {
                self.update_map(span, target, (name, key.as_deref()), op, value)
            }
            _ => {
                let message = "only variables and maps can be assigned to";
                self.error(codes::TYPE_MISMATCH, target.span, message, "neither")
            }
        }
    }

    /// `target op value`, the value that a compound assignment stores.
    pub(super) fn compound(&mut self, span: Span, target: &Expr, op: BinaryOp, value: &Expr) -> Option<Val> {
        let (left, right) = (self.value(target), self.value(value));
        self.apply(Op { op, op_span: span, span }, left?, right?)
    }

    fn set_var(&mut self, target: Span, id: VarId, value: &Expr) -> Option<StmtKind> {
        let val = self.value(value)?;
        self.store_var(target, id, val)
    }

    fn store_var(&mut self, target: Span, var: VarId, val: Val) -> Option<StmtKind> {
        let slot = self.var(var).slot.clone();
        let (ty, span) = (slot.ty?, val.span);
        let found = self.described(&val);
        match self.coerce(val, &ty) {
            Some(value) => Some(StmtKind::SetVar { var, value }),
            None => self.report_var(target, var, span, &found),
        }
    }

    fn report_var(&mut self, target: Span, var: VarId, value: Span, found: &str) -> Option<StmtKind> {
        let (slot, fixed) = (self.var(var).slot.clone(), self.var(var).fixed);
        let name = self.body().scopes.vars[var.0 as usize].name;
        let ty = slot.ty.map(|ty| self.name(&ty)).unwrap_or_default();
        let message = format!("${name} is {ty}, which {found} does not fit");
        let error = Diagnostic::error(codes::TYPE_MISMATCH, message).at(value, format!("this is {found}"));
        let label = if fixed { "declared here" } else { "its type comes from here" };
        let error = if slot.span == target { error } else { error.because(slot.span, label) };
        let literal = fixed && found.starts_with(|c: char| c.is_ascii_digit() || c == '-');
        self.report(if literal { error.help(format!("cast it: `({ty})...`")) } else { error });
        None
    }

    /// The type of a value in messages; a literal as itself.
    pub(super) fn described(&self, val: &Val) -> String {
        match val.as_const() {
            Some(value) if val.ty.is_int() => super::expr::literal(value),
            _ => self.name(&val.ty),
        }
    }

    fn set_map(&mut self, span: Span, name: &str, key: Option<&Expr>, value: &Expr) -> Option<StmtKind> {
        if let Some(kind) = calls::aggregation(value) {
            let entry = self.entry(span, name, key);
            let made = self.aggregate(value, kind);
            let ((map, key), (made, added)) = (entry?, made?);
            return self.add_to_map(span, map, key, made, added, value.span);
        }
        let entry = self.entry(span, name, key);
        let val = self.value(value);
        let ((map, key), val) = (entry?, val?);
        let (found, value_span) = (self.described(&val), val.span);
        let slot = self.maps.list[map.0 as usize].value.clone();
        let ty = slot.ty?;
        match self.coerce(val, &ty) {
            Some(value) if !matches!(ty, Ty::Aggregate(_)) => Some(StmtKind::SetMap { map, key, value }),
            _ => self.report_map_value(value_span, map, &found),
        }
    }

    pub(super) fn report_map_value<T>(&mut self, value: Span, map: MapId, found: &str) -> Option<T> {
        let info = &self.maps.list[map.0 as usize];
        let (name, origin) = (info.name.clone(), info.value.span);
        let ty = info.value.ty.clone().map(|ty| self.name(&ty)).unwrap_or_default();
        let message = format!("@{name} holds {ty}, not {found}");
        let error = Diagnostic::error(codes::MAP_VALUE, message).at(value, format!("this is {found}"));
        self.report(error.because(origin, format!("holds {ty} from here")));
        None
    }

    fn add_to_map(
        &mut self,
        span: Span,
        map: MapId,
        key: Option<super::tree::Expr>,
        made: super::tree::Aggregate,
        value: Option<super::tree::Expr>,
        at: Span,
    ) -> Option<StmtKind> {
        let made = Ty::Aggregate(made);
        let held = self.maps.list[map.0 as usize].value.ty.clone()?;
        match (held.join(&made), &held) {
            (Some(joined), Ty::Aggregate(_)) if joined == held => {
                Some(StmtKind::Aggregate { map, key, value })
            }
            (_, Ty::Aggregate(kind)) if super::ty::same_kind(kind, &made) => {
                let origin = self.maps.list[map.0 as usize].value.span;
                let message = "all uses of a histogram must have the same buckets";
                let error = Diagnostic::error(codes::MAP_VALUE, message).at(at, "other buckets");
                self.report(error.because(origin, "first given here"));
                None
            }
            _ => {
                let found = self.name(&made);
                self.report_map_value(at.to(span), map, &found)
            }
        }
    }

    /// What is read and then written again: of an lpmtrie it would be read from the longest prefix of an address, and
    /// written to the address itself.
    fn refuse_rewrite(&mut self, span: Span, at: usize) -> Option<()> {
        if self.storage_of(at) != Some(Storage::LpmTrie) || self.quiet {
            return Some(());
        }
        let message = format!("an entry of the lpmtrie @{} cannot be changed so", self.maps.list[at].name);
        let error = Diagnostic::error(codes::BAD_ARGUMENT, message).at(span, "read here, and written there");
        let help = "`+=`, `-=`, `*=`, `&=`, `|=`, `^=`, `<<=` and `++` change the longest prefix; or assign to a prefix";
        self.report(self.as_declared(error, at).help(help));
        None
    }

    fn update_map(
        &mut self,
        span: Span,
        target: &Expr,
        (name, key): (&str, Option<&Expr>),
        op: BinaryOp,
        value: &Expr,
    ) -> Option<StmtKind> {
        let at = self.maps.find(name)?;
        let ty = self.maps.list[at].value.ty.clone()?;
        let adds = matches!(
            op,
            BinaryOp::Add
                | BinaryOp::Sub
                | BinaryOp::Mul
                | BinaryOp::BitAnd
                | BinaryOp::BitOr
                | BinaryOp::BitXor
                | BinaryOp::Shl
        );
        if !adds || !matches!(ty, Ty::Int { .. }) {
            self.refuse_rewrite(span, at)?;
            let val = self.compound(span, target, op, value);
            let (map, key) = self.entry(target.span, name, key)?;
            let val = val?;
            let found = self.described(&val);
            let value_span = val.span;
            return match self.coerce(val, &ty) {
                Some(value) => Some(StmtKind::SetMap { map, key, value }),
                None => self.report_map_value(value_span, map, &found),
            };
        }
        let entry = self.entry(target.span, name, key);
        let val = self.value(value);
        let ((map, key), val) = (entry?, val?);
        if !val.ty.is_int() && val.ty != Ty::Bool {
            // Says what is wrong with the operator.
            return self.compound(span, target, op, value).and(None);
        }
        Some(StmtKind::UpdateMap { map, key, op, value: val.cast(ty).into_expr() })
    }
}

/// What a declared variable holds until it is assigned.
fn initial(ty: &Ty, span: Span) -> Option<super::tree::Expr> {
    Some(match ty {
        Ty::Str { .. } => Val::constant(super::constant::Const::Str(Vec::new()), span).into_expr(),
        Ty::Tuple(items) | Ty::Record { items, .. } => {
            let items: Option<Vec<_>> = items.iter().map(|item| initial(item, span)).collect();
            super::tree::Expr { span, ty: ty.to_type(), kind: ExprKind::Tuple(items?) }
        }
        whole if !whole.to_type().is_scalar() => {
            let zero = Val::int(0, Ty::U64, span).into_expr();
            super::tree::Expr { span, ty: ty.to_type(), kind: ExprKind::Bytes(Box::new(zero)) }
        }
        _ => Val::int(0, ty.clone(), span).into_expr(),
    })
}

/// True for what changes something: dropping its value is no waste.
fn has_effect(kind: &ExprKind) -> bool {
    match kind {
        ExprKind::StepMap { .. } | ExprKind::StepVar { .. } | ExprKind::Delete { .. } => true,
        ExprKind::Push { .. } | ExprKind::Next { stays: false, .. } => true,
        ExprKind::Cast(inner) => has_effect(&inner.kind),
        _ => false,
    }
}

/// True when nothing runs after the statement.
fn ends(stmt: &Stmt) -> bool {
    match &stmt.kind {
        StmtKind::Return(_) | StmtKind::Break | StmtKind::Continue | StmtKind::Exit { .. } => true,
        StmtKind::If { then, otherwise, .. } => then.iter().any(ends) && otherwise.iter().any(ends),
        _ => false,
    }
}

fn after<'b>(block: &'b Block, statement: &Statement) -> Option<&'b ast::Statement> {
    let at = block.statements.iter().position(|s| std::ptr::eq(s, statement))?;
    block.statements.get(at + 1)
}
