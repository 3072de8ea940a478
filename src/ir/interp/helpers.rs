//! Helper functions of the model.

use super::exec::{Machine, Result};
use super::memory::{Bytes, Object, Pointer, Reservation, Word};
use super::{Record, TrapKind, World};
use crate::ir::entities::{MapRef, Value};
use crate::ir::helper::Helper;
use crate::ir::typing::MapTarget;
use crate::wire::map::MapKind;

const EFAULT: i64 = 14;

/// Bytes that the ring takes for itself before each record.
const RECORD_HEADER: u64 = 8;

impl Machine<'_> {
    pub fn call(&mut self, helper: Helper, args: &[Value]) -> Result<Word> {
        let number = match helper {
            Helper::MapLookup | Helper::MapLookupPerCpu => return self.lookup(helper, args),
            Helper::MapUpdate | Helper::MapDelete => self.change(helper, args)? as u64,
            Helper::Comm => self.comm(args)?,
            Helper::CommWord => self.comm_word(args)?,
            Helper::ProbeReadUser | Helper::ProbeReadKernel => self.probe_read(helper, args)? as u64,
            Helper::ProbeReadUserStr | Helper::ProbeReadKernelStr => {
                self.probe_read_str(helper, args)? as u64
            }
            Helper::RingReserve => return self.reserve(args),
            Helper::RingSubmit | Helper::RingDiscard => self.give_back(helper, args)?,
            Helper::RingQuery => self.ring_query(args)?,
            Helper::GetStack => self.get_stack(args)? as u64,
            other => {
                let builtin = self.world.builtins.call(other);
                builtin.ok_or(TrapKind::Invalid("a helper without a model"))?
            }
        };
        Ok(Word::Int(number))
    }

    fn key(&mut self, args: &[Value]) -> Result<(MapRef, MapKind, Vec<u8>)> {
        let target = MapTarget::of(self.maps, self.func, args[0]).ok_or(TrapKind::Invalid("not a map"))?;
        self.pointer(args[0])?;
        let key = self.bytes(args[1], 0, target.key_size)?;
        Ok((target.map, target.kind, key))
    }

    fn lookup(&mut self, helper: Helper, args: &[Value]) -> Result<Word> {
        let (map, kind, key) = self.key(args)?;
        if kind == MapKind::Swapped {
            let found = key.iter().all(|byte| *byte == 0);
            let inner = Word::Ptr(Pointer { object: Object::Inner(map), offset: 0 });
            return Ok(if found { inner } else { Word::Null });
        }
        let other_cpu = helper == Helper::MapLookupPerCpu
            && self.int(args[2])? & u64::from(u32::MAX) != self.world.builtins.cpu.into();
        let found = self.world.maps.get(&map).and_then(|state| state.find(&key)).filter(|_| !other_cpu);
        Ok(found.map_or(Word::Null, |number| {
            Word::Ptr(Pointer { object: Object::Value(map, number), offset: 0 })
        }))
    }

    fn change(&mut self, helper: Helper, args: &[Value]) -> Result<i64> {
        let (map, _, key) = self.key(args)?;
        let size = self.maps[map].value_size;
        if helper == Helper::MapDelete {
            return Ok(self.world.maps.get_mut(&map).map_or(0, |state| state.delete(&key)));
        }
        let value = self.bytes(args[2], 0, size)?;
        let flags = self.int(args[3])?;
        Ok(self.world.maps.get_mut(&map).map_or(0, |state| state.update(&key, &value, flags)))
    }

    fn comm(&mut self, args: &[Value]) -> Result<u64> {
        let (out, size) = (self.pointer(args[0])?, self.int(args[1])? as usize);
        let mut bytes = self.world.builtins.comm.to_vec();
        bytes.resize(size, 0);
        if let Some(last) = bytes.last_mut() {
            *last = 0;
        }
        self.memory.write(self.world, out, 0, &bytes)?;
        Ok(0)
    }

    fn comm_word(&mut self, args: &[Value]) -> Result<u64> {
        let at = 8 * self.int(args[1])? as usize;
        let word = self.world.builtins.comm.get(at..at + 8).ok_or(TrapKind::Invalid("no such word"))?;
        Ok(u64::from_le_bytes(word.try_into().expect("8 bytes")))
    }

    fn get_stack(&mut self, args: &[Value]) -> Result<i64> {
        let (out, size, flags) = (self.pointer(args[1])?, self.int(args[2])?, self.int(args[3])?);
        let (bytes, length) = self.world.builtins.stack(size as usize, flags);
        self.memory.write(self.world, out, 0, &bytes)?;
        Ok(length)
    }

    /// Up to `len` bytes at an address, as many as are mapped; or of a piece of the program's own memory.
    fn source(&mut self, helper: Helper, address: Value, len: usize) -> Result<Vec<u8>> {
        let user = matches!(helper, Helper::ProbeReadUser | Helper::ProbeReadUserStr);
        match self.word(address)? {
            Word::Int(address) if !user && self.at_address(address).is_some() => {
                let pointer = self.at_address(address).ok_or(TrapKind::Null)?;
                self.memory.read(self.world, pointer, 0, len)
            }
            Word::Int(address) => {
                let mapped = self.world.mapped(user, address).unwrap_or_default();
                Ok(mapped[..mapped.len().min(len)].to_vec())
            }
            Word::Ptr(pointer) if !user => self.memory.read(self.world, pointer, 0, len),
            Word::Ptr(_) => Ok(Vec::new()),
            Word::Null => Err(TrapKind::Null),
        }
    }

    fn probe_read(&mut self, helper: Helper, args: &[Value]) -> Result<i64> {
        let (out, size) = (self.pointer(args[0])?, self.int(args[1])? as usize);
        let mut bytes = self.source(helper, args[2], size)?;
        let result = if bytes.len() < size { -EFAULT } else { 0 };
        if result < 0 {
            bytes = vec![0; size];
        }
        self.memory.write(self.world, out, 0, &bytes)?;
        Ok(result)
    }

    fn probe_read_str(&mut self, helper: Helper, args: &[Value]) -> Result<i64> {
        let (out, size) = (self.pointer(args[0])?, self.int(args[1])? as usize);
        if size == 0 {
            return Ok(0);
        }
        let mut bytes = self.source(helper, args[2], size)?;
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
        self.memory.write(self.world, out, 0, &bytes)?;
        self.memory.mark(out, size);
        Ok(result)
    }

    fn reserve(&mut self, args: &[Value]) -> Result<Word> {
        let Object::Map(ring) = self.pointer(args[0])?.object else {
            return Err(TrapKind::Invalid("not a ring"));
        };
        let size = self.int(args[1])?;
        let room = self.world.ring_room.entry(ring).or_default();
        let taken = size.next_multiple_of(8) + RECORD_HEADER;
        if *room < taken {
            return Ok(Word::Null);
        }
        *room -= taken;
        let number = self.memory.records.len();
        self.memory.records.push(Reservation { ring, memory: Bytes::new(size as u32), over: false });
        Ok(Word::Ptr(Pointer { object: Object::Record(number), offset: 0 }))
    }

    fn give_back(&mut self, helper: Helper, args: &[Value]) -> Result<u64> {
        let (pointer, flags) = (self.pointer(args[0])?, self.int(args[1])?);
        let (Object::Record(number), 0) = (pointer.object, pointer.offset) else {
            return Err(TrapKind::Invalid("not the start of a record"));
        };
        let size = self.memory.records[number].memory.bytes.len();
        if helper == Helper::RingSubmit {
            let bytes = self.memory.read(self.world, pointer, 0, size)?;
            self.world.records.push(Record { ring: self.memory.records[number].ring, bytes, flags });
        } else if self.memory.records[number].over {
            return Err(TrapKind::RecordIsOver);
        }
        self.memory.records[number].over = true;
        Ok(0)
    }

    /// Flag 0: bytes not consumed; 1: the ring's size. Nobody consumes while a program runs.
    fn ring_query(&mut self, args: &[Value]) -> Result<u64> {
        let Object::Map(ring) = self.pointer(args[0])?.object else {
            return Err(TrapKind::Invalid("not a ring"));
        };
        let size = u64::from(self.maps[ring].max_entries);
        let room = self.world.ring_room.get(&ring).copied().unwrap_or(0);
        Ok(match self.int(args[1])? {
            0 => size - room.min(size),
            1 => size,
            _ => 0,
        })
    }
}

impl World {
    /// What a run left behind that somebody can see: maps' entries and submitted records, as text to compare.
    pub fn observed(&self) -> String {
        use std::fmt::Write;
        let mut out = String::new();
        for (map, state) in &self.maps {
            for (key, value) in state.iter().filter(|(_, value)| value.iter().any(|byte| *byte != 0)) {
                let _ = writeln!(out, "{map}[{key:02x?}] = {value:02x?}");
            }
            let _ = writeln!(out, "{map} has {} entries", state.len());
        }
        for record in &self.records {
            let _ = writeln!(out, "{} <- {:02x?} flags {}", record.ring, record.bytes, record.flags);
        }
        out
    }
}
