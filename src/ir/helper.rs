//! Helper functions of the kernel, as far as generated code calls them. (contract)
//!
//! One table: name, number, arguments, result, effect. The verifier of the IR, GVN, the interpreter and lowering
//! all read it.

/// What an argument must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arg {
    /// A map (a `map_addr` value).
    Map,
    /// A ring map.
    Ring,
    /// The context.
    Context,
    /// Readable memory of the map's key size.
    Key,
    /// Readable memory of the map's value size.
    MapValue,
    /// Memory of the map's value size that is read or written, or both.
    MapOut,
    /// Writable memory; the next argument is its size.
    Out,
    /// A reserved record.
    Record,
    /// An integer or an address, anything.
    Any,
    /// A constant.
    Const,
}

/// What comes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ret {
    /// An integer.
    Int,
    /// A map value or null (for a map of maps: an inner map or null).
    MapValueOrNull,
    /// A ring record or null.
    RecordOrNull,
}

/// What a call does beyond its result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Nothing, and the result is the same throughout a run: calls may be merged, moved to a dominating place, dropped.
    Pure,
    /// Reads memory or the clock: may be dropped when unused, not merged or moved over writes.
    Read,
    /// Writes only to its `Out` argument.
    WriteOut,
    /// Changes a map, a ring or the world.
    Write,
}

macro_rules! helpers {
    ($($(#[$doc:meta])* $variant:ident = $number:literal, $name:literal, [$($arg:ident),*], $ret:ident, $effect:ident;)*) => {
        /// A helper function.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Helper { $($(#[$doc])* $variant),* }

        impl Helper {
            /// Every helper of the table.
            pub const ALL: &'static [Helper] = &[$(Helper::$variant),*];

            /// Its number in the kernel's ABI.
            pub fn number(self) -> i32 {
                match self { $(Helper::$variant => $number),* }
            }

            /// Its name without `bpf_`, as the textual IR has it.
            pub fn name(self) -> &'static str {
                match self { $(Helper::$variant => $name),* }
            }

            /// What it takes.
            pub fn args(self) -> &'static [Arg] {
                match self { $(Helper::$variant => &[$(Arg::$arg),*]),* }
            }

            /// What it gives.
            pub fn ret(self) -> Ret {
                match self { $(Helper::$variant => Ret::$ret),* }
            }

            /// What it does.
            pub fn effect(self) -> Effect {
                match self { $(Helper::$variant => Effect::$effect),* }
            }
        }
    };
}

