//! What selection knows before it begins: what each value stands for, who needs it, and how many bits it has
//! (`ir::known` has computed that).
//!
//! Invariants: `canon` gives a value that is not an alias, not the parameter of a block with one way in, not a
//! `NonNull` and not an extension that changes nothing. All tables are filled in one forward walk.

use cranelift_entity::SecondaryMap;
use cranelift_entity::packed_option::PackedOption;

use crate::ir::cfg::Cfg;
use crate::ir::function::ValueDef;
use crate::ir::known::{self, Known};
use crate::ir::{Block, Function, Inst, InstData, Terminator, UnOp, Value};

/// The tables.
pub struct Facts<'a> {
    func: &'a Function,
    /// What a value stands for, where that is another one.
    same: SecondaryMap<Value, PackedOption<Value>>,
    known: known::Facts,
    /// How often a value is used, by anyone.
    uses: SecondaryMap<Value, u32>,
    /// Loads that sign-extend because their only user would.
    signed_loads: SecondaryMap<Inst, bool>,
    /// Parameters that someone needs.
    needed: SecondaryMap<Value, bool>,
}

impl<'a> Facts<'a> {
    /// Walks the function once forward, and once more from what has effects to what is needed for it.
    pub fn new(func: &'a Function, cfg: &Cfg) -> Facts<'a> {
        let mut facts = Facts {
            func,
            same: SecondaryMap::new(),
            known: known::Facts::new(func, cfg),
            uses: func.use_counts(),
            signed_loads: SecondaryMap::new(),
            needed: SecondaryMap::new(),
        };
        for block in cfg.reverse_postorder() {
            facts.params(cfg, block);
            for inst in &func.blocks[block].insts {
                facts.inst(*inst);
            }
        }
        facts.mark_needed(cfg);
        facts
    }

    /// What a value stands for.
    pub fn canon(&self, value: Value) -> Value {
        let mut value = self.func.resolve(value);
        while let Some(next) = self.same[value].expand() {
            value = next;
        }
        value
    }

    /// The instruction behind a value, if it is the result of one.
    pub fn def(&self, value: Value) -> Option<&'a InstData> {
        self.func.def_data(self.canon(value))
    }

    /// The constant that a value is.
    pub fn constant(&self, value: Value) -> Option<i64> {
        match self.def(value)? {
            InstData::Const(n) => Some(*n),
            _ => None,
        }
    }

    /// The value is below 2 to this power.
    pub fn bits(&self, value: Value) -> u8 {
        64 - self.known.of(self.func, self.canon(value)).max.leading_zeros() as u8
    }

    /// The value equals the sign extension of its low so many bits.
    pub fn signed_bits(&self, value: Value) -> u8 {
        if self.is_half(value) {
            return 32;
        }
        self.known.of(self.func, self.canon(value)).signed_bits as u8
    }

    /// True for results of which kernels before 6.4 give the low 32 bits only: where the JIT calls a map's own C
    /// function, which returns an `int`, in place of the helper. The value is their sign extension.
    pub fn is_half(&self, value: Value) -> bool {
        matches!(self.def(value), Some(InstData::Call { helper, .. }) if helper.is_half())
    }

    /// True when the value has one use, or none.
    pub fn single_use(&self, value: Value) -> bool {
        self.uses[self.canon(value)] <= 1
    }

    /// True when the load is to sign-extend though it does not say so.
    pub fn load_is_signed(&self, inst: Inst) -> bool {
        self.signed_loads[inst]
    }

    /// True when the parameter gets a register: someone needs it, and it has more than one way in.
    pub fn is_live_param(&self, value: Value) -> bool {
        self.needed[value] && self.same[value].is_none()
    }

    fn params(&mut self, cfg: &Cfg, block: Block) {
        if let [edge] = cfg.preds(block) {
            for (index, param) in self.func.blocks[block].params.iter().enumerate() {
                if let Some(arg) = self.func.edge_arg(*edge, index) {
                    self.stand_for(*param, arg);
                }
            }
        }
    }

    fn stand_for(&mut self, value: Value, other: Value) {
        self.same[value] = self.canon(other).into();
    }

    fn inst(&mut self, inst: Inst) {
        let Some(result) = self.func.result(inst) else { return };
        match self.func.insts[inst] {
            InstData::NonNull { arg } => self.stand_for(result, arg),
            InstData::Unary { op, arg } if self.extension_is_idle(op, arg) => self.stand_for(result, arg),
            _ => {}
        }
    }

    /// True when the extension changes nothing, or is made to by the load that it extends.
    fn extension_is_idle(&mut self, op: UnOp, arg: Value) -> bool {
        match op.extension() {
            Some((to, false)) => u32::from(self.bits(arg)) <= to,
            Some((to, true)) => u32::from(self.signed_bits(arg)) <= to || self.extend_load(arg, to),
            None => false,
        }
    }

    /// Makes the load that a value is extend the sign of `bits` bits, if nobody wants it otherwise.
    fn extend_load(&mut self, value: Value, bits: u32) -> bool {
        let value = self.canon(value);
        let Some(load) = self.func.def_inst(value) else { return false };
        match self.func.insts[load] {
            InstData::Load { width, signed: false, .. } if width.bytes() * 8 == bits => {}
            _ => return false,
        }
        let only = self.uses[value] == 1;
        if only {
            self.signed_loads[load] = true;
            self.known.set(value, Known::sign_extended(bits));
        }
        only
    }

    /// From what must be done to what that needs.
    fn mark_needed(&mut self, cfg: &Cfg) {
        let mut work = Vec::new();
        for block in cfg.reverse_postorder() {
            for inst in &self.func.blocks[block].insts {
                let data = &self.func.insts[*inst];
                if data.has_side_effect() {
                    data.for_each_operand(|v| work.push(v));
                }
            }
            match &self.func.blocks[block].terminator {
                Some(Terminator::Branch { cond, .. }) => work.push(*cond),
                Some(Terminator::BrNull { ptr, .. }) => work.push(*ptr),
                Some(Terminator::Return(value)) => work.push(*value),
                Some(Terminator::Jump(_) | Terminator::MayGo { .. }) | None => {}
            }
        }
        while let Some(value) = work.pop() {
            let value = self.canon(value);
            if std::mem::replace(&mut self.needed[value], true) {
                continue;
            }
            match self.func.values[value].def {
                ValueDef::Result(inst) => self.func.insts[inst].for_each_operand(|v| work.push(v)),
                ValueDef::Param(block, index) => {
                    work.extend(
                        cfg.preds(block).iter().filter_map(|e| self.func.edge_arg(*e, index as usize)),
                    );
                }
                ValueDef::Alias(_) => {}
            }
        }
    }
}
