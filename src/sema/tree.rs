//! The typed tree: the script with every name resolved, every type known, every implicit conversion a node. (contract)
//!
//! Invariants, on which `ir::build` relies:
//! - operands of arithmetic, bit and comparison operators have the same integer type (shift counts apart), the
//!   type of the operation; conversions are `Cast` nodes;
//! - a condition (predicate, `if`, `&&`, `||`, `!`, ternary) is any scalar expression; true when not 0;
//! - keys and values have exactly the type of their map, but strings, which may be shorter (never longer);
//! - scratch variables are unique ids: scopes are gone;
//! - compound assignments and steps are nodes of their own on maps (they may be atomic) and plain assignments on
//!   variables;
//! - every attach point exists and all attach points of a probe are of one program kind.

use serde::{Deserialize, Serialize};

use super::types::{Space, StructId, Type};
use crate::source::Span;
use crate::wire::format::Format;

pub use super::aggregation::Aggregate;
pub use super::builtins::{Builtin, Function, Imported, StackSpec};
pub use super::storage::Storage;
pub use crate::syntax::ast::BinaryOp;
pub use crate::wire::record::Formatted as FormattedAs;

/// A map of the script.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MapId(pub u32);

/// A scratch variable of a probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct VarId(pub u32);

/// A typed script.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Program {
    /// One entry a program: a probe block of the script may give several.
    pub probes: Vec<Probe>,
    /// Probe blocks of the script: the clauses of the ledger. The text is that of the attach points, for the footer.
    pub clauses: Vec<String>,
    /// Maps, by [`MapId`].
    pub maps: Vec<Map>,
    /// Structs and unions that types name, by [`StructId`].
    pub structs: Vec<Struct>,
    /// Names that the `probe` builtin may give, by index.
    pub probe_names: Vec<String>,
    /// Formats and patterns that names of numbers index.
    pub texts: Vec<String>,
    /// Functions of imported objects that the script calls; [`Function::Imported`] indexes them.
    pub imports: Vec<Imported>,
    /// Names that imported objects define, and programs cannot have.
    pub taken: Vec<String>,
}

/// A struct or union, as far as needed to print it and to know its size.
#[derive(Clone, Debug, PartialEq)]
pub struct Struct {
    /// With `struct` or `union`.
    pub name: String,
    /// Bytes.
    pub size: u32,
    /// In order.
    pub fields: Vec<Field>,
}

/// A field of a [`Struct`].
#[derive(Clone, Debug, PartialEq)]
pub struct Field {
    /// Empty for an anonymous member.
    pub name: String,
    /// Bytes from the struct's start, to the storage unit for a bit field.
    pub offset: u32,
    /// For a bit field: first bit within the unit, and width.
    pub bits: Option<(u8, u8)>,
    /// Its type.
    pub ty: Type,
}

/// A map and how the script uses it: the representation follows from this.
#[derive(Clone, Debug, PartialEq)]
pub struct Map {
    /// With `@`.
    pub name: String,
    /// First use.
    pub span: Span,
    /// Type of the key; None for a keyless map.
    pub key: Option<Type>,
    /// Type of the value.
    pub value: MapValue,
    /// Cleared or zeroed by the script while it runs (`clear`, `zero`).
    pub cleared: bool,
    /// `len` is asked of it.
    pub measured: bool,
    /// Entries at most.
    pub max_entries: u32,
    /// What the script declares it to be; None when it is not declared.
    pub storage: Option<Storage>,
    /// The name in bpffs under which the map outlives the run.
    pub pin: Option<String>,
}

/// Type of a map's value.
#[derive(Clone, Debug, PartialEq)]
pub enum MapValue {
    /// An ordinary value; integers are kept in 64 bits.
    Plain(Type),
    /// An aggregation. `signed` tells how values are compared and printed.
    Aggregate(Aggregate),
}

