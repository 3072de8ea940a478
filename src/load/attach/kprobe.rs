//! `kprobe`, `kretprobe`: the perf event of a function, or one link for many functions.
//!
//! A link on many functions (kprobe_multi) takes names or addresses. Names are looked up by the kernel, which wants
//! each to be there exactly once and else refuses the whole; functions of a module by name and module are looked up
//! here, in the table of symbols. When the kernel refuses, the list is halved until the culprits are alone: the rest
//! gets its links all the same.

use std::collections::{HashMap, HashSet};
use std::ffi::{CString, c_char, c_ulong};
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};
use std::{fs, io};

use libbpf_sys as sys;

use super::multi::{self, Outcome};
use super::providers::Request;
use super::{Whose, perf};
use crate::load::kernel::check_fd;
use crate::sema::tree::Attach;

/// The kernel's flag for a kprobe_multi link at the functions' return.
const AT_RETURN: u32 = 1;

/// A function to attach to.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
    /// The symbol.
    pub function: &'a str,
    /// Only the one of this module.
    pub module: Option<&'a str>,
    /// Bytes from the start.
    pub offset: u64,
    /// At return, as against at entry.
    pub at_return: bool,
}

impl<'a> Target<'a> {
    /// The function of a kprobe or kretprobe.
    pub fn of(attach: &'a Attach) -> Option<Target<'a>> {
        match attach {
            Attach::Kprobe { function, module, offset } => {
                Some(Target { function, module: own(module), offset: *offset, at_return: false })
            }
            Attach::Kretprobe { function, module } => {
                Some(Target { function, module: own(module), offset: 0, at_return: true })
            }
            _ => None,
        }
    }
}

/// The kernel itself is no module.
fn own(module: &Option<String>) -> Option<&str> {
    module.as_deref().filter(|name| *name != "vmlinux")
}

/// How the running kernel's kprobes are asked for through perf events.
#[derive(Clone, Copy, Debug)]
pub struct Pmu {
    kind: u32,
    /// Bit of the configuration that means: at return.
    at_return: u32,
}

impl Pmu {
    /// From sysfs; NotFound when the kernel has no kprobes.
    pub fn find() -> io::Result<Pmu> {
        Pmu::named("kprobe")
    }

    /// That of kernel functions or that of user space, which have the same form.
    pub fn named(kind: &str) -> io::Result<Pmu> {
        let read = |name: &str| fs::read_to_string(format!("/sys/bus/event_source/devices/{kind}/{name}"));
        let malformed = || io::Error::from_raw_os_error(libc::EINVAL);
        let kind = read("type")?.trim().parse().map_err(|_| malformed())?;
        let format = read("format/retprobe")?;
        let bit = format.trim().strip_prefix("config:").and_then(|bit| bit.parse().ok());
        Ok(Pmu { kind, at_return: bit.ok_or_else(malformed)? })
    }

