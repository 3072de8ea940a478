//! Numbers that only user space can name: kernel addresses and probe indices.
//!
//! `/proc/kallsyms` is read when the first address is asked for, never before: it costs 50 ms and 10 MB. Addresses
//! between two symbols belong to the one below, as in every tracer; an address below all symbols has no name.

use std::collections::HashMap;
use std::fs;

use crate::object::artifact::{Artifact, AttachPoint};

/// Names for numbers in values.
pub trait Names {
    /// The kernel symbol that `address` lies in.
    fn symbol(&mut self, address: u64) -> Option<&str>;
    /// The full name of the probe with this index, e.g. `kprobe:vfs_read`.
    fn probe(&self, index: u64) -> Option<&str>;
    /// The function that the probe with this index is in.
    fn function(&self, index: u64) -> Option<&str>;
}

/// The kernel's symbol table, sorted by address.
#[derive(Debug, Default)]
pub struct Symbols {
    /// Address, and where the name is in `text`.
    entries: Vec<(u64, u32, u32)>,
    text: String,
}

impl Symbols {
    /// Reads text in the form of `/proc/kallsyms`. Without the right to see addresses the kernel gives zeros, which
    /// are left out.
    pub fn parse(text: String) -> Symbols {
        let base = text.as_ptr() as usize;
        let mut entries: Vec<(u64, u32, u32)> = text
            .lines()
            .filter_map(|line| {
                let (address, rest) = line.split_once(' ')?;
                let name = rest.get(2..)?.split(['\t', ' ']).next()?;
                let start = name.as_ptr() as usize - base;
                let address = u64::from_str_radix(address, 16).ok().filter(|a| *a != 0)?;
                Some((address, start as u32, (start + name.len()) as u32))
            })
            .collect();
        // stable, so that of several names for one address the table's first one is found
        entries.sort_by_key(|entry| entry.0);
        entries.dedup_by_key(|entry| entry.0);
        Symbols { entries, text }
    }

    /// The symbol at or below `address`.
    pub fn find(&self, address: u64) -> Option<&str> {
        let after = self.entries.partition_point(|entry| entry.0 <= address);
        let (_, start, end) = self.entries[after.checked_sub(1)?];
        Some(&self.text[start as usize..end as usize])
    }
}

/// Names of a running script: the machine's symbols and the artifact's probes.
#[derive(Debug)]
pub struct SystemNames<'a> {
    probes: &'a [String],
    functions: HashMap<u64, &'a str>,
    symbols: Option<Symbols>,
}

impl<'a> SystemNames<'a> {
    /// `probes` are [`Artifact::probe_names`].
    pub fn new(probes: &'a [String]) -> SystemNames<'a> {
        SystemNames { probes, functions: HashMap::new(), symbols: None }
    }

    /// With the functions that the artifact's probes are in.
    pub fn of(artifact: &'a Artifact) -> SystemNames<'a> {
        let points = artifact.programs.iter().flat_map(|program| &program.attach);
        let function =
            |point: &'a AttachPoint| Some((point.cookie, point.target.user_place()?.function.as_str()));
        SystemNames {
            functions: points.filter_map(function).collect(),
            ..SystemNames::new(&artifact.probe_names)
        }
    }
}

impl Names for SystemNames<'_> {
    fn symbol(&mut self, address: u64) -> Option<&str> {
        let read = || Symbols::parse(fs::read_to_string("/proc/kallsyms").unwrap_or_default());
        self.symbols.get_or_insert_with(read).find(address)
    }

    fn probe(&self, index: u64) -> Option<&str> {
        self.probes.get(usize::try_from(index).ok()?).map(String::as_str)
    }

    fn function(&self, index: u64) -> Option<&str> {
        self.functions.get(&index).copied().filter(|name| !name.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_belong_to_the_symbol_below() {
        let text = "ffff10 T b\nffff00 T a\nffff10 t also_b\nffff20 t in_module\t[kvm]\n0 T hidden\n";
        let symbols = Symbols::parse(text.to_owned());
        let found = [0, 0xfffe, 0xffff00, 0xffff0f, 0xffff10, 0xffff30].map(|a| symbols.find(a));
        assert_eq!(found, [None, None, Some("a"), Some("a"), Some("b"), Some("in_module")]);
    }
}
