//! Definitions dominate uses.

use cranelift_entity::SecondaryMap;

use super::{Checker, Site};
use crate::ir::cfg::Cfg;
use crate::ir::domtree::DomTree;
use crate::ir::entities::{Block, Value};

/// Where a value is defined: its block, and its place there, parameters at 0.
type Definitions = SecondaryMap<Value, Option<(Block, u32)>>;

impl Checker<'_> {
    pub(super) fn ssa(&mut self, cfg: &Cfg, domtree: &DomTree) {
        let func = self.func;
        let definitions = self.definitions();
        for block in cfg.reverse_postorder() {
            let data = &func.blocks[block];
            for (at, &inst) in data.insts.iter().enumerate() {
                let mut uses = Vec::new();
                func.insts[inst].for_each_operand(|value| uses.push(value));
                self.uses(&definitions, domtree, (block, at as u32), Site::Inst(inst), &uses);
            }
            if let Some(terminator) = &data.terminator {
                let mut uses = Vec::new();
                terminator.for_each_operand(|value| uses.push(value));
                self.uses(&definitions, domtree, (block, u32::MAX), Site::Terminator(block), &uses);
            }
        }
    }

    fn definitions(&self) -> Definitions {
        let mut definitions = Definitions::new();
        definitions.resize(self.func.values.len());
        for &block in &self.func.layout {
            let data = &self.func.blocks[block];
            data.params.iter().for_each(|param| definitions[*param] = Some((block, 0)));
            for (at, &inst) in data.insts.iter().enumerate() {
                if let Some(result) = self.func.result(inst) {
                    definitions[result] = Some((block, at as u32 + 1));
                }
            }
        }
        definitions
    }

    fn uses(
        &mut self,
        definitions: &Definitions,
        domtree: &DomTree,
        at: (Block, u32),
        site: Site,
        uses: &[Value],
    ) {
        for &value in uses {
            let resolved = self.func.resolve(value);
            let Some((block, place)) = definitions[resolved] else {
                self.error(site, format!("{resolved} is defined nowhere"));
                continue;
            };
            let before = if block == at.0 { place <= at.1 } else { domtree.dominates(block, at.0) };
            self.check(before, site, &format!("{resolved} is used where its definition does not dominate"));
        }
    }
}
