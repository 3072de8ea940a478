//! Memory by address.

use std::collections::HashMap;

use super::Result;
use crate::ir::MapRef;
use crate::ir::interp::World;

/// One past the stack: the value of r10.
pub const FRAME_END: u64 = 0xffff_c800_0000_0200;
const FRAME_SIZE: usize = 512;
/// Where objects lie: number `n` at `OBJECTS + (n << ROOM)`.
const OBJECTS: u64 = 0xffff_ca00_0000_0000;
const ROOM: u32 = 28;
/// What unwritten bytes read as, where nobody may look.
const STALE: u8 = 0xa5;

/// What has an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Object {
    /// A map.
    Map(MapRef),
    /// The map inside a map of maps.
    Inner(MapRef),
    /// A value of a map, by its number.
    Value(MapRef, usize),
    /// A record, by the order of reservations.
    Record(usize),
}

/// Bytes that know which of them were written.
#[derive(Clone, Debug)]
pub struct Bytes {
    /// The bytes.
    pub bytes: Vec<u8>,
    /// Which were written.
    pub written: Vec<bool>,
}

impl Bytes {
    /// Nothing written yet.
    pub fn new(size: usize) -> Bytes {
        Bytes { bytes: vec![STALE; size], written: vec![false; size] }
    }
}

/// A reserved record.
#[derive(Clone, Debug)]
pub struct Reservation {
    /// Whose.
    pub ring: MapRef,
    /// Its bytes.
    pub memory: Bytes,
    /// Submitted or discarded.
    pub over: bool,
}

/// The stack, and everything else that has an address.
pub struct Memory {
    frame: Bytes,
    /// Records in the order of reservations.
    pub records: Vec<Reservation>,
    objects: Vec<Object>,
    numbers: HashMap<Object, usize>,
}

impl Memory {
    /// An unwritten stack.
    pub fn new() -> Memory {
        Memory {
            frame: Bytes::new(FRAME_SIZE),
            records: Vec::new(),
            objects: Vec::new(),
            numbers: HashMap::new(),
        }
    }

    /// The address of an object.
    pub fn address(&mut self, object: Object) -> u64 {
        let number = *self.numbers.entry(object).or_insert_with(|| {
            self.objects.push(object);
            self.objects.len() - 1
        });
        OBJECTS + ((number as u64) << ROOM)
    }

    /// The address of a map.
    pub fn map(&mut self, map: MapRef) -> u64 {
        self.address(Object::Map(map))
    }

    /// The address of a value.
    pub fn value(&mut self, map: MapRef, number: usize) -> u64 {
        self.address(Object::Value(map, number))
    }

    /// The object at an address, and how far into it.
    pub fn object(&self, address: u64) -> Option<(Object, u64)> {
        let from = address.checked_sub(OBJECTS)?;
        let object = *self.objects.get((from >> ROOM) as usize)?;
        Some((object, from & ((1 << ROOM) - 1)))
    }

    /// True for addresses of the program's own memory.
    pub fn is_own(&self, address: u64) -> bool {
        self.frame_offset(address).is_some() || self.object(address).is_some()
    }

    fn frame_offset(&self, address: u64) -> Option<u64> {
        address.checked_sub(FRAME_END - FRAME_SIZE as u64).filter(|at| *at < FRAME_SIZE as u64)
    }

    /// The bytes of the object at an address, which of them were written (empty: all), and the offset.
    fn place<'m>(
        &'m mut self,
        world: &'m mut World,
        address: u64,
    ) -> Result<(&'m mut [u8], &'m mut [bool], usize)> {
        if let Some(at) = self.frame_offset(address) {
            return Ok((&mut self.frame.bytes, &mut self.frame.written, at as usize));
        }
        if let Some(at) = address.checked_sub(World::CONTEXT).filter(|at| *at < world.context.len() as u64) {
            return Ok((&mut world.context, &mut [], at as usize));
        }
        match self.object(address) {
            Some((Object::Value(map, number), at)) => {
                let state = world.maps.get_mut(&map).ok_or("no such map")?;
                Ok((state.value_mut(number), &mut [], at as usize))
            }
            Some((Object::Record(number), at)) => {
                let record = &mut self.records[number];
                if record.over {
                    return Err("a record is used after its end".into());
                }
                Ok((&mut record.memory.bytes, &mut record.memory.written, at as usize))
            }
            _ => Err(format!("no memory at {address:#x}")),
        }
    }

    /// Reads bytes that must have been written.
    pub fn read(&mut self, world: &mut World, address: u64, len: usize) -> Result<Vec<u8>> {
        if len == 0 {
            return Ok(Vec::new());
        }
        let (bytes, written, at) = self.place(world, address)?;
        let found = bytes.get(at..at + len).ok_or("a read past the end")?;
        if written.get(at..at + len).is_some_and(|written| written.iter().any(|byte| !byte)) {
            return Err("a read of bytes that were not written".into());
        }
        Ok(found.to_vec())
    }

    /// Writes bytes.
    pub fn write(&mut self, world: &mut World, address: u64, data: &[u8]) -> Result<()> {
        if data.is_empty() {
            return Ok(());
        }
        let (bytes, written, at) = self.place(world, address)?;
        bytes.get_mut(at..at + data.len()).ok_or("a write past the end")?.copy_from_slice(data);
        if let Some(written) = written.get_mut(at..at + data.len()) {
            written.fill(true);
        }
        Ok(())
    }

    /// Counts bytes of a record as written, at which nobody looks.
    pub fn mark(&mut self, address: u64, len: usize) {
        if let Some((Object::Record(number), at)) = self.object(address)
            && let Some(written) = self.records[number].memory.written.get_mut(at as usize..at as usize + len)
        {
            written.fill(true);
        }
    }

    /// Loads a number.
    pub fn load(&mut self, world: &mut World, address: u64, size: usize) -> Result<u64> {
        self.aligned(address, size)?;
        let mut word = [0; 8];
        word[..size].copy_from_slice(&self.read(world, address, size)?);
        Ok(u64::from_le_bytes(word))
    }

    /// Stores the low bytes of a number.
    pub fn store(&mut self, world: &mut World, address: u64, size: usize, value: u64) -> Result<()> {
        self.aligned(address, size)?;
        if address.wrapping_sub(World::CONTEXT) < world.context.len() as u64 {
            return Err("the context is written".into());
        }
        self.write(world, address, &value.to_le_bytes()[..size])
    }

    fn aligned(&self, address: u64, size: usize) -> Result<()> {
        match self.frame_offset(address) {
            Some(_) if !address.is_multiple_of(size as u64) => Err("an unaligned access of the stack".into()),
            _ => Ok(()),
        }
    }

    /// What must hold at the end.
    pub fn finish(&self) -> Result<()> {
        match self.records.iter().all(|record| record.over) {
            true => Ok(()),
            false => Err("a record is kept".into()),
        }
    }
}
