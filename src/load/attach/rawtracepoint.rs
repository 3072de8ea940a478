//! `rawtracepoint`: by name; the kernel finds the tracepoint in the module that has it.

use std::ffi::CString;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};

use libbpf_sys as sys;

use super::providers::{Request, wrong_target};
use crate::load::kernel::check_fd;
use crate::sema::tree::Attach;

/// Runs the program at every hit of the tracepoint.
pub fn attach(request: &Request) -> io::Result<Vec<OwnedFd>> {
    let Attach::Rawtracepoint { event, .. } = &request.at.target else { return Err(wrong_target()) };
    let name = CString::new(event.as_str()).map_err(|_| wrong_target())?;
    // SAFETY: a valid C string.
    let link = unsafe { sys::bpf_raw_tracepoint_open(name.as_ptr(), request.program.as_raw_fd()) };
    check_fd(link).map(|link| vec![link])
}
