//! `profile`: a software clock on every CPU.
//!
//! Frequencies are told to the kernel as periods: it makes the one into the other anyway, but refuses frequencies
//! above a limit that it lowers by itself when interrupts take long.

use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};

use libbpf_sys as sys;

use super::{Machine, perf};

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

/// Runs `program` on every CPU that is online, every `period` nanoseconds or `frequency` times a second.
pub fn attach(
    program: BorrowedFd,
    period: Option<u64>,
    frequency: Option<u64>,
    cookie: Option<u64>,
    machine: &Machine,
) -> io::Result<Vec<OwnedFd>> {
    let period = period.unwrap_or_else(|| 1_000_000_000 / frequency.unwrap_or(1).max(1)).max(1);
    let mut links = Vec::new();
    for cpu in &machine.cpus {
        match perf::attach(program, clock(period), *cpu, cookie) {
            Ok(link) => links.push(link),
            // it went offline meanwhile
            Err(error) if error.raw_os_error() == Some(libc::ENODEV) && *cpu != machine.first_cpu() => {}
            Err(error) => return Err(error),
        }
    }
    Ok(links)
}
