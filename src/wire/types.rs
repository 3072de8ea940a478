//! The shape of a value in memory, enough to decode and print it. (contract)

use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// How a stack is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum StackMode {
    /// Symbol and offset (`bpftrace`).
    Symbols,
    /// Address, symbol, offset and file (`perf`).
    Perf,
    /// Addresses (`raw`).
    Raw,
    /// Build id and offset in the file (`build_id`), of user stacks.
    BuildId,
}

impl StackMode {
    /// Every mode.
    pub const ALL: [StackMode; 4] = [StackMode::Symbols, StackMode::Perf, StackMode::Raw, StackMode::BuildId];

    /// As scripts and the variable `stack_mode` have it.
    pub fn name(self) -> &'static str {
        match self {
            StackMode::Symbols => "bpftrace",
            StackMode::Perf => "perf",
            StackMode::Raw => "raw",
            StackMode::BuildId => "build_id",
        }
    }

    /// The mode of that name.
    pub fn from_name(name: &str) -> Option<StackMode> {
        StackMode::ALL.into_iter().find(|mode| mode.name() == name)
    }
}

/// A clock of the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Clock {
    /// CLOCK_BOOTTIME
    Boot,
    /// CLOCK_MONOTONIC
    Monotonic,
    /// CLOCK_TAI
    Tai,
}

/// What user space makes of a number that only it can name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Name {
    /// Kernel address → symbol (`ksym`, and `func` in kernel probes).
    KernelSymbol,
    /// Index into [`crate::object::artifact::Artifact::probe_names`] → the probe's name (`probe`).
    Probe,
    /// The same index → the function that the probe is in (`func` in probes in user space).
    Function,
    /// Id of a stack (see [`super::stack`]) → its frames in the kernel (`kstack`).
    KernelStack(StackMode),
    /// Id of a stack → its frames in a process (`ustack`).
    UserStack(StackMode),
    /// Id of a stack of one frame → the symbol there (`usym`, and `func` in user probes).
    UserSymbol,
    /// User id → name (`username`).
    Username,
    /// Process id → name of the process (`comm(pid)`).
    Process,
    /// Number of a system call → name (`syscall_name`).
    Syscall,
    /// Number of a signal → its description (`signal_name`).
    Signal,
    /// Error number, of either sign → its description (`strerror`).
    Error,
    /// Nanoseconds of a clock → time of day (`strftime`).
    Time {
        /// The format: index into the artifact's texts.
        format: u32,
        /// The clock that counted them.
        clock: Clock,
    },
    /// Cgroup id → paths (`cgroup_path`).
    CgroupPath {
        /// Which hierarchies, a pattern: index into the artifact's texts; None for all.
        filter: Option<u32>,
    },
}

/// The shape of a value. Sizes and offsets are bytes.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum DataType {
    /// An integer of 1, 2, 4 or 8 bytes.
    Int {
        /// Bytes.
        size: u8,
        /// Printed as signed.
        signed: bool,
    },
    /// One byte, 0 or 1.
    Bool,
    /// Text in `size` bytes, ended by a NUL. Text without a NUL in its `size` bytes was cut and is printed with a
    /// trailing `..`: what `str` gives is cut when it has `size` characters or more (read with room for one byte
    /// more, as bpftrace does), while literals and `comm` have room for their NUL and are never cut.
    Str {
        /// Bytes.
        size: u32,
    },
    /// Raw bytes.
    Bytes {
        /// Bytes.
        size: u32,
    },
    /// How many bytes there are as a u32, then room for `size` bytes; printed as text with `\xNN` for what is not
    /// printable.
    Buffer {
        /// Bytes of the room.
        size: u32,
    },
    /// The address family as a u32 (AF_INET, AF_INET6), then 16 bytes for the address; printed as the address.
    Inet,
    /// A prefix of addresses: how many bits count as a u32, then an [`DataType::Inet`], whose family counts too; printed
    /// as `10.0.0.0/8`. All 160 bits count where it is one address.
    Prefix,
    /// Six bytes, printed as `AA:BB:CC:DD:EE:FF`.
    Mac,
    /// An address, 8 bytes, printed as `0x…`.
    Pointer,
    /// A number that user space turns into a name; `size` 4 or 8 bytes.
    Named {
        /// Bytes.
        size: u8,
        /// What it names.
        name: Name,
    },
    /// Enumeration constant, printed by name.
    Enum {
        /// Bytes.
        size: u8,
        /// Value → name.
        names: Arc<[(i64, String)]>,
    },
    /// Fields at their offsets, in order; printed `(a, b)`.
    Tuple {
        /// The whole, with padding.
        size: u32,
        /// Offset and shape.
        fields: Arc<[(u32, DataType)]>,
    },
    /// Fields with names, printed `{ .a = 1, .b = 2 }`.
    Struct {
        /// The whole, with padding.
        size: u32,
        /// The fields.
        fields: Arc<[StructField]>,
    },
    /// `count` elements side by side, printed `[1,2,3]`.
    Array {
        /// One element.
        element: Arc<DataType>,
        /// How many.
        count: u32,
    },
}

/// A named field of a [`DataType::Struct`].
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct StructField {
    /// Its name; empty for an anonymous member.
    pub name: String,
    /// Its offset in bytes.
    pub offset: u32,
    /// For a bit field: first bit within the storage unit at `offset`, and width.
    pub bits: Option<(u8, u8)>,
    /// Its shape.
    pub ty: DataType,
}

impl DataType {
    /// Bytes it takes.
    pub fn size(&self) -> u32 {
        match self {
            DataType::Int { size, .. } | DataType::Named { size, .. } | DataType::Enum { size, .. } => {
                u32::from(*size)
            }
            DataType::Bool => 1,
            DataType::Pointer => 8,
            DataType::Str { size } | DataType::Bytes { size } => *size,
            DataType::Buffer { size } => super::align_up(size + 4, 4),
            DataType::Inet => 20,
            DataType::Prefix => 24,
            DataType::Mac => 6,
            DataType::Tuple { size, .. } | DataType::Struct { size, .. } => *size,
            DataType::Array { element, count } => element.size() * count,
        }
    }

    /// Its natural alignment, at most 8.
    pub fn align(&self) -> u32 {
        match self {
            DataType::Int { size, .. } | DataType::Named { size, .. } | DataType::Enum { size, .. } => {
                u32::from(*size)
            }
            DataType::Bool | DataType::Str { .. } | DataType::Bytes { .. } | DataType::Mac => 1,
            DataType::Buffer { .. } | DataType::Inet | DataType::Prefix => 4,
            DataType::Pointer => 8,
            DataType::Tuple { fields, .. } => fields.iter().map(|(_, t)| t.align()).max().unwrap_or(1),
            DataType::Struct { fields, .. } => fields.iter().map(|f| f.ty.align()).max().unwrap_or(1),
            DataType::Array { element, .. } => element.align(),
        }
    }

    /// A tuple with C's layout: each field at its natural alignment, the whole rounded up to the largest.
    pub fn tuple(types: impl IntoIterator<Item = DataType>) -> DataType {
        let (mut offset, mut align, mut fields) = (0, 1, Vec::new());
        for ty in types {
            offset = super::align_up(offset, ty.align());
            align = align.max(ty.align());
            fields.push((offset, ty.clone()));
            offset += ty.size();
        }
        DataType::Tuple { size: super::align_up(offset, align), fields: fields.into() }
    }
}
