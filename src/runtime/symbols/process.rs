//! Where processes have files mapped, kept for longer than they live.
//!
//! A process is looked at when a program first meets a stack of it, and again when another program was executed in it
//! or an address lies in nothing known. Files are opened at once and read when a name is asked for, through the process's
//! own view (`map_files`, then its root), so that containers and deleted files are no special case; a file that several
//! processes have mapped is read once.
//!
//! Bounds: [`PROCESSES`] processes and [`FILES`] files. What was used longest ago goes first; its addresses are named
//! again as long as the process lives.

use std::collections::HashMap;
use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::time::{Duration, Instant};

use super::Symbol;
use super::elf::Table;
use super::jit;
use crate::config::{Config, SymbolCache};
use crate::host::elf::demangle::demangle;

/// Processes remembered.
pub const PROCESSES: usize = 1024;
/// Files remembered, each with its symbols once one was asked for.
pub const FILES: usize = 256;

/// Between two looks at a process for addresses that are not known.
const PAUSE: Duration = Duration::from_millis(50);

/// A file by device, inode and size.
type Key = (u64, u64, u64);

/// What is known of processes.
#[derive(Debug, Default)]
pub struct Processes {
    known: HashMap<u32, Process>,
    files: HashMap<Key, Mapped>,
    vdso: Option<Table>,
    clock: u64,
    /// Names as the linker has them.
    mangled: bool,
    /// Nothing is kept from one address to the next.
    forgetful: bool,
}

#[derive(Debug)]
struct Process {
    identity: Identity,
    mappings: Vec<Mapping>,
    jit: Option<jit::Map>,
    looked: Instant,
    used: u64,
}

/// What changes when a process id is given to another process or that executes another program.
type Identity = (u64, u64, u64);

#[derive(Debug)]
struct Mapping {
    start: u64,
    end: u64,
    offset: u64,
    place: Place,
    path: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    File(Key),
    Vdso,
    Anonymous,
}

#[derive(Debug)]
struct Mapped {
    contents: Contents,
    used: u64,
}

#[derive(Debug)]
enum Contents {
    Unread(File),
    Read(Table),
}

impl Processes {
    /// As the settings `cpp_demangle` and `cache_user_symbols` say. A cache by program would be the same: files are kept
    /// by program in any case, and what differs between processes of a program is where they are mapped.
    pub fn with(config: &Config) -> Processes {
        let forgetful = config.cache_user_symbols == SymbolCache::None;
        Processes { mangled: !config.cpp_demangle, forgetful, ..Processes::default() }
    }

    /// A process was seen, and may be gone when a name is asked for.
    pub fn sight(&mut self, pid: u32) {
        if !self.forgetful {
            self.look_at(pid);
        }
    }

    /// Looks at a process, unless that was done.
    pub fn look_at(&mut self, pid: u32) {
        let Some(identity) = identity(pid) else { return };
        if self.known.get(&pid).is_none_or(|process| process.identity != identity) {
            self.look_again(pid, identity);
        }
    }

    fn look_again(&mut self, pid: u32, identity: Identity) {
        let Ok(text) = fs::read_to_string(format!("/proc/{pid}/maps")) else { return };
        self.clock += 1;
        let mut mappings: Vec<Mapping> = text.lines().filter_map(parse).collect();
        for mapping in &mut mappings {
            self.open(pid, mapping);
        }
        // A process that is about to end has nothing mapped any more: what was known stays.
        if mappings.is_empty() && self.known.contains_key(&pid) {
            return;
        }
        let looked = Instant::now();
        self.known.insert(pid, Process { identity, mappings, jit: None, looked, used: self.clock });
        if self.known.len() > PROCESSES
            && let Some(oldest) =
                self.known.iter().min_by_key(|(_, process)| process.used).map(|(pid, _)| *pid)
        {
            self.known.remove(&oldest);
        }
    }

