//! What the typed tree calls by name: builtin values, functions, stacks. (contract)
//!
//! Their types and sizes are said here; how each is computed is `ir::build`'s matter, where each may stand the table's of
//! `signatures`.

use serde::{Deserialize, Serialize};

use super::types::Space;
use crate::host::linkable::Shape;
use crate::wire::types::StackMode;

/// A function that gives a value, as `ir::build` computes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Function {
    /// `usym(address)`: Named(UserSymbol)
    UserSymbol,
    /// `len(stack)`: frames of a stack, i64
    StackLen,
    /// `bswap(n)`: the bytes of an integer of the node's type, in reverse
    Swap,
    /// `strlen(text)`: bytes before the NUL, u64
    StrLen,
    /// `strncmp(a, b, n)`: 0 when the first n bytes are the same, else 1, i64
    DifferWithin(u32),
    /// `strstr(text, literal)`: where the literal first stands, −1 when nowhere, i64
    Find,
    /// `str_concat(a, b)`: text, of the node's type
    Concat,
    /// The address of a copy of a text, for LoadStr alone: a pointer to the program's own memory.
    TextAddress,
    /// `buf(data, length)`: Buffer. The data is an address in the memory named here, or a value of the program's own; the
    /// length is u64.
    Buffer {
        /// What the address is of.
        space: Option<Space>,
    },
    /// `ntop(family, address)`: Inet. The family is u32; the address u32 or an array of 4 or 16 bytes, in the order of the
    /// network.
    Inet,
    /// `memcmp(a, b, count)`: 0 when the first `count` bytes of two values are the same, else the sign of the first
    /// difference as bytes without sign, i32
    Compare,
    /// `write_user(to, from, length)`, as (from, length, to): Bool. `from` as for Buffer.
    WriteUser {
        /// What the address is of.
        space: Option<Space>,
    },
    /// `signal(n)`, `signal_thread(n)`: 0 or a negative error, i64
    Signal {
        /// To the thread that runs, not to any of its process.
        thread: bool,
    },
    /// `path(path)`: text of the node's type. The address, u64, is what the kernel gave the program; the path is so many
    /// bytes behind.
    Path {
        /// Bytes.
        offset: i64,
    },
    /// `socket_cookie(sock)`: u64. As for Path.
    SocketCookie,
    /// `override(n)`: the traced function is not run and gives n, i64
    Override,
    /// A function of an imported object, by its index in the program's `imports`: a scalar, i64 where it gives nothing. Its
    /// arguments are of the types of its parameters; addresses of variables and maps are what they are to the kernel.
    Imported(u32),
}

/// A function of an imported object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Imported {
    /// Its name.
    pub name: String,
    /// Its type, a function's, as linking compares it.
    pub shape: Shape,
    /// Bytes of stack that it needs, with what it calls.
    pub stack: u32,
}

/// A stack to be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct StackSpec {
    /// Of the process, not of the kernel.
    pub user: bool,
    /// How it is printed; decides what a frame is.
    pub mode: StackMode,
    /// Frames at most.
    pub depth: u32,
}

/// Builtin values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Builtin {
    /// u32
    Pid,
    /// u32
    Tid,
    /// u32
    Uid,
    /// u32
    Gid,
    /// Str of 16
    Comm,
    /// u32
    Cpu,
    /// u64, CLOCK_BOOTTIME
    Nsecs,
    /// u64, ns since the start
    Elapsed,
    /// Named(Probe)
    Probe,
    /// Named(KernelSymbol)
    Func,
    /// Pointer to task_struct
    Curtask,
    /// u32
    Rand,
    /// Cgroup id, u64
    Cgroup,
    /// n-th argument of a function, from pt_regs, u64
    Arg(u8),
    /// Return value, from pt_regs, u64
    Retval,
    /// Named(Function): the function of a probe in user space
    UserFunction,
    /// Named(KernelStack) or Named(UserStack)
    Stack(StackSpec),
    /// u64, CLOCK_MONOTONIC
    NsecsMonotonic,
    /// u64, CLOCK_TAI
    NsecsTai,
    /// u64, ticks
    Jiffies,
    /// u32, the NUMA node of the CPU
    Numa,
}
