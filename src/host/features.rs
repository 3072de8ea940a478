//! Kernel features that scripts or generated code depend on. (contract)
//!
//! Each is found out by trying it (KERNELS: never from a version number or another flag).

/// A thing some supported kernels lack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Feature {
    /// fetch_add, xchg, cmpxchg and atomic or/and/xor (5.12).
    AtomicFetch,
    /// Sign-extending moves and loads, sdiv/smod, bswap (6.6).
    CpuV4,
    /// 32-bit jump offsets, `gotol` (6.6).
    Gotol,
    /// bpf_for_each_map_elem (5.13).
    ForEachMapElem,
    /// bpf_loop (5.17).
    BpfLoop,
    /// may_goto: loops whose rounds the kernel counts (6.9).
    MayGoto,
    /// bpf_get_attach_cookie and links that take one (5.15; kprobe and tracepoint).
    AttachCookie,
    /// bpf_get_func_ip in kprobes (5.15).
    GetFuncIp,
    /// bpf_map_lookup_percpu_elem (5.19).
    LookupPerCpu,
    /// Links on many kernel functions (5.18 with FPROBE).
    KprobeMulti,
    /// Hash maps that allocate on demand are safe in every tracing program (6.1).
    OnDemandHash,
    /// Hash maps with keys of more than 512 bytes (5.11).
    LongKeys,
    /// BPF_MAP_LOOKUP_AND_DELETE_BATCH on hashes (5.6).
    MapBatch,
    /// bpf_ktime_get_boot_ns (5.8).
    KtimeBoot,
    /// bpf_ktime_get_tai_ns (6.1).
    KtimeTai,
    /// bpf_get_socket_cookie in tracing programs (5.12).
    SocketCookie,
    /// bpf_get_current_task_btf (5.11).
    CurrentTaskBtf,
    /// Counts of missed runs in program info (5.12).
    RecursionMisses,
    /// The kernel's own types at /sys/kernel/btf/vmlinux.
    Btf,
    /// Kprobes through perf_event_open.
    Kprobe,
    /// Ring buffers (5.8).
    RingBuffer,
    /// Uprobes through perf_event_open.
    Uprobe,
    /// Uprobes that count a semaphore of the traced program up and down (4.20).
    UprobeRefCount,
    /// Links on many places of a program, with a filter by process (6.6; the filter by process 6.11).
    UprobeMulti,
}

impl Feature {
    /// Every feature, in the order of `--info`.
    pub const ALL: &'static [Feature] = &[
        Feature::RingBuffer,
        Feature::Btf,
        Feature::Kprobe,
        Feature::KprobeMulti,
        Feature::Uprobe,
        Feature::UprobeRefCount,
        Feature::UprobeMulti,
        Feature::AtomicFetch,
        Feature::CpuV4,
        Feature::Gotol,
        Feature::ForEachMapElem,
        Feature::BpfLoop,
        Feature::MayGoto,
        Feature::AttachCookie,
        Feature::GetFuncIp,
        Feature::LookupPerCpu,
        Feature::OnDemandHash,
        Feature::LongKeys,
        Feature::MapBatch,
        Feature::KtimeBoot,
        Feature::KtimeTai,
        Feature::SocketCookie,
        Feature::CurrentTaskBtf,
        Feature::RecursionMisses,
    ];

    /// Its name in `--info`, messages and tests.
    pub fn name(self) -> &'static str {
        match self {
            Feature::AtomicFetch => "atomic_fetch",
            Feature::CpuV4 => "cpu_v4",
            Feature::Gotol => "gotol",
            Feature::ForEachMapElem => "for_each_map_elem",
            Feature::BpfLoop => "bpf_loop",
            Feature::MayGoto => "may_goto",
            Feature::AttachCookie => "attach_cookie",
            Feature::GetFuncIp => "get_func_ip",
            Feature::LookupPerCpu => "lookup_percpu_elem",
            Feature::KprobeMulti => "kprobe_multi",
            Feature::OnDemandHash => "on_demand_hash",
            Feature::LongKeys => "long_keys",
            Feature::MapBatch => "map_batch",
            Feature::KtimeBoot => "ktime_boot",
            Feature::KtimeTai => "ktime_tai",
            Feature::SocketCookie => "socket_cookie",
            Feature::CurrentTaskBtf => "current_task_btf",
            Feature::RecursionMisses => "recursion_misses",
            Feature::Btf => "btf",
            Feature::Kprobe => "kprobe",
            Feature::RingBuffer => "ringbuf",
            Feature::Uprobe => "uprobe",
            Feature::UprobeRefCount => "uprobe_refcount",
            Feature::UprobeMulti => "uprobe_multi",
        }
    }
}
