//! `uprobe`, `uretprobe`, `usdt`: the perf event of a place in a file, or one link for many places.
//!
//! A link (uprobe_multi) holds places of one file. When the kernel refuses, the places of doubtful instructions are tried
//! one by one, and those left over are halved until the culprits are alone: the rest gets its links all the same.
//!
//! The semaphore of a static probe is counted up by the kernel in every process that has the file mapped, and down
//! when the probe goes: no process is written to from here, and none is forgotten.

use std::collections::BTreeMap;
use std::ffi::{CString, c_ulong};
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};
use std::{fs, io};

use libbpf_sys as sys;

use super::doubtful::doubtful;
use super::kprobe;
use super::multi::{self, Outcome};
use super::perf::{self, Whose};
use super::providers::Request;
use crate::load::kernel::check_fd;
use crate::sema::tree::{Attach, UserPlace};

/// The kernel's flag for a uprobe_multi link at the functions' return.
const AT_RETURN: u32 = 1;

/// How the running kernel's uprobes are asked for through perf events.
#[derive(Clone, Copy, Debug)]
pub struct Pmu {
    pmu: kprobe::Pmu,
    /// First bit of the configuration that holds the semaphore's offset.
    semaphore: Option<u32>,
}

impl Pmu {
    /// From sysfs; NotFound when the kernel has no uprobes.
    pub fn find() -> io::Result<Pmu> {
        let pmu = kprobe::Pmu::named("uprobe")?;
        let format = fs::read_to_string("/sys/bus/event_source/devices/uprobe/format/ref_ctr_offset");
        let first = |format: String| format.trim().strip_prefix("config:")?.split('-').next()?.parse().ok();
        Ok(Pmu { pmu, semaphore: format.ok().and_then(first) })
    }
}

/// Runs the program at one place.
pub fn attach(request: &Request) -> io::Result<Vec<OwnedFd>> {
    let (target, machine) = (&request.at.target, request.machine);
    let invalid = || io::Error::from_raw_os_error(libc::EINVAL);
    let place = target.user_place().ok_or_else(invalid)?;
    let pmu = machine.uprobes()?;
    let path = CString::new(place.file()).map_err(|_| invalid())?;
    let mut attr = pmu.pmu.event(matches!(target, Attach::Uretprobe(_)));
    if let (Some(first), 1..) = (pmu.semaphore, place.semaphore) {
        // the field has 32 bits
        attr.config |= u64::from(u32::try_from(place.semaphore).map_err(|_| invalid())?) << first;
    }
    attr.__bindgen_anon_3.config1 = path.as_ptr() as u64;
    attr.__bindgen_anon_4.config2 = place.offset;
    let whose = place.pid.map_or(Whose::Everyone(machine.first_cpu()), Whose::Process);
    perf::attach(request.program, attr, whose, request.cookie).map(|link| vec![link])
}

/// One place of a uprobe_multi link.
struct Entry<'a> {
    /// Index of the attach point.
    point: usize,
    place: &'a UserPlace,
    cookie: u64,
}

impl multi::Entry for Entry<'_> {
    fn point(&self) -> usize {
        self.point
    }
}

/// Runs `program` at many places: attach points with their cookies.
pub fn attach_multi(program: BorrowedFd, targets: &[(&Attach, u64)]) -> Vec<Outcome> {
    let at_return = targets.iter().any(|(target, _)| matches!(target, Attach::Uretprobe(_)));
    let mut files: BTreeMap<(&str, Option<u32>), Vec<Entry>> = BTreeMap::new();
    for (point, (target, cookie)) in targets.iter().enumerate() {
        if let Some(place) = target.user_place() {
            let entry = Entry { point, place, cookie: *cookie };
            files.entry((place.file(), place.pid)).or_default().push(entry);
        }
    }
    let mut out = Vec::new();
    let link = |entries: &[Entry]| link(program, entries, at_return);
    for entries in files.into_values() {
        link_most(entries, &link, &mut out);
    }
    out
}

/// A refusal takes as long as an attachment, for the kernel takes back what it has done: few are asked for.
fn link_most(entries: Vec<Entry>, link: &impl Fn(&[Entry]) -> io::Result<OwnedFd>, out: &mut Vec<Outcome>) {
    if entries.len() == 1 {
        return multi::link_halves(&entries, link, out);
    }
    let offsets: Vec<u64> = entries.iter().map(|entry| entry.place.offset).collect();
    let mut doubts = doubtful(entries[0].place.file(), &offsets).into_iter();
    let (alone, together): (Vec<Entry>, Vec<Entry>) =
        entries.into_iter().partition(|_| doubts.next().unwrap_or(false));
    multi::link_halves(&together, link, out);
    alone.chunks(1).for_each(|one| multi::link_halves(one, link, out));
}

fn link(program: BorrowedFd, entries: &[Entry], at_return: bool) -> io::Result<OwnedFd> {
    let first = entries[0].place;
    let path = CString::new(first.file()).map_err(|_| io::Error::from_raw_os_error(libc::EINVAL))?;
    let offsets: Vec<c_ulong> = entries.iter().map(|entry| entry.place.offset).collect();
    let semaphores: Vec<c_ulong> = entries.iter().map(|entry| entry.place.semaphore).collect();
    let cookies: Vec<u64> = entries.iter().map(|entry| entry.cookie).collect();
    let mut options = sys::bpf_link_create_opts {
        sz: size_of::<sys::bpf_link_create_opts>() as sys::size_t,
        ..Default::default()
    };
    options.__bindgen_anon_1.uprobe_multi = sys::bpf_link_create_opts__bindgen_ty_1__bindgen_ty_3 {
        path: path.as_ptr(),
        offsets: offsets.as_ptr(),
        ref_ctr_offsets: semaphores.as_ptr(),
        cookies: cookies.as_ptr(),
        cnt: entries.len() as u32,
        flags: if at_return { AT_RETURN } else { 0 },
        pid: first.pid.unwrap_or(0),
        ..Default::default()
    };
    // SAFETY: the arrays live during the call and are as long as said.
    check_fd(unsafe {
        sys::bpf_link_create(program.as_raw_fd(), 0, sys::BPF_TRACE_UPROBE_MULTI, &raw const options)
    })
}
