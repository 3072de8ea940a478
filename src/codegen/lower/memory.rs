//! Loads, stores and atomics.

use super::Lower;
use super::addr::{Pointer, Root};
use crate::codegen::encode::shifted;
use crate::codegen::mach::{Addr, MInst, Reg, Src};
use crate::ir::function::Provenance;
use crate::ir::{InstData, Type, Value, Width};

impl Lower<'_> {
    pub(super) fn load(&mut self, width: Width, signed: bool, base: Value, offset: i32, dst: Reg) {
        let pointer = self.pointer(base, i64::from(offset));
        let bits = width.bytes() as u8 * 8;
        let addr = self.access(pointer, width.bytes());
        if bits == 64 && self.func.kind.has_typed_context() && self.is_context(pointer) {
            self.load_number(dst, addr);
        } else if !signed || bits == 64 {
            self.push(MInst::Load { width, signed: false, dst, addr });
        } else if self.target.v4 && !self.is_context(pointer) {
            self.push(MInst::Load { width, signed: true, dst, addr });
        } else {
            let plain = self.fresh();
            self.push(MInst::Load { width, signed: false, dst: plain, addr });
            self.sign_extend_reg(plain, bits, dst);
        }
    }

    /// What is read from a typed context may be a pointer to the verifier. Negating it twice leaves a number, with
    /// which the script may do what it likes.
    fn load_number(&mut self, dst: Reg, addr: Addr) {
        let (plain, negative) = (self.fresh(), self.fresh());
        self.push(MInst::Load { width: Width::B8, signed: false, dst: plain, addr });
        self.push(MInst::Neg { dst: negative, src: plain });
        self.push(MInst::Neg { dst, src: negative });
    }

    fn is_context(&self, pointer: Pointer) -> bool {
        let Root::Value(value) = pointer.root else { return false };
        self.func.type_of(value) == Type::Ptr(Provenance::Context)
    }

    /// A store or atomic addition; `dst` is wanted of a fetching one.
    pub(super) fn memory_write(&mut self, data: &InstData, dst: Option<Reg>) {
        match data {
            InstData::Store { width, base, offset, value } => {
                let pointer = self.pointer(*base, i64::from(*offset));
                self.store(*width, pointer, *value);
            }
            InstData::AtomicAdd { width, base, offset, value } => {
                self.atomic_add(*width, *base, *offset, *value);
            }
            InstData::AtomicFetchAdd { width, base, offset, value } => match dst {
                None => self.atomic_add(*width, *base, *offset, *value),
                Some(dst) => {
                    let pointer = self.pointer(*base, i64::from(*offset));
                    let src = self.low_bits(*value, width.bytes() as u8 * 8);
                    let addr = self.access(pointer, width.bytes());
                    self.push(MInst::AtomicFetchAdd { width: *width, dst, addr, src });
                }
            },
            _ => {}
        }
    }

    /// The result comes in the register in which the kernel wants what is expected: both are copies.
    pub(super) fn compare_exchange(&mut self, data: &InstData, result: Option<Reg>) {
        let InstData::AtomicCmpXchg { base, offset, expected, value } = data else { return };
        let pointer = self.pointer(*base, i64::from(*offset));
        let expected = self.low_bits(*expected, 64);
        let src = self.low_bits(*value, 64);
        let addr = self.access(pointer, 8);
        let (copy, dst) = (self.fresh(), self.fresh());
        self.push(MInst::Move { dst: copy, src: expected });
        self.push(MInst::AtomicCmpXchg { dst, addr, expected: copy, src });
        if let Some(result) = result {
            self.push(MInst::Move { dst: result, src: dst });
        }
    }

    fn atomic_add(&mut self, width: Width, base: Value, offset: i32, value: Value) {
        let pointer = self.pointer(base, i64::from(offset));
        let src = self.low_bits(value, width.bytes() as u8 * 8);
        let addr = self.access(pointer, width.bytes());
        self.push(MInst::AtomicAdd { width, addr, src });
    }

    fn store(&mut self, width: Width, pointer: Pointer, value: Value) {
        if let (Width::B8, Some(n)) = (width, self.facts.constant(value))
            && i32::try_from(n).is_err()
            && pointer.phase().align_at(0) >= 4
            && self.is_private(pointer)
        {
            // two halves take two slots, the constant and its store three
            let addr = self.access(pointer, 8);
            self.push(MInst::Store { width: Width::B4, addr, src: Src::Imm(n as i32) });
            let src = Src::Imm((n >> 32) as i32);
            return self.push(MInst::Store { width: Width::B4, addr: shifted(addr, 4), src });
        }
        let src = self.stored(width, value);
        let addr = self.access(pointer, width.bytes());
        self.push(MInst::Store { width, addr, src });
    }

    /// True for memory that nobody else sees while it is written.
    fn is_private(&self, pointer: Pointer) -> bool {
        match pointer.root {
            Root::Frame | Root::Scratch => true,
            Root::Value(value) => matches!(
                self.func.type_of(value),
                Type::Ptr(Provenance::Stack(_) | Provenance::Record(_) | Provenance::RecordOrNull(_))
            ),
            Root::Map(_) | Root::MapValue(_) => false,
        }
    }

    /// What a store of this width takes: a constant where it fits, else a register right in its low bits.
    fn stored(&mut self, width: Width, value: Value) -> Src {
        match (self.facts.constant(value), width) {
            (Some(n), Width::B8) => match i32::try_from(n) {
                Ok(imm) => Src::Imm(imm),
                Err(_) => Src::Reg(self.reg(value)),
            },
            (Some(n), _) => narrowed(width, Src::Imm(n as i32)),
            (None, Width::B8) => Src::Reg(self.reg(value)),
            (None, _) => Src::Reg(self.low_bits(value, width.bytes() as u8 * 8)),
        }
    }
}

/// The constant as the kernel prints it back: only the bits that are stored.
fn narrowed(width: Width, src: Src) -> Src {
    match (src, width) {
        (Src::Imm(imm), Width::B1) => Src::Imm(imm & 0xff),
        (Src::Imm(imm), Width::B2) => Src::Imm(imm & 0xffff),
        (src, _) => src,
    }
}