    /// Opens the file of a mapping, if it is new.
    fn open(&mut self, pid: u32, mapping: &mut Mapping) {
        if mapping.place != Place::File((0, 0, 0)) {
            return;
        }
        let whole = format!("/proc/{pid}/map_files/{:x}-{:x}", mapping.start, mapping.end);
        let file = File::open(whole).or_else(|_| File::open(format!("/proc/{pid}/root{}", mapping.path)));
        let about = file.and_then(|file| file.metadata().map(|about| (file, about)));
        let Ok((file, about)) = about else { return };
        let key = (about.dev(), about.ino(), about.size());
        mapping.place = Place::File(key);
        let clock = self.clock;
        let entry = self.files.entry(key);
        entry.or_insert(Mapped { contents: Contents::Unread(file), used: 0 }).used = clock;
        if self.files.len() > FILES
            && let Some(oldest) = self.files.iter().min_by_key(|(_, file)| file.used).map(|(key, _)| *key)
        {
            self.files.remove(&oldest);
        }
    }

    /// Where an address of a process lies; None where nothing is known of it.
    pub fn find(&mut self, pid: u32, address: u64) -> Option<Symbol> {
        self.clock += 1;
        if self.forgetful {
            self.known.clear();
            self.files.clear();
        }
        self.look_at(pid);
        if !self.is_mapped(pid, address) {
            let stale = self.known.get(&pid).is_some_and(|process| process.looked.elapsed() > PAUSE);
            if let Some(identity) = identity(pid).filter(|_| stale) {
                self.look_again(pid, identity);
            }
        }
        let clock = self.clock;
        let process = self.known.get_mut(&pid)?;
        process.used = clock;
        let mapping = process.mappings.iter().find(|mapping| mapping.holds(address))?;
        let (place, file, offset) =
            (mapping.place, mapping.path.clone(), address - mapping.start + mapping.offset);
        let start = mapping.start;
        let found = match place {
            Place::File(key) => {
                let file = self.files.get_mut(&key)?;
                file.used = clock;
                file.table().at_offset(offset)
            }
            Place::Vdso => self.vdso.get_or_insert_with(own_vdso).at_offset(address - start),
            Place::Anonymous => process.jitted(pid, address),
        };
        let (name, offset) = match found {
            Some((name, offset)) if self.mangled => (Some(name.to_owned()), offset),
            Some((name, offset)) => (Some(demangle(name)), offset),
            None => (None, 0),
        };
        Some(Symbol { name, offset, file })
    }

    fn is_mapped(&self, pid: u32, address: u64) -> bool {
        let process = self.known.get(&pid);
        process.is_some_and(|process| process.mappings.iter().any(|mapping| mapping.holds(address)))
    }
}

impl Process {
    /// The compiled function around an address; the map is read again when it is not in there.
    fn jitted(&mut self, pid: u32, address: u64) -> Option<(&str, u64)> {
        let known = self.jit.as_ref().is_some_and(|map| map.find(address).is_some());
        if !known && (self.jit.is_none() || self.looked.elapsed() > PAUSE) {
            self.looked = Instant::now();
            let read = jit::Map::of(pid);
            self.jit = read.or(self.jit.take()).or(Some(jit::Map::default()));
        }
        self.jit.as_ref()?.find(address)
    }
}

impl Mapping {
    fn holds(&self, address: u64) -> bool {
        (self.start..self.end).contains(&address)
    }
}

impl Mapped {
    fn table(&mut self) -> &Table {
        if let Contents::Unread(file) = &self.contents {
            self.contents = Contents::Read(Table::read(file).unwrap_or_default());
        }
        match &self.contents {
            Contents::Read(table) => table,
            Contents::Unread(_) => unreachable!("just read"),
        }
    }
}

