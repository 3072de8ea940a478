//! Objects that a script imports, linked with its own by libbpf.
//!
//! The linker joins sections, symbols and types; what the script calls is hidden by its own object's symbols, so that
//! libbpf shows it to the kernel as static: verified as a part of each program that calls it. Everything stays in memory.

use std::fs::File;
use std::io::{self, Read, Seek};
use std::os::fd::AsRawFd;
use std::ptr::NonNull;

use libbpf_sys as sys;
use object::read::elf::{ElfFile64 as File64, FileHeader};
use object::{Endianness, Object, ObjectSection};

use super::kernel::{check, check_fd};

/// The type of sections with addresses for the linker of LLVM.
const PASSED_OVER: u32 = 0x6fff_4c03;

/// A linker of libbpf.
struct Linker(NonNull<sys::bpf_linker>);

impl Drop for Linker {
    fn drop(&mut self) {
        // SAFETY: made by bpf_linker__new_fd and freed once.
        unsafe { sys::bpf_linker__free(self.0.as_ptr()) }
    }
}

impl Linker {
    fn new(out: &File) -> io::Result<Linker> {
        // SAFETY: an open descriptor, which outlives the linker; no options.
        let linker = unsafe { sys::bpf_linker__new_fd(out.as_raw_fd(), std::ptr::null_mut()) };
        NonNull::new(linker).map(Linker).ok_or_else(io::Error::last_os_error)
    }

    fn add(&self, object: &[u8]) -> io::Result<()> {
        // SAFETY: libbpf copies the bytes and does not write to them; no options.
        check(unsafe {
            sys::bpf_linker__add_buf(
                self.0.as_ptr(),
                object.as_ptr().cast_mut().cast(),
                object.len() as sys::size_t,
                std::ptr::null(),
            )
        })
        .map(drop)
    }

    fn finish(&self) -> io::Result<()> {
        // SAFETY: a live linker.
        check(unsafe { sys::bpf_linker__finalize(self.0.as_ptr()) }).map(drop)
    }
}

/// Links `own` with `others`.
///
/// # Errors
/// What libbpf refuses; the index of the object that it refused, where it was one of `others`.
pub fn link<'a>(
    own: &[u8],
    others: impl Iterator<Item = &'a [u8]>,
) -> Result<Vec<u8>, (Option<usize>, io::Error)> {
    let whole = |error| (None, error);
    // SAFETY: a constant C string.
    let out = check_fd(unsafe { libc::memfd_create(c"linked".as_ptr(), libc::MFD_CLOEXEC) });
    let mut out = File::from(out.map_err(|_| whole(io::Error::last_os_error()))?);
    let linker = Linker::new(&out).map_err(whole)?;
    linker.add(own).map_err(whole)?;
    for (index, other) in others.enumerate() {
        linker.add(&without_license(other)).map_err(|error| (Some(index), error))?;
    }
    linker.finish().map_err(whole)?;
    let mut linked = Vec::new();
    out.rewind().and_then(|()| out.read_to_end(&mut linked)).map_err(whole)?;
    Ok(linked)
}

/// The object without its license, which the linker wants to be the same in all: its section becomes one that is passed
/// over. What programs are under is said when they are loaded.
fn without_license(object: &[u8]) -> Vec<u8> {
    let mut bytes = object.to_vec();
    let header = File64::<Endianness>::parse(object).ok().and_then(|file| {
        let index = file.section_by_name("license")?.index();
        let (endian, elf) = (file.endian(), file.elf_header());
        Some(elf.e_shoff(endian) as usize + index.0 * usize::from(elf.e_shentsize(endian)))
    });
    if let Some(kind) = header.and_then(|at| bytes.get_mut(at + 4..at + 8)) {
        kind.copy_from_slice(&PASSED_OVER.to_ne_bytes());
    }
    bytes
}
