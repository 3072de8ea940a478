//! Types that follow from the tables: what an instruction gives, what a helper's argument must be.

use cranelift_entity::PrimaryMap;

use super::entities::{MapRef, Value};
use super::function::{Function, InstData, Provenance, Type};
use super::helper::{Helper, Ret};
use crate::wire::map::{MapKind, MapRole, MapSpec};

/// The maps of a module.
pub type Maps = PrimaryMap<MapRef, MapSpec>;

/// The type of the result of an instruction whose operands are right; None when it gives none. (A call's result
/// may be left out by the instruction.)
pub fn result_type(maps: &Maps, func: &Function, data: &InstData) -> Option<Type> {
    let type_of = |value: &Value| func.type_of(func.resolve(*value));
    match data {
        InstData::Const(_)
        | InstData::Unary { .. }
        | InstData::Binary { .. }
        | InstData::Icmp { .. }
        | InstData::Clamp { .. }
        | InstData::ContextAddr { .. }
        | InstData::Address { .. }
        | InstData::Load { .. }
        | InstData::MemEq { .. }
        | InstData::CallSub { .. }
        | InstData::CallImport { .. }
        | InstData::AtomicFetchAdd { .. }
        | InstData::AtomicCmpXchg { .. } => Some(Type::Int),
        InstData::SlotAddr { slot } => Some(Type::Ptr(Provenance::Stack(*slot))),
        InstData::MapAddr { map } => Some(Type::Ptr(Provenance::Map(*map))),
        InstData::MapValueAddr { map, .. } => Some(Type::Ptr(Provenance::MapValue(*map))),
        InstData::PtrAdd { base, .. } | InstData::PtrIndex { base, .. } => Some(type_of(base)),
        InstData::NonNull { arg } => match type_of(arg) {
            Type::Ptr(provenance) => provenance.non_null().map(Type::Ptr),
            Type::Int => None,
        },
        InstData::Call { helper, args } => call_type(maps, func, *helper, args),
        InstData::Store { .. }
        | InstData::Zero { .. }
        | InstData::Copy { .. }
        | InstData::Collect { .. }
        | InstData::Rounds { .. }
        | InstData::AtomicAdd { .. } => None,
    }
}

fn call_type(maps: &Maps, func: &Function, helper: Helper, args: &[Value]) -> Option<Type> {
    match helper.ret() {
        Ret::Int => Some(Type::Int),
        Ret::MapValueOrNull => {
            let target = MapTarget::of(maps, func, *args.first()?)?;
            let outer = target.kind == MapKind::Swapped;
            Some(Type::Ptr(match outer {
                true => Provenance::InnerMapOrNull(target.map),
                false => Provenance::MapValueOrNull(target.map),
            }))
        }
        Ret::RecordOrNull => {
            let size = func.as_const(func.resolve(*args.get(1)?))?;
            Some(Type::Ptr(Provenance::RecordOrNull(u32::try_from(size).ok()?)))
        }
    }
}

/// The map that a helper works on: the outer or the inner one of a map of maps, or any other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MapTarget {
    /// The map of the module.
    pub map: MapRef,
    /// Its kind; `Swapped` for the outer map of a map of maps.
    pub kind: MapKind,
    /// Bytes of a key.
    pub key_size: u32,
    /// Bytes of a value.
    pub value_size: u32,
}

impl MapTarget {
    /// What the pointer `value` to a map means; None when it is no pointer to a map.
    pub fn of(maps: &Maps, func: &Function, value: Value) -> Option<MapTarget> {
        match func.type_of(func.resolve(value)) {
            Type::Ptr(Provenance::Map(map)) => {
                let spec = maps.get(map)?;
                let outer = spec.kind == MapKind::Swapped;
                let (key_size, value_size) = if outer { (4, 4) } else { (spec.key_size, spec.value_size) };
                Some(MapTarget { map, kind: spec.kind, key_size, value_size })
            }
            Type::Ptr(Provenance::InnerMap(map)) => {
                let spec = maps.get(map)?;
                let (key_size, value_size) = (spec.key_size, spec.value_size);
                Some(MapTarget { map, kind: spec.inner?, key_size, value_size })
            }
            _ => None,
        }
    }
}

/// True for a map with one value only, so that every pointer to its value points to the same bytes throughout a run.
pub fn has_one_value(spec: &MapSpec) -> bool {
    let keyed = matches!(spec.role, MapRole::User { key: Some(_), .. });
    matches!(spec.kind, MapKind::Array | MapKind::PerCpuArray) && spec.max_entries == 1 && !keyed
}
