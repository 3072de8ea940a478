//! Constant folding, algebraic simplification, strength reduction.
//!
//! One walk in reverse postorder, so that operands are simple before what uses them is looked at. For each integer
//! instruction: what is known of the result may already be one number; else the rules below are applied until none
//! does anything. A rule gives a value that is there already, or an instruction to put in its place.
//!
//! - `binary`: sums, products, bits, shifts, with constants on the right and chains of constants joined;
//! - `divide`: division and remainder by constants, signed ones made unsigned where nothing can be negative;
//! - `compare`: comparisons, signed ones made unsigned, those of comparisons undone;
//! - `extend`: extensions that do nothing, and operands of which only the low bits matter.
//!
//! Afterwards no division by the constant 0 and no shift by a constant beyond 63 is left.
//!
//! Deliberately absent: branches (`branches`), pointers (`addresses`), what dominating branches say (`conditions`).

mod binary;
mod compare;
mod divide;
mod extend;

use cranelift_entity::SecondaryMap;

use crate::ir::cfg::Cfg;
use crate::ir::edit::Cursor;
use crate::ir::entities::{Inst, Value};
use crate::ir::function::{BinOp, Function, InstData, UnOp};
use crate::ir::known::{Facts, Known};
use crate::ir::typing::Maps;

/// Rules applied to one instruction at most: more would be a circle.
const MOST_STEPS: u32 = 32;

/// What a rule makes of an instruction.
enum Rewrite {
    /// The result is this value.
    Value(Value),
    /// The result is this number.
    Number(u64),
    /// The instruction becomes this one.
    Inst(InstData),
}

/// An instruction to which no rule applies.
enum Settled {
    Value(Value),
    Inst(InstData),
}

pub(super) fn run(_: &Maps, func: &mut Function) {
    let cfg = Cfg::new(func);
    let mut facts = Facts::default();
    let uses = func.use_counts();
    for block in cfg.reverse_postorder() {
        facts.enter(func, &cfg, block);
        Folder { cursor: Cursor::new(func, block), facts: &mut facts, uses: &uses }.block();
    }
    func.resolve_aliases();
}

struct Folder<'f, 'a> {
    cursor: Cursor<'f>,
    facts: &'a mut Facts,
    uses: &'a SecondaryMap<Value, u32>,
}

impl Folder<'_, '_> {
    fn block(&mut self) {
        while let Some(inst) = self.cursor.next() {
            self.inst(inst);
        }
    }

    fn inst(&mut self, inst: Inst) {
        let mut data = self.cursor.func.insts[inst].clone();
        data.map_operands(|value| self.cursor.func.resolve(value));
        self.narrow(&mut data);
        let Some(result) = self.cursor.func.result(inst).filter(|_| is_foldable(&data)) else {
            if let Some(result) = self.cursor.func.result(inst) {
                self.facts.set(result, self.facts.of_inst(self.cursor.func, &data));
            }
            self.cursor.func.insts[inst] = data;
            return self.cursor.keep(inst);
        };
        match self.settle(data) {
            Settled::Value(value) => self.cursor.func.replace(result, value),
            Settled::Inst(data) => {
                self.facts.set(result, self.facts.of_inst(self.cursor.func, &data));
                self.cursor.func.insts[inst] = data;
                self.cursor.keep(inst);
            }
        }
    }

    /// Applies rules until none does anything.
    fn settle(&mut self, mut data: InstData) -> Settled {
        for _ in 0..MOST_STEPS {
            let known = self.facts.of_inst(self.cursor.func, &data);
            let rewrite = match known.as_constant() {
                Some(_) if matches!(data, InstData::Const(_)) => None,
                Some(number) => Some(Rewrite::Number(number)),
                None => self.rewrite(&data),
            };
            match rewrite {
                Some(Rewrite::Number(number)) => data = InstData::Const(number as i64),
                Some(Rewrite::Value(value)) => return Settled::Value(value),
                Some(Rewrite::Inst(new)) => data = new,
                None => break,
            }
        }
        Settled::Inst(data)
    }

    fn rewrite(&mut self, data: &InstData) -> Option<Rewrite> {
        match data {
            InstData::Unary { op, arg } => self.unary(*op, *arg),
            InstData::Binary { op, left, right } => self.binary(*op, *left, *right),
            InstData::Icmp { cond, left, right } => self.compare(*cond, *left, *right),
            _ => None,
        }
    }

    fn known(&self, value: Value) -> Known {
        self.facts.of(self.cursor.func, value)
    }

    fn constant(&self, value: Value) -> Option<i64> {
        self.cursor.func.as_const(value)
    }

    /// The operation that defines a value, if one does.
    fn def(&self, value: Value) -> Option<&InstData> {
        self.cursor.func.def_data(value)
    }

    fn def_binary(&self, value: Value) -> Option<(BinOp, Value, Value)> {
        let func = &self.cursor.func;
        match *self.def(value)? {
            InstData::Binary { op, left, right } => Some((op, func.resolve(left), func.resolve(right))),
            _ => None,
        }
    }

    /// As `def_binary`, of one operation, with a constant on the right.
    fn def_with_const(&self, value: Value, wanted: BinOp) -> Option<(Value, i64)> {
        let (op, left, right) = self.def_binary(value)?;
        (op == wanted).then_some((left, self.constant(right)?))
    }

    fn def_unary(&self, value: Value) -> Option<(UnOp, Value)> {
        match *self.def(value)? {
            InstData::Unary { op, arg } => Some((op, self.cursor.func.resolve(arg))),
            _ => None,
        }
    }

    /// Puts an instruction before the one that is looked at, simplified like any other.
    fn emit(&mut self, data: InstData) -> Value {
        match self.settle(data) {
            Settled::Value(value) => value,
            Settled::Inst(data) => {
                let known = self.facts.of_inst(self.cursor.func, &data);
                let value = self.cursor.emit_int(data);
                self.facts.set(value, known);
                value
            }
        }
    }

    fn emit_const(&mut self, number: i64) -> Value {
        self.emit(InstData::Const(number))
    }

    fn emit_binary(&mut self, op: BinOp, left: Value, right: i64) -> Value {
        let right = self.emit_const(right);
        self.emit(InstData::Binary { op, left, right })
    }

    /// `left op number` in place of the instruction.
    fn with_const(&mut self, op: BinOp, left: Value, number: i64) -> Option<Rewrite> {
        let right = self.emit_const(number);
        Some(Rewrite::Inst(InstData::Binary { op, left, right }))
    }
}

fn is_foldable(data: &InstData) -> bool {
    matches!(
        data,
        InstData::Const(_)
            | InstData::Unary { .. }
            | InstData::Binary { .. }
            | InstData::Icmp { .. }
            | InstData::Clamp { .. }
    )
}

fn binary(op: BinOp, left: Value, right: Value) -> Option<Rewrite> {
    Some(Rewrite::Inst(InstData::Binary { op, left, right }))
}

fn unary(op: UnOp, arg: Value) -> Option<Rewrite> {
    Some(Rewrite::Inst(InstData::Unary { op, arg }))
}
