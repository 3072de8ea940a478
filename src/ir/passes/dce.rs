//! Dead code: instructions without effect whose results nobody uses, parameters that nobody uses, slots that nobody
//! names.
//!
//! What has an effect, and what ends blocks, is alive; so is what it uses, and so on. A parameter keeps the arguments
//! of its edges alive. Slots that are not named any more get the size 0.

use cranelift_entity::{EntitySet, SecondaryMap};

use crate::ir::cfg::Cfg;
use crate::ir::entities::{Slot, Value};
use crate::ir::function::{Function, InstData, Terminator, ValueDef};
use crate::ir::typing::Maps;

pub(super) fn run(_: &Maps, func: &mut Function) {
    let cfg = Cfg::new(func);
    let alive = alive(func, &cfg);
    for block in func.layout.clone() {
        let mut insts = std::mem::take(&mut func.blocks[block].insts);
        insts.retain(|inst| {
            func.insts[*inst].has_side_effect() || func.result(*inst).is_some_and(|result| alive[result])
        });
        func.blocks[block].insts = insts;
        let params: Vec<_> = func.blocks[block].params.iter().map(|param| !alive[*param]).collect();
        if block != func.entry() && params.contains(&true) {
            func.remove_params(&cfg, block, |index| params[index as usize]);
        }
    }
    drop_slots(func);
}

fn alive(func: &Function, cfg: &Cfg) -> SecondaryMap<Value, bool> {
    let mut alive: SecondaryMap<Value, bool> = SecondaryMap::new();
    alive.resize(func.values.len());
    let mut work = Vec::new();
    for &block in &func.layout {
        let data = &func.blocks[block];
        for &inst in data.insts.iter().filter(|inst| func.insts[**inst].has_side_effect()) {
            func.insts[inst].for_each_operand(|value| work.push(func.resolve(value)));
        }
        if let Some(
            Terminator::Branch { cond: value, .. }
            | Terminator::BrNull { ptr: value, .. }
            | Terminator::Return(value),
        ) = &data.terminator
        {
            work.push(func.resolve(*value));
        }
    }
    while let Some(value) = work.pop() {
        if std::mem::replace(&mut alive[value], true) {
            continue;
        }
        match func.values[value].def {
            ValueDef::Result(inst) => {
                func.insts[inst].for_each_operand(|value| work.push(func.resolve(value)));
            }
            ValueDef::Param(block, index) => {
                work.extend(cfg.preds(block).iter().filter_map(|edge| func.edge_arg(*edge, index as usize)));
            }
            ValueDef::Alias(to) => work.push(func.resolve(to)),
        }
    }
    alive
}

fn drop_slots(func: &mut Function) {
    let mut named = EntitySet::<Slot>::new();
    for &block in &func.layout {
        for &inst in &func.blocks[block].insts {
            if let InstData::SlotAddr { slot } = func.insts[inst] {
                named.insert(slot);
            }
        }
    }
    let gone = func.slots.iter_mut().filter(|(slot, _)| !named.contains(*slot));
    gone.for_each(|(_, data)| data.size = 0);
}
