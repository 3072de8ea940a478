//! Blocks, targets and names hang together; the graph is reducible.

use cranelift_entity::{EntitySet, SecondaryMap};

use super::{Checker, Site};
use crate::ir::cfg::Cfg;
use crate::ir::domtree::DomTree;
use crate::ir::entities::{Block, Inst, Value};
use crate::ir::function::{InstData, Provenance, Type, ValueDef};

impl Checker<'_> {
    pub(super) fn structure(&mut self) {
        let func = self.func;
        if func.layout.is_empty() {
            return self.error(Site::Function, "there is no block");
        }
        for (slot, data) in func.slots.iter() {
            let message = format!("{slot} has the alignment {}", data.align);
            self.check(matches!(data.align, 1 | 2 | 4 | 8), Site::Function, &message);
        }
        self.alias_chains();
        let mut blocks = EntitySet::<Block>::new();
        let mut insts = EntitySet::<Inst>::new();
        for &block in &func.layout {
            self.check(blocks.insert(block), Site::Block(block), "the block is twice in the layout");
            self.check(func.blocks[block].terminator.is_some(), Site::Block(block), "there is no terminator");
        }
        for &block in &func.layout {
            self.params(block);
            self.targets(block, &blocks);
        }
        for (_, inst) in self.insts() {
            self.check(insts.insert(inst), Site::Inst(inst), "the instruction stands in two places");
            if let Some(result) = func.result(inst) {
                let names_it = func.values[result].def == ValueDef::Result(inst);
                self.check(names_it, Site::Inst(inst), "the result is defined elsewhere");
            }
            self.names(inst);
        }
        let params = &func.blocks[func.entry()].params;
        let context = params.len() == 1 && func.type_of(params[0]) == Type::Ptr(Provenance::Context);
        self.check(context, Site::Block(func.entry()), "the entry has one parameter, the context");
    }

    /// Alias chains are shorter than there are values; else `resolve` would not come back.
    fn alias_chains(&mut self) {
        let func = self.func;
        let mut good: SecondaryMap<Value, bool> = SecondaryMap::new();
        for value in func.values.keys() {
            let (mut at, mut path) = (value, vec![]);
            while let (ValueDef::Alias(to), false) = (func.values[at].def, good[at]) {
                path.push(at);
                at = to;
                if path.len() > func.values.len() {
                    return self.error(Site::Function, format!("{value} is an alias of itself"));
                }
            }
            path.into_iter().for_each(|value| good[value] = true);
        }
    }

    fn params(&mut self, block: Block) {
        for (index, &param) in self.func.blocks[block].params.iter().enumerate() {
            let names_it = self.func.values[param].def == ValueDef::Param(block, index as u32);
            self.check(names_it, Site::Block(block), "a parameter is defined elsewhere");
        }
    }

    fn targets(&mut self, block: Block, blocks: &EntitySet<Block>) {
        let Some(terminator) = &self.func.blocks[block].terminator else { return };
        for target in terminator.targets() {
            let site = Site::Terminator(block);
            self.check(blocks.contains(target.block), site, &format!("{} is gone", target.block));
            let (given, wanted) = (target.args.len(), self.func.blocks[target.block].params.len());
            let message = format!("{} takes {wanted} arguments, not {given}", target.block);
            self.check(given == wanted, site, &message);
        }
    }

    /// Slots and maps exist.
    fn names(&mut self, inst: Inst) {
        match self.func.insts[inst] {
            InstData::SlotAddr { slot } => {
                let exists = self.func.slots.get(slot).is_some_and(|data| data.size > 0);
                self.check(exists, Site::Inst(inst), "there is no such slot");
            }
            InstData::MapAddr { map } | InstData::MapValueAddr { map, .. } => {
                self.check(self.maps.get(map).is_some(), Site::Inst(inst), "there is no such map");
            }
            _ => {}
        }
    }

    pub(super) fn graph(&mut self, cfg: &Cfg, domtree: &DomTree) {
        let entry = self.func.entry();
        self.check(cfg.preds(entry).is_empty(), Site::Block(entry), "the entry is the target of a jump");
        for &block in &self.func.layout {
            if !cfg.is_reachable(block) {
                self.error(Site::Block(block), "the entry does not reach this block");
                continue;
            }
            let back = |edge: &crate::ir::cfg::Edge| cfg.position(edge.from) >= cfg.position(block);
            let reducible = cfg.preds(block).iter().filter(|edge| back(edge));
            let reducible = reducible.clone().all(|edge| domtree.dominates(block, edge.from));
            self.check(reducible, Site::Block(block), "a loop is entered elsewhere than at its head");
        }
    }
}
