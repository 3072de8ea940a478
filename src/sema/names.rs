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
        Aggregate::Series(_) => "tseries()",
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
        Type::Named(Name::UserSymbol) => "usym".into(),
        Type::Named(Name::KernelStack(_)) => "kstack".into(),
        Type::Named(Name::UserStack(_)) => "ustack".into(),
        Type::Named(Name::Username) => "username".into(),
        Type::Named(Name::Process) => "process name".into(),
        Type::Named(Name::Syscall) => "syscall name".into(),
        Type::Named(Name::Signal) => "signal name".into(),
        Type::Named(Name::Error) => "error name".into(),
        Type::Named(Name::Time { .. }) => "timestamp".into(),
        Type::Named(Name::CgroupPath { .. }) => "cgroup path".into(),
    }
}

/// The kind of type that `typeinfo` gives as `base_type`, in the reference's words.
pub(super) fn base(ty: &Ty) -> &'static str {
    match ty {
        Ty::Void => "void",
        Ty::Int { .. } | Ty::Enum { .. } | Ty::Char => "int",
        Ty::Bool => "bool",
        Ty::Str { .. } => "string",
        Ty::Tuple(_) => "tuple",
        Ty::Record { .. } => "record",
        Ty::Buffer { .. } => "buffer",
        Ty::Inet => "inet",
        Ty::Mac => "mac_address",
        Ty::Pointer { .. } => "pointer",
        Ty::Struct { .. } => "c_type",
        Ty::Array { .. } => "array",
        Ty::Named(Name::KernelSymbol) => "ksym_t",
        Ty::Named(_) => "string",
        Ty::Aggregate(kind) => match kind {
            Aggregate::Count => "count_t",
            Aggregate::Sum { .. } => "sum_t",
            Aggregate::Min { .. } => "min_t",
            Aggregate::Max { .. } => "max_t",
            Aggregate::Avg { .. } => "avg_t",
            Aggregate::Stats { .. } => "stats_t",
            Aggregate::Hist { .. } => "hist_t",
            Aggregate::Lhist { .. } => "lhist_t",
            Aggregate::Series(_) => "tseries_t",
        },
    }
}

/// What `typeinfo` gives as `full_type`, in the reference's words.
pub(super) fn full(ty: &Ty, structs: &[Struct]) -> String {
    let list = |items: &[Ty]| items.iter().map(|item| full(item, structs)).collect::<Vec<_>>();
    match ty {
        Ty::Tuple(items) => format!("({})", list(items).join(",")),
        Ty::Record { names, items } => {
            let fields = names.iter().zip(list(items)).map(|(name, ty)| format!(".{name} = {ty}"));
            format!("record {{ {} }}", fields.collect::<Vec<_>>().join(", "))
        }
        Ty::Pointer { to, .. } => format!("{} *", full(to, structs)),
        Ty::Array { element, count, .. } => format!("{}[{count}]", full(element, structs)),
        Ty::Char => "int8".into(),
        Ty::Aggregate(kind) => {
            let unsigned = match kind {
                Aggregate::Sum { signed }
                | Aggregate::Min { signed }
                | Aggregate::Max { signed }
                | Aggregate::Avg { signed }
                | Aggregate::Stats { signed } => !signed,
                _ => false,
            };
            format!("{}{}", if unsigned { "u" } else { "" }, base(ty))
        }
        Ty::Named(_) => base(ty).into(),
        other => self::ty(other, structs),
    }
}

fn record(names: &[Arc<str>], items: impl Iterator<Item = String>) -> String {
    let fields: Vec<String> = names.iter().zip(items).map(|(name, ty)| format!("{name}={ty}")).collect();
    format!("({})", fields.join(", "))
}

fn tuple(items: impl Iterator<Item = String>) -> String {
    format!("({})", items.collect::<Vec<_>>().join(", "))
}