helpers! {
    /// Finds a map's value. Result: pointer into the map, or null.
    MapLookup = 1, "map_lookup_elem", [Map, Key], MapValueOrNull, Read;
    /// Sets a map's value; flags 0 any, 1 only new, 2 only existing.
    MapUpdate = 2, "map_update_elem", [Map, Key, MapValue, Any], Int, Write;
    /// Removes a key.
    MapDelete = 3, "map_delete_elem", [Map, Key], Int, Write;
    /// CLOCK_MONOTONIC in ns.
    KtimeNs = 5, "ktime_get_ns", [], Int, Read;
    /// A random u32.
    Random = 7, "get_prandom_u32", [], Int, Write;
    /// The CPU that runs.
    Cpu = 8, "get_smp_processor_id", [], Int, Pure;
    /// tgid << 32 | tid
    PidTgid = 14, "get_current_pid_tgid", [], Int, Pure;
    /// gid << 32 | uid
    UidGid = 15, "get_current_uid_gid", [], Int, Pure;
    /// The task's name; what follows its NUL is zero on some kernels and as it was on others.
    Comm = 16, "get_current_comm", [Out, Const], Int, WriteOut;
    /// The task_struct's address.
    CurrentTask = 35, "get_current_task", [], Int, Pure;
    /// Copies the kernel's stack, or with flag 256 the process's, with flag 2048 as build ids; gives the bytes, negative
    /// when there is none. What follows is zeroed.
    GetStack = 67, "get_stack", [Context, Out, Const, Const], Int, WriteOut;
    /// The task's cgroup id (v2).
    CgroupId = 80, "get_current_cgroup_id", [], Int, Pure;
    /// No helper: 8 bytes of a typed context at an offset, with the type that the kernel gives them. Any other load of them
    /// gives a number.
    TypedArg = -1, "typed_arg", [Context, Const], Int, Pure;
    /// The task_struct, as a pointer that may be read through (5.11). Not merged: what loops share goes through memory,
    /// where the pointer would become a number.
    CurrentTaskBtf = 158, "get_current_task_btf", [], Int, Read;
    /// No helper: a word of the task's name, of a `task_struct` that may be read through, at an offset: task, which
    /// word (0 or 1), offset. What follows the NUL is as it was.
    CommWord = -2, "comm_word", [Any, Const, Const], Int, Read;
    /// The number that the kernel gives a socket (in tracing programs 5.12).
    SocketCookie = 46, "get_socket_cookie", [Any], Int, Write;
    /// The path of a `struct path` that the kernel gave the program; bytes behind its NUL are left over.
    DPath = 147, "d_path", [Any, Out, Const], Int, WriteOut;
    /// The NUMA node of the CPU that runs.
    NumaNode = 42, "get_numa_node_id", [], Int, Pure;
    /// The context's function is not run and returns the number instead.
    OverrideReturn = 58, "override_return", [Context, Any], Int, Write;
    /// Writes to memory of the process: where, from where, how much.
    ProbeWriteUser = 36, "probe_write_user", [Any, Any, Const], Int, Write;
    /// Sends a signal to the process.
    SendSignal = 109, "send_signal", [Any], Int, Write;
    /// Sends a signal to the thread.
    SendSignalThread = 117, "send_signal_thread", [Any], Int, Write;
    /// Ticks since boot.
    Jiffies = 118, "jiffies64", [], Int, Read;
    /// Puts a value into a queue or a stack; flags 0.
    MapPush = 87, "map_push_elem", [Map, MapValue, Any], Int, Write;
    /// Takes the next value out of a queue or a stack; −2 and zeros when there is none.
    MapPop = 88, "map_pop_elem", [Map, MapOut], Int, Write;
    /// Copies the next value of a queue or a stack, which stays.
    MapPeek = 89, "map_peek_elem", [Map, MapOut], Int, Write;
    /// Copies user memory; negative on a fault (the target is zeroed then).
    ProbeReadUser = 112, "probe_read_user", [Out, Any, Any], Int, WriteOut;
    /// Copies kernel memory.
    ProbeReadKernel = 113, "probe_read_kernel", [Out, Any, Any], Int, WriteOut;
    /// Copies a user string; gives its length with NUL. Bytes after the NUL stay as they were (all is zeroed on a
    /// fault), so a slot is not initialised by it.
    ProbeReadUserStr = 114, "probe_read_user_str", [Out, Any, Any], Int, WriteOut;
    /// Copies a kernel string, as the user form does.
    ProbeReadKernelStr = 115, "probe_read_kernel_str", [Out, Any, Any], Int, WriteOut;
    /// CLOCK_BOOTTIME in ns.
    KtimeBootNs = 125, "ktime_get_boot_ns", [], Int, Read;
    /// Reserves a record.
    RingReserve = 131, "ringbuf_reserve", [Ring, Const, Const], RecordOrNull, Write;
    /// Publishes a record; flags 1 no wakeup, 2 forced wakeup.
    RingSubmit = 132, "ringbuf_submit", [Record, Any], Int, Write;
    /// Gives a record back.
    RingDiscard = 133, "ringbuf_discard", [Record, Const], Int, Write;
    /// Fill level and the like of a ring; flag 0 = bytes not yet consumed.
    RingQuery = 134, "ringbuf_query", [Ring, Const], Int, Read;
    /// Calls a function on every entry of a map (5.13): map, function, its context, 0. `collect` is made of it.
    ForEachMapElem = 164, "for_each_map_elem", [Map, Any, Any, Const], Int, Write;
    /// Address of the traced function (5.15).
    FuncIp = 173, "get_func_ip", [Context], Int, Pure;
    /// The link's cookie (5.15).
    AttachCookie = 174, "get_attach_cookie", [Context], Int, Pure;
    /// Calls a function so many times, or until it gives 1 (5.17): rounds, function, its context, 0. `rounds` is made
    /// of it.
    Loop = 181, "loop", [Any, Any, Any, Const], Int, Write;
    /// CLOCK_TAI in ns (6.1).
    KtimeTaiNs = 208, "ktime_get_tai_ns", [], Int, Read;
    /// Another CPU's value of a per-CPU map (5.19).
    MapLookupPerCpu = 195, "map_lookup_percpu_elem", [Map, Key, Any], MapValueOrNull, Read;
}

impl Helper {
    /// Kernels before 6.4 call a map's own C function in its place, which returns an `int`: the upper half of the result
    /// is lost there.
    pub fn is_half(self) -> bool {
        use Helper::*;
        matches!(self, MapUpdate | MapDelete | MapPush | MapPop | MapPeek)
    }

    /// The helper of that name in the textual IR.
    pub fn from_name(name: &str) -> Option<Helper> {
        Helper::ALL.iter().copied().find(|h| h.name() == name)
    }
}
