//! Where pointers point: which memory, and how many bytes from its start.
//!
//! A [`Place`] is a region, an origin within it, and a range of offsets: one offset for most pointers, several
//! behind a `ptr_index` or a block parameter. Two places of one region with the same origin overlap when their bytes
//! do; with different origins (values found by different lookups in one map) they may be the same bytes or not.
//! Regions never overlap: slots never alias, values of different maps never alias.

use cranelift_entity::SecondaryMap;

use super::cfg::Cfg;
use super::entities::{Block, MapRef, Slot, Value};
use super::function::{Function, InstData, Provenance, Type};
use super::helper::Helper;
use super::typing::{Maps, has_one_value};

/// A piece of memory that overlaps no other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Region {
    /// A frame slot.
    Slot(Slot),
    /// The record that this value (of a `ringbuf_reserve`) reserved.
    Record(Value),
    /// All values of a map.
    MapValue(MapRef),
    /// The context.
    Context,
}

/// Where a pointer points.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Which memory.
    pub region: Region,
    /// What fixed the start that offsets count from, where a region has several.
    pub origin: Option<Value>,
    /// Least offset.
    pub low: i64,
    /// Greatest offset.
    pub high: i64,
}

impl Place {
    /// Offsets are kept within this; beyond, nothing is known.
    const FAR: i64 = 1 << 32;

    fn moved(self, low: i64, high: i64) -> Place {
        let clamp = |offset: i64| offset.clamp(-Place::FAR, Place::FAR);
        Place {
            low: clamp(self.low.saturating_add(low)),
            high: clamp(self.high.saturating_add(high)),
            ..self
        }
    }

    fn anywhere(self) -> Place {
        Place { low: -Place::FAR, high: Place::FAR, ..self }
    }

    /// The bytes of an access of `len` bytes, `offset` further on.
    pub fn access(self, offset: i64, len: u32) -> Access {
        let place = self.moved(offset, offset);
        let exact = place.low == place.high;
        Access {
            region: place.region,
            origin: place.origin,
            start: place.low,
            end: place.high + i64::from(len),
            exact,
        }
    }
}

/// Bytes that an instruction touches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Access {
    /// Which memory.
    pub region: Region,
    /// As of a [`Place`].
    pub origin: Option<Value>,
    /// First byte that may be touched.
    pub start: i64,
    /// One past the last.
    pub end: i64,
    /// All bytes from start to end are touched, as against some of them.
    pub exact: bool,
}

impl Access {
    /// An access to any part of a region.
    pub fn anywhere(region: Region) -> Access {
        Access { region, origin: None, start: -Place::FAR, end: Place::FAR, exact: false }
    }

    /// True when both may touch the same byte.
    pub fn may_overlap(&self, other: &Access) -> bool {
        self.region == other.region
            && (self.origin != other.origin || self.start < other.end && other.start < self.end)
    }

    /// True when both surely touch exactly the same bytes.
    pub fn is_same(&self, other: &Access) -> bool {
        self == other && self.exact
    }

    /// True when every byte that `other` may touch is surely touched by this.
    pub fn covers(&self, other: &Access) -> bool {
        let same = self.region == other.region && self.origin == other.origin;
        same && self.exact && self.start <= other.start && other.end <= self.end
    }
}

/// Places of a function's pointers. Stale when pointers change.
#[derive(Clone, Debug, Default)]
pub struct Places {
    of: SecondaryMap<Value, Option<Place>>,
    /// Memory whose address is known as a number.
    pub addressed: Vec<Region>,
}

impl Places {
    /// Walks the blocks until parameters in loops are settled: a parameter that still moves in the second round may
    /// point anywhere in its region.
    pub fn new(maps: &Maps, func: &Function, cfg: &Cfg) -> Places {
        let mut places = Places::default();
        places.of.resize(func.values.len());
        let mut round = 0;
        while places.walk(maps, func, cfg, round) {
            round += 1;
        }
        places.find_addressed(func, cfg);
        places
    }

    fn find_addressed(&mut self, func: &Function, cfg: &Cfg) {
        for block in cfg.reverse_postorder() {
            for &inst in &func.blocks[block].insts {
                if let InstData::Address { base } = func.insts[inst]
                    && let Some(place) = self.of(func, base)
                    && !self.addressed.contains(&place.region)
                {
                    self.addressed.push(place.region);
                }
            }
        }
    }

