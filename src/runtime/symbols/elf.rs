//! The function symbols of an ELF file, by offset in the file.
//!
//! Only what is needed is read: headers, the symbol table and its names. A file without a symbol table of its own is
//! completed from its debug file, which is found by build id, else only its dynamic symbols are known. A file may change
//! or be anything at all: reading never panics and takes a bounded amount of memory.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use crate::runtime::value::unsigned;

/// Bytes of a section that are read at most.
const MOST: u64 = 256 << 20;

const SYMTAB: u64 = 2;
const DYNSYM: u64 = 11;
const NOTE: u64 = 7;
const LOAD: u64 = 1;

/// Function symbols, sorted by address.
#[derive(Debug, Default)]
pub struct Table {
    /// Address, size and where the name begins in `names`.
    entries: Vec<(u64, u64, u32)>,
    names: Vec<u8>,
    /// Loaded parts: offset in the file, bytes, address.
    segments: Vec<(u64, u64, u64)>,
}

impl Table {
    /// The symbols of `file`.
    ///
    /// # Errors
    /// When it cannot be read or is no 64-bit little-endian ELF file.
    pub fn read(file: &File) -> io::Result<Table> {
        let image = Image { source: file };
        let header = Header::read(&image)?;
        let mut table = Table { segments: header.segments(&image)?, ..Table::default() };
        let sections = header.sections(&image)?;
        let find = |kind: u64| sections.iter().find(|section| section.kind == kind);
        match find(SYMTAB) {
            Some(symbols) => table.add(&image, &sections, symbols)?,
            None => {
                if let Some(debug) = build_id(&image, &sections).and_then(|id| debug_file(&id)) {
                    table.add_debug(&debug)?;
                }
                if let Some(symbols) = find(DYNSYM).filter(|_| table.entries.is_empty()) {
                    table.add(&image, &sections, symbols)?;
                }
            }
        }
        Ok(table)
    }

    /// The symbols of an image in memory, such as the vdso.
    ///
    /// # Errors
    /// When it is no such image.
    pub fn parse(bytes: &[u8]) -> io::Result<Table> {
        let image = Image { source: &bytes };
        let header = Header::read(&image)?;
        let mut table = Table { segments: header.segments(&image)?, ..Table::default() };
        let sections = header.sections(&image)?;
        if let Some(symbols) = sections.iter().find(|section| section.kind == DYNSYM) {
            table.add(&image, &sections, symbols)?;
        }
        Ok(table)
    }

    fn add_debug(&mut self, debug: &File) -> io::Result<()> {
        let image = Image { source: debug };
        let sections = Header::read(&image)?.sections(&image)?;
        match sections.iter().find(|section| section.kind == SYMTAB) {
            Some(symbols) => self.add(&image, &sections, symbols),
            None => Ok(()),
        }
    }

    fn add(&mut self, image: &Image, sections: &[Section], symbols: &Section) -> io::Result<()> {
        let Some(names) = sections.get(symbols.link as usize) else { return Ok(()) };
        let list = image.read(symbols.offset, symbols.size)?;
        self.names = image.read(names.offset, names.size)?;
        self.entries.clear();
        for symbol in list.chunks_exact(24) {
            let kind = symbol[4] & 15;
            let defined = unsigned(&symbol[6..], 2) != 0;
            let address = unsigned(&symbol[8..], 8);
            // functions, and those chosen at load time
            if matches!(kind, 2 | 10) && defined && address != 0 {
                self.entries.push((address, unsigned(&symbol[16..], 8), unsigned(symbol, 4) as u32));
            }
        }
        // Of several names for one place the table's first is kept.
        self.entries.sort_by_key(|entry| entry.0);
        self.entries.dedup_by_key(|entry| entry.0);
        self.entries.shrink_to_fit();
        Ok(())
    }

    /// The symbol around the byte at `offset` of the file, and how far from its start that is.
    pub fn at_offset(&self, offset: u64) -> Option<(&str, u64)> {
        let inside =
            |(start, size, _): &&(u64, u64, u64)| offset.checked_sub(*start).is_some_and(|o| o < *size);
        let (start, _, address) = self.segments.iter().find(inside)?;
        self.at_address(address.wrapping_add(offset - start))
    }

    /// The symbol around an address as the file has it.
    pub fn at_address(&self, address: u64) -> Option<(&str, u64)> {
        let after = self.entries.partition_point(|entry| entry.0 <= address);
        let (start, size, name) = self.entries[after.checked_sub(1)?];
        let offset = address - start;
        // assembly often has no sizes: up to the next symbol then
        if size != 0 && offset >= size {
            return None;
        }
        let name = self.names.get(name as usize..)?;
        let end = name.iter().position(|byte| *byte == 0)?;
        std::str::from_utf8(&name[..end]).ok().filter(|name| !name.is_empty()).map(|name| (name, offset))
    }
}

/// Bytes that can be read anywhere.
trait Source {
    fn fill(&self, bytes: &mut [u8], offset: u64) -> io::Result<()>;
}

