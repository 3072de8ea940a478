//! Numbers that only user space can name: addresses, stacks and probe indices.

use std::collections::HashMap;
use std::fmt::Write;

use super::cgroups::Cgroups;
use super::kernel::{Stack, Stacks};
use super::symbols::kernel::Symbols;
use super::symbols::process::Processes;
use super::system;
use super::time::Clocks;
use super::value::{TRAILER, unsigned};
use crate::object::artifact::{Artifact, AttachPoint};
use crate::wire::codes;
use crate::wire::stack::BUILD_ID_VALID;
use crate::wire::types::{Name, StackMode};

/// Names for numbers in values.
pub trait Names {
    /// The kernel symbol that `address` lies in.
    fn symbol(&mut self, address: u64) -> Option<&str>;
    /// The full name of the probe with this index, e.g. `kprobe:vfs_read`.
    fn probe(&self, index: u64) -> Option<&str>;
    /// The function that the probe with this index is in.
    fn function(&self, index: u64) -> Option<&str>;
    /// The text of a number that is named in any other way. A stack is a newline and then a line for each frame.
    fn text(&mut self, name: Name, number: u64) -> String;
    /// A process was seen: look at it while it is there.
    fn sight(&mut self, pid: u32);
    /// What is put behind text that was cut.
    fn trailer(&self) -> &[u8] {
        TRAILER
    }
}

/// Stacks whose text is kept.
const TEXTS: usize = 4096;

/// Names of a running script: the machine's symbols, the stacks that programs kept and the artifact's probes.
pub struct SystemNames<'a> {
    probes: &'a [String],
    functions: HashMap<u64, &'a str>,
    stacks: Option<Box<dyn Stacks>>,
    symbols: Option<Symbols>,
    processes: Processes,
    users: system::Users,
    cgroups: Cgroups,
    clocks: Clocks,
    /// Formats and patterns of the artifact.
    texts_of: &'a [String],
    trailer: &'a [u8],
    texts: HashMap<(Name, u64), String>,
}

impl<'a> SystemNames<'a> {
    /// For an artifact whose programs keep stacks there.
    pub fn of(artifact: &'a Artifact, stacks: Option<Box<dyn Stacks>>) -> SystemNames<'a> {
        let points = artifact.programs.iter().flat_map(|program| &program.attach);
        let function =
            |point: &'a AttachPoint| Some((point.cookie, point.target.user_place()?.function.as_str()));
        SystemNames {
            functions: points.filter_map(function).collect(),
            trailer: &artifact.config.str_trunc_trailer,
            processes: Processes::with(&artifact.config),
            ..SystemNames::new(&artifact.probe_names, &artifact.texts, stacks)
        }
    }

    /// `probes` and `texts` are those of the artifact.
    pub fn new(
        probes: &'a [String],
        texts: &'a [String],
        stacks: Option<Box<dyn Stacks>>,
    ) -> SystemNames<'a> {
        SystemNames {
            probes,
            functions: HashMap::new(),
            stacks,
            symbols: None,
            processes: Processes::default(),
            users: system::Users::default(),
            cgroups: Cgroups::default(),
            clocks: Clocks::now(),
            texts_of: texts,
            trailer: TRAILER,
            texts: HashMap::new(),
        }
    }

    fn kernel(&mut self, address: u64) -> Option<(&str, u64)> {
        self.symbols.get_or_insert_with(Symbols::read).find(address)
    }

    fn stack(&mut self, name: Name, id: u64) -> String {
        if let Some(text) = self.texts.get(&(name, id)) {
            return text.clone();
        }
        let mut text = String::from("\n");
        let Some(stack) = self.stacks.as_mut().and_then(|stacks| stacks.find(id)) else { return text };
        let known = match name {
            Name::UserStack(StackMode::BuildId) => write_build_ids(&mut text, &stack),
            Name::KernelStack(mode) => self.write_kernel(&mut text, &stack, mode),
            Name::UserStack(mode) => self.write_user(&mut text, &stack, mode),
            _ => false,
        };
        if known {
            if self.texts.len() >= TEXTS {
                self.texts.clear();
            }
            self.texts.insert((name, id), text.clone());
        }
        text
    }

    fn write_kernel(&mut self, out: &mut String, stack: &Stack, mode: StackMode) -> bool {
        for address in stack.addresses() {
            let text = match self.kernel(address) {
                Some((name, offset)) => format!("{name}+{offset}"),
                None => format!("{address:#x}"),
            };
            frame(out, address, &text, mode, "");
        }
        true
    }

