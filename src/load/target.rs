//! The functions that programs of typed kinds belong to, as the kernel wants them at load: an id in somebody's BTF.

use std::cell::OnceCell;
use std::collections::HashMap;
use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

use libbpf_sys as sys;

use super::error::LoadError;
use super::kernel::{check, check_fd};
use crate::host::system::KernelBtf;
use crate::host::{Btf, BtfKind};
use crate::object::artifact::Program;
use crate::sema::tree::{Attach, Inside, Traced};

/// A function by its id.
#[derive(Debug)]
pub struct TargetFunction {
    /// In the BTF of what holds it.
    pub id: u32,
    /// What holds it.
    pub holder: Holder,
}

/// Whose function it is.
#[derive(Debug)]
pub enum Holder {
    /// The kernel's.
    Vmlinux,
    /// A module's: its BTF.
    Module(OwnedFd),
    /// A BPF program's.
    Program(OwnedFd),
}

/// Finds functions; what it read is kept for the next.
#[derive(Default)]
pub struct Targets {
    btf: OnceCell<Option<KernelBtf>>,
    modules: OnceCell<HashMap<String, u32>>,
}

impl Targets {
    /// The function of a program; None for kinds that belong to none.
    pub fn of(&self, program: &Program) -> Result<Option<TargetFunction>, LoadError> {
        let missing = |error: io::Error| {
            let name = program.attach.first().map(|at| at.name.clone());
            LoadError::object("there is no such function in BTF", &error, name.into_iter().collect())
        };
        let found = match program.attach.first().map(|at| &at.target) {
            Some(Attach::Fentry(traced) | Attach::Fexit(traced)) => self.traced(traced),
            Some(Attach::Iter { target, .. }) => {
                let function = format!("bpf_iter_{target}");
                self.in_kernel("vmlinux", &function)
            }
            _ => return Ok(None),
        };
        found.map(Some).map_err(missing)
    }

    fn traced(&self, traced: &Traced) -> io::Result<TargetFunction> {
        match &traced.inside {
            Inside::Module(module) => self.in_kernel(module, &traced.function),
            Inside::Program(id) => in_program(*id, &traced.function),
        }
    }

    fn in_kernel(&self, module: &str, function: &str) -> io::Result<TargetFunction> {
        let btf = self
            .btf
            .get_or_init(|| KernelBtf::load(None, std::rc::Rc::default()).ok())
            .as_ref()
            .ok_or_else(not_found)?;
        let id = btf.find_in(module, BtfKind::Func, function).ok_or_else(not_found)?;
        let holder = match module {
            "vmlinux" => Holder::Vmlinux,
            module => Holder::Module(self.module(module)?),
        };
        Ok(TargetFunction { id: btf.own_id(id), holder })
    }

    /// The BTF object of a module, among all that are in the kernel.
    fn module(&self, name: &str) -> io::Result<OwnedFd> {
        let modules = self.modules.get_or_init(|| {
            let ids = ids(sys::bpf_btf_get_next_id);
            ids.filter_map(|id| Some((btf_name(open_btf(id).ok()?)?, id))).collect()
        });
        open_btf(*modules.get(name).ok_or_else(not_found)?)
    }
}

fn not_found() -> io::Error {
    io::Error::from_raw_os_error(libc::ENOENT)
}

/// Ids of all objects of a kind, in order.
pub fn ids(next: unsafe extern "C" fn(u32, *mut u32) -> i32) -> impl Iterator<Item = u32> {
    let mut last = 0;
    std::iter::from_fn(move || {
        let mut id = 0;
        // SAFETY: room for the id.
        let result = unsafe { next(last, &raw mut id) };
        last = id;
        (result == 0).then_some(id)
    })
}

fn open_btf(id: u32) -> io::Result<OwnedFd> {
    // SAFETY: no preconditions.
    check_fd(unsafe { sys::bpf_btf_get_fd_by_id(id) })
}

/// The name of a BTF object of the kernel's; None for those of programs.
fn btf_name(btf: OwnedFd) -> Option<String> {
    let mut name = [0u8; 64];
    let mut info = sys::bpf_btf_info {
        name: name.as_mut_ptr() as u64,
        name_len: name.len() as u32,
        ..Default::default()
    };
    let mut length = size_of::<sys::bpf_btf_info>() as u32;
    // SAFETY: plain data with its length, and room for the name.
    let result =
        unsafe { sys::bpf_btf_get_info_by_fd(btf.as_fd().as_raw_fd(), &raw mut info, &raw mut length) };
    let name = CStr::from_bytes_until_nul(&name).ok()?.to_str().ok()?;
    (result == 0 && info.kernel_btf != 0).then(|| name.to_owned())
}

/// A function of a running BPF program, by the name in the program's own BTF.
fn in_program(id: u32, function: &str) -> io::Result<TargetFunction> {
    // SAFETY: no preconditions.
    let program = check_fd(unsafe { sys::bpf_prog_get_fd_by_id(id) })?;
    let mut info = sys::bpf_prog_info::default();
    let mut length = size_of::<sys::bpf_prog_info>() as u32;
    // SAFETY: plain data with its length.
    check(unsafe { sys::bpf_prog_get_info_by_fd(program.as_raw_fd(), &raw mut info, &raw mut length) })?;
    let name = CString::new(function).map_err(|_| not_found())?;
    // SAFETY: the types are freed below; the string lives during the call.
    let found = unsafe {
        let btf = sys::btf__load_from_kernel_by_id(info.btf_id);
        if btf.is_null() {
            return Err(not_found());
        }
        let found = sys::btf__find_by_name_kind(btf, name.as_ptr(), sys::BTF_KIND_FUNC);
        sys::btf__free(btf);
        found
    };
    let id = u32::try_from(found).map_err(|_| not_found())?;
    Ok(TargetFunction { id, holder: Holder::Program(program) })
}
