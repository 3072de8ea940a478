//! Scratch variables: which declaration each use means.
//!
//! A variable lives from its declaration, or its first assignment, to the end of the block around it; an inner block
//! sees those of the outer ones and may not declare one of the same name. Every variable gets a [`VarId`] of its
//! own, so that later stages need no scopes.
//!
//! Uses are told apart by their place in the syntax tree (the node's address), not by their span: the tree is
//! borrowed for the whole analysis.

use std::collections::{HashMap, HashSet};

use super::tree::VarId;
use crate::diag::{Diagnostic, Sink, codes, suggest};
use crate::source::Span;
use crate::syntax::ast::{Block, Expr, ExprKind, ForOver, Probe, Statement, StatementKind, TypeName};

/// A scratch variable of a probe block.
pub(super) struct Variable<'a> {
    /// Without `$`.
    pub name: &'a str,
    /// Its declaration or first assignment.
    pub span: Span,
    /// What it is declared as.
    pub declared: Option<&'a TypeName>,
    /// By `let`, as against a plain assignment.
    by_let: bool,
    assigned: bool,
}

/// The variables of a probe block.
#[derive(Default)]
pub(super) struct Scopes<'a> {
    pub vars: Vec<Variable<'a>>,
    /// A mistake was reported.
    pub failed: bool,
    uses: HashMap<*const (), VarId>,
}

impl<'a> Scopes<'a> {
    /// Resolves every use in `probe`; mistakes go to `sink`.
    pub fn resolve(probe: &'a Probe, sink: &mut Sink) -> Scopes<'a> {
        let mut resolver =
            Resolver { scopes: Scopes::default(), open: vec![HashMap::new()], unknown: HashSet::new(), sink };
        probe.predicate.iter().for_each(|predicate| resolver.expr(predicate));
        resolver.statements(&probe.body);
        resolver.unassigned();
        resolver.scopes
    }

    /// The variable that a [`ExprKind::Variable`] means; None when it is unknown, which was reported.
    pub fn of_use(&self, expr: &Expr) -> Option<VarId> {
        self.uses.get(&std::ptr::from_ref(expr).cast()).copied()
    }

    /// The variable that a `let` or `for` declares; None when it may not, which was reported.
    pub fn of_let(&self, statement: &Statement) -> Option<VarId> {
        self.uses.get(&std::ptr::from_ref(statement).cast()).copied()
    }
}

struct Resolver<'a, 's> {
    scopes: Scopes<'a>,
    /// Open blocks, outermost first.
    open: Vec<HashMap<&'a str, VarId>>,
    /// Names reported as unknown: once is enough.
    unknown: HashSet<&'a str>,
    sink: &'s mut Sink,
}

impl<'a> Resolver<'a, '_> {
    fn find(&self, name: &str) -> Option<VarId> {
        self.open.iter().find_map(|block| block.get(name)).copied()
    }

    fn block(&mut self, block: &'a Block) {
        self.open.push(HashMap::new());
        self.statements(block);
        self.open.pop();
    }

    fn statements(&mut self, block: &'a Block) {
        block.statements.iter().for_each(|statement| self.statement(statement));
    }

    fn statement(&mut self, statement: &'a Statement) {
        match &statement.kind {
            StatementKind::Expr(expr) | StatementKind::Return(Some(expr)) => self.expr(expr),
            StatementKind::Return(None) => {}
            StatementKind::Assign { target, op, value } => {
                self.expr(value);
                self.assign(target, op.is_some());
            }
            StatementKind::Let { name, name_span, ty, value } => {
                ty.iter().for_each(|ty| super::walk::type_name(ty, &mut |expr| self.expr(expr)));
                value.iter().for_each(|value| self.expr(value));
                self.declare(statement, name, *name_span, ty.as_ref(), value.is_some());
            }
            StatementKind::If { cond, then, otherwise } => {
                self.expr(cond);
                self.block(then);
                otherwise.iter().for_each(|block| self.block(block));
            }
            StatementKind::Block(block) => self.block(block),
            StatementKind::Discard(value) => self.expr(value),
            StatementKind::For { name, name_span, over, body } => {
                match over {
                    ForOver::Map(map) => self.expr(map),
                    ForOver::Range { start, end } => [start, end].into_iter().for_each(|e| self.expr(e)),
                }
                self.open.push(HashMap::new());
                self.declare(statement, name, *name_span, None, true);
                self.block(body);
                self.open.pop();
            }
            StatementKind::While { cond, body } | StatementKind::Unroll { count: cond, body } => {
                self.expr(cond);
                self.block(body);
            }
            StatementKind::Break | StatementKind::Continue | StatementKind::Import(_) => {}
        }
    }

