//! The textual form of the IR, and its printer.
//!
//! One line an instruction; `;` begins a comment. [`super::parse`] reads it back: what is printed again from what was
//! parsed is the same text. A module begins with its maps:
//!
//! ```text
//! map0 = hash "AT_start" key 4 value 8 entries 4096 role user "@start"
//! map1 = swapped percpu_array "AT_n" key 4 value 8 entries 1 role user "@n" keyless
//! map2 = ring "bt_ring" key 0 value 0 entries 262144 role ring
//! ```
//!
//! after the entries also `on_demand`, `mmap` and `len 3` (the counter's word) where they hold; the other roles are
//! `ledger`, `control`, `globals`, `scratch` and `zeros`. Functions follow:
//!
//! ```text
//! function vfs_read kprobe clause 0 {
//!     slot0 = 4 align 4 "key"              ; frame objects: bytes, alignment, name
//!
//! block0(v0: ctx):                         ; the entry; its parameter is the context
//!     v1 = call get_current_pid_tgid()     ; results without a type are integers
//!     v2 = zext32 v1
//!     v3: slot0 = slot_addr slot0          ; a pointer to slot0
//!     store.u32 [v3], v2
//!     v4: map0 = map_addr map0             ; a map
//!     v5: map0.value? = call map_lookup_elem(v4, v3)
//!     br_null v5, block2, block1           ; null first
//!
//! block1:
//!     v6: map0.value = non_null v5
//!     v7 = load.u64 [v6]
//!     v8 = const 1
//!     v9 = add v7, v8
//!     v10 = icmp.ult v9, v7
//!     branch v10, block2, block3(v9)       ; not 0 first; arguments for the target's parameters
//!
//! block2:
//!     v11 = const 0
//!     return v11
//!
//! block3(v12: int):
//!     return v12
//! }
//! ```
//!
//! The other instructions:
//!
//! ```text
//! v1: map0.value = map_value_addr map0 + 8
//! v2: slot0 = ptr_add v1, 4
//! v3: slot0 = ptr_index v1, v9, count 16, scale 8            ; `in_bounds` at the end when it is
//! v4 = context_addr v0, v9
//! v4 = address v7                                            ; of a slot or map value, as a number
//! v4 = clamp v9, 64                                          ; the smaller of both, unsigned
//! v5 = load.i32 [v3 + 4]                                     ; u8 u16 u32 u64, sign-extended i8 i16 i32
//! zero [v3 + 4], 12
//! copy [v3], [v1 + 8], 16                                    ; to, from, bytes
//! v6 = mem_eq [v3], [v1], 16
//! atomic_add.u64 [v1], v9
//! v7 = atomic_fetch_add.u64 [v1], v9
//! v8 = atomic_cmpxchg.u64 [v1], v9, v7                       ; what is expected, what replaces it
//! collect v4, v5, map2, 4096                                 ; map, state, into, capacity
//! jump block1(v1, v2)
//! ```
//!
//! Types: `int`, `ctx`, `slotN`, `mapN`, `mapN.value`, `mapN.inner`, `record(BYTES)`; a `?` behind says "or null".
//! Spans, where asked for, stand in a comment behind the instruction: `; @file:start-end`, and without `file:` in
//! file 0. Aliases are printed as what they stand for. Numbers of values, blocks and slots survive the round trip.
//! Not in the text: attach points, actions, clauses' texts, and the shapes of keys and values.

use std::fmt::{self, Write};

use super::entities::{Block, Inst, Value};
use super::function::{Function, InstData, Target, Terminator, Type};
use super::module::Module;
use super::names::Words;
use crate::source::Span;
use crate::wire::front::Layout;
use crate::wire::map::{MapRole, MapSpec};

/// What to print.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Spans behind instructions.
    pub spans: bool,
}

/// The text of a module.
pub fn module(module: &Module, options: Options) -> String {
    let mut out = String::new();
    for (map, spec) in module.maps.iter() {
        let _ = writeln!(out, "{map} = {}", MapText(spec));
    }
    for (index, program) in module.programs.iter().enumerate() {
        if index > 0 || !module.maps.is_empty() {
            out.push('\n');
        }
        out.push_str(&function(&program.function, options));
    }
    out
}

/// The text of a function.
pub fn function(func: &Function, options: Options) -> String {
    let mut out = String::new();
    let _ = Printer { func, options, out: &mut out }.function();
    out
}

impl fmt::Display for Module {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&module(self, Options::default()))
    }
}

impl fmt::Display for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&function(self, Options::default()))
    }
}

