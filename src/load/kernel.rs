//! How calls fail, and what we may do on this machine, which is asked only after the kernel said no.

use std::os::fd::{FromRawFd, OwnedFd};
use std::{fs, io};

/// The result of one of libbpf's functions: negative values are error numbers.
pub fn check(result: i32) -> io::Result<i32> {
    if result < 0 { Err(io::Error::from_raw_os_error(-result)) } else { Ok(result) }
}

/// As [`check`], for functions that give a new descriptor.
pub fn check_fd(result: i32) -> io::Result<OwnedFd> {
    // SAFETY: a new descriptor that nothing else owns.
    check(result).map(|fd| unsafe { OwnedFd::from_raw_fd(fd) })
}

/// The error number behind an error that libbpf-rs just gave: it hides it, but libbpf leaves it in errno.
pub fn last_error(_: libbpf_rs::Error) -> io::Error {
    io::Error::last_os_error()
}

/// An error number in words.
pub fn words(errno: i32) -> String {
    let text = io::Error::from_raw_os_error(errno).to_string();
    text.split(" (os error").next().unwrap_or("").to_lowercase()
}

/// Effective capability sets that allow tracing: CAP_SYS_ADMIN, or CAP_BPF with CAP_PERFMON.
const SYS_ADMIN: u64 = 1 << 21;
const PERFMON: u64 = 1 << 38;
const BPF: u64 = 1 << 39;

/// How much of the kernel's lockdown is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lockdown {
    /// Off, or the kernel does not tell.
    None,
    /// No changing the kernel from outside.
    Integrity,
    /// No reading of the kernel's memory either.
    Confidentiality,
}

impl Lockdown {
    /// The mode that the kernel is in.
    pub fn now() -> Lockdown {
        let text = fs::read_to_string("/sys/kernel/security/lockdown").unwrap_or_default();
        match text.split(['[', ']']).nth(1) {
            Some("integrity") => Lockdown::Integrity,
            Some("confidentiality") => Lockdown::Confidentiality,
            _ => Lockdown::None,
        }
    }

    /// The mode's name in the kernel.
    pub fn name(self) -> &'static str {
        match self {
            Lockdown::None => "none",
            Lockdown::Integrity => "integrity",
            Lockdown::Confidentiality => "confidentiality",
        }
    }
}

/// True when the thread has the capabilities that tracing takes.
pub fn may_trace() -> bool {
    let status = fs::read_to_string("/proc/thread-self/status").unwrap_or_default();
    let set = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    let set = set.and_then(|text| u64::from_str_radix(text.trim(), 16).ok()).unwrap_or(0);
    set & SYS_ADMIN != 0 || set & (BPF | PERFMON) == BPF | PERFMON
}
