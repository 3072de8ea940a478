//! Text to syntax tree, and back.
//!
//! `parse` is the only user of pest. The grammar in `grammar/beetrace.pest` holds the syntax; meaning is sema's.

pub mod ast;
mod parse;
pub mod print;
pub use parse::{MAX_DEPTH, MAX_NESTING, parse};
