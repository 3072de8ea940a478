//! The state of a function in the making.

use std::collections::BTreeMap;

use super::{Config, Random};
use crate::ir::entities::{Block, MapRef, Slot, Value};
use crate::ir::function::{Function, InstData, Provenance, SlotData, Target, Terminator, Type};
use crate::ir::ranges::Ranges;
use crate::ir::typing::{Maps, result_type};
use crate::sema::tree::ProbeKind;
use crate::source::{FileId, Span};

/// Numbers at which arithmetic has its corners.
const CORNERS: [i64; 16] = [
    0,
    1,
    2,
    -1,
    8,
    63,
    64,
    255,
    256,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_ffff,
    -0x8000_0000,
    i64::MAX,
    i64::MIN,
    0x0101_0101_0101_0101,
];

/// What is in scope at a place; branches work on copies.
#[derive(Clone, Debug, Default)]
pub(super) struct Scope {
    /// Integers whose definitions dominate.
    pub ints: Vec<Value>,
    /// Bytes written, by slot.
    pub written: BTreeMap<Slot, Ranges>,
    /// Pointers to map values, not null, with bytes from there to the value's end.
    pub pointers: Vec<(Value, MapRef, u32)>,
}

impl Scope {
    /// True when all of the bytes are written.
    pub fn is_written(&self, slot: Slot, start: u32, end: u32) -> bool {
        self.written.get(&slot).is_some_and(|ranges| ranges.contains(start.into(), end.into()))
    }

    /// Notes that the bytes are written.
    pub fn write(&mut self, slot: Slot, start: u32, end: u32) {
        self.written.entry(slot).or_default().insert(start.into(), end.into());
    }
}

pub(super) struct Generator<'a> {
    pub func: Function,
    pub maps: &'a Maps,
    pub config: &'a Config,
    pub random: Random,
    pub scope: Scope,
    /// Where instructions go.
    pub block: Block,
    pub context: Value,
    /// Statements left.
    pub budget: i64,
    line: u32,
}

impl<'a> Generator<'a> {
    pub fn new(seed: u64, config: &'a Config, maps: &'a Maps) -> Generator<'a> {
        let mut func = Function::new("fuzz", ProbeKind::Kprobe, 0, Span::default());
        let block = func.add_block();
        let context = func.add_param(block, Type::Ptr(Provenance::Context));
        let random = Random::new(seed);
        let budget = config.size.into();
        Generator { func, maps, config, random, scope: Scope::default(), block, context, budget, line: 0 }
    }

    pub fn function(mut self) -> Function {
        for _ in 0..3 {
            self.constant();
        }
        if self.config.memory {
            for _ in 0..1 + self.random.below(3) {
                self.new_slot();
            }
        }
        while self.budget > 0 {
            self.statement(3);
        }
        self.finish();
        self.func
    }

    /// Returns a mixture of integers and of slots.
    fn finish(&mut self) {
        let mut mixed = self.int();
        let factor = self.emit_const(0x9e37_79b9_7f4a_7c15u64 as i64);
        for _ in 0..12 {
            let other = if self.random.chance(60) { self.int() } else { self.load_anything() };
            let product = self.binary(crate::ir::BinOp::Mul, mixed, factor);
            mixed = self.binary(crate::ir::BinOp::Xor, product, other);
        }
        let half = self.emit_const(32);
        let high = self.binary(crate::ir::BinOp::LShr, mixed, half);
        let result = self.binary(crate::ir::BinOp::Xor, mixed, high);
        self.terminate(Terminator::Return(result));
    }

    /// One statement, with branches at most so deep.
    pub fn statement(&mut self, depth: u32) {
        self.budget -= 1;
        self.line += 1;
        match self.random.below(100) {
            0..35 => self.arithmetic(),
            35..42 => self.constant(),
            42..62 if self.config.memory => self.memory_statement(),
            62..72 if depth > 0 => self.branch(depth - 1),
            72..75 if depth > 0 && self.config.loops => self.count_down(depth - 1),
            75..84 if self.config.maps => self.map_statement(depth),
            84..90 if self.config.records => self.record(depth),
            90..94 if self.config.context => self.context_statement(),
            94..100 if self.config.helpers => self.helper_statement(),
            _ => self.arithmetic(),
        }
    }

    fn span(&self) -> Span {
        Span { file: FileId(0), start: self.line * 10 + 1, end: self.line * 10 + 9 }
    }

    /// Appends an instruction with the type that the table gives.
    pub fn emit(&mut self, data: InstData) -> Option<Value> {
        let ty = result_type(self.maps, &self.func, &data);
        let span = self.span();
        self.func.append(self.block, data, ty, span)
    }

    /// Appends an instruction that has a result.
    pub fn emit_value(&mut self, data: InstData) -> Value {
        self.emit(data).expect("has a result")
    }

    pub fn emit_const(&mut self, number: i64) -> Value {
        self.emit_value(InstData::Const(number))
    }

    /// Appends an instruction whose integer may be used from here on.
    pub fn emit_int(&mut self, data: InstData) -> Value {
        let value = self.emit_value(data);
        self.scope.ints.push(value);
        value
    }

    pub fn terminate(&mut self, terminator: Terminator) {
        let span = self.span();
        let data = &mut self.func.blocks[self.block];
        data.terminator = Some(terminator);
        data.terminator_span = span;
    }

    pub fn jump(&mut self, block: Block, args: &[Value]) {
        self.terminate(Terminator::Jump(target(block, args)));
    }

    /// Any integer in scope, newer ones more often.
    pub fn int(&mut self) -> Value {
        let ints = self.scope.ints.len() as u64;
        let back = if self.random.chance(60) { ints.min(6) } else { ints };
        self.scope.ints[(ints - 1 - self.random.below(back)) as usize]
    }

    pub fn number(&mut self) -> i64 {
        match self.random.below(4) {
            0 => self.random.bits() as i64,
            1 => self.random.below(100) as i64 - 20,
            2 => 1 << self.random.below(64),
            _ => *self.random.pick(&CORNERS),
        }
    }

    pub fn constant(&mut self) {
        let number = self.number();
        self.emit_int(InstData::Const(number));
    }

    pub fn new_slot(&mut self) -> Slot {
        let size = 8 * (1 + self.random.below(4) as u32);
        let name = format!("s{}", self.func.slots.len());
        self.func.slots.push(SlotData { size, align: 8, name })
    }
}

pub(super) fn target(block: Block, args: &[Value]) -> Target {
    Target { block, args: args.iter().copied().collect() }
}
