//! Every builtin value and function: one row of one table.
//!
//! A row says what the name means, how many arguments it takes, where it may stand and what it needs of the kernel;
//! the words are for messages and listings. What a call does with its arguments is in `calls`.

use super::tree::{Builtin, ProbeKind};
use super::types::Space;
use crate::diag::suggest;
use crate::host::Feature;
use crate::wire::record::Formatted;
use crate::wire::types::Name;

/// A name of the language.
pub(super) struct Row {
    pub name: &'static str,
    pub meaning: Meaning,
    /// Arguments at least and at most.
    pub args: (usize, usize),
    pub place: Place,
    /// What the kernel must have, and in which probes.
    pub feature: Option<(Feature, Place)>,
    /// As in C, for messages: `printf(format, ...)`.
    pub usage: &'static str,
    /// What it is, in a line.
    pub about: &'static str,
}

/// What a name stands for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Meaning {
    /// A value that the program computes; its size in bytes, 0 for those that are no integers.
    Value(Builtin, u8),
    /// Number of CPUs.
    Cpus,
    /// Pid of the traced command.
    ChildPid,
    /// True when there is a traced command.
    HasChild,
    /// The user's name.
    Username,
    /// 1 in a process, 0 in the kernel.
    Usermode,
    /// Bytes that text is read into.
    DefaultLength,
    /// All settings, as a record.
    Config,
    /// The kind of the probe, as text.
    ProbeType,
    /// The fields of a tracepoint, the arguments of a function.
    Args,
    /// A word of the stack behind the return address.
    StackArg(u8),
    /// The context of an iterator.
    Context,
    /// An aggregation: only as the value assigned to a map.
    Aggregation(Aggregation),
    /// Does something; no value.
    Action(Action),
    /// Gives a value.
    Function(Function),
    /// A stack, of the process or of the kernel; may be called with a mode and a depth.
    Stack { user: bool },
    /// A field of a task that the current one, or the one given, leads to.
    Task { link: &'static str, field: &'static str },
}