/// The text of one instruction, without its span, for messages.
pub fn inst(func: &Function, inst: Inst) -> String {
    let mut out = String::new();
    let _ = Printer { func, options: Options::default(), out: &mut out }.inst(inst);
    out
}

/// The text of a block's terminator, for messages.
pub fn terminator(func: &Function, block: Block) -> String {
    let mut out = String::new();
    if let Some(terminator) = &func.blocks[block].terminator {
        let _ = Printer { func, options: Options::default(), out: &mut out }.terminator(terminator);
    }
    out
}

struct MapText<'a>(&'a MapSpec);

impl fmt::Display for MapText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let spec = self.0;
        write!(f, "{}", spec.kind.word())?;
        if let Some(inner) = spec.inner {
            write!(f, " {}", inner.word())?;
        }
        let MapSpec { name, key_size, value_size, max_entries, .. } = spec;
        write!(f, " {name:?} key {key_size} value {value_size} entries {max_entries}")?;
        if spec.on_demand {
            write!(f, " on_demand")?;
        }
        if spec.mmap {
            write!(f, " mmap")?;
        }
        if let Some(word) = spec.len_counter {
            write!(f, " len {word}")?;
        }
        match &spec.role {
            MapRole::User { name, key, .. } => {
                write!(f, " role user {name:?}{}", if key.is_none() { " keyless" } else { "" })
            }
            MapRole::Ring => write!(f, " role ring"),
            MapRole::Ledger => write!(f, " role ledger"),
            MapRole::Control => write!(f, " role control"),
            MapRole::Globals => write!(f, " role globals"),
            MapRole::Scratch => write!(f, " role scratch"),
            MapRole::Zeros => write!(f, " role zeros"),
            MapRole::Front { of, layout: Layout { key, words } } => {
                write!(f, " role front map{of} key {key} words {words}")
            }
            MapRole::Keys => write!(f, " role keys"),
            MapRole::Stacks { frame } => write!(f, " role stacks {frame}"),
        }
    }
}

/// `[base + offset]`
struct Place(Value, i64);

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.1 {
            0 => write!(f, "[{}]", self.0),
            offset if offset < 0 => write!(f, "[{} - {}]", self.0, offset.unsigned_abs()),
            offset => write!(f, "[{} + {offset}]", self.0),
        }
    }
}

struct Printer<'a> {
    func: &'a Function,
    options: Options,
    out: &'a mut String,
}

