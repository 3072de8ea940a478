//! The bucket of a value: the code for [`crate::wire::map::hist_bucket`] and [`crate::wire::map::lhist_bucket`].

use super::func::FuncBuilder;
use crate::ir::entities::Value;
use crate::ir::function::{BinOp, Cond, InstData, Type};
use crate::wire::map::{lhist_buckets, lhist_end};

impl FuncBuilder<'_, '_> {
    /// The address of an element; an index that is too large gives the last.
    pub fn element(&mut self, base: Value, index: Value, count: u32, scale: u32) -> Value {
        let ty = self.func.type_of(base);
        self.inst(InstData::PtrIndex { base, index, count, scale, in_bounds: false }, ty)
    }

    /// The bucket of `hist(value, bits)`.
    pub fn hist_bucket(&mut self, value: Value, bits: u8) -> Value {
        let (negative, other) = (self.new_block(), self.new_block());
        let below = self.icmp_const(Cond::Slt, value, 0);
        self.branch(below, negative, other);
        let other = self.arm(other, |b| Some(b.hist_bucket_of_positive(value, bits)));
        let negative = self.arm(negative, |b| Some(b.iconst(0)));
        self.join_value([other, negative])
    }

    /// `1 + (shift << bits) + (value >> shift)`, where `shift` is log2 of `value >> bits`.
    fn hist_bucket_of_positive(&mut self, value: Value, bits: u8) -> Value {
        let bits = i64::from(bits);
        let scaled = if bits == 0 { value } else { self.binary_const(BinOp::LShr, value, bits) };
        let shift = self.log2(scaled);
        let power = if bits == 0 { shift } else { self.binary_const(BinOp::Shl, shift, bits) };
        let within = self.binary(BinOp::LShr, value, shift);
        let index = self.binary(BinOp::Add, power, within);
        self.binary_const(BinOp::Add, index, 1)
    }

    /// log2 of a number below 2^63, rounded down; 0 for 0. By halving: six comparisons, each jumps over two
    /// instructions.
    fn log2(&mut self, value: Value) -> Value {
        let (mut rest, mut log) = (value, self.iconst(0));
        for step in [32_i64, 16, 8, 4, 2, 1] {
            let (above, below, join) = (self.new_block(), self.new_block(), self.new_block());
            let large = self.icmp_const(Cond::Ugt, rest, (1_i64 << step) - 1);
            self.branch(large, above, below);
            self.enter(above);
            let shifted = self.binary_const(BinOp::LShr, rest, step);
            let more = self.binary_const(BinOp::Add, log, step);
            self.jump(join, &[shifted, more]);
            self.enter(below);
            self.jump(join, &[rest, log]);
            self.enter(join);
            rest = self.func.add_param(join, Type::Int);
            log = self.func.add_param(join, Type::Int);
        }
        log
    }

    /// The bucket of `lhist(value, min, max, step)`.
    pub fn lhist_bucket(&mut self, value: Value, min: i64, max: i64, step: i64) -> Value {
        let (below, not_below) = (self.new_block(), self.new_block());
        let is_below = self.icmp_const(Cond::Slt, value, min);
        self.branch(is_below, below, not_below);
        let not_below = self.arm(not_below, |b| {
            let (above, within) = (b.new_block(), b.new_block());
            let is_above = b.icmp_const(Cond::Sge, value, lhist_end(min, max, step));
            b.branch(is_above, above, within);
            let within = b.arm(within, |b| {
                let offset = b.binary_const(BinOp::Sub, value, min);
                let number = b.binary_const(BinOp::UDiv, offset, step);
                Some(b.binary_const(BinOp::Add, number, 1))
            });
            let above = b.arm(above, |b| Some(b.iconst(i64::from(lhist_buckets(min, max, step)) - 1)));
            Some(b.join_value([within, above]))
        });
        let below = self.arm(below, |b| Some(b.iconst(0)));
        self.join_value([not_below, below])
    }
}
