//! The runtime's [`Kernel`] for a loaded artifact: one system call a function, through libbpf.

use std::io;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::sync::atomic::AtomicU64;

use libbpf_rs::MapHandle;
use libbpf_sys as sys;

use super::failure::Failure;
use super::kernel::{
    Batch, Cursor, Kernel, KernelMaps, Missed, Records, Shared, Stack, Stacks, Table, Update,
};
use super::ring::Ring;
use super::value::unsigned;
use crate::diag::Diagnostic;
use crate::load::{LoadError, Loaded, Options};
use crate::object::artifact::Artifact;
use crate::source::SourceMap;
use crate::wire::map::{MapKind, MapRole};
use crate::wire::stack;

/// What messages and the footer need to know.
#[derive(Clone, Copy)]
pub struct Surroundings<'a> {
    /// What was compiled.
    pub artifact: &'a Artifact,
    /// Where it came from.
    pub sources: &'a SourceMap,
    /// How it was loaded.
    pub options: Options<'a>,
    /// Whole verifier logs.
    pub verbose: bool,
}

/// Takes warnings.
type Warn<'a> = &'a dyn Fn(&[Diagnostic]);

/// A loaded artifact with what the runtime keeps of it.
pub struct LoadedKernel<'a> {
    loaded: &'a mut Loaded,
    about: Surroundings<'a>,
    warn: Option<Warn<'a>>,
    ring: Option<Ring>,
    cpus: usize,
    /// Of `Swapped` maps: the map in the slot, once it was asked for, and the one taken out.
    current: Vec<Option<MapHandle>>,
    taken: Vec<Option<MapHandle>>,
    /// While it is open the kernel counts how long programs run.
    statistics: Option<OwnedFd>,
}

impl<'a> LoadedKernel<'a> {
    /// Maps the ring.
    ///
    /// # Errors
    /// When the kernel does not map it or tell the number of CPUs.
    pub fn new(loaded: &'a mut Loaded, about: Surroundings<'a>) -> Result<LoadedKernel<'a>, Failure> {
        let maps = &about.artifact.maps;
        let ring = maps.iter().position(|map| map.role == MapRole::Ring).map(|index| {
            Ring::new(loaded.maps()[index].as_fd(), maps[index].max_entries)
                .map_err(|error| Failure::system("map the ring buffer", &error))
        });
        let unknown = |_| Failure::system("count the CPUs", &io::Error::last_os_error());
        Ok(LoadedKernel {
            ring: ring.transpose()?,
            cpus: libbpf_rs::num_possible_cpus().map_err(unknown)?,
            current: maps.iter().map(|_| None).collect(),
            taken: maps.iter().map(|_| None).collect(),
            loaded,
            about,
            warn: None,
            statistics: None,
        })
    }

    /// Tells what was not attached and is no error.
    pub fn with_warnings(mut self, warn: Warn<'a>) -> LoadedKernel<'a> {
        self.warn = Some(warn);
        self
    }

    fn failure(&self, error: &LoadError) -> Failure {
        let Surroundings { artifact, sources, verbose, .. } = self.about;
        Failure::new(error.diagnostics(artifact, sources, verbose))
    }

    fn fd(&mut self, table: Table) -> io::Result<RawFd> {
        let handle = match table {
            Table::Taken(map) => self.taken[map].as_ref().ok_or_else(|| errno(libc::EBADF))?,
            Table::Live(map) if self.about.artifact.maps[map].kind != MapKind::Swapped => {
                &self.loaded.maps()[map]
            }
            Table::Live(map) => {
                if self.current[map].is_none() {
                    self.current[map] = Some(self.loaded.current(map)?);
                }
                self.current[map].as_ref().expect("just put there")
            }
        };
        Ok(handle.as_fd().as_raw_fd())
    }
}