/// What kind of program a probe is. Decides the kernel's program type and the meaning of the context.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ProbeKind {
    /// `begin`
    Begin,
    /// `end`
    End,
    /// `interval`
    Interval,
    /// `profile`
    Profile,
    /// `tracepoint`; the context is the record of the format file.
    Tracepoint,
    /// `kprobe`; the context is pt_regs.
    Kprobe,
    /// `kretprobe`; the context is pt_regs.
    Kretprobe,
    /// `uprobe`; the context is pt_regs.
    Uprobe,
    /// `uretprobe`; the context is pt_regs.
    Uretprobe,
    /// `usdt`; the context is pt_regs.
    Usdt,
    /// `self:signal:…`: run by hand when the run gets a signal.
    SelfSignal,
    /// `test`: run by hand under `--test`.
    Test,
    /// `bench`: run by hand under `--bench`.
    Bench,
    /// `software`
    Software,
    /// `hardware`
    Hardware,
    /// `rawtracepoint`; the context is the tracepoint's arguments, 8 bytes each.
    Rawtracepoint,
    /// `fentry`; the context is the function's arguments, 8 bytes each.
    Fentry,
    /// `fexit`; as `fentry`, with the result behind the arguments.
    Fexit,
    /// `iter`; the context is the iterator's struct.
    Iter,
    /// `watchpoint`
    Watchpoint,
}

impl ProbeKind {
    /// As in attach points.
    pub fn name(self) -> &'static str {
        match self {
            ProbeKind::Begin => "begin",
            ProbeKind::End => "end",
            ProbeKind::Interval => "interval",
            ProbeKind::Profile => "profile",
            ProbeKind::Tracepoint => "tracepoint",
            ProbeKind::Kprobe => "kprobe",
            ProbeKind::Kretprobe => "kretprobe",
            ProbeKind::Uprobe => "uprobe",
            ProbeKind::Uretprobe => "uretprobe",
            ProbeKind::Usdt => "usdt",
            ProbeKind::SelfSignal => "self",
            ProbeKind::Test => "test",
            ProbeKind::Bench => "bench",
            ProbeKind::Software => "software",
            ProbeKind::Hardware => "hardware",
            ProbeKind::Rawtracepoint => "rawtracepoint",
            ProbeKind::Fentry => "fentry",
            ProbeKind::Fexit => "fexit",
            ProbeKind::Iter => "iter",
            ProbeKind::Watchpoint => "watchpoint",
        }
    }

    /// Run by the runtime alone, never attached.
    pub fn is_run_by_hand(self) -> bool {
        use ProbeKind::{Begin, Bench, End, SelfSignal, Test};
        matches!(self, Begin | End | SelfSignal | Test | Bench)
    }

    /// Verified against the kernel's types: what such a program reads from its context may be a typed pointer, on
    /// which the verifier allows no arithmetic until it has been made a number.
    pub fn has_typed_context(self) -> bool {
        matches!(self, ProbeKind::Fentry | ProbeKind::Fexit | ProbeKind::Iter)
    }

    /// The program belongs to one function of the kernel: each attach point needs one of its own.
    pub fn is_bound_to_target(self) -> bool {
        self.has_typed_context()
    }
}

impl UserPlace {
    /// The file that the offset is of: the archive of what lies in one.
    pub fn file(&self) -> &str {
        self.path.split_once("!/").map_or(&self.path, |(archive, _)| archive)
    }
}

impl ProbeKind {
    /// Stops programs and libraries, not the kernel.
    pub fn in_user_space(self) -> bool {
        matches!(self, ProbeKind::Uprobe | ProbeKind::Uretprobe | ProbeKind::Usdt)
    }
}

/// A place in a program or library.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserPlace {
    /// The file, as the kernel can open it for us; of an archive `file!/name`.
    pub path: String,
    /// The function as people write it; empty where it is not known.
    pub function: String,
    /// Bytes from the start of the file.
    pub offset: u64,
    /// Bytes from the start of the file to the counter that switches a static probe on; 0 when there is none.
    pub semaphore: u64,
    /// Only in this process.
    pub pid: Option<u32>,
}

