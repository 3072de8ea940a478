//! The meaning of the IR: runs a function against a small model of the kernel.
//!
//! The reference of the differential tests: what a function does here is what it must do before and after every
//! pass, and compiled on a real kernel. Arithmetic is exactly eBPF's (`eval`). The [`World`] holds what a program can
//! see and change: builtins, the context, maps (per-CPU ones as on one CPU), rings, kernel and user memory.
//!
//! It trusts nothing: reading bytes that were not written, leaving a piece of memory, using a record that was given
//! back, an index that is `in_bounds` and is not, or running out of fuel is a [`Trap`]. So it is a second opinion on
//! the verifier: a verified function never traps, but by fuel.
//!
//! Deliberately simple: values are looked up by name, memory is vectors of bytes. Time stands still unless the world
//! ticks, so that passes may drop calls that nobody uses.

mod exec;
mod helpers;
mod maps;
mod memory;
mod world;

use std::fmt;

use super::entities::Inst;
use super::function::Function;
use super::typing::Maps;
pub use maps::MapState;
pub use world::{Area, Builtins, Record, World};

/// Why a run ended early.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trap {
    /// At which instruction; None at a terminator.
    pub inst: Option<Inst>,
    /// What happened.
    pub kind: TrapKind,
}

/// What can go wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TrapKind {
    /// More instructions ran than the world's fuel allows.
    Fuel,
    /// An access leaves its memory.
    OutOfBounds,
    /// Bytes are read, or submitted, that were never written.
    Uninitialised,
    /// A null pointer is used.
    Null,
    /// A record is used that was submitted or discarded.
    RecordIsOver,
    /// The run ended with a record in hand.
    RecordKept,
    /// An index that is said to be in bounds is not.
    Index,
    /// Something that the verifier would have refused.
    Invalid(&'static str),
}

impl fmt::Display for Trap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.inst {
            Some(inst) => write!(f, "{:?} at {inst}", self.kind),
            None => write!(f, "{:?}", self.kind),
        }
    }
}

impl std::error::Error for Trap {}

/// Runs a function; gives its result. Changes of maps and records are in the world afterwards.
pub fn run(maps: &Maps, func: &Function, world: &mut World) -> Result<u64, Trap> {
    exec::Machine::new(maps, func, world).run()
}
