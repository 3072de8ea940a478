//! A file in memory, without reading it: only the pages that are looked at are.
//!
//! A file that is cut while it is mapped kills the process with SIGBUS, as it does with every tool that maps
//! binaries. Programs that run cannot be written to, and package managers replace files instead of changing them.

use std::fs::File;
use std::io;
use std::ops::{Deref, Range};
use std::os::fd::AsRawFd;

/// The bytes of a file, or of a part of it.
#[derive(Debug)]
pub struct Image {
    start: *mut libc::c_void,
    length: usize,
    part: Range<usize>,
}

impl Image {
    /// Maps a regular file.
    ///
    /// # Errors
    /// When it cannot be opened or is no regular file.
    pub fn open(path: &str) -> io::Result<Image> {
        let file = File::open(path)?;
        let about = file.metadata()?;
        if !about.is_file() {
            return Err(io::Error::other("not a regular file"));
        }
        let length = about.len() as usize;
        if length == 0 {
            return Ok(Image { start: std::ptr::null_mut(), length, part: 0..0 });
        }
        let (protection, flags) = (libc::PROT_READ, libc::MAP_PRIVATE);
        // SAFETY: a new mapping where the kernel likes.
        let start =
            unsafe { libc::mmap(std::ptr::null_mut(), length, protection, flags, file.as_raw_fd(), 0) };
        if start == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        Ok(Image { start, length, part: 0..length })
    }

    /// Only a part of it; all of it when that does not lie within.
    pub fn part(mut self, part: Range<usize>) -> Image {
        if part.start <= part.end && part.end <= self.length {
            self.part = part;
        }
        self
    }
}

impl Deref for Image {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        if self.length == 0 {
            return &[];
        }
        // SAFETY: mapped for as long as `self` lives.
        let whole = unsafe { std::slice::from_raw_parts(self.start.cast(), self.length) };
        &whole[self.part.clone()]
    }
}

impl Drop for Image {
    fn drop(&mut self) {
        if self.length != 0 {
            // SAFETY: our own mapping, and nothing borrows from it any more.
            unsafe { libc::munmap(self.start, self.length) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Image;

    #[test]
    fn maps_files_and_nothing_else() {
        let own = std::env::current_exe().unwrap();
        assert!(Image::open(own.to_str().unwrap()).unwrap().starts_with(b"\x7fELF"));
        assert!(Image::open("/").is_err() && Image::open("/no/such/file").is_err());
        assert!(Image::open("/proc/self/stat").unwrap().is_empty());
    }
}
