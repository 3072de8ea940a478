//! An object opened and prepared by libbpf: BTF loaded, maps made and put into the code, no program loaded.

use std::collections::HashMap;
use std::ffi::CString;
use std::io;
use std::os::fd::BorrowedFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use libbpf_rs::{AsRawLibbpf, MapHandle, MapImpl, ObjectBuilder, OpenObject, PrintLevel};
use libbpf_sys as sys;

use super::attach::providers::kernel_type;
use super::error::LoadError;
use super::kernel::{check, last_error};
use super::link;
use super::program::Image;
use super::target::Targets;
use crate::object::artifact::{Artifact, Program};
use crate::object::btf::Id;
use crate::object::elf::{self, Elf, MapTypes};
use crate::object::names;
use crate::wire::map::MapSpec;

/// Opcode of the load of 64 bits, and its kind for maps.
const WIDE_LOAD: u8 = 0x18;
const MAP_LOAD: u8 = sys::BPF_PSEUDO_MAP_FD as u8;

/// Where pinned maps are.
pub(super) const BPFFS: &str = "/sys/fs/bpf";

/// Held while libbpf works on an object: what it says then is about that object.
static TURN: Mutex<()> = Mutex::new(());

/// What libbpf said since it was last asked.
static SAID: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Whether everything that libbpf says is printed, too.
static LOUD: AtomicBool = AtomicBool::new(false);

/// From now on everything that libbpf says goes to standard output (`-d libbpf`).
pub fn tell_all() {
    LOUD.store(true, Ordering::Relaxed);
}

/// Keeps what libbpf would print, for errors to explain.
fn silence() {
    if LOUD.load(Ordering::Relaxed) {
        libbpf_rs::set_print(Some((PrintLevel::Debug, |level, text| {
            let name = match level {
                PrintLevel::Debug => "DEBUG",
                PrintLevel::Info => "INFO",
                PrintLevel::Warn => "WARN",
            };
            print!("[{name}] {text}");
            if let Ok(mut said) = SAID.lock()
                && level == PrintLevel::Warn
            {
                said.push(text.trim_end().to_owned());
            }
        })));
        return;
    }
    libbpf_rs::set_print(Some((PrintLevel::Warn, |_, text| {
        if let Ok(mut said) = SAID.lock() {
            said.push(text.trim_end().to_owned());
        }
    })));
}

fn said() -> Vec<String> {
    SAID.lock().map(|mut said| std::mem::take(&mut *said)).unwrap_or_default()
}

/// See the module.
pub struct Prepared {
    object: OpenObject,
    /// Programs with everything the kernel wants, by the artifact's index.
    pub images: Vec<Image>,
}

/// Opens and prepares `elf`, which was made from `artifact`.
pub fn prepare(artifact: &Artifact, elf: &Elf) -> Result<Prepared, LoadError> {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    silence();
    said();
    let linked = linked(artifact, elf)?;
    let mut builder = ObjectBuilder::default();
    let bytes = linked.as_deref().unwrap_or(&elf.bytes);
    let opened = builder.name("beetrace").and_then(|builder| builder.open_memory(bytes));
    let object =
        opened.map_err(|error| LoadError::object("libbpf cannot open", &last_error(error), said()))?;
    pin(artifact, &object)?;
    leave_out_others(artifact, &object);
    // SAFETY: an object that was opened and not loaded.
    let result = unsafe { sys::bpf_object__prepare(object.as_libbpf_object().as_ptr()) };
    check(result).map_err(|error| failed(artifact, &error, said()))?;
    let images = images(artifact, &object)?;
    Ok(Prepared { object, images })
}

/// The object with those that the script imports; None when it imports none.
fn linked(artifact: &Artifact, elf: &Elf) -> Result<Option<Vec<u8>>, LoadError> {
    if artifact.objects.is_empty() {
        return Ok(None);
    }
    let others = artifact.objects.iter().map(|object| &*object.bytes);
    link::link(&elf.bytes, others).map(Some).map_err(|(object, error)| {
        let mut said = said();
        said.extend(object.map(|index| format!("linking `{}`", artifact.objects[index].name)));
        LoadError::object("libbpf cannot link what the script imports", &error, said)
    })
}

/// Programs of imported objects are not the script's: libbpf need not make them ready.
fn leave_out_others(artifact: &Artifact, object: &OpenObject) {
    if artifact.objects.is_empty() {
        return;
    }
    for program in object.progs() {
        if !artifact.programs.iter().any(|own| std::ffi::OsStr::new(&own.name) == program.name()) {
            // SAFETY: a program of an object that was opened and not loaded.
            unsafe { sys::bpf_program__set_autoload(program.as_libbpf_object().as_ptr(), false) };
        }
    }
}

/// Has libbpf take pinned maps from bpffs, or put them there.
fn pin(artifact: &Artifact, object: &OpenObject) -> Result<(), LoadError> {
    for (map, name) in &artifact.pins {
        let of = object.maps().find(|of| of.name() == std::ffi::OsStr::new(&artifact.maps[*map].name));
        let path = CString::new(format!("{BPFFS}/{name}")).unwrap_or_default();
        let Some(of) = of else { continue };
        // SAFETY: a map of an object that was opened and not loaded; libbpf copies the path.
        let result = unsafe { sys::bpf_map__set_pin_path(of.as_libbpf_object().as_ptr(), path.as_ptr()) };
        check(result).map_err(|error| LoadError::map(*map, &error))?;
    }
    Ok(())
}

