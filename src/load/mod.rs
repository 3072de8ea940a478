//! Artifact into the kernel: open, load, attach, detach. Through libbpf-rs.
//!
//! The way of an artifact: [`elf::write`] makes an object in memory; libbpf opens it, loads its BTF, creates its maps
//! and puts them into the code (`object`: `bpf_object__prepare`); the programs are then loaded one by one with our own
//! call of `bpf_prog_load` (`program`), because
//! - a refused program must not take the others down, and has its own verifier log, read again in a larger buffer
//!   when the first was too small;
//! - addresses of map values (BPF_PSEUDO_MAP_VALUE), which libbpf makes only into its own data sections, are put in
//!   between: the same code works on every kernel, and maps keep the names that the script gave them;
//! - programs may be verified in parallel.
//!
//! After loading, libbpf's object is closed: what stays open is one descriptor a map, a program and a link. `attach/`
//! has one file per kind of probe.
//!
//! RLIMIT_MEMLOCK is raised by libbpf, and only where the kernel does not count BPF memory by cgroup (before 5.11).
//! What libbpf would print is kept and shown with errors it explains.
//!
//! Deliberately absent: reading maps and rings (runtime), and deciding what a failed attach point means for the run
//! (the driver).

pub mod attach;
pub mod error;
mod kernel;
pub mod limit;
mod link;
mod memory;
mod missed;
mod object;
mod parallel;
mod program;
mod report;
mod swap;
mod target;
pub mod verifier;

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};

use libbpf_rs::MapHandle;

use crate::config::Missing;
use crate::object::artifact::Artifact;
use crate::object::elf;
use crate::sema::tree::{Attach, ProbeKind};
use crate::wire::map::{MapRole, MapSpec};
use attach::Link;
pub use attach::{AttachError, Failure};
pub use error::{LoadError, Refusal};
pub use kernel::Lockdown;
pub use memory::Memory;
pub use object::tell_all;
use swap::Swap;

/// How to load.
#[derive(Clone, Copy, Debug)]
pub struct Options<'a> {
    /// The process that is traced alone, or started to be traced: what is watched per process is watched there.
    pub target: Option<u32>,
    /// Set from outside (by SIGINT's handler) to stop: loading and attaching look at it between steps.
    pub cancel: &'a AtomicBool,
    /// What is done about attach points that the kernel refuses.
    pub missing: Missing,
    /// Keep the verifier's log of every program: see [`Loaded::logs`].
    pub log: bool,
}

impl Options<'_> {
    fn cancelled(&self) -> bool {
        self.cancel.load(Ordering::Relaxed)
    }
}

/// An artifact in the kernel. Dropping it detaches and unloads everything.
#[derive(Debug)]
pub struct Loaded {
    maps: Vec<MapHandle>,
    memories: Vec<Option<Memory>>,
    swaps: Vec<Option<Swap>>,
    programs: Vec<OwnedFd>,
    kinds: Vec<ProbeKind>,
    roles: [Option<usize>; 3],
    links: Vec<Link>,
    /// What the verifier said, by the artifact's index; empty unless asked for.
    logs: Vec<String>,
    /// Attach points that were passed over.
    passed: Vec<Failure>,
    /// Runs missed, when the links are gone.
    counted: Option<Vec<Option<u64>>>,
}

impl Loaded {
    /// Creates the maps and loads the programs; nothing runs yet.
    ///
    /// # Errors
    /// See [`LoadError`]. Nothing stays behind in the kernel.
    pub fn open(artifact: &Artifact, options: &Options) -> Result<Loaded, LoadError> {
        // libbpf's object has a descriptor of each map too
        limit::room_for(2 * artifact.maps.len() + artifact.programs.len());
        let mut written = elf::write(artifact);
        let prepared = object::prepare(artifact, &written)?;
        if let Some(types) = prepared.linked_types(artifact) {
            written.types = types;
        }
        let maps = prepared.maps(artifact)?;
        // filling a map of maps takes a grace period of the kernel's: time enough to load the programs
        let (swaps, programs) = std::thread::scope(|scope| {
            let swaps = swap::start(scope, artifact, &maps, &written, prepared.btf());
            let programs = program::load_all(&prepared, &artifact.config, options);
            (swap::finish(swaps), programs)
        });
        let memory = |(index, spec): (usize, &MapSpec)| {
            let memory = spec.mmap.then(|| Memory::of_map(maps[index].as_fd(), spec.value_size));
            memory.transpose().map_err(|error| LoadError::map(index, &error))
        };
        let ((programs, logs), swaps) = (programs?, swaps?);
        let memories = artifact.maps.iter().enumerate().map(memory).collect::<Result<_, _>>()?;
        let at = |role: MapRole| artifact.maps.iter().position(|spec| spec.role == role);
        Ok(Loaded {
            maps,
            memories,
            swaps,
            programs,
            kinds: artifact.programs.iter().map(|program| program.kind).collect(),
            roles: [MapRole::Ledger, MapRole::Control, MapRole::Globals].map(at),
            links: Vec::new(),
            passed: Vec::new(),
            logs,
            counted: None,
        })
    }

