//! Where the debug information of a binary is: in the file itself, or in one of its own.
//!
//! A file of its own is found by the number of the build (`.build-id/ab/cdef.debug`), or by its name and checksum
//! (`.gnu_debuglink`), in the folders of `--debuginfo`, beside the binary, and under `/usr/lib/debug`. One that belongs
//! to another build is passed over.

use std::collections::HashMap;
use std::rc::Rc;

use object::{CompressionFormat, Object, ObjectSection};

use super::super::dwarf::read::{Dwarf, Slice};
use super::super::dwarf::types::DebugFile;
use super::super::elf::read::Elf;
use super::image::Image;

/// Where distributions put debug information.
const USUAL: &str = "/usr/lib/debug";

/// The sections of debug information, unpacked where they are compressed.
pub struct Sections {
    image: Rc<Image>,
    unpacked: HashMap<String, Vec<u8>>,
}

impl Sections {
    /// Of a file that has some.
    pub fn of(image: Rc<Image>) -> Option<Sections> {
        let elf = Elf::parse(&image).ok()?;
        if elf.section(".debug_info").is_empty() {
            return None;
        }
        let unpacked = unpack(&image).unwrap_or_default();
        Some(Sections { image, unpacked })
    }
}

impl DebugFile for Sections {
    fn dwarf(&self) -> Dwarf<'_> {
        let elf = Elf::parse(&self.image).expect("it was read before");
        let section = |id: gimli::SectionId| -> Result<Slice<'_>, gimli::Error> {
            let data = match self.unpacked.get(id.name()) {
                Some(data) => data.as_slice(),
                None => elf.section(id.name()),
            };
            Ok(Slice::new(data, gimli::LittleEndian))
        };
        Dwarf::load(section).expect("loading never fails")
    }
}

fn unpack(image: &[u8]) -> Option<HashMap<String, Vec<u8>>> {
    let file = object::File::parse(image).ok()?;
    let mut found = HashMap::new();
    for section in file.sections() {
        let compressed =
            section.compressed_file_range().is_ok_and(|range| range.format != CompressionFormat::None);
        if let (true, Ok(name), Ok(data)) = (compressed, section.name(), section.uncompressed_data()) {
            found.insert(name.to_string(), data.into_owned());
        }
    }
    Some(found)
}

/// The separate debug file of a binary.
pub fn separate(path: &str, image: &[u8], folders: &[String]) -> Option<Image> {
    let elf = Elf::parse(image).ok()?;
    let id = elf.build_id().filter(|id| id.len() > 1);
    let beside = path.rsplit_once('/').map_or(".", |(folder, _)| folder);
    let mut candidates = Vec::new();
    let given = folders.iter().map(|folder| match folder.strip_prefix('+').unwrap_or(folder) {
        folder if folder.starts_with('/') => folder.to_string(),
        folder => format!("{beside}/{folder}"),
    });
    let all: Vec<String> = given.chain([USUAL.to_string()]).collect();
    if let Some(id) = id {
        let hex: String = id.iter().map(|byte| format!("{byte:02x}")).collect();
        let name = format!(".build-id/{}/{}.debug", &hex[..2], &hex[2..]);
        candidates.extend(all.iter().map(|folder| format!("{folder}/{name}")));
    }
    let link = elf.debug_link();
    if let Some((name, _)) = link {
        let name = String::from_utf8_lossy(name);
        candidates.extend([format!("{beside}/{name}"), format!("{beside}/.debug/{name}")]);
        candidates.extend(
            all.iter().flat_map(|folder| [format!("{folder}/{name}"), format!("{folder}{beside}/{name}")]),
        );
    }
    candidates.into_iter().filter(|candidate| candidate != path).find_map(|candidate| {
        let found = Image::open(&candidate).ok()?;
        let other = Elf::parse(&found).ok()?;
        let same = match (id, other.build_id()) {
            (Some(own), Some(id)) => own == id,
            _ => link.is_some_and(|(_, sum)| checksum(&found) == sum),
        };
        same.then_some(found)
    })
}

/// The CRC-32 of `.gnu_debuglink`.
fn checksum(data: &[u8]) -> u32 {
    let table: Vec<u32> = (0..256u32)
        .map(|byte| (0..8).fold(byte, |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 }))
        .collect();
    !data.iter().fold(!0, |crc: u32, byte| table[((crc ^ u32::from(*byte)) & 0xff) as usize] ^ crc >> 8)
}

#[cfg(test)]
mod tests {
    use super::checksum;

    #[test]
    fn checksums_are_those_of_debuglink() {
        assert_eq!(checksum(b"123456789"), 0xcbf4_3926);
        assert_eq!(checksum(b""), 0);
    }
}
