//! How each map of the script is kept in the kernel, from how the script uses it.

use std::collections::HashSet;

use super::Facts;
use super::layout::{self, size_of};
use super::names::{Names, map_name};
use super::walk;
use crate::diag::{Diagnostic, Sink, codes};
use crate::ir::entities::MapRef;
use crate::sema::tree::{Aggregate, ExprKind, Map, MapId, MapValue, Program, StmtKind, Storage};
use crate::sema::types::{IntType, Type};
use crate::wire::map::{GLOBALS, MapKind, MapRole, MapSpec, ValueKind};
use crate::wire::types::DataType;
use crate::wire::{align_up, front};

/// Bytes of a value on one CPU that the kernel's per-CPU allocator gives (PCPU_MIN_UNIT_SIZE).
const PER_CPU_VALUE: u32 = 32 << 10;
/// Entries of maps that would take more memory than this are allocated when needed, where the kernel can do
/// that.
const PREALLOCATED: u64 = 4 << 20;
/// Where it cannot, aggregations that would take more than this are shared between CPUs instead of kept by each.
const PER_CPU: u64 = 64 << 20;

/// How a map of the script is kept.
#[derive(Clone, Debug)]
pub struct MapInfo {
    /// Itself; for a double-buffered map the outer one.
    pub map: MapRef,
    /// Its kind; for a double-buffered map that of the inner one.
    pub kind: MapKind,
    /// Double-buffered.
    pub swapped: bool,
    /// Type of the key; texts may be shorter than the script's where the kernel is strict. None: key 0, a u32.
    pub key: Option<Type>,
    /// Bytes of a key.
    pub key_size: u32,
    /// Bytes of a value.
    pub value_size: u32,
    /// Where the value has a word that says that it was assigned.
    pub presence: Option<u32>,
    /// The word of the globals map that counts its entries, when `len` is asked of it and they do not go by themselves.
    pub len_counter: Option<u32>,
    /// How its front table lies, where it has one.
    pub front: Option<front::Layout>,
}

impl MapInfo {
    /// Entries come and go.
    pub fn is_hash(&self) -> bool {
        self.kind.is_hash()
    }

    /// Its one value has an address known at load time.
    pub fn is_direct(&self) -> bool {
        self.kind == MapKind::Array && !self.swapped && self.key.is_none()
    }

    /// Its keys are the numbers of elements, which are always there.
    pub fn is_array(&self) -> bool {
        matches!(self.kind, MapKind::Array | MapKind::PerCpuArray) && self.key.is_some()
    }
}

/// Decides for every map of `program`, in their order.
pub fn plan(
    program: &Program,
    facts: &Facts,
    names: &mut Names,
    sink: &mut Sink,
) -> (Vec<MapInfo>, Vec<MapSpec>) {
    let (deleted, read) = (deleted(program), read_maps(program));
    let mut counters = GLOBALS..;
    let plan_one = |(index, map): (usize, &Map)| {
        let indexed = map.storage.is_some_and(Storage::is_array);
        let sequence = map.storage.is_some_and(Storage::is_sequence);
        let key = map.key.as_ref().map(|key| match indexed {
            true => Type::Int(IntType::U32),
            false => fit_key(program, facts, map, key, sink),
        });
        let kind = value_kind(program, &map.value);
        let no_key = if sequence { 0 } else { 4 };
        let key_size = key.as_ref().map_or(no_key, |key| size_of(program, key));
        let id = MapId(index as u32);
        let deleted = deleted.contains(&id);
        let shared = !facts.lookup_percpu && read.contains(&id);
        let (storage, on_demand) = storage(facts, map, (deleted, shared), key_size, kind.size());
        let keyless_array = key.is_none() && !storage.is_hash() && !sequence;
        let has_word = keyless_array && matches!(kind, ValueKind::Plain(_) | ValueKind::Sum { .. });
        let info = MapInfo {
            map: MapRef::from_u32(index as u32),
            kind: storage,
            swapped: map.cleared,
            key_size,
            value_size: kind.size() + if has_word { 8 } else { 0 },
            presence: has_word.then(|| kind.presence_offset()),
            len_counter: (map.measured && !indexed && !storage.evicts() && map.pin.is_none())
                .then(|| counters.next())
                .flatten(),
            front: (facts.fronts && !map.cleared && !read.contains(&id) && !deleted)
                .then(|| front(map, &kind, storage, (key.as_ref(), key_size)))
                .flatten(),
            key,
        };
        check_value(map, &info, sink);
        let name = names.unique(&map_name(&map.name));
        let spec = spec(program, map, &info, kind, name, on_demand);
        (info, spec)
    };
    program.maps.iter().enumerate().map(plan_one).unzip()
}

