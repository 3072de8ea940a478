//! Why an artifact is not in the kernel: facts only. `report` turns them into messages.

use std::io;

use super::kernel::{self, Lockdown};

/// Why loading, or running a program by hand, failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LoadError {
    /// Stopped from outside.
    Cancelled,
    /// The process may not use BPF.
    NoPrivilege,
    /// The kernel's lockdown forbids it, whatever the rights.
    Lockdown(Lockdown),
    /// A map could not be made, filled or mapped.
    Map {
        /// Its index in the artifact.
        map: usize,
        /// The error number.
        errno: i32,
    },
    /// The kernel refused programs.
    Refused(Vec<Refusal>),
    /// The kernel did not run a program.
    Run {
        /// Its index in the artifact.
        program: usize,
        /// The error number.
        errno: i32,
    },
    /// Anything else.
    Other {
        /// What could not be done.
        what: &'static str,
        /// The error number.
        errno: i32,
        /// What libbpf said about it.
        said: Vec<String>,
    },
}

/// A program that the kernel refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Its index in the artifact.
    pub program: usize,
    /// The error number.
    pub errno: i32,
    /// The verifier's log; empty when the kernel did not look at the program.
    pub log: String,
}

impl Refusal {
    pub(super) fn new(program: usize, error: &io::Error, log: String) -> Refusal {
        Refusal { program, errno: number(error), log }
    }

    /// Refused for lack of rights, before the verifier looked.
    pub(super) fn is_forbidden(&self) -> bool {
        is_permission(self.errno) && self.log.trim().is_empty()
    }
}

impl LoadError {
    pub(super) fn map(map: usize, error: &io::Error) -> LoadError {
        forbidden(number(error)).unwrap_or(LoadError::Map { map, errno: number(error) })
    }

    pub(super) fn object(what: &'static str, error: &io::Error, said: Vec<String>) -> LoadError {
        let errno = number(error);
        forbidden(errno).unwrap_or(LoadError::Other { what, errno, said })
    }

    pub(super) fn run(program: usize, error: &io::Error) -> LoadError {
        LoadError::Run { program, errno: number(error) }
    }

    pub(super) fn refused(refusals: Vec<Refusal>) -> LoadError {
        let reads = |refusal: &Refusal| super::verifier::lacks_kernel_reads(&refusal.log);
        if refusals.iter().all(Refusal::is_forbidden) {
            return forbidden(libc::EPERM).unwrap_or(LoadError::Refused(refusals));
        }
        match Lockdown::now() {
            Lockdown::Confidentiality if refusals.iter().any(reads) => {
                LoadError::Lockdown(Lockdown::Confidentiality)
            }
            _ => LoadError::Refused(refusals),
        }
    }
}

/// What "not permitted" comes from, as far as it can be told: missing capabilities, else lockdown.
pub(super) fn forbidden(errno: i32) -> Option<LoadError> {
    if !is_permission(errno) {
        return None;
    }
    match Lockdown::now() {
        _ if !kernel::may_trace() => Some(LoadError::NoPrivilege),
        Lockdown::None => None,
        mode => Some(LoadError::Lockdown(mode)),
    }
}

/// EPERM or EACCES.
pub(super) fn is_permission(errno: i32) -> bool {
    errno == libc::EPERM || errno == libc::EACCES
}

/// The error number, EIO where there is none.
pub(super) fn number(error: &io::Error) -> i32 {
    error.raw_os_error().unwrap_or(libc::EIO)
}
