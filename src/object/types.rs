//! The shapes of keys and values as BTF types, so that `bpftool map dump` shows numbers, texts and fields.
//!
//! Invariant: a type has exactly the size asked for. Where a shape cannot be told in BTF (bit fields, overlapping
//! members), bytes stand for it. Arrays get a 4-byte integer as key: the kernel insists.

use super::btf::{Btf, Encoding, Id, Member};
use super::names::sanitised;
use crate::host::linkable::Shape;
use crate::wire::map::{MapKind, MapRole, MapSpec, ValueKind};
use crate::wire::types::{DataType, StructField};

/// Types of a map's key and value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MapTypes {
    /// The key.
    pub key: Id,
    /// The value.
    pub value: Id,
}

/// The types of the map `spec`, or of the map inside when it is a `Swapped` one; None for a ring,
/// a queue or a stack.
pub fn of_map(btf: &mut Btf, spec: &MapSpec) -> Option<MapTypes> {
    let kind = spec.inner.unwrap_or(spec.kind);
    if kind == MapKind::Ring || kind.is_sequence() {
        return None;
    }
    let indexed = matches!(kind, MapKind::Array | MapKind::PerCpuArray);
    let key = match &spec.role {
        _ if indexed => btf.int("u32", 4, Encoding::Unsigned),
        MapRole::User { key: Some(key), .. } => sized(btf, key, spec.key_size),
        _ => raw(btf, spec.key_size),
    };
    let value = match &spec.role {
        MapRole::User { value, .. } => of_value(btf, value, spec.value_size),
        MapRole::Ledger | MapRole::Control | MapRole::Globals | MapRole::Front { .. } => {
            words(btf, spec.value_size)
        }
        MapRole::Ring | MapRole::Scratch | MapRole::Zeros | MapRole::Keys | MapRole::Stacks { .. } => {
            raw(btf, spec.value_size)
        }
    };
    Some(MapTypes { key, value })
}

/// A type of an imported object, by its shape.
pub fn of_shape(btf: &mut Btf, shape: &Shape) -> Id {
    match shape {
        Shape::Void => Id(0),
        Shape::Int(size) => btf.int(&format!("u{}", size * 8), *size, Encoding::Unsigned),
        Shape::Pointer(to) => {
            let to = of_shape(btf, to);
            btf.pointer(to)
        }
        Shape::Array(element) => {
            let (element, index) = (of_shape(btf, element), number(btf, 4, false));
            btf.array(element, index, 1)
        }
        Shape::Composite { union, name } if name.is_empty() => btf.anonymous(*union),
        Shape::Composite { union, name } => btf.forward(name, *union),
        Shape::Enum { name, size, wide } => btf.enumeration(name, *size, *wide),
        Shape::Function(ret, params) => {
            let ret = of_shape(btf, ret);
            let params: Vec<Id> = params.iter().map(|param| of_shape(btf, param)).collect();
            btf.prototype(ret, &params)
        }
    }
}

/// A value, with the word after it that tells whether it was assigned, where there is one.
fn of_value(btf: &mut Btf, value: &ValueKind, size: u32) -> Id {
    let own = value.size();
    match size.checked_sub(own) {
        Some(0) => of_kind(btf, value, own),
        Some(8) => {
            let members = [("value", of_kind(btf, value, own), 0), ("assigned", number(btf, 8, false), own)];
            let member = |(name, ty, offset): (&str, Id, u32)| Member { name: name.to_owned(), ty, offset };
            btf.structure("", size, &members.map(member))
        }
        _ => raw(btf, size),
    }
}

fn of_kind(btf: &mut Btf, value: &ValueKind, size: u32) -> Id {
    match value {
        ValueKind::Plain(ty) => sized(btf, ty, size),
        ValueKind::Count => number(btf, 8, false),
        ValueKind::Sum { signed } => number(btf, 8, *signed),
        ValueKind::Min { signed } | ValueKind::Max { signed } => pair(btf, ["value", "set"], *signed),
        ValueKind::Avg { signed } | ValueKind::Stats { signed } => pair(btf, ["total", "count"], *signed),
        ValueKind::Hist { .. } | ValueKind::Lhist { .. } | ValueKind::Series(_) => words(btf, size),
    }
}