impl Meaning {
    /// A value that needs no parentheses and takes no arguments but modes.
    pub fn is_value(self) -> bool {
        use Meaning::*;
        matches!(
            self,
            Value(..)
                | Usermode
                | DefaultLength
                | Config
                | Cpus
                | ChildPid
                | HasChild
                | Username
                | ProbeType
                | Args
                | Context
                | StackArg(_)
        )
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Aggregation {
    Count,
    Sum,
    Min,
    Max,
    Avg,
    Stats,
    Hist,
    Lhist,
    Series,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Action {
    Printf,
    Print,
    Clear,
    Zero,
    Exit,
    Time,
    /// As printf, but not printed.
    Formatted(Formatted),
    Join,
    Fail,
    Assert,
    AssertStr,
    StaticAssert,
    Signal {
        thread: bool,
    },
    Override,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Function {
    Delete,
    HasKey,
    Len,
    /// Puts a value into a queue or a stack.
    Push,
    /// Takes the next value of one, or looks at it.
    Next {
        stays: bool,
    },
    Str,
    Ksym,
    /// A register by its name.
    Reg,
    /// `is_ptr` and the like: answered while compiling.
    Is(Question),
    ContainerOf,
    Usym,
    /// A number that user space names.
    Named(Name),
    Strftime,
    CgroupPath,
    CgroupId,
    IsErr,
    Bswap,
    Kaddr,
    PercpuKaddr,
    Strlen,
    Strncmp,
    Strstr,
    Strcontains,
    StrConcat,
    /// Bytes with their number.
    Buf,
    /// An address of the internet.
    Ntop,
    /// The bytes of one that is written.
    Pton,
    /// An address of hardware.
    Macaddr,
    Memcmp,
    Strcap,
    WriteUser,
    /// A function of the kernel: is there one, or one that this probe may call.
    Kfunc {
        callable: bool,
    },
    /// The path that a `struct path` of the kernel leads to.
    Path,
    /// The number that the kernel gives a socket.
    SocketCookie,
    /// A macro of `stdlib/`.
    Macro,
    /// `kptr` and `uptr`: the same address, in this memory.
    InSpace(Space),
}

/// What a script may ask about a type.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Question {
    Pointer,
    Array,
    Text,
    Integer,
    Unsigned,
    Literal,
}

/// Where a name may be used.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Place {
    Anywhere,
    /// Arguments in registers, or in the context.
    Arguments,
    Stack,
    Registers,
    /// Where a function's result is known.
    Results,
    /// Kernel functions, but for kprobes, which have the address in a register.
    AskedFunction,
    Function,
    Usdt,
    Fields,
    Iter,
    /// Programs to which the kernel gives pointers that it knows the type of.
    Typed,
}

impl Place {
    pub fn allows(self, kind: ProbeKind) -> bool {
        match self {
            Place::Anywhere => true,
            Place::Arguments => {
                use ProbeKind::{Kprobe, Rawtracepoint, Uprobe, Usdt};
                matches!(kind, Kprobe | Uprobe | Usdt | Rawtracepoint)
            }
            Place::Stack => matches!(kind, ProbeKind::Kprobe | ProbeKind::Uprobe),
            Place::Registers => {
                use ProbeKind::{Hardware, Interval, Kprobe, Kretprobe, Profile, Software, Watchpoint};
                matches!(kind, Kprobe | Kretprobe | Profile | Interval | Software | Hardware | Watchpoint)
                    || kind.in_user_space()
            }
            Place::Results => {
                matches!(kind, ProbeKind::Kretprobe | ProbeKind::Uretprobe | ProbeKind::Fexit)
            }
            Place::AskedFunction => {
                matches!(kind, ProbeKind::Kretprobe | ProbeKind::Fentry | ProbeKind::Fexit)
            }
            Place::Function => {
                matches!(kind, ProbeKind::Kprobe | ProbeKind::Uprobe | ProbeKind::Uretprobe)
                    || Place::AskedFunction.allows(kind)
            }
            Place::Usdt => kind == ProbeKind::Usdt,
            Place::Fields => {
                use ProbeKind::{Fentry, Fexit, Rawtracepoint, Tracepoint, Uprobe};
                matches!(kind, Tracepoint | Rawtracepoint | Fentry | Fexit | Uprobe)
            }
            Place::Iter => kind == ProbeKind::Iter,
            Place::Typed => matches!(kind, ProbeKind::Fentry | ProbeKind::Fexit | ProbeKind::Iter),
        }
    }

    pub fn words(self) -> &'static str {
        match self {
            Place::Anywhere => "any probe",
            Place::Arguments => "kprobe, uprobe, usdt and rawtracepoint",
            Place::Stack => "kprobe and uprobe",
            Place::Registers => {
                "kprobe, kretprobe, uprobe, uretprobe, usdt, profile, interval, software, hardware and watchpoint"
            }
            Place::Results => "kretprobe, uretprobe and fexit",
            Place::AskedFunction => "kretprobe, fentry and fexit",
            Place::Function => "kprobe, kretprobe, uprobe, uretprobe, fentry and fexit",
            Place::Usdt => "usdt",
            Place::Fields => "tracepoint, rawtracepoint, fentry, fexit and uprobe",
            Place::Iter => "iter",
            Place::Typed => "fentry, fexit and iter",
        }
    }
}

const fn row(name: &'static str, meaning: Meaning, usage: &'static str, about: &'static str) -> Row {
    Row { name, meaning, args: (0, 0), place: Place::Anywhere, feature: None, usage, about }
}

const fn value(name: &'static str, builtin: Builtin, size: u8, about: &'static str) -> Row {
    row(name, Meaning::Value(builtin, size), name, about)
}

const fn stack(name: &'static str, number: u8, about: &'static str) -> Row {
    row(name, Meaning::StackArg(number), name, about).only(Place::Stack)
}

const fn task(name: &'static str, link: &'static str, field: &'static str, about: &'static str) -> Row {
    row(name, Meaning::Task { link, field }, name, about).args(0, 1)
}

impl Row {
    const fn args(mut self, least: usize, most: usize) -> Row {
        self.args = (least, most);
        self
    }

