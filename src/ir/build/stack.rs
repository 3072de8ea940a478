//! Stacks: taken into memory, hashed, kept once each in a map, and from there on a number (see
//! [`crate::wire::stack`]). A user symbol is kept as a stack of one frame.
//!
//! Nothing is lost by the way the ids are made: unlike the kernel's own stack maps, whose buckets give way to each
//! other, two stacks share an id of 64 bits only by a chance that no run will see.

use super::func::FuncBuilder;
use super::module::System;
use super::place::{Memory, Place};
use super::walk;
use crate::ir::entities::Value;
use crate::ir::function::{BinOp, Cond, Type as IrType, Width};
use crate::ir::helper::Helper;
use crate::sema::tree::{Builtin, Expr, ExprKind, StackSpec};
use crate::sema::types::Type;
use crate::wire::ledger::Cause;
use crate::wire::record::HEADER as RECORD_HEADER;
use crate::wire::stack::{ADDRESS, BUILD_ID, FRAMES, HEADER, value_size};
use crate::wire::types::{Name, StackMode};

/// Flags of bpf_get_stack.
const USER_STACK: i64 = 1 << 8;
const USER_BUILD_ID: i64 = 1 << 11;
/// Flag of bpf_map_update_elem: new keys only, and what it gives where there is the key.
const NOEXIST: i64 = 1;
const EEXIST: i64 = -17;

/// Odd, with bits all over: what each word is multiplied with.
const SPREAD: i64 = 0x9e37_79b9_7f4a_7c15_u64 as i64;

/// A buffer with room for the header and the frames.
struct Buffer {
    memory: Memory,
    frame: u32,
    depth: u32,
}

