//! Files of machine code as the compiler sees them: functions, addresses, static probes. (contract)
//!
//! [`Binaries`] finds and opens files, [`Binary`] answers about one. What is asked for is computed then and kept: a
//! script with an exact name in libc does not list libc.
//!
//! Addresses are those of the link, offsets those of the file; uprobes take offsets.

pub mod demangle;
#[cfg(feature = "kernel")]
pub mod read;
pub mod usdt;
pub mod x86;
pub mod zip;

use std::rc::Rc;

use super::dwarf::{NoLine, Signature};
use super::{Btf, HostError};
pub use usdt::Note;

/// A function of a binary.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Function {
    /// The symbol, without its version.
    pub name: String,
    /// Address as linked.
    pub address: u64,
    /// Bytes; 0 where the symbol does not say, as with some written in assembly.
    pub size: u64,
    /// The version that a shared library gives the symbol: `GLIBC_2.14`.
    pub version: Option<String>,
    /// Of several versions not the one that new programs are linked with.
    pub hidden: bool,
}

/// The instruction set of a binary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Machine {
    /// x86-64
    X86_64,
    /// 64-bit ARM
    Aarch64,
    /// Any other: its number in the ELF header.
    Other(u16),
}

impl Machine {
    /// The one that this binary was built for.
    pub const fn native() -> Machine {
        if cfg!(target_arch = "aarch64") { Machine::Aarch64 } else { Machine::X86_64 }
    }

    /// Its usual name.
    pub fn name(self) -> String {
        match self {
            Machine::X86_64 => "x86-64".into(),
            Machine::Aarch64 => "arm64".into(),
            Machine::Other(number) => format!("machine {number}"),
        }
    }
}

/// A file of machine code.
pub trait Binary {
    /// Its instruction set.
    fn machine(&self) -> Machine;

    /// Functions of exactly that name, those of every version, one an address.
    fn named(&self, name: &str) -> Vec<Function>;

    /// Every function, sorted by name; empty when the symbols were stripped.
    fn functions(&self) -> &[Function];

    /// The address of a variable.
    fn variable(&self, name: &str) -> Option<u64>;

    /// The function that holds an address.
    fn around(&self, address: u64) -> Option<Function>;

    /// The offset in the file of what is loaded at an address, when that is code.
    fn offset_of(&self, address: u64) -> Option<u64>;

    /// The address at which the byte at an offset of the file is loaded, when that is code.
    fn address_of(&self, offset: u64) -> Option<u64>;

    /// The offset in the file of what is loaded at an address, code or data.
    fn data_offset(&self, address: u64) -> Option<u64>;

    /// At most `length` bytes of what is loaded at an address.
    fn code(&self, address: u64, length: u64) -> Vec<u8>;

    /// The static probes (USDT), in the order of the file.
    fn notes(&self) -> &[Note];

    /// Built by Go's compiler.
    fn is_go(&self) -> bool;

    /// What the function at an address takes and gives; None without debug information about it.
    fn signature(&self, address: u64) -> Option<Signature>;

    /// The address at which the statement of a line of the source begins.
    ///
    /// # Errors
    /// What is there instead.
    fn line(&self, file: &str, line: u64, column: Option<u64>) -> Result<u64, NoLine>;
}

/// Binaries of the machine.
pub trait Binaries {
    /// The files that the target of an attach point stands for: a path (which may hold `*`), a program in the PATH, a
    /// library such as `libc` or `libssl.so.3`, as seen by the process `pid`. Paths are such that the kernel opens
    /// them for us. Never empty.
    ///
    /// # Errors
    /// Missing when there is no such file.
    fn resolve(&self, target: &str, pid: Option<u32>) -> Result<Vec<String>, HostError>;

    /// Opens a binary.
    ///
    /// # Errors
    /// When it cannot be read or is no 64-bit ELF file.
    fn open(&self, path: &str) -> Result<Rc<dyn Binary>, HostError>;

    /// Files that the process, or any process, has mapped as code; without repetition.
    ///
    /// # Errors
    /// When there is no such process or it may not be looked at.
    fn mapped(&self, pid: Option<u32>) -> Result<Vec<String>, HostError>;

    /// The program that the process runs.
    ///
    /// # Errors
    /// As `mapped`.
    fn executable(&self, pid: u32) -> Result<String, HostError>;

    /// Types of the binaries whose functions were asked about, see [`super::dwarf`].
    fn types(&self) -> &dyn Btf;
}
