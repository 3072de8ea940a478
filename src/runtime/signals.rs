//! SIGINT and SIGTERM: the first asks the run to end, the second to quit at once. SIGUSR1, when a script has probes on it.
//!
//! A handler counts them, sets the flag that loading and attaching look at, and makes a descriptor readable that the
//! event loop waits for. System calls are interrupted, not restarted. SIGPIPE is ignored: a closed output is an error of
//! the write.
//!
//! Handlers are of the whole process: there is one state, and [`Signals`] is a handle to it.

use std::io;
use std::os::fd::RawFd;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU32, Ordering};

use super::sys;

static COUNT: AtomicU32 = AtomicU32::new(0);
static USER: AtomicU32 = AtomicU32::new(0);
static CANCEL: AtomicBool = AtomicBool::new(false);
static EVENT: AtomicI32 = AtomicI32::new(-1);
static INSTALLED: OnceLock<Result<RawFd, i32>> = OnceLock::new();

/// A handle to the process's signals.
#[derive(Clone, Copy, Debug)]
pub struct Signals {
    event: RawFd,
}

impl Signals {
    /// Handles the signals from now on, for the rest of the process's life.
    ///
    /// # Errors
    /// When the process has no room for a descriptor.
    pub fn install() -> io::Result<Signals> {
        let event = INSTALLED.get_or_init(|| {
            let event = sys::eventfd().map_err(|error| error.raw_os_error().unwrap_or(libc::EIO))?;
            EVENT.store(event, Ordering::Release);
            sys::handle(libc::SIGINT, on_signal);
            sys::handle(libc::SIGTERM, on_signal);
            sys::ignore(libc::SIGPIPE);
            Ok(event)
        });
        event.map(|event| Signals { event }).map_err(io::Error::from_raw_os_error)
    }

    /// How many came so far.
    pub fn count(&self) -> u32 {
        COUNT.load(Ordering::Acquire)
    }

    /// From now on SIGUSR1 is counted too, instead of ending the process.
    pub fn watch_user(&self) {
        sys::handle(libc::SIGUSR1, on_user_signal);
    }

    /// How many SIGUSR1 came since this was last asked.
    pub fn take_user(&self) -> u32 {
        USER.swap(0, Ordering::AcqRel)
    }

    /// Set as soon as one came.
    pub fn cancel(&self) -> &'static AtomicBool {
        &CANCEL
    }

    /// Readable from the time that a signal comes until [`Signals::acknowledge`].
    pub fn fd(&self) -> RawFd {
        self.event
    }

    /// Makes the descriptor unreadable again. [`Signals::count`] stays.
    pub fn acknowledge(&self) {
        sys::clear_event(self.event);
    }
}

/// As [`on_signal`], for what does not end the run.
extern "C" fn on_user_signal(_: libc::c_int) {
    USER.fetch_add(1, Ordering::AcqRel);
    sys::raise_event(EVENT.load(Ordering::Acquire));
}

/// Only what a handler may do: atomics and a write.
extern "C" fn on_signal(_: libc::c_int) {
    COUNT.fetch_add(1, Ordering::AcqRel);
    CANCEL.store(true, Ordering::Release);
    sys::raise_event(EVENT.load(Ordering::Acquire));
}
