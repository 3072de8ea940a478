//! Memory by the stretch: zero, copy, compare. In words where both ends are aligned, in a loop beyond a size.

use super::Lower;
use super::addr::Pointer;
use crate::codegen::encode::chunks;
use crate::codegen::mach::{MInst, Reg, Span2};
use crate::ir::{Helper, InstData, Value};

/// Up to this many bytes zeros are stored one word after the other.
const INLINE_ZERO: u32 = 128;
/// Up to this many bytes are copied one word after the other.
const INLINE_COPY: u32 = 128;
/// Up to this many bytes are compared one word after the other.
const INLINE_EQ: u32 = 128;
/// Words a round of the copying loop.
const WORDS: u32 = 4;

/// True when so many bytes are compared without a loop.
pub fn is_inline_eq(len: u32) -> bool {
    len <= INLINE_EQ
}

impl Lower<'_> {
    pub(super) fn zero(&mut self, base: Value, offset: i32, len: u32) {
        let pointer = self.pointer(base, i64::from(offset));
        if len <= INLINE_ZERO.min(16 * pointer.place_align()) {
            return self.store_words(pointer, len);
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
        let align = to.place_align().min(from.place_align());
        if *len <= INLINE_COPY.min(16 * align) {
            return self.copy_words(to, from, *len, align);
        }
        let step = WORDS * align;
        let bulk = len / step * step;
        let span = self.span2(to, from, bulk, align);
        let temps = [self.fresh(), self.fresh(), self.fresh(), self.fresh()];
        self.push(MInst::CopyLoop { span, step, temps });
        let rest = |p: Pointer| Pointer { offset: p.offset + i64::from(bulk), ..p };
        self.copy_words(rest(to), rest(from), len - bulk, align);
    }

    fn copy_words(&mut self, to: Pointer, from: Pointer, len: u32, align: u32) {
        for (width, at) in chunks(len, align) {
            let dst = self.fresh();
            let at = i64::from(at);
            let addr = self.access(Pointer { offset: from.offset + at, ..from }, width.bytes());
            self.push(MInst::Load { width, signed: false, dst, addr });
            let addr = self.access(Pointer { offset: to.offset + at, ..to }, width.bytes());
            self.push(MInst::Store { width, addr, src: crate::codegen::mach::Src::Reg(dst) });
        }
    }

    fn span2(&mut self, left: Pointer, right: Pointer, len: u32, align: u32) -> Span2 {
        let left = self.access(left, len);
        let right = self.access(right, len);
        Span2 { left, right, len, align }
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
        let align = left.place_align().min(right.place_align());
        if is_inline_eq(len) {
            let span = self.span2(left, right, len, align);
            let temps = [self.fresh(), self.fresh()];
            return self.push(MInst::MemEq { dst, span, temps });
        }
        let step = step_of(len, align);
        let span = self.span2(left, right, len, step);
        let temps = [self.fresh(), self.fresh(), self.fresh(), self.fresh(), self.fresh()];
        self.push(MInst::MemEqLoop { dst, span, temps });
    }

    pub(super) fn branch_mem_eq(&mut self, data: &InstData) {
        let Some((left, right, len)) = self.sides(data) else { return };
        let align = left.place_align().min(right.place_align());
        let span = self.span2(left, right, len, align);
        let temps = [self.fresh(), self.fresh()];
        self.push(MInst::BranchMemEq { span, temps });
    }
}

/// The widest word that divides the length.
fn step_of(len: u32, align: u32) -> u32 {
    align.min(1 << len.trailing_zeros().min(3))
}
