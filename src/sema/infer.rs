//! Types of variables, map keys and map values: what all their uses in the script have in common.
//!
//! Every use that gives a type is a rule: it computes the type of an expression and joins it to the slot of a
//! variable, a key or a value. A rule runs again when a slot that it reads has changed. Joins only grow (see
//! [`super::ty`]), so this ends; each rule is queued once at a time, so it is linear in the script for all but
//! contrived ones. Rules that read nothing run first: what depends on them then starts from better types.
//!
//! A map without a value that is stepped or read counts from 0: it holds an integer.

use std::collections::{HashMap, VecDeque};
use std::rc::Rc;

use super::calls::aggregation;
use super::check::Checker;
use super::maps::{Maps, Slot};
use super::scope::Scopes;
use super::signatures::Aggregation;
use super::tree::VarId;
use super::ty::Ty;
use crate::source::Span;
use crate::syntax::ast::{
    BinaryOp, Expr, ExprKind, ForOver, Probe, Statement, StatementKind, TypeBase, TypeName, TypeOrExpr,
};

/// What has a type to be found: a variable (of a body), a map's key or its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Target {
    Var(u32, VarId),
    Key(usize),
    Value(usize),
}

/// A use that gives a type, the same for all bodies of its probe block.
pub(super) struct Rule<'a> {
    /// A variable's body is filled in when the rule is run.
    target: Target,
    kind: RuleKind<'a>,
    /// What the type is computed from.
    reads: Vec<Target>,
    span: Span,
}

