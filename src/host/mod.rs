//! What the machine is like, as facts behind a trait. (contract)
//!
//! The compiler core asks [`Host`] and nothing else; `system` answers from the running kernel (feature `kernel`),
//! `fake` from fixed data in tests. Every answer is computed when first asked and kept: a script that needs no
//! BTF never reads it.

pub mod btf;
pub mod dwarf;
pub mod elf;
pub mod fake;
pub mod features;
pub mod headers;
pub mod imports;
pub mod linkable;
#[cfg(feature = "kernel")]
pub mod system;

pub use btf::{Btf, BtfKind, BtfMember, BtfType, TypeId};
pub use elf::{Binaries, Binary};
pub use features::Feature;
pub use headers::{Header, HeaderPlace};
pub use imports::Entry;

use std::fmt;

/// Why the host has no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HostError {
    /// Not enough rights; holds what was refused (a path or a call).
    Denied(String),
    /// Not there; holds what was looked for.
    Missing(String),
    /// Anything else, in words.
    Other(String),
}

impl fmt::Display for HostError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            HostError::Denied(what) => write!(f, "permission denied: {what}"),
            HostError::Missing(what) => write!(f, "not found: {what}"),
            HostError::Other(what) => f.write_str(what),
        }
    }
}

/// A traced kernel function: its name and the module it lives in (`vmlinux` for the kernel itself).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct KernelFunction {
    /// The symbol.
    pub name: String,
    /// The module.
    pub module: String,
}

/// A function of a BPF program in the kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BpfFunction {
    /// The program's id.
    pub id: u32,
    /// The function's whole name, from the program's BTF.
    pub name: String,
}

/// Facts about the machine that a script is compiled for.
pub trait Host {
    /// True when the kernel has the feature, by probing it.
    fn has(&self, feature: Feature) -> bool;

    /// CPUs that may ever exist: the number of slots of a per-CPU value.
    fn possible_cpus(&self) -> u32;

    /// Offset of `comm`, 16 bytes, in the kernel's `struct task_struct`; None where it cannot be told.
    fn comm_offset(&self) -> Option<u32> {
        None
    }

    /// Text of a tracepoint's `format` file in tracefs.
    ///
    /// # Errors
    /// Missing when there is no such tracepoint, Denied when tracefs cannot be read.
    fn tracepoint_format(&self, category: &str, event: &str) -> Result<String, HostError>;

    /// Every tracepoint as `(category, event)`, sorted.
    ///
    /// # Errors
    /// When tracefs cannot be read.
    fn tracepoints(&self) -> Result<&[(String, String)], HostError>;

    /// Functions that kprobes can be put on, sorted by name.
    ///
    /// # Errors
    /// When tracefs cannot be read.
    fn kernel_functions(&self) -> Result<&[KernelFunction], HostError>;

    /// True when `name` is a kernel function, traceable or not (kallsyms).
    fn is_kernel_symbol(&self, name: &str) -> bool;

    /// Functions of BPF programs that run in the kernel and have BTF, in the order of their ids.
    ///
    /// # Errors
    /// Without the right to list them.
    fn bpf_functions(&self) -> Result<Vec<BpfFunction>, HostError> {
        Ok(Vec::new())
    }

    /// `vmlinux` and the modules that have types of their own.
    fn btf_modules(&self) -> Vec<String> {
        vec!["vmlinux".to_owned()]
    }

    /// Samples a second that the kernel allows on a CPU; None when it does not say.
    fn sample_limit(&self) -> Option<u64> {
        None
    }

    /// Address of a symbol of the kernel, of any kind; None when there is none or its address is hidden.
    fn symbol_address(&self, name: &str) -> Option<u64>;

    /// True when programs of a type (`BPF_PROG_TYPE_…`) may call the function of the kernel, by probing it.
    fn may_call(&self, _function: &str, _program_type: u32) -> bool {
        false
    }

    /// True when programs on a function of the kernel, or of an iterator over objects of that name, may ask for the path
    /// of a file (bpf_d_path), by probing it.
    fn may_ask_path(&self, _name: &str, _iterator: bool) -> bool {
        true
    }

    /// The id of the cgroup (version 2) at a path.
    ///
    /// # Errors
    /// Missing when there is none, Denied when it cannot be looked at.
    fn cgroup_id(&self, path: &str) -> Result<u64, HostError>;

    /// The kernel's types.
    ///
    /// # Errors
    /// When the kernel has no BTF or it cannot be read.
    fn btf(&self) -> Result<&dyn Btf, HostError>;

    /// Programs and libraries, which uprobes and static probes are put on.
    fn binaries(&self) -> &dyn Binaries;

    /// The C header `name` (`linux/fs.h`) in one place. A machine without a file system has none.
    fn header(&self, _name: &str, _place: HeaderPlace) -> Option<Header> {
        None
    }

    /// What an `import` finds at `path`; None when nothing is there.
    fn import(&self, _path: &str) -> Option<Entry> {
        None
    }

    /// Compiles the BPF C at `path`; gives the object and what the compiler said.
    ///
    /// # Errors
    /// Without a compiler, and when it refuses.
    fn compile(&self, _path: &str) -> imports::Compiled {
        Err(imports::CompileError::NoCompiler(String::new()))
    }
}
