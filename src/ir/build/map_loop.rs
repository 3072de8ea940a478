//! `for ($kv : @map)`: a round for each key.
//!
//! The keys are collected first, into an array of the loop's own: then the rounds are those of a range, and whatever
//! the body does to the map cannot disturb the walk. A key that is gone when its turn comes has no round; keys that
//! come while the loop runs have none either. Where several CPUs may run the loop at once each has a part of the array.
//! An array needs no collecting: its keys are a range.
//!
//! Deliberately absent: a snapshot of the values, which are read when their round begins.

use super::func::{Arm, FuncBuilder};
use super::layout::Fields;
use super::loops::Range;
use super::mapop::Entry;
use super::maps::MapInfo;
use super::place::{Memory, Place};
use super::walk;
use crate::diag::{Diagnostic, codes};
use crate::ir::entities::{MapRef, Value};
use crate::ir::function::{BinOp, Cond, InstData, SlotData, Width};
use crate::ir::helper::Helper;
use crate::sema::tree::{MapId, MapValue, ProbeKind, Stmt, VarId};
use crate::sema::types::Type;
use crate::wire::ledger::Cause;

/// Bytes of keys that all parts of an array may take.
const MEMORY: u64 = 64 << 20;

/// The collected keys.
#[derive(Clone, Copy)]
struct Keys {
    array: MapRef,
    /// Index of the first entry of this CPU's part.
    first: Value,
    /// How many there are.
    count: Value,
}