enum RuleKind<'a> {
    Value(&'a Expr),
    /// `let $x: typeof(…)`
    Typeof(Option<&'a TypeName>),
    /// `target op= value`
    Compound(&'a Statement, &'a Expr, BinaryOp, &'a Expr),
    Step(&'a Expr),
    Aggregate(&'a Expr, Aggregation),
    /// The variable of a loop over this map.
    Entry(usize),
}

/// The rules of a probe block.
pub(super) fn rules<'a>(probe: &'a Probe, scopes: &Scopes<'a>, maps: &Maps) -> Rc<[Rule<'a>]> {
    let mut collector = Collector { scopes, maps, rules: Vec::new() };
    super::walk::probe_statements(probe, &mut |statement| collector.statement(statement));
    super::walk::probe(probe, &mut |expr| collector.expr(expr));
    collector.rules.into()
}

struct Collector<'a, 'c> {
    scopes: &'c Scopes<'a>,
    maps: &'c Maps,
    rules: Vec<Rule<'a>>,
}

impl<'a> Collector<'a, '_> {
    fn statement(&mut self, statement: &'a Statement) {
        match &statement.kind {
            StatementKind::Let { ty, value, .. } => {
                let Some(id) = self.scopes.of_let(statement) else { return };
                if let Some(TypeName { base: TypeBase::Typeof(of), span, .. }) = ty {
                    let sources: Vec<&Expr> = match &**of {
                        TypeOrExpr::Expr(expr) => vec![expr],
                        TypeOrExpr::Type(_) => Vec::new(),
                    };
                    let kind = RuleKind::Typeof(ty.as_ref());
                    self.add(Target::Var(0, id), kind, &sources, *span);
                }
                if let Some(value) = value {
                    self.add(Target::Var(0, id), RuleKind::Value(value), &[value], value.span);
                }
            }
            StatementKind::Assign { target, op, value } => self.assignment(statement, target, *op, value),
            StatementKind::For { over, .. } => {
                if let Some(id) = self.scopes.of_let(statement) {
                    self.loop_variable(Target::Var(0, id), over, statement.span);
                }
            }
            _ => {}
        }
    }

    fn loop_variable(&mut self, var: Target, over: &'a ForOver, span: Span) {
        match over {
            ForOver::Range { start, end } => {
                for end in [start, end] {
                    self.add(var, RuleKind::Value(end), &[end], end.span);
                }
            }
            ForOver::Map(Expr { kind: ExprKind::Map { name, key: None }, .. }) => {
                if let Some(at) = self.maps.find(name) {
                    let reads = vec![Target::Key(at), Target::Value(at)];
                    self.rules.push(Rule { target: var, kind: RuleKind::Entry(at), reads, span });
                }
            }
            ForOver::Map(_) => {}
        }
    }

    fn assignment(
        &mut self,
        statement: &'a Statement,
        target: &'a Expr,
        op: Option<BinaryOp>,
        value: &'a Expr,
    ) {
        let slot = match &target.kind {
            ExprKind::Variable(_) => self.scopes.of_use(target).map(|id| Target::Var(0, id)),
            ExprKind::Map { name, .. } => self.maps.find(name).map(Target::Value),
            _ => None,
        };
        let Some(slot) = slot else { return };
        match (op, aggregation(value)) {
            (Some(op), _) => {
                let kind = RuleKind::Compound(statement, target, op, value);
                self.add(slot, kind, &[target, value], value.span);
            }
            (None, Some(kind)) if matches!(slot, Target::Value(_)) => {
                self.add(slot, RuleKind::Aggregate(value, kind), &[value], value.span);
            }
            (None, _) => self.add(slot, RuleKind::Value(value), &[value], value.span),
        }
    }

    fn expr(&mut self, expr: &'a Expr) {
        match &expr.kind {
            ExprKind::Step { target, .. } => {
                let slot = match &target.kind {
                    ExprKind::Variable(_) => self.scopes.of_use(target).map(|id| Target::Var(0, id)),
                    ExprKind::Map { name, .. } => self.maps.find(name).map(Target::Value),
                    _ => None,
                };
                if let Some(slot) = slot {
                    self.add(slot, RuleKind::Step(expr), &[target], expr.span);
                }
            }
            ExprKind::Map { name, key: Some(key) } => self.key(name, key),
            ExprKind::Call { name, args, .. } if matches!(name.as_str(), "delete" | "has_key") => {
                if let [Expr { kind: ExprKind::Map { name, key: None }, .. }, key] = &args[..] {
                    self.key(name, key);
                }
            }
            ExprKind::Call { name, args, .. } if name == "push" => {
                if let [Expr { kind: ExprKind::Map { name, key: None }, .. }, value] = &args[..]
                    && let Some(at) = self.maps.find(name)
                {
                    self.add(Target::Value(at), RuleKind::Value(value), &[value], value.span);
                }
            }
            _ => {}
        }
    }

    fn key(&mut self, map: &str, key: &'a Expr) {
        if let Some(at) = self.maps.find(map) {
            self.add(Target::Key(at), RuleKind::Value(key), &[key], key.span);
        }
    }

    fn add(&mut self, target: Target, kind: RuleKind<'a>, sources: &[&'a Expr], span: Span) {
        let mut reads = Vec::new();
        for source in sources {
            self.reads(source, &mut reads);
        }
        self.rules.push(Rule { target, kind, reads, span });
    }

    /// What the type of `expr` depends on: not the keys of maps in it.
    fn reads(&self, expr: &'a Expr, reads: &mut Vec<Target>) {
        match &expr.kind {
            ExprKind::Variable(_) => reads.extend(self.scopes.of_use(expr).map(|id| Target::Var(0, id))),
            ExprKind::Map { name, .. } => reads.extend(self.maps.find(name).map(Target::Value)),
            _ => super::walk::operands(expr, &mut |operand| self.reads(operand, reads)),
        }
    }
}

/// The queue of rules to run.
struct Solver<'a> {
    /// A body and the rules of its probe block.
    lists: Vec<Rc<[Rule<'a>]>>,
    readers: HashMap<Target, Vec<(u32, u32)>>,
    queue: VecDeque<(u32, u32)>,
    queued: Vec<Vec<bool>>,
}

impl<'a> Solver<'a> {
    fn new(lists: Vec<Rc<[Rule<'a>]>>) -> Solver<'a> {
        let queued = lists.iter().map(|list| vec![false; list.len()]).collect();
        let mut solver = Solver { lists, readers: HashMap::new(), queue: VecDeque::new(), queued };
        for reading in [false, true] {
            for body in 0..solver.lists.len() as u32 {
                solver.start(body, reading);
            }
        }
        solver
    }

    fn start(&mut self, body: u32, reading: bool) {
        let list = self.lists[body as usize].clone();
        for (at, rule) in list.iter().enumerate().filter(|(_, rule)| rule.reads.is_empty() != reading) {
            for read in &rule.reads {
                self.readers.entry(in_body(*read, body)).or_default().push((body, at as u32));
            }
            self.enqueue(body, at as u32);
        }
    }

    fn enqueue(&mut self, body: u32, rule: u32) {
        let queued = &mut self.queued[body as usize][rule as usize];
        if !std::mem::replace(queued, true) {
            self.queue.push_back((body, rule));
        }
    }

    fn next(&mut self) -> Option<(u32, u32)> {
        let (body, rule) = self.queue.pop_front()?;
        self.queued[body as usize][rule as usize] = false;
        Some((body, rule))
    }

    fn changed(&mut self, target: Target) {
        for (body, rule) in self.readers.get(&target).cloned().unwrap_or_default() {
            self.enqueue(body, rule);
        }
    }
}

fn in_body(target: Target, body: u32) -> Target {
    match target {
        Target::Var(_, id) => Target::Var(body, id),
        other => other,
    }
}

impl<'a> Checker<'a, '_> {
    /// Finds the types of all variables, keys and values. `lists` holds the rules of each body.
    pub(super) fn infer(&mut self, lists: Vec<Rc<[Rule<'a>]>>) {
        let mut solver = Solver::new(lists);
        self.quiet = true;
        self.solve(&mut solver);
        self.mark_broken(&solver);
        for at in 0..self.maps.list.len() {
            let map = &mut self.maps.list[at];
            if map.value.ty.is_none() && !map.broken {
                map.value = Slot { ty: Some(Ty::I8), span: map.span };
                solver.changed(Target::Value(at));
            }
        }
        self.solve(&mut solver);
        self.quiet = false;
    }

    /// Maps whose value is set to something that has no type, though all that it is made of has or is such a map.
    fn mark_broken(&mut self, solver: &Solver<'a>) {
        let mut found = true;
        while std::mem::take(&mut found) {
            for (body, list) in solver.lists.iter().enumerate() {
                for rule in list.iter() {
                    let Target::Value(at) = rule.target else { continue };
                    let map = &self.maps.list[at];
                    if map.value.ty.is_none() && !map.broken && self.is_settled(rule, body) {
                        self.maps.list[at].broken = true;
                        found = true;
                    }
                }
            }
        }
    }

    fn is_settled(&self, rule: &Rule, body: usize) -> bool {
        rule.reads.iter().all(|read| match read {
            Target::Value(at) if self.maps.list[*at].broken => true,
            read => self.slot(*read, body).ty.is_some(),
        })
    }

    fn slot(&self, target: Target, body: usize) -> &Slot {
        match target {
            Target::Var(_, id) => &self.bodies[body].vars[id.0 as usize].slot,
            Target::Key(at) => &self.maps.list[at].key,
            Target::Value(at) => &self.maps.list[at].value,
        }
    }

    fn solve(&mut self, solver: &mut Solver<'a>) {
        while let Some((body, at)) = solver.next() {
            let list = solver.lists[body as usize].clone();
            let rule = &list[at as usize];
            self.current = body as usize;
            let target = in_body(rule.target, body);
            if let Some(ty) = self.evaluate(rule)
                && self.learn(target, ty, rule.span)
            {
                solver.changed(target);
            }
        }
    }

    fn evaluate(&mut self, rule: &Rule) -> Option<Ty> {
        match rule.kind {
            RuleKind::Value(value) => Some(self.value(value)?.ty),
            RuleKind::Typeof(ty) => self.type_name(ty?),
            RuleKind::Compound(statement, target, op, value) => {
                Some(self.compound(statement.span, target, op, value)?.ty)
            }
            RuleKind::Step(step) => Some(self.expr(step)?.ty),
            RuleKind::Entry(at) => self.entry_type(at),
            RuleKind::Aggregate(value, kind) => Some(Ty::Aggregate(self.aggregate(value, kind)?.0)),
        }
    }

    /// Joins `ty` to what is known of `target`; true when that changed.
    fn learn(&mut self, target: Target, ty: Ty, span: Span) -> bool {
        let current = self.current;
        let slot = match target {
            Target::Var(_, id) => {
                let var = &mut self.bodies[current].vars[id.0 as usize];
                if var.fixed {
                    return false;
                }
                &mut var.slot
            }
            Target::Key(at) => &mut self.maps.list[at].key,
            Target::Value(at) => &mut self.maps.list[at].value,
        };
        let joined = match &slot.ty {
            None => {
                slot.span = span;
                Some(ty)
            }
            Some(known) => known.join(&ty),
        };
        let new = joined.is_some() && joined != slot.ty;
        if new {
            slot.ty = joined;
        }
        new
    }
}