    const fn only(mut self, place: Place) -> Row {
        self.place = place;
        self
    }

    const fn needs(mut self, feature: Feature, place: Place) -> Row {
        self.feature = Some((feature, place));
        self
    }
}

use Meaning::{Action as Does, Aggregation as Adds, Function as Gives};

/// Arguments of `printf` at most, the format included.
const MANY: usize = 128;

/// All of them, values first.
pub(super) const TABLE: &[Row] = &[
    value("pid", Builtin::Pid, 4, "process id").args(0, 1),
    value("tid", Builtin::Tid, 4, "thread id").args(0, 1),
    value("uid", Builtin::Uid, 8, "user id"),
    value("gid", Builtin::Gid, 8, "group id"),
    row("comm", Meaning::Value(Builtin::Comm, 0), "comm(pid)", "name of the thread, or of a process")
        .args(0, 1),
    value("cpu", Builtin::Cpu, 8, "number of the CPU"),
    value("nsecs", Builtin::Nsecs, 8, "nanoseconds since boot").args(0, 1),
    value("elapsed", Builtin::Elapsed, 8, "nanoseconds since the script began"),
    value("probe", Builtin::Probe, 0, "full name of the probe"),
    value("func", Builtin::Func, 0, "name of the traced function")
        .only(Place::Function)
        .needs(Feature::GetFuncIp, Place::AskedFunction),
    value("curtask", Builtin::Curtask, 0, "address of the current task_struct"),
    value("rand", Builtin::Rand, 8, "random number"),
    value("cgroup", Builtin::Cgroup, 8, "id of the current cgroup"),
    value("arg0", Builtin::Arg(0), 8, "first argument of the function").only(Place::Arguments),
    value("arg1", Builtin::Arg(1), 8, "second argument of the function").only(Place::Arguments),
    value("arg2", Builtin::Arg(2), 8, "third argument of the function").only(Place::Arguments),
    value("arg3", Builtin::Arg(3), 8, "fourth argument of the function").only(Place::Arguments),
    value("arg4", Builtin::Arg(4), 8, "fifth argument of the function").only(Place::Arguments),
    value("arg5", Builtin::Arg(5), 8, "sixth argument of the function").only(Place::Arguments),
    value("arg6", Builtin::Arg(6), 8, "seventh argument of the static probe").only(Place::Usdt),
    value("arg7", Builtin::Arg(7), 8, "eighth argument of the static probe").only(Place::Usdt),
    value("arg8", Builtin::Arg(8), 8, "ninth argument of the static probe").only(Place::Usdt),
    value("arg9", Builtin::Arg(9), 8, "tenth argument of the static probe").only(Place::Usdt),
    stack("sarg0", 0, "first argument on the stack"),
    stack("sarg1", 1, "second argument on the stack"),
    stack("sarg2", 2, "third argument on the stack"),
    stack("sarg3", 3, "fourth argument on the stack"),
    stack("sarg4", 4, "fifth argument on the stack"),
    stack("sarg5", 5, "sixth argument on the stack"),
    stack("sarg6", 6, "seventh argument on the stack"),
    stack("sarg7", 7, "eighth argument on the stack"),
    stack("sarg8", 8, "ninth argument on the stack"),
    stack("sarg9", 9, "tenth argument on the stack"),
    value("retval", Builtin::Retval, 8, "what the function returned").only(Place::Results),
    row("args", Meaning::Args, "args.field", "fields of the tracepoint, arguments of the function")
        .only(Place::Fields),
    row("ctx", Meaning::Context, "ctx.field", "what an iterator is at").only(Place::Iter),
    row("kstack", Meaning::Stack { user: false }, "kstack(mode, depth)", "stack of the kernel").args(0, 2),
    row("ustack", Meaning::Stack { user: true }, "ustack(mode, depth)", "stack of the process").args(0, 2),
    value("jiffies", Builtin::Jiffies, 8, "ticks since boot"),
    value("numaid", Builtin::Numa, 4, "number of the NUMA node"),
    row("usermode", Meaning::Usermode, "usermode", "1 where a process was interrupted, 0 in the kernel"),
    row("default_str_length", Meaning::DefaultLength, "default_str_length", "bytes of text that is read"),
    row("config", Meaning::Config, "config", "the settings, as a record"),
    row("has_cpid", Meaning::HasChild, "has_cpid", "true when -c gives a command"),
    row("username", Meaning::Username, "username", "name of the user"),
    row("probetype", Meaning::ProbeType, "probetype", "kind of the probe"),
    task("ppid", "real_parent", "pid", "process id of the parent"),
    task("pcomm", "real_parent", "comm", "name of the parent"),
    task("leader_tid", "group_leader", "pid", "thread id of the first thread"),
    task("leader_comm", "group_leader", "comm", "name of the first thread"),
    row("ncpus", Meaning::Cpus, "ncpus", "number of CPUs"),
    row("cpid", Meaning::ChildPid, "cpid", "process id of the command given by -c"),
    row("printf", Does(Action::Printf), "printf(format, ...)", "prints text").args(1, MANY),
    row("print", Does(Action::Print), "print(value) or print(@map, top, div)", "prints a value or a map")
        .args(1, 3),
    row(
        "errorf",
        Does(Action::Formatted(Formatted::Error)),
        "errorf(format, ...)",
        "prints an error message",
    )
    .args(1, MANY),
    row("warnf", Does(Action::Formatted(Formatted::Warning)), "warnf(format, ...)", "prints a warning")
        .args(1, MANY),
    row("cat", Does(Action::Formatted(Formatted::Cat)), "cat(format, ...)", "prints a file").args(1, MANY),
    row("system", Does(Action::Formatted(Formatted::System)), "system(format, ...)", "runs a command")
        .args(1, MANY),
    row("join", Does(Action::Join), "join(array, separator)", "prints an array of texts").args(1, 2),
    row("fail", Does(Action::Fail), "fail(format, ...)", "ends the compilation with a message").args(1, MANY),
    row(
        "assert",
        Does(Action::Assert),
        "assert(condition, message)",
        "ends the script when it does not hold",
    )
    .args(2, 2),
    row(
        "static_assert",
        Does(Action::StaticAssert),
        "static_assert(condition, message)",
        "fails when it does not hold",
    )
    .args(2, 2),
    row("clear", Does(Action::Clear), "clear(@map)", "removes every entry of a map").args(1, 1),
    row("zero", Does(Action::Zero), "zero(@map)", "sets every value of a map to 0").args(1, 1),
    row("exit", Does(Action::Exit), "exit(code)", "ends the script").args(0, 1),
    row("time", Does(Action::Time), "time(format)", "prints the time of day").args(0, 1),
    row("signal", Does(Action::Signal { thread: false }), "signal(number)", "sends a signal to the process")
        .args(1, 1),
    row(
        "signal_thread",
        Does(Action::Signal { thread: true }),
        "signal_thread(number)",
        "sends it to the thread",
    )
    .args(1, 1),
    row("override", Does(Action::Override), "override(value)", "returns this in place of the function")
        .args(1, 1),
    row("delete", Gives(Function::Delete), "delete(@map, key)", "removes an entry").args(1, 2),
    row("has_key", Gives(Function::HasKey), "has_key(@map, key)", "true when there is such an entry")
        .args(1, 2),
    row("len", Gives(Function::Len), "len(@map) or len(stack)", "number of entries or frames").args(1, 1),
    row(
        "push",
        Gives(Function::Push),
        "push(@queue, value)",
        "puts a value into a queue or stack; false when it is full",
    )
    .args(2, 2),
    row(
        "pop",
        Gives(Function::Next { stays: false }),
        "pop(@queue)",
        "takes the next value of a queue or stack; 0 when there is none",
    )
    .args(1, 1),
    row(
        "peek",
        Gives(Function::Next { stays: true }),
        "peek(@queue)",
        "the next value of a queue or stack, which stays",
    )
    .args(1, 1),
    row("str", Gives(Function::Str), "str(pointer, size)", "text at an address").args(1, 2),
    row("is_ptr", Gives(Function::Is(Question::Pointer)), "is_ptr(x)", "true for a pointer").args(1, 1),
    row("is_array", Gives(Function::Is(Question::Array)), "is_array(x)", "true for an array").args(1, 1),
    row("is_str", Gives(Function::Is(Question::Text)), "is_str(x)", "true for text").args(1, 1),
    row("is_integer", Gives(Function::Is(Question::Integer)), "is_integer(x)", "true for an integer")
        .args(1, 1),
    row(
        "is_unsigned_integer",
        Gives(Function::Is(Question::Unsigned)),
        "is_unsigned_integer(x)",
        "true for an unsigned integer",
    )
    .args(1, 1),
    row("is_literal", Gives(Function::Is(Question::Literal)), "is_literal(x)", "true for a literal")
        .args(1, 1),
    row(
        "container_of",
        Gives(Function::ContainerOf),
        "container_of(pointer, type, member)",
        "the struct around a member",
    )
    .args(3, 3),
    row("ksym", Gives(Function::Ksym), "ksym(address)", "name of the kernel function there").args(1, 1),
    row("reg", Gives(Function::Reg), "reg(\"name\")", "a register of the traced code")
        .args(1, 1)
        .only(Place::Registers),
    row("usym", Gives(Function::Usym), "usym(address)", "name of the process's function there").args(1, 1),
    row(
        "syscall_name",
        Gives(Function::Named(Name::Syscall)),
        "syscall_name(number)",
        "name of a system call",
    )
    .args(1, 1),
    row("signal_name", Gives(Function::Named(Name::Signal)), "signal_name(number)", "what a signal means")
        .args(1, 1),
    row("strerror", Gives(Function::Named(Name::Error)), "strerror(number)", "what an error number means")
        .args(1, 1),
    row("strftime", Gives(Function::Strftime), "strftime(format, nsecs)", "time of day of a timestamp")
        .args(2, 2),
    row("cgroup_path", Gives(Function::CgroupPath), "cgroup_path(id, filter)", "path of a cgroup").args(1, 2),
    row("cgroupid", Gives(Function::CgroupId), "cgroupid(path)", "id of the cgroup at a path").args(1, 1),
    row("is_err", Gives(Function::IsErr), "is_err(pointer)", "true when a pointer is an error number")
        .args(1, 1),
    row("bswap", Gives(Function::Bswap), "bswap(n)", "an integer with its bytes in reverse").args(1, 1),
    row("kaddr", Gives(Function::Kaddr), "kaddr(name)", "address of a symbol of the kernel").args(1, 1),
    row(
        "percpu_kaddr",
        Gives(Function::PercpuKaddr),
        "percpu_kaddr(name, cpu)",
        "address of a CPU's variable",
    )
    .args(1, 2),
    row("strlen", Gives(Function::Strlen), "strlen(text)", "bytes of a text").args(1, 1),
    row("strncmp", Gives(Function::Strncmp), "strncmp(a, b, n)", "0 when two texts begin alike").args(3, 3),
    row("strstr", Gives(Function::Strstr), "strstr(text, part)", "where a text holds another").args(2, 2),
    row(
        "strcontains",
        Gives(Function::Strcontains),
        "strcontains(text, part)",
        "true when a text holds another",
    )
    .args(2, 2),
    row("str_concat", Gives(Function::StrConcat), "str_concat(a, b)", "two texts as one").args(2, 2),
    row(
        "find",
        Gives(Function::Macro),
        "find(@map, key, $value)",
        "true, and the value, when there is such an entry",
    )
    .args(3, 3),
    row("memcmp", Gives(Function::Memcmp), "memcmp(a, b, count)", "0 when the first bytes are the same")
        .args(3, 3),
    row("strcap", Gives(Function::Strcap), "strcap(text)", "bytes that a text has room for").args(1, 1),
    row("assert_str", Does(Action::AssertStr), "assert_str(x)", "ends the compilation unless it is text")
        .args(1, 1),
    row(
        "write_user",
        Gives(Function::WriteUser),
        "write_user(to, from, length)",
        "writes to memory of the process",
    )
    .args(3, 3),
    row(
        "kfunc_exist",
        Gives(Function::Kfunc { callable: false }),
        "kfunc_exist(name)",
        "true when the kernel has the function",
    )
    .args(1, 1),
    row(
        "kfunc_allowed",
        Gives(Function::Kfunc { callable: true }),
        "kfunc_allowed(name)",
        "true when the probe may call the kernel's function",
    )
    .args(1, 1),
    row("buf", Gives(Function::Buf), "buf(data, length)", "bytes at an address, for %r, %rx and %rh")
        .args(1, 2),
    row("ntop", Gives(Function::Ntop), "ntop(family, address)", "an address of the internet as text")
        .args(1, 2),
    row("path", Gives(Function::Path), "path(path, size)", "the path of a file")
        .args(1, 2)
        .only(Place::Typed),
    row(
        "socket_cookie",
        Gives(Function::SocketCookie),
        "socket_cookie(sock)",
        "the number that the kernel gives a socket",
    )
    .args(1, 1)
    .only(Place::Typed)
    .needs(Feature::SocketCookie, Place::Typed),
    row("pton", Gives(Function::Pton), "pton(text)", "bytes of an address of the internet").args(1, 1),
    row("macaddr", Gives(Function::Macaddr), "macaddr(bytes)", "a hardware address as text").args(1, 1),
    row("kptr", Gives(Function::InSpace(Space::Kernel)), "kptr(address)", "address in kernel memory")
        .args(1, 1),
    row("uptr", Gives(Function::InSpace(Space::User)), "uptr(address)", "address in user memory").args(1, 1),
    row("count", Adds(Aggregation::Count), "@ = count()", "how often it ran"),
    row("sum", Adds(Aggregation::Sum), "@ = sum(x)", "sum of the values").args(1, 1),
    row("min", Adds(Aggregation::Min), "@ = min(x)", "least value").args(1, 1),
    row("max", Adds(Aggregation::Max), "@ = max(x)", "greatest value").args(1, 1),
    row("avg", Adds(Aggregation::Avg), "@ = avg(x)", "average").args(1, 1),
    row("stats", Adds(Aggregation::Stats), "@ = stats(x)", "count, average and total").args(1, 1),
    row("hist", Adds(Aggregation::Hist), "@ = hist(x, bits)", "histogram by powers of two").args(1, 2),
    row("lhist", Adds(Aggregation::Lhist), "@ = lhist(x, min, max, step)", "linear histogram").args(4, 4),
    row(
        "tseries",
        Adds(Aggregation::Series),
        "@ = tseries(x, interval, intervals, \"avg\")",
        "values by the time they came",
    )
    .args(3, 4),
];

/// Names of bpftrace that are not there yet: told apart from mistakes.
const LATER: &[&str] = &["debugf", "getopt", "offsetof", "skboutput", "uaddr", "unwatch"];

/// The row of a name.
pub(super) fn find(name: &str) -> Option<&'static Row> {
    TABLE.iter().find(|row| row.name == name)
}

/// True for what changes processes or runs commands.
pub(super) fn is_unsafe(row: &Row) -> bool {
    let Meaning::Action(action) = row.meaning else {
        return row.meaning == Gives(Function::WriteUser);
    };
    matches!(action, Action::Signal { .. } | Action::Override | Action::Formatted(Formatted::System))
}

/// True for names that bpftrace knows and this does not.
pub(super) fn comes_later(name: &str) -> bool {
    LATER.contains(&name)
}

/// The nearest name, among functions or among values.
pub(super) fn nearest(name: &str, call: bool) -> Option<&'static Row> {
    let is_call = |row: &&Row| matches!(row.meaning, Does(_) | Adds(_) | Gives(_)) == call;
    let names = TABLE.iter().filter(is_call).map(|row| row.name);
    suggest::nearest(name, names).and_then(find)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_unique_and_say_something() {
        for (i, row) in TABLE.iter().enumerate() {
            assert!(TABLE[..i].iter().all(|other| other.name != row.name), "{} twice", row.name);
            assert!(!row.about.is_empty() && row.usage.contains(row.name), "{}", row.name);
            assert!(row.args.0 <= row.args.1 && !comes_later(row.name), "{}", row.name);
        }
    }
}
