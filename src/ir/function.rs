//! A function in SSA form: one eBPF program. (contract)
//!
//! Blocks hold instructions in order and end in a terminator; values are defined by block parameters and
//! instructions. The entry block has exactly one parameter, the context pointer. Arithmetic is modulo 2^64;
//! division by 0 gives 0 and remainder by 0 the dividend, signed or not; shift counts are taken modulo 64.
//!
//! Memory: frame slots are uninitialised until written. Slots never alias; map values of different maps never
//! alias. Kernel and user memory of the traced system are not pointers here but integers, read by helpers only.

use cranelift_entity::{PrimaryMap, SecondaryMap};
use smallvec::SmallVec;

use super::entities::{Block, Inst, MapRef, Slot, Value};
use super::helper::Helper;
use crate::sema::tree::ProbeKind;
use crate::source::Span;

/// Where a pointer points: the verifier's view of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Provenance {
    /// The program's context.
    Context,
    /// A frame slot.
    Stack(Slot),
    /// A map itself.
    Map(MapRef),
    /// A value of a map.
    MapValue(MapRef),
    /// A value of a map, or null.
    MapValueOrNull(MapRef),
    /// The map inside a map of maps.
    InnerMap(MapRef),
    /// The map inside a map of maps, or null.
    InnerMapOrNull(MapRef),
    /// A reserved ring record of so many bytes.
    Record(u32),
    /// A reserved ring record, or null.
    RecordOrNull(u32),
}

impl Provenance {
    /// What it is once known not to be null.
    pub fn non_null(self) -> Option<Provenance> {
        match self {
            Provenance::MapValueOrNull(m) => Some(Provenance::MapValue(m)),
            Provenance::InnerMapOrNull(m) => Some(Provenance::InnerMap(m)),
            Provenance::RecordOrNull(n) => Some(Provenance::Record(n)),
            _ => None,
        }
    }
}

/// Type of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Type {
    /// 64 bits.
    Int,
    /// An address that may be dereferenced, or must be checked first.
    Ptr(Provenance),
}

/// Width of a memory access.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Width {
    /// 1 byte
    B1,
    /// 2 bytes
    B2,
    /// 4 bytes
    B4,
    /// 8 bytes
    B8,
}

impl Width {
    /// Bytes.
    pub fn bytes(self) -> u32 {
        match self {
            Width::B1 => 1,
            Width::B2 => 2,
            Width::B4 => 4,
            Width::B8 => 8,
        }
    }

    /// The width of so many bytes.
    pub fn from_bytes(bytes: u32) -> Option<Width> {
        match bytes {
            1 => Some(Width::B1),
            2 => Some(Width::B2),
            4 => Some(Width::B4),
            8 => Some(Width::B8),
            _ => None,
        }
    }
}

/// Binary operations on integers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BinOp {
    /// +
    Add,
    /// −
    Sub,
    /// ×
    Mul,
    /// unsigned ÷
    UDiv,
    /// signed ÷ towards 0; −2^63 ÷ −1 = −2^63
    SDiv,
    /// unsigned remainder
    URem,
    /// signed remainder, sign of the dividend; −2^63 rem −1 = 0
    SRem,
    /// and
    And,
    /// or
    Or,
    /// exclusive or
    Xor,
    /// <<
    Shl,
    /// unsigned >>
    LShr,
    /// signed >>
    AShr,
}

/// Unary operations on integers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum UnOp {
    /// 0 − x
    Neg,
    /// Low 8 bits.
    Zext8,
    /// Low 16 bits.
    Zext16,
    /// Low 32 bits.
    Zext32,
    /// Low 8 bits, sign-extended.
    Sext8,
    /// Low 16 bits, sign-extended.
    Sext16,
    /// Low 32 bits, sign-extended.
    Sext32,
    /// Low 16 bits, bytes swapped.
    Swap16,
    /// Low 32 bits, bytes swapped.
    Swap32,
    /// Bytes swapped.
    Swap64,
}

/// Comparisons.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cond {
    /// ==
    Eq,
    /// !=
    Ne,
    /// unsigned <
    Ult,
    /// unsigned <=
    Ule,
    /// unsigned >
    Ugt,
    /// unsigned >=
    Uge,
    /// signed <
    Slt,
    /// signed <=
    Sle,
    /// signed >
    Sgt,
    /// signed >=
    Sge,
}

