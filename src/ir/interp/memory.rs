//! Pointers and the memory behind them.

use super::{Trap, TrapKind, World};
use crate::ir::entities::{MapRef, Slot};
use crate::ir::function::Function;

/// A value at run time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Word {
    Int(u64),
    Ptr(Pointer),
    Null,
}

/// A pointer that is not null.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pointer {
    pub object: Object,
    pub offset: i64,
}

/// What a pointer points to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Object {
    Context,
    Slot(Slot),
    /// A map itself, or the outer map of a map of maps.
    Map(MapRef),
    Inner(MapRef),
    /// A value of a map, by its number.
    Value(MapRef, usize),
    /// A record, by the order of reservations.
    Record(usize),
}

/// Bytes that know which of them were written.
#[derive(Clone, Debug)]
pub(super) struct Bytes {
    pub bytes: Vec<u8>,
    pub written: Vec<bool>,
}

impl Bytes {
    /// What is not written yet reads as this, where it may be read.
    const STALE: u8 = 0x5a;

    pub fn new(size: u32) -> Bytes {
        Bytes { bytes: vec![Bytes::STALE; size as usize], written: vec![false; size as usize] }
    }
}

/// A reserved record.
#[derive(Clone, Debug)]
pub(super) struct Reservation {
    pub ring: MapRef,
    pub memory: Bytes,
    pub over: bool,
}

/// Memory of one run.
pub(super) struct Memory {
    pub slots: Vec<Bytes>,
    pub records: Vec<Reservation>,
}

type Result<T> = std::result::Result<T, TrapKind>;

impl From<TrapKind> for Trap {
    fn from(kind: TrapKind) -> Trap {
        Trap { inst: None, kind }
    }
}

impl Memory {
    pub fn new(func: &Function) -> Memory {
        Memory { slots: func.slots.values().map(|slot| Bytes::new(slot.size)).collect(), records: Vec::new() }
    }

    /// The bytes behind a pointer from its object's start, with what was written of them.
    fn object<'m>(
        &'m mut self,
        world: &'m mut World,
        object: Object,
    ) -> Result<(&'m mut [u8], &'m mut [bool])> {
        match object {
            Object::Slot(slot) => {
                let Bytes { bytes, written } = &mut self.slots[slot.as_u32() as usize];
                Ok((bytes, written))
            }
            Object::Record(number) => {
                let record = &mut self.records[number];
                if record.over {
                    return Err(TrapKind::RecordIsOver);
                }
                Ok((&mut record.memory.bytes, &mut record.memory.written))
            }
            Object::Value(map, number) => match world.maps.get_mut(&map) {
                Some(map) => Ok((map.value_mut(number), &mut [])),
                None => Err(TrapKind::Invalid("no such map")),
            },
            Object::Context => Ok((&mut world.context, &mut [])),
            Object::Map(_) | Object::Inner(_) => Err(TrapKind::Invalid("a map is no memory")),
        }
    }

    /// Reads `len` bytes that must all have been written.
    pub fn read(&mut self, world: &mut World, pointer: Pointer, offset: i64, len: usize) -> Result<Vec<u8>> {
        let (bytes, written) = self.object(world, pointer.object)?;
        let range = range(pointer.offset + offset, len, bytes.len())?;
        if !written.is_empty() && !written[range.clone()].iter().all(|byte| *byte) {
            return Err(TrapKind::Uninitialised);
        }
        Ok(bytes[range].to_vec())
    }

    /// Writes bytes.
    pub fn write(&mut self, world: &mut World, pointer: Pointer, offset: i64, data: &[u8]) -> Result<()> {
        if pointer.object == Object::Context {
            return Err(TrapKind::Invalid("the context is not written"));
        }
        let (bytes, written) = self.object(world, pointer.object)?;
        let range = range(pointer.offset + offset, data.len(), bytes.len())?;
        if !written.is_empty() {
            written[range.clone()].fill(true);
        }
        bytes[range].copy_from_slice(data);
        Ok(())
    }

    /// Counts bytes of a record as written: the tail of a string, at which nobody looks.
    pub fn mark(&mut self, pointer: Pointer, len: usize) {
        if let Object::Record(number) = pointer.object {
            let written = &mut self.records[number].memory.written;
            if let Ok(range) = range(pointer.offset, len, written.len()) {
                written[range].fill(true);
            }
        }
    }
}

fn range(start: i64, len: usize, size: usize) -> Result<std::ops::Range<usize>> {
    let start = usize::try_from(start).map_err(|_| TrapKind::OutOfBounds)?;
    match start.checked_add(len) {
        Some(end) if end <= size => Ok(start..end),
        _ => Err(TrapKind::OutOfBounds),
    }
}