    /// What the verifier said of each program, by the artifact's index; none unless [`Options::log`] asked.
    pub fn logs(&self) -> &[String] {
        &self.logs
    }

    /// The maps, by the artifact's index.
    pub fn maps(&self) -> &[MapHandle] {
        &self.maps
    }

    /// The programs, by the artifact's index.
    pub fn programs(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.programs.iter().map(AsFd::as_fd)
    }

    /// The value of a memory-mapped map, by the artifact's index.
    pub fn memory(&self, map: usize) -> Option<&Memory> {
        self.memories.get(map)?.as_ref()
    }

    /// The ledger, see [`crate::wire::ledger`].
    pub fn ledger(&self) -> Option<&Memory> {
        self.memory(self.roles[0]?)
    }

    /// The control words, see [`crate::wire::record`].
    pub fn control(&self) -> Option<&Memory> {
        self.memory(self.roles[1]?)
    }

    /// The globals, see [`crate::wire::map::Global`].
    pub fn globals(&self) -> Option<&Memory> {
        self.memory(self.roles[2]?)
    }

    /// Puts an empty map into the slot of the `Swapped` map with index `map` and gives the one that was there, which
    /// no program uses any more.
    ///
    /// # Errors
    /// When the kernel cannot create or insert the new map; the old one stays in place then.
    ///
    /// # Panics
    /// When the map is not a `Swapped` one.
    pub fn swap(&self, map: usize) -> std::io::Result<MapHandle> {
        self.swaps[map].as_ref().expect("a map of maps").exchange(self.maps[map].as_fd())
    }

    /// Another handle of the map in the slot of the `Swapped` map with index `map`.
    ///
    /// # Errors
    /// When there are too many open files.
    ///
    /// # Panics
    /// When the map is not a `Swapped` one.
    pub fn current(&self, map: usize) -> std::io::Result<MapHandle> {
        self.swaps[map].as_ref().expect("a map of maps").current()
    }

    /// Runs the BEGIN programs once, in order.
    ///
    /// # Errors
    /// When the kernel does not run one.
    pub fn run_begin(&self) -> Result<(), LoadError> {
        self.run(ProbeKind::Begin)
    }

    /// Runs the END programs once, in order.
    ///
    /// # Errors
    /// When the kernel does not run one.
    pub fn run_end(&self) -> Result<(), LoadError> {
        self.run(ProbeKind::End)
    }

    fn run(&self, kind: ProbeKind) -> Result<(), LoadError> {
        for (index, fd) in self.programs.iter().enumerate().filter(|(index, _)| self.kinds[*index] == kind) {
            attach::by_hand::run(fd.as_fd()).map_err(|error| LoadError::run(index, &error))?;
        }
        Ok(())
    }

    /// Attaches every program but BEGIN and END. Programs may run from now on.
    ///
    /// # Errors
    /// All attach points that failed, each with its reason; the others are attached and stay so until the value is
    /// dropped or [`Loaded::detach`] is called. When cancelled, nothing stays attached. Places in programs that fail
    /// are no error when a place of the same attach point of the script is attached, and no failure is one under
    /// `missing_probes = warn` or `ignore`: see [`Loaded::passed_over`].
    pub fn attach(&mut self, artifact: &Artifact, options: &Options) -> Result<(), AttachError> {
        let (links, failures) = attach::all(artifact, &self.programs, options);
        self.links.extend(links);
        if options.cancelled() {
            self.detach();
            return Err(AttachError::Cancelled);
        }
        let (passed, failures) = match options.missing {
            Missing::Error => attach::tolerable(artifact, failures),
            Missing::Warn => (failures, Vec::new()),
            Missing::Ignore => (Vec::new(), Vec::new()),
        };
        self.passed = passed;
        if failures.is_empty() { Ok(()) } else { Err(AttachError::Failed(failures)) }
    }

