//! Where a file lies within a ZIP archive: Android maps libraries directly from its packages.
//!
//! Only files that are stored as they are can be mapped. ZIP64 is not read: such archives are no packages.

use std::ops::Range;

const END: &[u8] = b"PK\x05\x06";
const ENTRY: &[u8] = b"PK\x01\x02";
const LOCAL: &[u8] = b"PK\x03\x04";

/// Why a file of an archive cannot be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// It is no archive, or a damaged one.
    NoArchive,
    /// There is no such file in it.
    Missing,
    /// The file is compressed.
    Compressed,
}

/// The bytes of the file `name` in an archive.
///
/// # Errors
/// See [`Failure`].
pub fn find(data: &[u8], name: &str) -> Result<Range<usize>, Failure> {
    let half = |at: usize| Some(usize::from(u16::from_le_bytes(data.get(at..at + 2)?.try_into().ok()?)));
    let word = |at: usize| Some(u32::from_le_bytes(data.get(at..at + 4)?.try_into().ok()?) as usize);
    // a comment of at most 64 KiB may follow the end's record
    let from = data.len().saturating_sub(22 + 0xffff);
    let end = data[from..].windows(4).rposition(|window| window == END).ok_or(Failure::NoArchive)? + from;
    let mut at = word(end + 16).ok_or(Failure::NoArchive)?;
    for _ in 0..half(end + 10).ok_or(Failure::NoArchive)? {
        if data.get(at..at + 4) != Some(ENTRY) {
            return Err(Failure::NoArchive);
        }
        let lengths = (half(at + 28), half(at + 30), half(at + 32));
        let (Some(name_length), Some(extra), Some(comment)) = lengths else { return Err(Failure::NoArchive) };
        if data.get(at + 46..at + 46 + name_length) == Some(name.as_bytes()) {
            if half(at + 10) != Some(0) {
                return Err(Failure::Compressed);
            }
            let (Some(local), Some(size)) = (word(at + 42), word(at + 20)) else {
                return Err(Failure::NoArchive);
            };
            let lengths = half(local + 26).zip(half(local + 28));
            let (true, Some((name, extra))) = (data.get(local..local + 4) == Some(LOCAL), lengths) else {
                return Err(Failure::NoArchive);
            };
            let start = local + 30 + name + extra;
            return if start + size <= data.len() {
                Ok(start..start + size)
            } else {
                Err(Failure::NoArchive)
            };
        }
        at += 46 + name_length + extra + comment;
    }
    Err(Failure::Missing)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An archive of files with their methods.
    fn archive(files: &[(&str, u16, &[u8])]) -> Vec<u8> {
        let (mut out, mut directory) = (Vec::new(), Vec::new());
        for (name, method, data) in files {
            let local = out.len() as u32;
            let (length, size) = (name.len() as u16, data.len() as u32);
            let mut fixed = Vec::new();
            for half in [20, 0, *method, 0, 0] {
                fixed.extend(u16::to_le_bytes(half));
            }
            for word in [0, size, size] {
                fixed.extend(u32::to_le_bytes(word));
            }
            out.extend(LOCAL);
            out.extend(&fixed);
            out.extend(length.to_le_bytes());
            out.extend(3u16.to_le_bytes());
            out.extend(name.bytes().chain([0; 3]).chain(data.iter().copied()));
            directory.extend(ENTRY);
            directory.extend([20, 0]);
            directory.extend(&fixed);
            for half in [length, 0, 0, 0, 0, 0, 0] {
                directory.extend(half.to_le_bytes());
            }
            directory.extend(local.to_le_bytes());
            directory.extend(name.bytes());
        }
        let (start, count) = (out.len() as u32, files.len() as u16);
        out.extend(&directory);
        out.extend(END);
        for half in [0, 0, count, count] {
            out.extend(half.to_le_bytes());
        }
        out.extend((directory.len() as u32).to_le_bytes());
        out.extend(start.to_le_bytes());
        out.extend([2, 0, b'o', b'k']);
        out
    }

    #[test]
    fn stored_files_are_found() {
        let data = archive(&[("a.txt", 8, b"packed"), ("lib/libx.so", 0, b"\x7fELF"), ("empty", 0, b"")]);
        let range = find(&data, "lib/libx.so").unwrap();
        assert_eq!(&data[range], b"\x7fELF");
        assert_eq!(find(&data, "a.txt"), Err(Failure::Compressed));
        assert_eq!(find(&data, "lib"), Err(Failure::Missing));
        assert!(find(&data, "empty").unwrap().is_empty());
    }

    #[test]
    fn damaged_archives_are_refused() {
        let data = archive(&[("lib/libx.so", 0, b"\x7fELF")]);
        assert_eq!(find(b"", "x"), Err(Failure::NoArchive));
        for cut in 0..data.len() - 24 {
            assert_eq!(find(&data[..cut], "lib/libx.so"), Err(Failure::NoArchive));
        }
        for at in 0..data.len() {
            let mut damaged = data.clone();
            damaged[at] ^= 0xff;
            let _ = find(&damaged, "lib/libx.so");
        }
    }
}