/// Instructions. Offsets and sizes are bytes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum InstData {
    /// → Int
    Const(i64),
    /// → Int
    Unary {
        /// What.
        op: UnOp,
        /// Of what.
        arg: Value,
    },
    /// → Int
    Binary {
        /// What.
        op: BinOp,
        /// Left.
        left: Value,
        /// Right.
        right: Value,
    },
    /// → Int, 1 or 0
    Icmp {
        /// How.
        cond: Cond,
        /// Left.
        left: Value,
        /// Right.
        right: Value,
    },
    /// → Ptr(Stack(slot)): the slot's first byte.
    SlotAddr {
        /// Which.
        slot: Slot,
    },
    /// → Ptr(Map(map))
    MapAddr {
        /// Which.
        map: MapRef,
    },
    /// → Ptr(MapValue(map)): into the only value of an array map, without a lookup.
    MapValueAddr {
        /// An array map with one entry.
        map: MapRef,
        /// Bytes from the value's start.
        offset: u32,
    },
    /// → the pointer's type: a constant further on. Not on pointers that may be null, nor on maps.
    PtrAdd {
        /// From where.
        base: Value,
        /// How far.
        offset: i64,
    },
    /// → the pointer's type: `base + min(index, count − 1) * scale`, index unsigned. Keeps the verifier's bound:
    /// clamp and use are never separated. Base: map value, record or slot.
    /// With `in_bounds` the index is known to be below `count` and the clamp does nothing: the kernel still wants to
    /// see a bound, but where `count` is a power of two a mask is one.
    PtrIndex {
        /// From where.
        base: Value,
        /// Which element.
        index: Value,
        /// Elements there are (at least 1).
        count: u32,
        /// Bytes of an element.
        scale: u32,
        /// The index is below `count` (set by the pass `bounds`; builders say false).
        in_bounds: bool,
    },
    /// → Int: the smaller of `arg`, unsigned, and `max`: the size that a helper may read or write when it is not a
    /// constant. The verifier must see the bound at the call: lowering makes the clamp there, in one piece with the
    /// move into the argument's register, not where the instruction stands.
    Clamp {
        /// How many are asked for.
        arg: Value,
        /// How many there are at most.
        max: u32,
    },
    /// → Int: context address (+ constant) as a number, for helpers that read any address; the variable part too.
    ContextAddr {
        /// The context.
        base: Value,
        /// Bytes to add, bounded by 16 bits.
        offset: Value,
    },
    /// → Int: the address of a slot or map value, for pointers of the script. What is there counts as read by every
    /// helper that is given a number to read at. The kernel's verifier goes on to see a pointer, with which it allows
    /// little: the builder stores it and has a helper read it back.
    Address {
        /// Slot or map value.
        base: Value,
    },
    /// → Int, extended to 64 bits.
    Load {
        /// How many bytes.
        width: Width,
        /// Sign-extended.
        signed: bool,
        /// From where. The context only at constant offsets.
        base: Value,
        /// Further on.
        offset: i32,
    },
    /// The low bytes of `value`.
    Store {
        /// How many bytes.
        width: Width,
        /// To where.
        base: Value,
        /// Further on.
        offset: i32,
        /// What.
        value: Value,
    },
    /// Writes `len` zero bytes; offset and len need no alignment, but are known.
    Zero {
        /// To where.
        base: Value,
        /// Further on.
        offset: i32,
        /// How many bytes.
        len: u32,
    },
    /// Copies `len` bytes between places that do not overlap.
    Copy {
        /// To where.
        to: Value,
        /// Further on.
        to_offset: i32,
        /// From where.
        from: Value,
        /// Further on.
        from_offset: i32,
        /// How many bytes.
        len: u32,
    },
    /// → Int, 1 when `len` bytes are equal. Compared by words.
    MemEq {
        /// One.
        left: Value,
        /// Further on.
        left_offset: i32,
        /// The other.
        right: Value,
        /// Further on.
        right_offset: i32,
        /// How many bytes.
        len: u32,
    },
    /// Adds atomically to 4 or 8 bytes.
    AtomicAdd {
        /// B4 or B8.
        width: Width,
        /// Map value.
        base: Value,
        /// Further on.
        offset: i32,
        /// What.
        value: Value,
    },
    /// → Int: the value before. Needs the feature AtomicFetch.
    AtomicFetchAdd {
        /// B4 or B8.
        width: Width,
        /// Map value.
        base: Value,
        /// Further on.
        offset: i32,
        /// What.
        value: Value,
    },
    /// → Int: the 8 bytes before. Where they were `expected`, `value` is there now. Needs the feature AtomicFetch.
    AtomicCmpXchg {
        /// Map value.
        base: Value,
        /// Further on.
        offset: i32,
        /// What must be there.
        expected: Value,
        /// What then takes its place.
        value: Value,
    },
    /// → by the helper's table. For MapLookup on a map of maps: InnerMapOrNull; on an InnerMap: MapValueOrNull.
    Call {
        /// Which.
        helper: Helper,
        /// At most five.
        args: SmallVec<[Value; 5]>,
    },
    /// Writes the keys of a map into an array, one after the other, each at the start of a value. `state` is a slot of
    /// 16 bytes: how many keys there were so far, and the index of the first entry to write. Counts every key that it
    /// meets, writes those below `capacity`, and stops at the first one beyond. Needs the feature ForEachMapElem.
    Collect {
        /// A hash, itself or inside a map of maps.
        map: Value,
        /// Count and first index.
        state: Value,
        /// An array whose values have room for a key.
        into: MapRef,
        /// Keys at most.
        capacity: u32,
    },
    /// Runs a function of this one's `subs`, with the same context, until it gives something else than 0, or too often
    /// for the kernel (millions). Needs the feature BpfLoop. Made by `outline` only, when all passes are done.
    Rounds {
        /// Which.
        sub: u32,
    },
    /// → Int: what a function of this one's `subs` gives. Made by `outline` only.
    CallSub {
        /// Which.
        sub: u32,
    },
    /// → Int: what a function of an imported object gives. It may read and write whatever a pointer among its arguments
    /// points into, and every slot and map value whose address is a number.
    CallImport {
        /// Which, of the module's `imports`.
        function: u32,
        /// At most five.
        args: SmallVec<[Value; 5]>,
    },
    /// → the pointer without "or null". Only where every path has passed the non-null side of a `BrNull` on `arg`.
    NonNull {
        /// A pointer that may be null.
        arg: Value,
    },
}

