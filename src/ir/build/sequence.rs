//! Queues and stacks: `push`, `pop`, `peek`.
//!
//! The kernel copies values in and out, so each passes through a temporary. What is read of an empty one is zero: the
//! place is zeroed first, as the kernel leaves it as it was when the map is busy.

use super::func::FuncBuilder;
use super::place::Memory;
use crate::ir::entities::Value;
use crate::ir::function::Cond;
use crate::ir::helper::Helper;
use crate::sema::tree::{Expr, MapId};
use crate::sema::types::Type;

/// The kernel's error where there is nothing to pop.
const ENOENT: i64 = -2;

impl<'m> FuncBuilder<'_, 'm> {
    /// `push(@q, value)`: 1 when there was room; else it is counted as lost.
    pub fn push(&mut self, map: MapId, value: &'m Expr) -> Value {
        let info = self.info(map);
        let value = self.plain_value(map, &info, value);
        let (pushed, failed) = (self.new_block(), self.new_block());
        let (address, at, any) = (self.map_addr(info.map), self.address(value.place), self.iconst(0));
        let result = self.call(Helper::MapPush, &[address, at, any]);
        let ok = self.icmp_const(Cond::Eq, result, 0);
        self.branch(ok, pushed, failed);
        let pushed = self.arm(pushed, |b| {
            b.count_entries(map, 1);
            Some(b.iconst(1))
        });
        let failed = self.cold_arm(failed, |b| {
            let done = b.new_block();
            b.count_failure(map, result, done);
            b.enter(done);
            Some(b.iconst(0))
        });
        self.release(value);
        self.join_value([pushed, failed])
    }

    /// `pop(@q)`, `peek(@q)` of a map of numbers.
    pub fn next_number(&mut self, map: MapId, stays: bool, ty: &Type) -> Value {
        let next = self.next_value(map, stays);
        let value = self.load_number(next.place, ty);
        self.release(next);
        value
    }

    /// The next value, all zero when there is none.
    pub fn next_value(&mut self, map: MapId, stays: bool) -> Memory {
        let info = self.info(map);
        let temp = self.temp(info.value_size, "next");
        self.zero(temp.place, info.value_size);
        let (address, to) = (self.map_addr(info.map), self.address(temp.place));
        let helper = if stays { Helper::MapPeek } else { Helper::MapPop };
        let result = self.call(helper, &[address, to]);
        let [there, none, busy, done] = std::array::from_fn(|_| self.new_block());
        let ok = self.icmp_const(Cond::Eq, result, 0);
        self.branch(ok, there, none);
        self.enter(there);
        if !stays {
            self.count_entries(map, -1);
        }
        self.jump(done, &[]);
        self.enter(none);
        let empty = self.icmp_const(Cond::Eq, result, ENOENT);
        self.branch(empty, done, busy);
        self.count_busy(busy, done);
        self.enter(done);
        temp
    }
}
