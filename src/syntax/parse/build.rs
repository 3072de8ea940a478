//! Probes and statements: pest's pairs to the tree.
//!
//! pest's spans may take in blanks behind a construct, so spans are made of the tokens inside.

use std::cell::{Cell, RefCell};

use super::grammar::Rule;
use super::{MAX_DEPTH, expr};
use crate::diag::{Diagnostic, codes};
use crate::source::{FileId, Span};
use crate::syntax::ast::{
    AttachPoint, BinaryOp, Block, Expr, ExprKind, ForOver, Part, Probe, Statement, StatementKind,
};

/// A pair of our grammar.
pub(super) type Pair<'i> = pest::iterators::Pair<'i, Rule>;

/// Builds the tree of one parsed text, which begins at byte `base` of the file.
pub(super) struct Builder {
    file: FileId,
    base: usize,
    found: RefCell<Vec<Diagnostic>>,
    /// Levels of blocks and `else if` around the place being built.
    level: Cell<usize>,
    /// The deepest level reached so far, for what wraps statements into an expression.
    deepest: Cell<usize>,
}

/// Pairs of our grammar.
type Pairs<'i> = pest::iterators::Pairs<'i, Rule>;

impl Builder {
    /// A builder for a text that begins at byte `base` of `file`.
    pub(super) fn new(file: FileId, base: usize) -> Builder {
        Builder { file, base, found: RefCell::default(), level: Cell::new(0), deepest: Cell::new(0) }
    }

    /// What was found wrong, in the order of the text.
    pub(super) fn into_found(self) -> Vec<Diagnostic> {
        let mut found = self.found.into_inner();
        found.sort_by_key(|d| d.labels.first().map_or(0, |l| l.span.start));
        found
    }

    pub(super) fn report(&self, diagnostic: Diagnostic) {
        self.found.borrow_mut().push(diagnostic);
    }

    /// Where `pair` stands in the file; exact for tokens and for what ends with a bracket.
    pub(super) fn span(&self, pair: &Pair) -> Span {
        let span = pair.as_span();
        self.at(span.start(), span.end())
    }

    /// A span of the file from offsets of the parsed text.
    pub(super) fn at(&self, start: usize, end: usize) -> Span {
        Span::new(self.file, self.base + start..self.base + end)
    }

    /// Levels of the tree above the place being built.
    pub(super) fn level(&self) -> usize {
        self.level.get()
    }

    /// Notes that the tree reaches down to `level`.
    pub(super) fn reaches(&self, level: usize) {
        self.deepest.set(self.deepest.get().max(level));
    }

    /// What `build` gives, and the levels below the present one that it took.
    pub(super) fn measured<T>(&self, build: impl FnOnce() -> T) -> (T, usize) {
        let before = self.deepest.replace(self.level.get());
        let built = build();
        let depth = self.deepest.get() - self.level.get();
        self.reaches(before);
        (built, depth)
    }

    /// One level down; false, with a message, when that is one too many.
    fn deeper(&self, span: Span) -> bool {
        self.level.set(self.level.get() + 1);
        self.reaches(self.level.get());
        if self.level.get() <= MAX_DEPTH {
            return true;
        }
        self.too_deep(span);
        false
    }

    /// Says once that the tree is deeper than [`MAX_DEPTH`].
    pub(super) fn too_deep(&self, span: Span) {
        if self.found.borrow().iter().all(|d| d.code != codes::TOO_DEEP) {
            let message = format!("more than {MAX_DEPTH} levels of operators and blocks");
            self.report(Diagnostic::error(codes::TOO_DEEP, message).at(span, "split this"));
        }
    }

    pub(super) fn probe(&self, pair: Pair) -> Probe {
        let span = self.span(&pair);
        let mut probe = Probe { span, attach: Vec::new(), predicate: None, body: Block::default() };
        for inner in pair.into_inner() {
            match inner.as_rule() {
                Rule::attach => probe.attach.push(self.attach(inner)),
                Rule::predicate => probe.predicate = inner.into_inner().next().map(|e| self.expr(e).expr),
                _ => probe.body = self.block(inner),
            }
        }
        probe
    }

    fn attach(&self, pair: Pair) -> AttachPoint {
        let span = self.span(&pair);
        let part = |pair: Pair| Part { span: self.span(&pair), text: unquote(pair.as_str()) };
        let mut parts = pair.into_inner().peekable();
        let name = parts.next_if(|p| p.as_rule() == Rule::probe_name).map(|p| p.as_str().to_owned());
        AttachPoint { span, name, parts: parts.map(part).collect() }
    }