    /// False when a frame's symbol is not known, or not yet.
    fn write_user(&mut self, out: &mut String, stack: &Stack, mode: StackMode) -> bool {
        let mut known = true;
        for address in stack.addresses() {
            let symbol = match mode {
                StackMode::Raw => None,
                _ => self.processes.find(stack.pid, address),
            };
            let (name, offset, file) =
                symbol.map_or((None, 0, None), |symbol| (symbol.name, symbol.offset, Some(symbol.file)));
            known &= name.is_some() || mode == StackMode::Raw;
            let text = match name {
                Some(name) => format!("{name}+{offset}"),
                None => format!("{address:#x}"),
            };
            let file = file.filter(|file| !file.is_empty()).unwrap_or_else(|| "[unknown]".to_owned());
            frame(out, address, &text, mode, &format!(" ({file})"));
        }
        known
    }

    fn user_symbol(&mut self, id: u64) -> String {
        let Some(stack) = self.stacks.as_mut().and_then(|stacks| stacks.find(id)) else {
            return "0".to_owned();
        };
        let address = stack.addresses().next().unwrap_or(0);
        let symbol = self.processes.find(stack.pid, address);
        symbol.and_then(|symbol| symbol.name).unwrap_or_else(|| unknown(address))
    }
}

/// An address without a name, as the reference prints it.
pub fn unknown(address: u64) -> String {
    if address == 0 { "0".to_owned() } else { format!("{address:#x}") }
}

/// One line of a stack.
fn frame(out: &mut String, address: u64, symbol: &str, mode: StackMode, file: &str) {
    let written = match mode {
        StackMode::Symbols => writeln!(out, "        {symbol}"),
        StackMode::Perf => writeln!(out, "\t{address:x} {symbol}{file}"),
        StackMode::Raw | StackMode::BuildId => writeln!(out, "{address:x}"),
    };
    written.expect("writing to memory");
}

/// The id in hexadecimal and the offset in the file; the address where there is no id.
fn write_build_ids(out: &mut String, stack: &Stack) -> bool {
    for entry in stack.frames.chunks_exact(stack.frame as usize) {
        let place = unsigned(&entry[24..], 8);
        let written = match unsigned(entry, 4) as u32 {
            BUILD_ID_VALID => {
                let id: String = entry[4..24].iter().map(|byte| format!("{byte:02x}")).collect();
                writeln!(out, "{id} {place:#04x}")
            }
            _ => writeln!(out, "{place:x}"),
        };
        written.expect("writing to memory");
    }
    true
}

impl Names for SystemNames<'_> {
    fn symbol(&mut self, address: u64) -> Option<&str> {
        self.kernel(address).map(|(name, _)| name)
    }

    fn probe(&self, index: u64) -> Option<&str> {
        self.probes.get(usize::try_from(index).ok()?).map(String::as_str)
    }

    fn function(&self, index: u64) -> Option<&str> {
        self.functions.get(&index).copied().filter(|name| !name.is_empty())
    }

    fn text(&mut self, name: Name, number: u64) -> String {
        match name {
            Name::KernelStack(_) | Name::UserStack(_) => self.stack(name, number),
            Name::UserSymbol => self.user_symbol(number),
            Name::Username => self.users.name(number as u32),
            Name::Process => system::process(number),
            Name::Syscall => codes::syscall(number).unwrap_or("Unknown syscall").to_owned(),
            Name::Signal => system::signal(number),
            Name::Error => system::error(number as i64),
            Name::Time { format, clock } => {
                let format = self.texts_of.get(format as usize).map_or("", String::as_str);
                self.clocks.format(format, clock, number)
            }
            Name::CgroupPath { filter } => {
                let filter = filter.and_then(|filter| self.texts_of.get(filter as usize));
                self.cgroups.paths(number, filter.map(String::as_str))
            }
            Name::KernelSymbol => self.symbol(number).map_or_else(|| unknown(number), str::to_owned),
            Name::Probe => self.probe(number).map_or_else(|| unknown(number), str::to_owned),
            Name::Function => self.function(number).map_or_else(|| unknown(number), str::to_owned),
        }
    }

    fn sight(&mut self, pid: u32) {
        if self.stacks.is_some() {
            self.processes.sight(pid);
        }
    }

    fn trailer(&self) -> &[u8] {
        self.trailer
    }
}
