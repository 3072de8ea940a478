//! Extensions, and operands of which only the low bits matter.

use super::{Folder, Rewrite, unary};
use crate::ir::entities::Value;
use crate::ir::function::{BinOp, InstData, UnOp, Width};

impl Folder<'_, '_> {
    pub(super) fn unary(&mut self, op: UnOp, arg: Value) -> Option<Rewrite> {
        let known = self.known(arg);
        if let Some((bits, signed)) = op.extension() {
            let nothing =
                if signed { known.signed_bits <= bits } else { known.max <= u64::MAX >> (64 - bits) };
            if nothing {
                return Some(Rewrite::Value(arg));
            }
            if signed && known.zeros >> (bits - 1) & 1 == 1 {
                return unary(UnOp::of_extension(bits, false)?, arg);
            }
            return unary(op, self.low_bits(arg, bits).or_else(|| self.low_operation(arg, bits))?);
        }
        match (op, self.def_unary(arg)) {
            (UnOp::Neg, Some((UnOp::Neg, inner))) | (UnOp::Swap64, Some((UnOp::Swap64, inner))) => {
                Some(Rewrite::Value(inner))
            }
            (UnOp::Swap32, Some((UnOp::Swap32, inner))) => unary(UnOp::Zext32, inner),
            (UnOp::Swap16, Some((UnOp::Swap16, inner))) => unary(UnOp::Zext16, inner),
            (UnOp::Swap32, _) => unary(op, self.low_bits(arg, 32)?),
            (UnOp::Swap16, _) => unary(op, self.low_bits(arg, 16)?),
            (UnOp::Neg, _) => match self.def_binary(arg)? {
                (BinOp::Sub, left, right) => super::binary(BinOp::Sub, right, left),
                _ => None,
            },
            _ => None,
        }
    }

    /// Operands of which an instruction only takes the low bytes.
    pub(super) fn narrow(&mut self, data: &mut InstData) {
        let (InstData::Store { width, value, .. } | InstData::AtomicAdd { width, value, .. }) = data else {
            return;
        };
        if let (false, Some(low)) = (*width == Width::B8, self.low_bits(*value, width.bytes() * 8)) {
            *value = low;
        }
    }

    /// Another value with the same low bits, nearer to the source.
    pub(super) fn low_bits(&self, value: Value, bits: u32) -> Option<Value> {
        let low = u64::MAX.checked_shr(64 - bits).unwrap_or(0);
        let mut at = value;
        loop {
            let next = match self.def_unary(at) {
                Some((op, arg)) if op.extension().is_some_and(|(kept, _)| kept >= bits) => Some(arg),
                _ => None,
            };
            let next = next.or_else(|| {
                let (op, left, right) = self.def_binary(at)?;
                let number = self.constant(right)? as u64;
                let nothing = match op {
                    BinOp::And => number & low == low,
                    BinOp::Or | BinOp::Xor | BinOp::Add => number & low == 0,
                    _ => false,
                };
                nothing.then_some(left)
            });
            match next {
                Some(next) => at = next,
                None => return (at != value).then_some(at),
            }
        }
    }

    /// The operation that defines a value, on simpler operands with the same low bits. Only when nobody else wants
    /// the value: else both would be computed.
    fn low_operation(&mut self, value: Value, bits: u32) -> Option<Value> {
        if self.uses[value] > 1 {
            return None;
        }
        if let Some((UnOp::Neg, arg)) = self.def_unary(value) {
            let arg = self.low_bits(arg, bits)?;
            return Some(self.emit(InstData::Unary { op: UnOp::Neg, arg }));
        }
        let (op, left, right) = self.def_binary(value)?;
        let ring = matches!(op, BinOp::Add | BinOp::Sub | BinOp::Mul | BinOp::And | BinOp::Or | BinOp::Xor);
        let (new_left, new_right) = (self.low_bits(left, bits), self.low_bits(right, bits));
        if !ring || new_left.is_none() && new_right.is_none() {
            return None;
        }
        let (left, right) = (new_left.unwrap_or(left), new_right.unwrap_or(right));
        Some(self.emit(InstData::Binary { op, left, right }))
    }
}
