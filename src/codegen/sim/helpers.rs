//! Helper functions on the model: the same as the interpreter's, on addresses.

use super::memory::{Bytes, Object, Reservation};
use super::{Machine, Result};
use crate::codegen::callback::Callback;
use crate::ir::interp::Record;
use crate::ir::{Helper, MapRef};
use crate::wire::map::MapKind;

const EFAULT: i64 = 14;
/// Bytes that the ring takes for itself before each record.
const RECORD_HEADER: u64 = 8;

impl Machine<'_> {
    /// Calls helper `number`; gives r0.
    pub(super) fn call(&mut self, number: i32) -> Result<u64> {
        let helper = Helper::ALL.iter().copied().find(|helper| helper.number() == number);
        let helper = helper.ok_or("unknown helper")?;
        for number in 1..=helper.args().len() as u8 {
            self.reg(number)?;
        }
        if let Some(value) = self.world.builtins.call(helper) {
            return Ok(value);
        }
        match helper {
            Helper::MapLookup | Helper::MapLookupPerCpu => self.lookup(helper),
            Helper::MapUpdate | Helper::MapDelete => self.change(helper),
            Helper::ForEachMapElem => self.for_each(),
            Helper::Loop => self.rounds(),
            Helper::Comm => self.comm(),
            Helper::ProbeReadUser | Helper::ProbeReadKernel => self.probe_read(helper),
            Helper::ProbeReadUserStr | Helper::ProbeReadKernelStr => self.probe_read_str(helper),
            Helper::RingReserve => self.reserve(),
            Helper::RingSubmit | Helper::RingDiscard => self.give_back(helper),
            Helper::RingQuery => self.ring_query(),
            Helper::GetStack => self.get_stack(),
            _ => Err("a helper without a model".into()),
        }
    }

    fn object(&self, register: u8) -> Result<Object> {
        match self.memory.object(self.reg(register)?) {
            Some((object, 0)) => Ok(object),
            _ => Err(format!("r{register} is not the start of an object")),
        }
    }

    /// The map in r1, its kind as the program sees it, and the key in r2.
    fn key(&mut self) -> Result<(MapRef, MapKind, Vec<u8>)> {
        let (map, kind, key_size) = match self.object(1)? {
            Object::Map(map) if self.maps[map].kind == MapKind::Swapped => (map, MapKind::Swapped, 4),
            Object::Map(map) => (map, self.maps[map].kind, self.maps[map].key_size),
            Object::Inner(map) => {
                let inner = self.maps[map].inner.ok_or("no inner map")?;
                (map, inner, self.maps[map].key_size)
            }
            _ => return Err("r1 is not a map".into()),
        };
        let key = self.memory.read(self.world, self.reg(2)?, key_size as usize)?;
        Ok((map, kind, key))
    }

    fn lookup(&mut self, helper: Helper) -> Result<u64> {
        let (map, kind, key) = self.key()?;
        if kind == MapKind::Swapped {
            let found = key.iter().all(|byte| *byte == 0);
            return Ok(if found { self.memory.address(Object::Inner(map)) } else { 0 });
        }
        let other_cpu = helper == Helper::MapLookupPerCpu && self.reg(3)? as u32 != self.world.builtins.cpu;
        let found = self.world.maps.get(&map).and_then(|state| state.find(&key)).filter(|_| !other_cpu);
        Ok(found.map_or(0, |number| self.memory.value(map, number)))
    }

    fn change(&mut self, helper: Helper) -> Result<u64> {
        let (map, _, key) = self.key()?;
        let value = match helper {
            Helper::MapDelete => Vec::new(),
            _ => self.memory.read(self.world, self.reg(3)?, self.maps[map].value_size as usize)?,
        };
        let flags = if helper == Helper::MapDelete { 0 } else { self.reg(4)? };
        let state = self.world.maps.get_mut(&map).ok_or("no such map")?;
        let result =
            if helper == Helper::MapDelete { state.delete(&key) } else { state.update(&key, &value, flags) };
        // as kernels before 6.4 give it: an int, the upper half lost
        Ok(u64::from(result as u32))
    }

    /// Runs a round of a loop.
    pub(super) fn call_sub(&mut self, number: u64) -> Result<u64> {
        match self.code.callbacks.get(number as usize) {
            Some(Callback::Round(round)) => {
                super::run(self.maps, &round.code, self.world).map_err(|fault| format!("in a round, {fault}"))
            }
            _ => Err("a call of no function".into()),
        }
    }

    fn rounds(&mut self) -> Result<u64> {
        let mut done = 0;
        while done < self.reg(1)? && self.world.another_round() {
            done += 1;
            if self.call_sub(self.reg(2)?)? != 0 {
                break;
            }
        }
        Ok(done)
    }

    fn for_each(&mut self) -> Result<u64> {
        let (Object::Map(map) | Object::Inner(map)) = self.object(1)? else {
            return Err("r1 is not a map".into());
        };
        let callback = match self.code.callbacks.get(self.reg(2)? as usize) {
            Some(Callback::Collect(callback)) => callback,
            _ => return Err("r2 is not a function for entries".into()),
        };
        let (into, capacity, state) = (callback.into, callback.capacity.into(), self.reg(3)?);
        let [count, first] = [0, 8].map(|at| self.memory.load(self.world, state + at, 8));
        let count = self.world.collect(map, into, (count?, first?), capacity);
        self.memory.store(self.world, state, 8, count)?;
        Ok(0)
    }

    fn comm(&mut self) -> Result<u64> {
        let mut bytes = self.world.builtins.comm.to_vec();
        bytes.resize(self.reg(2)? as usize, 0);
        if let Some(last) = bytes.last_mut() {
            *last = 0;
        }
        self.memory.write(self.world, self.reg(1)?, &bytes)?;
        Ok(0)
    }

    fn get_stack(&mut self) -> Result<u64> {
        let (size, flags) = (self.reg(3)? as usize, self.reg(4)?);
        let (bytes, length) = self.world.builtins.stack(size, flags);
        self.memory.write(self.world, self.reg(2)?, &bytes)?;
        Ok(length as u64)
    }

    /// Up to `len` bytes at an address, as many as are mapped; or of the program's own memory.
    fn source(&mut self, helper: Helper, len: usize) -> Result<Vec<u8>> {
        let address = self.reg(3)?;
        let user = matches!(helper, Helper::ProbeReadUser | Helper::ProbeReadUserStr);
        if !user && self.memory.is_own(address) {
            return self.memory.read(self.world, address, len);
        }
        let mapped = self.world.mapped(user, address).unwrap_or_default();
        Ok(mapped[..mapped.len().min(len)].to_vec())
    }

    fn probe_read(&mut self, helper: Helper) -> Result<u64> {
        let size = self.reg(2)? as usize;
        let mut bytes = self.source(helper, size)?;
        let fault = bytes.len() < size;
        if fault {
            bytes = vec![0; size];
        }
        self.memory.write(self.world, self.reg(1)?, &bytes)?;
        Ok(if fault { -EFAULT as u64 } else { 0 })
    }

    fn probe_read_str(&mut self, helper: Helper) -> Result<u64> {
        let (out, size) = (self.reg(1)?, self.reg(2)? as usize);
        if size == 0 {
            return Ok(0);
        }
        let mut bytes = self.source(helper, size)?;
        let result = match bytes.iter().position(|byte| *byte == 0) {
            Some(end) => {
                bytes.truncate(end + 1);
                bytes.len() as i64
            }
            None if bytes.len() == size => {
                bytes[size - 1] = 0;
                size as i64
            }
            None => {
                bytes = vec![0; size];
                -EFAULT
            }
        };
        self.memory.write(self.world, out, &bytes)?;
        self.memory.mark(out, size);
        Ok(result as u64)
    }

    fn ring(&self) -> Result<MapRef> {
        match self.object(1)? {
            Object::Map(ring) if self.maps[ring].kind == MapKind::Ring => Ok(ring),
            _ => Err("r1 is not a ring".into()),
        }
    }

    fn reserve(&mut self) -> Result<u64> {
        let (ring, size) = (self.ring()?, self.reg(2)?);
        let room = self.world.ring_room.entry(ring).or_default();
        let taken = size.next_multiple_of(8) + RECORD_HEADER;
        if *room < taken {
            return Ok(0);
        }
        *room -= taken;
        let number = self.memory.records.len();
        self.memory.records.push(Reservation { ring, memory: Bytes::new(size as usize), over: false });
        Ok(self.memory.address(Object::Record(number)))
    }

    fn give_back(&mut self, helper: Helper) -> Result<u64> {
        let (Object::Record(number), flags) = (self.object(1)?, self.reg(2)?) else {
            return Err("r1 is not a record".into());
        };
        let size = self.memory.records[number].memory.bytes.len();
        if helper == Helper::RingSubmit {
            let bytes = self.memory.read(self.world, self.reg(1)?, size)?;
            self.world.records.push(Record { ring: self.memory.records[number].ring, bytes, flags });
        } else if self.memory.records[number].over {
            return Err("a record is given back twice".into());
        }
        self.memory.records[number].over = true;
        Ok(0)
    }

    fn ring_query(&mut self) -> Result<u64> {
        let ring = self.ring()?;
        let size = u64::from(self.maps[ring].max_entries);
        let room = self.world.ring_room.get(&ring).copied().unwrap_or(0);
        Ok(match self.reg(2)? {
            0 => size - room.min(size),
            1 => size,
            _ => 0,
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::ir::interp::World;

    #[test]
    fn the_context_is_not_the_programs_own_memory() {
        let memory = super::super::memory::Memory::new();
        assert!(!memory.is_own(World::CONTEXT));
        assert!(memory.is_own(super::super::memory::FRAME_END - 8));
        assert!(!memory.is_own(super::super::memory::FRAME_END));
    }
}
