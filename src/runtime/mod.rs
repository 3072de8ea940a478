//! While the script runs: the event loop, records, maps, the ledger, output.

pub mod escape;
pub mod format;
pub mod names;
pub mod value;
