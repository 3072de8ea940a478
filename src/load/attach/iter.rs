//! `iter`: a link from which files are made; reading one runs the program for every object.

use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};

use libbpf_sys as sys;

use super::providers::Request;
use crate::load::kernel::check_fd;

/// Makes the link; the program does not run yet.
pub fn attach(request: &Request) -> io::Result<Vec<OwnedFd>> {
    // SAFETY: no options: the iterator is not bound to a map, a cgroup or a task.
    let link = unsafe {
        sys::bpf_link_create(request.program.as_raw_fd(), 0, sys::BPF_TRACE_ITER, std::ptr::null())
    };
    check_fd(link).map(|link| vec![link])
}

/// A file over all objects, from the first.
pub fn open(link: BorrowedFd) -> io::Result<File> {
    // SAFETY: a live descriptor.
    check_fd(unsafe { sys::bpf_iter_create(link.as_raw_fd()) }).map(File::from)
}
