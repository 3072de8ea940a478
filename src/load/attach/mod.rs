//! Programs to their attach points. One file per kind of probe; `perf` is what most of them share.
//!
//! Invariants: every attach point that fails is told, with the kernel's error number; a link is closed exactly once.
//! Attach points are independent of one another, so many are attached, and detached, in several threads: the time is
//! spent waiting in the kernel.

pub mod by_hand;
mod doubtful;
mod fentry;
mod interval;
pub mod iter;
mod kprobe;
mod multi;
mod perf;
mod profile;
pub(super) mod providers;
mod rawtracepoint;
mod software;
mod tracepoint;
mod uprobe;
mod watchpoint;

use std::collections::HashMap;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::OnceLock;

use super::error::number;
use super::{Options, limit, parallel};
use crate::host::system::System;
use crate::object::artifact::{Artifact, Program};
use crate::sema::tree::Attach;
use kprobe::{Pmu, Target};
use perf::Whose;
use providers::Request;

/// Why not everything is attached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AttachError {
    /// Stopped from outside; nothing is attached.
    Cancelled,
    /// These attach points could not be attached; the others are.
    Failed(Vec<Failure>),
}

/// An attach point that could not be attached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Index of the program in the artifact.
    pub program: usize,
    /// Index of the attach point in the program.
    pub point: usize,
    /// The kernel's error number.
    pub errno: i32,
}

/// Attach points of one program that are attached together.
#[derive(Debug)]
pub struct Link {
    /// Index of the program in the artifact.
    pub program: usize,
    /// Attach points that it holds.
    pub points: usize,
    /// Descriptors of links or events: closing them detaches.
    pub fds: Vec<OwnedFd>,
}

/// What all attachments need to know of the machine, found out once.
pub struct Machine {
    /// CPUs that are online, at least one.
    cpus: Vec<u32>,
    /// The process that is traced alone, or started to be traced.
    target: Option<u32>,
    kprobes: OnceLock<Result<Pmu, i32>>,
    uprobes: OnceLock<Result<uprobe::Pmu, i32>>,
}

impl Machine {
    fn new(target: Option<u32>) -> Machine {
        let cpus = System::online_cpus().ok().filter(|list| !list.is_empty());
        let cpus = cpus.unwrap_or_else(|| vec![0]);
        Machine { cpus, target, kprobes: OnceLock::new(), uprobes: OnceLock::new() }
    }

    fn first_cpu(&self) -> u32 {
        self.cpus[0]
    }

    fn kprobes(&self) -> io::Result<Pmu> {
        let found = self.kprobes.get_or_init(|| Pmu::find().map_err(|error| number(&error)));
        found.map_err(no_pmu)
    }

    fn uprobes(&self) -> io::Result<uprobe::Pmu> {
        let found = self.uprobes.get_or_init(|| uprobe::Pmu::find().map_err(|error| number(&error)));
        found.map_err(no_pmu)
    }
}

/// No probes of a kind at all is another thing than no such function.
fn no_pmu(errno: i32) -> io::Error {
    io::Error::from_raw_os_error(if errno == libc::ENOENT { libc::ENOSYS } else { errno })
}

/// Attaches every attach point of every program that is attached at all. Stops early when cancelled.
pub fn all(artifact: &Artifact, programs: &[OwnedFd], options: &Options) -> (Vec<Link>, Vec<Failure>) {
    let machine = Machine::new(options.target);
    let mut jobs: Vec<(usize, Option<usize>)> = Vec::new();
    for (index, program) in artifact.programs.iter().enumerate() {
        match program.multi {
            true => jobs.push((index, None)),
            false => jobs.extend((0..program.attach.len()).map(|point| (index, Some(point)))),
        }
    }
    limit::room_for(jobs.len() * machine.cpus.len());
    let results = parallel::map(jobs, |(index, point)| {
        let (program, fd) = (&artifact.programs[index], programs[index].as_fd());
        match point {
            _ if options.cancelled() => Vec::new(),
            None => multi(index, program, fd),
            Some(point) => single(index, point, program, fd, &machine),
        }
    });
    let (mut links, mut failures) = (Vec::new(), Vec::new());
    for result in results.into_iter().flatten() {
        match result {
            Ok(link) => links.push(link),
            Err(failure) => failures.push(failure),
        }
    }
    failures.sort_by_key(|failure: &Failure| (failure.program, failure.point));
    (links, failures)
}

/// Parts failures in those that may be passed over and those that may not: places in programs may be where another place
/// of the same attach point of the script is attached.
pub fn tolerable(artifact: &Artifact, failures: Vec<Failure>) -> (Vec<Failure>, Vec<Failure>) {
    let mut left: HashMap<(u32, u32, u32), usize> = HashMap::new();
    for at in artifact.programs.iter().flat_map(|program| &program.attach) {
        *left.entry(at.place).or_default() += 1;
    }
    let place = |failure: &Failure| artifact.programs[failure.program].attach[failure.point].place;
    for failure in &failures {
        left.entry(place(failure)).and_modify(|left| *left -= 1);
    }
    let in_user_space = |failure: &Failure| artifact.programs[failure.program].kind.in_user_space();
    failures.into_iter().partition(|failure| in_user_space(failure) && left[&place(failure)] > 0)
}

fn single(
    index: usize,
    point: usize,
    program: &Program,
    fd: BorrowedFd,
    machine: &Machine,
) -> Vec<Result<Link, Failure>> {
    let at = &program.attach[point];
    let cookie = program.cookies.then_some(at.cookie);
    match providers::attach(program.kind, &Request { at, program: fd, cookie, machine }) {
        Ok(fds) if fds.is_empty() => Vec::new(),
        Ok(fds) => vec![Ok(Link { program: index, points: 1, fds })],
        Err(error) => vec![Err(Failure { program: index, point, errno: number(&error) })],
    }
}

fn multi(index: usize, program: &Program, fd: BorrowedFd) -> Vec<Result<Link, Failure>> {
    if program.kind.in_user_space() {
        let targets: Vec<(&Attach, u64)> = program.attach.iter().map(|at| (&at.target, at.cookie)).collect();
        return uprobe::attach_multi(fd, &targets).into_iter().map(|outcome| told(index, outcome)).collect();
    }
    let targets: Vec<(Target, u64)> =
        program.attach.iter().filter_map(|at| Some((Target::of(&at.target)?, at.cookie))).collect();
    kprobe::attach_multi(fd, &targets).into_iter().map(|outcome| told(index, outcome)).collect()
}

fn told(program: usize, outcome: multi::Outcome) -> Result<Link, Failure> {
    match outcome {
        Ok((fd, points)) => Ok(Link { program, points, fds: vec![fd] }),
        Err((point, error)) => Err(Failure { program, point, errno: number(&error) }),
    }
}

/// Closes the links, in parallel when there are many.
pub fn detach(links: Vec<Link>) {
    let fds: Vec<OwnedFd> = links.into_iter().flat_map(|link| link.fds).collect();
    parallel::map(fds, drop);
}
