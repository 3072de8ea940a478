//! Addresses of variables and maps, for `&`.
//!
//! A variable whose address is taken lives in its slot, which is zero from the start. The kernel's verifier would let
//! a program do little with the address itself: it is stored, and read back by a helper as a number like any other.

use smallvec::SmallVec;

use super::func::FuncBuilder;
use super::place::Place;
use crate::ir::entities::Value;
use crate::ir::function::{InstData, Provenance, SlotData, Type as IrType, Width};
use crate::ir::helper::Helper;
use crate::sema::tree::{Expr, ExprKind, MapId, VarId};
use crate::sema::types::Type;

impl<'m> FuncBuilder<'_, 'm> {
    /// `&$x`
    pub fn address_of_var(&mut self, var: VarId) -> Value {
        let slot = self.var_slot(var);
        let base = self.slot_addr(slot);
        self.number_of(base)
    }

    /// `&@m`
    pub fn address_of_map(&mut self, map: MapId) -> Value {
        let info = self.info(map);
        let base = self.map_value_addr(info.map, 0);
        self.number_of(base)
    }

    /// A call of a function of an imported object. It is given the program's own memory as such, not as numbers.
    pub fn call_import(&mut self, function: u32, args: &'m [Expr], ty: &Type) -> Value {
        let args: SmallVec<[Value; 5]> = args.iter().map(|arg| self.import_arg(arg)).collect();
        let value = self.inst(InstData::CallImport { function, args }, IrType::Int);
        // what is above the result's own bytes is anything
        if ty.as_int().is_some() { self.canonical(value, ty) } else { value }
    }

    fn import_arg(&mut self, arg: &'m Expr) -> Value {
        match &arg.kind {
            ExprKind::AddressOf(var) => {
                let slot = self.var_slot(*var);
                self.slot_addr(slot)
            }
            ExprKind::AddressOfMap(map) => {
                let info = self.info(*map);
                self.map_value_addr(info.map, 0)
            }
            ExprKind::Cast(inner) if matches!(arg.ty, Type::Pointer { .. }) => self.import_arg(inner),
            ExprKind::Context => self.context,
            _ => self.int(arg),
        }
    }

    fn number_of(&mut self, base: Value) -> Value {
        let address = self.inst(InstData::Address { base }, IrType::Int);
        // A small slot of its own stays on the stack, where alone addresses may be kept.
        let slot = self.func.slots.push(SlotData { size: 8, align: 8, name: "address".into() });
        let kept = Place::new(self.slot_addr(slot));
        let read = self.temp(8, "address");
        self.store_at(kept, Width::B8, address);
        let (to, size, from) = (self.address(read.place), self.iconst(8), self.address(kept));
        self.call(Helper::ProbeReadKernel, &[to, size, from]);
        let number = self.load_at(read.place, Width::B8, false);
        self.release(read);
        number
    }

    /// Assigns a scalar.
    pub fn set_scalar(&mut self, var: VarId, value: Value) {
        if !self.vars.is_in_memory(var) {
            return self.vars.set(var, value);
        }
        let slot = self.var_slot(var);
        let (to, value) = (Place::new(self.slot_addr(slot)), self.as_int(value));
        let ty = &self.probe.vars[var.0 as usize].ty;
        self.write_number(to, value, ty);
    }

    /// Reads a scalar that lives in its slot.
    pub fn load_var(&mut self, var: VarId) -> Value {
        let slot = self.var_slot(var);
        let from = Place::new(self.slot_addr(slot));
        let ty = &self.probe.vars[var.0 as usize].ty;
        self.load_number(from, ty)
    }

    /// Makes the slots of such variables zero at the entry.
    pub fn clear_addressed(&mut self) {
        for var in self.vars.in_memory().to_vec() {
            let (slot, span) = (self.var_slot(var), self.probe.span);
            let ty = Some(IrType::Ptr(Provenance::Stack(slot)));
            let address = self.func.make_inst(InstData::SlotAddr { slot }, ty, span);
            let Some(base) = self.func.result(address) else { continue };
            let len = self.func.slots[slot].size;
            let zero = self.func.make_inst(InstData::Zero { base, offset: 0, len }, None, span);
            let entry = self.func.entry();
            self.func.blocks[entry].insts.splice(0..0, [address, zero]);
        }
    }
}
