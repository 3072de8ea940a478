//! Changing maps: `@m[k] = v`, `@m[k] += v`, `@m[k]++`, and the insertion of new keys that they share.

use super::expr::is_signed;
use super::func::FuncBuilder;
use super::mapop::Entry;
use super::maps::MapInfo;
use super::place::{Memory, Place};
use super::value::Fill;
use super::walk;
use crate::ir::entities::{Block, Value};
use crate::ir::function::{BinOp, Cond, InstData, Provenance, Type as IrType, UnOp, Width};
use crate::ir::helper::Helper;
use crate::sema::tree::{BinaryOp, Expr, MapId};
use crate::sema::types::Type;
use crate::wire::ledger::Cause;
use crate::wire::map::MapKind;

/// Flags of bpf_map_update_elem.
const ANY: i64 = 0;
const NOEXIST: i64 = 1;
const EXIST: i64 = 2;
/// Errors of the kernel.
const EEXIST: i64 = -17;
const E2BIG: i64 = -7;
const ENOENT: i64 = -2;
const ENOSPC: i64 = -28;

/// What a new key starts with.
pub enum Initial<'v> {
    /// The first contribution, as 8-byte words.
    Words(&'v [Value]),
    /// Zeros, and the contribution is added as it is to an old key: for values that are too large to build
    /// first.
    Zeros,
}

