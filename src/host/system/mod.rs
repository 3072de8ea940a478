//! The running machine.
//!
//! Every fact is found out when first asked for and kept. Nothing here changes the machine: probes of features load
//! throw-away programs and maps and close them at once.

mod binaries;
mod btf;
mod clang;
mod debug;
mod features;
mod headers;
mod image;
mod imports;
mod libraries;
mod programs;
mod task;
mod tracefs;

use std::cell::{OnceCell, RefCell};
use std::collections::{HashMap, HashSet};
use std::path::PathBuf;

use super::imports::Compiled;
use super::{
    Binaries, BpfFunction, Btf, BtfKind, Entry, Feature, Header, HeaderPlace, Host, HostError, KernelFunction,
};
use binaries::SystemBinaries;
pub use btf::KernelBtf;
pub use tracefs::TRACEFS;

/// The running machine, see [`Host`].
#[derive(Default)]
pub struct System {
    features: RefCell<HashMap<Feature, bool>>,
    cpus: OnceCell<u32>,
    tracepoints: OnceCell<Result<Vec<(String, String)>, HostError>>,
    functions: OnceCell<Result<Vec<KernelFunction>, HostError>>,
    symbols: OnceCell<HashSet<String>>,
    btf: OnceCell<Result<KernelBtf, HostError>>,
    types: Option<PathBuf>,
    binaries: SystemBinaries,
    includes: Vec<PathBuf>,
    /// Features that are not to be used.
    without: Vec<Feature>,
    /// Lists the functions that can be traced, instead of tracefs.
    traceable: Option<PathBuf>,
}

impl System {
    /// The machine this runs on; nothing is asked of it yet.
    pub fn new() -> System {
        System::default()
    }

    /// Looks for debug information of binaries in these folders too (`--debuginfo`).
    pub fn with_debug_folders(mut self, folders: Vec<String>) -> System {
        self.binaries.folders = folders;
        self
    }

    /// Looks for C headers in these folders too (`-I`).
    pub fn with_includes(mut self, folders: &[PathBuf]) -> System {
        self.includes = folders.to_vec();
        self
    }

    /// Does as if the kernel had none of these features (`--no-feature`).
    pub fn without(mut self, features: Vec<Feature>) -> System {
        self.without = features;
        self
    }

    /// Takes the functions that kprobes can be put on from this file (`--traceable-functions`): lines of `name` or
    /// `name [module]`.
    pub fn with_traceable(mut self, file: Option<PathBuf>) -> System {
        self.traceable = file;
        self
    }

    /// Takes the kernel's types from this file (`BPFTRACE_BTF`) instead of the running kernel.
    pub fn with_btf(mut self, file: Option<PathBuf>) -> System {
        self.types = file;
        self
    }

    /// CPUs that are online now, in order.
    ///
    /// # Errors
    /// When sysfs cannot be read.
    pub fn online_cpus() -> Result<Vec<u32>, HostError> {
        let text = tracefs::read("/sys/devices/system/cpu/online")?;
        Ok(parse_cpu_list(&text))
    }
}

impl Host for System {
    fn may_call(&self, function: &str, program_type: u32) -> bool {
        let id = self.btf().ok().and_then(|btf| btf.find(BtfKind::Func, function));
        id.is_some_and(|id| features::may_call(function, id.0, program_type))
    }

    fn may_ask_path(&self, name: &str, iterator: bool) -> bool {
        features::may_ask_path(name, iterator)
    }

    fn has(&self, feature: Feature) -> bool {
        if self.without.contains(&feature) {
            return false;
        }
        if let Some(known) = self.features.borrow().get(&feature) {
            return *known;
        }
        let found = features::probe(feature);
        self.features.borrow_mut().insert(feature, found);
        found
    }

    fn comm_offset(&self) -> Option<u32> {
        task::comm_offset()
    }

    fn possible_cpus(&self) -> u32 {
        *self.cpus.get_or_init(|| {
            let text = tracefs::read("/sys/devices/system/cpu/possible").unwrap_or_default();
            parse_cpu_list(&text).last().map_or(1, |last| last + 1)
        })
    }