impl Source for File {
    fn fill(&self, bytes: &mut [u8], offset: u64) -> io::Result<()> {
        self.read_exact_at(bytes, offset)
    }
}

impl Source for &[u8] {
    fn fill(&self, bytes: &mut [u8], offset: u64) -> io::Result<()> {
        let from = usize::try_from(offset).ok().and_then(|offset| self.get(offset..)?.get(..bytes.len()));
        bytes.copy_from_slice(from.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }
}

struct Image<'a> {
    source: &'a dyn Source,
}

impl Image<'_> {
    fn read(&self, offset: u64, size: u64) -> io::Result<Vec<u8>> {
        if size > MOST {
            return Err(io::ErrorKind::InvalidData.into());
        }
        // In pieces: a size that is a lie must not cost its memory.
        let mut bytes = Vec::new();
        while (bytes.len() as u64) < size {
            let (at, piece) = (bytes.len(), (size - bytes.len() as u64).min(1 << 20) as usize);
            bytes.resize(at + piece, 0);
            self.source.fill(&mut bytes[at..], offset.wrapping_add(at as u64))?;
        }
        Ok(bytes)
    }
}

struct Header {
    segments: (u64, u64, u64),
    sections: (u64, u64, u64),
}

impl Header {
    fn read(image: &Image) -> io::Result<Header> {
        let bytes = image.read(0, 64)?;
        let number = |at: usize, size: u8| unsigned(&bytes[at..], size);
        if bytes[..6] != *b"\x7fELF\x02\x01" {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let segments = (number(0x20, 8), number(0x36, 2), number(0x38, 2));
        let sections = (number(0x28, 8), number(0x3a, 2), number(0x3c, 2));
        Ok(Header { segments, sections })
    }

    fn segments(&self, image: &Image) -> io::Result<Vec<(u64, u64, u64)>> {
        let (offset, size, count) = self.segments;
        let bytes = image.read(offset, size * count)?;
        let entries = bytes.chunks_exact(size.max(56) as usize);
        let loaded = entries.filter(|entry| unsigned(entry, 4) == LOAD);
        let word = |entry: &[u8], at: usize| unsigned(&entry[at..], 8);
        Ok(loaded.map(|entry| (word(entry, 8), word(entry, 32), word(entry, 16))).collect())
    }

    fn sections(&self, image: &Image) -> io::Result<Vec<Section>> {
        let (offset, size, count) = self.sections;
        let bytes = image.read(offset, size * count)?;
        Ok(bytes.chunks_exact(size.max(64) as usize).map(Section::new).collect())
    }
}

struct Section {
    kind: u64,
    offset: u64,
    size: u64,
    link: u64,
}

impl Section {
    fn new(entry: &[u8]) -> Section {
        let number = |at: usize, size: u8| unsigned(&entry[at..], size);
        Section { kind: number(4, 4), offset: number(24, 8), size: number(32, 8), link: number(40, 4) }
    }
}

/// The contents of the note `NT_GNU_BUILD_ID`.
fn build_id(image: &Image, sections: &[Section]) -> Option<Vec<u8>> {
    sections.iter().filter(|section| section.kind == NOTE && section.size < 4096).find_map(|section| {
        let note = image.read(section.offset, section.size).ok()?;
        let (name, size) = (unsigned(&note, 4) as usize, unsigned(note.get(4..)?, 4) as usize);
        let is_id = unsigned(note.get(8..)?, 4) == 3 && note.get(12..16)? == b"GNU\0" && name == 4;
        is_id.then(|| note.get(16..16 + size).map(<[u8]>::to_vec)).flatten()
    })
}

/// The separate debug file of that build id, where distributions put it.
fn debug_file(id: &[u8]) -> Option<File> {
    let hex: String = id.iter().map(|byte| format!("{byte:02x}")).collect();
    let (first, rest) = hex.split_at_checked(2)?;
    File::open(format!("/usr/lib/debug/.build-id/{first}/{rest}.debug")).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_functions_have_names() {
        let file = File::open("/proc/self/exe").unwrap();
        let table = Table::read(&file).unwrap();
        let (address, _, _) = *table
            .entries
            .iter()
            .find(|(address, _, _)| table.at_address(*address).is_some_and(|(name, _)| name == "main"))
            .expect("main is a symbol");
        let (segment, _, start) =
            *table.segments.iter().rfind(|(_, _, start)| *start <= address).expect("a segment holds it");
        assert_eq!(table.at_offset(address - start + segment + 1), Some(("main", 1)));
        assert_eq!(table.at_offset(u64::MAX), None);
    }

    #[test]
    fn what_is_no_elf_file_is_refused() {
        for bytes in [&b""[..], b"\x7fELF", &[0x7f; 200]] {
            assert!(Table::parse(bytes).is_err());
        }
        // headers that point nowhere
        let mut lies = b"\x7fELF\x02\x01".to_vec();
        lies.resize(64, 0xff);
        assert!(Table::parse(&lies).is_err());
    }
}
