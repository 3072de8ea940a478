//! The order of the stages. Nothing else knows it: `compile` has the compiler's, `run` what comes after.
//!
//! Exit statuses: that of `exit()` for a run that ended by itself or by SIGINT, 1 for anything that is wrong with the
//! command line, the script, the machine or the output, 2 for settings of the environment that are wrong.

pub mod compile;
pub mod headers;
#[cfg(feature = "kernel")]
mod dump;
#[cfg(feature = "kernel")]
mod environment;
#[cfg(feature = "kernel")]
mod help;
#[cfg(feature = "kernel")]
mod info;
#[cfg(feature = "kernel")]
mod list;
#[cfg(feature = "kernel")]
mod run;
#[cfg(feature = "kernel")]
mod script;
#[cfg(feature = "kernel")]
mod settings;
pub mod verbs;

#[cfg(feature = "kernel")]
pub use run::main;
