//! Stores to one piece of memory that are held back.

use std::collections::BTreeMap;

use crate::ir::edit::Cursor;
use crate::ir::entities::{Inst, Value};
use crate::ir::function::{Function, InstData, Width};
use crate::ir::known::Known;
use crate::ir::places::{Access, Region};
use crate::source::Span;

/// Zeros in a row from which on they are written as such, not as numbers.
const ZEROS: i64 = 16;

/// Constant bytes for one piece of memory, and the stores of values that were made beside them.
pub(super) struct Pending {
    base: Value,
    /// Where the base points, from the region's start.
    start: i64,
    /// Any access to the memory.
    memory: Access,
    align: i64,
    /// Of the last store.
    span: Span,
    /// Bytes to write, by their offset from the region's start.
    bytes: BTreeMap<i64, u8>,
    /// Stores of values that zeros behind them could widen, by offset: instruction, width, what is known of the value.
    values: BTreeMap<i64, (Inst, Width, Known)>,
}

impl Pending {
    pub fn new(base: Value, start: i64, memory: &Access, align: u32) -> Pending {
        let span = Span::default();
        let (bytes, values) = (BTreeMap::new(), BTreeMap::new());
        Pending { base, start, memory: *memory, align: align.into(), span, bytes, values }
    }

    /// True when the access is to the same memory, with offsets that count from the same place.
    pub fn is_for(&self, access: &Access) -> bool {
        self.memory.region == access.region && self.memory.origin == access.origin
    }

    pub fn region(&self) -> Region {
        self.memory.region
    }

    /// Others may look at the memory.
    pub fn is_shared(&self) -> bool {
        matches!(self.memory.region, Region::MapValue(_))
    }

    /// True when an access may touch bytes that are held back, or stores that may be widened yet.
    pub fn may_overlap(&self, access: &Access) -> bool {
        let Access { region, origin, .. } = self.memory;
        if region != access.region {
            return false;
        }
        let before = self.values.range(..access.end).next_back();
        origin != access.origin
            || self.bytes.range(access.start..access.end.max(access.start)).next().is_some()
            || before.is_some_and(|(at, _)| access.start < at + 8)
    }

    /// Takes constant bytes.
    pub fn bytes(&mut self, func: &mut Function, access: &Access, bytes: &[u8], span: Span) {
        self.span = span;
        self.forget_values(access);
        self.bytes.extend((access.start..access.end).zip(bytes.iter().copied()));
        // A narrow value just before, with zeros behind it now, becomes a wider one.
        let beside = self.values.range(access.start - 8..access.start).next_back();
        if let Some((&at, &(inst, width, known))) = beside {
            let wider = self.widened(at, width, known);
            if wider != width {
                self.values.insert(at, (inst, wider, known));
                if let InstData::Store { width, .. } = &mut func.insts[inst] {
                    *width = wider;
                }
            }
        }
    }

    /// Takes the store of a value, which is made where it stands; says how wide it can be.
    pub fn value(&mut self, access: &Access, width: Width, known: Known, inst: Inst) -> Width {
        self.forget_values(access);
        self.forget_bytes(access.start, access.end);
        let width = self.widened(access.start, width, known);
        self.values.insert(access.start, (inst, width, known));
        width
    }

    fn forget_bytes(&mut self, start: i64, end: i64) {
        for at in start..end {
            self.bytes.remove(&at);
        }
    }

    /// Stores of values that overlap an access are not widened any more.
    fn forget_values(&mut self, access: &Access) {
        let overlapping =
            |at: &i64, width: Width| *at < access.end && access.start < at + i64::from(width.bytes());
        self.values.retain(|at, (_, width, _)| !overlapping(at, *width));
    }

    /// The widest store of a value at an offset that only takes zeros along; these are not held back any more.
    fn widened(&mut self, at: i64, mut width: Width, known: Known) -> Width {
        while let Some(wider) = Width::from_bytes(width.bytes() * 2) {
            let (end, new_end) = (at + i64::from(width.bytes()), at + i64::from(wider.bytes()));
            let aligned = i64::from(wider.bytes()) <= self.align && at % i64::from(wider.bytes()) == 0;
            let narrow = known.max <= u64::MAX >> (64 - width.bytes() * 8);
            if !aligned || !narrow || !(end..new_end).all(|byte| self.bytes.get(&byte) == Some(&0)) {
                break;
            }
            self.forget_bytes(end, new_end);
            width = wider;
        }
        width
    }

    /// Writes what is held back.
    pub fn flush(mut self, cursor: &mut Cursor<'_>) {
        let here = cursor.set_span(self.span);
        while let Some((&at, _)) = self.bytes.first_key_value() {
            let zeros = (at..).take_while(|byte| self.bytes.get(byte) == Some(&0)).count() as i64;
            let offset = (at - self.start) as i32;
            let len = if zeros >= ZEROS {
                cursor.emit(InstData::Zero { base: self.base, offset, len: zeros as u32 }, None);
                zeros
            } else {
                let (width, number) = self.word(at);
                let value = cursor.emit_const(number);
                cursor.emit(InstData::Store { width, base: self.base, offset, value }, None);
                width.bytes().into()
            };
            self.forget_bytes(at, at + len);
        }
        cursor.set_span(here);
    }

    /// The widest word that begins at an offset, sign-extended, so that it is an immediate of 32 bits.
    fn word(&self, at: i64) -> (Width, i64) {
        for width in [Width::B8, Width::B4, Width::B2] {
            let len = i64::from(width.bytes());
            let bytes: Option<Vec<u8>> = (at..at + len).map(|byte| self.bytes.get(&byte).copied()).collect();
            let Some(bytes) = bytes.filter(|_| at % len == 0 && len <= self.align) else { continue };
            let word = bytes.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte));
            let number = width.extend(word, true) as i64;
            if i32::try_from(number).is_ok() {
                return (width, number);
            }
        }
        let byte = self.bytes.get(&at).copied().unwrap_or(0);
        (Width::B1, i64::from(byte as i8))
    }
}
