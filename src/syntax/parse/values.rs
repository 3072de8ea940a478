//! Values that are more than operands and operators: blocks, `if`, records, questions about types.
//!
//! A block's value is its last expression when no semicolon follows it; an `if` or a block in that place gives its own.

use super::build::{Builder, Pair, only};
use super::expr::{Built, boxed};
use super::grammar::Rule;
use crate::diag::{Diagnostic, codes};
use crate::syntax::ast::{
    Block, Expr, ExprKind, RecordField, Statement, StatementKind, TypeBase, TypeName, TypeOrExpr,
};

impl Builder {
    /// The statements of rule `block`, and the value it ends with.
    pub(super) fn value_block(&self, pair: Pair) -> (Block, Option<Expr>) {
        let span = self.span(&pair);
        let mut pairs: Vec<Pair> = pair.into_inner().collect();
        let valued = |p: &mut Pair| matches!(p.as_rule(), Rule::simple_stmt | Rule::if_stmt | Rule::block);
        let last = pairs.pop_if(valued);
        self.inside(|| {
            let mut statements: Vec<Statement> =
                pairs.into_iter().filter_map(|s| self.statement(s)).collect();
            let value = match last.as_ref().map(|p| p.as_rule()) {
                None => None,
                Some(Rule::if_stmt) => last.map(|p| self.if_value(p).expr),
                Some(Rule::block) => last.map(|p| self.block_value(p).expr),
                Some(_) => match last.and_then(|p| self.statement(p)) {
                    Some(Statement { kind: StatementKind::Expr(value), .. }) => Some(value),
                    other => {
                        statements.extend(other);
                        None
                    }
                },
            };
            (Block { span, statements }, value)
        })
    }

    /// Rule `block` as an expression.
    pub(super) fn block_value(&self, pair: Pair) -> Built {
        let span = self.span(&pair);
        let ((body, value), depth) = self.measured(|| self.value_block(pair));
        // The level of its statements is the block itself.
        self.built(ExprKind::Block { body, value: value.map(Box::new) }, span, depth - 1)
    }

    /// Rule `if_stmt` as an expression.
    pub(super) fn if_value(&self, pair: Pair) -> Built {
        let mut arms = Vec::new();
        let mut parts = pair.into_inner();
        let mut next = || parts.next().expect("the grammar gives an `if` its condition and block");
        let start = self.span(&next());
        arms.push((start, self.expr(only(next())), self.block_value(next())));
        let mut otherwise = None;
        for rest in parts {
            let mut inner = rest.into_inner().skip(1);
            let mut next = || inner.next().expect("an `else` has a block");
            let first = next();
            if first.as_rule() == Rule::block {
                otherwise = Some(self.block_value(first));
            } else {
                let start = self.span(&first);
                arms.push((start, self.expr(only(next())), self.block_value(next())));
            }
        }
        for (start, cond, then) in arms.into_iter().rev() {
            let outer = start.to(otherwise.as_ref().map_or(then.outer, |b: &Built| b.outer));
            let depth = otherwise.as_ref().map_or(0, |b| b.depth).max(cond.depth).max(then.depth);
            let (cond, then, other) = (boxed(cond), boxed(then), otherwise.take().map(boxed));
            otherwise = Some(self.built(ExprKind::If { cond, then, otherwise: other }, outer, depth));
        }
        otherwise.expect("an `if` has an arm")
    }

    pub(super) fn record(&self, pair: Pair) -> Built {
        let span = self.span(&pair);
        let mut fields: Vec<RecordField> = Vec::new();
        let mut depth = 0;
        for field in pair.into_inner() {
            let mut parts = field.into_inner();
            let mut next = || parts.next().expect("a field has a name and a value");
            let name = next();
            let (name_span, name) = (self.span(&name), name.as_str().to_owned());
            let value = self.expr(next());
            depth = depth.max(value.depth);
            if let Some(first) = fields.iter().find(|f| f.name == name) {
                let error = Diagnostic::error(codes::SYNTAX, format!("the record has two fields `{name}`"));
                self.report(error.at(name_span, "the second").because(first.name_span, "the first"));
                continue;
            }
            fields.push(RecordField { name, name_span, value: value.expr });
        }
        self.built(ExprKind::Record(fields), span, depth)
    }

    pub(super) fn positional(&self, pair: Pair) -> Built {
        let span = self.span(&pair);
        let digits = &pair.as_str()[1..];
        if digits == "#" {
            return self.leaf(ExprKind::PositionalCount, span);
        }
        let number = digits.parse().ok().filter(|n| *n > 0).unwrap_or_else(|| {
            let error = Diagnostic::error(codes::SYNTAX, format!("there is no parameter ${digits}"));
            self.report(error.at(span, "parameters are counted from 1"));
            1
        });
        self.leaf(ExprKind::Positional(number), span)
    }

    /// `sizeof`, `typeinfo`, `offsetof`.
    pub(super) fn question(&self, pair: Pair) -> Built {
        let (span, rule) = (self.span(&pair), pair.as_rule());
        let mut parts = pair.into_inner().skip(1);
        let of = parts.next().expect("a question about a type has an argument");
        let (of, depth) = self.type_or_expr(of);
        let kind = match (rule, of) {
            (Rule::sizeof, TypeOrExpr::Type(ty)) => ExprKind::SizeofType(ty),
            (Rule::sizeof, TypeOrExpr::Expr(value)) => ExprKind::SizeofExpr(value),
            (Rule::typeinfo, of) => ExprKind::Typeinfo(of),
            (_, of) => {
                let path = parts.map(|p| (p.as_str().to_owned(), self.span(&p))).collect();
                ExprKind::Offsetof { of, path }
            }
        };
        self.built(kind, span, depth)
    }

    /// Rule `type_or_expr`, and its levels.
    fn type_or_expr(&self, pair: Pair) -> (TypeOrExpr, usize) {
        let inner = only(pair);
        if inner.as_rule() != Rule::expr {
            let (ty, depth) = self.measured(|| self.type_name(inner));
            return (TypeOrExpr::Type(ty), depth);
        }
        let built = self.expr(inner);
        let depth = built.depth;
        match built.expr.kind {
            ExprKind::Type(ty) => (TypeOrExpr::Type(ty), depth),
            _ => (TypeOrExpr::Expr(boxed(built)), depth),
        }
    }

    /// Rule `typeof_head`.
    pub(super) fn typeof_head(&self, pair: Pair) -> TypeBase {
        let of = pair.into_inner().nth(1).expect("`typeof` has an argument");
        let (of, depth) = self.type_or_expr(of);
        self.reaches(self.level() + depth);
        TypeBase::Typeof(Box::new(of))
    }

    /// A type where a value may stand.
    pub(super) fn type_value(&self, pair: Pair) -> Built {
        let (ty, depth) = self.typed(pair);
        let span = ty.span;
        self.built(ExprKind::Type(ty), span, depth)
    }

    /// A type and its levels, which are more than none for `typeof`.
    pub(super) fn typed(&self, pair: Pair) -> (TypeName, usize) {
        self.measured(|| self.type_name(pair))
    }
}
