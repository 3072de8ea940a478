//! Helpers that take pointers of a type that the kernel knows: what it gave the program in the context, and no copy that
//! went through memory.

use super::func::FuncBuilder;
use super::place::Place;
use super::read::TextSource;
use crate::diag::{Diagnostic, codes};
use crate::ir::entities::{Block, Value};
use crate::ir::function::{Cond, InstData};
use crate::ir::helper::Helper;
use crate::sema::tree::Expr;
use crate::sema::types::{Space, Type};
use crate::wire::ledger::Cause;

impl<'m> FuncBuilder<'_, 'm> {
    /// `socket_cookie(sock)`: 0 for null.
    pub fn socket_cookie(&mut self, pointer: &'m Expr) -> Value {
        let null = self.new_block();
        let pointer = self.given(pointer, null);
        let cookie = self.call(Helper::SocketCookie, &[pointer]);
        self.or_else(null, cookie, 0)
    }

    /// `path(path)`: text of the first type, written as one of the second; "" for null.
    pub fn write_path(&mut self, to: Place, base: &'m Expr, offset: i64, (own, ty): (&Type, &Type)) {
        let (size, room) = (self.size_of(own), self.size_of(ty));
        if size < room {
            // what runs over the text has one history then, not one for each way here
            let whole = self.temp(size, "path");
            self.write_path(whole.place, base, offset, (own, own));
            self.convert(to, whole.place, own, ty);
            return self.release(whole);
        }
        // The kernel leaves bytes behind the NUL, and some kernels want all of them written before.
        let temp = self.temp(size, "path");
        self.zero(temp.place, size.next_multiple_of(8));
        self.zero(to, room);
        let null = self.new_block();
        let base = self.given(base, null);
        let path = self.address_of(base, offset);
        let (into, count) = (self.address(temp.place), self.iconst(i64::from(size)));
        let result = self.call(Helper::DPath, &[path, into, count]);
        let there = self.region(|b| {
            // a path that has no room was cut, at its front
            let negative = b.icmp_const(Cond::Slt, result, 0);
            b.count_where(negative, Cause::Truncated);
            let address = b.address(temp.place);
            let source = TextSource { address, space: Space::Kernel, length: None, array: true };
            b.read_text(to, room.min(size).saturating_sub(1).max(1), source);
            b.count_faults();
            None
        });
        let not_there = self.arm(null, |_| None);
        self.join([there, not_there]);
        self.release(temp);
    }

    /// The pointer, where it is not null.
    fn given(&mut self, pointer: &'m Expr, null: Block) -> Value {
        let span = pointer.span;
        let value = self.scalar(pointer);
        let root = self.func.resolve(value);
        let offset = match self.func.def_data(root) {
            Some(InstData::Load { base, offset, .. }) if *base == self.context => Some(*offset),
            _ => None,
        };
        if offset.is_none() {
            let message = "the kernel takes only pointers that it gave the probe";
            self.m.sink.push(
                Diagnostic::error(codes::BAD_ARGUMENT, message)
                    .at(span, "read from memory")
                    .help("use a field of `args` or `ctx` itself, such as `args.file.f_path`"),
            );
        }
        let offset = self.iconst(offset.unwrap_or(0).into());
        let value = self.call(Helper::TypedArg, &[self.context, offset]);
        let some = self.icmp_const(Cond::Ne, value, 0);
        self.go_on_if(some, null);
        value
    }
}
