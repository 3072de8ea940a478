//! `software`, `hardware`: a counter on every CPU, which runs the program every so many events.

use std::io;
use std::os::fd::OwnedFd;

use libbpf_sys as sys;

use super::perf;
use super::providers::{Request, wrong_target};
use crate::sema::tree::Attach;

/// Runs the program on every CPU that is online, or for the process that is traced.
pub fn attach(request: &Request) -> io::Result<Vec<OwnedFd>> {
    let (kind, event, count) = match request.at.target {
        Attach::Software { event, count } => (sys::PERF_TYPE_SOFTWARE, event, count),
        Attach::Hardware { event, count } => (sys::PERF_TYPE_HARDWARE, event, count),
        _ => return Err(wrong_target()),
    };
    let mut attr = sys::perf_event_attr { type_: kind, config: event.into(), ..Default::default() };
    attr.__bindgen_anon_1.sample_period = count;
    perf::count(request, attr, request.machine.target)
}
