//! Memory compared byte by byte, and written to processes.

use super::func::FuncBuilder;
use super::place::Memory;
use super::value::Fill;
use crate::ir::entities::Value;
use crate::ir::function::{BinOp, Cond, InstData, Type as IrType, Width};
use crate::ir::helper::Helper;
use crate::sema::tree::Expr;
use crate::sema::types::Space;

impl<'m> FuncBuilder<'_, 'm> {
    /// `memcmp(a, b, count)`: the difference of the first bytes that differ, as C's characters; 0 when there are none.
    pub fn compare_memory(&mut self, args: &'m [Expr]) -> Value {
        let [left, right, count] = args else { return self.iconst(0) };
        let size = self.size_of(&left.ty).max(self.size_of(&right.ty));
        let count = self.int(count);
        let count = match self.func.as_const(count) {
            Some(count) => self.iconst((count as u64).min(u64::from(size)) as i64),
            None => self.inst(InstData::Clamp { arg: count, max: size }, IrType::Int),
        };
        let (l, r) = (self.zero_padded(left, size), self.zero_padded(right, size));
        self.count_faults();
        let bases = [l, r].map(|memory| self.address(memory.place));
        let difference = self.first_difference(bases, count, size);
        self.release(l);
        self.release(r);
        difference
    }

    /// A value in a place of at least `size` bytes, zero behind it.
    fn zero_padded(&mut self, expr: &'m Expr, size: u32) -> Memory {
        let whole = self.size_with_room(expr, &expr.ty).max(size).next_multiple_of(8);
        let temp = self.temp(whole, "bytes");
        self.zero(temp.place, whole);
        self.write(temp.place, expr, &expr.ty, Fill::Whole);
        temp
    }

    fn first_difference(&mut self, [left, right]: [Value; 2], count: Value, size: u32) -> Value {
        let (head, body, done) = (self.new_block(), self.new_block(), self.new_block());
        let (next, same) = (self.new_block(), self.new_block());
        let zero = self.iconst(0);
        self.jump(head, &[zero]);
        self.enter(head);
        let index = self.func.add_param(head, IrType::Int);
        let more = self.icmp(Cond::Ult, index, count);
        self.branch(more, body, same);
        self.enter(body);
        let [a, b] = [left, right].map(|base| {
            let at = self.element(base, index, size, 1);
            self.load(Width::B1, true, at, 0)
        });
        let difference = self.binary(BinOp::Sub, a, b);
        let out = self.new_block();
        self.branch(difference, out, next);
        self.enter(out);
        self.jump(done, &[difference]);
        self.enter(next);
        let step = self.binary_const(BinOp::Add, index, 1);
        self.jump(head, &[step]);
        self.enter(same);
        self.jump(done, &[zero]);
        self.enter(done);
        self.func.add_param(done, IrType::Int)
    }

    /// `write_user(to, from, length)`
    pub fn write_to_user(&mut self, args: &'m [Expr], space: Option<Space>) -> Value {
        let [from, length, to] = args else { return self.iconst(0) };
        let to = self.int(to);
        let length = self.int(length);
        let bytes = self.func.as_const(length).unwrap_or(0) as u32;
        if bytes == 0 {
            return self.iconst(1);
        }
        let source = match space {
            None => self.zero_padded(from, bytes),
            Some(space) => {
                let address = self.int(from);
                let whole = bytes.next_multiple_of(8);
                let temp = self.temp(whole, "bytes");
                self.zero(temp.place, whole);
                self.probe_read(temp.place, bytes, address, space);
                temp
            }
        };
        let at = self.address(source.place);
        let result = self.call(Helper::ProbeWriteUser, &[to, at, length]);
        self.release(source);
        self.icmp_const(Cond::Eq, result, 0)
    }
}
