//! Records and map contents to text, held against what bpftrace 0.27 prints.

mod escape;
mod histograms;
mod notation;
mod printf;
mod values;