/// What the kernel is asked for.
fn spec(
    program: &Program,
    map: &Map,
    info: &MapInfo,
    value: ValueKind,
    name: String,
    on_demand: bool,
) -> MapSpec {
    // what follows each other is told apart by its place
    let place = info.kind.is_sequence().then_some(Type::Int(IntType::U32));
    let key = info.key.as_ref().or(place.as_ref()).map(|key| match info.kind {
        MapKind::LpmTrie => DataType::Prefix,
        _ => layout::shape(program, key),
    });
    MapSpec {
        name,
        kind: if info.swapped { MapKind::Swapped } else { info.kind },
        inner: info.swapped.then_some(info.kind),
        key_size: info.key_size,
        value_size: info.value_size,
        max_entries: if key.is_some() { map.max_entries } else { 1 },
        on_demand,
        mmap: false,
        role: MapRole::User { name: map.name.clone(), key, value },
        len_counter: info.len_counter,
    }
}

/// Maps that lose keys to a `delete`, or their one value.
fn deleted(program: &Program) -> HashSet<MapId> {
    let mut deleted = HashSet::new();
    for probe in &program.probes {
        walk::each_expr_of(probe, &mut |expr| {
            if let ExprKind::Delete { map, .. } = &expr.kind {
                deleted.insert(*map);
            }
        });
    }
    deleted
}

/// Maps whose values programs read, or change on all CPUs.
fn read_maps(program: &Program) -> HashSet<MapId> {
    let mut read = HashSet::new();
    for probe in &program.probes {
        walk::each_expr_of(probe, &mut |expr| match &expr.kind {
            ExprKind::MapGet { map, .. } => drop(read.insert(*map)),
            ExprKind::Delete { map, key: Some(_) }
                if program.maps[map.0 as usize].storage == Some(Storage::PerCpuArray) =>
            {
                read.insert(*map);
            }
            _ => {}
        });
        walk::each_stmt(&probe.body, &mut |statement| {
            if let StmtKind::ForMap { map, .. } = &statement.kind {
                read.insert(*map);
            }
        });
    }
    read
}

/// The front table of a map whose keys stay and that programs only add to.
fn front(
    map: &Map,
    kind: &ValueKind,
    storage: MapKind,
    (key, key_size): (Option<&Type>, u32),
) -> Option<front::Layout> {
    let sums = matches!(
        kind,
        ValueKind::Count | ValueKind::Sum { .. } | ValueKind::Avg { .. } | ValueKind::Stats { .. }
    );
    let keeps = matches!(storage, MapKind::Hash | MapKind::PerCpuHash) && map.pin.is_none();
    let key = match key? {
        Type::Str { .. } => key_size.min(front::KEY_BYTES),
        _ if key_size <= front::KEY_BYTES => key_size,
        _ => return None,
    };
    (sums && keeps && key > 0).then_some(front::Layout { key, words: kind.size() / 8 })
}

fn value_kind(program: &Program, value: &MapValue) -> ValueKind {
    match value {
        MapValue::Plain(ty) => ValueKind::Plain(layout::map_value_shape(program, ty)),
        MapValue::Aggregate(aggregate) => match *aggregate {
            Aggregate::Count => ValueKind::Count,
            Aggregate::Sum { signed } => ValueKind::Sum { signed },
            Aggregate::Min { signed } => ValueKind::Min { signed },
            Aggregate::Max { signed } => ValueKind::Max { signed },
            Aggregate::Avg { signed } => ValueKind::Avg { signed },
            Aggregate::Stats { signed } => ValueKind::Stats { signed },
            Aggregate::Hist { bits } => ValueKind::Hist { bits },
            Aggregate::Series(series) => ValueKind::Series(series),
            Aggregate::Lhist { min, max, step } => ValueKind::Lhist { min, max, step },
        },
    }
}

