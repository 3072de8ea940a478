//! The order in which entries of a map are printed.
//!
//! Numbers go up, as bpftrace prints them; values that are no numbers are ordered by their keys. Entries of equal value,
//! whose order bpftrace leaves to the hash, are ordered by their keys too, so that output is the same each time.
//!
//! Signed numbers are compared as signed, unsigned ones as unsigned. bpftrace gets this wrong for values narrower than
//! 64 bits and for `min` and `max` (negative values come last); that is not copied.
//!
//! A million entries are usual: the number and the first 8 bytes of the key decide nearly always, without a look at
//! the key's shape.

use std::cmp::Ordering;

use super::Contents;
use super::reduce;
use crate::runtime::value::{self, signed, tail, unsigned};
use crate::wire::map::ValueKind;
use crate::wire::types::DataType;

/// Rows of `contents` in the order to print.
pub fn order(contents: &Contents, key: Option<&DataType>, kind: &ValueKind) -> Vec<u32> {
    let number = |row: usize| {
        let bits = reduce::number(kind, contents.value(row)).unwrap_or(0);
        if is_signed(kind) { ordered(bits as i64) } else { bits }
    };
    let prefix = |row: usize| key.map_or(0, |ty| prefix(ty, contents.key(row)));
    let mut rows: Vec<(u64, u64, u32)> =
        (0..contents.len).map(|row| (number(row), prefix(row), row as u32)).collect();
    let by_key = |a: u32, b: u32| {
        key.map_or(Ordering::Equal, |ty| compare(ty, contents.key(a as usize), contents.key(b as usize)))
    };
    rows.sort_unstable_by(|a, b| (a.0, a.1).cmp(&(b.0, b.1)).then_with(|| by_key(a.2, b.2)));
    rows.into_iter().map(|(_, _, row)| row).collect()
}

fn is_signed(kind: &ValueKind) -> bool {
    match kind {
        ValueKind::Plain(ty) => integer(ty, &[]).is_some_and(|(_, signed)| signed),
        ValueKind::Sum { signed }
        | ValueKind::Min { signed }
        | ValueKind::Max { signed }
        | ValueKind::Avg { signed }
        | ValueKind::Stats { signed } => *signed,
        ValueKind::Series(_) => false,
        ValueKind::Count | ValueKind::Hist { .. } | ValueKind::Lhist { .. } => false,
    }
}

/// The bits of a plain value that counts as a number, and whether they are signed. Integers are kept in 8 bytes.
pub fn integer(ty: &DataType, bytes: &[u8]) -> Option<(u64, bool)> {
    match ty {
        DataType::Int { size, signed: true } => Some((signed(bytes, *size) as u64, true)),
        DataType::Int { size, .. } | DataType::Enum { size, .. } => Some((unsigned(bytes, *size), false)),
        _ => None,
    }
}

/// Signed numbers as unsigned ones in the same order.
fn ordered(value: i64) -> u64 {
    value as u64 ^ (1 << 63)
}

/// A number for the first leaf of a key: where two differ, the keys are in that order.
fn prefix(ty: &DataType, bytes: &[u8]) -> u64 {
    match ty {
        DataType::Int { size, signed: true } => ordered(signed(bytes, *size)),
        DataType::Int { size, .. } | DataType::Enum { size, .. } | DataType::Named { size, .. } => {
            unsigned(bytes, *size)
        }
        DataType::Bool => unsigned(bytes, 1),
        DataType::Pointer => unsigned(bytes, 8),
        DataType::Str { size } => big_endian(value::text(bytes, *size).0),
        DataType::Bytes { .. }
        | DataType::Buffer { .. }
        | DataType::Inet
        | DataType::Prefix
        | DataType::Mac => 0,
        DataType::Tuple { fields, .. } => fields.first().map_or(0, |(at, ty)| prefix(ty, tail(bytes, *at))),
        DataType::Struct { .. } | DataType::Array { .. } => 0,
    }
}

fn big_endian(text: &[u8]) -> u64 {
    let mut first = [0; 8];
    let count = text.len().min(8);
    first[..count].copy_from_slice(&text[..count]);
    u64::from_be_bytes(first)
}

