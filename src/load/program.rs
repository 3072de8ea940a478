//! Programs into the kernel, each by a call of its own.

use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};

use libbpf_sys as sys;

use super::error::{LoadError, Refusal};
use super::kernel::check_fd;
use super::object::Prepared;
use super::target::{Holder, TargetFunction};
use super::{Options, parallel};
use crate::config::Config;

/// Least and largest size of the verifier's log: more is not taken by every kernel.
const LOG_LEAST: usize = 128;
const LOG_LAST: usize = (1 << 24) - 1;

/// A program as the kernel takes it.
pub struct Image {
    /// At most 15 bytes.
    pub name: String,
    /// BPF_PROG_TYPE_…
    pub kind: u32,
    /// The expected attach type, 0 for most.
    pub attach: u32,
    /// The function that it belongs to, of kinds that belong to one.
    pub function: Option<TargetFunction>,
    /// With the maps put in.
    pub insns: Vec<sys::bpf_insn>,
    /// The function and its type.
    pub functions: Vec<sys::bpf_func_info>,
    /// The script's lines.
    pub lines: Vec<sys::bpf_line_info>,
}

/// Loads every program, in parallel when there are many. All refused ones are told.
pub fn load_all(prepared: &Prepared, config: &Config, options: &Options) -> Result<Vec<OwnedFd>, LoadError> {
    let btf = prepared.btf();
    let jobs: Vec<(usize, &Image)> = prepared.images.iter().enumerate().collect();
    let mut results = parallel::map(jobs, |(index, image)| {
        // None once cancelled
        (index, (!options.cancelled()).then(|| load(image, config, btf)))
    });
    results.sort_by_key(|(index, _)| *index);
    let mut loaded = Vec::new();
    let mut refused = Vec::new();
    for (program, result) in results {
        match result {
            None => return Err(LoadError::Cancelled),
            Some(Ok(fd)) => loaded.push(fd),
            Some(Err((error, log))) => refused.push(Refusal::new(program, &error, log)),
        }
    }
    if refused.is_empty() { Ok(loaded) } else { Err(LoadError::refused(refused)) }
}

/// Loads one program; when it is refused, once more with the verifier's log.
fn load(image: &Image, config: &Config, btf: Option<BorrowedFd>) -> Result<OwnedFd, (io::Error, String)> {
    let license = CString::new(config.license.as_str()).unwrap_or_default();
    let error = match attempt(image, &license, btf, None) {
        Ok(fd) => return Ok(fd),
        Err(error) => error,
    };
    let mut size = (config.log_size as usize).clamp(LOG_LEAST, LOG_LAST);
    loop {
        let mut log = vec![0u8; size];
        match attempt(image, &license, btf, Some(&mut log)) {
            // memory or another program stood in the way the first time
            Ok(fd) => return Ok(fd),
            Err(full) if full.raw_os_error() == Some(libc::ENOSPC) && size < LOG_LAST => {
                size = (size * 8).min(LOG_LAST);
            }
            Err(_) => {
                let end = log.iter().position(|b| *b == 0).unwrap_or(log.len());
                return Err((error, String::from_utf8_lossy(&log[..end]).into_owned()));
            }
        }
    }
}

fn attempt(
    image: &Image,
    license: &CStr,
    btf: Option<BorrowedFd>,
    log: Option<&mut Vec<u8>>,
) -> io::Result<OwnedFd> {
    let mut options = sys::bpf_prog_load_opts {
        sz: size_of::<sys::bpf_prog_load_opts>() as sys::size_t,
        expected_attach_type: image.attach,
        ..Default::default()
    };
    if let Some(function) = &image.function {
        options.attach_btf_id = function.id;
        match &function.holder {
            Holder::Vmlinux => {}
            Holder::Module(btf) => options.attach_btf_obj_fd = btf.as_raw_fd() as u32,
            Holder::Program(program) => options.attach_prog_fd = program.as_raw_fd() as u32,
        }
    }
    if let Some(btf) = btf {
        options.prog_btf_fd = btf.as_raw_fd() as u32;
        options.func_info = image.functions.as_ptr().cast();
        options.func_info_cnt = image.functions.len() as u32;
        options.func_info_rec_size = size_of::<sys::bpf_func_info>() as u32;
        options.line_info = image.lines.as_ptr().cast();
        options.line_info_cnt = image.lines.len() as u32;
        options.line_info_rec_size = size_of::<sys::bpf_line_info>() as u32;
    }
    if let Some(log) = log {
        options.log_buf = log.as_mut_ptr().cast();
        options.log_size = log.len() as u32;
        options.log_level = 1;
    }
    let name = CString::new(image.name.as_str()).unwrap_or_default();
    // SAFETY: pointers with their lengths, all alive during the call; the kernel checks the contents.
    check_fd(unsafe {
        sys::bpf_prog_load(
            image.kind,
            name.as_ptr(),
            license.as_ptr(),
            image.insns.as_ptr(),
            image.insns.len() as sys::size_t,
            &raw mut options,
        )
    })
}
