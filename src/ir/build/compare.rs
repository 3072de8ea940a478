//! Equality of texts, tuples and arrays: by words, never byte by byte.
//!
//! Texts are zero from their NUL on (in slots and in maps), so texts of equal size are equal when all their
//! bytes are; of different sizes, when the shorter one's bytes are equal and the longer one ends there too. A
//! literal is compared with its NUL and the rest of that word.

use super::func::FuncBuilder;
use super::place::{Memory, Place, words};
use super::read::TextSource;
use crate::ir::entities::Block;
use crate::ir::function::{Cond, InstData, Type as IrType, Width};
use crate::sema::tree::{Expr, ExprKind};
use crate::sema::types::Type;

impl<'m> FuncBuilder<'_, 'm> {
    /// Ends the current block by whether two texts or tuples are equal.
    pub fn branch_equal(&mut self, left: &'m Expr, right: &'m Expr, equal: Block, different: Block) {
        match (&left.kind, &right.kind) {
            (ExprKind::Str(l), ExprKind::Str(r)) => self.jump(if l == r { equal } else { different }, &[]),
            (_, ExprKind::Str(literal)) => self.branch_literal(left, literal, equal, different),
            (ExprKind::Str(literal), _) => self.branch_literal(right, literal, equal, different),
            _ => self.branch_memory(left, right, equal, different),
        }
    }

    fn branch_memory(&mut self, left: &'m Expr, right: &'m Expr, equal: Block, different: Block) {
        let (l, r) = (self.memory(left), self.memory(right));
        self.count_faults();
        self.compare(l.place, r.place, &left.ty, &right.ty, different);
        self.jump(equal, &[]);
        self.release(l);
        self.release(r);
    }

    /// Goes on where two values in memory are equal; leaves for `different` where they are not.
    fn compare(&mut self, left: Place, right: Place, left_ty: &Type, right_ty: &Type, different: Block) {
        match (left_ty, right_ty) {
            (Type::Str { size: l }, Type::Str { size: r }) if l > r => {
                self.compare(right, left, right_ty, left_ty, different);
            }
            (Type::Str { size: short }, Type::Str { size: long }) => {
                self.compare_bytes(left, right, *short, different);
                if short < long {
                    let next = self.load_at(right.at(*short), Width::B1, false);
                    let ends = self.icmp_const(Cond::Eq, next, 0);
                    self.go_on_if(ends, different);
                }
            }
            // Their lengths are in front, and zeros behind: what is longer than the shorter has another length.
            (Type::Buffer { size: l }, Type::Buffer { size: r }) => {
                self.compare_bytes(left, right, 4 + l.min(r), different);
            }
            (Type::Tuple(left_types), Type::Tuple(right_types))
            | (Type::Record { items: left_types, .. }, Type::Record { items: right_types, .. })
                if left_ty != right_ty =>
            {
                let program = self.m.program;
                let offsets = |types: &[Type]| super::layout::Fields::new(program, types).fields;
                let (left_fields, right_fields) = (offsets(left_types), offsets(right_types));
                for (i, (l, r)) in left_types.iter().zip(right_types.iter()).enumerate() {
                    let (left, right) = (left.at(left_fields[i].0), right.at(right_fields[i].0));
                    self.compare(left, right, l, r, different);
                }
            }
            _ => {
                let size = self.size_of(left_ty);
                self.compare_bytes(left, right, size, different);
            }
        }
    }

    fn compare_bytes(&mut self, left: Place, right: Place, len: u32, different: Block) {
        let equal = self.inst(
            InstData::MemEq {
                left: left.base,
                left_offset: left.offset,
                right: right.base,
                right_offset: right.offset,
                len,
            },
            IrType::Int,
        );
        self.go_on_if(equal, different);
    }

    /// Goes on in a new block where a condition holds.
    pub fn go_on_if(&mut self, cond: crate::ir::entities::Value, otherwise: Block) {
        let on = self.new_block();
        self.branch(cond, on, otherwise);
        self.enter(on);
    }

    fn branch_literal(&mut self, text: &'m Expr, literal: &[u8], equal: Block, different: Block) {
        let size = self.size_of(&text.ty);
        let memory = self.text_start(text, literal.len() as u32 + 1);
        self.count_faults();
        let mut wanted = literal.to_vec();
        wanted.push(0);
        // Behind its NUL text is zero: whole words say the same in fewer comparisons. A literal that leaves no
        // room for a NUL equals text that was cut there.
        let last = wanted.len() % 8;
        wanted.resize(wanted.len() - last + if last == 0 { 0 } else { last.next_power_of_two() }, 0);
        wanted.truncate(size as usize);
        if literal.len() > wanted.len() {
            self.jump(different, &[]);
        } else {
            for (offset, width, word) in words(&wanted, memory.place.align) {
                let found = self.load_at(memory.place.at(offset), width, false);
                let same = self.icmp_const(Cond::Eq, found, unsigned(word, width));
                self.go_on_if(same, different);
            }
            self.jump(equal, &[]);
        }
        self.release(memory);
    }

    /// The text, of which only the first `count` bytes matter: no more is read of what must be read.
    fn text_start(&mut self, text: &'m Expr, count: u32) -> Memory {
        let Some(source) = self.text_source(text) else { return self.memory(text) };
        let size = self.size_of(&text.ty).min(count);
        let temp = self.temp(size + 1, "temp");
        self.zero(temp.place, (size + 1).next_multiple_of(8));
        // Whether it was cut behind those bytes makes no difference: read as an array, it is not counted.
        self.read_text(temp.place, size, TextSource { array: true, ..source });
        temp
    }
}

fn unsigned(word: i64, width: Width) -> i64 {
    match width {
        Width::B8 => word,
        _ => word & ((1 << (8 * width.bytes())) - 1),
    }
}
