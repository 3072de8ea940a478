//! How types are called in messages and in the printed typed tree.

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
        Ty::Array { element, count } => format!("{}[{count}]", self::ty(element, structs)),
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

fn tuple(items: impl Iterator<Item = String>) -> String {
    format!("({})", items.collect::<Vec<_>>().join(", "))
}
