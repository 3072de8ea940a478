//! Buffers and addresses of the internet: values made of bytes, written where they are wanted.
//!
//! A buffer's bytes behind its length are zero, so that keys are equal when their values are.

use super::func::FuncBuilder;
use super::place::Place;
use super::value::Fill;
use crate::ir::entities::Value;
use crate::ir::function::{InstData, Type as IrType, Width};
use crate::ir::helper::Helper;
use crate::sema::tree::Expr;
use crate::sema::types::{Space, Type};
use crate::wire::ledger::Cause;

/// Bytes before those of a buffer: their number. Before an address: its family.
const HEAD: u32 = 4;

impl<'m> FuncBuilder<'_, 'm> {
    /// `buf(data, length)`: of the first type, written as one of the second.
    pub fn write_buffer(
        &mut self,
        to: Place,
        args: &'m [Expr],
        space: Option<Space>,
        (own, ty): (&Type, &Type),
    ) {
        let ([data, length], Type::Buffer { size: asked }, Type::Buffer { size }) = (args, own, ty) else {
            return;
        };
        let room = *asked.min(size);
        let length = self.int(length);
        let count = self.bounded(length, room);
        let whole = self.size_of(ty);
        let known = self.func.as_const(count).map(|count| count as u32).filter(|_| space.is_some());
        match known {
            Some(known) => self.zero(to.at(HEAD + known), whole - HEAD - known),
            None => self.zero(to, whole),
        }
        self.store_at(to, Width::B4, count);
        match space {
            Some(space) => {
                let address = self.int(data);
                self.copy_bytes(to.at(HEAD), count, address, space);
            }
            None => self.copy_own_bytes(to.at(HEAD), count, data, room),
        }
        if size < asked {
            self.count_shortened(length, room);
        }
    }

    /// A length that the kernel can see is no larger than `most`.
    fn bounded(&mut self, length: Value, most: u32) -> Value {
        match self.func.as_const(length) {
            Some(length) => self.iconst((length as u64).min(u64::from(most)) as i64),
            None => self.inst(InstData::Clamp { arg: length, max: most }, IrType::Int),
        }
    }

    fn copy_bytes(&mut self, to: Place, count: Value, address: Value, space: Space) {
        if self.func.as_const(count) == Some(0) {
            return;
        }
        let helper = match space {
            Space::User => Helper::ProbeReadUser,
            Space::Kernel | Space::Context => Helper::ProbeReadKernel,
        };
        let to = self.address(to);
        let result = self.call(helper, &[to, count, address]);
        self.may_fault(result);
    }

    /// Copies what lies in the program's own memory: as far as there is any, however much is asked for.
    fn copy_own_bytes(&mut self, to: Place, count: Value, data: &'m Expr, room: u32) {
        let size = self.size_of(&data.ty).min(room);
        if let Some(count) = self.func.as_const(count) {
            let memory = self.memory(data);
            self.copy(to, memory.place, size.min(count as u32));
            return self.release(memory);
        }
        // The kernel wants to see all bytes written that a helper may read.
        let whole = self.size_with_room(data, &data.ty).next_multiple_of(8);
        let temp = self.temp(whole, "bytes");
        self.zero(temp.place, whole);
        self.write(temp.place, data, &data.ty, Fill::Whole);
        let (count, address) = (self.bounded(count, size), self.address(temp.place));
        self.copy_bytes(to, count, address, Space::Kernel);
        self.release(temp);
    }

    /// Counts bytes that a key has no room for.
    fn count_shortened(&mut self, length: Value, room: u32) {
        use crate::ir::function::Cond;
        let (cut, on) = (self.new_block(), self.new_block());
        let longer = self.icmp_const(Cond::Ugt, length, i64::from(room));
        self.branch(longer, cut, on);
        self.enter_cold(cut);
        self.count(Cause::Truncated);
        self.jump(on, &[]);
        self.enter(on);
    }

    /// `ntop(family, address)`
    pub fn write_inet(&mut self, to: Place, args: &'m [Expr]) {
        let [family, address] = args else { return };
        let family = self.int(family);
        let bytes = self.size_of(&address.ty);
        let rest = self.size_of(&Type::Inet) - HEAD - bytes;
        if address.ty.is_scalar() {
            let number = self.int(address);
            self.write_number(to.at(HEAD), number, &address.ty);
        } else {
            self.write(to.at(HEAD), address, &address.ty, Fill::Whole);
        }
        self.store_at(to, Width::B4, family);
        self.zero(to.at(HEAD + bytes), rest);
    }
}
