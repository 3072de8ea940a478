//! A map's value in our own memory.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::ptr::NonNull;
use std::sync::atomic::AtomicU64;

/// The only value of a memory-mapped array map, as 8-byte words that programs change at the same time: hence atomics.
#[derive(Debug)]
pub struct Memory {
    at: NonNull<AtomicU64>,
    words: usize,
    /// Bytes mapped.
    mapped: usize,
}

// SAFETY: the memory is shared with the kernel anyway; all access is atomic.
unsafe impl Send for Memory {}
// SAFETY: as above.
unsafe impl Sync for Memory {}

impl Memory {
    /// Maps the first value, of `size` bytes, of an array map made with BPF_F_MMAPABLE.
    pub(super) fn of_map(map: BorrowedFd, size: u32) -> io::Result<Memory> {
        // SAFETY: no preconditions.
        let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) } as usize;
        let mapped = (size as usize).next_multiple_of(page);
        let flags = libc::PROT_READ | libc::PROT_WRITE;
        // SAFETY: a new mapping at a place the kernel chooses.
        let at =
            unsafe { libc::mmap(std::ptr::null_mut(), mapped, flags, libc::MAP_SHARED, map.as_raw_fd(), 0) };
        match NonNull::new(at.cast()) {
            Some(start) if at != libc::MAP_FAILED => {
                Ok(Memory { at: start, words: size as usize / 8, mapped })
            }
            _ => Err(io::Error::last_os_error()),
        }
    }

    /// The words of the value, in order.
    pub fn words(&self) -> &[AtomicU64] {
        // SAFETY: the mapping is at least so long, page-aligned, and lives as long as `self`.
        unsafe { std::slice::from_raw_parts(self.at.as_ptr(), self.words) }
    }

    /// The word at a byte offset, a multiple of 8.
    ///
    /// # Panics
    /// When the offset is outside the value.
    pub fn at(&self, offset: u32) -> &AtomicU64 {
        &self.words()[offset as usize / 8]
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        // SAFETY: our own mapping, which nothing borrows any more.
        unsafe { libc::munmap(self.at.as_ptr().cast(), self.mapped) };
    }
}
