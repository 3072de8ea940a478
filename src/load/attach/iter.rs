//! `iter`: a link from which files are made; reading one runs the program for every object. A pinned link is a file
//! itself, for whoever reads it later.

use std::ffi::CString;
use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};

use libbpf_sys as sys;

use super::providers::Request;
use crate::load::kernel::{check, check_fd};
use crate::load::object::BPFFS;

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

/// Puts the link into bpffs, below its usual place when the path is relative; gives the whole path.
pub fn pin(link: BorrowedFd, path: &str) -> (String, io::Result<()>) {
    let path = if path.starts_with('/') { path.to_owned() } else { format!("{BPFFS}/{path}") };
    let name = CString::new(path.as_str()).map_err(io::Error::from);
    // SAFETY: a live descriptor and a text that ends with NUL.
    let pinned = name.and_then(|name| check(unsafe { sys::bpf_obj_pin(link.as_raw_fd(), name.as_ptr()) }));
    (path, pinned.map(|_| ()))
}