    pub(super) fn block(&self, pair: Pair) -> Block {
        let span = self.span(&pair);
        let statements = self.inside(|| pair.into_inner().filter_map(|s| self.statement(s)).collect());
        Block { span, statements }
    }

    /// Runs `build` one level down.
    pub(super) fn inside<T>(&self, build: impl FnOnce() -> T) -> T {
        self.level.set(self.level.get() + 1);
        self.reaches(self.level.get());
        let built = build();
        self.level.set(self.level.get() - 1);
        built
    }

    /// A statement; none for its semicolon.
    pub(super) fn statement(&self, pair: Pair) -> Option<Statement> {
        let span = self.span(&pair);
        let kind = match pair.as_rule() {
            Rule::if_stmt => return Some(self.if_stmt(pair)),
            Rule::let_stmt => return Some(self.let_stmt(pair)),
            Rule::return_stmt => return Some(self.return_stmt(pair)),
            Rule::simple_stmt => return Some(self.simple_stmt(pair)),
            Rule::block => StatementKind::Block(self.block(pair)),
            Rule::for_stmt => self.for_stmt(pair),
            Rule::while_stmt => {
                let (cond, body) = self.guarded(pair);
                StatementKind::While { cond, body }
            }
            Rule::unroll_stmt => {
                let (count, body) = self.guarded(pair);
                StatementKind::Unroll { count, body }
            }
            Rule::import => {
                let import = self.import(pair);
                return Some(Statement { span: import.span, kind: StatementKind::Import(import) });
            }
            Rule::break_stmt | Rule::continue_stmt => {
                let keyword = only(pair);
                let span = self.span(&keyword);
                let kind = match keyword.as_rule() {
                    Rule::kw_break => StatementKind::Break,
                    _ => StatementKind::Continue,
                };
                return Some(Statement { span, kind });
            }
            _ => return None,
        };
        Some(Statement { span, kind })
    }

    /// Keyword, condition, block.
    fn guarded(&self, pair: Pair) -> (Expr, Block) {
        let mut parts = pair.into_inner().skip(1);
        let mut next = || parts.next().expect("the grammar gives a loop its condition and block");
        let cond = self.only_expr(next());
        (cond, self.block(next()))
    }

    fn for_stmt(&self, pair: Pair) -> StatementKind {
        let mut parts = pair.into_inner().skip(1);
        let mut next = || parts.next().expect("the grammar gives a loop its parts");
        let variable = next();
        let first = self.expr(next()).expr;
        let second = next();
        let (over, body) = match second.as_rule() {
            Rule::operand => (ForOver::Range { start: first, end: self.expr(second).expr }, next()),
            _ => (ForOver::Map(first), second),
        };
        StatementKind::For {
            name: variable.as_str()[1..].to_owned(),
            name_span: self.span(&variable),
            over,
            body: self.block(body),
        }
    }

    pub(super) fn if_stmt(&self, pair: Pair) -> Statement {
        let level = self.level.get();
        let mut parts = pair.into_inner();
        let mut arms = vec![self.arm(&mut parts)];
        let mut otherwise = None;
        for rest in parts {
            let span = self.span(&rest);
            let mut inner = rest.into_inner();
            inner.next(); // `else`
            if inner.peek().is_some_and(|p| p.as_rule() == Rule::block) {
                otherwise = inner.next().map(|b| self.block(b));
            } else if self.deeper(span) {
                arms.push(self.arm(&mut inner));
            }
        }
        self.level.set(level);
        fold_arms(arms, otherwise)
    }

    /// `if cond block`, the first pairs of `parts`.
    fn arm(&self, parts: &mut Pairs) -> Arm {
        let mut next = || parts.next().expect("the grammar gives an `if` its condition and block");
        let (keyword, cond, block) = (next(), next(), next());
        let cond = self.only_expr(cond);
        Arm { start: self.span(&keyword), cond, then: self.block(block) }
    }

