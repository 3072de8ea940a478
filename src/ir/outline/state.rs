//! The memory that a program and the rounds of its loops share.

use crate::ir::entities::{Inst, MapRef, Slot, Value};
use crate::ir::function::{
    Function, InstData, Provenance, SlotData, Target, Terminator, Type, ValueData, ValueDef, Width,
};
use crate::ir::helper::Helper;
use crate::wire::align_up;

/// The state as one function sees it.
pub struct State {
    pub map: MapRef,
    /// Bytes that were given out.
    pub bytes: u32,
    /// Where it is, once the function looked.
    base: Option<Value>,
    /// What the function returns when there is no state, which never happens.
    result: i64,
}

impl State {
    /// Of a function that may have looked it up already: rounds do, at their entry.
    pub fn new(func: &Function, map: MapRef, bytes: u32, result: i64) -> State {
        let mut state = State { map, bytes, base: None, result };
        let insts = func.layout.iter().flat_map(|block| &func.blocks[*block].insts);
        let mut found = insts.filter(|inst| matches!(func.insts[**inst], InstData::NonNull { .. }));
        let is_state =
            |inst: &&Inst| func.result(**inst).map(|value| func.type_of(value)) == Some(state.ty());
        state.base = found.find(is_state).and_then(|inst| func.result(*inst));
        state
    }

    /// The offset of a new word.
    pub fn word(&mut self) -> i32 {
        self.take(8)
    }

    fn take(&mut self, size: u32) -> i32 {
        let at = align_up(self.bytes, 8);
        self.bytes = at + size;
        at as i32
    }

    fn ty(&self) -> Type {
        Type::Ptr(Provenance::MapValue(self.map))
    }

    /// The address of the state, where the function has looked it up.
    pub fn known(&self) -> Option<Value> {
        self.base
    }

    /// The address of the state: looked up at the function's entry.
    pub fn base(&mut self, func: &mut Function) -> Value {
        if let Some(base) = self.base {
            return base;
        }
        let span = func.span;
        let old = func.entry();
        let entry = func.blocks.push(Default::default());
        let leave = func.blocks.push(Default::default());
        func.layout.insert(0, entry);
        func.layout.push(leave);
        // the context moves to the new entry
        let params = std::mem::take(&mut func.blocks[old].params);
        for (index, param) in params.iter().enumerate() {
            func.values[*param].def = ValueDef::Param(entry, index as u32);
        }
        func.blocks[entry].params = params;
        let slot = func.slots.push(SlotData { size: 8, align: 8, name: "state key".into() });
        let int = Some(Type::Int);
        let here = |func: &mut Function, data, ty| func.append(entry, data, ty, span);
        let zero = here(func, InstData::Const(0), int);
        let key = here(func, InstData::SlotAddr { slot }, Some(Type::Ptr(Provenance::Stack(slot))));
        let map = here(func, InstData::MapAddr { map: self.map }, Some(Type::Ptr(Provenance::Map(self.map))));
        let (Some(value), Some(key), Some(map)) = (zero, key, map) else {
            unreachable!("results were asked for")
        };
        here(func, InstData::Store { width: Width::B8, base: key, offset: 0, value }, None);
        let call = InstData::Call { helper: Helper::MapLookup, args: [map, key].into_iter().collect() };
        let found = here(func, call, Some(Type::Ptr(Provenance::MapValueOrNull(self.map))));
        let Some(found) = found else { unreachable!("a lookup has a result") };
        let target = |block| Target { block, args: Default::default() };
        func.blocks[entry].terminator =
            Some(Terminator::BrNull { ptr: found, null: target(leave), non_null: target(old) });
        func.blocks[entry].terminator_span = span;
        let inst = func.make_inst(InstData::NonNull { arg: found }, Some(self.ty()), span);
        func.blocks[old].insts.insert(0, inst);
        let result = func.append(leave, InstData::Const(self.result), int, span);
        func.blocks[leave].terminator = result.map(Terminator::Return);
        func.blocks[leave].terminator_span = span;
        let base = func.result(inst);
        self.base = base;
        base.unwrap_or(found)
    }

    /// Moves a slot of the function into the state.
    pub fn share(&mut self, func: &mut Function, slot: Slot) {
        let base = self.base(func);
        let offset = i64::from(self.take(align_up(func.slots[slot].size.max(1), 8)));
        for data in func.insts.values_mut() {
            if matches!(data, InstData::SlotAddr { slot: other } if *other == slot) {
                *data = InstData::PtrAdd { base, offset };
            }
        }
        let (old, new) = (Type::Ptr(Provenance::Stack(slot)), self.ty());
        for ValueData { ty, .. } in func.values.values_mut().filter(|value| value.ty == old) {
            *ty = new;
        }
        func.slots[slot].size = 0;
    }
}
