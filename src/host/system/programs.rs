//! BPF programs that are in the kernel, with the names that their BTF gives their functions.

use std::ffi::CStr;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use libbpf_sys as sys;

use super::super::{BpfFunction, HostError};

/// Functions and sub-functions of all programs with BTF, by id.
pub fn functions() -> Result<Vec<BpfFunction>, HostError> {
    let (mut list, mut last) = (Vec::new(), 0);
    loop {
        let mut id = 0;
        // SAFETY: room for the id.
        match unsafe { sys::bpf_prog_get_next_id(last, &raw mut id) } {
            0 => {}
            error if -error == libc::EPERM => return Err(HostError::Denied("BPF_PROG_GET_NEXT_ID".into())),
            _ => return Ok(list),
        }
        last = id;
        // one that went away meanwhile is left out
        let names = names(id).unwrap_or_default();
        list.extend(names.into_iter().map(|name| BpfFunction { id, name }));
    }
}

fn names(id: u32) -> io::Result<Vec<String>> {
    // SAFETY: no preconditions.
    let fd = unsafe { sys::bpf_prog_get_fd_by_id(id) };
    if fd < 0 {
        return Err(io::Error::from_raw_os_error(-fd));
    }
    // SAFETY: a new descriptor of ours.
    let program = unsafe { OwnedFd::from_raw_fd(fd) };
    let count = info(&program, sys::bpf_prog_info::default())?.nr_func_info;
    let mut records = vec![sys::bpf_func_info::default(); count as usize];
    let asked = sys::bpf_prog_info {
        nr_func_info: count,
        func_info: records.as_mut_ptr() as u64,
        func_info_rec_size: size_of::<sys::bpf_func_info>() as u32,
        ..Default::default()
    };
    let told = info(&program, asked)?;
    // SAFETY: no preconditions; what it gives is freed below.
    let btf = unsafe { sys::btf__load_from_kernel_by_id(told.btf_id) };
    if btf.is_null() {
        return Ok(Vec::new());
    }
    let name = |record: &sys::bpf_func_info| {
        // SAFETY: live types; unknown ids and offsets give null, and names are copied at once.
        unsafe {
            let ty = sys::btf__type_by_id(btf, record.type_id).as_ref()?;
            let name = sys::btf__name_by_offset(btf, ty.name_off);
            (!name.is_null()).then(|| CStr::from_ptr(name).to_string_lossy().into_owned())
        }
    };
    let names = records.iter().filter_map(name).collect();
    // SAFETY: made above, freed once.
    unsafe { sys::btf__free(btf) };
    Ok(names)
}

fn info(program: &OwnedFd, mut asked: sys::bpf_prog_info) -> io::Result<sys::bpf_prog_info> {
    let mut length = size_of::<sys::bpf_prog_info>() as u32;
    // SAFETY: plain data with its length; arrays in it are as long as it says.
    let result =
        unsafe { sys::bpf_prog_get_info_by_fd(program.as_raw_fd(), &raw mut asked, &raw mut length) };
    if result == 0 { Ok(asked) } else { Err(io::Error::from_raw_os_error(-result)) }
}
