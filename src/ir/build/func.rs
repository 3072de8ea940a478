//! One program: blocks, instructions, arms of conditions and their joins.
//!
//! Invariant: code is appended to the current block; after a `return` there is none, and nothing is built until
//! a block is entered again. Blocks stand in the function in the order in which they are entered; those that
//! hardly ever run (`cold`) come last.

use smallvec::{SmallVec, smallvec};

use super::loops::Loops;
use super::module::{ModuleBuilder, System};
use super::slots::Slots;
use super::vars::{Changes, Vars};
use crate::ir::entities::{Block, Inst, MapRef, Slot, Value};
use crate::ir::function::{
    BinOp, Cond, Function, InstData, Provenance, SlotData, Target, Terminator, Type, UnOp, Width,
};
use crate::ir::helper::{Helper, Ret};
use crate::sema::tree::{AttachPoint, Expr, Probe};
use crate::source::Span;
use crate::wire::ledger::{self, Cause};
use crate::wire::map::MapKind;

/// Where the builtin `probe` comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameSource {
    /// Nobody asks.
    Unused,
    /// The program has one attach point: its index among the names.
    Constant(u32),
    /// The link's cookie.
    Cookie,
}

/// Builds one program.
pub struct FuncBuilder<'f, 'm> {
    pub m: &'f mut ModuleBuilder<'m>,
    pub probe: &'m Probe,
    /// The attach points of this program: all of the probe's, or one.
    pub attach: &'m [AttachPoint],
    pub source: NameSource,
    pub func: Function,
    /// The context, the entry's parameter.
    pub context: Value,
    pub vars: Vars,
    pub slots: Slots,
    pub span: Span,
    pub loops: Loops,
    block: Option<Block>,
    cold: Vec<Block>,
    exit: Option<Block>,
    zero_key: Option<Slot>,
    /// Negative when a read of this statement or arm faulted and nobody counted it yet.
    faults: Option<Value>,
}

/// A finished arm of a condition.
pub struct Arm {
    /// Where it ends, unless it returned.
    end: Option<Block>,
    changes: Changes,
    /// What it computed, where it was to compute something.
    result: Option<Value>,
}

impl Arm {
    /// An arm that never comes back.
    pub fn ended() -> Arm {
        Arm { end: None, changes: Changes::new(), result: None }
    }
}

impl<'f, 'm> FuncBuilder<'f, 'm> {
    pub fn new(
        m: &'f mut ModuleBuilder<'m>,
        probe: &'m Probe,
        attach: &'m [AttachPoint],
        source: NameSource,
        mut func: Function,
    ) -> FuncBuilder<'f, 'm> {
        let entry = func.add_block();
        let context = func.add_param(entry, Type::Ptr(Provenance::Context));
        FuncBuilder {
            m,
            probe,
            attach,
            source,
            func,
            context,
            vars: Vars::new(probe.vars.len(), super::walk::addressed_vars(probe)),
            slots: Slots::default(),
            span: probe.span,
            loops: Loops::default(),
            block: Some(entry),
            cold: Vec::new(),
            exit: None,
            zero_key: None,
            faults: None,
        }
    }

    /// Builds the whole program.
    pub fn build(mut self) -> Function {
        if let Some(predicate) = &self.probe.predicate {
            self.span = predicate.span;
            let (body, exit) = (self.new_block(), self.exit_block());
            self.condition(predicate, body, exit);
            self.enter(body);
        }
        self.statements(&self.probe.body);
        self.span = self.probe.span;
        self.return_();
        self.finish()
    }

    fn finish(mut self) -> Function {
        self.func.layout.append(&mut self.cold);
        if let Some(exit) = self.exit {
            self.enter(exit);
            self.span = self.probe.span;
            let zero = self.iconst(0);
            self.terminate(Terminator::Return(zero));
        }
        self.clear_addressed();
        self.store_zero_key();
        // Conditions that are constant leave arms that nothing reaches.
        self.func.remove_unreachable();
        self.func
    }

    /// The slot of the key of keyless maps is written once, before all else.
    fn store_zero_key(&mut self) {
        let Some(slot) = self.zero_key else { return };
        let (int, span) = (Some(Type::Int), self.probe.span);
        let zero = self.func.make_inst(InstData::Const(0), int, span);
        let ty = Some(Type::Ptr(Provenance::Stack(slot)));
        let address = self.func.make_inst(InstData::SlotAddr { slot }, ty, span);
        let result = |inst| self.func.result(inst);
        if let (Some(value), Some(base)) = (result(zero), result(address)) {
            let store = InstData::Store { width: Width::B8, base, offset: 0, value };
            let store = self.func.make_inst(store, None, span);
            let entry = self.func.entry();
            self.func.blocks[entry].insts.splice(0..0, [zero, address, store]);
        }
    }

