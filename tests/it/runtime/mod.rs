//! Records and map contents to text, held against what bpftrace 0.27 prints.

mod drain;
mod escape;
mod failures;
mod fake;
mod histograms;
#[cfg(feature = "kernel")]
mod loaded;
mod maps;
mod notation;
mod pictures;
mod printf;
mod reading;
mod runs;
mod values;