/// The order of two keys.
fn compare(ty: &DataType, a: &[u8], b: &[u8]) -> Ordering {
    match ty {
        DataType::Str { size } => value::text(a, *size).cmp(&value::text(b, *size)),
        DataType::Bytes { .. } => a.cmp(b),
        DataType::Buffer { size } => value::buffer(a, *size).cmp(value::buffer(b, *size)),
        DataType::Inet | DataType::Mac => a.cmp(b),
        // by address, the shorter one first
        DataType::Prefix => (&a[4..], unsigned(a, 4)).cmp(&(&b[4..], unsigned(b, 4))),
        DataType::Tuple { fields, .. } => {
            first_difference(fields.iter().map(|(at, ty)| compare(ty, tail(a, *at), tail(b, *at))))
        }
        DataType::Struct { fields, .. } => first_difference(
            fields.iter().map(|field| compare(&field.ty, tail(a, field.offset), tail(b, field.offset))),
        ),
        DataType::Array { element, count } => {
            let at = |i: u32| i * element.size();
            first_difference((0..*count).map(|i| compare(element, tail(a, at(i)), tail(b, at(i)))))
        }
        scalar => prefix(scalar, a).cmp(&prefix(scalar, b)),
    }
}

fn first_difference(mut orders: impl Iterator<Item = Ordering>) -> Ordering {
    orders.find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
}

#[cfg(test)]
mod tests {
    use super::*;

    const I64: DataType = DataType::Int { size: 8, signed: true };
    const STR: DataType = DataType::Str { size: 16 };

    fn contents(rows: &[(&[u8], i64)]) -> Contents {
        let mut contents = Contents::new(rows[0].0.len() as u32, 8);
        for (key, value) in rows {
            contents.keys.extend_from_slice(key);
            contents.values.extend_from_slice(&value.to_le_bytes());
            contents.len += 1;
        }
        contents
    }

    fn text(text: &str) -> [u8; 16] {
        let mut bytes = [0; 16];
        bytes[..text.len()].copy_from_slice(text.as_bytes());
        bytes
    }

    #[test]
    fn numbers_go_up_and_ties_follow_the_keys() {
        let rows: Vec<([u8; 8], i64)> =
            [(10, 5), (9, 5), (-4, 5), (1, -1), (2, 7)].map(|(k, v)| (i64::to_le_bytes(k), v)).to_vec();
        let rows: Vec<(&[u8], i64)> = rows.iter().map(|(k, v)| (&k[..], *v)).collect();
        let contents = contents(&rows);
        assert_eq!(order(&contents, Some(&I64), &ValueKind::Sum { signed: true }), [3, 2, 1, 0, 4]);
        assert_eq!(order(&contents, Some(&I64), &ValueKind::Plain(I64)), [3, 2, 1, 0, 4]);
        assert_eq!(order(&contents, Some(&I64), &ValueKind::Count), [2, 1, 0, 4, 3], "unsigned: -1 is large");
    }

    #[test]
    fn other_values_follow_the_keys() {
        let keys = ["b", "", "abcdefghi", "abcdefgh", "B", "a"].map(text);
        let rows: Vec<(&[u8], i64)> = keys.iter().map(|k| (&k[..], 0)).collect();
        let plain = ValueKind::Plain(DataType::Pointer);
        assert_eq!(order(&contents(&rows), Some(&STR), &plain), [1, 4, 5, 3, 2, 0]);
    }

    #[test]
    fn what_follows_the_end_of_text_does_not_count() {
        let (mut a, mut b) = (text("x"), text("x"));
        (a[2], b[9]) = (b'z', b'a');
        assert_eq!(compare(&STR, &a, &b), Ordering::Equal);
        assert_eq!(prefix(&STR, &a), prefix(&STR, &b));
    }

    #[test]
    fn tuples_are_compared_field_by_field() {
        let ty = DataType::tuple([DataType::Int { size: 4, signed: true }, STR, I64]);
        let key =
            |a: i32, s: &str, c: i64| [&a.to_le_bytes()[..], &text(s), &[0; 4], &c.to_le_bytes()].concat();
        let keys = [key(2, "a", 0), key(-1, "z", 0), key(1, "b", 0), key(1, "a", 5), key(1, "a", -5)];
        let rows: Vec<(&[u8], i64)> = keys.iter().map(|k| (&k[..], 0)).collect();
        let plain = ValueKind::Plain(DataType::Bool);
        assert_eq!(order(&contents(&rows), Some(&ty), &plain), [1, 4, 3, 2, 0]);
    }
}