/// A new descriptor, or the error number that libbpf gives as a negative one.
fn check_fd(fd: i32) -> io::Result<OwnedFd> {
    check(fd, 0)?;
    // SAFETY: a new descriptor of ours.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

fn errno(number: i32) -> io::Error {
    io::Error::from_raw_os_error(number)
}

/// libbpf gives negative error numbers. False where the error is `expected`.
fn check(result: i32, expected: i32) -> io::Result<bool> {
    match result {
        0.. => Ok(true),
        error if -error == expected => Ok(false),
        error => Err(errno(-error)),
    }
}

impl KernelMaps for LoadedKernel<'_> {
    fn cpus(&self) -> usize {
        self.cpus
    }

    fn lookup(&mut self, table: Table, key: &[u8], value: &mut [u8]) -> io::Result<bool> {
        let fd = self.fd(table)?;
        // SAFETY: buffers as long as the map's keys and values, by the trait's contract.
        let result = unsafe { sys::bpf_map_lookup_elem(fd, key.as_ptr().cast(), value.as_mut_ptr().cast()) };
        check(result, libc::ENOENT)
    }

    fn update(&mut self, table: Table, key: &[u8], value: &[u8], update: Update) -> io::Result<bool> {
        let (flags, expected) = match update {
            Update::Any => (sys::BPF_ANY, 0),
            Update::New => (sys::BPF_NOEXIST, libc::EEXIST),
            Update::Existing => (sys::BPF_EXIST, libc::ENOENT),
        };
        let fd = self.fd(table)?;
        let key = if key.is_empty() { std::ptr::null() } else { key.as_ptr().cast() };
        let value = value.as_ptr().cast();
        // SAFETY: as in `lookup`; where there are no keys the kernel wants none.
        check(unsafe { sys::bpf_map_update_elem(fd, key, value, u64::from(flags)) }, expected)
    }

    fn pop(&mut self, table: Table, value: &mut [u8]) -> io::Result<bool> {
        let fd = self.fd(table)?;
        // SAFETY: a buffer as long as the map's values, by the trait's contract; there are no keys.
        let result =
            unsafe { sys::bpf_map_lookup_and_delete_elem(fd, std::ptr::null(), value.as_mut_ptr().cast()) };
        check(result, libc::ENOENT)
    }

    fn delete(&mut self, table: Table, key: &[u8]) -> io::Result<bool> {
        let fd = self.fd(table)?;
        // SAFETY: as in `lookup`.
        check(unsafe { sys::bpf_map_delete_elem(fd, key.as_ptr().cast()) }, libc::ENOENT)
    }

    fn next_key(&mut self, table: Table, key: Option<&[u8]>, next: &mut [u8]) -> io::Result<bool> {
        let fd = self.fd(table)?;
        let key = key.map_or(std::ptr::null(), <[u8]>::as_ptr);
        // SAFETY: as in `lookup`; null asks for the first key.
        check(unsafe { sys::bpf_map_get_next_key(fd, key.cast(), next.as_mut_ptr().cast()) }, libc::ENOENT)
    }

    fn batch(
        &mut self,
        table: Table,
        cursor: &mut Cursor,
        keys: &mut [u8],
        values: &mut [u8],
    ) -> io::Result<Batch> {
        let fd = self.fd(table)?;
        let (Table::Live(map) | Table::Taken(map)) = table;
        let room = keys.len() / self.about.artifact.maps[map].key_size as usize;
        let (mut from, mut to, mut count) = (cursor.unwrap_or_default(), [0u8; 8], room as u32);
        let from = if cursor.is_some() { from.as_mut_ptr() } else { std::ptr::null_mut() };
        // SAFETY: room for `count` keys and values, by the trait's contract; a hash's cursor is 4 bytes.
        let result = unsafe {
            sys::bpf_map_lookup_batch(
                fd,
                from.cast(),
                to.as_mut_ptr().cast(),
                keys.as_mut_ptr().cast(),
                values.as_mut_ptr().cast(),
                &raw mut count,
                std::ptr::null(),
            )
        };
        let more = check(result, libc::ENOENT)?;
        *cursor = Some(to);
        Ok(Batch { count: count as usize, end: !more })
    }

    fn take(&mut self, map: usize) -> io::Result<()> {
        self.current[map] = None;
        self.taken[map] = Some(self.loaded.swap(map)?);
        Ok(())
    }

    fn release(&mut self, map: usize) {
        self.taken[map] = None;
    }
}

