//! Reading ELF files: pure, on bytes in memory.
//!
//! Everything is looked up in the file again each time; the callers keep what is worth keeping. A damaged file gives
//! less, never a panic: every number of it is checked by the `object` crate or here.

use object::Endianness;
use object::elf::{self, FileHeader64};
use object::read::elf::{FileHeader, ProgramHeader, SectionHeader, SectionTable, Sym, VersionTable};

use super::{Function, Machine, Note, usdt};
use crate::host::HostError;

type Header = FileHeader64<Endianness>;

/// An ELF file in memory.
pub struct Elf<'d> {
    data: &'d [u8],
    header: &'d Header,
    endian: Endianness,
    sections: SectionTable<'d, Header>,
}

/// A part of the file that is loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    /// First address as linked.
    pub address: u64,
    /// First byte in the file.
    pub offset: u64,
    /// Bytes in the file.
    pub size: u64,
    /// Holds code.
    pub code: bool,
}

impl Segment {
    /// The offset in the file of what is at `address`.
    pub fn offset_of(&self, address: u64) -> Option<u64> {
        let at = address.checked_sub(self.address).filter(|at| *at < self.size)?;
        self.offset.checked_add(at)
    }

    /// The address of what is at `offset` in the file.
    pub fn address_of(&self, offset: u64) -> Option<u64> {
        let at = offset.checked_sub(self.offset).filter(|at| *at < self.size)?;
        self.address.checked_add(at)
    }
}

impl<'d> Elf<'d> {
    /// Looks at the headers.
    ///
    /// # Errors
    /// In words, when this is no ELF file, or one of 32 bits.
    pub fn parse(data: &'d [u8]) -> Result<Elf<'d>, HostError> {
        let wrong = |words: &str| HostError::Other(words.to_string());
        if !data.starts_with(&elf::ELFMAG) {
            return Err(wrong(if data.starts_with(b"#!") {
                "a script, not an ELF file"
            } else {
                "not an ELF file"
            }));
        }
        if data.get(4) == Some(&elf::ELFCLASS32.0) {
            return Err(wrong("a 32-bit program: only 64-bit ones can be traced"));
        }
        let damaged = |error: object::Error| HostError::Other(format!("a damaged ELF file: {error}"));
        let header = Header::parse(data).map_err(damaged)?;
        let endian = header.endian().map_err(damaged)?;
        // Without sections (sstrip) a file can still be traced by address.
        let sections = header.sections(endian, data).unwrap_or_default();
        Ok(Elf { data, header, endian, sections })
    }

    /// Its instruction set.
    pub fn machine(&self) -> Machine {
        match self.header.e_machine(self.endian) {
            elf::EM_X86_64 => Machine::X86_64,
            elf::EM_AARCH64 => Machine::Aarch64,
            other => Machine::Other(other.0),
        }
    }

    /// The parts that are loaded.
    pub fn segments(&self) -> Vec<Segment> {
        let headers = self.header.program_headers(self.endian, self.data).unwrap_or_default();
        let loaded = headers.iter().filter(|header| header.p_type(self.endian) == elf::PT_LOAD);
        loaded
            .map(|header| Segment {
                address: header.p_vaddr(self.endian),
                offset: header.p_offset(self.endian),
                size: header.p_filesz(self.endian),
                code: header.p_flags(self.endian).contains(elf::PF_X),
            })
            .collect()
    }

    /// Calls `see` with every function that is defined here: of the full symbol table, then of the dynamic one. One
    /// that is in both is seen twice.
    pub fn functions(&self, mut see: impl FnMut(&'d [u8], Found<'_>)) {
        for kind in [elf::SHT_SYMTAB, elf::SHT_DYNSYM] {
            let Ok(table) = self.sections.symbols(self.endian, self.data, kind) else { continue };
            let versions = match kind {
                elf::SHT_DYNSYM => self.sections.versions(self.endian, self.data).ok().flatten(),
                _ => None,
            };
            for (index, symbol) in table.enumerate() {
                let function = matches!(symbol.st_type(), elf::STT_FUNC | elf::STT_GNU_IFUNC);
                if !function || symbol.is_undefined(self.endian) {
                    continue;
                }
                let Ok(name) = table.symbol_name(self.endian, symbol) else { continue };
                let (address, size) = (symbol.st_value(self.endian), symbol.st_size(self.endian));
                if !name.is_empty() {
                    see(
                        name,
                        Found { address, size, index, versions: versions.as_ref(), endian: self.endian },
                    );
                }
            }
        }
    }

    /// The address of the variable of that name.
    pub fn variable(&self, name: &str) -> Option<u64> {
        [elf::SHT_SYMTAB, elf::SHT_DYNSYM].into_iter().find_map(|kind| {
            let table = self.sections.symbols(self.endian, self.data, kind).ok()?;
            let fits = |symbol: &&elf::Sym64<Endianness>| {
                let kind = matches!(symbol.st_type(), elf::STT_OBJECT | elf::STT_NOTYPE);
                let named =
                    || table.symbol_name(self.endian, *symbol).is_ok_and(|own| own == name.as_bytes());
                kind && !symbol.is_undefined(self.endian) && named()
            };
            table.iter().find(fits).map(|symbol| symbol.st_value(self.endian))
        })
    }

    /// Contents of a section; empty when there is none of that name.
    pub fn section(&self, name: &str) -> &'d [u8] {
        let found = self.sections.section_by_name(self.endian, name.as_bytes());
        found.and_then(|(_, section)| section.data(self.endian, self.data).ok()).unwrap_or_default()
    }