    /// An event of it, without its place.
    pub fn event(&self, at_return: bool) -> sys::perf_event_attr {
        sys::perf_event_attr {
            type_: self.kind,
            config: u64::from(at_return) << self.at_return,
            ..Default::default()
        }
    }
}

/// Runs the program at one function, or one address.
pub fn attach(request: &Request) -> io::Result<Vec<OwnedFd>> {
    let pmu = request.machine.kprobes()?;
    let wrong = || io::Error::from_raw_os_error(libc::EINVAL);
    let (symbol, offset, at_return) = match (&request.at.target, Target::of(&request.at.target)) {
        (Attach::Address { address, at_return }, _) => (None, *address, *at_return),
        (_, Some(Target { function, module, offset, at_return })) => {
            let symbol = module.map_or(function.to_owned(), |module| format!("{module}:{function}"));
            (Some(CString::new(symbol).map_err(|_| wrong())?), offset, at_return)
        }
        _ => return Err(wrong()),
    };
    let mut attr = pmu.event(at_return);
    attr.__bindgen_anon_3.config1 = symbol.as_ref().map_or(0, |symbol| symbol.as_ptr() as u64);
    attr.__bindgen_anon_4.config2 = offset;
    let everyone = Whose::Everyone(request.machine.first_cpu());
    perf::attach(request.program, attr, everyone, request.cookie).map(|link| vec![link])
}

/// One function of a kprobe_multi link.
struct Entry {
    /// Index of the attach point.
    point: usize,
    symbol: CString,
    /// Instead of the symbol.
    address: Option<u64>,
    cookie: u64,
}

impl multi::Entry for Entry {
    fn point(&self) -> usize {
        self.point
    }
}

/// Runs `program` at many functions: `targets` with their cookies.
pub fn attach_multi(program: BorrowedFd, targets: &[(Target, u64)]) -> Vec<Outcome> {
    let at_return = targets.iter().any(|(target, _)| target.at_return);
    let mut out = Vec::new();
    let mut groups: [Vec<Entry>; 3] = Default::default();
    let symbols = module_symbols(targets);
    let mut seen = HashSet::new();
    for (point, (target, cookie)) in targets.iter().enumerate() {
        let address = target.module.and_then(|module| symbols.get(&(module.into(), target.function.into())));
        let group = match target.module {
            Some(_) if address.is_none() => {
                out.push(Err((point, io::Error::from_raw_os_error(libc::ENOENT))));
                continue;
            }
            Some(_) => 1,
            // a name that is there twice needs a link of its own
            None => usize::from(!seen.insert(target.function)) * 2,
        };
        let symbol = CString::new(target.function).unwrap_or_default();
        groups[group].push(Entry { point, symbol, address: address.copied(), cookie: *cookie });
    }
    let [named, addressed, again] = groups;
    let link = |entries: &[Entry]| link(program, entries, at_return);
    multi::link_halves(&named, &link, &mut out);
    multi::link_halves(&addressed, &link, &mut out);
    again.chunks(1).for_each(|one| multi::link_halves(one, &link, &mut out));
    out
}

fn link(program: BorrowedFd, entries: &[Entry], at_return: bool) -> io::Result<OwnedFd> {
    let mut names: Vec<*const c_char> = Vec::new();
    let mut addresses: Vec<c_ulong> = Vec::new();
    for entry in entries {
        match entry.address {
            Some(address) => addresses.push(address),
            None => names.push(entry.symbol.as_ptr()),
        }
    }
    let cookies: Vec<u64> = entries.iter().map(|entry| entry.cookie).collect();
    let mut options = sys::bpf_link_create_opts {
        sz: size_of::<sys::bpf_link_create_opts>() as sys::size_t,
        ..Default::default()
    };
    // SAFETY: all members of the union are plain data.
    let multi = unsafe { &mut options.__bindgen_anon_1.kprobe_multi };
    multi.flags = if at_return { AT_RETURN } else { 0 };
    multi.cnt = entries.len() as u32;
    multi.cookies = cookies.as_ptr();
    if addresses.is_empty() {
        multi.syms = names.as_mut_ptr();
    } else {
        multi.addrs = addresses.as_ptr();
    }
    // SAFETY: the arrays live during the call and are as long as said.
    check_fd(unsafe {
        sys::bpf_link_create(program.as_raw_fd(), 0, sys::BPF_TRACE_KPROBE_MULTI, &raw const options)
    })
}

/// Addresses of those of `targets` that are functions of modules, by module and name.
fn module_symbols(targets: &[(Target, u64)]) -> HashMap<(String, String), u64> {
    let wanted: HashSet<_> = targets.iter().filter_map(|(t, _)| Some((t.module?, t.function))).collect();
    if wanted.is_empty() {
        return HashMap::new();
    }
    let text = String::from_utf8_lossy(&fs::read("/proc/kallsyms").unwrap_or_default()).into_owned();
    let symbol = |line: &str| {
        // `address kind name\t[module]`; the address is 0 for those who may not know
        let (front, module) = line.strip_suffix(']')?.split_once("\t[")?;
        let (address, name) = (front.split(' ').next()?, front.rsplit(' ').next()?);
        let address = u64::from_str_radix(address, 16).ok().filter(|address| *address != 0)?;
        wanted.contains(&(module, name)).then(|| ((module.to_owned(), name.to_owned()), address))
    };
    text.lines().filter_map(symbol).collect()
}
