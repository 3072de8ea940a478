//! `watchpoint`: a debug register, on every CPU for an address of the kernel, for a process and what it starts otherwise.

use std::io;
use std::os::fd::OwnedFd;

use libbpf_sys as sys;

use super::perf;
use super::providers::{Request, wrong_target};
use crate::sema::tree::Attach;

/// Addresses from here on are the kernel's.
const KERNEL: u64 = 1 << 63;

/// Runs the program at every access.
pub fn attach(request: &Request) -> io::Result<Vec<OwnedFd>> {
    let Attach::Watchpoint { address, length, mode } = request.at.target else { return Err(wrong_target()) };
    let mut attr =
        sys::perf_event_attr { type_: sys::PERF_TYPE_BREAKPOINT, bp_type: mode.into(), ..Default::default() };
    attr.__bindgen_anon_1.sample_period = 1;
    attr.__bindgen_anon_3.bp_addr = address;
    attr.__bindgen_anon_4.bp_len = length.into();
    perf::count(request, attr, request.machine.target.filter(|_| address < KERNEL))
}
