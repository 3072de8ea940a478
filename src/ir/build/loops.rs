//! Loops: heads with parameters, ways out, and what bounds them.
//!
//! - The variables that a loop changes are parameters of its head, of the block that ends a round, and of the block
//!   behind the loop. They enter with an unknown 0 added (a word of the map of zeros): to the kernel's verifier they
//!   are any number from the first round on, so it walks through the loop once or twice, not once for each value.
//! - The head ends in `may_go`: the kernel counts rounds, there or in another way ([`crate::ir::outline`]).
//! - Ranges of a few rounds between constants need no such bound.
//! - A loop that meets a limit is left, and counted in the ledger.
//!
//! Deliberately absent: unrolling by the compiler, but for `unroll`, which asks for it.

use std::collections::HashSet;

use super::func::FuncBuilder;
use super::walk;
use crate::ir::entities::{Block, Value};
use crate::ir::function::{BinOp, Cond, Target, Terminator, Type, Width};
use crate::sema::tree::{Expr, ExprKind, Stmt, VarId};
use crate::wire::ledger::Cause;

/// Rounds between constants that need no other bound.
const FEW: i64 = 32;
/// The loops of a program.
#[derive(Default)]
pub struct Loops {
    /// Those around the place where code is appended, innermost last.
    open: Vec<Open>,
    /// Joints that something jumps to.
    reached: HashSet<Block>,
}

/// A loop whose body is being built.
struct Open {
    carried: Vec<VarId>,
    /// Where `break` and `continue` go, with the carried variables.
    exit: Block,
    latch: Block,
}

