//! Calls of helpers: arguments in the registers where they are wanted.
//!
//! Sizes that are not constant are `clamp` values, which are made here, at their use.

use smallvec::SmallVec;

use super::Lower;
use crate::codegen::mach::{MInst, Reg};
use crate::ir::{Helper, Value};

impl Lower<'_> {
    /// A call; its result is kept when `result` is given.
    pub(super) fn call(&mut self, helper: Helper, args: &[Value], result: Option<Value>) {
        self.close_shared();
        let mut regs: SmallVec<[Reg; 5]> = SmallVec::new();
        for arg in args {
            let reg = self.fixed(*arg);
            // one register cannot be in two places
            regs.push(if regs.contains(&reg) { self.copy_of(reg) } else { reg });
        }
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
