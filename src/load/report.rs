//! Errors of loading and attaching as messages, on the script's own text.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::attach::{AttachError, Failure};
use super::error::{LoadError, Refusal, forbidden, is_permission};
use super::kernel::{Lockdown, words};
use super::object::BPFFS;
use super::verifier;
use crate::codegen::callback::imported;
use crate::diag::{Diagnostic, Severity, codes};
use crate::object::artifact::{Artifact, AttachPoint, Line, Program};
use crate::sema::tree::Attach;
use crate::source::{SourceMap, Span};
use crate::wire::map::MapRole;

/// Names listed of the attach points that failed for the same reason.
const LISTED: usize = 5;

/// The kernel's own EOPNOTSUPP.
const ENOTSUPP: i32 = 524;

/// File, line and column.
type Place = (u32, u32, u32);

impl LoadError {
    /// The messages; `verbose` adds the verifier's whole log. Empty when the user asked to stop.
    pub fn diagnostics(&self, artifact: &Artifact, sources: &SourceMap, verbose: bool) -> Vec<Diagnostic> {
        match self {
            LoadError::Cancelled => Vec::new(),
            LoadError::NoPrivilege => vec![no_privilege()],
            LoadError::Lockdown(mode) => vec![locked_down(*mode)],
            LoadError::Map { map, errno } => vec![map_failed(artifact, *map, *errno)],
            LoadError::Refused(list) => {
                list.iter().map(|refusal| refused(refusal, artifact, sources, verbose)).collect()
            }
            LoadError::Run { program, errno } => {
                let name = &artifact.programs[*program].attach[0].name;
                vec![Diagnostic::error(codes::ATTACH, format!("cannot run `{name}`: {}", words(*errno)))]
            }
            LoadError::Other { what, errno, said } => vec![other(what, *errno, said)],
        }
    }
}

impl AttachError {
    /// The messages: one for all attach points of one place in the script that failed for the same reason. Empty when
    /// the user asked to stop.
    pub fn diagnostics(&self, artifact: &Artifact, sources: &SourceMap) -> Vec<Diagnostic> {
        let AttachError::Failed(failures) = self else { return Vec::new() };
        if failures.iter().all(|failure| is_permission(failure.errno))
            && let Some(error) = forbidden(libc::EPERM)
        {
            return error.diagnostics(artifact, sources, false);
        }
        let mut groups: BTreeMap<(Place, i32), Vec<&AttachPoint>> = BTreeMap::new();
        for Failure { program, point, errno } in failures {
            let at = &artifact.programs[*program].attach[*point];
            groups.entry((at.place, *errno)).or_default().push(at);
        }
        groups.iter().map(|((place, errno), points)| unattached(points, *place, *errno, sources)).collect()
    }

    /// The messages as warnings: the run goes on without these probes.
    pub fn warnings(&self, artifact: &Artifact, sources: &SourceMap) -> Vec<Diagnostic> {
        let mut messages = self.diagnostics(artifact, sources);
        for message in &mut messages {
            (message.severity, message.code) = (Severity::Warning, codes::UNATTACHED);
            message.help = None;
        }
        messages
    }
}

fn no_privilege() -> Diagnostic {
    let message = "tracing needs root, or the capabilities CAP_BPF and CAP_PERFMON";
    Diagnostic::error(codes::NO_PRIVILEGE, message).help("run it with sudo")
}

fn locked_down(mode: Lockdown) -> Diagnostic {
    let message = format!("the kernel is locked down ({}) and does not allow this", mode.name());
    Diagnostic::error(codes::LOCKDOWN, message)
        .note("lockdown comes with Secure Boot or the kernel parameter lockdown=")
        .help("boot without it, or try the script in a virtual machine")
}

