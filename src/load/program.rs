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
/// All levels of the log that every supported kernel knows: basic, verbose, statistics.
const LOG_ALL: u32 = 1 | 2 | 4;

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

/// Loads every program, in parallel when there are many; with the verifier's logs, if they are wanted. All refused ones
/// are told.
pub fn load_all(
    prepared: &Prepared,
    config: &Config,
    options: &Options,
) -> Result<(Vec<OwnedFd>, Vec<String>), LoadError> {
    let btf = prepared.btf();
    let jobs: Vec<(usize, &Image)> = prepared.images.iter().enumerate().collect();
    let mut results = parallel::map(jobs, |(index, image)| {
        // None once cancelled
        (index, (!options.cancelled()).then(|| load(image, config, btf, options.log)))
    });
    results.sort_by_key(|(index, _)| *index);
    let (mut loaded, mut logs) = (Vec::new(), Vec::new());
    let mut refused = Vec::new();
    for (program, result) in results {
        match result {
            None => return Err(LoadError::Cancelled),
            Some(Ok((fd, log))) => {
                loaded.push(fd);
                logs.extend(log);
            }
            Some(Err((error, log))) => refused.push(Refusal::new(program, &error, log)),
        }
    }
    if refused.is_empty() { Ok((loaded, logs)) } else { Err(LoadError::refused(refused)) }
}

/// A program and, when it is wanted, the verifier's log; an error with the log.
type Loading = Result<(OwnedFd, Option<String>), (io::Error, String)>;

/// Loads one program; when it is refused, once more with the verifier's log. With `wanted` it has all that the verifier
/// tells, at once.
fn load(image: &Image, config: &Config, btf: Option<BorrowedFd>, wanted: bool) -> Loading {
    let license = CString::new(config.license.as_str()).unwrap_or_default();
    let mut first = None;
    if !wanted {
        match attempt(image, &license, btf, None) {
            Ok(fd) => return Ok((fd, None)),
            Err(error) => first = Some(error),
        }
    }
    let level = if wanted { LOG_ALL } else { 1 };
    let mut size = (config.log_size as usize).clamp(LOG_LEAST, LOG_LAST);
    loop {
        let mut log = vec![0u8; size];
        let result = attempt(image, &license, btf, Some((&mut log, level)));
        let end = log.iter().position(|b| *b == 0).unwrap_or(log.len());
        let text = || String::from_utf8_lossy(&log[..end]).into_owned();
        match result {
            // memory or another program stood in the way the first time
            Ok(fd) => return Ok((fd, wanted.then(text))),
            Err(full) if full.raw_os_error() == Some(libc::ENOSPC) && size < LOG_LAST => {
                size = (size * 8).min(LOG_LAST);
            }
            Err(error) => return Err((first.unwrap_or(error), text())),
        }
    }
}

fn attempt(
    image: &Image,
    license: &CStr,
    btf: Option<BorrowedFd>,
    log: Option<(&mut Vec<u8>, u32)>,
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
    if let Some((log, level)) = log {
        options.log_buf = log.as_mut_ptr().cast();
        options.log_size = log.len() as u32;
        options.log_level = level;
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
