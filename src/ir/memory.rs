//! Which memory each instruction reads and writes, and which bytes of slots and records are alive where.
//!
//! Alive means: read later, on some path, before being written. A byte that is alive where its memory begins (a
//! slot at the function's entry, a record at its reservation) is read without having been written: the verifier
//! reports those, dead-store elimination uses the rest.
//!
//! Liveness is found from the reads backwards, region by region, and stops at writes: the cost is the size of the
//! live ranges, not blocks times slots. For optimisation there is a limit to it: a region that is alive in very many
//! blocks counts as alive everywhere.

use cranelift_entity::SecondaryMap;
use rustc_hash::{FxHashMap, FxHashSet};
use smallvec::SmallVec;

use super::cfg::Cfg;
use super::entities::{Block, Inst, Value};
use super::function::{Function, InstData, Provenance, Type};
use super::helper::{Arg, Helper};
use super::places::{Access, Places, Region, size};
use super::ranges::Ranges;
use super::typing::{MapTarget, Maps};

/// Blocks that one region may be followed through, where it does not matter to be exact.
const MOST_BLOCKS: u32 = 1000;

/// What an instruction does to memory. Kernel and user memory are not meant.
#[derive(Clone, Debug, Default)]
pub struct Effects {
    /// Bytes that may be read.
    pub reads: SmallVec<[Access; 2]>,
    /// Bytes that may be written.
    pub writes: SmallVec<[Access; 2]>,
    /// An exact write writes all of its bytes. Not so for strings, which may stop at the NUL.
    pub whole: bool,
}

/// The effects of an instruction of a verified function.
pub fn effects(maps: &Maps, func: &Function, places: &Places, inst: Inst) -> Effects {
    let mut effects = Effects { whole: true, ..Effects::default() };
    let mut read = |base: Value, offset: i32, len: u32| {
        effects.reads.extend(places.access(func, base, offset.into(), len));
    };
    match &func.insts[inst] {
        InstData::Load { width, base, offset, .. } => read(*base, *offset, width.bytes()),
        InstData::MemEq { left, left_offset, right, right_offset, len } => {
            read(*left, *left_offset, *len);
            read(*right, *right_offset, *len);
        }
        InstData::Copy { to, to_offset, from, from_offset, len } => {
            read(*from, *from_offset, *len);
            effects.writes.extend(places.access(func, *to, (*to_offset).into(), *len));
        }
        InstData::Store { width, base, offset, .. } => {
            effects.writes.extend(places.access(func, *base, (*offset).into(), width.bytes()));
        }
        InstData::Zero { base, offset, len } => {
            effects.writes.extend(places.access(func, *base, (*offset).into(), *len));
        }
        InstData::AtomicAdd { width, base, offset, .. }
        | InstData::AtomicFetchAdd { width, base, offset, .. } => {
            read(*base, *offset, width.bytes());
            effects.writes.extend(places.access(func, *base, (*offset).into(), width.bytes()));
        }
        InstData::AtomicCmpXchg { base, offset, .. } => {
            read(*base, *offset, 8);
            // what is there may stay
            let write = places.access(func, *base, (*offset).into(), 8);
            effects.writes.extend(write.map(|write| Access { exact: false, ..write }));
        }
        InstData::Collect { state, into, .. } => {
            read(*state, 0, 16);
            effects.writes.extend(places.access(func, *state, 0, 8));
            effects.writes.push(Access::anywhere(Region::MapValue(*into)));
            effects.whole = false;
        }
        InstData::Call { helper, args } => call_effects(maps, func, places, *helper, args, &mut effects),
        InstData::CallImport { args, .. } => {
            let pointed = args.iter().filter_map(|arg| places.of(func, *arg)).map(|place| place.region);
            let regions: SmallVec<[Region; 4]> = pointed.chain(places.addressed.iter().copied()).collect();
            effects.reads.extend(regions.iter().copied().map(Access::anywhere));
            effects.writes.extend(regions.into_iter().map(Access::anywhere));
            effects.whole = false;
        }
        _ => {}
    }
    effects
}

