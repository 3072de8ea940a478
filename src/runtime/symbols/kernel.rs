//! The kernel's symbol table.
//!
//! `/proc/kallsyms` costs 50 ms and 10 MB. Addresses between two symbols belong to the one below, as in every tracer; an
//! address below all symbols has no name.

/// The kernel's symbol table, sorted by address.
#[derive(Debug, Default)]
pub struct Symbols {
    /// Address, and where the name is in `text`.
    entries: Vec<(u64, u32, u32)>,
    text: String,
}

impl Symbols {
    /// The running kernel's; empty when it cannot be read.
    pub fn read() -> Symbols {
        Symbols::parse(std::fs::read_to_string("/proc/kallsyms").unwrap_or_default())
    }

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

    /// The symbol at or below `address`, and how far above its start that is.
    pub fn find(&self, address: u64) -> Option<(&str, u64)> {
        let after = self.entries.partition_point(|entry| entry.0 <= address);
        let (start, from, to) = self.entries[after.checked_sub(1)?];
        Some((&self.text[from as usize..to as usize], address - start))
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
        let expected = [None, None, Some(("a", 0)), Some(("a", 15)), Some(("b", 0)), Some(("in_module", 16))];
        assert_eq!(found, expected);
    }
}
