//! Branches, diamonds and loops.

use super::generate::{Generator, Scope, target};
use crate::ir::entities::{Block, Value};
use crate::ir::function::{BinOp, Terminator, Type};
use crate::ir::ranges::Ranges;

impl Generator<'_> {
    /// `if` with or without an else, by an integer or a comparison, joined with parameters.
    pub fn branch(&mut self, depth: u32) {
        let cond = self.condition();
        let (then, otherwise, join) = (self.func.add_block(), self.func.add_block(), self.func.add_block());
        let one_sided = self.random.chance(30);
        let outside = self.scope.clone();
        let params = self.random.below(3) as usize;
        let short = if one_sided { join } else { otherwise };
        let defaults = self.args(if one_sided { params } else { 0 });
        self.terminate(Terminator::Branch {
            cond,
            then: target(then, &[]),
            otherwise: target(short, &defaults),
        });
        let mut ends = vec![self.side(then, join, depth, params)];
        if one_sided {
            self.func.layout.retain(|block| *block != otherwise);
            ends.push(outside.clone());
        } else {
            self.scope = outside.clone();
            ends.push(self.side(otherwise, join, depth, params));
        }
        self.join(join, outside, &ends, params);
    }

    pub fn condition(&mut self) -> Value {
        if self.random.chance(40) {
            return self.int();
        }
        self.comparison();
        self.scope.ints.last().copied().unwrap_or(self.context)
    }

    pub fn args(&mut self, count: usize) -> Vec<Value> {
        (0..count).map(|_| self.int()).collect()
    }

    /// Statements in `block` that go on at `join`; gives the scope at their end.
    pub fn side(&mut self, block: Block, join: Block, depth: u32, params: usize) -> Scope {
        self.block = block;
        for _ in 0..self.random.below(5) {
            self.statement(depth);
        }
        let args = self.args(params);
        self.jump(join, &args);
        self.scope.clone()
    }

    /// Goes on at `join` with what every way there has.
    pub fn join(&mut self, join: Block, outside: Scope, ends: &[Scope], params: usize) {
        self.block = join;
        // Blocks in the order in which they can be read.
        self.func.layout.retain(|block| *block != join);
        self.func.layout.push(join);
        self.scope.ints = outside.ints;
        self.scope.pointers = outside.pointers;
        self.scope.pointers.retain(|pointer| ends.iter().all(|end| end.pointers.contains(pointer)));
        let (first, others) = ends.split_first().expect("a join has predecessors");
        self.scope.written = first.written.clone();
        for (slot, ranges) in &mut self.scope.written {
            for end in others {
                let missing = ranges.without(end.written.get(slot).unwrap_or(&Ranges::default()));
                ranges.subtract(&missing);
            }
        }
        for _ in 0..params {
            let param = self.func.add_param(join, Type::Int);
            self.scope.ints.push(param);
        }
    }

    /// A loop that runs one to four times and carries up to two integers.
    pub fn count_down(&mut self, depth: u32) {
        let (head, exit) = (self.func.add_block(), self.func.add_block());
        let rounds = 1 + self.random.below(4) as i64;
        let mut args = vec![self.emit_const(rounds)];
        let carried = self.random.below(3) as usize;
        args.extend(self.args(carried));
        self.jump(head, &args);
        self.block = head;
        let outside = self.scope.clone();
        let params: Vec<_> = args.iter().map(|_| self.func.add_param(head, Type::Int)).collect();
        self.scope.ints.extend(&params);
        for _ in 0..1 + self.random.below(4) {
            self.statement(depth.min(1));
        }
        let one = self.emit_const(1);
        let left = self.binary(BinOp::Sub, params[0], one);
        let mut args = vec![left];
        args.extend(self.args(carried));
        let result = self.args(1);
        let (then, otherwise) = (target(head, &args), target(exit, &result));
        if self.random.chance(30) {
            // The kernel asks first whether there may be another round.
            let asked = self.func.add_block();
            self.terminate(Terminator::Branch { cond: left, then: target(asked, &[]), otherwise });
            self.block = asked;
            self.terminate(Terminator::MayGo { go: then, stop: target(exit, &result) });
        } else {
            self.terminate(Terminator::Branch { cond: left, then, otherwise });
        }
        let end = self.scope.clone();
        self.join(exit, outside, &[end], 1);
    }
}