impl<'m> FuncBuilder<'_, 'm> {
    /// `while (cond) { body }`
    pub fn while_(&mut self, cond: &'m Expr, body: &'m [Stmt]) {
        let mut carried = walk::assigned_in(body);
        carried.extend(walk::assigned_within(cond));
        let test = |b: &mut Self, _: Option<Value>, round, exit| b.condition(cond, round, exit);
        self.loop_(carried, None, (test, |_: &mut Self, _| ()), body);
    }

    /// `for ($var : start..end) { body }`
    pub fn for_range(&mut self, var: VarId, start: &'m Expr, end: &'m Expr, body: &'m [Stmt]) {
        let signed = super::expr::is_signed(&start.ty);
        let rounds = match (&start.kind, &end.kind) {
            (ExprKind::Int(a), ExprKind::Int(z)) => z.checked_sub(*a).map(|rounds| rounds.max(0)),
            _ => None,
        };
        let (first, last) = (self.int(start), self.int(end));
        self.count_faults();
        // With a loop inside the verifier would walk through that one in every round.
        let few = rounds.is_some_and(|rounds| rounds <= FEW) && !walk::has_loops(body);
        let mut carried = walk::assigned_in(body);
        carried.retain(|other| *other != var);
        self.count_up(carried, Range { first, last, signed, few }, |b, at| b.vars.set(var, at), body);
    }

    /// A round for each number of a range; `begin` is given it.
    pub fn count_up(
        &mut self,
        carried: Vec<VarId>,
        range: Range,
        begin: impl FnOnce(&mut Self, Value),
        body: &'m [Stmt],
    ) {
        let cond = if range.signed { Cond::Slt } else { Cond::Ult };
        let (first, last) = (range.first, range.last);
        let test = |b: &mut Self, at: Option<Value>, round, exit| {
            let more = b.icmp(cond, at.unwrap_or(first), last);
            b.branch(more, round, exit);
        };
        let begin = |b: &mut Self, at: Option<Value>| begin(b, at.unwrap_or(first));
        self.loop_(carried, Some(range), (test, begin), body);
    }

    /// `unroll (count) { body }`
    pub fn unroll(&mut self, count: u32, body: &'m [Stmt]) {
        if !walk::leaves(body) {
            for _ in 0..count {
                self.statements(body);
            }
            return;
        }
        // `break` and `continue` join as in other loops.
        let carried = self.alive(walk::assigned_in(body));
        let exit = self.joint(&carried);
        for _ in 0..count {
            if !self.is_reachable() {
                break;
            }
            let latch = self.joint(&carried);
            let open = Open { carried: carried.clone(), exit, latch };
            self.body(body, open, |_| ());
            self.land(latch, &carried);
        }
        self.jump_with(exit, &carried, None);
        self.land(exit, &carried);
    }

    /// `break`
    pub fn break_(&mut self) {
        if let Some((exit, carried)) = self.loops.open.last().map(|open| (open.exit, open.carried.clone())) {
            self.jump_with(exit, &carried, None);
        }
    }

    /// `continue`
    pub fn continue_(&mut self) {
        if let Some((latch, carried)) = self.loops.open.last().map(|open| (open.latch, open.carried.clone()))
        {
            self.jump_with(latch, &carried, None);
        }
    }

    /// A loop with a test at its head. `test` ends the current block: to its first block for another round, to the
    /// second for the end. `begin` stands in front of each round. Both get the number of a range.
    fn loop_(
        &mut self,
        carried: Vec<VarId>,
        range: Option<Range>,
        (test, begin): (
            impl FnOnce(&mut Self, Option<Value>, Block, Block),
            impl FnOnce(&mut Self, Option<Value>),
        ),
        body: &'m [Stmt],
    ) {
        let carried = self.alive(carried);
        let few = range.as_ref().is_some_and(|range| range.few);
        let (head, latch, exit) = (self.joint(&carried), self.joint(&carried), self.joint(&carried));
        let number = range.as_ref().map(|_| self.func.add_param(head, Type::Int));
        self.enter_loop(head, &carried, range.as_ref());
        self.land_at(head, &carried);
        if !few {
            self.limit(exit, &carried);
        }
        let (round, done) = (self.new_block(), self.new_block());
        test(self, number, round, done);
        // What the test changed is right on both ways.
        self.arm(done, |b| {
            b.jump_with(exit, &carried, None);
            None
        });
        self.enter(round);
        self.body(body, Open { carried: carried.clone(), exit, latch }, |b| begin(b, number));
        if self.land(latch, &carried) {
            let next: Vec<Value> =
                number.map(|at| self.binary_const(BinOp::Add, at, 1)).into_iter().collect();
            self.jump_with(head, &carried, Some(&next));
        }
        self.land(exit, &carried);
    }

    /// Statements inside a loop, up to the end of a round.
    fn body(&mut self, body: &'m [Stmt], open: Open, begin: impl FnOnce(&mut Self)) {
        let (latch, carried) = (open.latch, open.carried.clone());
        self.loops.open.push(open);
        self.region(|b| {
            begin(b);
            b.statements(body);
            if b.is_reachable() {
                b.count_faults();
                b.jump_with(latch, &carried, None);
            }
            None
        });
        self.loops.open.pop();
    }

    /// Jumps to the head for the first round.
    fn enter_loop(&mut self, head: Block, carried: &[VarId], range: Option<&Range>) {
        let few = range.is_some_and(|range| range.few);
        let unknown = (!carried.is_empty() || !few).then(|| self.unknown_zero());
        let mut args: Vec<Value> = Vec::new();
        for var in carried {
            let value = self.current(*var);
            let value = self.as_int(value);
            args.push(self.blurred(value, unknown));
        }
        if let Some(range) = range {
            args.push(self.blurred(range.first, unknown.filter(|_| !few)));
        }
        self.jump(head, &args);
    }

    /// A value that the verifier knows nothing of.
    fn blurred(&mut self, value: Value, zero: Option<Value>) -> Value {
        zero.map_or(value, |zero| self.binary(BinOp::Add, value, zero))
    }

    /// 0, of which the verifier knows nothing.
    pub fn unknown_zero(&mut self) -> Value {
        let zeros = self.m.zeros(8);
        let address = self.map_value_addr(zeros, 0);
        self.load(Width::B8, false, address, 0)
    }

    /// At the head: leaves the loop when it may have no further round.
    fn limit(&mut self, exit: Block, carried: &[VarId]) {
        let (go, stop) = (self.new_block(), self.new_block());
        let targets = [go, stop].map(|block| Target { block, args: Default::default() });
        let [go_target, stop_target] = targets;
        self.terminate(Terminator::MayGo { go: go_target, stop: stop_target });
        self.enter(go);
        self.aside(stop, |b| {
            b.count(Cause::LoopLimit);
            b.jump_with(exit, carried, None);
        });
    }

    // Blocks with the carried variables for parameters

    /// A block with a parameter for each variable.
    fn joint(&mut self, carried: &[VarId]) -> Block {
        let block = self.new_block();
        for _ in carried {
            self.func.add_param(block, Type::Int);
        }
        block
    }

    /// Ends the current block with a jump to a joint; `more` follows the variables.
    fn jump_with(&mut self, block: Block, carried: &[VarId], more: Option<&[Value]>) {
        if !self.is_reachable() {
            return;
        }
        self.count_faults();
        let mut args: Vec<Value> = Vec::new();
        for var in carried {
            let value = self.current(*var);
            args.push(self.as_int(value));
        }
        args.extend(more.into_iter().flatten());
        self.loops.reached.insert(block);
        self.jump(block, &args);
    }

    /// Goes on at a joint, if anything jumps there.
    fn land(&mut self, block: Block, carried: &[VarId]) -> bool {
        let reached = self.loops.reached.contains(&block);
        if reached {
            self.land_at(block, carried);
        }
        reached
    }

    fn land_at(&mut self, block: Block, carried: &[VarId]) {
        self.enter(block);
        for (index, var) in carried.iter().enumerate() {
            let value = self.func.blocks[block].params[index];
            self.vars.set(*var, value);
        }
    }

    /// Those variables that have values here: the others begin inside.
    fn alive(&self, mut vars: Vec<VarId>) -> Vec<VarId> {
        vars.sort_unstable();
        vars.dedup();
        vars.retain(|var| self.vars.get(*var).is_some());
        vars
    }

    fn current(&self, var: VarId) -> Value {
        self.vars.get(var).unwrap_or(self.context)
    }
}

/// The numbers of a `for` over a range.
pub struct Range {
    pub first: Value,
    /// One past the last.
    pub last: Value,
    pub signed: bool,
    /// Few rounds, known when the script is compiled.
    pub few: bool,
}