fn map_failed(artifact: &Artifact, map: usize, errno: i32) -> Diagnostic {
    let spec = &artifact.maps[map];
    let name = match &spec.role {
        MapRole::User { name, .. } => format!("map `{name}`"),
        MapRole::Ring => "the ring buffer".to_owned(),
        _ => format!("map `{}`", spec.name),
    };
    let message = format!("{name} could not be created: {}", words(errno));
    let sizes = format!(
        "it has {} entries, with {} bytes for a key and {} bytes for a value (per-CPU maps: on each CPU)",
        spec.max_entries, spec.key_size, spec.value_size
    );
    let made = Diagnostic::error(codes::MAP_CREATE, message);
    let pinned = artifact.pins.iter().find(|(pinned, _)| *pinned == map).map(|(_, name)| name);
    match errno {
        libc::ENOMEM | libc::E2BIG => made
            .note(sizes)
            .help("use fewer entries (max_map_keys, or the map's declaration) or smaller values"),
        libc::EPERM => {
            made.help("the limit of locked memory may be too low: raise it with `ulimit -l unlimited`")
        }
        _ => match pinned {
            Some(name) => made.note(sizes).help(format!(
                "a map of another kind or size may be pinned there: remove {BPFFS}/{name}, or use another name"
            )),
            None => made.note(sizes),
        },
    }
}

fn refused(refusal: &Refusal, artifact: &Artifact, sources: &SourceMap, verbose: bool) -> Diagnostic {
    let program = &artifact.programs[refusal.program];
    let name = program.attach.first().map_or(&program.name, |at| &at.name);
    if refusal.is_forbidden() {
        return not_permitted(program, name, sources);
    }
    let complaint = verifier::complaint(&refusal.log);
    let mut made = Diagnostic::error(codes::REFUSED, format!("the kernel refused the program of `{name}`"));
    let text = if complaint.text.is_empty() { words(refusal.errno) } else { complaint.text.clone() };
    let imports = program.insns.iter().any(|insn| imported(*insn).is_some());
    // what libbpf put behind the program's own code
    let behind = imports && complaint.slot.is_some_and(|slot| slot as usize >= program.insns.len());
    let slot = complaint.slot.filter(|_| !behind);
    let place = slot.and_then(|slot| verifier::line_at(&program.lines, slot));
    made = match place.and_then(|line| Some((line, span(sources, (line.file, line.line, line.column), ";")?)))
    {
        Some((_, span)) => made.at(span, text),
        None => {
            let made = made.note(format!("the verifier says: {text}"));
            match place {
                Some(line) => made.note(quote(line, artifact)),
                None => made,
            }
        }
    };
    for heading in ["Reason:", "Suggestion:"] {
        if let Some(words) = complaint.section(heading) {
            made = made
                .note(format!("the verifier's {}: {words}", heading.trim_end_matches(':').to_lowercase()));
        }
    }
    if verbose && !refusal.log.is_empty() {
        made = made.note(format!("the verifier's log:\n{}", refusal.log.trim_end()));
    }
    if imports {
        if let Some(line) =
            refusal.log.lines().rev().find_map(|line| line.strip_prefix("; ")).filter(|_| behind)
        {
            made = made.note(format!("in a function of an imported object: {line}"));
        }
        let note =
            "the program calls functions of imported objects: the verifier holds them to the kernel's rules";
        return made.note(note).help("see its whole log with `-v`");
    }
    made.note("this is a bug in beetrace: what it accepts must load on every supported kernel")
        .help(if verbose { "report it with this output" } else { "report it with the output of `-v`" })
}

/// Of a program that the kernel did not look at, although the process has the capabilities and lockdown is off or does
/// not tell.
fn not_permitted(program: &Program, name: &str, sources: &SourceMap) -> Diagnostic {
    let message = format!("the kernel does not permit the program of `{name}`");
    let mut made = Diagnostic::error(codes::NO_PRIVILEGE, message);
    let point = program.attach.first();
    if let Some(span) = point.and_then(|at| span(sources, at.place, ",{/ \t")) {
        made = made.at(span, "");
    }
    made = made.note(
        "the process has the capabilities: lockdown, a security module or a container's filter forbids it",
    );
    match point.map(|at| &at.target) {
        Some(Attach::Fentry(_) | Attach::Fexit(_)) => {
            made.help("try a kprobe or a tracepoint, which take other rights")
        }
        _ => made.help("ask who set up the machine, or try the script in a virtual machine"),
    }
}

