//! Takes records out of a BPF ring buffer, straight from the memory that the kernel shares.
//!
//! The memory (linux/bpf.h and kernel/bpf/ringbuf.c): a page with the consumer's position, which is ours to write; a
//! page with the producers' position; the data, mapped twice in a row so that a record never wraps. Positions are
//! bytes and only grow. A record has a header of 8 bytes: its length, with one bit while a program still writes it and
//! one when it gave it up.
//!
//! Memory ordering: a program fills a record, then clears the busy bit with release order; reading the header with
//! acquire order makes the contents visible. Positions are published and read the same way: the consumer's store
//! releases the room of a record only after the record was used.
//!
//! Invariant: the consumer's position is only moved past records that were given out or given up.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, RawFd};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering, fence};

use super::kernel::Records;

const BUSY: u32 = 1 << 31;
const DISCARDED: u32 = 1 << 30;
const HEADER: u64 = 8;

/// The consumer's end of a ring.
#[derive(Debug)]
pub struct Ring {
    fd: RawFd,
    consumer: Mapping,
    /// The producers' page, then the data twice.
    producer: Mapping,
    page: usize,
    mask: u64,
    /// Where the record that was given out last ends.
    position: u64,
}

impl Ring {
    /// Maps the ring buffer `map` with `size` bytes of data. The map must stay open as long as this.
    ///
    /// # Errors
    /// When the kernel does not map it.
    pub fn new(map: BorrowedFd, size: u32) -> io::Result<Ring> {
        // SAFETY: no preconditions.
        let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) } as usize;
        let fd = map.as_raw_fd();
        let consumer = Mapping::new(fd, 0, page, libc::PROT_READ | libc::PROT_WRITE)?;
        let producer = Mapping::new(fd, page, page + 2 * size as usize, libc::PROT_READ)?;
        let mut ring = Ring { fd, consumer, producer, page, mask: u64::from(size) - 1, position: 0 };
        ring.position = ring.consumed().load(Ordering::Relaxed);
        Ok(ring)
    }

    fn consumed(&self) -> &AtomicU64 {
        // SAFETY: the start of our own page.
        unsafe { self.consumer.at.cast().as_ref() }
    }

    fn produced(&self) -> &AtomicU64 {
        // SAFETY: the start of the producers' page.
        unsafe { self.producer.at.cast().as_ref() }
    }

    /// The record's header; its contents follow it.
    fn header(&self, position: u64) -> NonNull<AtomicU32> {
        let offset = self.page + (position & self.mask) as usize;
        // SAFETY: within the mapping: the mask keeps it within the data's first copy, and it is 8-aligned.
        unsafe { self.producer.at.add(offset).cast() }
    }
}

impl Records for Ring {
    fn fd(&self) -> Option<RawFd> {
        Some(self.fd)
    }

    fn fill(&self) -> u64 {
        // not before the word that asks for a wakeup was stored: a program looks at that after it reserved
        fence(Ordering::SeqCst);
        self.produced().load(Ordering::Acquire).wrapping_sub(self.position)
    }

    fn next(&mut self) -> Option<&[u8]> {
        // also gives back the room of the record before
        self.consumed().store(self.position, Ordering::Release);
        let produced = self.produced().load(Ordering::Acquire);
        while self.position < produced {
            let header = self.header(self.position);
            // SAFETY: a header lies there: it is before the producers' position.
            let length = unsafe { header.as_ref() }.load(Ordering::Acquire);
            if length & BUSY != 0 {
                return None;
            }
            let size = length & !DISCARDED;
            self.position += (u64::from(size) + HEADER).next_multiple_of(8);
            if length & DISCARDED == 0 {
                // SAFETY: the kernel gives records of at most the ring's size, which the data's second copy follows;
                // nobody writes to it until our position is published.
                return Some(unsafe {
                    std::slice::from_raw_parts(
                        header.cast::<u8>().add(HEADER as usize).as_ptr(),
                        size as usize,
                    )
                });
            }
            self.consumed().store(self.position, Ordering::Release);
        }
        None
    }
}