/// One place to attach to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Attach {
    /// Run once at the start.
    Begin,
    /// Run once at the end.
    End,
    /// Every `period` ns on one CPU.
    Interval {
        /// Nanoseconds.
        period: u64,
    },
    /// On every CPU.
    Profile {
        /// Nanoseconds between samples, or None with `frequency`.
        period: Option<u64>,
        /// Samples per second.
        frequency: Option<u64>,
    },
    /// A tracepoint.
    Tracepoint {
        /// e.g. `syscalls`
        category: String,
        /// e.g. `sys_enter_openat`
        event: String,
    },
    /// Entry of a kernel function, or an instruction within.
    Kprobe {
        /// The symbol.
        function: String,
        /// Only the one of this module.
        module: Option<String>,
        /// Bytes from the start.
        offset: u64,
    },
    /// Return of a kernel function.
    Kretprobe {
        /// The symbol.
        function: String,
        /// Only the one of this module.
        module: Option<String>,
    },
    /// An instruction of a program, before it runs.
    Uprobe(UserPlace),
    /// The return of a program's function; the place is its first instruction.
    Uretprobe(UserPlace),
    /// A static probe of a program.
    Usdt(UserPlace),
    /// An instruction of the kernel by its address (`kprobe:0x…`), or the function there at its return.
    Address {
        /// In the kernel.
        address: u64,
        /// At return, as against there.
        at_return: bool,
    },
    /// When this process gets a signal.
    Signal {
        /// Its number.
        number: i32,
    },
    /// Run by `--test`.
    Test,
    /// Run by `--bench`.
    Bench,
    /// Counted by the kernel itself.
    Software {
        /// PERF_COUNT_SW_…
        event: u32,
        /// Every so many.
        count: u64,
    },
    /// Counted by the processor.
    Hardware {
        /// PERF_COUNT_HW_…
        event: u32,
        /// Every so many.
        count: u64,
    },
    /// A tracepoint with its own arguments.
    Rawtracepoint {
        /// The module that has it, or `vmlinux`.
        module: String,
        /// e.g. `sched_switch`
        event: String,
    },
    /// Entry of a kernel function by a trampoline.
    Fentry(Traced),
    /// Return of a kernel function by a trampoline.
    Fexit(Traced),
    /// Objects of the kernel, one after the other.
    Iter {
        /// e.g. `task`
        target: String,
        /// The file in bpffs that shows it, instead of running it at once.
        pin: Option<String>,
    },
    /// Accesses to memory.
    Watchpoint {
        /// Of the kernel or, with a process to watch, its own.
        address: u64,
        /// 1, 2, 4 or 8 bytes.
        length: u8,
        /// Bits of HW_BREAKPOINT_…: 1 read, 2 write, 4 execute.
        mode: u8,
    },
}

impl Attach {
    /// The place in a program, of those that have one.
    pub fn user_place(&self) -> Option<&UserPlace> {
        match self {
            Attach::Uprobe(place) | Attach::Uretprobe(place) | Attach::Usdt(place) => Some(place),
            _ => None,
        }
    }
}

/// A function that a trampoline can be put on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Traced {
    /// Its name in BTF.
    pub function: String,
    /// Where it is.
    pub inside: Inside,
}

/// What holds a [`Traced`] function.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Inside {
    /// A kernel module, or `vmlinux`.
    Module(String),
    /// The BPF program of this id.
    Program(u32),
}

/// An attach point with its full name (`tracepoint:syscalls:sys_enter_openat`) as `probe` and messages give it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttachPoint {
    /// The full name.
    pub name: String,
    /// Index in [`Program::probe_names`].
    pub name_index: u32,
    /// Where the script asks for it.
    pub span: Span,
    /// What to attach to.
    pub target: Attach,
}

/// One program: a typed body with the attach points that share it.
#[derive(Clone, Debug, PartialEq)]
pub struct Probe {
    /// Index in [`Program::clauses`].
    pub clause: u32,
    /// The block.
    pub span: Span,
    /// What kind of program.
    pub kind: ProbeKind,
    /// At least one. More than one only when the body does not depend on which.
    pub attach: Vec<AttachPoint>,
    /// The condition.
    pub predicate: Option<Expr>,
    /// What runs.
    pub body: Vec<Stmt>,
    /// Types of scratch variables, by [`VarId`].
    pub vars: Vec<Var>,
}

