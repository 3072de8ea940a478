//! Generators and reference meanings for differential tests.
//!
//! `script` makes random scripts that the type checker accepts, `meaning` says what a typed script prints, straight
//! from the typed tree and knowing nothing of SSA or eBPF. Tests hold the compiler, its interpreter and real kernels
//! against it. Lives in the library so that fuzz targets and the guest tests share it; the shipped binary has none
//! of it, since nothing there calls it.

pub mod meaning;
pub mod model;
pub mod rng;
pub mod script;