#[derive(Debug)]
struct Mapping {
    at: NonNull<u8>,
    size: usize,
}

impl Mapping {
    fn new(fd: RawFd, offset: usize, size: usize, protection: i32) -> io::Result<Mapping> {
        let (none, shared) = (std::ptr::null_mut(), libc::MAP_SHARED);
        // SAFETY: a new mapping at a place that the kernel chooses.
        let at = unsafe { libc::mmap(none, size, protection, shared, fd, offset as libc::off_t) };
        match NonNull::new(at.cast::<u8>()) {
            Some(start) if at != libc::MAP_FAILED => Ok(Mapping { at: start, size }),
            _ => Err(io::Error::last_os_error()),
        }
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: our own mapping, which nothing borrows any more.
        unsafe { libc::munmap(self.at.as_ptr().cast(), self.size) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;
    use std::io::Write as _;
    use std::os::fd::{AsFd, FromRawFd};

    const SIZE: u32 = 4096;

    /// A file in memory, laid out as the kernel lays out a ring, but with the data's second copy apart.
    struct Fake {
        file: File,
        produced: u64,
    }

    impl Fake {
        fn new() -> Fake {
            // SAFETY: a constant name.
            let fd = unsafe { libc::memfd_create(c"ring".as_ptr(), 0) };
            // SAFETY: a new descriptor.
            let file = unsafe { File::from_raw_fd(fd) };
            file.set_len(4 * 4096).unwrap();
            Fake { file, produced: 0 }
        }

        fn put(&mut self, offset: u64, bytes: &[u8]) {
            use std::os::unix::fs::FileExt;
            self.file.write_all_at(bytes, offset).unwrap();
            self.file.flush().unwrap();
        }

        fn push(&mut self, bytes: &[u8], flags: u32) {
            let start = self.produced;
            let header = (bytes.len() as u32 | flags).to_le_bytes();
            for (i, byte) in header.iter().chain(&[0; 4]).chain(bytes).enumerate() {
                let place = (start + i as u64) % u64::from(SIZE);
                self.put(2 * 4096 + place, &[*byte]);
                self.put(3 * 4096 + place, &[*byte]);
            }
            self.produced += (bytes.len() as u64 + 8).next_multiple_of(8);
            self.put(4096, &self.produced.to_le_bytes());
        }
    }

    #[test]
    fn records_come_in_order_until_one_is_unfinished() {
        let mut fake = Fake::new();
        let mut ring = Ring::new(fake.file.as_fd(), SIZE).unwrap();
        assert_eq!(ring.next(), None);
        fake.push(b"first", 0);
        fake.push(b"given up", DISCARDED);
        fake.push(b"second!!", 0);
        let busy = fake.produced;
        fake.push(b"third", BUSY);
        assert_eq!(ring.fill(), 16 + 16 + 16 + 16);
        assert_eq!(ring.next(), Some(&b"first"[..]));
        assert_eq!(ring.consumed().load(Ordering::Relaxed), 0, "in use");
        assert_eq!(ring.next(), Some(&b"second!!"[..]));
        assert_eq!(ring.next(), None);
        assert_eq!(ring.consumed().load(Ordering::Relaxed), busy);
        fake.put(2 * 4096 + busy, &5u32.to_le_bytes());
        assert_eq!(ring.next(), Some(&b"third"[..]));
        assert_eq!(ring.next(), None);
        assert_eq!(ring.consumed().load(Ordering::Relaxed), fake.produced);
    }

    #[test]
    fn records_may_cross_the_end() {
        let mut fake = Fake::new();
        let mut ring = Ring::new(fake.file.as_fd(), SIZE).unwrap();
        for round in 0..50u32 {
            let record: Vec<u8> = (0..1000).map(|i| (i + round) as u8).collect();
            fake.push(&record, 0);
            assert_eq!(ring.next(), Some(&record[..]), "round {round}");
        }
    }
}
