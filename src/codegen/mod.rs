//! SSA to eBPF instructions.
//!
//! ```text
//! ir::Function ─lower→ MInst on virtual registers ─regalloc→ on r0–r9 ─peephole→ ─emit→ Insn ─lint→ Code
//! ```
//!
//! `frame` lays out the stack before selection, so that addresses of slots are final; `demote` moves numbers to slots
//! when what is spilled does not fit beside them. `regalloc` is the only user of regalloc2. `lint` proves the rules of
//! generated code on what comes out. `compile` knows the order.

pub mod opcode;
pub mod callback;
pub mod inst;
pub mod mach;
pub mod encode;
pub mod spans;
pub mod demote;
pub mod frame;
pub mod lower;
pub mod regalloc;
pub mod peephole;
pub mod emit;
pub mod lint;
pub mod disasm;
pub mod error;
pub mod sim;
mod compile;

pub use compile::compile;
pub use error::CodegenError;
