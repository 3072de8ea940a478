//! `begin`, `end`, `self`, `test`, `bench`: run by hand. A raw tracepoint program can be, on every supported kernel, without being attached.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

use libbpf_sys as sys;

use crate::load::kernel::check;

/// Runs a program once, on this CPU; gives what it returned.
pub fn run(program: BorrowedFd) -> io::Result<u32> {
    let mut options = sys::bpf_test_run_opts {
        sz: size_of::<sys::bpf_test_run_opts>() as sys::size_t,
        ..Default::default()
    };
    // SAFETY: options without buffers.
    check(unsafe { sys::bpf_prog_test_run_opts(program.as_raw_fd(), &raw mut options) })?;
    Ok(options.retval)
}
