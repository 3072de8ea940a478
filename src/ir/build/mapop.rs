//! Reading maps: lookups, `@m[k]`, `has_key`, `delete`, and the address that all of them start from.

use super::func::FuncBuilder;
use super::maps::MapInfo;
use super::module::System;
use super::place::{Memory, Place};
use super::value::Fill;
use crate::ir::entities::{Block, Value};
use crate::ir::function::{BinOp, Cond, Type as IrType, UnOp, Width};
use crate::ir::helper::Helper;
use crate::sema::tree::{Expr, ExprKind, MapId, MapValue};
use crate::sema::types::Type;
use crate::wire::map::MapKind;

/// A map that was found, with a key: what the map helpers take.
#[derive(Clone, Copy)]
pub struct Entry {
    /// The map, the inner one where it is double-buffered.
    pub map: Value,
    /// The address of the key.
    pub key: Value,
}

/// A value that was found.
#[derive(Clone, Copy)]
pub struct Found {
    /// Its address.
    pub value: Value,
    /// Where to go on when there is none; None when there always is one.
    pub missing: Option<Block>,
}

impl<'m> FuncBuilder<'_, 'm> {
    /// How a map is kept.
    pub fn info(&self, map: MapId) -> MapInfo {
        self.m.info(map).clone()
    }

    /// The key in memory, whole, for the map helpers.
    pub fn key(&mut self, info: &MapInfo, key: Option<&'m Expr>) -> Memory {
        match (key, &info.key) {
            (Some(key), Some(_)) if info.is_array() => {
                let index = self.index(key);
                let temp = self.temp(8, "key");
                self.store_at(temp.place, Width::B4, index);
                temp
            }
            (Some(key), Some(ty)) if self.is_in_place(key, ty) => self.memory(key),
            (Some(key), Some(ty)) => {
                let temp = self.temp(self.size_with_room(key, ty), "key");
                self.write(temp.place, key, ty, Fill::Whole);
                temp
            }
            _ => Memory { place: Place::new(self.zero_key()), temp: None },
        }
    }

    /// The number of an array's element: what does not fit 32 bits becomes the highest, which no array has.
    fn index(&mut self, key: &'m Expr) -> Value {
        let number = self.int(key);
        if key.ty.as_int().is_some_and(|int| int.size <= 4 && !int.signed) {
            return number;
        }
        let high = self.binary_const(BinOp::LShr, number, 32);
        let beyond = self.icmp_const(Cond::Ne, high, 0);
        let ones = self.unary(UnOp::Neg, beyond);
        self.binary(BinOp::Or, number, ones)
    }

    /// True for a variable whose slot holds just what is wanted.
    pub fn is_in_place(&self, expr: &Expr, ty: &Type) -> bool {
        matches!(expr.kind, ExprKind::Var(_)) && expr.ty == *ty && !ty.is_scalar()
    }

    /// The map to work on. A double-buffered one is looked up, which leaves for `missing` in theory.
    pub fn open(&mut self, info: &MapInfo, missing: Block) -> Value {
        let map = self.map_addr(info.map);
        if !info.swapped {
            return map;
        }
        let zero = self.zero_key();
        let inner = self.call(Helper::MapLookup, &[map, zero]);
        self.non_null(inner, missing)
    }

    /// The map with a key; leaves for `missing` where there is no map.
    pub fn entry(&mut self, info: &MapInfo, key: Memory, missing: Block) -> Entry {
        let map = self.open(info, missing);
        let key = self.address(key.place);
        Entry { map, key }
    }

    /// Looks an entry up; leaves for `missing` when it is not there.
    pub fn look_up(&mut self, entry: Entry, missing: Block) -> Value {
        let found = self.call(Helper::MapLookup, &[entry.map, entry.key]);
        self.non_null(found, missing)
    }

    /// Finds the value at `key`.
    pub fn find(&mut self, info: &MapInfo, key: Memory) -> Found {
        if info.is_direct() {
            return Found { value: self.map_value_addr(info.map, 0), missing: None };
        }
        let missing = self.new_block();
        let entry = self.entry(info, key, missing);
        let value = self.look_up(entry, missing);
        Found { value, missing: Some(missing) }
    }

    /// `@m[key]`: 0 when there is no such key.
    pub fn map_get(&mut self, map: MapId, key: Option<&'m Expr>, ty: &Type) -> Value {
        if let Some(kind) = self.aggregation(map) {
            return self.aggregate_get(map, kind, key);
        }
        let info = self.info(map);
        let key = self.key(&info, key);
        let found = self.find(&info, key);
        let value = self.load_number(Place::new(found.value), ty);
        self.release(key);
        match found.missing {
            Some(missing) => self.or_else(missing, value, 0),
            None => value,
        }
    }

    /// `value` here, a constant behind `missing`.
    pub fn or_else(&mut self, missing: Block, value: Value, otherwise: i64) -> Value {
        let there = self.region(|_| Some(value));
        let not_there = self.arm(missing, |b| Some(b.iconst(otherwise)));
        self.join_value([there, not_there])
    }

    /// Writes `@m[key]`, of type `from_ty`, as a value of type `ty`: zeros when there is no such key.
    pub fn write_map_get(&mut self, to: Place, map: MapId, key: Option<&'m Expr>, from_ty: &Type, ty: &Type) {
        if let Some(kind) = self.aggregation(map) {
            return self.write_stats(to, map, kind, key);
        }
        let info = self.info(map);
        let key = self.key(&info, key);
        let found = self.find(&info, key);
        let from = Place::new(found.value);
        let Some(missing) = found.missing else {
            self.convert(to, from, from_ty, ty);
            return self.release(key);
        };
        let there = self.region(|b| {
            b.convert(to, from, from_ty, ty);
            None
        });
        let not_there = self.arm(missing, |b| {
            let size = b.size_of(ty);
            b.zero(to, size);
            None
        });
        self.join([there, not_there]);
        self.release(key);
    }

    /// `has_key(@m, key)` as a jump.
    pub fn branch_has_key(&mut self, map: MapId, key: &'m Expr, then: Block, otherwise: Block) {
        let info = self.info(map);
        let key = self.key(&info, Some(key));
        self.count_faults();
        let found = self.find(&info, key);
        self.release(key);
        self.jump(then, &[]);
        if let Some(missing) = found.missing {
            self.enter(missing);
            self.jump(otherwise, &[]);
        }
    }

    /// `has_key(@m, key)`: 1 or 0.
    pub fn has_key(&mut self, map: MapId, key: &'m Expr) -> Value {
        let (yes, no) = (self.new_block(), self.new_block());
        self.branch_has_key(map, key, yes, no);
        self.one_or_zero(yes, no)
    }

    /// `delete(@m, key)`: 1 when there was such a key.
    pub fn delete(&mut self, map: MapId, key: Option<&'m Expr>) -> Value {
        let info = self.info(map);
        let key = self.key(&info, key);
        let deleted = match info.kind {
            MapKind::PerCpuArray if info.is_array() => self.reset_everywhere(&info, key),
            kind if kind.is_hash() => self.delete_entry(map, &info, key),
            _ => self.reset(&info, key),
        };
        self.release(key);
        deleted
    }

    fn delete_entry(&mut self, map: MapId, info: &MapInfo, key: Memory) -> Value {
        let missing = self.new_block();
        let entry = self.entry(info, key, missing);
        let result = self.call(Helper::MapDelete, &[entry.map, entry.key]);
        let deleted = self.icmp_const(Cond::Eq, result, 0);
        if info.len_counter.is_some() {
            let (gone, on) = (self.new_block(), self.new_block());
            self.branch(deleted, gone, on);
            self.enter(gone);
            self.count_entries(map, -1);
            self.jump(on, &[]);
            self.enter(on);
        }
        if info.swapped { self.or_else(missing, deleted, 0) } else { deleted }
    }

    /// Sets an element of an array to 0 on every CPU.
    fn reset_everywhere(&mut self, info: &MapInfo, key: Memory) -> Value {
        if !self.m.facts.lookup_percpu {
            self.report_no_lookup("deleting from");
        }
        let [head, round, next, done] = std::array::from_fn(|_| self.new_block());
        let missing = self.new_block();
        let entry = self.entry(info, key, missing);
        self.look_up(entry, missing);
        let zero = self.iconst(0);
        let cpu = self.func.add_param(head, IrType::Int);
        self.jump(head, &[zero]);
        self.enter(head);
        let more = self.icmp_const(Cond::Ult, cpu, self.m.facts.possible_cpus.max(1).into());
        self.branch(more, round, done);
        self.enter(round);
        let value = self.call(Helper::MapLookupPerCpu, &[entry.map, entry.key, cpu]);
        let value = self.non_null(value, next);
        self.zero(Place::new(value), info.value_size);
        self.jump(next, &[]);
        self.enter(next);
        let following = self.binary_const(BinOp::Add, cpu, 1);
        self.jump(head, &[following]);
        self.enter(done);
        let deleted = self.iconst(1);
        self.or_else(missing, deleted, 0)
    }

    /// Sets a value that is always there to 0: that of a keyless map, which is not assigned then, or an array's element.
    fn reset(&mut self, info: &MapInfo, key: Memory) -> Value {
        let found = self.find(info, key);
        let there = match info.presence {
            Some(offset) => {
                let word = self.load(Width::B8, false, found.value, offset as i32);
                self.icmp_const(Cond::Ne, word, 0)
            }
            None => self.iconst(1),
        };
        self.zero(Place::new(found.value), info.value_size);
        match found.missing {
            Some(missing) => self.or_else(missing, there, 0),
            None => there,
        }
    }

    /// The counter of a map's entries.
    pub fn len_counter(&mut self, map: MapId) -> Option<Value> {
        let word = self.m.info(map).len_counter?;
        let globals = self.m.system(System::Globals);
        Some(self.map_value_addr(globals, word * 8))
    }

    /// An entry came or went.
    pub fn count_entries(&mut self, map: MapId, change: i64) {
        if let Some(counter) = self.len_counter(map) {
            let change = self.iconst(change);
            self.atomic_add(counter, 0, change);
        }
    }

    /// The type of a plain map's values.
    pub fn plain_type(&self, map: MapId) -> &'m Type {
        match &self.m.program.maps[map.0 as usize].value {
            MapValue::Plain(ty) => ty,
            MapValue::Aggregate(_) => &Type::None,
        }
    }
}
