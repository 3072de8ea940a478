//! Feature probes: each tries the thing itself, on a throw-away program or map.

use std::ffi::CString;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::path::Path;

use libbpf_sys as sys;

use super::super::Feature;

/// True when the running kernel has the feature.
pub fn probe(feature: Feature) -> bool {
    match feature {
        Feature::AtomicFetch => atomic_fetch(),
        Feature::CpuV4 => loads(&[mov(0, 5), Insn { code: 0xbf, dst: 0, src: 0, off: 8, imm: 0 }, EXIT]),
        Feature::Gotol => loads(&[mov(0, 0), Insn { code: 0x06, ..Insn::default() }, EXIT]),
        Feature::ForEachMapElem => helper(164),
        Feature::BpfLoop => helper(181),
        Feature::MayGoto => may_goto(),
        Feature::AttachCookie => helper(174),
        Feature::GetFuncIp => helper(173),
        Feature::LookupPerCpu => helper(195),
        Feature::KtimeBoot => helper(125),
        Feature::KtimeTai => helper(208),
        Feature::CurrentTaskBtf => helper(158),
        Feature::SocketCookie => calls_in(SOCKET_COOKIE, "task", true),
        Feature::KprobeMulti => kprobe_multi(),
        Feature::OnDemandHash => on_demand_hash(),
        Feature::LongKeys => create_hash(NO_PREALLOC, 520).is_some(),
        Feature::MapBatch => map_batch(),
        Feature::RecursionMisses => recursion_misses(),
        Feature::Btf => Path::new("/sys/kernel/btf/vmlinux").exists(),
        Feature::Kprobe => Path::new("/sys/bus/event_source/devices/kprobe/type").exists(),
        Feature::RingBuffer => ring_buffer(),
        Feature::Uprobe => Path::new("/sys/bus/event_source/devices/uprobe/type").exists(),
        Feature::UprobeRefCount => {
            Path::new("/sys/bus/event_source/devices/uprobe/format/ref_ctr_offset").exists()
        }
        Feature::UprobeMulti => uprobe_multi(),
    }
}

/// One instruction slot.
#[derive(Clone, Copy, Default)]
struct Insn {
    code: u8,
    dst: u8,
    src: u8,
    off: i16,
    imm: i32,
}

const EXIT: Insn = Insn { code: 0x95, dst: 0, src: 0, off: 0, imm: 0 };
const NO_PREALLOC: u32 = 1;
const HASH: u32 = 1;
const KPROBE_MULTI: u32 = 42;

const fn mov(dst: u8, imm: i32) -> Insn {
    Insn { code: 0xb7, dst, src: 0, off: 0, imm }
}

/// Loads a program; None when the kernel refuses it.
fn load(program_type: u32, attach_type: u32, insns: &[Insn]) -> Option<OwnedFd> {
    load_telling(program_type, attach_type, insns, &mut [])
}

/// As [`load`]; what the verifier says goes to `log`, when there is room for anything.
fn load_telling(program_type: u32, attach_type: u32, insns: &[Insn], log: &mut [u8]) -> Option<OwnedFd> {
    load_at(program_type, attach_type, 0, insns, log)
}

/// As [`load_telling`], for a function of the kernel by its id in BTF.
fn load_at(
    program_type: u32,
    attach_type: u32,
    function: u32,
    insns: &[Insn],
    log: &mut [u8],
) -> Option<OwnedFd> {
    let raw: Vec<sys::bpf_insn> = insns.iter().copied().map(raw).collect();
    let mut options = sys::bpf_prog_load_opts {
        sz: size_of::<sys::bpf_prog_load_opts>() as sys::size_t,
        expected_attach_type: attach_type,
        attach_btf_id: function,
        ..Default::default()
    };
    if !log.is_empty() {
        options.log_level = 1;
        options.log_size = log.len() as u32;
        options.log_buf = log.as_mut_ptr().cast();
    }
    // SAFETY: pointers and counts describe live memory; the kernel checks the contents.
    let fd = unsafe {
        sys::bpf_prog_load(
            program_type,
            c"bt_probe".as_ptr(),
            c"GPL".as_ptr(),
            raw.as_ptr(),
            raw.len() as sys::size_t,
            (&raw const options).cast_mut(),
        )
    };
    // SAFETY: a new descriptor of ours.
    (fd >= 0).then(|| unsafe { OwnedFd::from_raw_fd(fd) })
}

fn raw(insn: Insn) -> sys::bpf_insn {
    let mut out = sys::bpf_insn { code: insn.code, off: insn.off, imm: insn.imm, ..Default::default() };
    out.set_dst_reg(insn.dst);
    out.set_src_reg(insn.src);
    out
}