    // Blocks

    /// True when code can be appended: nothing returned yet.
    pub fn is_reachable(&self) -> bool {
        self.block.is_some()
    }

    /// A new block, in no order yet.
    pub fn new_block(&mut self) -> Block {
        self.func.blocks.push(Default::default())
    }

    /// Goes on in `block`, which has not been entered before.
    pub fn enter(&mut self, block: Block) {
        self.func.layout.push(block);
        self.block = Some(block);
    }

    /// As `enter`, for what hardly ever runs.
    pub fn enter_cold(&mut self, block: Block) {
        self.cold.push(block);
        self.block = Some(block);
    }

    /// Ends the current block.
    pub fn terminate(&mut self, terminator: Terminator) {
        if let Some(block) = self.block.take() {
            self.func.blocks[block].terminator = Some(terminator);
            self.func.blocks[block].terminator_span = self.span;
        }
    }

    /// Ends the current block with a jump.
    pub fn jump(&mut self, block: Block, args: &[Value]) {
        self.terminate(Terminator::Jump(Target { block, args: args.into() }));
    }

    /// Ends the current block by a condition: not 0 goes to `then`.
    pub fn branch(&mut self, cond: Value, then: Block, otherwise: Block) {
        let [then, otherwise] = [then, otherwise].map(|block| Target { block, args: smallvec![] });
        self.terminate(Terminator::Branch { cond, then, otherwise });
    }

    /// Ends the current block by whether a pointer is null, goes on where it is not, and gives the pointer
    /// there.
    pub fn non_null(&mut self, ptr: Value, null: Block) -> Value {
        let found = self.new_block();
        let [null, non_null] = [null, found].map(|block| Target { block, args: smallvec![] });
        self.terminate(Terminator::BrNull { ptr, null, non_null });
        self.enter(found);
        let provenance = match self.func.type_of(ptr) {
            Type::Ptr(provenance) => provenance.non_null().unwrap_or(provenance),
            Type::Int => Provenance::Context,
        };
        self.inst(InstData::NonNull { arg: ptr }, Type::Ptr(provenance))
    }

    /// Where programs end: returns 0.
    pub fn exit_block(&mut self) -> Block {
        let exit = self.exit.unwrap_or_else(|| self.func.blocks.push(Default::default()));
        self.exit = Some(exit);
        exit
    }

    /// Ends the program.
    pub fn return_(&mut self) {
        if self.is_reachable() {
            let exit = self.exit_block();
            self.jump(exit, &[]);
        }
    }

    /// `return value`: the program's result, where anybody looks at it.
    pub fn return_value(&mut self, value: Option<&'m Expr>) {
        match value {
            Some(value) => {
                let value = self.scalar(value);
                self.terminate(Terminator::Return(value));
            }
            None => self.return_(),
        }
    }

    // Arms

    /// Builds an arm in `block`.
    pub fn arm(&mut self, block: Block, build: impl FnOnce(&mut Self) -> Option<Value>) -> Arm {
        self.enter(block);
        self.region(build)
    }

    /// Builds an arm in `block`, one that hardly ever runs.
    pub fn cold_arm(&mut self, block: Block, build: impl FnOnce(&mut Self) -> Option<Value>) -> Arm {
        self.enter_cold(block);
        self.region(build)
    }

    /// Builds an arm in `block` that never comes back, and goes on where it was.
    pub fn aside(&mut self, block: Block, build: impl FnOnce(&mut Self)) {
        let here = self.block.take();
        self.cold_arm(block, |b| {
            build(b);
            None
        });
        debug_assert!(self.block.is_none(), "an arm that comes back");
        self.block = here;
    }

    /// Builds an arm from here on.
    pub fn region(&mut self, build: impl FnOnce(&mut Self) -> Option<Value>) -> Arm {
        let outer = self.faults.take();
        let mark = self.vars.begin_arm();
        let result = build(self);
        self.count_faults();
        self.faults = outer;
        Arm { end: self.block.take(), changes: self.vars.end_arm(mark), result }
    }

    /// Goes on behind two arms; gives what they computed.
    pub fn join(&mut self, arms: [Arm; 2]) -> Option<Value> {
        match arms {
            [Arm { end: None, .. }, arm] | [arm, Arm { end: None, .. }] => {
                self.block = arm.end;
                arm.changes.iter().for_each(|(var, value)| self.vars.set(*var, *value));
                arm.result
            }
            [left, right] => self.merge(left, right),
        }
    }

