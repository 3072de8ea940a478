//! Expressions: pest's flat lists of operands and operators to the tree.

use super::MAX_DEPTH;
use super::build::{Builder, Pair, only};
use super::grammar::{PRATT, Rule};
use super::literal;
use crate::diag::{Diagnostic, codes};
use crate::source::Span;
use crate::syntax::ast::{BinaryOp, Expr, ExprKind, UnaryOp};

/// An expression being built.
pub(super) struct Built {
    pub(super) expr: Expr,
    /// With the parentheses around it, for the span of what contains it.
    pub(super) outer: Span,
    /// Levels of the tree below and with it.
    pub(super) depth: usize,
}

/// The operator written `symbol`.
pub(super) fn binary_op(symbol: &str) -> Option<BinaryOp> {
    use BinaryOp::*;
    let all = [Add, Sub, Mul, Div, Mod, BitAnd, BitOr, BitXor, Shl, Shr, Eq, Ne, Lt, Le, Gt, Ge, And, Or];
    all.into_iter().find(|op| op.symbol() == symbol)
}

impl Builder {
    /// The expression alone in `pair`.
    pub(super) fn only_expr(&self, pair: Pair) -> Expr {
        self.expr(only(pair)).expr
    }

    /// Rules `expr`, `operand` and `otherwise`.
    pub(super) fn expr(&self, pair: Pair) -> Built {
        let mut inner = pair.into_inner().peekable();
        let operators = std::iter::from_fn(|| inner.next_if(|p| p.as_rule() != Rule::ternary));
        let first = self.operators(operators);
        let mut conditions = vec![first];
        let mut branches = Vec::new();
        for tail in inner {
            let mut parts = tail.into_inner().map(|p| self.expr(p));
            let (one, two) = (parts.next(), parts.next());
            let (then, otherwise) = if two.is_some() { (one, two) } else { (None, one) };
            branches.push(then);
            conditions.extend(otherwise);
        }
        let last = conditions.pop().expect("an expression has an operand");
        conditions.into_iter().zip(branches).rev().fold(last, |otherwise, (cond, then)| {
            let outer = cond.outer.to(otherwise.outer);
            let depth = then.as_ref().map_or(0, |t| t.depth).max(cond.depth).max(otherwise.depth);
            let kind =
                ExprKind::Ternary { cond: boxed(cond), then: then.map(boxed), otherwise: boxed(otherwise) };
            self.built(kind, outer, depth)
        })
    }

    /// Wraps a node whose parts are `depth` levels deep.
    pub(super) fn built(&self, kind: ExprKind, span: Span, depth: usize) -> Built {
        self.reaches(self.level() + depth + 1);
        if self.level() + depth < MAX_DEPTH {
            return Built { expr: Expr { span, kind }, outer: span, depth: depth + 1 };
        }
        self.too_deep(span);
        // What is dropped here is refused anyway; a leaf keeps the tree within bounds.
        Built { expr: Expr { span, kind: ExprKind::Bool(false) }, outer: span, depth: 1 }
    }

    pub(super) fn leaf(&self, kind: ExprKind, span: Span) -> Built {
        self.built(kind, span, 0)
    }

