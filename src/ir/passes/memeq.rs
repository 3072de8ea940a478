//! Comparisons of memory that are one word long become a comparison of words, which the branch takes into itself; those
//! with constant bytes become comparisons with immediates, up to two words.

use crate::ir::contents::{Atom, Here, walk};
use crate::ir::edit::Cursor;
use crate::ir::entities::Value;
use crate::ir::function::{BinOp, Cond, Function, InstData, Width};
use crate::ir::places::Region;
use crate::ir::typing::Maps;

/// A place to read from: pointer and offset.
type Spot = (Value, i32);

pub(super) fn run(maps: &Maps, func: &mut Function) {
    walk::<()>(maps, func, |cursor, inst, here| {
        let InstData::MemEq { left, left_offset, right, right_offset, len } = cursor.func.insts[inst] else {
            return true;
        };
        let (left, right) = ((left, left_offset), (right, right_offset));
        let equal = against_constant(cursor, &here, left, right, len)
            .or_else(|| against_constant(cursor, &here, right, left, len))
            .or_else(|| one_word(cursor, &here, left, right, len));
        if let (Some(equal), Some(result)) = (equal, cursor.func.result(inst)) {
            cursor.func.replace(result, equal);
        }
        equal.is_none()
    });
}

/// The width of an access that is all there is, if both places may be read so.
fn one_word(
    cursor: &mut Cursor<'_>,
    here: &Here<'_, ()>,
    left: Spot,
    right: Spot,
    len: u32,
) -> Option<Value> {
    let width = Width::from_bytes(len)?;
    let aligned = is_aligned(cursor.func, here, left, width) && is_aligned(cursor.func, here, right, width);
    if !aligned {
        return None;
    }
    let (left, right) = (load(cursor, left, 0, width), load(cursor, right, 0, width));
    Some(cursor.emit_int(InstData::Icmp { cond: Cond::Eq, left, right }))
}

/// Compares `len` bytes with bytes that are known.
fn against_constant(
    cursor: &mut Cursor<'_>,
    here: &Here<'_, ()>,
    spot: Spot,
    known: Spot,
    len: u32,
) -> Option<Value> {
    let access = here.places.access(cursor.func, known.0, known.1.into(), len)?;
    let atoms = here.contents.atoms(&access)?;
    let bytes: Vec<u8> =
        atoms.iter().map_while(|atom| if let Atom::Byte(b) = atom { Some(*b) } else { None }).collect();
    let words = words(len)?;
    let aligned =
        |(at, width): &(u32, Width)| is_aligned(cursor.func, here, (spot.0, spot.1 + *at as i32), *width);
    if bytes.len() < len as usize || !words.iter().all(aligned) {
        return None;
    }
    let mut differences = Vec::new();
    for (at, width) in words {
        let found = load(cursor, spot, at as i32, width);
        let word = &bytes[at as usize..(at + width.bytes()) as usize];
        let number = word.iter().rev().fold(0u64, |number, byte| number << 8 | u64::from(*byte));
        let wanted = cursor.emit_const(number as i64);
        differences.push((found, wanted));
    }
    if let [(left, right)] = differences[..] {
        return Some(cursor.emit_int(InstData::Icmp { cond: Cond::Eq, left, right }));
    }
    let xor = |cursor: &mut Cursor<'_>, (left, right)| {
        cursor.emit_int(InstData::Binary { op: BinOp::Xor, left, right })
    };
    let (left, right) = (xor(cursor, differences[0]), xor(cursor, differences[1]));
    let left = cursor.emit_int(InstData::Binary { op: BinOp::Or, left, right });
    let right = cursor.emit_const(0);
    Some(cursor.emit_int(InstData::Icmp { cond: Cond::Eq, left, right }))
}

/// One or two words that make up a length.
fn words(len: u32) -> Option<Vec<(u32, Width)>> {
    if let Some(width) = Width::from_bytes(len) {
        return Some(vec![(0, width)]);
    }
    let first = [Width::B8, Width::B4, Width::B2].into_iter().find(|width| width.bytes() < len)?;
    let rest = Width::from_bytes(len - first.bytes())?;
    Some(vec![(0, first), (first.bytes(), rest)])
}

/// True when the place may be read by an access of that width: slots want alignment.
fn is_aligned(func: &Function, here: &Here<'_, ()>, (base, offset): Spot, width: Width) -> bool {
    let Some(access) = here.places.access(func, base, offset.into(), width.bytes()) else { return false };
    match access.region {
        Region::Slot(slot) => {
            let bytes = width.bytes();
            access.exact && func.slots[slot].align >= bytes && access.start.rem_euclid(bytes.into()) == 0
        }
        _ => true,
    }
}

fn load(cursor: &mut Cursor<'_>, (base, offset): Spot, further: i32, width: Width) -> Value {
    cursor.emit_int(InstData::Load { width, signed: false, base, offset: offset + further })
}
