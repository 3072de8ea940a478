//! Names of addresses: of the kernel's functions and of those that processes have mapped.
//!
//! - `kernel` reads `/proc/kallsyms`, once, when the first kernel address is to be named.
//! - `process` knows where processes have (or had) files mapped. Programs tell of a process when they meet a new stack
//!   of it, and it is looked at then: its addresses still have names when it has ended.
//! - `elf` reads the symbols of a file, `jit` the map that a compiler at run time left in `/tmp`.
//!
//! All memory is bounded: processes and files beyond a limit push out the ones used longest ago.

pub mod elf;
pub mod jit;
pub mod kernel;
pub mod process;

/// Where an address lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Symbol {
    /// The function, readable; None where there is a file but no symbol.
    pub name: Option<String>,
    /// Bytes from the function's start.
    pub offset: u64,
    /// The file, as the process knows it.
    pub file: String,
}
