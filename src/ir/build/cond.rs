//! Conditions: jumps where a jump is wanted, 1 and 0 where a value is.

use super::expr;
use super::func::FuncBuilder;
use super::walk;
use crate::ir::entities::{Block, Value};
use crate::ir::function::Cond;
use crate::sema::tree::{Expr, ExprKind};
use crate::sema::types::Type;

impl<'m> FuncBuilder<'_, 'm> {
    /// Ends the current block: to `then` when the expression is not 0, else to `otherwise`. Both may be reached
    /// from several places, so no variable changes on the way; what would change one is computed as a value
    /// first.
    pub fn condition(&mut self, expr: &'m Expr, then: Block, otherwise: Block) {
        let outer = std::mem::replace(&mut self.span, expr.span);
        match &expr.kind {
            ExprKind::Not(inner) => self.condition(inner, otherwise, then),
            ExprKind::Cast(inner) if expr.ty == Type::Bool => self.condition(inner, then, otherwise),
            ExprKind::Int(value) => self.jump(if *value != 0 { then } else { otherwise }, &[]),
            ExprKind::Logical { and, left, right } if !walk::steps_variables(right) => {
                let next = self.new_block();
                if *and {
                    self.condition(left, next, otherwise);
                } else {
                    self.condition(left, then, next);
                }
                self.enter(next);
                self.condition(right, then, otherwise);
            }
            ExprKind::Equal { negated, left, right } => {
                let (equal, different) = if *negated { (otherwise, then) } else { (then, otherwise) };
                self.branch_equal(left, right, equal, different);
            }
            ExprKind::HasKey { map, key } => self.branch_has_key(*map, key, then, otherwise),
            _ => {
                let value = self.test(expr);
                self.branch(value, then, otherwise);
            }
        }
        self.span = outer;
    }

    /// A value to branch by. Faults are counted before it is made, so that a comparison and its jump stay
    /// together.
    fn test(&mut self, expr: &'m Expr) -> Value {
        if let ExprKind::Binary { op, left, right } = &expr.kind
            && let Some(cond) = expr::condition(*op, expr::is_signed(&left.ty))
        {
            let (left, right) = (self.int(left), self.int(right));
            self.count_faults();
            return self.icmp(cond, left, right);
        }
        let value = self.int(expr);
        self.count_faults();
        value
    }

    /// 1 when the expression is not 0, else 0.
    pub fn truth(&mut self, expr: &'m Expr) -> Value {
        match &expr.kind {
            ExprKind::Not(_) | ExprKind::Equal { .. } => self.branches_to_value(expr),
            ExprKind::Logical { and, left, right } if walk::steps_variables(right) => {
                self.stepping_logic(*and, left, right)
            }
            ExprKind::Logical { .. } => self.branches_to_value(expr),
            _ => {
                let value = self.int(expr);
                if expr.ty == Type::Bool { value } else { self.icmp_const(Cond::Ne, value, 0) }
            }
        }
    }

    fn branches_to_value(&mut self, expr: &'m Expr) -> Value {
        if let ExprKind::Not(inner) = &expr.kind
            && !matches!(inner.kind, ExprKind::Not(_) | ExprKind::Equal { .. } | ExprKind::Logical { .. })
        {
            let value = self.int(inner);
            return self.icmp_const(Cond::Eq, value, 0);
        }
        let (yes, no) = (self.new_block(), self.new_block());
        self.condition(expr, yes, no);
        self.one_or_zero(yes, no)
    }

    /// 1 behind `yes`, 0 behind `no`.
    pub fn one_or_zero(&mut self, yes: Block, no: Block) -> Value {
        let arms = [(yes, 1), (no, 0)].map(|(block, value)| self.arm(block, |b| Some(b.iconst(value))));
        self.join_value(arms)
    }

    /// `left && right`, `left || right` where the right side changes variables.
    fn stepping_logic(&mut self, and: bool, left: &'m Expr, right: &'m Expr) -> Value {
        let (go_on, done) = (self.new_block(), self.new_block());
        if and {
            self.condition(left, go_on, done);
        } else {
            self.condition(left, done, go_on);
        }
        let right = self.arm(go_on, |b| Some(b.truth(right)));
        let short = self.arm(done, |b| Some(b.iconst(if and { 0 } else { 1 })));
        self.join_value([right, short])
    }
}