/// libbpf tells in words which map it was.
fn failed(artifact: &Artifact, error: &io::Error, said: Vec<String>) -> LoadError {
    let map = said.iter().find(|line| line.contains("failed to create")).and_then(|line| {
        let name = line.split('\'').nth(1)?;
        artifact.maps.iter().position(|spec| spec.name == name.trim_end_matches(".inner"))
    });
    match map {
        Some(index) => LoadError::map(index, error),
        None => LoadError::object("libbpf cannot prepare", error, said),
    }
}

impl Prepared {
    /// The object's BTF in the kernel; None when the kernel did not take it.
    pub fn btf(&self) -> Option<BorrowedFd<'_>> {
        // SAFETY: a live object; the descriptor lives as long.
        let fd = unsafe { sys::bpf_object__btf_fd(self.object.as_libbpf_object().as_ptr()) };
        // SAFETY: as above.
        (fd >= 0).then(|| unsafe { BorrowedFd::borrow_raw(fd) })
    }

    /// BTF ids of the keys and values of the maps inside others, by the artifact's index, where linking changed them.
    pub fn linked_types(&self, artifact: &Artifact) -> Option<Vec<Option<MapTypes>>> {
        if artifact.objects.is_empty() {
            return None;
        }
        let of = |spec: &MapSpec| {
            let map = self.object.maps().find(|map| map.name() == std::ffi::OsStr::new(&spec.name))?;
            // SAFETY: a map of a live object, and what is inside, if anything.
            unsafe {
                let inner = sys::bpf_map__inner_map(map.as_libbpf_object().as_ptr());
                let id = |id: u32| (id != 0).then_some(Id(id));
                let key = id(sys::bpf_map__btf_key_type_id(inner.as_ref()?));
                key.zip(id(sys::bpf_map__btf_value_type_id(inner)))
                    .map(|(key, value)| MapTypes { key, value })
            }
        };
        Some(artifact.maps.iter().map(of).collect())
    }

    /// Handles of the maps that do not depend on the object, by the artifact's index.
    pub fn maps(&self, artifact: &Artifact) -> Result<Vec<MapHandle>, LoadError> {
        let mut by_name = HashMap::new();
        for map in self.object.maps() {
            // SAFETY: a prepared map has its descriptor.
            let created = unsafe { MapImpl::from_map_without_fd(map.as_libbpf_object()) };
            by_name.insert(map.name().to_owned(), created);
        }
        let handle = |(index, spec): (usize, &MapSpec)| {
            let map: &MapImpl<'_> = &by_name[std::ffi::OsStr::new(&spec.name)];
            MapHandle::try_from(map).map_err(|error| LoadError::map(index, &last_error(error)))
        };
        artifact.maps.iter().enumerate().map(handle).collect()
    }
}

fn images(artifact: &Artifact, object: &OpenObject) -> Result<Vec<Image>, LoadError> {
    let by_name: HashMap<_, _> = object.progs().map(|program| (program.name().to_owned(), program)).collect();
    let short = names::short(artifact.programs.iter().map(|program| program.name.as_str()));
    let targets = Targets::default();
    let image = |(program, name): (&Program, String)| {
        let Some(prepared) = by_name.get(std::ffi::OsStr::new(&program.name)) else {
            let missing = io::Error::from_raw_os_error(libc::ENOENT);
            return Err(LoadError::object("libbpf found no program", &missing, vec![program.name.clone()]));
        };
        let raw = prepared.as_libbpf_object().as_ptr();
        // SAFETY: arrays of a prepared program with their lengths.
        let (mut insns, functions, lines) = unsafe {
            (
                copy(sys::bpf_program__insns(raw), sys::bpf_program__insn_cnt(raw) as usize),
                copy(sys::bpf_program__func_info(raw), sys::bpf_program__func_info_cnt(raw) as usize),
                copy(sys::bpf_program__line_info(raw), sys::bpf_program__line_info_cnt(raw) as usize),
            )
        };
        restore_value_addresses(&mut insns);
        let (kind, attach) = kernel_type(program);
        let function = targets.of(program)?;
        Ok(Image { name, kind, attach, function, insns, functions, lines })
    };
    artifact.programs.iter().zip(short).map(image).collect()
}

/// libbpf made loads of maps of what are addresses of their values, in the program and in what it put behind.
fn restore_value_addresses(insns: &mut [sys::bpf_insn]) {
    for at in 1..insns.len() {
        let second = insns[at].imm as u32;
        let load = &mut insns[at - 1];
        if load.code == WIDE_LOAD && load.src_reg() == MAP_LOAD && second & elf::VALUE_MARK != 0 {
            load.set_src_reg(sys::BPF_PSEUDO_MAP_VALUE as u8);
            insns[at].imm = (second & !elf::VALUE_MARK) as i32;
        }
    }
}

/// # Safety
/// `from` is null or the start of `count` values.
unsafe fn copy<T: Copy>(from: *const T, count: usize) -> Vec<T> {
    if from.is_null() || count == 0 {
        return Vec::new();
    }
    // SAFETY: what the caller promises.
    unsafe { std::slice::from_raw_parts(from, count) }.to_vec()
}
