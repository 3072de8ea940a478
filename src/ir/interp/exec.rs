//! Runs instructions one by one.

use cranelift_entity::SecondaryMap;

use super::memory::{Memory, Object, Pointer, Word};
use super::{Trap, TrapKind, World};
use crate::ir::entities::{Block, Inst, MapRef, Value};
use crate::ir::function::{Function, InstData, Target, Terminator, Width};
use crate::ir::typing::Maps;

pub(super) type Result<T> = std::result::Result<T, TrapKind>;

/// Addresses of the program's own memory as numbers begin here, 16 MiB for each object.
const ADDRESSES: u64 = 0xffff_c980_0000_0000;

pub(super) struct Machine<'a> {
    pub maps: &'a Maps,
    pub func: &'a Function,
    pub world: &'a mut World,
    pub memory: Memory,
    words: SecondaryMap<Value, Option<Word>>,
    /// What has an address as a number, by its place in the list.
    pub addressed: Vec<Object>,
}

impl<'a> Machine<'a> {
    pub fn new(maps: &'a Maps, func: &'a Function, world: &'a mut World) -> Machine<'a> {
        let mut words = SecondaryMap::new();
        words.resize(func.values.len());
        Machine { maps, func, world, memory: Memory::new(func), words, addressed: Vec::new() }
    }

    pub fn run(&mut self) -> std::result::Result<u64, Trap> {
        let entry = self.func.entry();
        for &param in &self.func.blocks[entry].params {
            self.words[param] = Some(Word::Ptr(Pointer { object: Object::Context, offset: 0 }));
        }
        let mut block = entry;
        loop {
            for &inst in &self.func.blocks[block].insts {
                let word = self.step(inst).map_err(|kind| Trap { inst: Some(inst), kind })?;
                if let Some(result) = self.func.result(inst) {
                    self.words[result] = word;
                }
            }
            match self.leave(block)? {
                Leave::Block(next) => block = next,
                Leave::Return(_) if self.memory.records.iter().any(|record| !record.over) => {
                    return Err(TrapKind::RecordKept.into());
                }
                Leave::Return(result) => return Ok(result),
            }
        }
    }

    fn burn(&mut self) -> Result<()> {
        self.world.fuel = self.world.fuel.checked_sub(1).ok_or(TrapKind::Fuel)?;
        Ok(())
    }

    fn leave(&mut self, block: Block) -> Result<Leave> {
        self.burn()?;
        let Some(terminator) = &self.func.blocks[block].terminator else {
            return Err(TrapKind::Invalid("there is no terminator"));
        };
        let target = match terminator {
            Terminator::Jump(target) => target,
            Terminator::Branch { cond, then, otherwise } => {
                if self.int(*cond)? != 0 {
                    then
                } else {
                    otherwise
                }
            }
            Terminator::BrNull { ptr, null, non_null } => match self.word(*ptr)? {
                Word::Null => null,
                Word::Ptr(_) => non_null,
                Word::Int(_) => return Err(TrapKind::Invalid("a number is checked for null")),
            },
            Terminator::MayGo { go, stop } => {
                if self.world.another_round() {
                    go
                } else {
                    stop
                }
            }
            Terminator::Return(value) => return Ok(Leave::Return(self.int(*value)?)),
        };
        self.enter(target)
    }

    /// Arguments become parameters, all at once.
    fn enter(&mut self, target: &Target) -> Result<Leave> {
        let words: Vec<_> = target.args.iter().map(|arg| self.word(*arg)).collect::<Result<_>>()?;
        for (&param, word) in self.func.blocks[target.block].params.iter().zip(words) {
            self.words[param] = Some(word);
        }
        Ok(Leave::Block(target.block))
    }

    pub fn word(&self, value: Value) -> Result<Word> {
        self.words[self.func.resolve(value)].ok_or(TrapKind::Invalid("a value is used before it is defined"))
    }

    pub fn int(&self, value: Value) -> Result<u64> {
        match self.word(value)? {
            Word::Int(number) => Ok(number),
            _ => Err(TrapKind::Invalid("a pointer is used as a number")),
        }
    }

    pub fn pointer(&self, value: Value) -> Result<Pointer> {
        match self.word(value)? {
            Word::Ptr(pointer) => Ok(pointer),
            Word::Null => Err(TrapKind::Null),
            Word::Int(_) => Err(TrapKind::Invalid("a number is used as a pointer")),
        }
    }

    fn step(&mut self, inst: Inst) -> Result<Option<Word>> {
        self.burn()?;
        let func = self.func;
        let number = match &func.insts[inst] {
            InstData::Const(number) => *number as u64,
            InstData::Unary { op, arg } => op.eval(self.int(*arg)?),
            InstData::Binary { op, left, right } => op.eval(self.int(*left)?, self.int(*right)?),
            InstData::Icmp { cond, left, right } => cond.eval(self.int(*left)?, self.int(*right)?).into(),
            InstData::Clamp { arg, max } => self.int(*arg)?.min((*max).into()),
            InstData::ContextAddr { base, offset } => {
                self.pointer(*base)?;
                World::CONTEXT.wrapping_add(self.int(*offset)?)
            }
            InstData::Address { base } => {
                let pointer = self.pointer(*base)?;
                self.address_of(pointer)
            }
            InstData::CallSub { sub } => self.call_sub(*sub)?,
            // what it would do is not known here
            InstData::CallImport { .. } => return Err(TrapKind::Invalid("a function of an imported object")),
            InstData::Call { helper, args } => return self.call(*helper, args).map(Some),
            data if func.result(inst).is_none() => return self.effect(data).map(|()| None),
            data => return self.pointer_or_load(data).map(Some),
        };
        Ok(Some(Word::Int(number)))
    }

    /// The address of something as a number: see [`Self::at_address`].
    fn address_of(&mut self, pointer: Pointer) -> u64 {
        let known = self.addressed.iter().position(|object| *object == pointer.object);
        let number = known.unwrap_or_else(|| {
            self.addressed.push(pointer.object);
            self.addressed.len() - 1
        });
        ADDRESSES + ((number as u64) << 24) + pointer.offset as u64
    }

    /// What is at a number that is an address of the program's own memory.
    pub fn at_address(&self, address: u64) -> Option<Pointer> {
        let from = address.checked_sub(ADDRESSES)?;
        let object = *self.addressed.get((from >> 24) as usize)?;
        Some(Pointer { object, offset: (from & 0xff_ffff) as i64 })
    }

    fn pointer_or_load(&mut self, data: &InstData) -> Result<Word> {
        let pointer = |object, offset| Ok(Word::Ptr(Pointer { object, offset }));
        match data {
            InstData::SlotAddr { slot } => pointer(Object::Slot(*slot), 0),
            InstData::MapAddr { map } => pointer(Object::Map(*map), 0),
            InstData::MapValueAddr { map, offset } => pointer(Object::Value(*map, 0), (*offset).into()),
            InstData::NonNull { arg } => self.pointer(*arg).map(Word::Ptr),
            InstData::PtrAdd { base, offset } => {
                let base = self.pointer(*base)?;
                pointer(base.object, base.offset.wrapping_add(*offset))
            }
            InstData::PtrIndex { base, index, count, scale, in_bounds } => {
                let (base, index) = (self.pointer(*base)?, self.int(*index)?);
                if *in_bounds && index >= (*count).into() {
                    return Err(TrapKind::Index);
                }
                let index = index.min(u64::from(*count) - 1) as i64;
                pointer(base.object, base.offset + index * i64::from(*scale))
            }
            InstData::Load { width, signed, base, offset } => {
                let word = self.load(*width, *base, *offset)?;
                Ok(Word::Int(width.extend(word, *signed)))
            }
            InstData::MemEq { left, left_offset, right, right_offset, len } => {
                let left = self.bytes(*left, *left_offset, *len)?;
                let right = self.bytes(*right, *right_offset, *len)?;
                Ok(Word::Int((left == right).into()))
            }
            InstData::AtomicFetchAdd { width, base, offset, value } => {
                self.atomic_add(*width, *base, *offset, *value).map(Word::Int)
            }
            InstData::AtomicCmpXchg { base, offset, expected, value } => {
                let old = self.load(Width::B8, *base, *offset)?;
                if old == self.int(*expected)? {
                    let value = self.int(*value)?;
                    self.store(Width::B8, *base, *offset, value)?;
                }
                Ok(Word::Int(old))
            }
            _ => Err(TrapKind::Invalid("the instruction has no result")),
        }
    }

    fn effect(&mut self, data: &InstData) -> Result<()> {
        match data {
            InstData::Store { width, base, offset, value } => {
                let value = self.int(*value)?;
                self.store(*width, *base, *offset, value)
            }
            InstData::Zero { base, offset, len } => {
                let base = self.pointer(*base)?;
                self.memory.write(self.world, base, (*offset).into(), &vec![0; *len as usize])
            }
            InstData::Copy { to, to_offset, from, from_offset, len } => {
                let bytes = self.bytes(*from, *from_offset, *len)?;
                let to = self.pointer(*to)?;
                self.memory.write(self.world, to, (*to_offset).into(), &bytes)
            }
            InstData::AtomicAdd { width, base, offset, value } => {
                self.atomic_add(*width, *base, *offset, *value).map(|_| ())
            }
            InstData::Rounds { sub } => {
                while self.world.another_round() {
                    if self.call_sub(*sub)? != 0 {
                        break;
                    }
                }
                Ok(())
            }
            InstData::Collect { map, state, into, capacity } => {
                self.collect(*map, *state, *into, (*capacity).into())
            }
            _ => Err(TrapKind::Invalid("the instruction has a result")),
        }
    }

    pub fn bytes(&mut self, base: Value, offset: i32, len: u32) -> Result<Vec<u8>> {
        let base = self.pointer(base)?;
        self.memory.read(self.world, base, offset.into(), len as usize)
    }

    fn load(&mut self, width: Width, base: Value, offset: i32) -> Result<u64> {
        let bytes = self.bytes(base, offset, width.bytes())?;
        Ok(bytes.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte)))
    }

    fn store(&mut self, width: Width, base: Value, offset: i32, value: u64) -> Result<()> {
        let base = self.pointer(base)?;
        let bytes = &value.to_le_bytes()[..width.bytes() as usize];
        self.memory.write(self.world, base, offset.into(), bytes)
    }

    fn call_sub(&mut self, sub: u32) -> Result<u64> {
        let sub = self.func.subs.get(sub as usize).ok_or(TrapKind::Invalid("no such function"))?;
        Machine::new(self.maps, sub, self.world).run().map_err(|trap| trap.kind)
    }

    fn collect(&mut self, map: Value, state: Value, into: MapRef, capacity: u64) -> Result<()> {
        let (Object::Map(map) | Object::Inner(map)) = self.pointer(map)?.object else {
            return Err(TrapKind::Invalid("not a map"));
        };
        let (count, first) = (self.load(Width::B8, state, 0)?, self.load(Width::B8, state, 8)?);
        let count = self.world.collect(map, into, (count, first), capacity);
        self.store(Width::B8, state, 0, count)
    }

    /// The value before.
    fn atomic_add(&mut self, width: Width, base: Value, offset: i32, value: Value) -> Result<u64> {
        let old = self.load(width, base, offset)?;
        let new = old.wrapping_add(self.int(value)?);
        self.store(width, base, offset, new)?;
        Ok(old)
    }
}

enum Leave {
    Block(Block),
    Return(u64),
}