fn loads(insns: &[Insn]) -> bool {
    load(sys::BPF_PROG_TYPE_KPROBE, 0, insns).is_some()
}

/// `r0 = 0; again: may_goto out; goto again; out: exit`
fn may_goto() -> bool {
    loads(&[
        mov(0, 0),
        Insn { code: 0xe5, off: 1, ..Insn::default() },
        Insn { code: 0x05, off: -2, ..Insn::default() },
        EXIT,
    ])
}

/// `*(u64 *)(r10 - 8) = 0; r0 = 1; r0 = fetch_add(r10 - 8, r0)`
fn atomic_fetch() -> bool {
    loads(&[
        Insn { code: 0x7a, dst: 10, src: 0, off: -8, imm: 0 },
        mov(0, 1),
        Insn { code: 0xdb, dst: 10, src: 0, off: -8, imm: 1 },
        EXIT,
    ])
}

fn helper(number: u32) -> bool {
    // SAFETY: no options.
    unsafe { sys::libbpf_probe_bpf_helper(sys::BPF_PROG_TYPE_KPROBE, number, std::ptr::null()) == 1 }
}

/// True unless the kernel says that programs of the type may not call its function `name`, number `id` of its types.
pub fn may_call(name: &str, id: u32, program_type: u32) -> bool {
    const CALL_FUNCTION: Insn = Insn { code: 0x85, dst: 0, src: 2, off: 0, imm: 0 };
    let call = [Insn { imm: id as i32, ..CALL_FUNCTION }, EXIT];
    let mut log = vec![0u8; 4096];
    if load_telling(program_type, 0, &call, &mut log).is_some() {
        return true;
    }
    let log = String::from_utf8_lossy(&log);
    // kernels without such calls take the instruction for a helper's or refuse it
    let unknown = ["invalid func", "unknown opcode", "reserved fields", "not supported"];
    !log.contains(&format!("calling kernel function {name} is not allowed"))
        && !unknown.iter().any(|words| log.contains(words))
}

const SOCKET_COOKIE: i32 = 46;
const D_PATH: i32 = 147;

/// True when a program on the function, or of the iterator, may ask for the path of a file.
pub fn may_ask_path(name: &str, iterator: bool) -> bool {
    calls_in(D_PATH, name, iterator)
}

/// True unless the kernel says that such a program may not call a helper at all: what it takes is not given here.
fn calls_in(helper: i32, name: &str, iterator: bool) -> bool {
    let attach = if iterator { sys::BPF_TRACE_ITER } else { sys::BPF_TRACE_FENTRY };
    let Ok(name) = CString::new(name) else { return false };
    // SAFETY: a text that lives.
    let id = unsafe { sys::libbpf_find_vmlinux_btf_id(name.as_ptr(), attach) };
    let Ok(id) = u32::try_from(id) else { return true };
    let call = Insn { code: 0x85, dst: 0, src: 0, off: 0, imm: helper };
    let mut log = vec![0u8; 4096];
    let program = [mov(1, 0), mov(2, 0), mov(3, 0), call, mov(0, 0), EXIT];
    if load_at(sys::BPF_PROG_TYPE_TRACING, attach, id, &program, &mut log).is_some() {
        return true;
    }
    let log = String::from_utf8_lossy(&log);
    !["not allowed", "unknown func", "invalid func"].iter().any(|words| log.contains(words))
}

fn ring_buffer() -> bool {
    // SAFETY: no options.
    unsafe { sys::libbpf_probe_bpf_map_type(sys::BPF_MAP_TYPE_RINGBUF, std::ptr::null()) == 1 }
}

