//! Memory is written before it is read.

use super::{Analyses, Checker, Site};
use crate::ir::memory::Liveness;
use crate::ir::places::Region;

impl Checker<'_> {
    pub(super) fn initialised(&mut self, analyses: &Analyses) {
        let liveness = Liveness::exact(self.maps, self.func, &analyses.cfg, &analyses.places);
        for (region, bytes, reader) in &liveness.uninitialised {
            let what = match region {
                Region::Slot(slot) => slot.to_string(),
                Region::Record(value) => format!("the record {value}"),
                _ => continue,
            };
            let ranges: Vec<_> = bytes.iter().map(|(start, end)| format!("{start} to {end}")).collect();
            let message = format!("bytes {} of {what} are not initialised on every path", ranges.join(", "));
            self.error(Site::Inst(*reader), message);
        }
    }
}