/// How a block ends.
#[derive(Clone, Debug, PartialEq)]
pub enum Terminator {
    /// Goes on at a block with arguments for its parameters.
    Jump(Target),
    /// By an integer: not 0 to `then`.
    Branch {
        /// The condition; an `Icmp` used only here is fused with the jump.
        cond: Value,
        /// When not 0.
        then: Target,
        /// When 0.
        otherwise: Target,
    },
    /// By a pointer that may be null.
    BrNull {
        /// The pointer.
        ptr: Value,
        /// When null.
        null: Target,
        /// When not.
        non_null: Target,
    },
    /// At the head of a loop: goes on with another round as long as the kernel allows one (millions), else stops.
    /// Needs the feature MayGoto. Rounds need not be bounded otherwise.
    MayGo {
        /// The next round.
        go: Target,
        /// When there were too many.
        stop: Target,
    },
    /// Ends the program with this result.
    Return(Value),
}

/// A block with arguments for its parameters.
#[derive(Clone, Debug, PartialEq)]
pub struct Target {
    /// Where.
    pub block: Block,
    /// One a parameter.
    pub args: SmallVec<[Value; 2]>,
}

/// How a value comes to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValueDef {
    /// Parameter number so-and-so of a block.
    Param(Block, u32),
    /// Result of an instruction.
    Result(Inst),
    /// Replaced by another value (passes resolve these before they end).
    Alias(Value),
}

/// A value's type and definition.
#[derive(Clone, Copy, Debug)]
pub struct ValueData {
    /// Its type.
    pub ty: Type,
    /// Its definition.
    pub def: ValueDef,
}

/// A block's contents.
#[derive(Clone, Debug, Default)]
pub struct BlockData {
    /// Its parameters.
    pub params: Vec<Value>,
    /// Its instructions in order.
    pub insts: Vec<Inst>,
    /// Its end; None only while it is being built.
    pub terminator: Option<Terminator>,
    /// Span of the terminator.
    pub terminator_span: Span,
}

/// A frame object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SlotData {
    /// Bytes; 0 when the slot is gone: nothing names it and it takes no room.
    pub size: u32,
    /// 1, 2, 4 or 8.
    pub align: u32,
    /// What it holds, for people.
    pub name: String,
}

