//! Parts of values in memory: fields of structs, elements of arrays, characters of texts.
//!
//! The bytes of a struct or an array that was read from the traced system are as they were there: a truth value may be
//! any byte, and text may have anything behind its NUL. Both are put right when they are taken out. An index is
//! checked here, once, by a branch; what the kernel's verifier wants to see on top of it is `ptr_index`'s business.

use super::func::FuncBuilder;
use super::place::Place;
use super::read::TextSource;
use super::value::Fill;
use crate::ir::entities::{Block, Value};
use crate::ir::function::{BinOp, Cond, Width};
use crate::sema::tree::{Expr, ExprKind};
use crate::sema::types::{IntType, Space, Type};
use crate::wire::ledger::Cause;

impl<'m> FuncBuilder<'_, 'm> {
    /// The scalar `offset` bytes into a value, or a bit field there.
    pub fn scalar_part(&mut self, base: &'m Expr, offset: u32, bits: Option<(u8, u8)>, ty: &Type) -> Value {
        if let ExprKind::MapGet { map, key } = &base.kind
            && self.aggregation(*map).is_none()
        {
            let info = self.info(*map);
            let key = self.key(&info, key.as_deref());
            let found = self.find(&info, key);
            let value = self.load_part(Place::new(found.value).at(offset), bits, ty);
            self.release(key);
            return match found.missing {
                Some(missing) => self.or_else(missing, value, 0),
                None => value,
            };
        }
        let memory = self.memory(base);
        let value = self.load_part(memory.place.at(offset), bits, ty);
        self.release(memory);
        value
    }

    fn load_part(&mut self, place: Place, bits: Option<(u8, u8)>, ty: &Type) -> Value {
        let int = ty.as_int().unwrap_or(IntType::U64);
        let width = Width::from_bytes(u32::from(int.size)).unwrap_or(Width::B8);
        let value = self.load_packed(place, width, int.signed && bits.is_none());
        match bits {
            Some((first, count)) => self.bit_field(value, first, count, int.signed),
            None if *ty == Type::Bool => self.icmp_const(Cond::Ne, value, 0),
            None => value,
        }
    }

    /// Reads a number that may stand at any offset: the stack is read at aligned ones only.
    pub fn load_packed(&mut self, place: Place, width: Width, signed: bool) -> Value {
        let step = place.align.min(width.bytes());
        if step == width.bytes() {
            return self.load_at(place, width, signed);
        }
        let piece = Width::from_bytes(step).unwrap_or(Width::B1);
        let (mut value, mut at) = (None, 0);
        while at < width.bytes() {
            let last = at + step == width.bytes();
            let next = self.load_at(place.at(at), piece, signed && last);
            let next = if at == 0 { next } else { self.binary_const(BinOp::Shl, next, i64::from(at) * 8) };
            value = Some(value.map_or(next, |low| self.binary(BinOp::Or, low, next)));
            at += step;
        }
        value.unwrap_or_else(|| self.iconst(0))
    }

    /// The scalar element `index`; 0 when there is none.
    pub fn scalar_element(
        &mut self,
        base: &'m Expr,
        offset: u32,
        index: &'m Expr,
        count: u32,
        ty: &Type,
    ) -> Value {
        let (memory, index) = (self.memory(base), self.int(index));
        let (inside, outside) = self.within(index, count);
        let inside = self.arm(inside, |b| {
            let place = b.element_place(memory.place.at(offset), index, count, ty);
            Some(b.load_part(place, None, ty))
        });
        let outside = self.cold_arm(outside, |b| {
            b.count(Cause::OutOfBounds);
            Some(b.iconst(0))
        });
        self.release(memory);
        self.join_value([inside, outside])
    }

    /// Blocks for an index below `count` and for any other.
    fn within(&mut self, index: Value, count: u32) -> (Block, Block) {
        let (inside, outside) = (self.new_block(), self.new_block());
        let good = self.icmp_const(Cond::Ult, index, i64::from(count));
        self.branch(good, inside, outside);
        (inside, outside)
    }

    fn element_place(&mut self, first: Place, index: Value, count: u32, ty: &Type) -> Place {
        let scale = self.size_of(ty);
        let base = self.address(first);
        let base = self.element(base, index, count, scale);
        let align = first.align.min(1 << scale.trailing_zeros().min(3));
        Place { base, offset: 0, align }
    }

    /// Writes an element that is no scalar as a value of type `ty`; zeros when there is none.
    pub fn write_element(&mut self, to: Place, expr: &'m Expr, ty: &Type, fill: Fill) {
        let ExprKind::Element { base, offset, index, count } = &expr.kind else { return };
        let (memory, index) = (self.memory(base), self.int(index));
        let (inside, outside) = self.within(index, *count);
        let inside = self.arm(inside, |b| {
            let from = b.element_place(memory.place.at(*offset), index, *count, &expr.ty);
            match ty {
                Type::Str { .. } => b.write_text(to, from, (&expr.ty, ty), fill),
                _ => b.convert(to, from, &expr.ty, ty),
            }
            None
        });
        let outside = self.cold_arm(outside, |b| {
            b.count(Cause::OutOfBounds);
            let size = b.size_of(ty);
            b.zero(to, size);
            None
        });
        self.release(memory);
        self.join([inside, outside]);
    }

    /// Writes a char array of the program's own, of the first type, as text of the second.
    pub fn write_text(&mut self, to: Place, from: Place, (from_ty, ty): (&Type, &Type), fill: Fill) {
        let size = self.size_of(ty);
        let read = size.min(self.size_of(from_ty));
        if fill == Fill::Whole || read < size {
            self.zero(to, size);
        }
        let address = self.address(from);
        self.read_text(to, read, TextSource { address, space: Space::Kernel, length: None, array: true });
    }

    /// Writes the low bytes of a number, and zeros behind its 8.
    pub fn write_bytes(&mut self, to: Place, value: Value, size: u32) {
        let (mut at, mut rest) = (0, value);
        while at < size.min(8) {
            let step = 1 << (size.min(8) - at).ilog2();
            let width = Width::from_bytes(step.min(to.at(at).align)).unwrap_or(Width::B1);
            self.store_at(to.at(at), width, rest);
            at += width.bytes();
            if at < size.min(8) {
                rest = self.binary_const(BinOp::LShr, rest, i64::from(width.bytes()) * 8);
            }
        }
        self.zero(to.at(at), size - at);
    }
}
