//! Address arithmetic goes into the accesses: `load [ptr_add(p, 8) + 4]` becomes `load [p + 12]`.
//!
//! - Distances of distances are added up, and moved out from under an index, so that the access can take them.
//! - An index that is constant is a distance; a distance of 0 is nothing.
//!
//! Offsets of accesses stay within the 16 bits that instructions have.

use crate::ir::cfg::Cfg;
use crate::ir::edit::Cursor;
use crate::ir::entities::{Inst, Value};
use crate::ir::function::{Function, InstData};
use crate::ir::typing::Maps;

pub(super) fn run(maps: &Maps, func: &mut Function) {
    let cfg = Cfg::new(func);
    for block in cfg.reverse_postorder() {
        let mut cursor = Cursor::new(func, block);
        while let Some(inst) = cursor.next() {
            let mut data = cursor.func.insts[inst].clone();
            data.map_operands(|value| cursor.func.resolve(value));
            address(maps, &mut cursor, inst, data);
        }
    }
    func.resolve_aliases();
}

fn address(maps: &Maps, cursor: &mut Cursor<'_>, inst: Inst, mut data: InstData) {
    let result = cursor.func.result(inst);
    match (&data, result) {
        (InstData::PtrAdd { base, offset }, Some(result)) => {
            let (base, offset) = start(cursor.func, *base, *offset);
            if offset == 0 {
                return cursor.func.replace(result, base);
            }
            data = moved(maps, cursor.func, base, offset);
        }
        (InstData::PtrIndex { base, index, count, scale, in_bounds }, Some(result)) => {
            let (base, offset) = start(cursor.func, *base, 0);
            let (index, count, scale, in_bounds) = (*index, *count, *scale, *in_bounds);
            if let Some(number) = cursor.func.as_const(index) {
                let element = (number as u64).min(u64::from(count) - 1) as i64;
                let offset = offset + element * i64::from(scale);
                if offset == 0 {
                    return cursor.func.replace(result, base);
                }
                data = moved(maps, cursor.func, base, offset);
            } else if offset != 0 {
                let ty = cursor.func.type_of(base);
                let indexed = InstData::PtrIndex { base, index, count, scale, in_bounds };
                let base = cursor.emit(indexed, Some(ty)).unwrap_or(base);
                data = InstData::PtrAdd { base, offset };
            } else {
                data = InstData::PtrIndex { base, index, count, scale, in_bounds };
            }
        }
        _ => accesses(cursor.func, &mut data),
    }
    cursor.func.insts[inst] = data;
    cursor.keep(inst);
}

/// The pointer that lies so far from another.
fn moved(maps: &Maps, func: &Function, base: Value, offset: i64) -> InstData {
    if let Some(InstData::MapValueAddr { map, offset: first }) = func.def_data(base) {
        let total = i64::from(*first) + offset;
        if (0..i64::from(maps[*map].value_size)).contains(&total) {
            return InstData::MapValueAddr { map: *map, offset: total as u32 };
        }
    }
    InstData::PtrAdd { base, offset }
}

/// Where the distances that lead to a pointer begin, and their sum.
fn start(func: &Function, mut base: Value, mut offset: i64) -> (Value, i64) {
    while let Some(InstData::PtrAdd { base: before, offset: further }) = func.def_data(base) {
        let Some(sum) = offset.checked_add(*further) else { break };
        offset = sum;
        base = func.resolve(*before);
    }
    (base, offset)
}

/// Takes the distances into an access.
fn accesses(func: &Function, data: &mut InstData) {
    let fold = |base: &mut Value, offset: &mut i32, len: u32| {
        let (first, sum) = start(func, *base, (*offset).into());
        let end = sum.saturating_add(len.into());
        if sum >= i16::MIN.into() && end <= i16::MAX.into() {
            *base = first;
            *offset = sum as i32;
        }
    };
    match data {
        InstData::Load { width, base, offset, .. }
        | InstData::Store { width, base, offset, .. }
        | InstData::AtomicAdd { width, base, offset, .. }
        | InstData::AtomicFetchAdd { width, base, offset, .. } => fold(base, offset, width.bytes()),
        InstData::AtomicCmpXchg { base, offset, .. } => fold(base, offset, 8),
        InstData::Zero { base, offset, len } => fold(base, offset, *len),
        InstData::Copy { to, to_offset, from, from_offset, len } => {
            fold(to, to_offset, *len);
            fold(from, from_offset, *len);
        }
        InstData::MemEq { left, left_offset, right, right_offset, len } => {
            fold(left, left_offset, *len);
            fold(right, right_offset, *len);
        }
        _ => {}
    }
}
