//! `non_null` stands behind the check of its operand.

use cranelift_entity::SecondaryMap;

use super::{Analyses, Checker, Site};
use crate::ir::cfg::Edge;
use crate::ir::entities::{Block, Value};
use crate::ir::function::{InstData, Terminator};

impl Checker<'_> {
    pub(super) fn nulls(&mut self, analyses: &Analyses) {
        let checks = self.checks();
        for (block, inst) in self.insts() {
            let InstData::NonNull { arg } = self.func.insts[inst] else { continue };
            let checks = &checks[self.func.resolve(arg)];
            let dominated = checks
                .iter()
                .any(|(edge, to)| analyses.domtree.edge_dominates(&analyses.cfg, *edge, *to, block));
            self.check(dominated, Site::Inst(inst), "no check of the operand dominates");
        }
    }

    /// The non-null edges of the checks of each value, and where they lead.
    fn checks(&self) -> SecondaryMap<Value, Vec<(Edge, Block)>> {
        let mut checks: SecondaryMap<Value, Vec<(Edge, Block)>> = SecondaryMap::new();
        for &from in &self.func.layout {
            if let Some(Terminator::BrNull { ptr, non_null, .. }) = &self.func.blocks[from].terminator {
                checks[self.func.resolve(*ptr)].push((Edge { from, index: 1 }, non_null.block));
            }
        }
        checks
    }
}