    /// A list of prefixes, operands, postfixes and binary operators.
    fn operators<'i>(&self, pairs: impl Iterator<Item = Pair<'i>>) -> Built {
        let mut run = 0;
        let pairs = pairs.filter(|pair| {
            // The Pratt parser recurses on prefixes.
            run = if is_prefix(pair.as_rule()) { run + 1 } else { 0 };
            let fits = run <= MAX_DEPTH;
            if !fits {
                self.too_deep(self.span(pair));
            }
            fits
        });
        PRATT
            .map_primary(|pair| self.primary(pair))
            .map_prefix(|op, operand| self.prefix(op, operand))
            .map_postfix(|operand, op| self.postfix(operand, op))
            .map_infix(|left, op, right| self.infix(left, op, right))
            .parse(pairs)
    }

    fn infix(&self, left: Built, op: Pair, right: Built) -> Built {
        let outer = left.outer.to(right.outer);
        let depth = left.depth.max(right.depth);
        let kind = ExprKind::Binary {
            op: binary_op(op.as_str()).expect("the grammar's operators are known"),
            op_span: self.span(&op),
            left: boxed(left),
            right: boxed(right),
        };
        self.built(kind, outer, depth)
    }

    fn prefix(&self, op: Pair, operand: Built) -> Built {
        let span = self.span(&op);
        let outer = span.to(operand.outer);
        let depth = operand.depth;
        let unary = match op.as_rule() {
            Rule::minus => UnaryOp::Neg,
            Rule::not => UnaryOp::Not,
            Rule::bit_not => UnaryOp::BitNot,
            Rule::deref => UnaryOp::Deref,
            Rule::address => return self.address(span, operand),
            Rule::cast => {
                let (ty, levels) = self.typed(only(op));
                let kind = ExprKind::Cast { ty, operand: boxed(operand) };
                return self.built(kind, outer, depth.max(levels));
            }
            Rule::comptime => return self.built(ExprKind::Comptime(boxed(operand)), outer, depth),
            rule => return self.step(operand, span, rule == Rule::pre_inc, true),
        };
        self.built(ExprKind::Unary { op: unary, operand: boxed(operand) }, outer, depth)
    }

    fn address(&self, op: Span, operand: Built) -> Built {
        if !matches!(operand.expr.kind, ExprKind::Variable(_) | ExprKind::Map { key: None, .. }) {
            let error = Diagnostic::error(codes::SYNTAX, "`&` takes the address of a variable or a map only");
            self.report(error.at(operand.expr.span, "neither").because(op, "the address is taken here"));
        }
        let (outer, depth) = (op.to(operand.outer), operand.depth);
        self.built(ExprKind::Unary { op: UnaryOp::AddressOf, operand: boxed(operand) }, outer, depth)
    }

    fn step(&self, target: Built, op: Span, increment: bool, prefix: bool) -> Built {
        if !matches!(target.expr.kind, ExprKind::Variable(_) | ExprKind::Map { .. }) {
            let symbol = if increment { "++" } else { "--" };
            let message = format!("`{symbol}` changes a variable or a map only");
            let error = Diagnostic::error(codes::SYNTAX, message);
            self.report(error.at(target.expr.span, "neither").because(op, "to be changed here"));
        }
        let (outer, depth) = (op.to(target.outer), target.depth);
        self.built(ExprKind::Step { target: boxed(target), increment, prefix }, outer, depth)
    }

    fn postfix(&self, base: Built, op: Pair) -> Built {
        let span = self.span(&op);
        let rule = op.as_rule();
        if matches!(rule, Rule::post_inc | Rule::post_dec) {
            return self.step(base, span, rule == Rule::post_inc, false);
        }
        let inner = only(op);
        let name_span = self.span(&inner);
        let (outer, depth) = (base.outer, base.depth);
        match rule {
            Rule::tuple_field => self.tuple_field(base, inner),
            Rule::index => {
                let index = self.expr(inner);
                let depth = depth.max(index.depth);
                self.built(ExprKind::Index { base: boxed(base), index: boxed(index) }, outer.to(span), depth)
            }
            _ => {
                let (name, arrow) = (inner.as_str().to_owned(), rule == Rule::arrow);
                let kind = ExprKind::Field { base: boxed(base), name, name_span, arrow };
                self.built(kind, outer.to(name_span), depth)
            }
        }
    }

    fn tuple_field(&self, base: Built, digits: Pair) -> Built {
        let (span, outer, depth) = (self.span(&digits), base.outer, base.depth);
        if let ExprKind::Int { .. } = base.expr.kind
            && base.expr.span.end + 1 == span.start
        {
            let error = Diagnostic::error(codes::BAD_LITERAL, "there are no floating-point numbers");
            self.report(error.at(base.expr.span.to(span), "not an integer"));
        }
        let index = digits.as_str().parse().unwrap_or_else(|_| {
            let error = Diagnostic::error(codes::BAD_LITERAL, "no tuple has that many fields");
            self.report(error.at(span, "too large"));
            0
        });
        self.built(ExprKind::TupleField { base: boxed(base), index }, outer.to(span), depth)
    }

    fn primary(&self, pair: Pair) -> Built {
        let span = self.span(&pair);
        match pair.as_rule() {
            Rule::number => self.leaf(self.number(&pair), span),
            Rule::string => self.leaf(self.string(&pair), span),
            Rule::boolean => self.leaf(ExprKind::Bool(pair.as_str() == "true"), span),
            Rule::variable => self.leaf(ExprKind::Variable(pair.as_str()[1..].to_owned()), span),
            Rule::positional => self.positional(pair),
            Rule::name => self.name(pair),
            Rule::map => self.map(pair),
            Rule::sizeof | Rule::typeinfo | Rule::offsetof => self.question(pair),
            Rule::typeof_name => self.type_value(pair),
            Rule::if_expr => self.if_value(only(pair)),
            Rule::block => self.block_value(pair),
            Rule::record => self.record(pair),
            _ => self.group(pair),
        }
    }

    fn name(&self, pair: Pair) -> Built {
        let mut parts = pair.into_inner();
        let ident = parts.next().expect("a name has a word");
        let (name, name_span) = (ident.as_str().to_owned(), self.span(&ident));
        let Some(args) = parts.next() else {
            return self.leaf(ExprKind::Name(name), name_span);
        };
        let span = name_span.to(self.span(&args));
        let (args, depth) = self.list(args);
        self.built(ExprKind::Call { name, name_span, args }, span, depth)
    }

    fn map(&self, pair: Pair) -> Built {
        let mut parts = pair.into_inner();
        let sigil = parts.next().expect("a map has its sign");
        let (name, span) = (sigil.as_str()[1..].to_owned(), self.span(&sigil));
        let Some(keys) = parts.next() else {
            return self.leaf(ExprKind::Map { name, key: None }, span);
        };
        let end = self.span(&keys);
        let (mut keys, mut depth) = self.list(keys);
        let key = match keys.len() {
            1 => keys.swap_remove(0),
            _ => {
                depth += 1;
                let inside = keys[0].span.to(keys[keys.len() - 1].span);
                Expr { span: inside, kind: ExprKind::Tuple(keys) }
            }
        };
        self.built(ExprKind::Map { name, key: Some(Box::new(key)) }, span.to(end), depth)
    }

    fn group(&self, pair: Pair) -> Built {
        let outer = self.span(&pair);
        let mut comma = false;
        let parts = pair.into_inner().filter(|p| {
            comma |= p.as_rule() == Rule::comma;
            p.as_rule() == Rule::expr
        });
        let mut items: Vec<Built> = parts.map(|p| self.expr(p)).collect();
        if items.len() == 1 && !comma {
            return Built { outer, ..items.swap_remove(0) };
        }
        let depth = items.iter().map(|i| i.depth).max().unwrap_or(0);
        self.built(ExprKind::Tuple(items.into_iter().map(|i| i.expr).collect()), outer, depth)
    }

    /// The expressions in `pair`, and the depth of the deepest.
    fn list(&self, pair: Pair) -> (Vec<Expr>, usize) {
        let mut depth = 0;
        let items = pair.into_inner().map(|p| {
            let built = self.expr(p);
            depth = depth.max(built.depth);
            built.expr
        });
        (items.collect(), depth)
    }

    fn number(&self, pair: &Pair) -> ExprKind {
        let (value, suffix) = literal::integer(pair.as_str()).unwrap_or_else(|wrong| {
            self.bad_literal(pair, wrong);
            (0, "")
        });
        ExprKind::Int { value, suffix: suffix.to_owned() }
    }

    pub(super) fn string(&self, pair: &Pair) -> ExprKind {
        let (bytes, wrong) = literal::string(pair.as_str());
        wrong.into_iter().for_each(|w| self.bad_literal(pair, w));
        ExprKind::Str(bytes)
    }

    pub(super) fn bad_literal(&self, pair: &Pair, wrong: literal::Wrong) {
        let start = pair.as_span().start();
        let span = self.at(start + wrong.range.start, start + wrong.range.end);
        let mut error = Diagnostic::error(codes::BAD_LITERAL, wrong.message).at(span, wrong.label);
        error.help = wrong.help;
        self.report(error);
    }
}

pub(super) fn boxed(built: Built) -> Box<Expr> {
    Box::new(built.expr)
}

fn is_prefix(rule: Rule) -> bool {
    use Rule::*;
    matches!(rule, pre_inc | pre_dec | minus | not | bit_not | deref | address | cast | comptime)
}
