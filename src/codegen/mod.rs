//! SSA to eBPF instructions.
//!
//! `lower` selects machine instructions on virtual registers, `regalloc` (the only user of regalloc2) assigns
//! registers, `frame` lays out the stack, `emit` resolves branches, `lint` proves the rules of generated code.

pub mod inst;
