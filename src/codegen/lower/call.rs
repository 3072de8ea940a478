//! Calls of helpers: arguments in the registers where they are wanted.
//!
//! Sizes that are not constant are `clamp` values, which are made here, at their use.

use smallvec::SmallVec;

use super::Lower;
use crate::codegen::mach::{MInst, Reg};
use crate::ir::{Helper, Value};

impl Lower<'_> {
    pub(super) fn call(&mut self, helper: Helper, args: &[Value], dst: Option<Reg>, effect: bool) {
        if dst.is_none() && !effect {
            return;
        }
        self.close_shared();
        let mut regs: SmallVec<[Reg; 5]> = SmallVec::new();
        for arg in args {
            let mut reg = self.reg(*arg);
            if regs.contains(&reg) {
                // one register cannot be in two places
                let dst = self.fresh();
                self.push(MInst::Move { dst, src: reg });
                reg = dst;
            }
            regs.push(reg);
        }
        self.push_call(helper, &regs, dst);
    }
}