    fn tracepoint_format(&self, category: &str, event: &str) -> Result<String, HostError> {
        tracefs::format(category, event)
    }

    fn tracepoints(&self) -> Result<&[(String, String)], HostError> {
        kept(self.tracepoints.get_or_init(tracefs::tracepoints))
    }

    fn kernel_functions(&self) -> Result<&[KernelFunction], HostError> {
        kept(self.functions.get_or_init(|| tracefs::functions(self.traceable.as_deref())))
    }

    fn is_kernel_symbol(&self, name: &str) -> bool {
        // The kernel's types know nearly every function and are far quicker to ask than the symbol table.
        if self.btf().is_ok_and(|btf| btf.find(BtfKind::Func, name).is_some()) {
            return true;
        }
        self.symbols.get_or_init(tracefs::text_symbols).contains(name)
    }

    fn bpf_functions(&self) -> Result<Vec<BpfFunction>, HostError> {
        programs::functions()
    }

    fn btf_modules(&self) -> Vec<String> {
        let entries = std::fs::read_dir("/sys/kernel/btf").into_iter().flatten().flatten();
        let mut names: Vec<String> =
            entries.filter_map(|entry| entry.file_name().into_string().ok()).collect();
        // the kernel's own first: what it has needs no types of modules
        names.sort_unstable_by_key(|name| (name != "vmlinux", name.clone()));
        names
    }

    fn sample_limit(&self) -> Option<u64> {
        let text = tracefs::read("/proc/sys/kernel/perf_event_max_sample_rate").ok()?;
        text.trim().parse().ok()
    }

    fn symbol_address(&self, name: &str) -> Option<u64> {
        let text = tracefs::read("/proc/kallsyms").ok()?;
        let found = text.lines().find_map(|line| {
            let mut words = line.split_whitespace();
            let address = words.next()?;
            (words.nth(1)? == name).then(|| u64::from_str_radix(address, 16).ok()).flatten()
        });
        found.filter(|address| *address != 0)
    }

    fn cgroup_id(&self, path: &str) -> Result<u64, HostError> {
        use std::os::unix::fs::MetadataExt;
        let missing = |error: std::io::Error| match error.kind() {
            std::io::ErrorKind::PermissionDenied => HostError::Denied(path.to_owned()),
            _ => HostError::Missing(path.to_owned()),
        };
        std::fs::metadata(path).map(|found| found.ino()).map_err(missing)
    }

    fn btf(&self) -> Result<&dyn Btf, HostError> {
        match self.btf.get_or_init(|| KernelBtf::load(self.types.as_deref(), self.binaries.user_types())) {
            Ok(btf) => Ok(btf),
            Err(why) => Err(why.clone()),
        }
    }

    fn binaries(&self) -> &dyn Binaries {
        &self.binaries
    }

    fn header(&self, name: &str, place: HeaderPlace) -> Option<Header> {
        headers::find(name, place, &self.includes)
    }

    fn import(&self, path: &str) -> Option<Entry> {
        imports::find(path)
    }

    fn compile(&self, path: &str) -> Compiled {
        clang::compile(path, &self.includes)
    }
}

fn kept<T>(result: &Result<Vec<T>, HostError>) -> Result<&[T], HostError> {
    result.as_ref().map(Vec::as_slice).map_err(Clone::clone)
}

/// Reads `0-3,5` as 0, 1, 2, 3, 5.
fn parse_cpu_list(text: &str) -> Vec<u32> {
    let range = |part: &str| -> Option<std::ops::RangeInclusive<u32>> {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        Some(first.parse().ok()?..=last.parse().ok()?)
    };
    text.trim().split(',').filter_map(range).flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpu_lists() {
        assert_eq!(parse_cpu_list("0-3,5\n"), [0, 1, 2, 3, 5]);
        assert_eq!(parse_cpu_list("0\n"), [0]);
        assert_eq!(parse_cpu_list(""), [0u32; 0]);
    }
}
