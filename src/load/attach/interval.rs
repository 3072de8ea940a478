//! `interval`: a software clock on one CPU.

use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};

use super::{Machine, perf, profile};

/// Runs `program` every `period` nanoseconds on the first CPU that is online.
///
/// The kernel takes periods below 10 µs for 10 µs.
pub fn attach(
    program: BorrowedFd,
    period: u64,
    cookie: Option<u64>,
    machine: &Machine,
) -> io::Result<OwnedFd> {
    perf::attach(program, profile::clock(period), machine.first_cpu(), cookie)
}
