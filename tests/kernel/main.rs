//! Tests that trace the whole machine: for guests only. `tests/runtime/kernel.rt` runs them there.

#[path = "../it/handmade.rs"]
mod handmade;

mod attach;
#[path = "../it/load.rs"]
mod load;
