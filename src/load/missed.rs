//! Runs that the kernel left out: a program was already running on that CPU, or a return probe had no slot left.
//!
//! From 6.7 on the kernel counts them for programs on functions and tracepoints; of programs on clocks no kernel
//! does. The sign of it is the length of what a link tells of itself: the count of a kprobe's missed hits came in the
//! same release. Where the kernel does not count, the answer is None, never 0.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

use libbpf_sys as sys;

/// Bytes of link info from the kernels that count on; then those of `kprobe_multi.missed` and `perf_event.kprobe.missed`
/// in `struct bpf_link_info`.
const COUNTING: u32 = 56;
const KPROBE_MULTI_MISSED: usize = 32;
const KPROBE_MISSED: usize = 48;

/// Where `struct bpf_link_info` tells what kind of perf event a link is on.
const PERF_EVENT_KIND: usize = 16;

/// Hits that a link missed before its program was asked; None when the kernel does not count.
pub fn by_link(link: BorrowedFd) -> Option<u64> {
    let mut info = [0u64; 32];
    let mut length = size_of_val(&info) as u32;
    // SAFETY: room for `length` bytes, all zero, as the kernel wants of those it does not know.
    let result =
        unsafe { sys::bpf_link_get_info_by_fd(link.as_raw_fd(), info.as_mut_ptr().cast(), &raw mut length) };
    if result != 0 {
        return None;
    }
    if matches!(info[0] as u32, sys::BPF_LINK_TYPE_TRACING | sys::BPF_LINK_TYPE_ITER) {
        // trampolines leave out what their program counts, on every kernel with such counts
        return Some(0);
    }
    if length < COUNTING {
        return None;
    }
    let word = |offset: usize| info[offset / 8];
    match info[0] as u32 {
        sys::BPF_LINK_TYPE_KPROBE_MULTI => Some(word(KPROBE_MULTI_MISSED)),
        sys::BPF_LINK_TYPE_PERF_EVENT => match word(PERF_EVENT_KIND) as u32 {
            sys::BPF_PERF_EVENT_KPROBE | sys::BPF_PERF_EVENT_KRETPROBE => Some(word(KPROBE_MISSED)),
            sys::BPF_PERF_EVENT_TRACEPOINT => Some(0),
            _ => None,
        },
        sys::BPF_LINK_TYPE_RAW_TRACEPOINT => Some(0),
        _ => None,
    }
}

/// Runs of a program that were left out because a program was running already.
pub fn by_program(program: BorrowedFd) -> Option<u64> {
    let (info, length) = info(program).ok()?;
    let end = std::mem::offset_of!(sys::bpf_prog_info, recursion_misses) + 8;
    (length >= end).then_some(info.recursion_misses)
}

/// Nanoseconds and runs that the kernel has counted of a program.
pub fn run_time(program: BorrowedFd) -> io::Result<(u64, u64)> {
    info(program).map(|(info, _)| (info.run_time_ns, info.run_cnt))
}

/// What the kernel tells of a program, and in how many bytes.
fn info(program: BorrowedFd) -> io::Result<(sys::bpf_prog_info, usize)> {
    let mut info = sys::bpf_prog_info::default();
    let mut length = size_of::<sys::bpf_prog_info>() as u32;
    // SAFETY: `length` bytes of plain data to fill.
    let result = unsafe { sys::bpf_prog_get_info_by_fd(program.as_raw_fd(), &raw mut info, &raw mut length) };
    super::kernel::check(result)?;
    Ok((info, length as usize))
}
