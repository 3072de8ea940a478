//! `fentry`, `fexit`: a trampoline at the function that the program was loaded for (see `load::target`).

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};

use libbpf_sys as sys;

use super::providers::{Request, wrong_target};
use crate::load::kernel::check_fd;
use crate::sema::tree::Attach;

/// Starts the program's runs.
pub fn attach(request: &Request) -> io::Result<Vec<OwnedFd>> {
    let kind = match request.at.target {
        Attach::Fentry(_) => sys::BPF_TRACE_FENTRY,
        Attach::Fexit(_) => sys::BPF_TRACE_FEXIT,
        _ => return Err(wrong_target()),
    };
    // SAFETY: no options. Where the kernel has no such links libbpf takes the older way.
    let link = unsafe { sys::bpf_link_create(request.program.as_raw_fd(), 0, kind, std::ptr::null()) };
    check_fd(link).map(|link| vec![link])
}