/// A scratch variable.
#[derive(Clone, Debug, PartialEq)]
pub struct Var {
    /// With `$`.
    pub name: String,
    /// Its type.
    pub ty: Type,
}

/// A statement.
#[derive(Clone, Debug, PartialEq)]
pub struct Stmt {
    /// Where.
    pub span: Span,
    /// What.
    pub kind: StmtKind,
}

/// Kinds of statements.
#[derive(Clone, Debug, PartialEq)]
pub enum StmtKind {
    /// Computed for its effect.
    Expr(Expr),
    /// `$x = value`; also sets a declared variable to its initial 0 or "".
    SetVar {
        /// Which.
        var: VarId,
        /// To what: of the variable's type (strings may be shorter).
        value: Expr,
    },
    /// `@m[key] = value`
    SetMap {
        /// Which.
        map: MapId,
        /// Where in it.
        key: Option<Expr>,
        /// To what.
        value: Expr,
    },
    /// `@m[key] op= value` on an integer map: add and sub are atomic.
    UpdateMap {
        /// Which.
        map: MapId,
        /// Where in it.
        key: Option<Expr>,
        /// Arithmetic or bit operator.
        op: BinaryOp,
        /// Right side, of the map's value type.
        value: Expr,
    },
    /// `@m[key] = count()` and the like.
    Aggregate {
        /// Which; its value kind names the aggregation.
        map: MapId,
        /// Where in it.
        key: Option<Expr>,
        /// The value to add, 64 bits; None for count.
        value: Option<Expr>,
    },
    /// `if`
    If {
        /// The condition.
        cond: Expr,
        /// When it holds.
        then: Vec<Stmt>,
        /// Otherwise.
        otherwise: Vec<Stmt>,
    },
    /// `while`: the condition is computed before every round.
    While {
        /// Goes on while it holds.
        cond: Expr,
        /// A round.
        body: Vec<Stmt>,
    },
    /// `for ($i : start..end)`: both ends are computed once, before the first round.
    ForRange {
        /// Set to the next number at the start of each round; what the body sets it to counts for that round only.
        var: VarId,
        /// The first number, of the variable's type.
        start: Expr,
        /// One past the last, of the variable's type.
        end: Expr,
        /// A round.
        body: Vec<Stmt>,
    },
    /// `for ($kv : @map)`: a round for each key that the map has when the loop begins and still has when its turn comes.
    ForMap {
        /// Set at the start of each round: a tuple of key and value, of the map's types. The value of an aggregation
        /// is a number.
        var: VarId,
        /// A map with a key.
        map: MapId,
        /// A round.
        body: Vec<Stmt>,
    },
    /// `unroll (count)`: so many copies of the body, one after the other.
    Unroll {
        /// At least 1.
        count: u32,
        /// A round.
        body: Vec<Stmt>,
    },
    /// Leaves the innermost loop.
    Break,
    /// Goes on with the next round of the innermost loop.
    Continue,
    /// Ends this run of the probe. Only who runs a probe by hand gets to see the value.
    Return(Option<Expr>),
    /// `printf(format, args)`
    Printf {
        /// The format.
        format: Format,
        /// One a conversion (and one for each `*`).
        args: Vec<Expr>,
    },
    /// `errorf(format, args)` and its like
    Formatted {
        /// What becomes of the text.
        what: FormattedAs,
        /// The format.
        format: Format,
        /// As for printf.
        args: Vec<Expr>,
    },
    /// `join(array, separator)`
    Join {
        /// Address of an array of pointers to texts, the last of which is null.
        array: Expr,
        /// Which memory it and the texts are in.
        space: Space,
        /// What to print between them.
        separator: String,
    },
    /// `print(value)`
    PrintValue {
        /// Any value.
        value: Expr,
    },
    /// `print(@m[key])`, on a map of plain values
    PrintEntry {
        /// Which.
        map: MapId,
        /// Where in it.
        key: Expr,
    },
    /// `print(@m)`, `print(@m, top, div)`
    PrintMap {
        /// Which.
        map: MapId,
        /// Only so many; 0 = all.
        top: u64,
        /// Divide by.
        div: u64,
        /// `clear` of the same map follows in the same statement list with no way round it.
        drains: bool,
    },
    /// `clear(@m)`
    Clear(MapId),
    /// `zero(@m)`
    Zero(MapId),
    /// `exit(code)`: ends this run, then the script.
    Exit {
        /// The status, 0 when not given.
        code: Option<Expr>,
    },
    /// `time(format)`
    Time {
        /// strftime format.
        format: String,
    },
}