    /// True when there is a section of that name.
    pub fn has_section(&self, name: &str) -> bool {
        self.sections.section_by_name(self.endian, name.as_bytes()).is_some()
    }

    /// True when the full symbol table was taken out.
    pub fn is_stripped(&self) -> bool {
        self.sections.symbols(self.endian, self.data, elf::SHT_SYMTAB).is_ok_and(|table| table.is_empty())
    }

    /// The static probes.
    pub fn notes(&self) -> Vec<Note> {
        let base = self.sections.section_by_name(self.endian, b".stapsdt.base");
        usdt::parse(self.section(".note.stapsdt"), base.map(|(_, section)| section.sh_addr(self.endian)))
    }

    /// The number that the linker gave this build.
    pub fn build_id(&self) -> Option<&'d [u8]> {
        let notes = self.section(".note.gnu.build-id");
        let size = u32::from_le_bytes(notes.get(4..8)?.try_into().ok()?) as usize;
        notes.get(16..16 + size)
    }

    /// Name and checksum of the file that holds the debug information (`.gnu_debuglink`).
    pub fn debug_link(&self) -> Option<(&'d [u8], u32)> {
        let data = self.section(".gnu_debuglink");
        let end = data.iter().position(|byte| *byte == 0)?;
        let sum = data.get((end + 1).next_multiple_of(4)..)?.get(..4)?;
        Some((&data[..end], u32::from_le_bytes(sum.try_into().ok()?)))
    }
}

/// A function as the symbol table has it.
pub struct Found<'v> {
    /// Address as linked.
    pub address: u64,
    /// Bytes.
    pub size: u64,
    index: object::SymbolIndex,
    versions: Option<&'v VersionTable<'v, Header>>,
    endian: Endianness,
}

impl Found<'_> {
    /// The whole, with its version.
    pub fn function(&self, name: &[u8]) -> Function {
        // Static symbol tables may hold the version in the name.
        let text = String::from_utf8_lossy(name);
        let (name, suffix) = match text.split_once('@') {
            Some((name, version)) if !name.is_empty() => (name, Some(version)),
            _ => (&*text, None),
        };
        let mut function = Function {
            name: name.to_string(),
            address: self.address,
            size: self.size,
            version: suffix.map(|version| version.trim_start_matches('@').to_string()),
            hidden: suffix.is_some_and(|version| !version.starts_with('@')),
        };
        if let Some(versions) = self.versions {
            let index = versions.version_index(self.endian, self.index);
            if let Ok(Some(version)) = versions.version(index.index()) {
                function.version = Some(String::from_utf8_lossy(version.name()).into_owned());
                function.hidden = index.is_hidden();
            }
        }
        function
    }
}