/// The key as the kernel takes it: up to 5.10 a key has 512 bytes at most, so longer texts are cut there (and
/// the cut is counted when it happens).
fn fit_key(program: &Program, facts: &Facts, map: &Map, key: &Type, sink: &mut Sink) -> Type {
    let limit = facts.key_limit();
    layout::fit(program, key, limit).unwrap_or_else(|| {
        let size = size_of(program, key);
        sink.push(
            Diagnostic::error(codes::TOO_LARGE, format!("the key of {} takes {size} bytes", map.name))
                .at(map.span, "")
                .note(format!("keys may take {limit} bytes on this kernel")),
        );
        key.clone()
    })
}

/// The kind of map, and whether its entries are allocated when needed.
fn storage(
    facts: &Facts,
    map: &Map,
    (deleted, shared): (bool, bool),
    key: u32,
    value: u32,
) -> (MapKind, bool) {
    let entries = u64::from(map.max_entries) * u64::from(align_up(key, 8) + 64);
    let values = u64::from(map.max_entries) * u64::from(align_up(value, 8));
    let evicts = map.storage.is_some_and(Storage::evicts);
    let on_demand = |bytes: u64| facts.on_demand_hash && bytes > PREALLOCATED;
    let shareable = match &map.value {
        MapValue::Plain(_) => false,
        MapValue::Aggregate(kind) => kind.adds_up(),
    };
    match (&map.key, map.storage) {
        // the kernel has them on demand only
        (_, Some(Storage::LpmTrie)) => return (MapKind::LpmTrie, true),
        (_, Some(Storage::Queue)) => return (MapKind::Queue, false),
        (_, Some(Storage::Stack)) => return (MapKind::Stack, false),
        (Some(_), Some(Storage::Array)) => return (MapKind::Array, false),
        (Some(_), Some(Storage::PerCpuArray)) if shared && shareable => return (MapKind::Array, false),
        (Some(_), Some(Storage::PerCpuArray)) => return (MapKind::PerCpuArray, false),
        _ => {}
    }
    match (&map.key, &map.value) {
        (None, MapValue::Plain(_)) => (MapKind::Array, false),
        // What other CPUs keep for themselves cannot be read.
        (None, MapValue::Aggregate(_)) if shared && shareable && !deleted => (MapKind::Array, false),
        (Some(_), MapValue::Aggregate(_)) if shared && shareable && evicts => (MapKind::LruHash, false),
        (_, MapValue::Aggregate(_)) if shared && shareable => (MapKind::Hash, on_demand(entries + values)),
        // A program can remove a value that every CPU keeps for itself from a hash only.
        (None, MapValue::Aggregate(_)) if deleted => (MapKind::PerCpuHash, false),
        (None, MapValue::Aggregate(_)) => (MapKind::PerCpuArray, false),
        // entries that can be evicted are allocated in advance, says the kernel
        (Some(_), MapValue::Plain(_)) if evicts => (MapKind::LruHash, false),
        (Some(_), MapValue::Aggregate(_)) if evicts => (MapKind::PerCpuLruHash, false),
        (Some(_), MapValue::Plain(_)) => (MapKind::Hash, on_demand(entries + values)),
        (Some(_), MapValue::Aggregate(_)) => {
            let bytes = entries + values * u64::from(facts.possible_cpus);
            if bytes > PER_CPU && shareable && !facts.on_demand_hash && map.storage.is_none() {
                (MapKind::Hash, false)
            } else {
                (MapKind::PerCpuHash, on_demand(bytes))
            }
        }
    }
}

fn check_value(map: &Map, info: &MapInfo, sink: &mut Sink) {
    let size = info.value_size;
    let limit = if info.kind.is_per_cpu() { PER_CPU_VALUE } else { 1 << 20 };
    if size > limit {
        sink.push(
            Diagnostic::error(codes::TOO_LARGE, format!("a value of {} takes {size} bytes", map.name))
                .at(map.span, "")
                .note(format!("values of this kind may take {limit} bytes")),
        );
    }
}