/// When the process began and which file it executes.
fn identity(pid: u32) -> Option<Identity> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // the name may hold anything, parentheses too
    let rest = &stat[stat.rfind(')')? + 1..];
    let began = rest.split_whitespace().nth(19)?.parse().ok()?;
    let program = fs::metadata(format!("/proc/{pid}/exe")).ok()?;
    Some((began, program.dev(), program.ino()))
}

/// An executable mapping of a line of `/proc/PID/maps`.
fn parse(line: &str) -> Option<Mapping> {
    let mut parts = line.splitn(6, ' ');
    let (start, end) = parts.next()?.split_once('-')?;
    if !parts.next()?.contains('x') {
        return None;
    }
    let hex = |text: &str| u64::from_str_radix(text, 16).ok();
    let offset = hex(parts.next()?)?;
    let path = parts.nth(2).unwrap_or_default().trim_start();
    let place = match path {
        "[vdso]" => Place::Vdso,
        "" => Place::Anonymous,
        path if path.starts_with("//anon") || path.starts_with('[') => Place::Anonymous,
        _ => Place::File((0, 0, 0)),
    };
    Some(Mapping { start: hex(start)?, end: hex(end)?, offset, place, path: path.to_owned() })
}

/// The vdso is the same for every process.
fn own_vdso() -> Table {
    let read = || {
        let maps = fs::read_to_string("/proc/self/maps").ok()?;
        let mapping = maps.lines().filter_map(parse).find(|mapping| mapping.place == Place::Vdso)?;
        let memory = File::open("/proc/self/mem").ok()?;
        let mut image = vec![0; (mapping.end - mapping.start) as usize];
        std::os::unix::fs::FileExt::read_exact_at(&memory, &mut image, mapping.start).ok()?;
        Table::parse(&image).ok()
    };
    read().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_addresses_have_names() {
        let mut processes = Processes::default();
        let address = demangle as *const () as u64;
        let symbol = processes.find(std::process::id(), address + 2).expect("a mapped address");
        assert_eq!(symbol.name.as_deref(), Some("beetrace::host::elf::demangle::demangle"));
        assert_eq!(symbol.offset, 2);
        assert!(symbol.file.starts_with('/'), "{symbol:?}");
        assert_eq!(processes.find(std::process::id(), 16), None);
    }

    #[test]
    fn processes_are_known_when_they_have_ended() {
        let mut child = std::process::Command::new("sleep").arg("10").spawn().unwrap();
        let pid = child.id();
        let mut processes = Processes::default();
        // until it executes `sleep` and that is in place
        while !fs::read_to_string(format!("/proc/{pid}/maps"))
            .is_ok_and(|maps| maps.lines().filter_map(parse).any(|mapping| mapping.path.contains("bin/")))
        {
            std::thread::sleep(Duration::from_millis(1));
        }
        processes.look_at(pid);
        child.kill().unwrap();
        child.wait().unwrap();
        let start = processes.known[&pid].mappings[0].start;
        let symbol = processes.find(pid, start).expect("where it was mapped");
        assert!(symbol.file.ends_with("sleep") || symbol.file.contains("bin/"), "{symbol:?}");
    }

    #[test]
    fn the_vdso_has_names() {
        let table = own_vdso();
        let maps = fs::read_to_string("/proc/self/maps").unwrap();
        if maps.contains("[vdso]") {
            let named = (0..0x4000).step_by(16).any(|at| table.at_offset(at).is_some());
            assert!(named, "no symbol in the vdso");
        }
    }

    #[test]
    fn memory_is_bounded() {
        let mut processes = Processes::default();
        for pid in 0..PROCESSES as u32 + 10 {
            let process = Process {
                identity: (0, 0, 0),
                mappings: Vec::new(),
                jit: None,
                looked: Instant::now(),
                used: u64::from(pid),
            };
            processes.known.insert(u32::MAX - pid, process);
        }
        processes.clock = 1 << 20;
        let before = processes.known.len();
        processes.look_at(std::process::id());
        assert_eq!(processes.known.len(), before, "one came, one went");
    }
}
