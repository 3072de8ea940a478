//! While the script runs: the event loop, records, maps, the ledger, output.
//!
//! [`run::run`] is the whole run; `session` carries out what programs ask for, by the layouts of [`crate::wire`]. What
//! the kernel must do is behind the traits of `kernel`, so that all but the system calls themselves runs in tests
//! without privileges.

pub mod acts;
pub mod cgroups;
pub mod child;
pub mod escape;
pub mod failure;
pub mod format;
pub mod kernel;
pub mod ledger;
#[cfg(feature = "kernel")]
pub mod libbpf;
pub mod maps;
pub mod names;
pub mod notify;
pub mod output;
pub mod ring;
pub mod run;
pub mod session;
pub mod signals;
pub mod symbols;
pub mod sys;
pub mod system;
pub mod time;
pub mod trials;
pub mod value;
