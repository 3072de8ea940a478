//! Artifact into the kernel: open, load, attach, detach. Through libbpf-rs.
//!
//! `attach/` has one file per kind of probe.
