//! Records: reserved in the ring, filled in place, submitted.
//!
//! What the arguments compute is computed while the record is held, so that nothing but the record's address is
//! kept; only arguments that change something are computed before, since a full ring must not undo them.

use super::func::FuncBuilder;
use super::layout;
use super::module::System;
use super::place::{Memory, Place};
use super::read::may_overrun;
use super::value::Fill;
use super::walk;
use crate::diag::{Diagnostic, codes};
use crate::ir::entities::Value;
use crate::ir::function::{BinOp, Width};
use crate::ir::helper::Helper;
use crate::sema::tree::{Expr, MapId, Stmt};
use crate::sema::types::Type;
use crate::wire::align_up;
use crate::wire::format::Format;
use crate::wire::ledger::Cause;
use crate::wire::map::{Global, MapRole, ValueKind};
use crate::wire::record::{Action, Field, Formatted, HEADER};

/// Flags of bpf_ringbuf_submit.
const NO_WAKEUP: i64 = 1;
const FORCE_WAKEUP: i64 = 2;

/// Where the fields of a record are.
pub(super) struct Layout {
    /// One an argument, in their order.
    pub(super) offsets: Vec<u32>,
    /// The whole, header included.
    pub(super) size: u32,
    /// Bytes that belong to no field: start and length.
    pub(super) gaps: Vec<(u32, u32)>,
}

/// An argument, perhaps computed already.
enum Argument<'m> {
    /// Computed when it is written.
    Later(&'m Expr),
    /// A number.
    Number(Value),
    /// In a slot.
    Memory(Memory),
}