    /// Operands of operators on one level are many at most: the recursion is as deep as the tree.
    fn expr(&mut self, expr: &'a Expr) {
        if let ExprKind::Variable(name) = &expr.kind {
            self.read(expr, name);
        }
        if let ExprKind::Block { body, value } = &expr.kind {
            self.open.push(HashMap::new());
            self.statements(body);
            value.iter().for_each(|value| self.expr(value));
            self.open.pop();
            return;
        }
        super::walk::operands(expr, &mut |operand| self.expr(operand));
    }

    fn read(&mut self, expr: &'a Expr, name: &'a str) {
        match self.find(name) {
            Some(id) => {
                self.scopes.uses.insert(std::ptr::from_ref(expr).cast(), id);
                let var = &self.scopes.vars[id.0 as usize];
                if !var.assigned {
                    let message = format!("`${name}` is used before it is assigned");
                    let warning =
                        Diagnostic::warning(codes::UNASSIGNED, message).at(expr.span, "still 0 here");
                    self.sink.push(warning.because(var.span, "declared here"));
                }
            }
            None if self.unknown.insert(name) => self.report_unknown(expr.span, name),
            None => {}
        }
    }

    fn report_unknown(&mut self, span: Span, name: &str) {
        // A macro's own variables have the number of its copy behind their names.
        let (name, copied) = name.split_once('#').map_or((name, false), |(name, _)| (name, true));
        let message = format!("undefined variable `${name}`");
        let mut error =
            Diagnostic::error(codes::UNKNOWN_VARIABLE, message).at(span, "never set in this block");
        if copied {
            self.scopes.failed = true;
            return self
                .sink
                .push(error.help(format!("a macro sees what it is given: pass `${name}` to it")));
        }
        let visible = self.open.iter().flat_map(HashMap::keys).copied();
        if let Some(near) = suggest::nearest(name, visible) {
            error = error.help(format!("did you mean `${near}`?"));
        } else if let Some(other) = self.scopes.vars.iter().find(|v| v.name == name) {
            error = error.because(other.span, "this one ends with its block");
            error = error.help(format!("declare it before that block: `let ${name};`"));
        }
        self.scopes.failed = true;
        self.sink.push(error);
    }

    fn assign(&mut self, target: &'a Expr, compound: bool) {
        let ExprKind::Variable(name) = &target.kind else { return self.expr(target) };
        match self.find(name) {
            Some(id) => {
                self.scopes.vars[id.0 as usize].assigned = true;
                self.scopes.uses.insert(std::ptr::from_ref(target).cast(), id);
            }
            None if compound => self.read(target, name),
            None => {
                let var = Variable { name, span: target.span, declared: None, by_let: false, assigned: true };
                let id = self.enter(var);
                self.scopes.uses.insert(std::ptr::from_ref(target).cast(), id);
            }
        }
    }

    fn declare(
        &mut self,
        statement: &'a Statement,
        name: &'a str,
        span: Span,
        declared: Option<&'a TypeName>,
        assigned: bool,
    ) {
        if let Some(earlier) = self.find(name) {
            let message = format!("`${name}` is already there");
            let error = Diagnostic::error(codes::VARIABLE, message).at(span, "declared again");
            let earlier = self.scopes.vars[earlier.0 as usize].span;
            let error = error.because(earlier, "first here");
            self.scopes.failed = true;
            return self.sink.push(error.help("use another name, or assign without `let`"));
        }
        let id = self.enter(Variable { name, span, declared, by_let: true, assigned });
        self.scopes.uses.insert(std::ptr::from_ref(statement).cast(), id);
    }

    fn enter(&mut self, var: Variable<'a>) -> VarId {
        let id = VarId(self.scopes.vars.len() as u32);
        if let Some(block) = self.open.last_mut() {
            block.insert(var.name, id);
        }
        self.scopes.vars.push(var);
        id
    }

    fn unassigned(&mut self) {
        for var in self.scopes.vars.iter().filter(|var| var.by_let && !var.assigned) {
            let message = format!("`${}` is never assigned", var.name);
            self.sink.push(Diagnostic::warning(codes::UNASSIGNED, message).at(var.span, "declared here"));
        }
    }
}
