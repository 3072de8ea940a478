//! How many files the process may have open: every map, program and link is one, and the usual limit is 1,024.

/// Files that are open besides: output, events, libbpf's own.
const BESIDES: usize = 256;

/// Lets the process open as many files as it may, when `files` more need it.
pub fn room_for(files: usize) {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: a struct to fill.
    let known = unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) } == 0;
    if known && (limit.rlim_cur as usize) < files.saturating_add(BESIDES) {
        limit.rlim_cur = limit.rlim_max;
        // SAFETY: a filled struct. Where it fails, the step that has no room tells that there are too many open files.
        unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) };
    }
}
