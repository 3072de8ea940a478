//! The few system calls that the runtime needs beyond the standard library, as safe functions.

use std::ffi::CStr;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::time::Duration;

fn check(result: i32) -> io::Result<i32> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

/// A counter that is readable when not 0; never closed.
pub fn eventfd() -> io::Result<RawFd> {
    // SAFETY: no memory is passed.
    check(unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) })
}

/// Makes an eventfd readable. May be called by a signal handler; leaves errno alone.
pub fn raise_event(fd: RawFd) {
    // SAFETY: errno is this thread's own; the write is from a local of 8 bytes.
    unsafe {
        let errno = libc::__errno_location();
        let saved = *errno;
        let one = 1u64;
        libc::write(fd, (&raw const one).cast(), 8);
        *errno = saved;
    }
}

/// Makes an eventfd unreadable.
pub fn clear_event(fd: RawFd) {
    let mut count = 0u64;
    // SAFETY: 8 bytes of a local.
    unsafe { libc::read(fd, (&raw mut count).cast(), 8) };
}

/// Sets the handler of a signal; system calls are interrupted by it.
pub fn handle(signal: libc::c_int, handler: extern "C" fn(libc::c_int)) {
    set_action(signal, handler as *const () as usize);
}

/// Ignores a signal.
pub fn ignore(signal: libc::c_int) {
    set_action(signal, libc::SIG_IGN);
}

fn set_action(signal: libc::c_int, action: libc::sighandler_t) {
    // SAFETY: a zeroed sigaction is valid; the handlers here do only what handlers may.
    unsafe {
        let mut new: libc::sigaction = std::mem::zeroed();
        new.sa_sigaction = action;
        libc::sigaction(signal, &raw const new, std::ptr::null_mut());
    }
}

/// Waits until `fd` can be written, or `other` can be read. A closed reader counts as writable: the write tells.
pub fn wait_writable(fd: RawFd, other: RawFd) -> io::Result<()> {
    let mut polled = [
        libc::pollfd { fd, events: libc::POLLOUT, revents: 0 },
        libc::pollfd { fd: other, events: libc::POLLIN, revents: 0 },
    ];
    // SAFETY: two entries of a local.
    match check(unsafe { libc::poll(polled.as_mut_ptr(), 2, -1) }) {
        Err(error) if error.kind() != io::ErrorKind::Interrupted => Err(error),
        _ => Ok(()),
    }
}

/// A descriptor of a process that becomes readable when it exits.
pub fn pidfd(pid: u32) -> io::Result<OwnedFd> {
    // SAFETY: no memory is passed.
    let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, pid as libc::pid_t, 0) };
    check(fd as i32).map(|fd| {
        // SAFETY: a new descriptor that nothing else owns.
        unsafe { OwnedFd::from_raw_fd(fd) }
    })
}

/// Forks; the new process runs `child` and ends.
///
/// # Safety
/// `child` may do only what is allowed after a fork in a process with threads: no allocation, no locks.
pub unsafe fn fork(child: impl FnOnce()) -> io::Result<u32> {
    // SAFETY: by the caller.
    let pid = check(unsafe { libc::fork() })?;
    if pid == 0 {
        child();
        leave(127);
    }
    Ok(pid as u32)
}

/// In a new process, before it becomes a command: end with the parent, take SIGPIPE as usual.
pub fn prepare_child() {
    // SAFETY: no memory is passed.
    unsafe {
        libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGTERM);
        libc::signal(libc::SIGPIPE, libc::SIG_DFL);
    }
}

/// Waits for a byte; false at the end of the pipe.
pub fn read_byte(fd: RawFd) -> bool {
    let mut byte = 0u8;
    loop {
        // SAFETY: one byte of a local.
        match unsafe { libc::read(fd, (&raw mut byte).cast(), 1) } {
            // SAFETY: errno is this thread's own.
            -1 if unsafe { *libc::__errno_location() } == libc::EINTR => {}
            count => return count == 1,
        }
    }
}

/// Writes, with no regard for the result.
pub fn write_some(fd: RawFd, bytes: &[u8]) {
    // SAFETY: a slice with its length.
    unsafe { libc::write(fd, bytes.as_ptr().cast(), bytes.len()) };
}

/// Closes a descriptor of a new process.
pub fn close(fd: RawFd) {
    // SAFETY: in the new process nobody else uses it.
    unsafe { libc::close(fd) };
}