impl Kernel for LoadedKernel<'_> {
    fn begin(&mut self) -> Result<(), Failure> {
        let Surroundings { artifact, sources, verbose, .. } = self.about;
        self.loaded.run_begin().map_err(|error| Failure::new(error.diagnostics(artifact, sources, verbose)))
    }

    fn attach(&mut self) -> Result<usize, Failure> {
        let Surroundings { artifact, sources, options, .. } = self.about;
        let result = self.loaded.attach(artifact, &options);
        result.map_err(|error| Failure::new(error.diagnostics(artifact, sources)))?;
        if let (Some(passed), Some(warn)) = (self.loaded.passed_over(), self.warn) {
            warn(&passed.warnings(artifact, sources));
        }
        Ok(self.loaded.attached())
    }

    fn detach(&mut self) {
        self.loaded.detach();
    }

    fn end(&mut self) -> Result<(), Failure> {
        let Surroundings { artifact, sources, verbose, .. } = self.about;
        self.loaded.run_end().map_err(|error| Failure::new(error.diagnostics(artifact, sources, verbose)))
    }

    fn stacks(&self) -> Option<Box<dyn Stacks>> {
        let maps = self.about.artifact.maps.iter().zip(self.loaded.maps());
        let tables = maps.filter_map(|(spec, map)| match spec.role {
            MapRole::Stacks { frame } => {
                let fd = map.as_fd().try_clone_to_owned().ok()?;
                Some(StackMap { fd, frame, value: vec![0; spec.value_size as usize] })
            }
            _ => None,
        });
        let tables: Vec<StackMap> = tables.collect();
        (!tables.is_empty()).then(|| Box::new(StackMaps(tables)) as Box<dyn Stacks>)
    }

    fn records(&mut self) -> Option<&mut dyn Records> {
        self.ring.as_mut().map(|ring| ring as &mut dyn Records)
    }

    fn shared(&self, shared: Shared) -> &[AtomicU64] {
        let memory = match shared {
            Shared::Ledger => self.loaded.ledger(),
            Shared::Control => self.loaded.control(),
            Shared::Globals => self.loaded.globals(),
        };
        memory.map_or(&[], |memory| memory.words())
    }

    fn run_time(&mut self, program: usize) -> Result<(u64, u64), Failure> {
        let failed = |error: io::Error| Failure::system("measure programs", &error);
        if self.statistics.is_none() {
            // SAFETY: no pointers.
            let fd = unsafe { sys::bpf_enable_stats(sys::BPF_STATS_RUN_TIME) };
            self.statistics = Some(check_fd(fd).map_err(failed)?);
        }
        self.loaded.run_time(program).map_err(failed)
    }

    fn missed(&mut self) -> Vec<Missed> {
        let counts = self.loaded.missed().into_iter().enumerate();
        counts.map(|(program, runs)| Missed { program, runs }).collect()
    }

    fn run(&mut self, program: usize) -> Result<u32, Failure> {
        self.loaded.run_program(program).map_err(|error| self.failure(&error))
    }

    fn iterators(&mut self) -> Result<Vec<std::fs::File>, Failure> {
        self.loaded.iterators(self.about.artifact).map_err(|error| self.failure(&error))
    }

    fn pin(&mut self) -> Result<Vec<String>, Failure> {
        let pinned = self.loaded.pin(self.about.artifact).into_iter();
        let told = |(path, result): (String, io::Result<()>)| match result {
            Ok(()) => Ok(path),
            Err(error) => Err(Failure::system(&format!("pin the iterator to `{path}`"), &error)),
        };
        pinned.map(told).collect()
    }
}

struct StackMap {
    fd: OwnedFd,
    frame: u32,
    value: Vec<u8>,
}

/// An id is a hash of all that a stack is, so it is in one map at most.
struct StackMaps(Vec<StackMap>);

impl Stacks for StackMaps {
    fn find(&mut self, id: u64) -> Option<Stack> {
        self.0.iter_mut().find_map(|map| map.find(id))
    }
}

impl StackMap {
    fn find(&mut self, id: u64) -> Option<Stack> {
        let (key, value) = ((&raw const id).cast(), self.value.as_mut_ptr().cast());
        // SAFETY: keys of these maps have 8 bytes, and there is room for a value.
        let result = unsafe { sys::bpf_map_lookup_elem(self.fd.as_raw_fd(), key, value) };
        let number = |at: u32| unsigned(&self.value[at as usize..], 4) as u32;
        let (count, pid) = (number(stack::FRAMES), number(stack::PID));
        let frames = self.value.get(stack::HEADER as usize..)?;
        let frames = &frames[..frames.len().min((count * self.frame) as usize)];
        (result == 0).then(|| Stack { pid, frame: self.frame, frames: frames.to_vec() })
    }
}
