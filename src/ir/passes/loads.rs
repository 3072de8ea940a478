//! Loads of what is known: a value that was stored there before is used instead.
//!
//! Comparisons of memory of which enough is known are decided, too. What is known is what a straight line of code tells
//! (see `contents`); nothing is forwarded across joins.

use crate::ir::contents::{Atom, Here, walk};
use crate::ir::edit::Cursor;
use crate::ir::entities::Value;
use crate::ir::function::{BinOp, Function, InstData, Type, UnOp, Width};
use crate::ir::typing::Maps;

pub(super) fn run(maps: &Maps, func: &mut Function) {
    walk::<()>(maps, func, |cursor, inst, here| {
        let replacement = match cursor.func.insts[inst] {
            InstData::Load { width, signed, base, offset } => {
                load(cursor, &here, width, signed, base, offset)
            }
            InstData::MemEq { left, left_offset, right, right_offset, len } => {
                equal(cursor, &here, (left, left_offset), (right, right_offset), len)
            }
            _ => None,
        };
        if let (Some(value), Some(result)) = (replacement, cursor.func.result(inst)) {
            cursor.func.replace(result, value);
        }
        replacement.is_none()
    });
}

fn load(
    cursor: &mut Cursor<'_>,
    here: &Here<'_, ()>,
    width: Width,
    signed: bool,
    base: Value,
    offset: i32,
) -> Option<Value> {
    let access = here.places.access(cursor.func, base, offset.into(), width.bytes())?;
    let atoms = here.contents.atoms(&access)?;
    if let Some(word) = word(&atoms) {
        return Some(cursor.emit_const(width.extend(word, signed) as i64));
    }
    let Atom::Value(value, skip) = atoms[0] else { return None };
    let in_row = atoms.iter().zip(skip..).all(|(atom, index)| *atom == Atom::Value(value, index));
    // Byte 8 and more of a value there is none.
    if !in_row || skip + i64::from(width.bytes()) > 8 {
        return None;
    }
    Some(extract(cursor, value, skip, width, signed))
}

/// `width` bytes of a value from byte `skip` on, extended.
fn extract(cursor: &mut Cursor<'_>, value: Value, skip: i64, width: Width, signed: bool) -> Value {
    let low = if skip == 0 {
        value
    } else {
        let right = cursor.emit_const(8 * skip);
        cursor
            .emit(InstData::Binary { op: BinOp::LShr, left: value, right }, Some(Type::Int))
            .unwrap_or(value)
    };
    match UnOp::of_extension(width.bytes() * 8, signed) {
        Some(op) => cursor.emit_int(InstData::Unary { op, arg: low }),
        None => low,
    }
}

/// The number that bytes are.
fn word(atoms: &[Atom]) -> Option<u64> {
    atoms.iter().rev().try_fold(0, |word, atom| match atom {
        Atom::Byte(byte) => Some(word << 8 | u64::from(*byte)),
        _ => None,
    })
}

fn equal(
    cursor: &mut Cursor<'_>,
    here: &Here<'_, ()>,
    left: (Value, i32),
    right: (Value, i32),
    len: u32,
) -> Option<Value> {
    let access =
        |func: &Function, (base, offset): (Value, i32)| here.places.access(func, base, offset.into(), len);
    let (left, right) = (access(cursor.func, left)?, access(cursor.func, right)?);
    if left.is_same(&right) {
        return Some(cursor.emit_const(1));
    }
    let (left, right) = (here.contents.atoms(&left)?, here.contents.atoms(&right)?);
    if left == right {
        return Some(cursor.emit_const(1));
    }
    let differ = |(a, b): (&Atom, &Atom)| matches!((a, b), (Atom::Byte(a), Atom::Byte(b)) if a != b);
    left.iter().zip(&right).any(differ).then(|| cursor.emit_const(0))
}
