//! `join`: an array of texts, read in a loop right into the record.

use super::func::FuncBuilder;
use super::place::Place;
use super::record::Layout;
use crate::ir::entities::Value;
use crate::ir::function::{BinOp, Cond, Type as IrType, Width};
use crate::ir::helper::Helper;
use crate::sema::tree::{Expr, Stmt};
use crate::sema::types::Space;
use crate::wire::record::{Action, Field, HEADER, JOIN_SIZE, JOIN_TEXTS};
use crate::wire::types::DataType;

/// Where the texts begin: behind their number.
const TEXTS: u32 = HEADER + 8;

impl<'m> FuncBuilder<'_, 'm> {
    /// Reads up to [`JOIN_TEXTS`] texts; a null pointer or a fault ends them.
    pub fn join_texts(&mut self, statement: &'m Stmt, array: &'m Expr, space: Space, separator: &str) {
        let number = self.m.action(statement, || {
            let text = DataType::Str { size: JOIN_SIZE };
            Action::Join {
                count: Field { offset: HEADER, ty: DataType::Int { size: 8, signed: false } },
                texts: Field {
                    offset: TEXTS,
                    ty: DataType::Array { element: text.into(), count: JOIN_TEXTS },
                },
                separator: separator.to_owned(),
            }
        });
        let array = self.int(array);
        self.count_faults();
        let layout = Layout { offsets: Vec::new(), size: TEXTS + JOIN_TEXTS * JOIN_SIZE, gaps: Vec::new() };
        self.record(number, &layout, |b, record| {
            b.zero(Place::new(record).at(TEXTS), JOIN_TEXTS * JOIN_SIZE);
            let count = b.read_texts(array, space, record);
            b.store(Width::B8, record, HEADER as i32, count);
        });
    }

    /// Gives how many there were.
    fn read_texts(&mut self, array: Value, space: Space, record: Value) -> Value {
        let (pointer_helper, text_helper) = match space {
            Space::User => (Helper::ProbeReadUser, Helper::ProbeReadUserStr),
            _ => (Helper::ProbeReadKernel, Helper::ProbeReadKernelStr),
        };
        let (head, body, text, next, done) =
            (self.new_block(), self.new_block(), self.new_block(), self.new_block(), self.new_block());
        let pointer = self.temp(8, "pointer");
        let texts = self.address(Place::new(record).at(TEXTS));
        let zero = self.iconst(0);
        self.jump(head, &[zero]);
        self.enter(head);
        let index = self.func.add_param(head, IrType::Int);
        let more = self.icmp_const(Cond::Ne, index, i64::from(JOIN_TEXTS));
        self.branch(more, body, done);
        self.enter(body);
        let distance = self.binary_const(BinOp::Shl, index, 3);
        let at = self.binary(BinOp::Add, array, distance);
        let (to, size) = (self.address(pointer.place), self.iconst(8));
        // all zero when it faults
        self.call(pointer_helper, &[to, size, at]);
        let from = self.load_at(pointer.place, Width::B8, false);
        self.branch(from, text, done);
        self.enter(text);
        let to = self.element(texts, index, JOIN_TEXTS, JOIN_SIZE);
        let size = self.iconst(i64::from(JOIN_SIZE));
        let length = self.call(text_helper, &[to, size, from]);
        let read = self.icmp_const(Cond::Sge, length, 0);
        self.branch(read, next, done);
        self.enter(next);
        let step = self.binary_const(BinOp::Add, index, 1);
        self.jump(head, &[step]);
        self.enter(done);
        self.release(pointer);
        index
    }
}
