//! `begin`, `end`, `self`, `test`, `bench`: run by hand. A raw tracepoint program can be, on every supported kernel, without being attached.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

use libbpf_sys as sys;

use crate::load::kernel::{check, check_fd};

/// Runs a program so often; gives the nanoseconds that its runs took by the kernel's own clock.
pub fn measure(program: BorrowedFd, runs: u64) -> io::Result<u64> {
    // SAFETY: no preconditions. The kernel measures as long as the descriptor is open.
    let _measuring = check_fd(unsafe { sys::bpf_enable_stats(sys::BPF_STATS_RUN_TIME) })?;
    let before = run_time(program)?;
    for _ in 0..runs {
        run(program)?;
    }
    Ok(run_time(program)?.saturating_sub(before))
}

/// Nanoseconds that all measured runs of a program took.
fn run_time(program: BorrowedFd) -> io::Result<u64> {
    let mut info = sys::bpf_prog_info::default();
    let mut length = size_of::<sys::bpf_prog_info>() as u32;
    // SAFETY: plain data with its length.
    check(unsafe { sys::bpf_prog_get_info_by_fd(program.as_raw_fd(), &raw mut info, &raw mut length) })?;
    Ok(info.run_time_ns)
}

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
