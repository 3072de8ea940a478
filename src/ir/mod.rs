//! The intermediate representation: SSA with block parameters, close enough to eBPF that lowering is selection,
//! far enough that the verifier's habits do not leak into it.
//!
//! Every value is 64 bits wide: an integer ([`Type::Int`]) or a pointer with a provenance. eBPF's registers are
//! 64 bits wide too; narrow types of the language are kept extended by explicit `zext`/`sext` instructions, which
//! lowering folds into 32-bit arithmetic and narrow loads. (DESIGN.md first foresaw i8…i64 values; one width makes
//! the passes, the interpreter and the lowering say less and mean the same.)
//!
//! `function` holds the data, `module` what all functions share, `print` and `parse` the textual form, `verify`
//! every invariant, `interp` the meaning. `cfg`, `domtree` and `edit` are what passes are made of; `fuzz` makes
//! random functions for the tests of everything that reads IR.

pub mod entities;
pub mod function;
pub mod helper;
pub mod module;
pub mod operands;
pub mod names;
pub mod print;
pub mod parse;
pub mod edit;
pub mod cfg;
pub mod domtree;
pub mod eval;
pub mod typing;
pub mod known;
pub mod refine;
pub mod places;
pub mod ranges;
pub mod memory;
pub mod contents;
pub mod verify;
pub mod interp;
pub mod passes;
pub mod outline;
pub mod fuzz;
pub mod build;

pub use entities::{Block, Inst, MapRef, Slot, Value};
pub use function::{BinOp, Cond, Function, InstData, Provenance, Terminator, Type, UnOp, Width};
pub use helper::Helper;
pub use module::Module;