/// A function.
#[derive(Clone, Debug)]
pub struct Function {
    /// Its name in the kernel.
    pub name: String,
    /// Kind of program.
    pub kind: ProbeKind,
    /// Index of the clause of the script it comes from.
    pub clause: u32,
    /// The probe block.
    pub span: Span,
    /// Values.
    pub values: PrimaryMap<Value, ValueData>,
    /// Instructions.
    pub insts: PrimaryMap<Inst, InstData>,
    /// The result of each instruction that has one.
    pub results: SecondaryMap<Inst, cranelift_entity::packed_option::PackedOption<Value>>,
    /// Where each instruction comes from.
    pub spans: SecondaryMap<Inst, Span>,
    /// Blocks; those not in `layout` are gone.
    pub blocks: PrimaryMap<Block, BlockData>,
    /// Blocks in order; the first is the entry.
    pub layout: Vec<Block>,
    /// Frame objects.
    pub slots: PrimaryMap<Slot, SlotData>,
    /// Functions that only this one runs: rounds of loops, taken out by `outline`.
    pub subs: Vec<Function>,
    /// Values became aliases since [`Function::resolve_aliases`].
    pub renamed: bool,
}

impl Function {
    /// An empty function without blocks.
    pub fn new(name: impl Into<String>, kind: ProbeKind, clause: u32, span: Span) -> Function {
        Function {
            name: name.into(),
            kind,
            clause,
            span,
            values: PrimaryMap::new(),
            insts: PrimaryMap::new(),
            results: SecondaryMap::new(),
            spans: SecondaryMap::new(),
            blocks: PrimaryMap::new(),
            layout: Vec::new(),
            slots: PrimaryMap::new(),
            subs: Vec::new(),
            renamed: false,
        }
    }

    /// The entry block.
    pub fn entry(&self) -> Block {
        self.layout[0]
    }

    /// The result of an instruction.
    pub fn result(&self, inst: Inst) -> Option<Value> {
        self.results[inst].expand()
    }

    /// Type of a value.
    pub fn type_of(&self, value: Value) -> Type {
        self.values[value].ty
    }

    /// A new block at the end of the layout.
    pub fn add_block(&mut self) -> Block {
        let block = self.blocks.push(BlockData::default());
        self.layout.push(block);
        block
    }

    /// A new parameter of `block`.
    pub fn add_param(&mut self, block: Block, ty: Type) -> Value {
        let index = self.blocks[block].params.len() as u32;
        let value = self.values.push(ValueData { ty, def: ValueDef::Param(block, index) });
        self.blocks[block].params.push(value);
        value
    }

    /// A new instruction, not yet in a block, with a result of type `ty` where it has one.
    pub fn make_inst(&mut self, data: InstData, ty: Option<Type>, span: Span) -> Inst {
        let inst = self.insts.push(data);
        self.spans[inst] = span;
        if let Some(ty) = ty {
            let value = self.values.push(ValueData { ty, def: ValueDef::Result(inst) });
            self.results[inst] = value.into();
        }
        inst
    }

    /// Appends a new instruction to `block` and gives its result.
    pub fn append(&mut self, block: Block, data: InstData, ty: Option<Type>, span: Span) -> Option<Value> {
        let inst = self.make_inst(data, ty, span);
        self.blocks[block].insts.push(inst);
        self.result(inst)
    }

    /// The constant that a value is.
    pub fn as_const(&self, value: Value) -> Option<i64> {
        match self.values[value].def {
            ValueDef::Result(inst) => match self.insts[inst] {
                InstData::Const(n) => Some(n),
                _ => None,
            },
            _ => None,
        }
    }
}

impl Terminator {
    /// Where it may go.
    pub fn targets(&self) -> SmallVec<[&Target; 2]> {
        match self {
            Terminator::Jump(t) => smallvec::smallvec![t],
            Terminator::Branch { then, otherwise, .. } => SmallVec::from_buf([then, otherwise]),
            Terminator::BrNull { null, non_null, .. } => SmallVec::from_buf([null, non_null]),
            Terminator::MayGo { go, stop } => SmallVec::from_buf([go, stop]),
            Terminator::Return(_) => SmallVec::new(),
        }
    }

    /// Where it may go, to change.
    pub fn targets_mut(&mut self) -> SmallVec<[&mut Target; 2]> {
        match self {
            Terminator::Jump(t) => smallvec::smallvec![t],
            Terminator::Branch { then, otherwise, .. } => SmallVec::from_buf([then, otherwise]),
            Terminator::BrNull { null, non_null, .. } => SmallVec::from_buf([null, non_null]),
            Terminator::MayGo { go, stop } => SmallVec::from_buf([go, stop]),
            Terminator::Return(_) => SmallVec::new(),
        }
    }
}