impl<'m> FuncBuilder<'_, 'm> {
    /// `kstack`, `ustack`: the id, 0 when there is no stack.
    pub fn stack(&mut self, spec: StackSpec) -> Value {
        let build_id = spec.mode == StackMode::BuildId;
        let (frame, depth) = (if build_id { BUILD_ID } else { ADDRESS }, spec.depth);
        let buffer = Buffer { memory: self.temp(value_size(frame, depth), "stack"), frame, depth };
        let mut flags = if spec.user { USER_STACK } else { 0 };
        flags |= if build_id { USER_BUILD_ID } else { 0 };
        let (room, flags) = (self.iconst(i64::from(frame * depth)), self.iconst(flags));
        let frames = self.address(buffer.memory.place.at(HEADER));
        let taken = self.call(Helper::GetStack, &[self.context, frames, room, flags]);
        let (some, none) = (self.new_block(), self.new_block());
        let positive = self.icmp_const(Cond::Sgt, taken, 0);
        self.branch(positive, some, none);
        let some = self.arm(some, |b| {
            let process = if spec.user { Some(b.process()) } else { None };
            let hash = b.hash_words(frames, taken, frame / 8 * depth, process);
            let count = b.binary_const(BinOp::LShr, taken, i64::from(frame.trailing_zeros()));
            Some(b.intern(&buffer, hash, count, process))
        });
        let none = self.cold_arm(none, |b| Some(b.iconst(0)));
        let id = self.join_value([some, none]);
        self.release(buffer.memory);
        id
    }

    /// `usym(address)`: the id of a stack of that one frame.
    pub fn user_symbol(&mut self, address: &'m Expr) -> Value {
        let address = self.int(address);
        let buffer = Buffer { memory: self.temp(value_size(ADDRESS, 1), "usym"), frame: ADDRESS, depth: 1 };
        self.store_at(buffer.memory.place.at(HEADER), Width::B8, address);
        let process = self.process();
        let hash = self.hash_word(process, address);
        let count = self.iconst(1);
        let id = self.intern(&buffer, hash, count, Some(process));
        self.release(buffer.memory);
        id
    }

    /// `len(stack)`: its number of frames, 0 when it is not known.
    pub fn stack_len(&mut self, stack: &'m Expr) -> Value {
        let id = self.int(stack);
        let build_id = matches!(stack.ty, Type::Named(Name::UserStack(StackMode::BuildId)));
        let frame = if build_id { BUILD_ID } else { ADDRESS };
        let key = self.temp(8, "stack id");
        self.store_at(key.place, Width::B8, id);
        // The stack is in the map of its depth: a variable may hold one of any of them.
        let depths = match &stack.kind {
            ExprKind::Builtin(Builtin::Stack(spec)) => vec![spec.depth],
            _ => walk::stack_depths(self.m.program, build_id),
        };
        let frames = self.frames_in(key, frame, &depths);
        self.release(key);
        frames
    }

    /// The frames of the stack with this id, looked for in the maps of these depths.
    fn frames_in(&mut self, key: Memory, frame: u32, depths: &[u32]) -> Value {
        let Some((&depth, others)) = depths.split_first() else { return self.iconst(0) };
        let map = self.m.system(System::Stacks { frame, depth });
        let (map, key_at) = (self.map_addr(map), self.address(key.place));
        let found = self.call(Helper::MapLookup, &[map, key_at]);
        let missing = self.new_block();
        let found = self.non_null(found, missing);
        let there = self.region(|b| Some(b.load(Width::B4, false, found, FRAMES as i32)));
        let not_there = self.cold_arm(missing, |b| Some(b.frames_in(key, frame, others)));
        self.join_value([there, not_there])
    }

    /// The upper half is the process id, the lower zero.
    fn process(&mut self) -> Value {
        let both = self.call(Helper::PidTgid, &[]);
        let id = self.binary_const(BinOp::LShr, both, 32);
        self.binary_const(BinOp::Shl, id, 32)
    }

    /// A hash with one more word in it.
    fn hash_word(&mut self, hash: Value, word: Value) -> Value {
        let mixed = self.binary(BinOp::Xor, hash, word);
        let spread = self.binary_const(BinOp::Mul, mixed, SPREAD);
        let upper = self.binary_const(BinOp::LShr, spread, 32);
        self.binary(BinOp::Xor, spread, upper)
    }

    /// The hash of the first `taken` bytes of at most `words` words.
    fn hash_words(&mut self, at: Value, taken: Value, words: u32, process: Option<Value>) -> Value {
        let count = self.binary_const(BinOp::LShr, taken, 3);
        let (head, within, body, done) =
            (self.new_block(), self.new_block(), self.new_block(), self.new_block());
        let (zero, seed) = (self.iconst(0), self.iconst(SPREAD));
        let seed = process.unwrap_or(seed);
        self.jump(head, &[zero, seed]);
        self.enter(head);
        let index = self.func.add_param(head, IrType::Int);
        let hash = self.func.add_param(head, IrType::Int);
        // A bound that the kernel sees, then the one that holds.
        let more = self.icmp_const(Cond::Ne, index, i64::from(words));
        self.branch(more, within, done);
        self.enter(within);
        let more = self.icmp(Cond::Ult, index, count);
        self.branch(more, body, done);
        self.enter(body);
        let word = self.element(at, index, words, 8);
        let word = self.load(Width::B8, false, word, 0);
        let (next, hashed) = (self.binary_const(BinOp::Add, index, 1), self.hash_word(hash, word));
        self.jump(head, &[next, hashed]);
        self.enter(done);
        hash
    }

    /// Keeps what is in the buffer under its hash, unless it is there already; gives the id, 0 when there is no room.
    fn intern(&mut self, buffer: &Buffer, hash: Value, count: Value, process: Option<Value>) -> Value {
        let id = self.binary_const(BinOp::Or, hash, 1);
        let map = self.m.system(System::Stacks { frame: buffer.frame, depth: buffer.depth });
        let key = self.temp(8, "stack id");
        self.store_at(key.place, Width::B8, id);
        let (map, key_at) = (self.map_addr(map), self.address(key.place));
        let found = self.call(Helper::MapLookup, &[map, key_at]);
        let missing = self.new_block();
        self.non_null(found, missing);
        let known = self.region(|_| Some(id));
        let new = self.cold_arm(missing, |b| {
            let header = match process {
                Some(process) => b.binary(BinOp::Or, process, count),
                None => count,
            };
            b.store_at(buffer.memory.place, Width::B8, header);
            let (value, flags) = (b.address(buffer.memory.place), b.iconst(NOEXIST));
            let result = b.call(Helper::MapUpdate, &[map, key_at, value, flags]);
            Some(b.kept(id, result, process))
        });
        let id = self.join_value([known, new]);
        self.release(key);
        id
    }

    /// What became of a new stack: the id when it was kept, by us or by another CPU.
    fn kept(&mut self, id: Value, result: Value, process: Option<Value>) -> Value {
        let (kept, other) = (self.new_block(), self.new_block());
        let ok = self.icmp_const(Cond::Eq, result, 0);
        self.branch(ok, kept, other);
        let kept = self.arm(kept, |b| {
            if let Some(process) = process {
                b.tell_process(process);
            }
            Some(id)
        });
        let other = self.arm(other, |b| {
            let (there, full) = (b.new_block(), b.new_block());
            let exists = b.icmp_const(Cond::Eq, result, EEXIST);
            b.branch(exists, there, full);
            let there = b.arm(there, |_| Some(id));
            let full = b.arm(full, |b| {
                b.count(Cause::MapFull);
                Some(b.iconst(0))
            });
            Some(b.join_value([there, full]))
        });
        self.join_value([kept, other])
    }

    /// A record for the runtime, which looks at the process while it is there. Without room for it nothing happens.
    fn tell_process(&mut self, process: Value) {
        let action = self.m.sight(self.span);
        let on = self.new_block();
        let record = self.reserve(RECORD_HEADER + 8);
        let record = self.non_null(record, on);
        self.write_header(record, action);
        let pid = self.binary_const(BinOp::LShr, process, 32);
        self.store_at(Place::new(record).at(RECORD_HEADER), Width::B8, pid);
        self.submit_event(record);
        self.jump(on, &[]);
        self.enter(on);
    }
}
