//! Compiled scripts as plain data, and as ELF files that libbpf loads.

pub mod artifact;
