//! `interval`: a software clock on one CPU.

use std::io;
use std::os::fd::OwnedFd;

use super::providers::{Request, wrong_target};
use super::{Whose, perf, profile};
use crate::sema::tree::Attach;

/// Runs `program` every `period` nanoseconds on the first CPU that is online.
///
/// The kernel takes periods below 10 µs for 10 µs.
pub fn attach(request: &Request) -> io::Result<Vec<OwnedFd>> {
    let Attach::Interval { period } = request.at.target else { return Err(wrong_target()) };
    let everyone = Whose::Everyone(request.machine.first_cpu());
    perf::attach(request.program, profile::clock(period), everyone, request.cookie).map(|link| vec![link])
}
