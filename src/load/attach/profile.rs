//! `profile`: a software clock on every CPU.
//!
//! Frequencies are told to the kernel as periods: it makes the one into the other anyway, but refuses frequencies
//! above a limit that it lowers by itself when interrupts take long.

use std::io;
use std::os::fd::OwnedFd;

use libbpf_sys as sys;

use super::perf;
use super::providers::{Request, wrong_target};
use crate::sema::tree::Attach;

/// A clock that ticks every `period` nanoseconds.
pub fn clock(period: u64) -> sys::perf_event_attr {
    let mut attr = sys::perf_event_attr {
        type_: sys::PERF_TYPE_SOFTWARE,
        config: sys::PERF_COUNT_SW_CPU_CLOCK.into(),
        ..Default::default()
    };
    attr.__bindgen_anon_1.sample_period = period;
    attr
}

/// Runs the program on every CPU that is online.
pub fn attach(request: &Request) -> io::Result<Vec<OwnedFd>> {
    let Attach::Profile { period, frequency } = request.at.target else { return Err(wrong_target()) };
    let period = period.unwrap_or_else(|| 1_000_000_000 / frequency.unwrap_or(1).max(1)).max(1);
    perf::count(request, clock(period), request.machine.target)
}
