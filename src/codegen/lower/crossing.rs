//! Which values live across a call.
//!
//! Calls take their arguments and leave their result in fixed registers, which they lose. A value that is needed
//! beyond a call should never be asked to be in one of those: it gets a copy there and keeps a register of its own.
//! (The allocator would cut its life in pieces otherwise.) An estimate: selection moves some uses; the copies that a
//! wrong guess costs, or saves, are harmless.

use cranelift_entity::SecondaryMap;

use super::Lower;
use super::addr::Root;
use crate::ir::function::ValueDef;
use crate::ir::{Block, Inst, InstData, Terminator, Value};

/// The values that live across a call.
#[derive(Default)]
pub struct Crossing {
    values: SecondaryMap<Value, bool>,
}

impl Crossing {
    /// True for a value that does.
    pub fn contains(&self, value: Value) -> bool {
        self.values[value]
    }
}

/// Where a value is defined: the block, and the calls in it up to there.
type Place = (Block, u32);

impl Lower<'_> {
    /// Walks the function once.
    pub(super) fn crossing(&self) -> Crossing {
        let mut places: SecondaryMap<Inst, u32> = SecondaryMap::new();
        let mut homes: SecondaryMap<Inst, Option<Block>> = SecondaryMap::new();
        let mut totals: SecondaryMap<Block, u32> = SecondaryMap::new();
        for block in self.cfg.reverse_postorder() {
            let mut calls = 0;
            for inst in &self.func.blocks[block].insts {
                calls += u32::from(is_call(&self.func.insts[*inst]));
                (places[*inst], homes[*inst]) = (calls, Some(block));
            }
            totals[block] = calls;
        }
        let home = |value: Value| -> Option<Place> {
            match self.func.values[value].def {
                ValueDef::Result(inst) => Some((homes[inst]?, places[inst])),
                ValueDef::Param(block, _) => Some((block, 0)),
                ValueDef::Alias(_) => None,
            }
        };
        let mut crossing = Crossing::default();
        for block in self.cfg.reverse_postorder() {
            let mut calls = 0;
            let mut used = |value: Value, calls: u32| {
                let value = self.root_value(value);
                let crosses = match home(value) {
                    Some((at, before)) if at == block => calls > before,
                    Some((at, before)) => {
                        let near = self.cfg.only_pred(block).is_some_and(|edge| edge.from == at);
                        !near || calls > 0 || totals[at] > before
                    }
                    None => false,
                };
                if crosses {
                    crossing.values[value] = true;
                }
            };
            for inst in &self.func.blocks[block].insts {
                let data = &self.func.insts[*inst];
                data.for_each_operand(|value| used(value, calls));
                calls += u32::from(is_call(data));
            }
            if let Some(terminator) = &self.func.blocks[block].terminator {
                self.terminator_operands(terminator, &mut |value| used(value, calls));
            }
        }
        crossing
    }

    /// The operands of a terminator, looking into a comparison that is fused with it.
    fn terminator_operands(&self, terminator: &Terminator, f: &mut dyn FnMut(Value)) {
        terminator.for_each_operand(|value| match self.facts.def(value) {
            Some(InstData::Icmp { left, right, .. }) => {
                f(*left);
                f(*right);
            }
            _ => f(value),
        });
    }

    /// The value whose register stands behind this one.
    pub(super) fn root_value(&self, value: Value) -> Value {
        match self.pointer(value, 0).root {
            Root::Value(value) => value,
            _ => self.facts.canon(value),
        }
    }
}

/// True for what loses r0 to r5.
fn is_call(data: &InstData) -> bool {
    matches!(
        data,
        InstData::Call { .. }
            | InstData::Collect { .. }
            | InstData::Rounds { .. }
            | InstData::CallSub { .. }
            | InstData::CallImport { .. }
    )
}
