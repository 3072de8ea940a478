//! Debug information of binaries: what functions take, how types are laid out, where lines of the source are. (contract)
//!
//! Types are given in the form of BTF, under ids from [`FIRST_TYPE`] on, so that the checker treats types of programs
//! as it does the kernel's.

#[cfg(feature = "kernel")]
pub mod lines;
#[cfg(feature = "kernel")]
pub mod read;
#[cfg(feature = "kernel")]
pub mod types;

use super::btf::TypeId;

/// The first id of a type of a binary; the kernel's and the script's own are below.
pub const FIRST_TYPE: u32 = 0xc000_0000;

/// What a function takes and gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    /// Name and type of each parameter, in order; `this` of a method is the first.
    pub parameters: Vec<(String, TypeId)>,
    /// Void when it gives nothing.
    pub result: TypeId,
    /// How it is called.
    pub convention: Convention,
}

/// Where functions find what they take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Convention {
    /// As C's, which most languages use.
    #[default]
    C,
    /// As Go's since 1.17: in registers.
    Go,
    /// As Go's before: on the stack.
    GoStack,
}

/// Why a line of the source is nowhere in the code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoLine {
    /// The binary has no debug information.
    NoDebugInfo,
    /// No file of that name was compiled into it; the nearest names.
    NoFile(Vec<String>),
    /// The file is there, but no statement begins on that line; the next line on which one does.
    NoStatement(Option<u64>),
}
