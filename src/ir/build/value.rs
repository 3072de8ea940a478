//! Values in memory: text, tuples and whatever else is no scalar.
//!
//! A value is written where it is needed, in a slot, a map's value or a record. Every byte of its type is set,
//! so that keys are equal when their values are; but in a record the bytes behind the NUL of a text that is read
//! are left: the reader stops there.

use super::func::FuncBuilder;
use super::layout::{Fields, size_of};
use super::place::{Memory, Place};
use super::read::may_overrun;
use super::walk;
use crate::ir::entities::{Slot, Value};
use crate::ir::function::{BinOp, Cond, SlotData, Width};
use crate::ir::helper::Helper;
use crate::sema::tree::{Builtin, Expr, ExprKind, Function, VarId};
use crate::sema::types::{IntType, Type};
use crate::wire::ledger::Cause;

/// What becomes of the bytes behind the NUL of a text that is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fill {
    /// They are zero.
    Whole,
    /// They are left as they were: in records.
    Text,
}

/// Bytes of the task's name that bpf_get_current_comm gives.
const COMM: u32 = 16;

impl<'m> FuncBuilder<'_, 'm> {
    /// Bytes of a value of type `ty`.
    pub fn size_of(&self, ty: &Type) -> u32 {
        size_of(self.m.program, ty)
    }

    /// Bytes that writing an expression as a value of type `ty` may take.
    pub fn size_with_room(&self, expr: &Expr, ty: &Type) -> u32 {
        self.size_of(ty) + u32::from(may_overrun(expr))
    }

    /// Computes `expr` and writes it as a value of type `ty`: its own, with texts of any size. Text that is read
    /// may write one byte behind the place.
    pub fn write(&mut self, to: Place, expr: &'m Expr, ty: &Type, fill: Fill) {
        let outer = std::mem::replace(&mut self.span, expr.span);
        match &expr.kind {
            _ if ty.is_scalar() => {
                let value = self.int(expr);
                self.write_number(to, value, ty);
            }
            ExprKind::Str(bytes) => self.write_literal(to, bytes, self.size_of(ty)),
            ExprKind::LoadStr { .. } | ExprKind::DataLoc { .. } => self.write_read(to, expr, ty, fill),
            ExprKind::Builtin(Builtin::Comm) => self.write_comm(to, self.size_of(ty), fill),
            ExprKind::Call { function: Function::Concat, args } => {
                self.write_concat(to, args, self.size_of(ty));
            }
            ExprKind::Call { function: Function::Buffer { space }, args } => {
                self.write_buffer(to, args, *space, (&expr.ty, ty));
            }
            ExprKind::Call { function: Function::Path { offset }, args } => {
                self.write_path(to, &args[0], *offset, (&expr.ty, ty));
            }
            ExprKind::Call { function: Function::Inet, args } => self.write_inet(to, args),
            ExprKind::Tuple(items) => self.write_tuple(to, items, ty, fill),
            ExprKind::LoadWhole { address, offset, space } => {
                let base = self.scalar(address);
                let address = self.address_of(base, *offset);
                self.probe_read(to, self.size_of(ty), address, *space);
            }
            ExprKind::Block { statements, value } => {
                self.nested(statements);
                self.write(to, value, ty, fill);
            }
            ExprKind::Bytes(inner) => {
                let value = self.int(inner);
                self.write_bytes(to, value, self.size_of(ty));
            }
            ExprKind::Part { base, offset, .. } if matches!(ty, Type::Str { .. }) => {
                let memory = self.memory(base);
                self.write_text(to, memory.place.at(*offset), (&expr.ty, ty), fill);
                self.release(memory);
            }
            ExprKind::Element { .. } => self.write_element(to, expr, ty, fill),
            ExprKind::Cast(inner) => self.write(to, inner, ty, fill),
            ExprKind::Ternary { cond, then, otherwise } => {
                let (yes, no) = (self.new_block(), self.new_block());
                self.condition(cond, yes, no);
                let arms = [(yes, then), (no, otherwise)];
                let arms = arms.map(|(block, value)| self.arm(block, |b| b.write_arm(to, value, ty, fill)));
                self.join(arms);
            }
            ExprKind::Next { map, stays } => {
                let next = self.next_value(*map, *stays);
                self.convert(to, next.place, &expr.ty, ty);
                self.release(next);
            }
            ExprKind::MapGet { map, key } => self.write_map_get(to, *map, key.as_deref(), &expr.ty, ty),
            _ => {
                let from = self.memory(expr);
                self.convert(to, from.place, &expr.ty, ty);
                self.release(from);
            }
        }
        self.span = outer;
    }

    fn write_arm(&mut self, to: Place, expr: &'m Expr, ty: &Type, fill: Fill) -> Option<Value> {
        self.write(to, expr, ty, fill);
        None
    }

    /// Writes a number of type `ty`.
    pub fn write_number(&mut self, to: Place, value: Value, ty: &Type) {
        let size = ty.as_int().unwrap_or(IntType::U64).size;
        self.store_at(to, Width::from_bytes(u32::from(size)).unwrap_or(Width::B8), value);
    }

    fn write_literal(&mut self, to: Place, bytes: &[u8], size: u32) {
        let mut text = bytes.to_vec();
        text.push(0);
        // Zeros up to the next word cost nothing.
        text.resize(text.len().next_multiple_of(to.align as usize), 0);
        text.truncate(size as usize);
        self.store_bytes(to, &text);
        let written = text.len() as u32;
        self.zero(to.at(written), size - written);
    }

    fn write_read(&mut self, to: Place, expr: &'m Expr, ty: &Type, fill: Fill) {
        let Some(source) = self.text_source(expr) else { return };
        let (size, read) = (self.size_of(ty), self.size_of(ty).min(self.size_of(&expr.ty)));
        // A length of the script's leaves bytes unread that nobody else writes.
        if fill == Fill::Whole || source.length.is_some() || read < size {
            self.zero(to, size);
        }
        self.read_text(to, read, source);
    }

    fn write_comm(&mut self, to: Place, size: u32, fill: Fill) {
        // the kernel loads whole words of the task, at offsets of 16 bits
        let readable = self.m.facts.comm_offset.filter(|offset| offset % 8 == 0 && *offset < 1 << 14);
        if let (Some(offset), true) = (readable, to.align == 8 && size >= COMM) {
            self.write_comm_of_task(to, offset);
            return self.zero(to.at(COMM), size - COMM);
        }
        // Not every kernel fills the rest with zeros.
        if fill == Fill::Whole {
            self.zero(to, size.min(COMM));
        }
        let (address, bytes) = (self.address(to), self.iconst(i64::from(size.min(COMM))));
        self.call(Helper::Comm, &[address, bytes]);
        self.zero(to.at(COMM), size.saturating_sub(COMM));
    }

    /// The name as words of the task itself: less work than the helper's call and copy.
    fn write_comm_of_task(&mut self, to: Place, offset: u32) {
        let task = self.call(Helper::CurrentTaskBtf, &[]);
        let (first, ended) = self.comm_word(task, 0, offset);
        self.store_at(to, Width::B8, first);
        let (yes, no) = (self.new_block(), self.new_block());
        self.branch(ended, yes, no);
        let no = self.arm(no, |b| Some(b.comm_word(task, 1, offset).0));
        let yes = self.arm(yes, |b| Some(b.iconst(0)));
        let second = self.join_value([no, yes]);
        self.store_at(to.at(8), Width::B8, second);
    }

    /// A word of the task's name, with zeros from its NUL on, and whether (not 0) it has one.
    fn comm_word(&mut self, task: Value, index: i64, offset: u32) -> (Value, Value) {
        const LOW: i64 = 0x0101_0101_0101_0101;
        const HIGH: i64 = 0x8080_8080_8080_8080_u64 as i64;
        let (index, offset) = (self.iconst(index), self.iconst(i64::from(offset)));
        let word = self.call(Helper::CommWord, &[task, index, offset]);
        // the lowest bit that is set is the highest of the first byte that is 0
        let borrowed = self.binary_const(BinOp::Sub, word, LOW);
        let inverse = self.binary_const(BinOp::Xor, word, -1);
        let candidates = self.binary(BinOp::And, borrowed, inverse);
        let ends = self.binary_const(BinOp::And, candidates, HIGH);
        // all bits below it; without one, all bits
        let below = self.binary_const(BinOp::Sub, ends, 1);
        let above = self.binary_const(BinOp::Xor, ends, -1);
        let mask = self.binary(BinOp::And, below, above);
        (self.binary(BinOp::And, word, mask), ends)
    }

    fn write_tuple(&mut self, to: Place, items: &'m [Expr], ty: &Type, fill: Fill) {
        let Some(types) = ty.items() else { return };
        let fields = Fields::new(self.m.program, types);
        let mut end = 0;
        for ((item, ty), (offset, size)) in items.iter().zip(types.iter()).zip(&fields.fields) {
            // Padding is written after what precedes it, which may write one byte too many, and never left as it
            // was.
            self.zero(to.at(end), offset - end);
            self.write(to.at(*offset), item, ty, fill);
            end = offset + size;
        }
        self.zero(to.at(end), fields.size - end);
    }

    /// Where the value of an expression that is no scalar is.
    pub fn memory(&mut self, expr: &'m Expr) -> Memory {
        match &expr.kind {
            ExprKind::Var(var) => {
                let slot = self.var_slot(*var);
                Memory { place: Place::new(self.slot_addr(slot)), temp: None }
            }
            ExprKind::Part { base, offset, .. } if !matches!(expr.ty, Type::Str { .. }) => {
                let memory = self.memory(base);
                Memory { place: memory.place.at(*offset), ..memory }
            }
            ExprKind::TupleField { base, index } => {
                let base_memory = self.memory(base);
                let offset = self.field_offset(&base.ty, *index);
                Memory { place: base_memory.place.at(offset), ..base_memory }
            }
            _ => {
                let temp = self.temp(self.size_with_room(expr, &expr.ty), "temp");
                self.write(temp.place, expr, &expr.ty, Fill::Whole);
                temp
            }
        }
    }

    fn field_offset(&self, ty: &Type, index: u32) -> u32 {
        let Some(types) = ty.items() else { return 0 };
        Fields::new(self.m.program, types).fields.get(index as usize).map_or(0, |field| field.0)
    }

    /// The scalar field of a tuple.
    pub fn scalar_field(&mut self, base: &'m Expr, index: u32) -> Value {
        let memory = self.memory(base);
        let place = memory.place.at(self.field_offset(&base.ty, index));
        let ty = base.ty.items().and_then(|types| types.get(index as usize)).cloned();
        let value = self.load_number(place, &ty.unwrap_or(Type::Int(IntType::U64)));
        self.release(memory);
        value
    }

    /// Reads a number of type `ty`.
    pub fn load_number(&mut self, place: Place, ty: &Type) -> Value {
        let int = ty.as_int().unwrap_or(IntType::U64);
        let width = Width::from_bytes(u32::from(int.size)).unwrap_or(Width::B8);
        self.load_packed(place, width, int.signed)
    }

    /// The slot of a variable that is no scalar.
    pub fn var_slot(&mut self, var: VarId) -> Slot {
        if let Some(slot) = self.vars.slot(var) {
            return slot;
        }
        let def = &self.probe.vars[var.0 as usize];
        let size = (self.size_of(&def.ty) + 1).next_multiple_of(8);
        let slot = self.func.slots.push(SlotData { size, align: 8, name: def.name.clone() });
        self.vars.set_slot(var, slot);
        slot
    }

    /// `$x = value` for a variable that is no scalar.
    pub fn set_var_memory(&mut self, var: VarId, value: &'m Expr) {
        let ty = &self.probe.vars[var.0 as usize].ty;
        let slot = self.var_slot(var);
        if value.kind == ExprKind::Var(var) {
            return;
        }
        if walk::reads_var(value, var) || self.vars.is_in_memory(var) {
            let from = self.memory(value);
            let to = Place::new(self.slot_addr(slot));
            self.convert(to, from.place, &value.ty, ty);
            self.release(from);
        } else {
            let to = Place::new(self.slot_addr(slot));
            self.write(to, value, ty, Fill::Whole);
        }
    }

    /// Copies a value of type `from_ty` as one of type `ty`: the same but for the sizes of texts.
    pub fn convert(&mut self, to: Place, from: Place, from_ty: &Type, ty: &Type) {
        match (from_ty, ty) {
            _ if from_ty == ty => self.copy(to, from, self.size_of(ty)),
            (Type::Str { size: from_size }, Type::Str { size }) if from_size <= size => {
                self.copy(to, from, *from_size);
                self.zero(to.at(*from_size), size - from_size);
            }
            (Type::Str { .. }, Type::Str { size }) => {
                self.copy(to, from, *size);
                self.count_cut(from, *size);
            }
            (Type::Buffer { .. }, Type::Buffer { .. }) => {
                let (from_size, size) = (self.size_of(from_ty), self.size_of(ty));
                self.copy(to, from, size.min(from_size));
                self.zero(to.at(from_size), size.saturating_sub(from_size));
            }
            (Type::Tuple(from_types), Type::Tuple(types))
            | (Type::Record { items: from_types, .. }, Type::Record { items: types, .. }) => {
                let from_fields = Fields::new(self.m.program, from_types);
                let fields = Fields::new(self.m.program, types);
                let mut end = 0;
                for (i, (from_ty, ty)) in from_types.iter().zip(types.iter()).enumerate() {
                    let (offset, size) = fields.fields[i];
                    self.zero(to.at(end), offset - end);
                    self.convert(to.at(offset), from.at(from_fields.fields[i].0), from_ty, ty);
                    end = offset + size;
                }
                self.zero(to.at(end), fields.size - end);
            }
            _ => self.copy(to, from, self.size_of(ty)),
        }
    }

    /// Counts text that is longer than the `size` bytes that were taken of it.
    fn count_cut(&mut self, from: Place, size: u32) {
        let next = self.load_at(from.at(size), Width::B1, false);
        let longer = self.icmp_const(Cond::Ne, next, 0);
        self.count_where(longer, Cause::Truncated);
    }
}