/// Becomes a program; the error number when that fails. The lists end with null.
pub fn execute(path: &CStr, args: &[*const libc::c_char], variables: &[*const libc::c_char]) -> i32 {
    // SAFETY: null-terminated lists of strings that live in the caller.
    unsafe {
        libc::execve(path.as_ptr(), args.as_ptr(), variables.as_ptr());
        *libc::__errno_location()
    }
}

/// Ends a new process without the cleanups of the old one.
fn leave(status: i32) -> ! {
    // SAFETY: does not return.
    unsafe { libc::_exit(status) }
}

/// Kills a child that has not been waited for, and waits for it.
pub fn kill_and_reap(pid: u32) {
    // SAFETY: as nobody has waited for the child, the id is still its own.
    unsafe {
        libc::kill(pid as libc::pid_t, libc::SIGKILL);
        while libc::waitpid(pid as libc::pid_t, std::ptr::null_mut(), 0) == -1
            && *libc::__errno_location() == libc::EINTR
        {}
    }
}

/// Starts a process that holds all descriptors of this one until this one has ended, and then ends too. To close the last
/// descriptor of a traced event takes the kernel two grace periods, 50 to 100 ms, for which nobody has to wait then.
/// Where no process can be started, they are waited for.
pub fn detach_after_exit() {
    let parent = std::process::id();
    // SAFETY: the new process only makes system calls. It has no part in the output, and is killed when we end.
    let started = unsafe {
        fork(|| {
            libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
            (0..3).for_each(close);
            if libc::getppid() as u32 == parent {
                libc::poll(std::ptr::null_mut(), 0, 1000);
            }
        })
    };
    drop(started);
}

/// Waits until every CPU has left the kernel code (and so the BPF programs) that it was in. Best effort: kernels with
/// isolated CPUs refuse.
pub fn wait_for_programs() {
    const GLOBAL: libc::c_int = 1;
    // SAFETY: no memory is passed.
    unsafe { libc::syscall(libc::SYS_membarrier, GLOBAL, 0, 0) };
}

/// Descriptors waited for together.
#[derive(Debug)]
pub struct Epoll {
    fd: OwnedFd,
}

/// When a descriptor counts as ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interest {
    /// While it can be read.
    Readable,
    /// Each time that its owner says so: records that come without a wakeup do not count.
    Wakeups,
    /// When the other end is gone.
    Closed,
}

impl Epoll {
    /// Nothing is waited for yet.
    pub fn new() -> io::Result<Epoll> {
        // SAFETY: no memory is passed.
        let fd = check(unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) })?;
        // SAFETY: a new descriptor that nothing else owns.
        Ok(Epoll { fd: unsafe { OwnedFd::from_raw_fd(fd) } })
    }

    /// Waits for `fd` too; `token` tells which is ready. False when it can never be waited for (a plain file).
    pub fn add(&self, fd: RawFd, interest: Interest, token: u64) -> io::Result<bool> {
        let events = match interest {
            Interest::Readable => libc::EPOLLIN as u32,
            Interest::Wakeups => (libc::EPOLLIN | libc::EPOLLET) as u32,
            Interest::Closed => 0,
        };
        let mut event = libc::epoll_event { events, u64: token };
        // SAFETY: a local event.
        let result = unsafe { libc::epoll_ctl(self.fd.as_raw_fd(), libc::EPOLL_CTL_ADD, fd, &raw mut event) };
        match check(result) {
            Ok(_) => Ok(true),
            Err(error) if error.raw_os_error() == Some(libc::EPERM) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Waits; gives the tokens of what is ready, none after `timeout` or an interruption.
    pub fn wait(&self, timeout: Duration, ready: &mut Vec<u64>) -> io::Result<()> {
        let mut events = [libc::epoll_event { events: 0, u64: 0 }; 8];
        let timeout = timeout.as_millis().min(i32::MAX as u128) as i32;
        // SAFETY: eight events of a local.
        let count = unsafe { libc::epoll_wait(self.fd.as_raw_fd(), events.as_mut_ptr(), 8, timeout) };
        ready.clear();
        match check(count) {
            Ok(count) => ready.extend(events[..count as usize].iter().map(|event| event.u64)),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }
}

/// Nanoseconds of CLOCK_BOOTTIME, the clock of `nsecs`.
pub fn boot_time() -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: a local to fill.
    unsafe { libc::clock_gettime(libc::CLOCK_BOOTTIME, &raw mut time) };
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}