    /// What could not be attached and is no error, but to be told; None when there is nothing to tell.
    pub fn passed_over(&self) -> Option<AttachError> {
        (!self.passed.is_empty()).then(|| AttachError::Failed(self.passed.clone()))
    }

    /// For each program, by the artifact's index: how often it should have run and did not; None where the kernel
    /// does not count that. What was counted stays known when all is detached.
    pub fn missed(&self) -> Vec<Option<u64>> {
        self.counted.clone().unwrap_or_else(|| self.count_missed())
    }

    fn count_missed(&self) -> Vec<Option<u64>> {
        let own = |(fd, kind): (&OwnedFd, &ProbeKind)| match kind {
            kind if kind.is_run_by_hand() => Some(0),
            ProbeKind::Iter => Some(0),
            ProbeKind::Interval
            | ProbeKind::Profile
            | ProbeKind::Software
            | ProbeKind::Hardware
            | ProbeKind::Watchpoint => None,
            _ => missed::by_program(fd.as_fd()),
        };
        let mut counts: Vec<Option<u64>> = self.programs.iter().zip(&self.kinds).map(own).collect();
        for link in &self.links {
            let count = &mut counts[link.program];
            if count.is_some() {
                let missed = link.fds.iter().map(|fd| missed::by_link(fd.as_fd())).sum::<Option<u64>>();
                *count = count.zip(missed).map(|(own, missed)| own + missed);
            }
        }
        counts
    }

    /// Runs a program that is run by hand; gives what it returned.
    ///
    /// # Errors
    /// When the kernel does not run it.
    pub fn run_program(&self, program: usize) -> Result<u32, LoadError> {
        attach::by_hand::run(self.programs[program].as_fd()).map_err(|error| LoadError::run(program, &error))
    }

    /// Nanoseconds and runs of a program, as the kernel has counted them while it was asked to.
    ///
    /// # Errors
    /// When the kernel does not tell.
    pub fn run_time(&self, program: usize) -> std::io::Result<(u64, u64)> {
        missed::run_time(self.programs[program].as_fd())
    }

    /// Opens a file over the objects of each iterator that is attached and not pinned: reading it runs the program.
    ///
    /// # Errors
    /// When the kernel does not open one.
    pub fn iterators(&self, artifact: &Artifact) -> Result<Vec<std::fs::File>, LoadError> {
        let iterators = self.links.iter().filter(|link| self.kinds[link.program] == ProbeKind::Iter);
        let open = |link: &Link| {
            attach::iter::open(link.fds[0].as_fd()).map_err(|error| LoadError::run(link.program, &error))
        };
        iterators.filter(|link| pin_of(artifact, link).is_none()).map(open).collect()
    }

    /// Pins the iterators that are to be pinned: each one's path, and whether the kernel took it.
    pub fn pin(&self, artifact: &Artifact) -> Vec<(String, std::io::Result<()>)> {
        let pinned = self.links.iter().filter_map(|link| Some((link, pin_of(artifact, link)?)));
        pinned.map(|(link, path)| attach::iter::pin(link.fds[0].as_fd(), path)).collect()
    }

    /// How many attach points are attached.
    pub fn attached(&self) -> usize {
        self.links.iter().map(|link| link.points).sum()
    }

    /// Detaches everything, in parallel where there is much; programs do not run any more when it returns.
    pub fn detach(&mut self) {
        if !self.links.is_empty() {
            self.counted = Some(self.count_missed());
        }
        attach::detach(std::mem::take(&mut self.links));
    }
}

impl Drop for Loaded {
    fn drop(&mut self) {
        self.detach();
    }
}

/// Where the script wants an iterator to be pinned.
fn pin_of<'a>(artifact: &'a Artifact, link: &Link) -> Option<&'a str> {
    artifact.programs[link.program].attach.iter().find_map(|point| match &point.target {
        Attach::Iter { pin, .. } => pin.as_deref(),
        _ => None,
    })
}