fn call_effects(
    maps: &Maps,
    func: &Function,
    places: &Places,
    helper: Helper,
    args: &[Value],
    effects: &mut Effects,
) {
    let target = args.first().and_then(|map| MapTarget::of(maps, func, *map));
    for (index, (&arg, kind)) in args.iter().zip(helper.args()).enumerate() {
        let bytes = |len: u32| places.access(func, arg, 0, len);
        match kind {
            Arg::Key => effects.reads.extend(target.and_then(|target| bytes(target.key_size))),
            Arg::MapValue => effects.reads.extend(target.and_then(|target| bytes(target.value_size))),
            // what is there may stay
            Arg::MapOut => {
                let place = target.and_then(|target| bytes(target.value_size));
                effects.reads.extend(place);
                effects.writes.extend(place.map(|write| Access { exact: false, ..write }));
            }
            Arg::Record if helper == Helper::RingSubmit => {
                effects.reads.extend(record_size(func, arg).and_then(bytes));
            }
            Arg::Out => effects.writes.extend(out_access(maps, func, places, arg, args.get(index + 1))),
            // An address that a helper reads from: any part of what it points into.
            Arg::Any => match places.of(func, arg) {
                Some(place) => effects.reads.push(Access::anywhere(place.region)),
                // A number may be the address of whatever has one.
                None => effects.reads.extend(places.addressed.iter().copied().map(Access::anywhere)),
            },
            _ => {}
        }
    }
    // Some kernels (6.1 is one) leave what follows the NUL of a task's name as it was.
    let is_string = matches!(
        helper,
        Helper::ProbeReadUserStr | Helper::ProbeReadKernelStr | Helper::Comm | Helper::DPath
    );
    effects.whole = !is_string && !helper.args().contains(&Arg::MapOut);
    if let (Helper::MapUpdate | Helper::MapDelete, Some(target)) = (helper, target) {
        effects.writes.push(Access::anywhere(Region::MapValue(target.map)));
        effects.whole = false;
    }
}

fn record_size(func: &Function, value: Value) -> Option<u32> {
    match func.type_of(func.resolve(value)) {
        Type::Ptr(Provenance::Record(bytes)) => Some(bytes),
        _ => None,
    }
}

/// What a helper writes that is given a pointer and a size. With a size that is not constant: some of the rest.
fn out_access(
    maps: &Maps,
    func: &Function,
    places: &Places,
    out: Value,
    size_arg: Option<&Value>,
) -> Option<Access> {
    let place = places.of(func, out)?;
    match size_arg.and_then(|size| func.as_const(func.resolve(*size))) {
        Some(len) => Some(place.access(0, u32::try_from(len).ok()?)),
        None => {
            let Type::Ptr(provenance) = func.type_of(func.resolve(out)) else { return None };
            let end = i64::from(size(maps, func, provenance)?);
            Some(Access { end, exact: false, ..place.access(0, 0) })
        }
    }
}

/// Bytes of slots and records that are alive.
#[derive(Clone, Debug, Default)]
pub struct Liveness {
    live_out: SecondaryMap<Block, FxHashMap<Region, Ranges>>,
    /// Regions that count as alive everywhere.
    everywhere: FxHashSet<Region>,
    /// Bytes read without having been written on some path, with the instruction that reads them.
    pub uninitialised: Vec<(Region, Ranges, Inst)>,
}

/// What a block does to a region, seen from its start.
#[derive(Clone, Debug, Default)]
struct Summary {
    /// Read before they are written.
    exposed: Ranges,
    /// Surely written.
    written: Ranges,
    /// The region begins here: it is a record and reserved in this block.
    born: bool,
}

impl Liveness {
    /// Finds what is alive at the end of every block of a function, exactly. Reading a string into a record counts as
    /// writing all of its bytes: nobody looks behind the NUL.
    pub fn exact(maps: &Maps, func: &Function, cfg: &Cfg, places: &Places) -> Liveness {
        Liveness::find(maps, func, cfg, places, true)
    }

    /// Finds what may not be taken away: what stood behind the NUL before a string was read is alive, and regions that
    /// are alive in very many blocks are so everywhere.
    pub fn careful(maps: &Maps, func: &Function, cfg: &Cfg, places: &Places) -> Liveness {
        Liveness::find(maps, func, cfg, places, false)
    }

