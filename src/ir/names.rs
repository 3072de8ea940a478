//! The words of the textual form, one table for the printer and the parser.
//!
//! Deliberately absent: what the words mean (`eval` computes, `function` documents).

use std::fmt;

use super::function::{BinOp, Cond, Provenance, Type, UnOp, Width};
use crate::sema::tree::ProbeKind;
use crate::wire::map::MapKind;

macro_rules! words {
    ($ty:ident { $($variant:ident = $word:literal),* $(,)? }) => {
        impl Words for $ty {
            const ALL: &'static [$ty] = &[$($ty::$variant),*];

            fn word(self) -> &'static str {
                match self { $($ty::$variant => $word),* }
            }
        }
    };
}

/// A closed set of things that have a word each in the textual form.
pub trait Words: Copy + 'static {
    /// Every member.
    const ALL: &'static [Self];

    /// The word of this one.
    fn word(self) -> &'static str;

    /// The member of that word.
    fn from_word(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|member| member.word() == word)
    }
}

words!(BinOp {
    Add = "add",
    Sub = "sub",
    Mul = "mul",
    UDiv = "udiv",
    SDiv = "sdiv",
    URem = "urem",
    SRem = "srem",
    And = "and",
    Or = "or",
    Xor = "xor",
    Shl = "shl",
    LShr = "lshr",
    AShr = "ashr",
});

words!(UnOp {
    Neg = "neg",
    Zext8 = "zext8",
    Zext16 = "zext16",
    Zext32 = "zext32",
    Sext8 = "sext8",
    Sext16 = "sext16",
    Sext32 = "sext32",
    Swap16 = "swap16",
    Swap32 = "swap32",
    Swap64 = "swap64",
});

words!(Cond {
    Eq = "eq",
    Ne = "ne",
    Ult = "ult",
    Ule = "ule",
    Ugt = "ugt",
    Uge = "uge",
    Slt = "slt",
    Sle = "sle",
    Sgt = "sgt",
    Sge = "sge",
});

words!(Width { B1 = "u8", B2 = "u16", B4 = "u32", B8 = "u64" });

words!(ProbeKind {
    Begin = "begin",
    End = "end",
    Interval = "interval",
    Profile = "profile",
    Tracepoint = "tracepoint",
    Kprobe = "kprobe",
    Kretprobe = "kretprobe",
    Uprobe = "uprobe",
    Uretprobe = "uretprobe",
    Usdt = "usdt",
    SelfSignal = "self",
    Test = "test",
    Bench = "bench",
    Software = "software",
    Hardware = "hardware",
    Rawtracepoint = "rawtracepoint",
    Fentry = "fentry",
    Fexit = "fexit",
    Iter = "iter",
    Watchpoint = "watchpoint",
});

words!(MapKind {
    Hash = "hash",
    PerCpuHash = "percpu_hash",
    LruHash = "lru_hash",
    PerCpuLruHash = "percpu_lru_hash",
    Array = "array",
    PerCpuArray = "percpu_array",
    Ring = "ring",
    LpmTrie = "lpm_trie",
    Queue = "queue",
    Stack = "stack",
    Swapped = "swapped",
});

impl fmt::Display for Provenance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Provenance::Context => write!(f, "ctx"),
            Provenance::Stack(slot) => write!(f, "{slot}"),
            Provenance::Map(map) => write!(f, "{map}"),
            Provenance::MapValue(map) => write!(f, "{map}.value"),
            Provenance::MapValueOrNull(map) => write!(f, "{map}.value?"),
            Provenance::InnerMap(map) => write!(f, "{map}.inner"),
            Provenance::InnerMapOrNull(map) => write!(f, "{map}.inner?"),
            Provenance::Record(bytes) => write!(f, "record({bytes})"),
            Provenance::RecordOrNull(bytes) => write!(f, "record({bytes})?"),
        }
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Type::Int => write!(f, "int"),
            Type::Ptr(provenance) => write!(f, "{provenance}"),
        }
    }
}
