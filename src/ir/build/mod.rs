//! Typed tree to SSA: one function a program, the maps they need, the actions their records name.
//!
//! Decisions, in one place:
//!
//! - **SSA** is made directly. Scalars of variables are values; at a join only those that one of the arms
//!   changed become block parameters ([`vars`]). Text and tuples live in frame slots of any size (what does not
//!   fit the stack is moved by `codegen`); temporary slots are shared from statement to statement ([`slots`]).
//! - **Integers** narrower than 64 bits are always extended by their sign: `zext`/`sext` follows whatever may
//!   leave the range.
//! - **Maps by use** ([`maps`]): keyless plain values are arrays with one entry, addressed without a lookup;
//!   keyless aggregations are per-CPU arrays; keyed plain maps are hashes, keyed aggregations per-CPU hashes
//!   (shared ones where preallocating per CPU would take too much memory). Maps that the script clears while it
//!   runs are double-buffered inside an array of maps, keyless ones too.
//! - **Additions are atomic**, on per-CPU values as well: an NMI or a probe hit in an interrupt may run the same
//!   program in the middle of another run on the same CPU, and the atomic costs a nanosecond or two.
//! - **A new key** is inserted with BPF_NOEXIST and its first contribution; when another CPU was faster, the
//!   contribution is added to what is there. Nothing is lost between the two.
//! - **Text** in slots, keys and map values is zero from its NUL to its end, so equality is a comparison of
//!   words; in records what follows the NUL is whatever the ring held (older records of ours). Text is read with
//!   room for one byte more than its type has: without a NUL in its own bytes it was cut.
//! - **Loops** are loops ([`loops`]), guarded by `may_go`; for kernels that do not count rounds in place `outline`
//!   makes functions of them. A loop that is cut short is counted.
//! - **Reads** of kernel or user memory that fault give 0 or "" and are counted, once for a statement (or for an
//!   arm of a condition), however many of its reads fault.
//! - **Records** are reserved first and filled in place. Nothing wakes the reader but control records, and the
//!   first records after it went to sleep: their flag is computed from a word that the reader sets
//!   ([`crate::wire::map::Global::Asleep`]). A wakeup costs 5 µs, the word 1 ns. There is no threshold of fill to
//!   ask about: a reader that is awake looks every millisecond, and one that sleeps is woken by the first record.
//! - **No gate** holds programs back until all are attached: as in the reference, early events are events.
//! - **`probe`** is a constant where a program has one attach point. With several it is the attach cookie, or
//!   one copy of the program each where the kernel or the kind of program has no cookies. **`func`** is
//!   bpf_get_func_ip where there is one, else the instruction pointer for kprobes and an error for kretprobes.
//! - A script's size does not matter: everything here is linear in it.
//!
//! Deliberately absent: optimisation (the passes), and choices that need register or stack sizes (codegen).

use crate::diag::Sink;
use crate::sema::tree;

use super::module::Module;

pub mod arch;
mod address;
mod aggregate;
mod aggregate_read;
mod buckets;
mod builtin;
mod bytes;
mod compare;
mod cond;
mod expr;
mod front;
mod func;
mod functions;
mod insert;
mod join;
pub mod layout;
mod loops;
mod map_loop;
mod mapop;
mod maps;
mod module;
mod memory;
mod names;
mod parts;
mod place;
mod read;
mod record;
mod sequence;
mod series;
mod slots;
mod stack;
mod stmt;
mod typed;
mod value;
mod vars;
mod walk;

pub use arch::Arch;

/// What the builder must know of the machine that the script will run on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// Where arguments and results of functions are.
    pub arch: Arch,
    /// Atomic operations that give the old value.
    pub atomic_fetch: bool,
    /// Sums of keys may be kept in front of the kernel's hashes.
    pub fronts: bool,
    /// bpf_get_current_task_btf, and where its `comm` is.
    pub comm_offset: Option<u32>,
    /// bpf_get_attach_cookie, with links that take a cookie.
    pub cookies: bool,
    /// bpf_get_func_ip.
    pub get_func_ip: bool,
    /// bpf_ktime_get_boot_ns.
    pub ktime_boot: bool,
    /// Hashes may allocate entries when they are needed.
    pub on_demand_hash: bool,
    /// Hashes take keys of more than 512 bytes (5.11).
    pub long_keys: bool,
    /// bpf_for_each_map_elem.
    pub for_each_map_elem: bool,
    /// bpf_map_lookup_percpu_elem.
    pub lookup_percpu: bool,
    /// CPUs there may ever be: what per-CPU maps take memory for.
    pub possible_cpus: u32,
    /// Bytes of the ring; None for the default.
    pub ring_bytes: Option<u32>,
}

impl Default for Facts {
    /// A recent kernel on this architecture, with two CPUs.
    fn default() -> Facts {
        Facts {
            arch: Arch::native(),
            atomic_fetch: true,
            fronts: false,
            comm_offset: None,
            cookies: true,
            get_func_ip: true,
            ktime_boot: true,
            on_demand_hash: true,
            long_keys: true,
            for_each_map_elem: true,
            lookup_percpu: true,
            possible_cpus: 2,
            ring_bytes: None,
        }
    }
}

impl Facts {
    /// Bytes of the ring: 256 KiB a CPU as a power of two, from 256 KiB to 32 MiB, unless told otherwise.
    pub fn ring_bytes(&self) -> u32 {
        let default =
            || (u64::from(self.possible_cpus) << 18).next_power_of_two().clamp(1 << 18, 1 << 25) as u32;
        self.ring_bytes.unwrap_or_else(default)
    }

    /// Bytes of a hash's key at most.
    pub(crate) fn key_limit(&self) -> u32 {
        if self.long_keys { 1 << 16 } else { 512 }
    }
}

/// True when a probe has a loop: only then it matters what the kernel thinks of them.
pub fn has_loops(program: &tree::Program) -> bool {
    program.probes.iter().any(|probe| walk::has_loops(&probe.body))
}

/// True when a probe asks for `comm`.
pub fn uses_comm(program: &tree::Program) -> bool {
    let mut found = false;
    for probe in &program.probes {
        let is_comm = |expr: &tree::Expr| matches!(expr.kind, tree::ExprKind::Builtin(tree::Builtin::Comm));
        walk::each_expr_of(probe, &mut |expr| found |= is_comm(expr));
    }
    found
}

/// Builds every program of `program`, with maps and actions. What the kernel is known not to take is an error in
/// `sink`; the module is complete and well formed all the same.
pub fn build(program: &tree::Program, facts: &Facts, sink: &mut Sink) -> Module {
    let mut builder = module::ModuleBuilder::new(program, facts, sink);
    for probe in &program.probes {
        builder.probe(probe);
    }
    builder.finish()
}
