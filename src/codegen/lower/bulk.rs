//! Memory by the stretch: zero, copy, compare. In words where both ends are aligned, in a loop beyond a size.

use super::Lower;
use super::addr::Pointer;
use crate::codegen::encode::chunks;
use crate::codegen::mach::{MInst, Reg, Span2, Src};
use crate::ir::{Helper, InstData, Value};

/// Up to so many words are zeroed, copied or compared one after the other.
const INLINE: usize = 16;
/// Words a round of the copying loop.
const WORDS: u32 = 4;

/// True when so many bytes may be compared without a loop.
pub fn is_inline_eq(len: u32) -> bool {
    len as usize <= 8 * INLINE
}

impl Lower<'_> {
    pub(super) fn zero(&mut self, base: Value, offset: i32, len: u32) {
        let pointer = self.pointer(base, i64::from(offset));
        let phases = [pointer.phase(); 2];
        if chunks(len, phases).count() <= INLINE {
            for (width, at) in chunks(len, phases) {
                let addr = self.access(pointer.further(at), width.bytes());
                self.push(MInst::Store { width, addr, src: Src::Imm(0) });
            }
            return;
        }
        // A read of address 0 fails before it is tried and leaves zeros, at once and in five instructions.
        self.close_shared();
        let to = self.pointer_reg(pointer);
        let size = self.constant(i64::from(len));
        let from = self.constant(0);
        self.push_call(Helper::ProbeReadKernel, &[to, size, from], None);
    }

    pub(super) fn copy(&mut self, data: &InstData) {
        let InstData::Copy { to, to_offset, from, from_offset, len } = data else { return };
        let to = self.pointer(*to, i64::from(*to_offset));
        let from = self.pointer(*from, i64::from(*from_offset));
        if chunks(*len, [to.phase(), from.phase()]).count() <= INLINE {
            return self.copy_words(to, from, *len);
        }
        // up to where both are aligned, if they ever are together
        let head = (1..8).find(|n| word_align(to.further(*n), from.further(*n)) == 8);
        let head = head.filter(|_| word_align(to, from) < 8).unwrap_or(0);
        self.copy_words(to, from, head);
        let (to, from, len) = (to.further(head), from.further(head), len - head);
        let step = WORDS * word_align(to, from);
        let bulk = len / step * step;
        let span = self.span2(to, from, bulk);
        let temps = [self.fresh(), self.fresh(), self.fresh(), self.fresh()];
        self.push(MInst::CopyLoop { span, step, temps });
        self.copy_words(to.further(bulk), from.further(bulk), len - bulk);
    }

    fn copy_words(&mut self, to: Pointer, from: Pointer, len: u32) {
        for (width, at) in chunks(len, [to.phase(), from.phase()]) {
            let dst = self.fresh();
            let addr = self.access(from.further(at), width.bytes());
            self.push(MInst::Load { width, signed: false, dst, addr });
            let addr = self.access(to.further(at), width.bytes());
            self.push(MInst::Store { width, addr, src: Src::Reg(dst) });
        }
    }

    fn span2(&mut self, left: Pointer, right: Pointer, len: u32) -> Span2 {
        let phases = [left.phase(), right.phase()];
        let left = self.access(left, len);
        let right = self.access(right, len);
        Span2 { left, right, len, phases }
    }

    /// Both sides of a comparison; None for anything else.
    fn sides(&mut self, data: &InstData) -> Option<(Pointer, Pointer, u32)> {
        let InstData::MemEq { left, left_offset, right, right_offset, len } = data else { return None };
        let left = self.pointer(*left, i64::from(*left_offset));
        let right = self.pointer(*right, i64::from(*right_offset));
        Some((left, right, *len))
    }

    pub(super) fn mem_eq(&mut self, data: &InstData, dst: Reg) {
        let Some((left, right, len)) = self.sides(data) else { return };
        if is_inline_eq(len) {
            let span = self.span2(left, right, len);
            let temps = [self.fresh(), self.fresh()];
            return self.push(MInst::MemEq { dst, span, temps });
        }
        // the widest word that divides the length
        let step = word_align(left, right).min(1 << len.trailing_zeros().min(3));
        let span = self.span2(left, right, len);
        let temps = [self.fresh(), self.fresh(), self.fresh(), self.fresh(), self.fresh()];
        self.push(MInst::MemEqLoop { dst, span, step, temps });
    }

    pub(super) fn branch_mem_eq(&mut self, data: &InstData) {
        let Some((left, right, len)) = self.sides(data) else { return };
        let span = self.span2(left, right, len);
        let temps = [self.fresh(), self.fresh()];
        self.push(MInst::BranchMemEq { span, temps });
    }
}

/// The widest access that two places allow.
fn word_align(one: Pointer, other: Pointer) -> u32 {
    one.phase().align_at(0).min(other.phase().align_at(0))
}
