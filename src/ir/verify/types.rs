//! Types of operands, results and arguments.

use super::{Checker, Site};
use crate::ir::entities::{Block, Inst, MapRef, Value};
use crate::ir::function::{InstData, Provenance, Terminator, Type, Width};
use crate::ir::known::Facts;
use crate::ir::typing::{MapTarget, result_type};
use crate::wire::map::MapKind;

impl Checker<'_> {
    pub(super) fn types(&mut self, facts: &Facts) {
        for (_, inst) in self.insts() {
            let before = self.errors.len();
            self.operands(inst, facts);
            if self.errors.len() == before {
                self.result(inst);
            }
        }
        for &block in &self.func.layout {
            self.terminator_types(block);
            if block != self.func.entry() {
                self.param_types(block);
            }
        }
    }

    fn result(&mut self, inst: Inst) {
        let data = &self.func.insts[inst];
        let expected = result_type(self.maps, self.func, data);
        let found = self.func.result(inst).map(|value| self.func.type_of(value));
        let unused_call = found.is_none()
            && expected == Some(Type::Int)
            && matches!(data, InstData::Call { .. } | InstData::CallImport { .. });
        if found != expected && !unused_call {
            let words = |ty: Option<Type>| ty.map_or("nothing".to_owned(), |ty| ty.to_string());
            let message = format!("the result is {}, not {}", words(expected), words(found));
            self.error(Site::Inst(inst), message);
        }
    }

    fn operands(&mut self, inst: Inst, facts: &Facts) {
        let site = Site::Inst(inst);
        match &self.func.insts[inst] {
            InstData::Const(_) | InstData::SlotAddr { .. } | InstData::MapAddr { .. } => {}
            InstData::Rounds { sub } | InstData::CallSub { sub } => {
                let there = (*sub as usize) < self.func.subs.len();
                self.check(there, site, "there is no such function");
            }
            InstData::Unary { arg, .. } | InstData::Clamp { arg, .. } => self.int(site, *arg),
            InstData::Binary { left, right, .. } | InstData::Icmp { left, right, .. } => {
                self.int(site, *left);
                self.int(site, *right);
            }
            InstData::MapValueAddr { map, offset } => self.map_value_addr(site, *map, *offset),
            InstData::PtrAdd { base, .. } => self.memory(site, *base),
            InstData::Address { base } => {
                let record = matches!(self.provenance(*base), Some(Provenance::Record(_)));
                self.check(!record, site, "a record has no address that stays");
                self.memory(site, *base);
            }
            InstData::PtrIndex { base, index, count, scale, .. } => {
                self.memory(site, *base);
                self.int(site, *index);
                self.check(*count > 0 && *scale > 0, site, "count and scale are at least 1");
            }
            InstData::ContextAddr { base, offset } => {
                let context = self.ty(*base) == Type::Ptr(Provenance::Context);
                self.check(context, site, "the base is not the context");
                self.int(site, *offset);
                let small = facts.of(self.func, *offset).max <= u16::MAX.into();
                self.check(small, site, "the offset is not known to have 16 bits");
            }
            InstData::Load { width, signed, base, offset } => {
                self.check(!(*signed && *width == Width::B8), site, "8 bytes have nothing to extend");
                if self.ty(*base) == Type::Ptr(Provenance::Context) {
                    let aligned = *offset >= 0 && (*offset as u32).is_multiple_of(width.bytes());
                    self.check(aligned, site, "the context is read at multiples of the width");
                } else {
                    self.memory(site, *base);
                }
            }
            InstData::Store { base, value, .. } => {
                self.memory(site, *base);
                self.int(site, *value);
            }
            InstData::Zero { base, len, .. } => {
                self.memory(site, *base);
                self.check(*len > 0, site, "there is nothing to write");
            }
            InstData::Copy { to: a, from: b, len, .. } | InstData::MemEq { left: a, right: b, len, .. } => {
                self.memory(site, *a);
                self.memory(site, *b);
                self.check(*len > 0, site, "the length is 0");
            }
            InstData::AtomicAdd { width, base, value, .. }
            | InstData::AtomicFetchAdd { width, base, value, .. } => {
                let map_value = matches!(self.provenance(*base), Some(Provenance::MapValue(_)));
                self.check(map_value, site, "the base is not a map value");
                self.int(site, *value);
                self.check(matches!(width, Width::B4 | Width::B8), site, "atomic adds have 4 or 8 bytes");
            }
            InstData::AtomicCmpXchg { base, expected, value, .. } => {
                let map_value = matches!(self.provenance(*base), Some(Provenance::MapValue(_)));
                self.check(map_value, site, "the base is not a map value");
                self.int(site, *expected);
                self.int(site, *value);
            }
            InstData::Collect { map, state, into, .. } => self.collect(site, *map, *state, *into),
            InstData::Call { helper, args } => self.call(inst, *helper, args),
            InstData::CallImport { args, .. } => {
                self.check(args.len() <= 5, site, "a call has five arguments at most");
                let plain = args.iter().all(|arg| match self.ty(*arg) {
                    Type::Int | Type::Ptr(Provenance::Context) => true,
                    Type::Ptr(Provenance::Stack(_) | Provenance::MapValue(_)) => true,
                    Type::Ptr(_) => false,
                });
                self.check(plain, site, "an argument points to what an imported function may not have");
            }
            InstData::NonNull { arg } => {
                let maybe = self.provenance(*arg).is_some_and(|provenance| provenance.non_null().is_some());
                self.check(maybe, site, "the operand is no pointer that may be null");
            }
        }
    }

    fn collect(&mut self, site: Site, map: Value, state: Value, into: MapRef) {
        let on_stack = matches!(self.provenance(state), Some(Provenance::Stack(_)));
        self.check(on_stack, site, "the state is not in a slot");
        let Some(target) = MapTarget::of(self.maps, self.func, map) else {
            let ty = self.ty(map);
            return self.error(site, format!("{map} is {ty}, not a map"));
        };
        let hash = target.kind.is_hash();
        self.check(hash, site, "only the keys of a hash are collected");
        let Some(into) = self.maps.get(into) else { return self.error(site, "there is no such array") };
        let fits = into.kind == MapKind::Array && into.value_size >= target.key_size;
        self.check(fits, site, "keys go to an array whose values have room for one");
    }

    fn map_value_addr(&mut self, site: Site, map: MapRef, offset: u32) {
        let spec = &self.maps[map];
        let one = spec.kind == MapKind::Array && spec.max_entries == 1;
        self.check(one, site, "the map is no array of one entry");
        self.check(offset < spec.value_size, site, "the offset is beyond the value");
    }

    /// The operand is an integer.
    pub(super) fn int(&mut self, site: Site, value: Value) {
        let ty = self.ty(value);
        self.check(ty == Type::Int, site, &format!("{value} is {ty}, not an integer"));
    }

    /// The operand is a pointer to memory that can be read and written.
    pub(super) fn memory(&mut self, site: Site, value: Value) {
        let ty = self.ty(value);
        let message = match ty {
            Type::Ptr(Provenance::Stack(_) | Provenance::MapValue(_) | Provenance::Record(_)) => return,
            Type::Ptr(provenance) if provenance.non_null().is_some() => {
                format!("{value} is {ty}: check it first")
            }
            Type::Ptr(Provenance::Context) => {
                format!("{value} is the context: only loads at constant offsets")
            }
            _ => format!("{value} is {ty}, not a pointer to a slot, map value or record"),
        };
        self.error(site, message);
    }

    fn terminator_types(&mut self, block: Block) {
        let site = Site::Terminator(block);
        let Some(terminator) = &self.func.blocks[block].terminator else { return };
        match terminator {
            Terminator::Jump(_) | Terminator::MayGo { .. } => {}
            Terminator::Branch { cond, .. } => self.int(site, *cond),
            Terminator::Return(value) => self.int(site, *value),
            Terminator::BrNull { ptr, .. } => {
                let maybe = self.provenance(*ptr).is_some_and(|provenance| provenance.non_null().is_some());
                self.check(maybe, site, "the operand is no pointer that may be null");
            }
        }
        for target in terminator.targets() {
            for (&arg, &param) in target.args.iter().zip(&self.func.blocks[target.block].params) {
                let (given, wanted) = (self.ty(arg), self.func.type_of(param));
                let message = format!("{arg} is {given}, the parameter {param} is {wanted}");
                self.check(given == wanted, site, &message);
            }
        }
    }

    fn param_types(&mut self, block: Block) {
        for &param in &self.func.blocks[block].params {
            let bad = match self.func.type_of(param) {
                Type::Ptr(Provenance::Context) => "the context is the entry's parameter only",
                Type::Ptr(Provenance::Record(_) | Provenance::RecordOrNull(_)) => "a record is no parameter",
                _ => continue,
            };
            self.error(Site::Block(block), bad);
        }
    }
}