    fn merge(&mut self, mut left: Arm, mut right: Arm) -> Option<Value> {
        let block = self.new_block();
        let mut args: [SmallVec<[Value; 2]>; 2] = [smallvec![], smallvec![]];
        let mut pair = |b: &mut Self, l: Value, r: Value| {
            if l == r {
                return l;
            }
            let (l, r) = (b.int_at(left.end, l), b.int_at(right.end, r));
            args[0].push(l);
            args[1].push(r);
            b.func.add_param(block, Type::Int)
        };
        let result = match (left.result, right.result) {
            (Some(l), Some(r)) => Some(pair(self, l, r)),
            _ => None,
        };
        let (left_changes, right_changes) =
            (std::mem::take(&mut left.changes), std::mem::take(&mut right.changes));
        for (var, l, r) in paired(&left_changes, &right_changes) {
            let old = self.vars.get(var);
            // A variable without a value on one side is out of scope behind the join.
            if let (Some(l), Some(r)) = (l.or(old), r.or(old)) {
                let value = pair(self, l, r);
                self.vars.set(var, value);
            }
        }
        let [left_args, right_args] = args;
        for (end, args) in [(left.end, left_args), (right.end, right_args)] {
            self.block = end;
            self.jump(block, &args);
        }
        self.enter(block);
        result
    }

    /// `value` as a number, converted at the end of `block` where it is the context's address.
    fn int_at(&mut self, block: Option<Block>, value: Value) -> Value {
        let here = std::mem::replace(&mut self.block, block);
        let value = self.as_int(value);
        self.block = here;
        value
    }

    // Instructions

    /// Appends an instruction with a result.
    pub fn inst(&mut self, data: InstData, ty: Type) -> Value {
        let inst = self.func.make_inst(data, Some(ty), self.span);
        self.append(inst)
    }

    /// Appends an instruction without a result.
    pub fn effect(&mut self, data: InstData) {
        let inst = self.func.make_inst(data, None, self.span);
        self.append(inst);
    }

    /// Appends an instruction that was made; gives its result, or the context where it has none.
    pub fn append(&mut self, inst: Inst) -> Value {
        debug_assert!(self.block.is_some(), "code behind a return");
        if let Some(block) = self.block {
            self.func.blocks[block].insts.push(inst);
        }
        self.func.result(inst).unwrap_or(self.context)
    }

    pub fn iconst(&mut self, value: i64) -> Value {
        self.inst(InstData::Const(value), Type::Int)
    }

    pub fn unary(&mut self, op: UnOp, arg: Value) -> Value {
        self.inst(InstData::Unary { op, arg }, Type::Int)
    }

    pub fn binary(&mut self, op: BinOp, left: Value, right: Value) -> Value {
        self.inst(InstData::Binary { op, left, right }, Type::Int)
    }

    /// With a constant on the right.
    pub fn binary_const(&mut self, op: BinOp, left: Value, right: i64) -> Value {
        let right = self.iconst(right);
        self.binary(op, left, right)
    }

    pub fn icmp(&mut self, cond: Cond, left: Value, right: Value) -> Value {
        self.inst(InstData::Icmp { cond, left, right }, Type::Int)
    }

    /// With a constant on the right.
    pub fn icmp_const(&mut self, cond: Cond, left: Value, right: i64) -> Value {
        let right = self.iconst(right);
        self.icmp(cond, left, right)
    }

    pub fn load(&mut self, width: Width, signed: bool, base: Value, offset: i32) -> Value {
        let signed = signed && width != Width::B8;
        self.inst(InstData::Load { width, signed, base, offset }, Type::Int)
    }

    pub fn store(&mut self, width: Width, base: Value, offset: i32, value: Value) {
        self.effect(InstData::Store { width, base, offset, value });
    }

    /// Adds to 8 bytes of a map's value.
    pub fn atomic_add(&mut self, base: Value, offset: i32, value: Value) {
        self.effect(InstData::AtomicAdd { width: Width::B8, base, offset, value });
    }

    /// Puts `value` where 8 bytes of a map's value are `expected`; gives what was there.
    pub fn compare_exchange(&mut self, base: Value, expected: Value, value: Value) -> Value {
        self.inst(InstData::AtomicCmpXchg { base, offset: 0, expected, value }, Type::Int)
    }

    pub fn slot_addr(&mut self, slot: Slot) -> Value {
        self.inst(InstData::SlotAddr { slot }, Type::Ptr(Provenance::Stack(slot)))
    }

    pub fn map_addr(&mut self, map: MapRef) -> Value {
        self.inst(InstData::MapAddr { map }, Type::Ptr(Provenance::Map(map)))
    }