fn quote(line: &Line, artifact: &Artifact) -> String {
    let file = artifact.files.get(line.file as usize).map_or("", String::as_str);
    format!("at {file}:{}:{}: {}", line.line, line.column, line.text.trim())
}

fn other(what: &str, errno: i32, said: &[String]) -> Diagnostic {
    let mut made = match errno {
        libc::ENOSYS => Diagnostic::error(codes::MISSING_FEATURE, "the kernel was built without BPF"),
        errno if is_permission(errno) => {
            let message = "the kernel does not permit BPF here, although the process has the capabilities";
            Diagnostic::error(codes::NO_PRIVILEGE, message)
                .help("in a container, allow the system calls bpf and perf_event_open")
        }
        _ => Diagnostic::error(codes::INTERNAL, format!("{what}: {}", words(errno))),
    };
    for line in said {
        made = made.note(line.clone());
    }
    made
}

fn unattached(points: &[&AttachPoint], place: Place, errno: i32, sources: &SourceMap) -> Diagnostic {
    let reason = reason(points[0], errno);
    let mut made = match points {
        [one] => Diagnostic::error(codes::ATTACH, format!("cannot attach `{}`: {reason}", one.name)),
        [first, ..] => {
            let message = format!("cannot attach {} probes, `{}` first: {reason}", points.len(), first.name);
            let mut list = String::from("these are: ");
            for point in &points[..points.len().min(LISTED)] {
                let _ = write!(list, "{}, ", point.name);
            }
            match points.len().saturating_sub(LISTED) {
                0 => list.truncate(list.len() - 2),
                more => list += &format!("and {more} more"),
            }
            Diagnostic::error(codes::ATTACH, message).note(list)
        }
        [] => unreachable!("a group has at least one point"),
    };
    if let Some(span) = span(sources, place, ",{/ \t") {
        made = made.at(span, "");
    }
    match help(points[0], errno) {
        Some(help) => made.help(help),
        None => made,
    }
}

/// The kernel's reason in words, by kind of probe.
fn reason(point: &AttachPoint, errno: i32) -> String {
    let by_kind = match &point.target {
        Attach::Kprobe { .. } | Attach::Kretprobe { .. } | Attach::Address { .. } => of_function(errno),
        Attach::Uprobe(_) | Attach::Uretprobe(_) | Attach::Usdt(_) => of_program(errno),
        Attach::Fentry(_) | Attach::Fexit(_) => of_trampoline(errno),
        Attach::Watchpoint { .. } => of_watchpoint(errno),
        Attach::Hardware { .. } => of_counter(errno),
        Attach::Tracepoint { .. } if errno == libc::ENOENT => {
            Some("there is no such tracepoint, or tracefs is not mounted")
        }
        Attach::Rawtracepoint { .. } if errno == libc::ENOENT => Some("the kernel has no such tracepoint"),
        Attach::Rawtracepoint { .. } if errno == libc::EINVAL => {
            Some("the tracepoint has fewer arguments than the script reads")
        }
        Attach::Iter { .. } if matches!(errno, libc::EINVAL | libc::EBADF) => {
            Some("this iterator goes over the contents of something that it must be given (a map, say)")
        }
        _ => None,
    };
    let known = by_kind.or(match errno {
        libc::EBUSY => Some("another tracer uses it, or the kernel is busy"),
        libc::E2BIG => Some("too many programs are attached there already (the kernel takes 64)"),
        libc::EMFILE | libc::ENFILE => Some("too many open files"),
        libc::ENODEV | libc::EOPNOTSUPP => Some("the machine does not have what it counts"),
        errno if is_permission(errno) => Some("not permitted"),
        _ => None,
    });
    known.map_or_else(|| words(errno), str::to_owned)
}

