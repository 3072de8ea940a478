//! Calls of helpers: arguments in the registers where they are wanted.
//!
//! Sizes that are not constant are `clamp` values, which are made here, at their use.

use smallvec::SmallVec;

use super::Lower;
use crate::codegen::callback::{Callback, Collect, Round};
use crate::codegen::inst::Code;
use crate::codegen::mach::{Addr, MInst, Reg};
use crate::ir::typing::MapTarget;
use crate::ir::{Helper, MapRef, Value, Width};

/// Rounds that bpf_loop does.
const MOST_ROUNDS: i64 = 1 << 23;

impl Lower<'_> {
    /// A call; its result is kept when `result` is given.
    pub(super) fn call(&mut self, helper: Helper, args: &[Value], result: Option<Value>) {
        if helper == Helper::TypedArg {
            return self.typed_arg(args, result);
        }
        if helper == Helper::CommWord {
            return self.comm_word(args, result);
        }
        self.close_shared();
        let regs = self.arguments(args);
        let Some(result) = result else { return self.push_call(helper, &regs, None) };
        let dst = if self.facts.is_half(result) { self.half(result) } else { self.defined(result) };
        if !self.crossing.contains(result) {
            self.push_call(helper, &regs, Some(dst));
        } else {
            let src = self.fresh();
            self.push_call(helper, &regs, Some(src));
            self.push(MInst::Move { dst, src });
        }
        if let (true, Some(whole)) = (self.facts.is_half(result), self.regs[result]) {
            self.sign_extend_reg(dst, 32, whole);
        }
    }

    /// What the context holds, as the kernel knows it.
    fn typed_arg(&mut self, args: &[Value], result: Option<Value>) {
        let Some(result) = result else { return };
        let offset = self.facts.constant(args[1]).unwrap_or(0);
        let pointer = self.pointer(args[0], offset);
        let (dst, addr) = (self.defined(result), self.access(pointer, 8));
        self.push(MInst::Load { width: Width::B8, signed: false, dst, addr });
    }

    fn comm_word(&mut self, args: &[Value], result: Option<Value>) {
        let Some(result) = result else { return };
        let [word, offset] = [args[1], args[2]].map(|arg| self.facts.constant(arg).unwrap_or(0));
        let task = self.fixed(args[0]);
        let dst = self.defined(result);
        let addr = Addr { base: task, off: (offset + 8 * word) as i16 };
        self.push(MInst::Load { width: Width::B8, signed: false, dst, addr });
    }

    /// Has the kernel call a function of ours on every entry of a map.
    pub(super) fn collect(&mut self, map: Value, state: Value, into: MapRef, capacity: u32) {
        self.close_shared();
        let (map_reg, state_reg) = (self.fixed(map), self.fixed(state));
        let target = MapTarget::of(self.maps, self.func, map);
        let key_size = target.map_or(0, |target| target.key_size);
        let (func, flags) = (self.fresh(), self.constant(0));
        let callback = self.callbacks.len() as u32;
        self.callbacks.push(Callback::Collect(Collect { into, key_size, capacity, span: self.span }));
        self.push(MInst::FuncAddr { dst: func, callback });
        self.push_call(Helper::ForEachMapElem, &[map_reg, func, state_reg, flags], None);
    }

    /// Has the kernel call a round of a loop, as often as it does at most.
    pub(super) fn rounds(&mut self, sub: u32) {
        self.close_shared();
        let callback = self.round(sub, false);
        let (rounds, func) = (self.constant(MOST_ROUNDS), self.fresh());
        let (context, flags) = (self.constant(0), self.constant(0));
        self.push(MInst::FuncAddr { dst: func, callback });
        self.push_call(Helper::Loop, &[rounds, func, context, flags], None);
    }

    /// Calls a round of a loop.
    pub(super) fn call_sub(&mut self, sub: u32, result: Option<Value>) {
        self.close_shared();
        let callback = self.round(sub, true);
        let Some(result) = result else { return self.push(MInst::CallSub { callback, dst: None }) };
        let dst = self.defined(result);
        if self.crossing.contains(result) {
            let src = self.fresh();
            self.push(MInst::CallSub { callback, dst: Some(src) });
            self.push(MInst::Move { dst, src });
        } else {
            self.push(MInst::CallSub { callback, dst: Some(dst) });
        }
    }

    /// Calls a function of an imported object.
    pub(super) fn call_import(&mut self, function: u32, args: &[Value], result: Option<Value>) {
        self.close_shared();
        let args = self.arguments(args);
        let Some(result) = result else { return self.push(MInst::CallImport { function, args, dst: None }) };
        let dst = self.defined(result);
        if self.crossing.contains(result) {
            let src = self.fresh();
            self.push(MInst::CallImport { function, args, dst: Some(src) });
            self.push(MInst::Move { dst, src });
        } else {
            self.push(MInst::CallImport { function, args, dst: Some(dst) });
        }
    }

    fn arguments(&mut self, args: &[Value]) -> SmallVec<[Reg; 5]> {
        let mut regs: SmallVec<[Reg; 5]> = SmallVec::new();
        for arg in args {
            let reg = self.fixed(*arg);
            // one register cannot be in two places
            regs.push(if regs.contains(&reg) { self.copy_of(reg) } else { reg });
        }
        regs
    }

    fn round(&mut self, sub: u32, called: bool) -> u32 {
        self.callbacks.push(Callback::Round(Round { sub, called, code: Code::default() }));
        self.callbacks.len() as u32 - 1
    }

    /// A value for a fixed register: a copy, when the value is needed beyond a call.
    pub(super) fn fixed(&mut self, value: Value) -> Reg {
        let reg = self.own_reg(value);
        let value = self.facts.canon(value);
        let is_copy = self.regs[value] != Some(reg) && self.regs[self.root_value(value)] != Some(reg);
        let crosses = self.crossing.contains(self.root_value(value));
        if is_copy || !crosses { reg } else { self.copy_of(reg) }
    }

    fn copy_of(&mut self, src: Reg) -> Reg {
        let dst = self.fresh();
        self.push(MInst::Move { dst, src });
        dst
    }
}