    /// True when a place changed that was known before.
    fn walk(&mut self, maps: &Maps, func: &Function, cfg: &Cfg, round: u32) -> bool {
        let mut changed = false;
        for block in cfg.reverse_postorder() {
            for (index, &param) in func.blocks[block].params.iter().enumerate() {
                if let Type::Ptr(provenance) = func.type_of(param) {
                    let (joined, complete) = self.join(func, cfg, block, index, param);
                    let place = joined.unwrap_or_else(|| start(provenance, param));
                    changed |= self.update(param, place, round) || !complete;
                }
            }
            for &inst in &func.blocks[block].insts {
                let Some(result) = func.result(inst) else { continue };
                if let Type::Ptr(provenance) = func.type_of(result) {
                    self.of[result] = Some(self.of_inst(maps, func, &func.insts[inst], provenance, result));
                }
            }
        }
        changed
    }

    /// Puts in a parameter's place. True when an older one was not the same.
    fn update(&mut self, param: Value, place: Place, round: u32) -> bool {
        let old = self.of[param];
        let moved = old.is_some_and(|old| old != place);
        let place = match old {
            Some(old) if moved && round > 1 => Place { origin: Some(param), ..old.anywhere() },
            _ => place,
        };
        self.of[param] = Some(place);
        moved && old != Some(place)
    }

    /// What the arguments known so far have in common, and whether that was all of them.
    fn join(
        &self,
        func: &Function,
        cfg: &Cfg,
        block: Block,
        index: usize,
        param: Value,
    ) -> (Option<Place>, bool) {
        let args = cfg.preds(block).iter().filter_map(|edge| func.edge_arg(*edge, index));
        let complete = args.clone().all(|arg| self.of[arg].is_some());
        let places = args.filter_map(|arg| self.of[arg]);
        let joined = places.reduce(|a, b| {
            let origin = if a.origin == b.origin { a.origin } else { Some(param) };
            Place { region: a.region, origin, low: a.low.min(b.low), high: a.high.max(b.high) }
        });
        (joined, complete)
    }

    fn of_inst(
        &self,
        maps: &Maps,
        func: &Function,
        data: &InstData,
        provenance: Provenance,
        result: Value,
    ) -> Place {
        let of = |value: Value| self.of[func.resolve(value)].unwrap_or_else(|| start(provenance, result));
        match data {
            InstData::NonNull { arg } => of(*arg),
            InstData::PtrAdd { base, offset } => of(*base).moved(*offset, *offset),
            InstData::PtrIndex { base, count, scale, .. } => {
                let last = i64::from(count.saturating_sub(1)) * i64::from(*scale);
                of(*base).moved(0, last)
            }
            InstData::MapValueAddr { map, offset } => {
                let place = Place { region: Region::MapValue(*map), origin: None, low: 0, high: 0 };
                place.moved((*offset).into(), (*offset).into())
            }
            InstData::Call { helper: Helper::MapLookup, .. } if has_one(maps, provenance) => {
                Place { origin: None, ..start(provenance, result) }
            }
            _ => start(provenance, result),
        }
    }

    /// Where a pointer points; None for integers and pointers to maps' insides alike.
    pub fn of(&self, func: &Function, value: Value) -> Option<Place> {
        self.of[func.resolve(value)]
    }

    /// The bytes of an access through a pointer.
    pub fn access(&self, func: &Function, base: Value, offset: i64, len: u32) -> Option<Access> {
        self.of(func, base).map(|place| place.access(offset, len))
    }
}

/// The place of a pointer that `value` defines itself.
fn start(provenance: Provenance, value: Value) -> Place {
    let (region, origin) = match provenance {
        Provenance::Context => (Region::Context, None),
        Provenance::Stack(slot) => (Region::Slot(slot), None),
        Provenance::Record(_) | Provenance::RecordOrNull(_) => (Region::Record(value), None),
        Provenance::MapValue(map)
        | Provenance::MapValueOrNull(map)
        | Provenance::Map(map)
        | Provenance::InnerMap(map)
        | Provenance::InnerMapOrNull(map) => (Region::MapValue(map), Some(value)),
    };
    Place { region, origin, low: 0, high: 0 }
}

fn has_one(maps: &Maps, provenance: Provenance) -> bool {
    match provenance {
        Provenance::MapValueOrNull(map) => maps.get(map).is_some_and(has_one_value),
        _ => false,
    }
}

/// Bytes of the memory behind a pointer of this kind; None where nothing may be read or written, or nobody knows.
pub fn size(maps: &Maps, func: &Function, provenance: Provenance) -> Option<u32> {
    match provenance {
        Provenance::Stack(slot) => func.slots.get(slot).map(|data| data.size),
        Provenance::MapValue(map) => maps.get(map).map(|spec| spec.value_size),
        Provenance::Record(bytes) => Some(bytes),
        _ => None,
    }
}