fn of_function(errno: i32) -> Option<&'static str> {
    Some(match errno {
        libc::ENOSYS => "the kernel was built without kprobes",
        libc::ENOENT | libc::ESRCH => "the kernel has no such function",
        libc::EINVAL | libc::EOPNOTSUPP => {
            "the kernel does not allow a probe there (not traceable, or not the start of an instruction)"
        }
        libc::EILSEQ => "not the start of an instruction",
        libc::ERANGE => "the offset is outside the function",
        libc::EADDRNOTAVAIL => "several functions have that name",
        _ => return None,
    })
}

fn of_program(errno: i32) -> Option<&'static str> {
    Some(match errno {
        libc::ENOSYS => "the kernel was built without uprobes",
        libc::ENOENT => "the file is not there any more",
        libc::ESRCH => "the process has ended",
        libc::EIO => "the file's system does not hold code in memory",
        libc::EINVAL => {
            "the kernel does not allow a probe there (no code of the file, or a semaphore that another tracer counts elsewhere)"
        }
        libc::EOPNOTSUPP | ENOTSUPP => "the kernel cannot probe this instruction",
        _ => return None,
    })
}

fn of_trampoline(errno: i32) -> Option<&'static str> {
    Some(match errno {
        libc::EBUSY => "another program owns the function's trampoline, or it is being patched",
        libc::ENOENT | libc::ESRCH => "the kernel has no such function",
        libc::EINVAL | libc::EOPNOTSUPP => "the kernel does not allow a trampoline there (not traceable)",
        _ => return None,
    })
}

fn of_watchpoint(errno: i32) -> Option<&'static str> {
    Some(match errno {
        libc::ENOSPC => "all debug registers of the processor are in use (it has 4)",
        libc::EINVAL => "the processor cannot watch that address, length and mode",
        libc::ENOENT | libc::ESRCH => "there is no such process",
        _ => return None,
    })
}

fn of_counter(errno: i32) -> Option<&'static str> {
    let none = matches!(errno, libc::ENOENT | libc::ENODEV | libc::EOPNOTSUPP | libc::EINVAL);
    none.then_some("this machine does not count such events (it has no PMU for them)")
}

fn help(point: &AttachPoint, errno: i32) -> Option<&'static str> {
    match (&point.target, errno) {
        (Attach::Tracepoint { .. }, libc::ENOENT) => Some("mount -t tracefs tracefs /sys/kernel/tracing"),
        (Attach::Hardware { .. }, libc::ENOENT | libc::ENODEV | libc::EOPNOTSUPP | libc::EINVAL) => {
            Some("virtual machines often have none: try `software:cpu-clock` or `profile:hz:99`")
        }
        (Attach::Fentry(_) | Attach::Fexit(_), libc::EINVAL | libc::EOPNOTSUPP | libc::EBUSY) => {
            Some("try a kprobe or kretprobe of the same function")
        }
        (Attach::Kprobe { .. } | Attach::Kretprobe { .. }, libc::EINVAL | libc::EOPNOTSUPP) => {
            Some("`beetrace -l 'kprobe:NAME*'` lists what can be traced")
        }
        (_, libc::EMFILE) => Some("raise the limit with `ulimit -n`, or attach to fewer places"),
        (_, libc::EADDRNOTAVAIL) => Some("name the module: kprobe:MODULE:FUNCTION"),
        _ => None,
    }
}

/// From a place in the script to the first of `ends` or the line's end.
fn span(sources: &SourceMap, (file, line, column): Place, ends: &str) -> Option<Span> {
    let (id, source) = sources.files().find(|(id, _)| id.0 == file)?;
    let before: usize = source.text.split_inclusive('\n').take(line as usize - 1).map(str::len).sum();
    let text = source.text[before..].lines().next()?;
    // a column too high to be told (see `object::lines`) gives the line's beginning
    let first = text.len() - text.trim_start().len();
    let start = text.char_indices().nth(column as usize - 1).map_or(first, |(at, _)| at);
    let length = text[start..].find(|c| ends.contains(c)).unwrap_or(text.len() - start).max(1);
    let start = before + start;
    Some(Span::new(id, start..(start + length).min(source.text.len())))
}
