//! Perf events, on which most kinds of probe hang.
//!
//! A program is bound to its event by a BPF link where the kernel has them (5.15): a link carries a cookie and tells of
//! missed runs. Else by an ioctl on the event. Either way one descriptor stays open, and closing it ends both.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use libbpf_sys as sys;

use super::providers::Request;
use crate::load::kernel::check_fd;

/// `_IO('$', 0)` and `_IOW('$', 8, __u32)` of the kernel's perf_event.h.
const ENABLE: libc::Ioctl = 0x2400;
const SET_BPF: libc::Ioctl = 0x4004_2408;

/// Whose events are wanted.
#[derive(Clone, Copy, Debug)]
pub enum Whose {
    /// All processes', on this CPU; of functions on all CPUs.
    Everyone(u32),
    /// This process's, on any CPU.
    Process(u32),
}

/// Runs `program` at what `attr` describes.
pub fn attach(
    program: BorrowedFd,
    attr: sys::perf_event_attr,
    whose: Whose,
    cookie: Option<u64>,
) -> io::Result<OwnedFd> {
    let counts =
        matches!(attr.type_, sys::PERF_TYPE_SOFTWARE | sys::PERF_TYPE_HARDWARE | sys::PERF_TYPE_BREAKPOINT);
    let event = open(attr, whose)?;
    let link = bind(program, event.as_fd(), cookie)?;
    if counts {
        // the events of tracepoints and functions run their programs without being enabled
        ioctl(event.as_fd(), ENABLE, 0)?;
    }
    // the link keeps the event open
    Ok(link.unwrap_or(event))
}

/// As [`attach`] for the events that `attr` describes: of a process, or of everybody.
pub fn count(
    request: &Request,
    attr: sys::perf_event_attr,
    process: Option<u32>,
) -> io::Result<Vec<OwnedFd>> {
    match process {
        None => on_every_cpu(request, attr),
        Some(process) => of_process(request, attr, process),
    }
}

/// On every CPU that is online.
fn on_every_cpu(request: &Request, attr: sys::perf_event_attr) -> io::Result<Vec<OwnedFd>> {
    let mut links = Vec::new();
    for cpu in &request.machine.cpus {
        match attach(request.program, attr, Whose::Everyone(*cpu), request.cookie) {
            Ok(link) => links.push(link),
            // it went offline meanwhile
            Err(error)
                if error.raw_os_error() == Some(libc::ENODEV) && *cpu != request.machine.first_cpu() => {}
            Err(error) => return Err(error),
        }
    }
    Ok(links)
}

/// For every thread that a process has, and those that it and its children start.
fn of_process(request: &Request, mut attr: sys::perf_event_attr, process: u32) -> io::Result<Vec<OwnedFd>> {
    attr.set_inherit(1);
    let one = |thread| attach(request.program, attr, Whose::Process(thread), request.cookie);
    threads(process)?.into_iter().map(one).collect()
}

/// The threads that a process has now.
fn threads(process: u32) -> io::Result<Vec<u32>> {
    let entries = std::fs::read_dir(format!("/proc/{process}/task"))?;
    let number = |entry: std::fs::DirEntry| entry.file_name().to_str()?.parse().ok();
    Ok(entries.flatten().filter_map(number).collect())
}

fn open(mut attr: sys::perf_event_attr, whose: Whose) -> io::Result<OwnedFd> {
    attr.size = size_of::<sys::perf_event_attr>() as u32;
    attr.set_disabled(1);
    let no_group: libc::c_int = -1;
    let (process, cpu): (libc::pid_t, libc::c_int) = match whose {
        Whose::Everyone(cpu) => (-1, cpu as libc::c_int),
        Whose::Process(pid) => (pid as libc::pid_t, -1),
    };
    let flags = libc::c_ulong::from(sys::PERF_FLAG_FD_CLOEXEC);
    // SAFETY: the kernel reads `size` bytes of the attributes.
    let fd =
        unsafe { libc::syscall(libc::SYS_perf_event_open, &raw const attr, process, cpu, no_group, flags) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: a new descriptor of ours.
    Ok(unsafe { OwnedFd::from_raw_fd(fd as i32) })
}

/// Binds by a link, or by the ioctl on kernels without them, where no cookie is wanted.
fn bind(program: BorrowedFd, event: BorrowedFd, cookie: Option<u64>) -> io::Result<Option<OwnedFd>> {
    let mut options = sys::bpf_link_create_opts {
        sz: size_of::<sys::bpf_link_create_opts>() as sys::size_t,
        ..Default::default()
    };
    options.__bindgen_anon_1.perf_event.bpf_cookie = cookie.unwrap_or(0);
    // SAFETY: the options live during the call.
    let link = unsafe {
        let (program, event) = (program.as_raw_fd(), event.as_raw_fd());
        sys::bpf_link_create(program, event, sys::BPF_PERF_EVENT, &raw const options)
    };
    match check_fd(link) {
        Err(error) if error.raw_os_error() == Some(libc::EINVAL) && cookie.is_none() => {
            ioctl(event, SET_BPF, program.as_raw_fd()).map(|()| None)
        }
        link => link.map(Some),
    }
}

fn ioctl(event: BorrowedFd, request: libc::Ioctl, argument: i32) -> io::Result<()> {
    // SAFETY: both requests take an integer.
    match unsafe { libc::ioctl(event.as_raw_fd(), request, argument) } {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}
