//! Memory of the traced system: the context directly, kernel and user memory through the probe_read helpers.

use super::func::FuncBuilder;
use super::place::Place;
use crate::ir::entities::Value;
use crate::ir::function::{BinOp, Cond, InstData, Provenance, Type as IrType, Width};
use crate::ir::helper::Helper;
use crate::sema::tree::{Expr, ExprKind, Function};
use crate::sema::types::{IntType, Space, Type};
use crate::wire::ledger::Cause;

/// Where text is to be read from.
#[derive(Clone, Copy)]
pub struct TextSource {
    /// The address, a number.
    pub address: Value,
    pub space: Space,
    /// Bytes to read at most with the NUL, when the script says so.
    pub length: Option<Value>,
    /// A whole array: text that fills it is not cut.
    pub array: bool,
}

impl TextSource {
    /// Reads text from there.
    pub fn helper(&self) -> Helper {
        match self.space {
            Space::User => Helper::ProbeReadUserStr,
            Space::Kernel | Space::Context => Helper::ProbeReadKernelStr,
        }
    }
}

/// Bytes that reading text of a type with `size` bytes may write. One more than the type has shows whether the
/// text was cut: then it has no NUL in its own bytes. Text of 1024 bytes and more is cut without a sign, as in
/// the reference, but an array's is not.
pub fn text_room(size: u32, array: bool) -> u32 {
    if array || size < 1024 { size + 1 } else { size }
}

/// True when writing the expression may write one byte behind its type: it ends in text that is read.
pub fn may_overrun(expr: &Expr) -> bool {
    match &expr.kind {
        ExprKind::LoadStr { .. } | ExprKind::DataLoc { .. } => true,
        ExprKind::Part { .. } | ExprKind::Element { .. } => matches!(expr.ty, Type::Str { .. }),
        ExprKind::Cast(inner) | ExprKind::Block { value: inner, .. } => may_overrun(inner),
        ExprKind::Tuple(items) => items.last().is_some_and(may_overrun),
        ExprKind::Ternary { then, otherwise, .. } => may_overrun(then) || may_overrun(otherwise),
        _ => false,
    }
}