/// Two 8-byte numbers, the second unsigned.
fn pair(btf: &mut Btf, names: [&str; 2], signed: bool) -> Id {
    let types = [number(btf, 8, signed), number(btf, 8, false)];
    let member = |i: usize| Member { name: names[i].to_owned(), ty: types[i], offset: i as u32 * 8 };
    btf.structure("", 16, &[member(0), member(1)])
}

/// `ty` in exactly `size` bytes: integers grow, anything else is wrapped.
fn sized(btf: &mut Btf, ty: &DataType, size: u32) -> Id {
    match ty {
        DataType::Int { signed, .. } if size == 8 => number(btf, 8, *signed),
        DataType::Bool | DataType::Named { .. } | DataType::Enum { .. } if size == 8 => number(btf, 8, false),
        _ if ty.size() == size => of_data(btf, ty),
        _ if ty.size() < size => {
            let inner = of_data(btf, ty);
            btf.structure("", size, &[Member { name: "value".to_owned(), ty: inner, offset: 0 }])
        }
        _ => raw(btf, size),
    }
}

fn of_data(btf: &mut Btf, ty: &DataType) -> Id {
    match ty {
        DataType::Int { size, signed } => number(btf, *size, *signed),
        DataType::Named { size, .. } | DataType::Enum { size, .. } => number(btf, *size, false),
        DataType::Bool => btf.int("_Bool", 1, Encoding::Bool),
        DataType::Pointer => btf.pointer(Id(0)),
        DataType::Str { size } => {
            let element = btf.int("char", 1, Encoding::Char);
            many(btf, element, *size)
        }
        DataType::Bytes { size } => raw(btf, *size),
        // the kernel takes nothing but a struct for it
        DataType::Prefix => {
            let members = [("prefixlen", number(btf, 4, false), 0), ("data", raw(btf, 20), 4)];
            let member = |(name, ty, offset): (&str, Id, u32)| Member { name: name.to_owned(), ty, offset };
            btf.structure("", 24, &members.map(member))
        }
        DataType::Buffer { .. } | DataType::Inet | DataType::Mac => raw(btf, ty.size()),
        DataType::Array { element, count } => {
            let element = of_data(btf, element);
            many(btf, element, *count)
        }
        DataType::Tuple { size, fields } => {
            let members: Vec<Member> = fields
                .iter()
                .enumerate()
                .map(|(i, (offset, ty))| Member {
                    name: format!("f{i}"),
                    ty: of_data(btf, ty),
                    offset: *offset,
                })
                .collect();
            btf.structure("", *size, &members)
        }
        DataType::Struct { size, fields } => of_struct(btf, *size, fields),
    }
}

fn of_struct(btf: &mut Btf, size: u32, fields: &[StructField]) -> Id {
    let mut end = 0;
    for field in fields {
        if field.bits.is_some() || field.offset < end {
            return raw(btf, size);
        }
        end = field.offset + field.ty.size();
    }
    let members: Vec<Member> = fields
        .iter()
        .enumerate()
        .map(|(i, field)| {
            // two anonymous members, or a name that is one of ours, must not meet
            let name = if field.name.is_empty() { format!("f{i}") } else { sanitised(&field.name) };
            Member { name, ty: of_data(btf, &field.ty), offset: field.offset }
        })
        .collect();
    btf.structure("", size, &members)
}

fn number(btf: &mut Btf, size: u8, signed: bool) -> Id {
    let name = format!("{}{}", if signed { 's' } else { 'u' }, u32::from(size) * 8);
    btf.int(&name, u32::from(size), if signed { Encoding::Signed } else { Encoding::Unsigned })
}

/// 8-byte counters.
fn words(btf: &mut Btf, size: u32) -> Id {
    let element = number(btf, 8, false);
    many(btf, element, size / 8)
}

fn raw(btf: &mut Btf, size: u32) -> Id {
    let element = number(btf, 1, false);
    many(btf, element, size)
}

fn many(btf: &mut Btf, element: Id, count: u32) -> Id {
    let index = btf.int("u32", 4, Encoding::Unsigned);
    btf.array(element, index, count)
}
