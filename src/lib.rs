//! beetrace: a bpftrace-compatible tracing language that compiles to eBPF without LLVM.
//!
//! ```text
//! text ─syntax→ AST ─sema→ typed tree ─ir::build→ SSA ─ir::passes→ SSA ─codegen→ eBPF insts
//!      ─object→ Artifact (plain data) ─object::elf→ ELF ─load→ kernel ─runtime→ text
//! ```
//!
//! The modules stand in the order of that pipeline; a module imports only modules listed above it, plus `diag`,
//! `source` and `wire`. `driver` alone knows the order of the stages. Only `host`, `load` and `runtime` touch the
//! kernel.

pub mod source;
pub mod diag;
pub mod wire;
pub mod syntax;
pub mod config;
pub mod host;
pub mod sema;
pub mod ir;
pub mod codegen;
pub mod object;
#[cfg(feature = "kernel")]
pub mod load;
pub mod runtime;
pub mod cli;
pub mod driver;
pub mod fuzz;
