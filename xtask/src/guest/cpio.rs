//! A writer of `newc` cpio archives, the format of an initramfs.
//!
//! Deliberately not: compression (the kernel would spend longer on it than QEMU does on copying), hard links, times.

use crate::Res;
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

const FILE: u32 = 0o100_000;
const FOLDER: u32 = 0o040_000;
const LINK: u32 = 0o120_000;
const CHAR_DEVICE: u32 = 0o020_000;

/// An archive that grows entry by entry. Paths are relative to the guest's root and have no leading slash.
#[derive(Default)]
pub struct Archive {
    bytes: Vec<u8>,
    inode: u32,
    folders: BTreeSet<String>,
}

impl Archive {
    /// Adds a folder and the ones above it.
    pub fn folder(&mut self, path: &str) {
        for (at, _) in path.match_indices('/') {
            self.one_folder(&path[..at]);
        }
        self.one_folder(path);
    }

    /// Adds a file with these permission bits, and the folders above it.
    pub fn file(&mut self, path: &str, permissions: u32, data: &[u8]) {
        self.parent(path);
        self.entry(path, FILE | permissions, data, (0, 0));
    }

    /// Adds a symbolic link.
    pub fn link(&mut self, path: &str, target: &str) {
        self.parent(path);
        self.entry(path, LINK | 0o777, target.as_bytes(), (0, 0));
    }

    /// Adds a character device.
    pub fn device(&mut self, path: &str, number: (u32, u32)) {
        self.parent(path);
        self.entry(path, CHAR_DEVICE | 0o600, &[], number);
    }

    /// Adds a file, folder or link of this machine, folders with all that is in them.
    pub fn copy(&mut self, path: &str, from: &Path) -> Res<()> {
        let failed = |e: std::io::Error| format!("{}: {e}", from.display());
        let meta = fs::symlink_metadata(from).map_err(failed)?;
        if meta.is_symlink() {
            let target = fs::read_link(from).map_err(failed)?;
            self.link(path, &target.to_string_lossy());
        } else if meta.is_dir() {
            self.folder(path);
            for entry in fs::read_dir(from).map_err(failed)? {
                let entry = entry.map_err(failed)?;
                self.copy(&format!("{path}/{}", entry.file_name().to_string_lossy()), &entry.path())?;
            }
        } else {
            let data = fs::read(from).map_err(failed)?;
            self.file(path, meta.permissions().mode() & 0o7777, &data);
        }
        Ok(())
    }

    /// The finished archive.
    pub fn finish(mut self) -> Vec<u8> {
        self.entry("TRAILER!!!", 0, &[], (0, 0));
        self.bytes
    }

    fn parent(&mut self, path: &str) {
        if let Some((folder, _)) = path.rsplit_once('/') {
            self.folder(folder);
        }
    }

    fn one_folder(&mut self, path: &str) {
        if self.folders.insert(path.to_owned()) {
            self.entry(path, FOLDER | 0o755, &[], (0, 0));
        }
    }

    fn entry(&mut self, path: &str, mode: u32, data: &[u8], device: (u32, u32)) {
        self.inode += 1;
        let size = u32::try_from(data.len()).expect("no file of an initramfs reaches 4 GB");
        let name_size = u32::try_from(path.len() + 1).expect("a path is short");
        // inode, mode, uid, gid, links, mtime, size, device of the file, device it names, name's size, checksum
        let fields = [self.inode, mode, 0, 0, 1, 0, size, 0, 0, device.0, device.1, name_size, 0];
        self.bytes.extend_from_slice(b"070701");
        for field in fields {
            self.bytes.extend_from_slice(format!("{field:08x}").as_bytes());
        }
        self.bytes.extend_from_slice(path.as_bytes());
        self.bytes.push(0);
        self.pad();
        self.bytes.extend_from_slice(data);
        self.pad();
    }

    fn pad(&mut self) {
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_aligned_and_folders_come_first_and_once() {
        let mut archive = Archive::default();
        archive.file("a/b/one", 0o755, b"12345");
        archive.file("a/b/two", 0o644, b"");
        let bytes = archive.finish();
        let text = String::from_utf8_lossy(&bytes);
        let names: Vec<&str> = text.match_indices("070701").map(|(at, _)| &text[at + 110..]).collect();
        let names: Vec<&str> =
            names.iter().map(|rest| &rest[..rest.find('\0').expect("a name ends")]).collect();
        assert_eq!(names, ["a", "a/b", "a/b/one", "a/b/two", "TRAILER!!!"]);
        assert!(text.match_indices("070701").all(|(at, _)| at % 4 == 0));
        assert_eq!(bytes.len() % 4, 0);
    }
}