impl<'m> FuncBuilder<'_, 'm> {
    /// The scalar of type `ty` at `address + offset`.
    pub fn read_scalar(
        &mut self,
        address: &'m Expr,
        offset: i64,
        space: Space,
        bits: Option<(u8, u8)>,
        ty: &Type,
    ) -> Value {
        let int = ty.as_int().unwrap_or(IntType::U64);
        let width = Width::from_bytes(u32::from(int.size)).unwrap_or(Width::B8);
        // A bit field is taken out of its unit, which has no sign.
        let signed = int.signed && bits.is_none();
        let base = self.scalar(address);
        let value = match self.context_offset(base, space, offset, width) {
            Some(offset) => self.load(width, signed, base, offset),
            None => self.read_number(base, offset, space, width, signed),
        };
        match bits {
            Some((first, count)) => self.bit_field(value, first, count, int.signed),
            None if *ty == Type::Bool => self.icmp_const(Cond::Ne, value, 0),
            None => value,
        }
    }

    /// The offset at which the context may be read directly: the kernel wants it constant and aligned.
    fn context_offset(&self, base: Value, space: Space, offset: i64, width: Width) -> Option<i32> {
        let direct = space == Space::Context
            && self.func.type_of(base) == IrType::Ptr(Provenance::Context)
            && offset % i64::from(width.bytes()) == 0;
        i32::try_from(offset).ok().filter(|offset| direct && (0..1 << 15).contains(offset))
    }

    fn read_number(&mut self, base: Value, offset: i64, space: Space, width: Width, signed: bool) -> Value {
        let address = self.address_of(base, offset);
        let temp = self.temp(8, "temp");
        self.probe_read(temp.place, width.bytes(), address, space);
        let value = self.load_at(temp.place, width, signed);
        self.release(temp);
        value
    }

    /// Copies memory of the traced system; all zero when it faults, which is remembered.
    pub fn probe_read(&mut self, to: Place, size: u32, address: Value, space: Space) {
        let helper = match space {
            Space::User => Helper::ProbeReadUser,
            Space::Kernel | Space::Context => Helper::ProbeReadKernel,
        };
        let (to, size) = (self.address(to), self.iconst(i64::from(size)));
        let result = self.call(helper, &[to, size, address]);
        self.may_fault(result);
    }

    /// The address `base + offset` as a number.
    pub fn address_of(&mut self, base: Value, offset: i64) -> Value {
        let base = self.as_int(base);
        if offset == 0 { base } else { self.binary_const(BinOp::Add, base, offset) }
    }

    /// Bits `first` to `first + count` of a unit.
    pub fn bit_field(&mut self, unit: Value, first: u8, count: u8, signed: bool) -> Value {
        let (first, count) = (i64::from(first), i64::from(count.clamp(1, 64)));
        if signed {
            let up = self.binary_const(BinOp::Shl, unit, 64 - first - count);
            return self.binary_const(BinOp::AShr, up, 64 - count);
        }
        let down = if first == 0 { unit } else { self.binary_const(BinOp::LShr, unit, first) };
        if count == 64 { down } else { self.binary_const(BinOp::And, down, (1 << count) - 1) }
    }

    /// Where the text of a `LoadStr` or `DataLoc` is; None for any other expression.
    pub fn text_source(&mut self, expr: &'m Expr) -> Option<TextSource> {
        match &expr.kind {
            ExprKind::LoadStr { address, offset, space, length, array } => {
                let address = match &address.kind {
                    // a slot, which helpers take as it is
                    ExprKind::Call { function: Function::TextAddress, args } => {
                        let copy = self.own_text(&args[0]);
                        self.address(copy.place)
                    }
                    _ => {
                        let base = self.scalar(address);
                        self.address_of(base, *offset)
                    }
                };
                let length = length.as_deref().map(|length| self.int(length));
                Some(TextSource { address, space: *space, length, array: *array })
            }
            ExprKind::DataLoc { offset } => {
                // The low half of the word is the offset of the text, the high half its length.
                let at = self.load(Width::B2, false, self.context, *offset as i32);
                let address =
                    self.inst(InstData::ContextAddr { base: self.context, offset: at }, IrType::Int);
                Some(TextSource { address, space: Space::Kernel, length: None, array: false })
            }
            _ => None,
        }
    }

    /// Reads text of a type with `size` bytes to a place with [`text_room`] for it. Bytes behind its NUL stay as
    /// they were, all of them when the script asks for 0. A fault gives "" and is counted, as is text that was
    /// cut.
    pub fn read_text(&mut self, to: Place, size: u32, source: TextSource) {
        let whole = text_room(size, source.array);
        let (limit, may_cut) = match source.length {
            Some(length) => match self.func.as_const(length) {
                Some(n) => {
                    (self.iconst((n as u64).min(u64::from(whole)) as i64), n as u64 >= u64::from(whole))
                }
                None => (self.inst(InstData::Clamp { arg: length, max: whole }, IrType::Int), true),
            },
            None => (self.iconst(i64::from(whole)), true),
        };
        let to = self.address(to);
        let result = self.call(source.helper(), &[to, limit, source.address]);
        if may_cut && !source.array {
            self.count_text_losses(result, whole);
        } else {
            self.may_fault(result);
        }
    }

    /// Counts a fault (negative) or a cut (all the room used) by one comparison on the way that is nearly always
    /// taken.
    fn count_text_losses(&mut self, result: Value, whole: u32) {
        let (lost, cut, fault, on) = (self.new_block(), self.new_block(), self.new_block(), self.new_block());
        let odd = self.icmp_const(Cond::Uge, result, i64::from(whole));
        self.branch(odd, lost, on);
        self.enter_cold(lost);
        let negative = self.icmp_const(Cond::Slt, result, 0);
        self.branch(negative, fault, cut);
        self.enter_cold(fault);
        self.count(Cause::ReadFault);
        self.jump(on, &[]);
        self.enter_cold(cut);
        self.count(Cause::Truncated);
        self.jump(on, &[]);
        self.enter(on);
    }
}