    /// An address in the only value of an array.
    pub fn map_value_addr(&mut self, map: MapRef, offset: u32) -> Value {
        self.inst(InstData::MapValueAddr { map, offset }, Type::Ptr(Provenance::MapValue(map)))
    }

    /// The pointer `offset` bytes further on.
    pub fn ptr_add(&mut self, base: Value, offset: i32) -> Value {
        if offset == 0 {
            return base;
        }
        let ty = self.func.type_of(base);
        self.inst(InstData::PtrAdd { base, offset: i64::from(offset) }, ty)
    }

    /// A call of any helper but `ringbuf_reserve`.
    pub fn call(&mut self, helper: Helper, args: &[Value]) -> Value {
        let ty = match (helper.ret(), args.first().map(|map| self.func.type_of(*map))) {
            (Ret::MapValueOrNull, Some(Type::Ptr(Provenance::Map(map)))) => {
                Type::Ptr(if self.m.spec(map).kind == MapKind::Swapped {
                    Provenance::InnerMapOrNull(map)
                } else {
                    Provenance::MapValueOrNull(map)
                })
            }
            (Ret::MapValueOrNull, Some(Type::Ptr(Provenance::InnerMap(map)))) => {
                Type::Ptr(Provenance::MapValueOrNull(map))
            }
            _ => Type::Int,
        };
        self.inst(InstData::Call { helper, args: args.into() }, ty)
    }

    /// Reserves a record of so many bytes.
    pub fn reserve(&mut self, size: u32) -> Value {
        let ring = self.m.system(System::Ring);
        let (ring, bytes, flags) = (self.map_addr(ring), self.iconst(i64::from(size)), self.iconst(0));
        let data = InstData::Call { helper: Helper::RingReserve, args: smallvec![ring, bytes, flags] };
        self.inst(data, Type::Ptr(Provenance::RecordOrNull(size)))
    }

    /// A value as a number: the context's address becomes one.
    pub fn as_int(&mut self, value: Value) -> Value {
        match self.func.type_of(value) {
            Type::Int => value,
            Type::Ptr(_) => {
                let offset = self.iconst(0);
                self.inst(InstData::ContextAddr { base: value, offset }, Type::Int)
            }
        }
    }

    /// The address of the u32 0 that is the key of keyless maps.
    pub fn zero_key(&mut self) -> Value {
        // A slot of its own, not one that statements share: it is written once, at the entry.
        let slot = match self.zero_key {
            Some(slot) => slot,
            None => self.func.slots.push(SlotData { size: 8, align: 8, name: "zero key".into() }),
        };
        self.zero_key = Some(slot);
        self.slot_addr(slot)
    }

    // Losses

    /// Adds 1 to a counter of the ledger.
    pub fn count(&mut self, cause: Cause) {
        let map = self.m.system(System::Ledger);
        let counter = self.map_value_addr(map, ledger::offset(self.probe.clause, cause));
        let one = self.iconst(1);
        self.atomic_add(counter, 0, one);
    }

    /// `result` of a read is negative when it faulted: remember it.
    pub fn may_fault(&mut self, result: Value) {
        self.faults = Some(match self.faults {
            Some(others) => self.binary(BinOp::Or, others, result),
            None => result,
        });
    }

    /// Counts a fault when a read since the last time faulted.
    pub fn count_faults(&mut self) {
        let Some(results) = self.faults.take() else { return };
        if !self.is_reachable() {
            return;
        }
        let negative = self.icmp_const(Cond::Slt, results, 0);
        self.count_where(negative, Cause::ReadFault);
    }

    /// Counts a loss where a condition holds, which it seldom does.
    pub fn count_where(&mut self, condition: Value, cause: Cause) {
        let (lost, on) = (self.new_block(), self.new_block());
        self.branch(condition, lost, on);
        self.enter_cold(lost);
        self.count(cause);
        self.jump(on, &[]);
        self.enter(on);
    }
}

/// Changes of two arms side by side, in order of the variables.
fn paired(left: &Changes, right: &Changes) -> Vec<(crate::sema::tree::VarId, Option<Value>, Option<Value>)> {
    let (mut l, mut r) = (left.iter().peekable(), right.iter().peekable());
    std::iter::from_fn(|| {
        let var = match (l.peek(), r.peek()) {
            (Some(a), Some(b)) => a.0.min(b.0),
            (Some(a), None) => a.0,
            (None, Some(b)) => b.0,
            (None, None) => return None,
        };
        let value = |change: Option<&(_, Value)>| change.map(|change| change.1);
        Some((var, value(l.next_if(|a| a.0 == var)), value(r.next_if(|b| b.0 == var))))
    })
    .collect()
}
