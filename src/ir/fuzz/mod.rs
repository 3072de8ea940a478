//! Random functions for tests: of passes, of lowering, and against the kernel.
//!
//! Everything here is a function of a seed, without the clock or the machine.

mod random;

pub use random::Random;