impl<'m> FuncBuilder<'_, 'm> {
    /// `printf(format, args)`
    pub fn printf(&mut self, statement: &'m Stmt, format: &Format, args: &'m [Expr]) {
        let args: Vec<&Expr> = args.iter().collect();
        self.event(statement, &args, |args| Action::Printf { format: format.clone(), args });
    }

    /// `errorf(format, args)` and its like
    pub fn formatted(&mut self, statement: &'m Stmt, what: Formatted, format: &Format, args: &'m [Expr]) {
        let args: Vec<&Expr> = args.iter().collect();
        self.event(statement, &args, |args| Action::Formatted { what, format: format.clone(), args });
    }

    /// `print(value)`
    pub fn print_value(&mut self, statement: &'m Stmt, value: &'m Expr) {
        self.event(statement, &[value], |mut fields| Action::PrintValue { value: fields.remove(0) });
    }

    /// A record of an event; lost, and counted, when the ring is full.
    pub fn event(
        &mut self,
        statement: &'m Stmt,
        args: &[&'m Expr],
        action: impl FnOnce(Vec<Field>) -> Action,
    ) {
        let types: Vec<(&Type, bool)> = args.iter().map(|arg| (&arg.ty, may_overrun(arg))).collect();
        let layout = self.layout(&types);
        let program = self.m.program;
        let fields = || {
            let field = |(arg, offset): (&&Expr, &u32)| Field {
                offset: *offset,
                ty: layout::shape(program, &arg.ty),
            };
            args.iter().zip(&layout.offsets).map(field).collect()
        };
        let number = self.m.action(statement, || action(fields()));
        let early = args.iter().any(|arg| walk::has_effects(arg));
        let computed: Vec<Argument> = args.iter().map(|arg| self.argument(arg, early)).collect();
        self.record(number, &layout, |b, record| {
            for ((arg, expr), offset) in computed.iter().zip(args).zip(&layout.offsets) {
                b.write_argument(Place::new(record).at(*offset), arg, &expr.ty);
            }
        });
        for arg in computed {
            if let Argument::Memory(memory) = arg {
                self.release(memory);
            }
        }
    }

    /// `print(@m[key])`
    pub fn print_entry(&mut self, statement: &'m Stmt, map: MapId, key: &'m Expr) {
        let info = self.info(map);
        let value_ty = self.plain_type(map);
        let key_ty = info.key.clone().unwrap_or(Type::None);
        let number_ty = Type::Int(crate::sema::types::IntType::U64);
        // A map's numbers take 8 bytes.
        let record_ty = if value_ty.is_scalar() { &number_ty } else { value_ty };
        let layout = self.layout(&[(&key_ty, false), (record_ty, false)]);
        let number = {
            let spec = self.m.spec(info.map);
            let (key, value) = match &spec.role {
                MapRole::User { key: Some(key), value: ValueKind::Plain(value), .. } => {
                    (key.clone(), value.clone())
                }
                _ => return,
            };
            let [key_at, value_at] = [layout.offsets[0], layout.offsets[1]];
            self.m.action(statement, || Action::PrintEntry {
                map: map.0 as usize,
                key: Field { offset: key_at, ty: key },
                value: Field { offset: value_at, ty: value },
            })
        };
        let key = self.key(&info, Some(key));
        self.record(number, &layout, |b, record| {
            let [key_at, value_at] =
                [layout.offsets[0], layout.offsets[1]].map(|at| Place::new(record).at(at));
            b.copy(key_at, key.place, info.key_size);
            let found = b.find(&info, key);
            let size = b.size_of(record_ty);
            let from = Place::new(found.value);
            let Some(missing) = found.missing else { return b.copy(value_at, from, size) };
            let there = b.region(|b| {
                b.copy(value_at, from, size);
                None
            });
            let not_there = b.arm(missing, |b| {
                b.zero(value_at, size);
                None
            });
            b.join([there, not_there]);
        });
        self.release(key);
    }

    /// A record that must not be lost: when the ring is full its action's counter tells the runtime.
    pub fn control(&mut self, statement: &'m Stmt, action: impl FnOnce() -> Action) {
        let number = self.m.action(statement, action);
        let control = self.m.system(System::Control);
        let (full, done) = (self.new_block(), self.new_block());
        let record = self.reserve(HEADER);
        let record = self.non_null(record, full);
        self.write_header(record, number);
        let flags = self.iconst(FORCE_WAKEUP);
        self.call(Helper::RingSubmit, &[record, flags]);
        self.jump(done, &[]);
        self.enter_cold(full);
        let counter = self.map_value_addr(control, number * 8);
        let one = self.iconst(1);
        self.atomic_add(counter, 0, one);
        self.jump(done, &[]);
        self.enter(done);
    }

    pub(super) fn record(&mut self, action: u32, layout: &Layout, fill: impl FnOnce(&mut Self, Value)) {
        self.check_size(layout.size);
        let full = self.new_block();
        let record = self.reserve(layout.size);
        let record = self.non_null(record, full);
        let written = self.region(|b| {
            b.write_header(record, action);
            for (start, len) in &layout.gaps {
                b.zero(Place::new(record).at(*start), *len);
            }
            fill(b, record);
            b.submit_event(record);
            None
        });
        let lost = self.cold_arm(full, |b| {
            b.count(Cause::RingFull);
            None
        });
        self.join([written, lost]);
    }

    /// The kernel wants whole pages twice over: a record of more than a quarter of the ring could hardly ever be
    /// reserved.
    fn check_size(&mut self, size: u32) {
        let limit = self.m.facts.ring_bytes() / 4;
        if size > limit {
            self.m.sink.push(
                Diagnostic::error(codes::TOO_LARGE, format!("an event of {size} bytes"))
                    .at(self.span, "")
                    .note(format!("the ring takes events of up to {limit} bytes")),
            );
        }
    }

    pub(super) fn write_header(&mut self, record: Value, action: u32) {
        let header = u64::from(action) | u64::from(self.probe.clause) << 32;
        let header = self.iconst(header as i64);
        self.store(Width::B8, record, 0, header);
    }

    /// Submits without a wakeup (1), or with one (2) while the runtime sleeps.
    pub(super) fn submit_event(&mut self, record: Value) {
        let globals = self.m.system(System::Globals);
        let asleep = self.map_value_addr(globals, Global::Asleep as u32 * 8);
        let asleep = self.load(Width::B8, false, asleep, 0);
        let flags = self.binary_const(BinOp::Add, asleep, NO_WAKEUP);
        self.call(Helper::RingSubmit, &[record, flags]);
    }

    fn argument(&mut self, arg: &'m Expr, early: bool) -> Argument<'m> {
        if !early {
            Argument::Later(arg)
        } else if arg.ty.is_scalar() {
            Argument::Number(self.int(arg))
        } else {
            let temp = self.temp(self.size_with_room(arg, &arg.ty), "temp");
            self.write(temp.place, arg, &arg.ty, Fill::Whole);
            Argument::Memory(temp)
        }
    }

    fn write_argument(&mut self, to: Place, arg: &Argument<'m>, ty: &Type) {
        match arg {
            Argument::Later(expr) => self.write(to, expr, ty, Fill::Text),
            Argument::Number(value) => self.write_number(to, *value, ty),
            Argument::Memory(memory) => self.copy(to, memory.place, self.size_of(ty)),
        }
    }

    /// Fields by alignment, the largest first, so that none needs padding before it. Text counts as aligned to 8
    /// when it is long: it is copied by words. `true` stands for text that may write one byte too many.
    fn layout(&self, types: &[(&Type, bool)]) -> Layout {
        let sized = |(ty, _): &(&Type, bool)| {
            let (size, align) = layout::size_align(self.m.program, ty);
            (size, if size >= 8 { 8 } else { align })
        };
        let sizes: Vec<(u32, u32)> = types.iter().map(sized).collect();
        let mut order: Vec<usize> = (0..sizes.len()).collect();
        order.sort_by_key(|i| std::cmp::Reverse(sizes[*i].1));
        // `end` is where the last field's type ends, `free` where what it may write ends.
        let (mut offsets, mut gaps, mut end, mut free) = (vec![0; sizes.len()], Vec::new(), HEADER, HEADER);
        let mut place = |align: u32, size: u32, overruns: bool| {
            let start = align_up(free, align);
            if start > end {
                gaps.push((end, start - end));
            }
            (end, free) = (start + size, start + size + u32::from(overruns));
            start
        };
        for i in order {
            let (size, align) = sizes[i];
            offsets[i] = place(align, size, types[i].1);
        }
        let size = place(8, 0, false);
        Layout { offsets, size, gaps }
    }
}
