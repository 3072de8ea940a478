//! A fixed machine for tests: some tracepoints, functions and types, every feature by default.
//!
//! Deliberately small: a test that needs more adds it with the methods here.

mod binaries;
mod types;

use std::collections::BTreeSet;

use super::imports::{CompileError, Compiled};
use super::{Binaries, Btf, Entry, Feature, Header, HeaderPlace, Host, HostError, KernelFunction};
pub use binaries::FakeBinaries;
pub use types::FakeBtf;

/// A machine that answers from fixed data.
#[derive(Clone, Debug)]
pub struct Fake {
    missing: BTreeSet<Feature>,
    cpus: u32,
    tracepoints: Vec<(String, String)>,
    formats: Vec<String>,
    functions: Vec<KernelFunction>,
    headers: Vec<(String, String)>,
    imports: Vec<(String, Entry)>,
    compiled: Vec<(String, Compiled)>,
    btf: Option<FakeBtf>,
    binaries: FakeBinaries,
}

const FORMATS: &[(&str, &str, &str)] = &[
    ("raw_syscalls", "sys_enter", include_str!("formats/raw_syscalls.sys_enter.format")),
    ("raw_syscalls", "sys_exit", include_str!("formats/raw_syscalls.sys_exit.format")),
    ("sched", "sched_process_exec", include_str!("formats/sched.sched_process_exec.format")),
    ("sched", "sched_switch", include_str!("formats/sched.sched_switch.format")),
    ("syscalls", "sys_enter_openat", include_str!("formats/syscalls.sys_enter_openat.format")),
];

const FUNCTIONS: &[(&str, &str)] = &[
    ("dev_queue_xmit", "vmlinux"),
    ("do_nanosleep", "vmlinux"),
    ("nft_do_chain", "nf_tables"),
    ("vfs_open", "vmlinux"),
    ("vfs_read", "vmlinux"),
    ("vfs_readv", "vmlinux"),
    ("vfs_write", "vmlinux"),
];

impl Default for Fake {
    fn default() -> Fake {
        Fake {
            missing: BTreeSet::new(),
            cpus: 4,
            tracepoints: FORMATS.iter().map(|(c, e, _)| (c.to_string(), e.to_string())).collect(),
            formats: FORMATS.iter().map(|(_, _, text)| text.to_string()).collect(),
            functions: FUNCTIONS
                .iter()
                .map(|(name, module)| KernelFunction { name: name.to_string(), module: module.to_string() })
                .collect(),
            headers: Vec::new(),
            imports: Vec::new(),
            compiled: Vec::new(),
            btf: Some(FakeBtf::sample()),
            binaries: FakeBinaries::default(),
        }
    }
}

impl Fake {
    /// The same machine without a feature.
    pub fn without(mut self, feature: Feature) -> Fake {
        if feature == Feature::Btf {
            self.btf = None;
        }
        self.missing.insert(feature);
        self
    }

    /// The same machine with so many possible CPUs instead of four.
    pub fn with_cpus(mut self, cpus: u32) -> Fake {
        self.cpus = cpus;
        self
    }

    /// Adds a header, found beside the script by its name and in the usual folders by the name in angle brackets.
    pub fn with_header(mut self, name: &str, text: &str) -> Fake {
        self.headers.push((name.to_string(), text.to_string()));
        self
    }

    /// Adds what an import finds at `path`.
    pub fn with_import(mut self, path: &str, entry: Entry) -> Fake {
        self.imports.push((path.to_string(), entry));
        self
    }

    /// Adds what becomes of the BPF C at `path` when it is compiled; without, there is no compiler.
    pub fn with_compiled(mut self, path: &str, made: Compiled) -> Fake {
        self.compiled.push((path.to_string(), made));
        self
    }

    /// Adds a tracepoint with the text of its format file.
    pub fn with_tracepoint(mut self, category: &str, event: &str, format: &str) -> Fake {
        let key = (category.to_string(), event.to_string());
        let at = self.tracepoints.partition_point(|have| *have < key);
        self.tracepoints.insert(at, key);
        self.formats.insert(at, format.to_string());
        self
    }
}

impl Host for Fake {
    fn has(&self, feature: Feature) -> bool {
        !self.missing.contains(&feature)
    }

    fn possible_cpus(&self) -> u32 {
        self.cpus
    }

    fn tracepoint_format(&self, category: &str, event: &str) -> Result<String, HostError> {
        let found = self.tracepoints.iter().position(|(c, e)| c == category && e == event);
        let missing = || HostError::Missing(format!("tracepoint:{category}:{event}"));
        found.map(|i| self.formats[i].clone()).ok_or_else(missing)
    }

    fn tracepoints(&self) -> Result<&[(String, String)], HostError> {
        Ok(&self.tracepoints)
    }

    fn kernel_functions(&self) -> Result<&[KernelFunction], HostError> {
        Ok(&self.functions)
    }

    fn is_kernel_symbol(&self, name: &str) -> bool {
        self.functions.iter().any(|f| f.name == name) || name == "untraceable_function"
    }

    fn symbol_address(&self, name: &str) -> Option<u64> {
        let functions = self.functions.iter().position(|f| f.name == name);
        let data = ["__per_cpu_offset", "avenrun", "runqueues"].iter().position(|known| *known == name);
        functions
            .map(|at| 0xffff_ffff_8100_0000 + at as u64 * 256)
            .or(data.map(|at| 0xffff_ffff_8200_0000 + at as u64 * 64))
    }

    fn cgroup_id(&self, path: &str) -> Result<u64, HostError> {
        match path {
            "/sys/fs/cgroup" => Ok(1),
            _ => Err(HostError::Missing(path.to_owned())),
        }
    }

    fn btf(&self) -> Result<&dyn Btf, HostError> {
        match &self.btf {
            Some(btf) => Ok(btf),
            None => Err(HostError::Missing("/sys/kernel/btf/vmlinux".into())),
        }
    }

    fn binaries(&self) -> &dyn Binaries {
        &self.binaries
    }

    fn header(&self, name: &str, place: HeaderPlace) -> Option<Header> {
        let wanted = match place {
            HeaderPlace::Beside(_) => name.to_string(),
            HeaderPlace::Given => return None,
            HeaderPlace::Usual => format!("<{name}>"),
        };
        let (_, text) = self.headers.iter().find(|(own, _)| *own == wanted)?;
        Some(Header { path: wanted, text: Ok(text.clone()) })
    }

    fn compile(&self, path: &str) -> Compiled {
        let made = self.compiled.iter().find(|(own, _)| own == path).map(|(_, made)| made.clone());
        made.unwrap_or_else(|| Err(CompileError::NoCompiler("/usr/bin:/bin".into())))
    }

    fn import(&self, path: &str) -> Option<Entry> {
        self.imports.iter().find(|(own, _)| own == path).map(|(_, entry)| entry.clone())
    }
}