    fn let_stmt(&self, pair: Pair) -> Statement {
        let mut span = Span::default();
        let (mut name, mut name_span) = (String::new(), span);
        let (mut ty, mut value) = (None, None);
        for part in pair.into_inner() {
            match part.as_rule() {
                Rule::kw_let => span = self.span(&part),
                Rule::variable => {
                    name_span = self.span(&part);
                    span = span.to(name_span);
                    name = part.as_str()[1..].to_owned();
                }
                Rule::let_type => {
                    let written = self.type_name(only(part));
                    span = span.to(written.span);
                    ty = Some(written);
                }
                Rule::let_value => {
                    let built = self.expr(only(part));
                    span = span.to(built.outer);
                    value = Some(built.expr);
                }
                _ => {}
            }
        }
        Statement { span, kind: StatementKind::Let { name, name_span, ty, value } }
    }

    fn return_stmt(&self, pair: Pair) -> Statement {
        let mut parts = pair.into_inner();
        let keyword = parts.next().map_or(Span::default(), |k| self.span(&k));
        let value = parts.find(|p| p.as_rule() == Rule::expr).map(|e| self.expr(e));
        let span = value.as_ref().map_or(keyword, |v| keyword.to(v.outer));
        Statement { span, kind: StatementKind::Return(value.map(|v| v.expr)) }
    }

    fn simple_stmt(&self, pair: Pair) -> Statement {
        let mut parts = pair.into_inner();
        let target = self.expr(parts.next().expect("a statement begins with an expression"));
        let (Some(op), Some(value)) = (parts.next(), parts.next()) else {
            return Statement { span: target.outer, kind: StatementKind::Expr(target.expr) };
        };
        let value = self.expr(value);
        if matches!(&target.expr.kind, ExprKind::Name(name) if name == "_") && op.as_str() == "=" {
            let span = target.outer.to(value.outer);
            return Statement { span, kind: StatementKind::Discard(value.expr) };
        }
        self.check_target(&target.expr, &op);
        let op = compound(op.as_str());
        let kind = StatementKind::Assign { target: target.expr, op, value: value.expr };
        Statement { span: target.outer.to(value.outer), kind }
    }

    fn check_target(&self, target: &Expr, op: &Pair) {
        if matches!(target.kind, ExprKind::Variable(_) | ExprKind::Map { .. }) {
            return;
        }
        let error = Diagnostic::error(codes::SYNTAX, "only a variable or a map can be assigned to");
        let error = error.at(target.span, "not a variable or map").because(self.span(op), "assigned here");
        self.report(match &target.kind {
            ExprKind::Name(name) => {
                error.help(format!("write `${name}` for a variable, `@{name}` for a map"))
            }
            ExprKind::Field { .. } | ExprKind::TupleField { .. } => {
                error.note("structs, tuples and their fields cannot be changed")
            }
            ExprKind::Index { .. } => error.note("elements of arrays cannot be changed"),
            ExprKind::Binary { .. } => error.help("`==` compares, `=` assigns"),
            _ => error,
        });
    }
}

/// `if` or `else if`, with what it guards.
struct Arm {
    start: Span,
    cond: Expr,
    then: Block,
}

/// `if a {} else if b {} else {}` to nested statements, the last first.
fn fold_arms(arms: Vec<Arm>, last: Option<Block>) -> Statement {
    let mut otherwise = last;
    let mut whole = None;
    for Arm { start, cond, then } in arms.into_iter().rev() {
        if let Some(inner) = whole.take() {
            let inner: Statement = inner;
            otherwise = Some(Block { span: inner.span, statements: vec![inner] });
        }
        let span = start.to(otherwise.as_ref().map_or(then.span, |b| b.span));
        let kind = StatementKind::If { cond, then, otherwise: otherwise.take() };
        whole = Some(Statement { span, kind });
    }
    whole.expect("an `if` has an arm")
}

/// The operator of a compound assignment, none for `=`.
fn compound(text: &str) -> Option<BinaryOp> {
    let symbol = text.strip_suffix('=').filter(|s| !s.is_empty())?;
    expr::binary_op(symbol)
}

/// The first pair inside `pair`, where the grammar guarantees one.
pub(super) fn only(pair: Pair) -> Pair {
    pair.into_inner().next().expect("the grammar puts something there")
}

/// A part of an attach point without quotes; a backslash in quotes stands for the character behind it.
fn unquote(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let (mut quoted, mut chars) = (false, text.chars());
    while let Some(c) = chars.next() {
        match c {
            '"' => quoted = !quoted,
            '\\' if quoted => out.extend(chars.next()),
            _ => out.push(c),
        }
    }
    out
}