impl<'m> FuncBuilder<'_, 'm> {
    /// `for ($var : @map) { body }`
    pub fn for_map(&mut self, var: VarId, map: MapId, body: &'m [Stmt]) {
        let info = self.info(map);
        if info.is_array() {
            return self.over_elements(&info, var, map, body);
        }
        if !self.m.facts.for_each_map_elem {
            return self.report_no_walk("a loop over", map);
        }
        // A double-buffered map always has an inner one: the kernel's verifier does not know.
        let no_map = self.new_block();
        let address = self.open(&info, no_map);
        let arm = self.region(|b| {
            let keys = b.collect(&info, map, address);
            b.over_keys(&info, var, map, keys, body);
            None
        });
        if !info.swapped {
            self.join([arm, Arm::ended()]);
            return;
        }
        let nothing = self.arm(no_map, |b| {
            b.count(Cause::MapBusy);
            None
        });
        self.join([arm, nothing]);
    }

    /// How many entries there are in a map whose entries go by themselves, so that no counter can tell.
    pub fn count_by_walk(&mut self, map: MapId) -> Value {
        let info = self.info(map);
        if !self.m.facts.for_each_map_elem {
            self.report_no_walk("the length of", map);
            return self.iconst(0);
        }
        let no_map = self.new_block();
        let address = self.open(&info, no_map);
        let count = self.collect(&info, map, address).count;
        if info.swapped { self.or_else(no_map, count, 0) } else { count }
    }

    fn report_no_walk(&mut self, what: &str, map: MapId) {
        let name = &self.m.program.maps[map.0 as usize].name;
        let message = format!("{what} {name} needs bpf_for_each_map_elem, which this kernel does not have");
        self.m.sink.push(
            Diagnostic::error(codes::MISSING_FEATURE, message)
                .at(self.span, "")
                .note("the kernel has it from 5.13 on")
                .help("`print` shows a whole map on every kernel"),
        );
    }

    /// Collects the keys of the map at `address`.
    fn collect(&mut self, info: &MapInfo, map: MapId, address: Value) -> Keys {
        let entries = self.m.program.maps[map.0 as usize].max_entries;
        let one_at_a_time =
            matches!(self.probe.kind, ProbeKind::Begin | ProbeKind::End | ProbeKind::Interval);
        let parts = if one_at_a_time { 1 } else { self.m.facts.possible_cpus.max(1) };
        let room = MEMORY / u64::from(info.key_size.next_multiple_of(8)) / u64::from(parts);
        let capacity = entries.min(u32::try_from(room).unwrap_or(u32::MAX)).max(1);
        let array = self.m.keys(info.key_size, capacity * parts);
        let first = if one_at_a_time {
            self.iconst(0)
        } else {
            let cpu = self.call(Helper::Cpu, &[]);
            self.binary_const(BinOp::Mul, cpu, capacity.into())
        };
        // A slot that nothing else uses: it must lie on the stack.
        let slot = self.func.slots.push(SlotData { size: 16, align: 8, name: "keys".into() });
        let state = self.slot_addr(slot);
        let zero = self.unknown_zero();
        self.store(Width::B8, state, 0, zero);
        let unknown_first = self.binary(BinOp::Add, first, zero);
        self.store(Width::B8, state, 8, unknown_first);
        self.effect(InstData::Collect { map: address, state, into: array, capacity });
        let count = self.load(Width::B8, false, state, 0);
        let count = self.at_most(count, capacity);
        Keys { array, first, count }
    }

    /// `count`, or `capacity` where there were more keys, which is counted.
    fn at_most(&mut self, count: Value, capacity: u32) -> Value {
        let (more, all) = (self.new_block(), self.new_block());
        let over = self.icmp_const(Cond::Ugt, count, capacity.into());
        self.branch(over, more, all);
        let all = self.arm(all, |_| Some(count));
        let cut = self.cold_arm(more, |b| {
            b.count(Cause::LoopLimit);
            Some(b.iconst(capacity.into()))
        });
        self.join_value([all, cut])
    }

    fn over_keys(&mut self, info: &MapInfo, var: VarId, map: MapId, keys: Keys, body: &'m [Stmt]) {
        let first = self.iconst(0);
        let range = Range { first, last: keys.count, signed: false, few: false };
        let carried = walk::assigned_in(body);
        let temp = self.temp(8, "index");
        let info = info.clone();
        self.count_up(carried, range, |b, at| b.begin_round(&info, var, map, keys, temp, at), body);
        self.release(temp);
    }

    /// A round for each element of an array.
    fn over_elements(&mut self, info: &MapInfo, var: VarId, map: MapId, body: &'m [Stmt]) {
        let elements = self.m.program.maps[map.0 as usize].max_entries;
        let (first, last) = (self.iconst(0), self.iconst(elements.into()));
        let range = Range { first, last, signed: false, few: false };
        let carried = walk::assigned_in(body);
        let temp = self.temp(8, "index");
        let begin = |b: &mut Self, at: Value| {
            let missing = b.new_block();
            b.store_at(temp.place, Width::B4, at);
            let address = b.open(info, missing);
            let key = b.address(temp.place);
            let entry = Entry { map: address, key };
            let found = b.look_up(entry, missing);
            b.aside(missing, |b| b.continue_());
            b.set_entry(info, var, map, entry, found);
        };
        self.count_up(carried, range, begin, body);
        self.release(temp);
    }

    /// Sets the loop's variable to the entry whose key is number `at`; goes on with the next one when it is gone.
    fn begin_round(&mut self, info: &MapInfo, var: VarId, map: MapId, keys: Keys, index: Memory, at: Value) {
        let missing = self.new_block();
        let at = self.binary(BinOp::Add, keys.first, at);
        self.store_at(index.place, Width::B4, at);
        let (array, index) = (self.map_addr(keys.array), self.address(index.place));
        let key = self.look_up(Entry { map: array, key: index }, missing);
        let map_address = self.open(info, missing);
        let entry = Entry { map: map_address, key };
        let found = self.look_up(entry, missing);
        self.aside(missing, |b| b.continue_());
        self.set_entry(info, var, map, entry, found);
    }

    fn set_entry(&mut self, info: &MapInfo, var: VarId, map: MapId, entry: Entry, found: Value) {
        let probe = self.probe;
        let ty = &probe.vars[var.0 as usize].ty;
        let (Type::Tuple(types), Some(key_ty)) = (ty, &info.key) else { return };
        let fields = Fields::new(self.m.program, types);
        let slot = self.var_slot(var);
        let to = Place::new(self.slot_addr(slot));
        self.zero(to, fields.size);
        if info.is_array() {
            let index = self.load_number(Place::new(entry.key), key_ty);
            self.write_number(to.at(fields.fields[0].0), index, &types[0]);
        } else {
            self.convert(to.at(fields.fields[0].0), Place::new(entry.key), key_ty, &types[0]);
        }
        let to = to.at(fields.fields[1].0);
        match &self.m.program.maps[map.0 as usize].value {
            MapValue::Plain(ty) if ty.is_scalar() => {
                let value = self.load_number(Place::new(found), ty);
                self.write_number(to, value, &types[1]);
            }
            MapValue::Plain(ty) => self.convert(to, Place::new(found), ty, &types[1]),
            MapValue::Aggregate(kind) => {
                let value = self.aggregate_at(info, kind, entry, found);
                self.write_number(to, value, &types[1]);
            }
        }
    }
}
