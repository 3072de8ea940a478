//! Functions of values: each from its arguments, in place.
//!
//! Text that is already in memory is measured and copied by bpf_probe_read_kernel_str, which reads the program's own
//! memory as well as any other and tells the length; nothing walks over it byte by byte but the search.

use super::func::FuncBuilder;
use super::place::{Memory, Place};
use super::read::TextSource;
use super::value::Fill;
use crate::ir::entities::Value;
use crate::ir::function::{BinOp, Cond, InstData, Type as IrType, UnOp, Width};
use crate::ir::helper::Helper;
use crate::sema::tree::{Expr, ExprKind, Function};
use crate::sema::types::Type;

impl<'m> FuncBuilder<'_, 'm> {
    /// A function that gives a scalar of type `ty`.
    pub fn function(&mut self, function: Function, args: &'m [Expr], ty: &Type) -> Value {
        match function {
            Function::UserSymbol => self.user_symbol(&args[0]),
            Function::StackLen => self.stack_len(&args[0]),
            Function::Swap => self.swap(&args[0], ty),
            Function::StrLen => self.text_length(&args[0]),
            Function::DifferWithin(count) => self.differ_within(&args[0], &args[1], count),
            Function::Find => self.find_text(&args[0], &args[1]),
            Function::Signal { thread } => {
                let signal = self.int(&args[0]);
                self.call(if thread { Helper::SendSignalThread } else { Helper::SendSignal }, &[signal])
            }
            Function::Override => {
                let value = self.int(&args[0]);
                self.call(Helper::OverrideReturn, &[self.context, value])
            }
            Function::Imported(function) => self.call_import(function, args, ty),
            Function::Compare => self.compare_memory(args),
            Function::WriteUser { space } => self.write_to_user(args, space),
            Function::SocketCookie => self.socket_cookie(&args[0]),
            // Written where they are wanted, never a number.
            Function::Concat
            | Function::TextAddress
            | Function::Buffer { .. }
            | Function::Inet
            | Function::Path { .. } => self.iconst(0),
        }
    }

    fn swap(&mut self, arg: &'m Expr, ty: &Type) -> Value {
        let value = self.int(arg);
        let op = match ty.as_int().map(|int| int.size) {
            Some(2) => UnOp::Swap16,
            Some(4) => UnOp::Swap32,
            Some(8) => UnOp::Swap64,
            _ => return self.canonical(value, ty),
        };
        self.unary(op, value)
    }

    /// Copies the text at an address of any memory; gives its length with the NUL, negative on a fault.
    fn copy_text(&mut self, to: Place, room: u32, from: TextSource) -> Value {
        let helper = match from.space {
            crate::sema::types::Space::User => Helper::ProbeReadUserStr,
            _ => Helper::ProbeReadKernelStr,
        };
        let (to, room) = (self.address(to), self.iconst(i64::from(room)));
        self.call(helper, &[to, room, from.address])
    }

    /// Copies text that lies in a slot, a map's value or a record.
    fn copy_own_text(&mut self, to: Place, room: u32, from: Place) -> Value {
        let (to, room, from) = (self.address(to), self.iconst(i64::from(room)), self.address(from));
        self.call(Helper::ProbeReadKernelStr, &[to, room, from])
    }

    /// A text in a place of its own, all of whose bytes are written: a helper may read any of them.
    pub fn own_text(&mut self, text: &'m Expr) -> Memory {
        let size = self.size_of(&text.ty);
        let temp = self.temp(size + 1, "text");
        self.zero(temp.place, (size + 1).next_multiple_of(8));
        self.write(temp.place, text, &text.ty, Fill::Whole);
        temp
    }

    /// `strlen(text)`
    fn text_length(&mut self, text: &'m Expr) -> Value {
        let size = self.size_of(&text.ty);
        let copy = self.temp(size + 1, "text");
        let length = match self.text_source(text) {
            Some(source) if source.length.is_none() => {
                let length = self.copy_text(copy.place, size + 1, source);
                self.may_fault(length);
                length
            }
            _ => {
                let memory = self.own_text(text);
                let length = self.copy_own_text(copy.place, size + 1, memory.place);
                self.release(memory);
                length
            }
        };
        self.release(copy);
        // A fault is no text; else the NUL does not count.
        let (text, none) = (self.new_block(), self.new_block());
        let some = self.icmp_const(Cond::Sgt, length, 0);
        self.branch(some, text, none);
        let text = self.arm(text, |b| Some(b.binary_const(BinOp::Sub, length, 1)));
        let none = self.cold_arm(none, |b| Some(b.iconst(0)));
        self.join_value([text, none])
    }

    /// `strncmp(a, b, count)`: text is zero behind its NUL, so the first bytes are the same or not.
    fn differ_within(&mut self, left: &'m Expr, right: &'m Expr, count: u32) -> Value {
        let (l, r) = (self.padded(left, count), self.padded(right, count));
        self.count_faults();
        let equal = self.inst(
            InstData::MemEq {
                left: l.place.base,
                left_offset: l.place.offset,
                right: r.place.base,
                right_offset: r.place.offset,
                len: count,
            },
            IrType::Int,
        );
        self.release(l);
        self.release(r);
        self.binary_const(BinOp::Xor, equal, 1)
    }

    /// A text in at least `count` bytes, zero behind its end.
    fn padded(&mut self, text: &'m Expr, count: u32) -> Memory {
        let size = self.size_of(&text.ty);
        if size >= count && !matches!(text.kind, ExprKind::LoadStr { .. } | ExprKind::DataLoc { .. }) {
            return self.memory(text);
        }
        let whole = Type::Str { size: count.max(size) };
        let temp = self.temp(self.size_with_room(text, &whole), "text");
        self.write(temp.place, text, &whole, Fill::Whole);
        temp
    }

    /// `strstr(text, literal)`: the first place where all bytes of the literal stand, −1 when there is none.
    ///
    /// Text ends where no byte is left, so a short text costs little however large its buffer is.
    fn find_text(&mut self, text: &'m Expr, literal: &'m Expr) -> Value {
        let ExprKind::Str(wanted) = &literal.kind else { return self.iconst(-1) };
        if wanted.is_empty() {
            return self.iconst(0);
        }
        let size = self.size_of(&text.ty);
        if wanted.len() as u32 > size {
            return self.iconst(-1);
        }
        // Text that fills its buffer has no NUL. Behind the text there is room for the last comparison, zero like the rest.
        let room = Type::Str { size: size + wanted.len() as u32 + 8 };
        let temp = self.temp(self.size_with_room(text, &room), "text");
        self.write(temp.place, text, &room, Fill::Whole);
        self.count_faults();
        let base = self.address(temp.place);
        let found = self.search(base, size - wanted.len() as u32 + 1, wanted);
        self.release(temp);
        found
    }

    fn search(&mut self, base: Value, places: u32, wanted: &[u8]) -> Value {
        let (head, body, next, done) =
            (self.new_block(), self.new_block(), self.new_block(), self.new_block());
        let (zero, none) = (self.iconst(0), self.iconst(-1));
        self.jump(head, &[zero]);
        self.enter(head);
        let index = self.func.add_param(head, IrType::Int);
        let more = self.icmp_const(Cond::Ne, index, i64::from(places));
        let over = self.new_block();
        self.branch(more, body, over);
        self.enter(over);
        self.jump(done, &[none]);
        self.enter(body);
        let at = self.element(base, index, places, 1);
        self.compare_at(at, wanted, next);
        self.jump(done, &[index]);
        self.enter(next);
        // The text ends where a byte is zero: nothing can stand behind that. Looking now and then is enough, and which
        // rounds look is known to the verifier.
        let (look, on, ended) = (self.new_block(), self.new_block(), self.new_block());
        let passed = self.binary_const(BinOp::And, index, 31);
        self.branch(passed, on, look);
        self.enter(look);
        let byte = self.load(Width::B1, false, at, 0);
        self.branch(byte, on, ended);
        self.enter(on);
        let step = self.binary_const(BinOp::Add, index, 1);
        self.jump(head, &[step]);
        self.enter(ended);
        self.jump(done, &[none]);
        self.enter(done);
        self.func.add_param(done, IrType::Int)
    }

    /// Goes on where the bytes at an address are the literal's; leaves for `different` where they are not. The first
    /// byte decides nearly always; the others are compared in one branch, as the verifier keeps a state for each branch
    /// of each round until it has seen the last one.
    fn compare_at(&mut self, at: Value, wanted: &[u8], different: crate::ir::entities::Block) {
        let Some((first, others)) = wanted.split_first() else { return };
        let found = self.load(Width::B1, false, at, 0);
        let same = self.icmp_const(Cond::Eq, found, i64::from(*first));
        self.go_on_if(same, different);
        let mut difference: Option<Value> = None;
        for (offset, byte) in (1..).zip(others) {
            let found = self.load(Width::B1, false, at, offset);
            let differs = self.binary_const(BinOp::Xor, found, i64::from(*byte));
            difference = Some(match difference {
                Some(others) => self.binary(BinOp::Or, others, differs),
                None => differs,
            });
        }
        if let Some(difference) = difference {
            let same = self.icmp_const(Cond::Eq, difference, 0);
            self.go_on_if(same, different);
        }
    }

    /// `str_concat(a, b)`: written at `to`, which has the size of both and is zero behind the end.
    pub fn write_concat(&mut self, to: Place, args: &'m [Expr], size: u32) {
        let [left, right] = args else { return };
        let room = |text: &Expr, b: &Self| b.size_of(&text.ty).min(size);
        let (first, second) = (room(left, self), room(right, self));
        let (l, r) = (self.own_text(left), self.own_text(right));
        self.count_faults();
        let whole = self.temp(first + second + 1, "text");
        self.zero(whole.place, (first + second + 1).next_multiple_of(8));
        let length = self.copy_own_text(whole.place, first + 1, l.place);
        let end = self.binary_const(BinOp::Sub, length, 1);
        let base = self.address(whole.place);
        let behind = self.element(base, end, first + 1, 1);
        let (bytes, from) = (self.iconst(i64::from(second)), self.address(r.place));
        self.call(Helper::ProbeReadKernelStr, &[behind, bytes, from]);
        let (from_ty, ty) = (Type::Str { size: first + second }, Type::Str { size });
        self.convert(to, whole.place, &from_ty, &ty);
        for memory in [l, r, whole] {
            self.release(memory);
        }
    }
}
