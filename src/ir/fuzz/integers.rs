//! Arithmetic statements.

use super::generate::Generator;
use crate::ir::entities::Value;
use crate::ir::function::{BinOp, Cond, InstData, UnOp};
use crate::ir::names::Words;

impl Generator<'_> {
    pub fn arithmetic(&mut self) {
        match self.random.below(20) {
            0..4 => {
                // Often of another: extensions of extensions, swaps of swaps.
                for _ in 0..1 + self.random.below(3) {
                    let (op, arg) = (*self.random.pick(UnOp::ALL), self.newest());
                    self.emit_int(InstData::Unary { op, arg });
                }
            }
            4..7 => self.comparison(),
            7..12 => {
                let op = *self.random.pick(BinOp::ALL);
                let (left, number) = (self.int(), self.number());
                let number = match op {
                    op if op.is_shift() => number & 63,
                    op if op.is_division() && number == 0 => 7,
                    _ => number,
                };
                let right = self.emit_const(number);
                self.emit_int(InstData::Binary { op, left, right });
            }
            12 => {
                let (arg, max) = (self.int(), self.random.below(1 << 20) as u32);
                self.emit_int(InstData::Clamp { arg, max });
            }
            _ => {
                let op = *self.random.pick(BinOp::ALL);
                let (left, right) = (self.int(), self.right(op));
                self.emit_int(InstData::Binary { op, left, right });
            }
        }
    }

    /// The integer that was made last.
    fn newest(&mut self) -> Value {
        let last = self.scope.ints.last().copied();
        last.filter(|_| self.random.chance(70)).unwrap_or_else(|| self.int())
    }

    /// A comparison, often of one of few integers with one of few numbers, so that one decides another.
    pub fn comparison(&mut self) {
        let cond = *self.random.pick(Cond::ALL);
        let (left, right) = if self.random.chance(50) {
            let few = self.scope.ints.len().min(4) as u64;
            let left = self.scope.ints[self.random.below(few) as usize];
            let number = self.random.below(12) as i64 - 2;
            (left, self.emit_const(number))
        } else {
            (self.int(), self.int())
        };
        self.emit_int(InstData::Icmp { cond, left, right });
    }

    /// A right operand: never a constant that the operation must not have.
    fn right(&mut self, op: BinOp) -> Value {
        let right = self.int();
        match self.func.as_const(right) {
            Some(number) if op.is_shift() && !(0..64).contains(&number) => self.emit_const(number & 63),
            Some(0) if op.is_division() => self.emit_const(3),
            _ => right,
        }
    }

    pub fn binary(&mut self, op: BinOp, left: Value, right: Value) -> Value {
        self.emit_value(InstData::Binary { op, left, right })
    }

    /// An integer below `limit`, which is a power of two.
    pub fn masked(&mut self, limit: u64) -> Value {
        let (left, right) = (self.int(), self.emit_const(limit as i64 - 1));
        self.emit_value(InstData::Binary { op: BinOp::And, left, right })
    }
}
