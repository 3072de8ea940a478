//! A compiled script: everything that is needed to load and run it, as plain data. (contract)
//!
//! Independent of the host: no file descriptors, no addresses, no syntax trees.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::codegen::inst::{Insn, Reloc};
use crate::config::Config;
use crate::sema::tree::{Attach, Imported, ProbeKind};
use crate::wire::map::MapSpec;
use crate::wire::record::Action;

/// A compiled script.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Artifact {
    /// Programs.
    pub programs: Vec<Program>,
    /// Maps; relocations and actions index them.
    pub maps: Vec<MapSpec>,
    /// What records ask for, by the index in their header.
    pub actions: Vec<Action>,
    /// Texts of the clauses (probe blocks), for the footer.
    pub clauses: Vec<String>,
    /// Names that `probe` values index.
    pub probe_names: Vec<String>,
    /// Formats and patterns that shapes of values index.
    pub texts: Vec<String>,
    /// Where the script asks for each action: file, 1-based line and column.
    pub action_places: Vec<(u32, u32, u32)>,
    /// Source files that line records name.
    pub files: Vec<String>,
    /// Settings, for what matters when the script is loaded and runs.
    pub config: Config,
    /// Maps that outlive the run, by index, with their names in bpffs.
    pub pins: Vec<(usize, String)>,
    /// Functions of `objects` that programs call, by the number in the call.
    pub imports: Vec<Imported>,
    /// What the programs are linked with; nothing when they call none of its functions.
    pub objects: Vec<Linked>,
}

/// An object to link with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Linked {
    /// As the script's import names it.
    pub name: String,
    /// The file.
    pub bytes: Arc<[u8]>,
}

/// One program.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Program {
    /// Its name in the kernel: `[A-Za-z0-9_]`, unique, at most 15 bytes to show whole.
    pub name: String,
    /// What kind.
    pub kind: ProbeKind,
    /// Index of its clause.
    pub clause: u32,
    /// Code, one entry an 8-byte slot.
    pub insns: Vec<Insn>,
    /// Maps to put in.
    pub relocs: Vec<Reloc>,
    /// Line records, strictly ascending by slot; the first is at slot 0.
    pub lines: Vec<Line>,
    /// Functions that the kernel or the program calls. An immediate load of kind BPF_PSEUDO_FUNC is the address of the
    /// one whose index it holds, a call of kind BPF_PSEUDO_CALL a call of it.
    pub callbacks: Vec<Callback>,
    /// Where it attaches, at least one.
    pub attach: Vec<AttachPoint>,
    /// The program reads bpf_get_attach_cookie: links carry [`AttachPoint::cookie`].
    pub cookies: bool,
    /// Load for a kprobe_multi link.
    pub multi: bool,
}

/// A function of a program.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Callback {
    /// Code, one entry an 8-byte slot.
    pub insns: Vec<Insn>,
    /// Maps to put in.
    pub relocs: Vec<Reloc>,
    /// Line records, as those of a program.
    pub lines: Vec<Line>,
    /// The program calls it, and the verifier takes it by itself; else the kernel calls it.
    pub called: bool,
    /// Functions that only this one runs.
    pub callbacks: Vec<Callback>,
}

/// From this slot on, code comes from this place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// Slot index.
    pub slot: u32,
    /// Index in [`Artifact::files`].
    pub file: u32,
    /// 1-based.
    pub line: u32,
    /// 1-based, at most 1023.
    pub column: u32,
    /// The script's line, without a newline.
    pub text: String,
}

/// Where to attach.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttachPoint {
    /// Full name, e.g. `tracepoint:syscalls:sys_enter_openat`.
    pub name: String,
    /// Target.
    pub target: Attach,
    /// Index in [`Artifact::probe_names`].
    pub cookie: u64,
    /// Source file index, 1-based line and column of the attach point, for messages.
    pub place: (u32, u32, u32),
}