impl<'m> FuncBuilder<'_, 'm> {
    /// Applies `contribute` to the value at `key`, or inserts a new one. With `fresh`, the result is that of
    /// `contribute`, or `fresh` for a new key.
    pub fn contribute(
        &mut self,
        map: MapId,
        key: Memory,
        initial: Initial<'_>,
        fresh: Option<Value>,
        contribute: impl Fn(&mut Self, Value) -> Option<Value>,
    ) -> Option<Value> {
        let info = self.info(map);
        if info.front.is_some() {
            self.contribute_in_front((map, &info), key, initial, contribute);
            return None;
        }
        self.contribute_behind((map, &info), key, initial, fresh, &contribute)
    }

    /// The same in the map itself, past its front table.
    pub fn contribute_behind(
        &mut self,
        (map, info): (MapId, &MapInfo),
        key: Memory,
        initial: Initial<'_>,
        fresh: Option<Value>,
        contribute: &impl Fn(&mut Self, Value) -> Option<Value>,
    ) -> Option<Value> {
        if info.is_direct() {
            let value = self.map_value_addr(info.map, 0);
            let result = contribute(self, value);
            self.mark_present(info, value);
            return result;
        }
        let (found, no_map, no_key) = (self.new_block(), self.new_block(), self.new_block());
        let ty = IrType::Ptr(Provenance::MapValue(info.map));
        let value = self.func.add_param(found, ty);
        let entry = self.entry(info, key, no_map);
        let there = self.look_up(entry, no_key);
        self.jump(found, &[there]);
        let old = self.arm(found, |b| {
            let result = contribute(b, value);
            b.mark_present(info, value);
            result
        });
        let new = self.arm(no_key, |b| {
            if info.is_hash() {
                b.insert(map, info, entry, initial, found);
            } else if info.is_array() {
                b.count(Cause::MapFull);
            }
            // A map without keys always has its value: only the kernel's verifier does not know.
            fresh
        });
        let result = self.join([old, new]);
        if !info.swapped {
            return result;
        }
        // A double-buffered map always has an inner one: the kernel's verifier does not know.
        let done = self.region(|_| result);
        let nothing = self.arm(no_map, |b| {
            b.count(Cause::MapBusy);
            fresh
        });
        self.join([done, nothing])
    }

    /// A keyless map was assigned.
    fn mark_present(&mut self, info: &MapInfo, value: Value) {
        if let Some(offset) = info.presence {
            let one = self.iconst(1);
            self.store(Width::B8, value, offset as i32, one);
        }
    }

    /// Inserts a key that was not there, and goes on behind; to `found` with the value when another CPU was
    /// faster, or when the contribution is still to be made.
    fn insert(&mut self, map: MapId, info: &MapInfo, entry: Entry, initial: Initial<'_>, found: Block) {
        let [again, failed, lost, busy, done] = std::array::from_fn(|_| self.new_block());
        // Where a new key goes on: its contribution was made with it, or is still to be made.
        let (result, new) = match initial {
            Initial::Words(words) => {
                let temp = self.temp(info.value_size, "temp");
                for (i, word) in words.iter().enumerate() {
                    self.store_at(temp.place.at(i as u32 * 8), Width::B8, *word);
                }
                let result = self.update(entry, temp.place, NOEXIST);
                self.release(temp);
                (result, done)
            }
            Initial::Zeros => {
                let zeros = self.m.zeros(info.value_size);
                let zeros = Place::new(self.map_value_addr(zeros, 0));
                (self.update(entry, zeros, NOEXIST), again)
            }
        };
        self.if_inserted(map, result, new, failed);
        self.enter_cold(failed);
        let raced = self.icmp_const(Cond::Eq, result, EEXIST);
        self.branch(raced, again, lost);
        self.enter_cold(lost);
        self.count_failure_or(map, result, done, busy);
        self.enter_cold(again);
        let value = self.look_up(entry, busy);
        self.jump(found, &[value]);
        self.count_busy(busy, done);
        self.enter(done);
    }

    /// Ends the current block by whether an update with NOEXIST inserted a key, which is counted where `len` is
    /// asked.
    fn if_inserted(&mut self, map: MapId, result: Value, inserted: Block, failed: Block) {
        let there = self.icmp_const(Cond::Eq, result, 0);
        if self.m.info(map).len_counter.is_none() {
            return self.branch(there, inserted, failed);
        }
        let new = self.new_block();
        self.branch(there, new, failed);
        self.enter(new);
        self.count_entries(map, 1);
        self.jump(inserted, &[]);
    }

    fn update(&mut self, entry: Entry, value: Place, flags: i64) -> Value {
        let (value, flags) = (self.address(value), self.iconst(flags));
        self.call(Helper::MapUpdate, &[entry.map, entry.key, value, flags])
    }

    /// Counts a failed update by its error, and goes on at `done`.
    pub(super) fn count_failure(&mut self, map: MapId, result: Value, done: Block) {
        let busy = self.new_block();
        self.count_failure_or(map, result, done, busy);
        self.count_busy(busy, done);
    }

    /// In `busy`: counts a map that was busy, and goes on at `done`.
    pub(super) fn count_busy(&mut self, busy: Block, done: Block) {
        self.enter_cold(busy);
        self.count(Cause::MapBusy);
        self.jump(done, &[]);
    }

    /// Counts an update that failed for want of room; `busy` is for the others.
    fn count_failure_or(&mut self, map: MapId, result: Value, done: Block, busy: Block) {
        let full = self.new_block();
        let no_room = if self.m.info(map).kind == MapKind::LpmTrie { ENOSPC } else { E2BIG };
        let is_full = self.icmp_const(Cond::Eq, result, no_room);
        self.branch(is_full, full, busy);
        self.enter_cold(full);
        self.count(Cause::MapFull);
        self.jump(done, &[]);
    }

    /// The value in memory, whole, for the map helpers.
    pub(super) fn plain_value(&mut self, map: MapId, info: &MapInfo, value: &'m Expr) -> Memory {
        let ty = self.plain_type(map);
        if self.is_in_place(value, ty) && self.size_of(ty) == info.value_size {
            return self.memory(value);
        }
        let size = self.size_with_room(value, ty).max(info.value_size);
        let temp = self.temp(size, "value");
        self.write_map_value(temp.place, value, ty, info.value_size);
        temp
    }

    /// `@m[key] = value`
    pub fn set_map(&mut self, map: MapId, key: Option<&'m Expr>, value: &'m Expr) {
        let info = self.info(map);
        if info.key.is_none() {
            return self.set_keyless(map, &info, value);
        }
        let ty = self.plain_type(map);
        if info.is_array() && ty.is_scalar() {
            let value = self.int(value);
            let key = self.key(&info, key);
            self.contribute(map, key, Initial::Zeros, None, |b, at| {
                b.store(Width::B8, at, 0, value);
                None
            });
            return self.release(key);
        }
        let value = self.plain_value(map, &info, value);
        let key = self.key(&info, key);
        let (no_map, done) = (self.new_block(), self.new_block());
        let entry = self.entry(&info, key, no_map);
        self.replace(map, entry, value.place, done);
        if info.swapped {
            self.enter_cold(no_map);
            self.count(Cause::MapBusy);
            self.jump(done, &[]);
        }
        self.enter(done);
        self.release(key);
        self.release(value);
    }

    /// Sets the value at a key, old or new, and goes on at `done`.
    fn replace(&mut self, map: MapId, entry: Entry, value: Place, done: Block) {
        let failed = self.new_block();
        if self.m.info(map).len_counter.is_none() {
            let result = self.update(entry, value, ANY);
            let ok = self.icmp_const(Cond::Eq, result, 0);
            self.branch(ok, done, failed);
            self.enter_cold(failed);
            return self.count_failure(map, result, done);
        }
        // Whether the key is new must be known: insert, else replace, else (deleted in between) insert.
        let [old, not_replaced, gone, lost, lost_again, lost_old] = std::array::from_fn(|_| self.new_block());
        let result = self.update(entry, value, NOEXIST);
        self.if_inserted(map, result, done, failed);
        self.enter(failed);
        let exists = self.icmp_const(Cond::Eq, result, EEXIST);
        self.branch(exists, old, lost);
        self.enter_cold(lost);
        self.count_failure(map, result, done);
        self.enter(old);
        let result = self.update(entry, value, EXIST);
        let ok = self.icmp_const(Cond::Eq, result, 0);
        self.branch(ok, done, not_replaced);
        self.enter_cold(not_replaced);
        let deleted = self.icmp_const(Cond::Eq, result, ENOENT);
        self.branch(deleted, gone, lost_old);
        self.enter_cold(lost_old);
        self.count_failure(map, result, done);
        self.enter_cold(gone);
        let result = self.update(entry, value, NOEXIST);
        self.if_inserted(map, result, done, lost_again);
        self.enter_cold(lost_again);
        self.count_failure(map, result, done);
    }

    /// Writes the value of a plain map, all its bytes: numbers take 8.
    fn write_map_value(&mut self, to: Place, value: &'m Expr, ty: &'m Type, value_size: u32) {
        if ty.is_scalar() {
            let value = self.int(value);
            self.store_at(to, Width::B8, value);
        } else {
            self.write(to, value, ty, Fill::Whole);
            let size = self.size_of(ty);
            self.zero(to.at(size), value_size - size);
        }
    }

    fn set_keyless(&mut self, map: MapId, info: &MapInfo, value: &'m Expr) {
        let ty = self.plain_type(map);
        let zero_key = self.key(info, None);
        if ty.is_scalar() {
            let value = self.int(value);
            self.contribute(map, zero_key, Initial::Zeros, None, |b, at| {
                b.store(Width::B8, at, 0, value);
                None
            });
        } else if walk::reads_map(value, map) || walk::has_effects(value) || info.swapped {
            // Not in place: what is written may be read meanwhile.
            let from = self.memory(value);
            self.contribute(map, zero_key, Initial::Zeros, None, |b, at| {
                b.convert(Place::new(at), from.place, &value.ty, ty);
                None
            });
            self.release(from);
        } else {
            self.contribute(map, zero_key, Initial::Zeros, None, |b, at| {
                b.write(Place::new(at), value, ty, Fill::Whole);
                None
            });
        }
    }

    /// `@m[key] op= value`
    pub fn update_map(&mut self, map: MapId, key: Option<&'m Expr>, op: BinaryOp, value: &'m Expr) {
        let ty = self.plain_type(map);
        let value = self.int(value);
        let (info, zero) = (self.info(map), self.iconst(0));
        let key = self.key(&info, key);
        let first = self.arithmetic(op, zero, value, ty);
        self.contribute(map, key, Initial::Words(&[first]), None, |b, at| {
            b.apply(op, at, value, ty);
            None
        });
        self.release(key);
    }

    fn apply(&mut self, op: BinaryOp, at: Value, value: Value, ty: &Type) {
        match op {
            BinaryOp::Add => self.atomic_add(at, 0, value),
            BinaryOp::Sub => {
                let value = self.unary(UnOp::Neg, value);
                self.atomic_add(at, 0, value);
            }
            _ => {
                let old = self.load(Width::B8, is_signed(ty), at, 0);
                let new = self.arithmetic(op, old, value, ty);
                self.store(Width::B8, at, 0, new);
            }
        }
    }

    /// `++@m[key]` and its like.
    pub fn step_map(
        &mut self,
        map: MapId,
        key: Option<&'m Expr>,
        delta: i64,
        prefix: bool,
        ty: &Type,
    ) -> Value {
        let (info, delta_value) = (self.info(map), self.iconst(delta));
        let key = self.key(&info, key);
        let fresh = self.iconst(if prefix { delta } else { 0 });
        let fetch = self.m.facts.atomic_fetch;
        let result = self.contribute(map, key, Initial::Words(&[delta_value]), Some(fresh), |b, at| {
            let old = if fetch {
                let (width, base) = (Width::B8, at);
                b.inst(InstData::AtomicFetchAdd { width, base, offset: 0, value: delta_value }, IrType::Int)
            } else {
                let old = b.load(Width::B8, false, at, 0);
                b.atomic_add(at, 0, delta_value);
                old
            };
            Some(if prefix { b.binary(BinOp::Add, old, delta_value) } else { old })
        });
        self.release(key);
        self.canonical(result.unwrap_or(fresh), ty)
    }

    /// The same where nobody looks at the value.
    pub fn step_map_only(&mut self, map: MapId, key: Option<&'m Expr>, delta: i64) {
        let (info, delta) = (self.info(map), self.iconst(delta));
        let key = self.key(&info, key);
        self.contribute(map, key, Initial::Words(&[delta]), None, |b, at| {
            b.atomic_add(at, 0, delta);
            None
        });
        self.release(key);
    }
}