/// An expression with its type.
#[derive(Clone, Debug, PartialEq)]
pub struct Expr {
    /// Where.
    pub span: Span,
    /// Its type.
    pub ty: Type,
    /// What.
    pub kind: ExprKind,
}

/// Kinds of expressions.
#[derive(Clone, Debug, PartialEq)]
pub enum ExprKind {
    /// A scalar constant, extended to 64 bits by its type.
    Int(i64),
    /// A text constant without its NUL; the type says its size with NUL.
    Str(Vec<u8>),
    /// A scratch variable.
    Var(VarId),
    /// `@m[key]`: 0 or "" when there is no such key. Of an aggregation (but histograms and stats) the number that
    /// it is, in 64 bits.
    MapGet {
        /// Which.
        map: MapId,
        /// Where in it.
        key: Option<Box<Expr>>,
    },
    /// `++@m[key]`, `@m[key]--`: adds `delta` atomically; the value is the new one for prefix, the old one for postfix.
    StepMap {
        /// Which.
        map: MapId,
        /// Where in it.
        key: Option<Box<Expr>>,
        /// 1 or −1.
        delta: i64,
        /// `++x` as against `x++`.
        prefix: bool,
    },
    /// `++$x`, `$x--`; `delta` is in bytes for pointers.
    StepVar {
        /// Which.
        var: VarId,
        /// What is added.
        delta: i64,
        /// `++x` as against `x++`.
        prefix: bool,
    },
    /// `has_key(@m, key)`
    HasKey {
        /// Which.
        map: MapId,
        /// Where in it.
        key: Box<Expr>,
    },
    /// `push(@q, value)`: true when there was room.
    Push {
        /// A queue or a stack.
        map: MapId,
        /// Of the type of its values.
        value: Box<Expr>,
    },
    /// `pop(@q)`, `peek(@q)`: all zero when there is none.
    Next {
        /// A queue or a stack.
        map: MapId,
        /// `peek`: it is not taken out.
        stays: bool,
    },
    /// `delete(@m, key)`: true when there was such a key. Keyless maps are set to 0.
    Delete {
        /// Which.
        map: MapId,
        /// Where in it.
        key: Option<Box<Expr>>,
    },
    /// `len(@m)`: number of entries.
    Len(MapId),
    /// A builtin value.
    Builtin(Builtin),
    /// The address of the probe's context, in [`Space::Context`].
    Context,
    /// The scalar at `address + offset`. The type says how many bytes and the sign.
    Load {
        /// A pointer, or an integer used as one; its `space` is where to read.
        address: Box<Expr>,
        /// Bytes.
        offset: i64,
        /// Which memory.
        space: Space,
        /// For a bit field: first bit within the loaded integer, and width.
        bits: Option<(u8, u8)>,
    },
    /// NUL-terminated text at `address + offset`, at most as many bytes as the type's size.
    LoadStr {
        /// A pointer, or an integer used as one.
        address: Box<Expr>,
        /// Bytes.
        offset: i64,
        /// Which memory.
        space: Space,
        /// `str(p, n)`: at most n bytes with the NUL; the type's size bounds it.
        length: Option<Box<Expr>>,
        /// The text is a char array of the type's size, perhaps without NUL, not a C string.
        array: bool,
    },
    /// A tracepoint's `__data_loc` string: the u32 at `offset` of the context holds offset and length.
    DataLoc {
        /// Where the word is.
        offset: i64,
    },
    /// A tuple or record; the items of a record in the order of its type.
    Tuple(Vec<Expr>),
    /// `t.0`
    TupleField {
        /// The tuple.
        base: Box<Expr>,
        /// Which.
        index: u32,
    },
    /// All bytes of a struct, union or array at `address + offset`; zeros when the read faults.
    LoadWhole {
        /// A pointer, or an integer used as one.
        address: Box<Expr>,
        /// Bytes.
        offset: i64,
        /// Which memory.
        space: Space,
    },
    /// What stands `offset` bytes into a value that is no scalar: a field of a struct, an element of an array, a
    /// character of a text. The type says how many bytes there are and what they mean.
    Part {
        /// The value.
        base: Box<Expr>,
        /// Bytes from its start.
        offset: u32,
        /// For a bit field: first bit within the integer there, and width.
        bits: Option<(u8, u8)>,
    },
    /// Element `index` of `count` elements of this type that begin `offset` bytes into a value. An index outside gives
    /// zeros and is counted.
    Element {
        /// The value that holds them.
        base: Box<Expr>,
        /// Bytes from its start to the first element.
        offset: u32,
        /// Which: an unsigned integer.
        index: Box<Expr>,
        /// How many there are.
        count: u32,
    },
    /// The low bytes of a 64-bit integer as an array of at most 8 bytes.
    Bytes(Box<Expr>),
    /// `&$x`: the address of a variable, which is kept in memory then.
    AddressOf(VarId),
    /// `&@m`: the address of the value of a plain map without keys.
    AddressOfMap(MapId),
    /// `{ statements; value }`
    Block {
        /// Run first.
        statements: Vec<Stmt>,
        /// Of the node's type.
        value: Box<Expr>,
    },
    /// `-x`
    Neg(Box<Expr>),
    /// `~x`
    BitNot(Box<Expr>),
    /// `!x`: Bool.
    Not(Box<Expr>),
    /// Arithmetic, bits and comparisons of scalars; comparison gives Bool. Division, modulo and right shifts are
    /// unsigned in the language: their operands are of unsigned types here. Division and modulo by 0 give 1.
    Binary {
        /// Not And, Or.
        op: BinaryOp,
        /// Left.
        left: Box<Expr>,
        /// Right; of the same type, except for shifts.
        right: Box<Expr>,
    },
    /// `a && b`, `a || b`: the right side is computed only when needed. Bool.
    Logical {
        /// And as against or.
        and: bool,
        /// Left.
        left: Box<Expr>,
        /// Right.
        right: Box<Expr>,
    },
    /// Equality of two values that are no scalars, of the same type (strings may differ in size). Bool.
    Equal {
        /// `!=`
        negated: bool,
        /// Left.
        left: Box<Expr>,
        /// Right.
        right: Box<Expr>,
    },
    /// `c ? a : b`; both of the node's type (strings may be shorter).
    Ternary {
        /// The condition.
        cond: Box<Expr>,
        /// When it holds.
        then: Box<Expr>,
        /// Otherwise.
        otherwise: Box<Expr>,
    },
    /// A function of values. Scalar, but where the function says otherwise.
    Call {
        /// Which.
        function: Function,
        /// What it takes, as the function says.
        args: Vec<Expr>,
    },
    /// Conversion between scalars: keeps the low bytes of the target's size, extended by the target's sign; to Bool: not 0.
    /// Of a text: the same in a larger type.
    Cast(Box<Expr>),
}

impl Expr {
    /// A scalar constant.
    pub fn int(value: i64, ty: Type, span: Span) -> Expr {
        Expr { span, ty, kind: ExprKind::Int(value) }
    }
}

impl Program {
    /// The struct `id`.
    pub fn struct_def(&self, id: StructId) -> &Struct {
        &self.structs[id.0 as usize]
    }
}
