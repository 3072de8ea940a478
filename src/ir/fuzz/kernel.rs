//! Statements that call helpers: maps, records, reads.

use smallvec::smallvec;

use super::generate::{Generator, target};
use super::memory::Spot;
use super::setting::{AREA, ARRAY, GLOBALS, HASH, KERNEL, RING, SWAPPED, USER};
use crate::ir::entities::{MapRef, Value};
use crate::ir::function::{InstData, Provenance, Terminator, Type, Width};
use crate::ir::helper::Helper;
use crate::wire::map::MapKind;

impl Generator<'_> {
    fn call(&mut self, helper: Helper, args: &[Value]) -> Value {
        self.emit_value(InstData::Call { helper, args: args.iter().copied().collect() })
    }

    fn map_addr(&mut self, map: u32) -> Value {
        self.emit_value(InstData::MapAddr { map: MapRef::from_u32(map) })
    }

    pub fn map_statement(&mut self, depth: u32) {
        match self.random.below(10) {
            0..2 => self.global(),
            2..4 => {
                let map = *self.random.pick(&[HASH, HASH, ARRAY, GLOBALS]);
                self.update(map);
            }
            4 => self.delete(),
            5 if !self.scope.pointers.is_empty() => self.atomic(),
            6 if depth > 0 => self.swapped(depth - 1),
            _ if depth > 0 => {
                let map = *self.random.pick(&[HASH, ARRAY]);
                let key = self.key(map);
                let address = self.map_addr(map);
                self.lookup(address, key, depth - 1);
            }
            _ => self.global(),
        }
    }

    /// A pointer into the array of one entry.
    fn global(&mut self) {
        let map = MapRef::from_u32(GLOBALS);
        let offset = 8 * self.random.below(4) as u32;
        let pointer = self.emit_value(InstData::MapValueAddr { map, offset });
        self.scope.pointers.push((pointer, map, 32 - offset));
    }

    /// A key with few values, so that some are found.
    fn key(&mut self, map: u32) -> Spot {
        let value = if self.random.chance(60) {
            let number = self.random.below(3) as i64;
            self.emit_const(number)
        } else {
            self.masked(8)
        };
        let size = self.maps[MapRef::from_u32(map)].key_size;
        let slot = self.new_slot();
        let base = self.emit_value(InstData::SlotAddr { slot });
        let width = if size == 4 { Width::B4 } else { Width::B8 };
        let spot = Spot { base, offset: 0, room: size, slot: Some((slot, 0)) };
        self.emit(InstData::Store { width, base, offset: 0, value });
        self.wrote(spot, 0, size);
        spot
    }

    /// Looks a key up; goes on in both cases, and uses the value where there is one.
    fn lookup(&mut self, map: Value, key: Spot, depth: u32) {
        let found = self.call(Helper::MapLookup, &[map, key.base]);
        self.null_check(found, depth, true);
    }

    /// Branches by a pointer that may be null. Where it is not, puts it in scope and does something with it.
    fn null_check(&mut self, found: Value, depth: u32, again: bool) {
        let (null, non_null, join) = (self.func.add_block(), self.func.add_block(), self.func.add_block());
        let outside = self.scope.clone();
        let targets = (target(null, &[]), target(non_null, &[]));
        self.terminate(Terminator::BrNull { ptr: found, null: targets.0, non_null: targets.1 });
        let params = self.random.below(3) as usize;
        let mut ends = vec![self.side(null, join, depth, params)];
        self.scope = outside.clone();
        self.block = non_null;
        let pointer = self.emit_value(InstData::NonNull { arg: found });
        if let Type::Ptr(Provenance::MapValue(map)) = self.func.type_of(pointer) {
            self.scope.pointers.push((pointer, map, self.maps[map].value_size));
            self.touch(pointer, map);
            if again && self.random.chance(20) && depth > 0 {
                self.null_check(found, depth - 1, false);
            }
        } else if let Type::Ptr(Provenance::InnerMap(map)) = self.func.type_of(pointer) {
            let key = self.key(map.as_u32());
            self.lookup(pointer, key, depth.saturating_sub(1));
        }
        let block = self.block;
        ends.push(self.side(block, join, depth, params));
        self.join(join, outside, &ends, params);
    }

    /// Reads or changes a value, which may be the last of the pointer.
    fn touch(&mut self, pointer: Value, map: MapRef) {
        let room = self.maps[map].value_size;
        let offset = 8 * self.random.below(u64::from(room) / 8) as i32;
        let width = Width::B8;
        let value = self.int();
        if self.random.chance(50) {
            let load =
                InstData::Load { width: Width::B4, signed: self.random.chance(50), base: pointer, offset };
            self.emit_int(load);
        }
        match self.random.below(3) {
            0 => drop(self.emit(InstData::Store { width, base: pointer, offset, value })),
            1 => drop(self.emit(InstData::AtomicAdd { width, base: pointer, offset, value })),
            _ => drop(self.emit_int(InstData::Load { width, signed: false, base: pointer, offset })),
        }
    }

    fn atomic(&mut self) {
        let (base, _, room) = *self.random.pick(&self.scope.pointers);
        let width = if self.random.chance(50) { Width::B4 } else { Width::B8 };
        let offset = 8 * self.random.below(u64::from(room) / 8) as i32;
        let value = self.int();
        if self.config.atomic_fetch && self.random.chance(30) {
            // what is there, as often as not
            let there = InstData::Load { width: Width::B8, signed: false, base, offset };
            let expected = if self.random.chance(50) { self.emit_int(there) } else { self.int() };
            self.emit_int(InstData::AtomicCmpXchg { base, offset, expected, value });
        } else if self.config.atomic_fetch && self.random.chance(50) {
            self.emit_int(InstData::AtomicFetchAdd { width, base, offset, value });
        } else {
            self.emit(InstData::AtomicAdd { width, base, offset, value });
        }
    }

    fn update(&mut self, map: u32) {
        let key = self.key(map);
        let value = self.readable(self.maps[MapRef::from_u32(map)].value_size.min(32));
        let value = self.emit_value(InstData::PtrAdd { base: value.base, offset: value.offset.into() });
        let flags = self.random.below(3) as i64;
        let (address, flags) = (self.map_addr(map), self.emit_const(flags));
        let result = self.call(Helper::MapUpdate, &[address, key.base, value, flags]);
        self.scope.ints.push(result);
        self.forget(map);
    }

    fn delete(&mut self) {
        let key = self.key(HASH);
        let address = self.map_addr(HASH);
        let result = self.call(Helper::MapDelete, &[address, key.base]);
        self.scope.ints.push(result);
        self.forget(HASH);
    }

    /// Pointers to values that may be gone are not used again, unless the configuration says so.
    fn forget(&mut self, map: u32) {
        let is_hash = matches!(self.maps[MapRef::from_u32(map)].kind, MapKind::Hash | MapKind::Swapped);
        if is_hash && !self.config.stale_pointers {
            self.scope.pointers.retain(|pointer| pointer.1 != MapRef::from_u32(map));
        }
    }

    /// The inner map of the map of maps, then a value in it.
    fn swapped(&mut self, depth: u32) {
        let slot = self.new_slot();
        let base = self.emit_value(InstData::SlotAddr { slot });
        self.emit(InstData::Zero { base, offset: 0, len: 4 });
        self.scope.write(slot, 0, 4);
        let address = self.map_addr(SWAPPED);
        let inner = self.call(Helper::MapLookup, &[address, base]);
        self.null_check(inner, depth, false);
    }

    /// Reserves a record, fills it, and submits or discards it, on one or two ways.
    pub fn record(&mut self, depth: u32) {
        let size = 8 * (1 + self.random.below(4) as u32);
        let (ring, zero) = (self.map_addr(RING), self.emit_const(0));
        let bytes = self.emit_const(size.into());
        let record = self.call(Helper::RingReserve, &[ring, bytes, zero]);
        let (null, non_null, join) = (self.func.add_block(), self.func.add_block(), self.func.add_block());
        let outside = self.scope.clone();
        let targets = (target(null, &[]), target(non_null, &[]));
        self.terminate(Terminator::BrNull { ptr: record, null: targets.0, non_null: targets.1 });
        let mut ends = vec![self.side(null, join, depth.saturating_sub(1), 0)];
        self.scope = outside.clone();
        self.block = non_null;
        let pointer = self.emit_value(InstData::NonNull { arg: record });
        self.fill(pointer, size);
        if depth > 0 && self.random.chance(30) {
            let (one, other) = (self.func.add_block(), self.func.add_block());
            let cond = self.condition();
            let (then, otherwise) = (target(one, &[]), target(other, &[]));
            self.terminate(Terminator::Branch { cond, then, otherwise });
            let inside = self.scope.clone();
            self.block = other;
            self.give_back(pointer);
            ends.push(self.side(other, join, 0, 0));
            self.scope = inside;
            self.block = one;
        }
        self.give_back(pointer);
        let block = self.block;
        ends.push(self.side(block, join, depth.saturating_sub(1), 0));
        self.join(join, outside, &ends, 0);
    }

    fn fill(&mut self, pointer: Value, size: u32) {
        if self.random.chance(50) {
            self.emit(InstData::Zero { base: pointer, offset: 0, len: size });
        }
        for word in 0..size / 8 {
            let (base, offset) = (pointer, word as i32 * 8);
            match self.random.below(4) {
                0 if self.config.memory => {
                    let from = self.readable(8);
                    let (from, from_offset) = (from.base, from.offset);
                    self.emit(InstData::Copy { to: base, to_offset: offset, from, from_offset, len: 8 });
                }
                1 => {
                    let value = self.int();
                    self.emit(InstData::Store { width: Width::B4, base, offset, value });
                    let value = self.emit_const(0);
                    self.emit(InstData::Store { width: Width::B4, base, offset: offset + 4, value });
                }
                _ => {
                    let value = self.int();
                    self.emit(InstData::Store { width: Width::B8, base, offset, value });
                }
            }
        }
    }

    fn give_back(&mut self, record: Value) {
        let flags = self.random.below(3) as i64;
        let flags = self.emit_const(flags);
        let helper = if self.random.chance(80) { Helper::RingSubmit } else { Helper::RingDiscard };
        self.call(helper, &[record, flags]);
    }

    pub fn context_statement(&mut self) {
        let width = *self.random.pick(crate::ir::names::Words::ALL);
        let signed = width != Width::B8 && self.random.chance(30);
        let offset = (8 * self.random.below(16)) as i32;
        self.emit_int(InstData::Load { width, signed, base: self.context, offset });
    }

    pub fn helper_statement(&mut self) {
        const BUILTINS: [Helper; 7] = [
            Helper::PidTgid,
            Helper::UidGid,
            Helper::Cpu,
            Helper::CurrentTask,
            Helper::CgroupId,
            Helper::KtimeNs,
            Helper::Random,
        ];
        match self.random.below(10) {
            0..5 => {
                let helper = *self.random.pick(&BUILTINS);
                self.emit_int(InstData::Call { helper, args: smallvec![] });
            }
            5 => {
                let helper = *self.random.pick(&[Helper::FuncIp, Helper::AttachCookie]);
                self.emit_int(InstData::Call { helper, args: smallvec![self.context] });
            }
            _ if !self.config.memory => self.arithmetic(),
            6 => {
                let spot = self.readable(16);
                let base = self.emit_value(InstData::PtrAdd { base: spot.base, offset: spot.offset.into() });
                let size = self.emit_const(16);
                self.call(Helper::Comm, &[base, size]);
            }
            _ => self.read(),
        }
    }

    /// Reads kernel or user memory, or the context by its address, whole or as text.
    fn read(&mut self) {
        const HELPERS: [Helper; 4] = [
            Helper::ProbeReadUser,
            Helper::ProbeReadKernel,
            Helper::ProbeReadUserStr,
            Helper::ProbeReadKernelStr,
        ];
        let helper = *self.random.pick(&HELPERS);
        let user = matches!(helper, Helper::ProbeReadUser | Helper::ProbeReadUserStr);
        let address = match self.random.below(4) {
            0 if !user => {
                let offset = self.masked(256);
                self.emit_value(InstData::ContextAddr { base: self.context, offset })
            }
            1 => self.int(),
            _ => {
                let area = if user { USER } else { KERNEL };
                let address = area + self.random.below(AREA);
                self.emit_const(address as i64)
            }
        };
        let spot = self.readable(16);
        let base = self.emit_value(InstData::PtrAdd { base: spot.base, offset: spot.offset.into() });
        let size = if self.random.chance(50) {
            self.emit_const(16)
        } else {
            let arg = self.int();
            self.emit_value(InstData::Clamp { arg, max: 16 })
        };
        let result = self.call(helper, &[base, size, address]);
        self.scope.ints.push(result);
    }
}
