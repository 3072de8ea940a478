//! Text to syntax tree, and back.
//!
//! The grammar in `grammar/beetrace.pest` holds the syntax, that of bpftrace 0.27. C is kept as text (`CItem`).
//! Meaning is sema's.
//!
//! - `parse`: text to tree and messages; the only user of pest;
//! - `merge`: the trees of imported scripts into that of the script;
//! - `print`: tree to text that parses back to the same tree;
//! - `ast`: the tree.
//!
//! Where this is more lenient than bpftrace it is so on purpose: C's integer suffixes in either case and on hexadecimal
//! numbers, `0b101`, `10e3`, `\a` and the other escapes of C, `(unsigned long)x`, a predicate or comment right behind an
//! attach point. Where it is stricter: a comment without an end is an error.

pub mod ast;
pub mod cdecl;
pub mod cpp;
mod merge;
mod parse;
pub mod print;
pub use merge::merge;
pub use parse::{MAX_DEPTH, MAX_NESTING, number, parse};
