//! `tracepoint`: the perf event of a tracepoint of tracefs.

use std::os::fd::OwnedFd;
use std::{fs, io};

use libbpf_sys as sys;

use super::providers::{Request, wrong_target};
use super::{Whose, perf};
use crate::host::system::TRACEFS;
use crate::sema::tree::Attach;

/// Where tracefs is when only debugfs is mounted.
const UNDER_DEBUGFS: &str = "/sys/kernel/debug/tracing";

/// Runs the program at every hit of the tracepoint.
pub fn attach(request: &Request) -> io::Result<Vec<OwnedFd>> {
    let Attach::Tracepoint { category, event } = &request.at.target else { return Err(wrong_target()) };
    let attr = sys::perf_event_attr {
        type_: sys::PERF_TYPE_TRACEPOINT,
        config: id(category, event)?,
        ..Default::default()
    };
    let everyone = Whose::Everyone(request.machine.first_cpu());
    perf::attach(request.program, attr, everyone, request.cookie).map(|link| vec![link])
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