    fn find(maps: &Maps, func: &Function, cfg: &Cfg, places: &Places, exact: bool) -> Liveness {
        let mut liveness = Liveness::default();
        let mut summaries: SecondaryMap<Block, FxHashMap<Region, Summary>> = SecondaryMap::new();
        let (mut work, mut missing) = (Vec::new(), Vec::new());
        let mut visits: FxHashMap<Region, u32> = FxHashMap::default();
        for &block in cfg.postorder() {
            let summary = summarise(maps, func, places, (block, exact), &mut missing);
            let exposed = summary.iter().filter(|(_, summary)| !summary.exposed.is_empty());
            work.extend(exposed.map(|(region, summary)| (block, *region, summary.exposed.clone(), block)));
            summaries[block] = summary;
        }
        while let Some((block, region, bytes, reader)) = work.pop() {
            if block == func.entry() {
                missing.push((region, bytes, reader));
                continue;
            }
            let visits = visits.entry(region).or_default();
            *visits += 1;
            if !exact && *visits > MOST_BLOCKS {
                liveness.everywhere.insert(region);
                continue;
            }
            for edge in cfg.preds(block) {
                let live = liveness.live_out[edge.from].entry(region).or_default();
                let fresh = bytes.without(live);
                live.union(&fresh);
                let summary = summaries[edge.from].get(&region);
                let rest = summary.map_or_else(|| fresh.clone(), |summary| fresh.without(&summary.written));
                if rest.is_empty() {
                    continue;
                }
                if summary.is_some_and(|summary| summary.born) {
                    missing.push((region, rest, reader));
                } else {
                    work.push((edge.from, region, rest, reader));
                }
            }
        }
        // The order of a hash map is no order: sort, so that errors come out the same each time.
        let readers = missing.into_iter().map(|(region, bytes, block)| {
            let reader = find_reader(maps, func, places, (block, region), &bytes);
            (region, bytes, reader)
        });
        liveness.uninitialised =
            readers.filter_map(|(region, bytes, inst)| Some((region, bytes, inst?))).collect();
        liveness.uninitialised.sort_by_key(|(_, bytes, inst)| (*inst, bytes.iter().next()));
        liveness
    }

    /// True when a region counts as alive wherever it is.
    pub fn is_everywhere(&self, region: Region) -> bool {
        self.everywhere.contains(&region)
    }

    /// The bytes alive at the end of a block, by region; of those that are alive everywhere only some.
    pub fn live_out(&self, block: Block) -> &FxHashMap<Region, Ranges> {
        &self.live_out[block]
    }
}

/// What a block does; regions that begin in it and are read before they are written go to `missing`.
fn summarise(
    maps: &Maps,
    func: &Function,
    places: &Places,
    (block, exact): (Block, bool),
    missing: &mut Vec<(Region, Ranges, Block)>,
) -> FxHashMap<Region, Summary> {
    let mut out: FxHashMap<Region, Summary> = FxHashMap::default();
    for &inst in func.blocks[block].insts.iter().rev() {
        if let Some(region) = reservation(func, inst) {
            let summary = out.entry(region).or_default();
            summary.born = true;
            if !summary.exposed.is_empty() {
                missing.push((region, std::mem::take(&mut summary.exposed), block));
            }
            continue;
        }
        let effects = effects(maps, func, places, inst);
        for write in effects.writes.iter().filter(|write| is_tracked(write.region)) {
            if write.exact && (effects.whole || exact && matches!(write.region, Region::Record(_))) {
                let summary = out.entry(write.region).or_default();
                summary.written.insert(write.start, write.end);
                summary.exposed.remove(write.start, write.end);
            }
        }
        for read in effects.reads.iter().filter(|read| is_tracked(read.region)) {
            let (start, end) = extent(maps, func, read);
            out.entry(read.region).or_default().exposed.insert(start, end);
        }
    }
    out
}

/// The first instruction of a block that reads some of the bytes.
fn find_reader(
    maps: &Maps,
    func: &Function,
    places: &Places,
    (block, region): (Block, Region),
    bytes: &Ranges,
) -> Option<Inst> {
    func.blocks[block].insts.iter().copied().find(|inst| {
        let reads = effects(maps, func, places, *inst).reads;
        reads.iter().filter(|read| read.region == region).any(|read| {
            let (start, end) = extent(maps, func, read);
            bytes.overlaps(start, end)
        })
    })
}

/// The record that an instruction reserves.
pub fn reservation(func: &Function, inst: Inst) -> Option<Region> {
    match func.insts[inst] {
        InstData::Call { helper: Helper::RingReserve, .. } => func.result(inst).map(Region::Record),
        _ => None,
    }
}

/// True for regions that begin uninitialised.
pub fn is_tracked(region: Region) -> bool {
    matches!(region, Region::Slot(_) | Region::Record(_))
}

/// An access within the bounds of its region.
pub fn extent(maps: &Maps, func: &Function, access: &Access) -> (i64, i64) {
    let size = match access.region {
        Region::Slot(slot) => func.slots[slot].size.into(),
        Region::Record(value) => match func.type_of(value) {
            Type::Ptr(Provenance::Record(bytes) | Provenance::RecordOrNull(bytes)) => bytes.into(),
            _ => i64::MAX,
        },
        Region::MapValue(map) => maps[map].value_size.into(),
        Region::Context => i64::MAX,
    };
    (access.start.max(0), access.end.min(size))
}
