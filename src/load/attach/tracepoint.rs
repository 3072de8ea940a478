//! `tracepoint`: the perf event of a tracepoint of tracefs.

use std::os::fd::{BorrowedFd, OwnedFd};
use std::{fs, io};

use libbpf_sys as sys;

use super::{Machine, perf};
use crate::host::system::TRACEFS;

/// Where tracefs is when only debugfs is mounted.
const UNDER_DEBUGFS: &str = "/sys/kernel/debug/tracing";

/// Runs `program` at every hit of the tracepoint.
pub fn attach(
    program: BorrowedFd,
    (category, event): (&str, &str),
    cookie: Option<u64>,
    machine: &Machine,
) -> io::Result<OwnedFd> {
    let attr = sys::perf_event_attr {
        type_: sys::PERF_TYPE_TRACEPOINT,
        config: id(category, event)?,
        ..Default::default()
    };
    perf::attach(program, attr, machine.first_cpu(), cookie)
}

/// The kernel's number of the tracepoint.
fn id(category: &str, event: &str) -> io::Result<u64> {
    let path = |root: &str| format!("{root}/events/{category}/{event}/id");
    let text = fs::read_to_string(path(TRACEFS)).or_else(|first| {
        // the first place is the usual one: its error says more
        fs::read_to_string(path(UNDER_DEBUGFS)).map_err(|_| first)
    })?;
    text.trim().parse().map_err(|_| io::Error::from_raw_os_error(libc::EINVAL))
}