impl Printer<'_> {
    fn function(&mut self) -> fmt::Result {
        let func = self.func;
        writeln!(self.out, "function {} {} clause {} {{", func.name, func.kind.word(), func.clause)?;
        for (slot, data) in func.slots.iter().filter(|(_, data)| data.size > 0) {
            writeln!(self.out, "    {slot} = {} align {} {:?}", data.size, data.align, data.name)?;
        }
        for &block in &func.layout {
            self.out.push('\n');
            self.block(block)?;
        }
        writeln!(self.out, "}}")
    }

    fn block(&mut self, block: Block) -> fmt::Result {
        let data = &self.func.blocks[block];
        write!(self.out, "{block}")?;
        if !data.params.is_empty() {
            let params: Vec<_> =
                data.params.iter().map(|&param| format!("{param}: {}", self.func.type_of(param))).collect();
            write!(self.out, "({})", params.join(", "))?;
        }
        writeln!(self.out, ":")?;
        for &inst in &data.insts {
            self.out.push_str("    ");
            self.inst(inst)?;
            self.end_line(self.func.spans[inst])?;
        }
        if let Some(terminator) = &data.terminator {
            self.out.push_str("    ");
            self.terminator(terminator)?;
            self.end_line(data.terminator_span)?;
        }
        Ok(())
    }

    fn end_line(&mut self, span: Span) -> fmt::Result {
        if self.options.spans && !span.is_synthetic() {
            write!(self.out, "  ; @")?;
            if span.file.0 != 0 {
                write!(self.out, "{}:", span.file.0)?;
            }
            write!(self.out, "{}-{}", span.start, span.end)?;
        }
        writeln!(self.out)
    }

    fn inst(&mut self, inst: Inst) -> fmt::Result {
        if let Some(result) = self.func.result(inst) {
            match self.func.type_of(result) {
                Type::Int => write!(self.out, "{result} = ")?,
                ty => write!(self.out, "{result}: {ty} = ")?,
            }
        }
        let mut data = self.func.insts[inst].clone();
        data.map_operands(|value| self.func.resolve(value));
        self.data(&data)
    }

    fn data(&mut self, data: &InstData) -> fmt::Result {
        let out = &mut *self.out;
        match data {
            InstData::Const(number) => write!(out, "const {number}"),
            InstData::Unary { op, arg } => write!(out, "{} {arg}", op.word()),
            InstData::Binary { op, left, right } => write!(out, "{} {left}, {right}", op.word()),
            InstData::Icmp { cond, left, right } => write!(out, "icmp.{} {left}, {right}", cond.word()),
            InstData::SlotAddr { slot } => write!(out, "slot_addr {slot}"),
            InstData::MapAddr { map } => write!(out, "map_addr {map}"),
            InstData::MapValueAddr { map, offset } => write!(out, "map_value_addr {map} + {offset}"),
            InstData::PtrAdd { base, offset } => write!(out, "ptr_add {base}, {offset}"),
            InstData::PtrIndex { base, index, count, scale, in_bounds } => {
                write!(out, "ptr_index {base}, {index}, count {count}, scale {scale}")?;
                out.write_str(if *in_bounds { ", in_bounds" } else { "" })
            }
            InstData::Address { base } => write!(out, "address {base}"),
            InstData::Clamp { arg, max } => write!(out, "clamp {arg}, {max}"),
            InstData::ContextAddr { base, offset } => write!(out, "context_addr {base}, {offset}"),
            InstData::NonNull { arg } => write!(out, "non_null {arg}"),
            _ => self.memory_data(data),
        }
    }

    fn memory_data(&mut self, data: &InstData) -> fmt::Result {
        let out = &mut *self.out;
        match data {
            InstData::Load { width, signed, base, offset } => {
                let word = if *signed { width.word().replace('u', "i") } else { width.word().to_owned() };
                write!(out, "load.{word} {}", Place(*base, (*offset).into()))
            }
            InstData::Store { width, base, offset, value } => {
                write!(out, "store.{} {}, {value}", width.word(), Place(*base, (*offset).into()))
            }
            InstData::Zero { base, offset, len } => {
                write!(out, "zero {}, {len}", Place(*base, (*offset).into()))
            }
            InstData::Copy { to, to_offset, from, from_offset, len } => {
                let (to, from) = (Place(*to, (*to_offset).into()), Place(*from, (*from_offset).into()));
                write!(out, "copy {to}, {from}, {len}")
            }
            InstData::MemEq { left, left_offset, right, right_offset, len } => {
                let (left, right) =
                    (Place(*left, (*left_offset).into()), Place(*right, (*right_offset).into()));
                write!(out, "mem_eq {left}, {right}, {len}")
            }
            InstData::AtomicAdd { width, base, offset, value } => {
                write!(out, "atomic_add.{} {}, {value}", width.word(), Place(*base, (*offset).into()))
            }
            InstData::Rounds { sub } => write!(out, "rounds sub{sub}"),
            InstData::CallSub { sub } => write!(out, "call_sub sub{sub}"),
            InstData::CallImport { function, args } => {
                write!(out, "call_import {function}{}", Args(args, true))
            }
            InstData::Collect { map, state, into, capacity } => {
                write!(out, "collect {map}, {state}, {into}, {capacity}")
            }
            InstData::AtomicFetchAdd { width, base, offset, value } => {
                write!(out, "atomic_fetch_add.{} {}, {value}", width.word(), Place(*base, (*offset).into()))
            }
            InstData::AtomicCmpXchg { base, offset, expected, value } => {
                let place = Place(*base, (*offset).into());
                write!(out, "atomic_cmpxchg.u64 {place}, {expected}, {value}")
            }
            InstData::Call { helper, args } => write!(out, "call {}{}", helper.name(), Args(args, true)),
            _ => Ok(()),
        }
    }

    fn terminator(&mut self, terminator: &Terminator) -> fmt::Result {
        let mut terminator = terminator.clone();
        terminator.map_operands(|value| self.func.resolve(value));
        let out = &mut *self.out;
        match &terminator {
            Terminator::Jump(target) => write!(out, "jump {target}"),
            Terminator::Branch { cond, then, otherwise } => write!(out, "branch {cond}, {then}, {otherwise}"),
            Terminator::BrNull { ptr, null, non_null } => write!(out, "br_null {ptr}, {null}, {non_null}"),
            Terminator::MayGo { go, stop } => write!(out, "may_go {go}, {stop}"),
            Terminator::Return(value) => write!(out, "return {value}"),
        }
    }
}

/// `(v1, v2)`; of an empty list nothing, or `()` where asked.
struct Args<'a>(&'a [Value], bool);

impl fmt::Display for Args<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() && !self.1 {
            return Ok(());
        }
        let words: Vec<_> = self.0.iter().map(Value::to_string).collect();
        write!(f, "({})", words.join(", "))
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.block, Args(&self.args, false))
    }
}
