//! How types are called in messages and in the printed typed tree.

use std::sync::Arc;

use super::tree::{Aggregate, Struct};
use super::ty::Ty;
use super::types::{IntType, Space, Type};
use crate::wire::types::Name;

/// `int8`, `uint64`
pub(super) fn int(int: IntType) -> String {
    format!("{}int{}", if int.signed { "" } else { "u" }, u32::from(int.size) * 8)
}

/// The function whose values an aggregation holds.
pub(super) fn aggregate(aggregate: &Aggregate) -> &'static str {
    match aggregate {
        Aggregate::Count => "count()",
        Aggregate::Sum { .. } => "sum()",
        Aggregate::Min { .. } => "min()",
        Aggregate::Max { .. } => "max()",
        Aggregate::Avg { .. } => "avg()",
        Aggregate::Stats { .. } => "stats()",
        Aggregate::Hist { .. } => "hist()",
        Aggregate::Lhist { .. } => "lhist()",
    }
}

/// A type under inference, as messages call it.
pub(super) fn ty(ty: &Ty, structs: &[Struct]) -> String {
    match ty {
        Ty::Void => "void".into(),
        Ty::Char => "char".into(),
        Ty::Str { size: 0 } => "string".into(),
        Ty::Aggregate(kind) => aggregate(kind).into(),
        Ty::Tuple(items) => tuple(items.iter().map(|item| self::ty(item, structs))),
        Ty::Pointer { to, .. } => format!("{} *", self::ty(to, structs)),
        Ty::Array { element, count: 0, .. } => format!("{}[]", self::ty(element, structs)),
        Ty::Array { element, count, .. } => format!("{}[{count}]", self::ty(element, structs)),
        Ty::Record { names, items } => record(names, items.iter().map(|item| self::ty(item, structs))),
        other => type_name(&other.to_type(), structs),
    }
}

/// A type of the typed tree.
pub(super) fn type_name(ty: &Type, structs: &[Struct]) -> String {
    match ty {
        Type::None => "void".into(),
        Type::Int(kind) => int(*kind),
        Type::Bool => "bool".into(),
        Type::Str { size } => format!("string[{size}]"),
        Type::Tuple(items) => tuple(items.iter().map(|item| type_name(item, structs))),
        Type::Record { names, items } => record(names, items.iter().map(|item| type_name(item, structs))),
        Type::Buffer { size } => format!("buffer[{size}]"),
        Type::Inet => "inet".into(),
        Type::Mac => "mac_address".into(),
        Type::Pointer { to, space } => {
            let user = if *space == Space::User { " user" } else { "" };
            format!("{}{user} *", type_name(to, structs))
        }
        Type::Struct(id) => structs.get(id.0 as usize).map_or("struct ?".into(), |s| s.name.clone()),
        Type::Array { element, count } => format!("{}[{count}]", type_name(element, structs)),
        Type::Enum { name, int: kind, .. } if name.is_empty() => int(*kind),
        Type::Enum { name, .. } => format!("enum {name}"),
        Type::Named(Name::KernelSymbol) => "ksym".into(),
        Type::Named(Name::Probe) => "probe".into(),
        Type::Named(Name::Function) => "function".into(),
    }
}

fn record(names: &[Arc<str>], items: impl Iterator<Item = String>) -> String {
    let fields: Vec<String> = names.iter().zip(items).map(|(name, ty)| format!("{name}={ty}")).collect();
    format!("({})", fields.join(", "))
}

fn tuple(items: impl Iterator<Item = String>) -> String {
    format!("({})", items.collect::<Vec<_>>().join(", "))
}