fn create_hash(flags: u32, key_size: u32) -> Option<OwnedFd> {
    let options = sys::bpf_map_create_opts {
        sz: size_of::<sys::bpf_map_create_opts>() as sys::size_t,
        map_flags: flags,
        ..Default::default()
    };
    // SAFETY: a valid name and options.
    let fd = unsafe { sys::bpf_map_create(HASH, c"bt_probe".as_ptr(), key_size, 8, 1, &raw const options) };
    // SAFETY: a new descriptor of ours.
    (fd >= 0).then(|| unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Perf event programs are refused such maps on kernels where allocating in any context is not safe.
fn on_demand_hash() -> bool {
    let Some(map) = create_hash(NO_PREALLOC, 4) else { return false };
    let program = [
        Insn { code: 0x62, dst: 10, src: 0, off: -4, imm: 0 },
        Insn { code: 0xbf, dst: 2, src: 10, off: 0, imm: 0 },
        Insn { code: 0x07, dst: 2, src: 0, off: 0, imm: -4 },
        Insn { code: 0x18, dst: 1, src: 1, off: 0, imm: map.as_raw_fd() },
        Insn::default(),
        Insn { code: 0x85, dst: 0, src: 0, off: 0, imm: 1 },
        mov(0, 0),
        EXIT,
    ];
    load(sys::BPF_PROG_TYPE_PERF_EVENT, 0, &program).is_some()
}

/// On an empty map, a kernel that knows the command says ENOENT or success with nothing.
fn map_batch() -> bool {
    let Some(map) = create_hash(0, 4) else { return false };
    let (mut key, mut value, mut count, mut next) = ([0u8; 4], [0u8; 8], 1u32, 0u32);
    // SAFETY: room for one key and value, as `count` says.
    let result = unsafe {
        sys::bpf_map_lookup_and_delete_batch(
            map.as_raw_fd(),
            std::ptr::null_mut(),
            (&raw mut next).cast(),
            key.as_mut_ptr().cast(),
            value.as_mut_ptr().cast(),
            &raw mut count,
            std::ptr::null(),
        )
    };
    result == 0 || result == -libc::ENOENT
}

/// Kernels without it accept such programs; only the link tells. A symbol that does not exist gives ENOENT or ESRCH
/// from a kernel that knows such links, and nothing is attached.
fn kprobe_multi() -> bool {
    let Some(program) = load(sys::BPF_PROG_TYPE_KPROBE, KPROBE_MULTI, &[mov(0, 0), EXIT]) else {
        return false;
    };
    let name = CString::new("beetrace_no_such_function").expect("no NUL in a constant");
    let mut names = [name.as_ptr()];
    let mut options = sys::bpf_link_create_opts {
        sz: size_of::<sys::bpf_link_create_opts>() as sys::size_t,
        ..Default::default()
    };
    options.__bindgen_anon_1.kprobe_multi = sys::bpf_link_create_opts__bindgen_ty_1__bindgen_ty_2 {
        cnt: 1,
        syms: names.as_mut_ptr(),
        ..Default::default()
    };
    // SAFETY: the options and what they point to outlive the call.
    let fd = unsafe { sys::bpf_link_create(program.as_raw_fd(), 0, KPROBE_MULTI, &raw const options) };
    if fd >= 0 {
        // SAFETY: a new descriptor of ours.
        drop(unsafe { OwnedFd::from_raw_fd(fd) });
    }
    fd >= 0 || fd == -libc::ENOENT || fd == -libc::ESRCH
}

/// Only the link tells. A folder is no file to probe (EBADF). The first kernels with such links compared threads, not
/// processes, with the wanted one, and did not look at the number before the file: they do not count.
fn uprobe_multi() -> bool {
    let attach = sys::BPF_TRACE_UPROBE_MULTI;
    let Some(program) = load(sys::BPF_PROG_TYPE_KPROBE, attach, &[mov(0, 0), EXIT]) else { return false };
    let offsets: [libc::c_ulong; 1] = [0];
    let link = |pid: u32| {
        let mut options = sys::bpf_link_create_opts {
            sz: size_of::<sys::bpf_link_create_opts>() as sys::size_t,
            ..Default::default()
        };
        options.__bindgen_anon_1.uprobe_multi = sys::bpf_link_create_opts__bindgen_ty_1__bindgen_ty_3 {
            path: c"/".as_ptr(),
            offsets: offsets.as_ptr(),
            cnt: 1,
            pid,
            ..Default::default()
        };
        // SAFETY: the options and what they point to outlive the call; a folder is never attached to.
        unsafe { sys::bpf_link_create(program.as_raw_fd(), -1, attach, &raw const options) }
    };
    link(0) == -libc::EBADF && link(u32::MAX) == -libc::EINVAL
}

/// The kernel says how much of the info struct it knows.
fn recursion_misses() -> bool {
    let Some(program) = load(sys::BPF_PROG_TYPE_KPROBE, 0, &[mov(0, 0), EXIT]) else { return false };
    let mut info = sys::bpf_prog_info::default();
    let mut length = size_of::<sys::bpf_prog_info>() as u32;
    // SAFETY: `length` bytes of plain data to fill.
    let result = unsafe { sys::bpf_prog_get_info_by_fd(program.as_raw_fd(), &raw mut info, &raw mut length) };
    let end = std::mem::offset_of!(sys::bpf_prog_info, recursion_misses) + 8;
    result == 0 && length as usize >= end
}
