//! What each kind of probe is to the kernel: one line a kind, in the order of `sema::probes`.

use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};

use libbpf_sys as sys;

use super::{
    Machine, fentry, interval, iter, kprobe, profile, rawtracepoint, software, tracepoint, uprobe, watchpoint,
};
use crate::object::artifact::{AttachPoint, Program};
use crate::sema::tree::ProbeKind;

/// A program and the one place to attach it to.
pub struct Request<'a> {
    /// The place.
    pub at: &'a AttachPoint,
    /// The loaded program.
    pub program: BorrowedFd<'a>,
    /// What bpf_get_attach_cookie is to give, when the program asks.
    pub cookie: Option<u64>,
    /// The machine.
    pub machine: &'a Machine,
}

/// Gives the descriptors that hold the attachment.
type AttachTo = fn(&Request) -> io::Result<Vec<OwnedFd>>;

struct Provider {
    kind: ProbeKind,
    /// BPF_PROG_TYPE_…
    program: u32,
    /// The expected attach type, 0 for most.
    expected: u32,
    attach: AttachTo,
}

const fn line(kind: ProbeKind, program: u32, expected: u32, attach: AttachTo) -> Provider {
    Provider { kind, program, expected, attach }
}

const RAW: u32 = sys::BPF_PROG_TYPE_RAW_TRACEPOINT;
const PERF: u32 = sys::BPF_PROG_TYPE_PERF_EVENT;
const KPROBE: u32 = sys::BPF_PROG_TYPE_KPROBE;
const TRACING: u32 = sys::BPF_PROG_TYPE_TRACING;

/// Programs that are run by hand hold nothing.
const BY_HAND: AttachTo = |_| Ok(Vec::new());

const PROVIDERS: &[Provider] = &[
    line(ProbeKind::Begin, RAW, 0, BY_HAND),
    line(ProbeKind::End, RAW, 0, BY_HAND),
    line(ProbeKind::Interval, PERF, 0, interval::attach),
    line(ProbeKind::Profile, PERF, 0, profile::attach),
    line(ProbeKind::Tracepoint, sys::BPF_PROG_TYPE_TRACEPOINT, 0, tracepoint::attach),
    line(ProbeKind::Rawtracepoint, RAW, 0, rawtracepoint::attach),
    line(ProbeKind::Kprobe, KPROBE, 0, kprobe::attach),
    line(ProbeKind::Kretprobe, KPROBE, 0, kprobe::attach),
    line(ProbeKind::Uprobe, KPROBE, 0, uprobe::attach),
    line(ProbeKind::Uretprobe, KPROBE, 0, uprobe::attach),
    line(ProbeKind::Usdt, KPROBE, 0, uprobe::attach),
    line(ProbeKind::Fentry, TRACING, sys::BPF_TRACE_FENTRY, fentry::attach),
    line(ProbeKind::Fexit, TRACING, sys::BPF_TRACE_FEXIT, fentry::attach),
    line(ProbeKind::Software, PERF, 0, software::attach),
    line(ProbeKind::Hardware, PERF, 0, software::attach),
    line(ProbeKind::Watchpoint, PERF, 0, watchpoint::attach),
    line(ProbeKind::Iter, TRACING, sys::BPF_TRACE_ITER, iter::attach),
    line(ProbeKind::SelfSignal, RAW, 0, BY_HAND),
    line(ProbeKind::Test, RAW, 0, BY_HAND),
    line(ProbeKind::Bench, RAW, 0, BY_HAND),
];

fn provider(kind: ProbeKind) -> &'static Provider {
    PROVIDERS.iter().find(|provider| provider.kind == kind).expect("every kind has a line")
}

/// The kernel's program type and expected attach type.
pub fn kernel_type(program: &Program) -> (u32, u32) {
    let Provider { program: kind, expected, .. } = provider(program.kind);
    let expected = match program.multi {
        false => *expected,
        true if program.kind.in_user_space() => sys::BPF_TRACE_UPROBE_MULTI,
        true => sys::BPF_TRACE_KPROBE_MULTI,
    };
    (*kind, expected)
}

/// Attaches one program to one place; nothing holds what is run by hand.
pub fn attach(kind: ProbeKind, request: &Request) -> io::Result<Vec<OwnedFd>> {
    (provider(kind).attach)(request)
}

/// What is attached to was chosen by the kind of program: anything else is a bug of the compiler.
pub fn wrong_target() -> io::Error {
    io::Error::from_raw_os_error(libc::EINVAL)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::names::Words;

    #[test]
    fn every_kind_has_one_line() {
        for kind in ProbeKind::ALL {
            assert_eq!(PROVIDERS.iter().filter(|line| line.kind == *kind).count(), 1, "{kind:?}");
        }
    }
}
