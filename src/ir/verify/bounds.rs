//! Accesses lie within their memory and are aligned where the kernel asks for it.

use super::{Analyses, Checker, Site};
use crate::ir::entities::{Inst, Value};
use crate::ir::function::{InstData, Provenance};
use crate::ir::helper::{Arg, Helper};
use crate::ir::places::{Region, size};
use crate::ir::typing::MapTarget;

impl Checker<'_> {
    pub(super) fn bounds(&mut self, analyses: &Analyses) {
        for (_, inst) in self.insts() {
            self.accesses(analyses, inst);
        }
    }

    fn accesses(&mut self, analyses: &Analyses, inst: Inst) {
        match &self.func.insts[inst] {
            InstData::Load { width, base, offset, .. } | InstData::Store { width, base, offset, .. } => {
                self.within(analyses, inst, *base, *offset, width.bytes());
                if let Some(Provenance::Stack(_)) = self.provenance(*base) {
                    self.aligned(analyses, inst, *base, *offset, width.bytes());
                }
            }
            InstData::AtomicAdd { width, base, offset, .. }
            | InstData::AtomicFetchAdd { width, base, offset, .. } => {
                self.within(analyses, inst, *base, *offset, width.bytes());
                self.aligned(analyses, inst, *base, *offset, width.bytes());
            }
            InstData::AtomicCmpXchg { base, offset, .. } => {
                self.within(analyses, inst, *base, *offset, 8);
                self.aligned(analyses, inst, *base, *offset, 8);
            }
            InstData::Zero { base, offset, len } => self.within(analyses, inst, *base, *offset, *len),
            InstData::MemEq { left, left_offset, right, right_offset, len } => {
                self.within(analyses, inst, *left, *left_offset, *len);
                self.within(analyses, inst, *right, *right_offset, *len);
            }
            InstData::Copy { to, to_offset, from, from_offset, len } => {
                self.within(analyses, inst, *to, *to_offset, *len);
                self.within(analyses, inst, *from, *from_offset, *len);
                let to = analyses.places.access(self.func, *to, (*to_offset).into(), *len);
                let from = analyses.places.access(self.func, *from, (*from_offset).into(), *len);
                let apart = !matches!((to, from), (Some(to), Some(from)) if to.origin == from.origin && to.may_overlap(&from));
                self.check(apart, Site::Inst(inst), "the places overlap");
            }
            InstData::Collect { state, .. } => {
                self.within(analyses, inst, *state, 0, 16);
                self.aligned(analyses, inst, *state, 0, 8);
            }
            InstData::Call { helper, args } => self.call_bounds(analyses, inst, *helper, args),
            _ => {}
        }
    }

    fn call_bounds(&mut self, analyses: &Analyses, inst: Inst, helper: Helper, args: &[Value]) {
        let target = args.first().and_then(|map| MapTarget::of(self.maps, self.func, *map));
        for (index, (&arg, kind)) in args.iter().zip(helper.args()).enumerate() {
            match (kind, target) {
                (Arg::Key, Some(target)) => self.within(analyses, inst, arg, 0, target.key_size),
                (Arg::MapValue | Arg::MapOut, Some(target)) => {
                    self.within(analyses, inst, arg, 0, target.value_size)
                }
                (Arg::Out, _) => {
                    let len = args.get(index + 1).map_or(0, |size| analyses.facts.of(self.func, *size).max);
                    self.within(analyses, inst, arg, 0, u32::try_from(len).unwrap_or(u32::MAX));
                }
                (Arg::Record, _) => {
                    let place = analyses.places.of(self.func, arg);
                    let start = place.is_some_and(|place| place.low == 0 && place.high == 0);
                    self.check(start, Site::Inst(inst), "a record is given back from its start");
                }
                _ => {}
            }
        }
    }

    /// The access is inside its memory, wherever in its range the pointer points.
    fn within(&mut self, analyses: &Analyses, inst: Inst, base: Value, offset: i32, len: u32) {
        let Some(size) = self.provenance(base).and_then(|provenance| size(self.maps, self.func, provenance))
        else {
            return;
        };
        let Some(access) = analyses.places.access(self.func, base, offset.into(), len) else { return };
        if access.start < 0 || access.end > size.into() {
            let (start, end) = (access.start, access.end);
            self.error(Site::Inst(inst), format!("bytes {start} to {end} are not within {size} bytes"));
        }
    }

    /// The access is a multiple of its width from a start that is aligned as much.
    fn aligned(&mut self, analyses: &Analyses, inst: Inst, base: Value, offset: i32, width: u32) {
        let Some(place) = analyses.places.of(self.func, base) else { return };
        let align = match place.region {
            Region::Slot(slot) => self.func.slots[slot].align,
            _ => 8,
        };
        let multiple = |number: i64| number.rem_euclid(width.into()) == 0;
        let steps = width == 1 || place.low == place.high || self.steps(analyses, base).is_some_and(multiple);
        let fits = align >= width && multiple(place.low + i64::from(offset)) && steps;
        self.check(fits, Site::Inst(inst), "the access is not aligned to its width");
    }

    /// The greatest number that all distances between places of this pointer are multiples of, if one is known.
    fn steps(&self, analyses: &Analyses, base: Value) -> Option<i64> {
        let mut step: i64 = 0;
        let mut value = base;
        loop {
            let Some(data) = self.func.def_data(value) else {
                // A parameter: one place, or nothing is known of the distances.
                let place = analyses.places.of(self.func, value)?;
                return (place.low == place.high).then_some(step);
            };
            match data {
                InstData::PtrAdd { base, .. } => value = *base,
                InstData::PtrIndex { base, scale, .. } => {
                    step = gcd(step, (*scale).into());
                    value = *base;
                }
                InstData::NonNull { .. }
                | InstData::SlotAddr { .. }
                | InstData::MapValueAddr { .. }
                | InstData::Call { .. } => return Some(step),
                _ => return None,
            }
        }
    }
}

fn gcd(a: i64, b: i64) -> i64 {
    if b == 0 { a } else { gcd(b, a % b) }
}
