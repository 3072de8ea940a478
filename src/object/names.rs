//! Names of programs: what bpftool, perf and the kernel's log call them.
//!
//! A name tells the kind of probe and its target (`kprobe_vfs_read`, `tp_sys_enter_openat`, `BEGIN`); a program with
//! many targets is named after what their names begin with. Names are unique and at most [`LONGEST`] bytes; they
//! stand in the BTF, where newer tools find them whole. The kernel itself keeps [`SHORT`] bytes: [`short`] makes these
//! distinct too.

use std::collections::HashSet;

use crate::sema::tree::{Attach, AttachPoint, ProbeKind};

/// Bytes of a name at most, so that the kernel's symbol `bpf_prog_TAG_NAME` fits everywhere.
pub const LONGEST: usize = 63;

/// Bytes that the kernel keeps of a program's or map's name.
pub const SHORT: usize = 15;

/// A name for each program, given by its kind and attach points; none is in `taken` or there twice.
pub fn programs<'a>(
    programs: impl Iterator<Item = (ProbeKind, &'a [AttachPoint])>,
    taken: impl Iterator<Item = String>,
) -> Vec<String> {
    let mut seen: HashSet<String> = taken.collect();
    programs.map(|(kind, attach)| unique(&base(kind, attach), LONGEST, &mut seen)).collect()
}

/// What the kernel is told: each name cut to [`SHORT`] bytes, and a number at the end of those that would be the same.
///
/// Every name that was cut keeps all [`SHORT`] bytes, by which bpftool knows to look for the whole name in the BTF.
pub fn short<'a>(names: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut seen = HashSet::new();
    names.map(|name| unique(name, SHORT, &mut seen)).collect()
}

/// `text` with everything replaced that cannot stand in a name.
pub fn sanitised(text: &str) -> String {
    let mut out: String = text.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    if out.starts_with(|c: char| c.is_ascii_digit()) || out.is_empty() {
        out.insert(0, '_');
    }
    out
}

/// `name`, or its beginning with a number where that is taken, in at most `longest` bytes.
fn unique(name: &str, longest: usize, seen: &mut HashSet<String>) -> String {
    let mut candidate = name[..name.len().min(longest)].to_owned();
    let mut number = 2u32;
    while !seen.insert(candidate.clone()) {
        let suffix = format!("_{number}");
        candidate = format!("{}{suffix}", &name[..name.len().min(longest - suffix.len())]);
        number += 1;
    }
    candidate
}

fn base(kind: ProbeKind, attach: &[AttachPoint]) -> String {
    let prefix = match kind {
        ProbeKind::Begin => return "BEGIN".to_owned(),
        ProbeKind::End => return "END".to_owned(),
        ProbeKind::Interval
        | ProbeKind::Profile
        | ProbeKind::SelfSignal
        | ProbeKind::Test
        | ProbeKind::Bench
        | ProbeKind::Software
        | ProbeKind::Hardware
        | ProbeKind::Watchpoint => return sanitised(&common(attach.iter().map(|a| &*a.name))),
        ProbeKind::Tracepoint => "tp_",
        ProbeKind::Rawtracepoint => "raw_tp_",
        ProbeKind::Fentry => "fentry_",
        ProbeKind::Fexit => "fexit_",
        ProbeKind::Iter => "iter_",
        ProbeKind::Kprobe => "kprobe_",
        ProbeKind::Kretprobe => "kretprobe_",
        ProbeKind::Uprobe => "uprobe_",
        ProbeKind::Uretprobe => "uretprobe_",
        ProbeKind::Usdt => "usdt_",
    };
    let targets = attach.iter().map(|point| match &point.target {
        Attach::Tracepoint { event, .. } => event.as_str(),
        Attach::Kprobe { function, .. } | Attach::Kretprobe { function, .. } => function.as_str(),
        Attach::Usdt(_) => point.name.rsplit(':').next().unwrap_or_default(),
        Attach::Uprobe(at) | Attach::Uretprobe(at) => at.function.as_str(),
        Attach::Rawtracepoint { event, .. } => event.as_str(),
        Attach::Fentry(traced) | Attach::Fexit(traced) => traced.function.as_str(),
        Attach::Iter { target, .. } => target.as_str(),
        _ => "",
    });
    let name = sanitised(&format!("{prefix}{}", common(targets)));
    name.trim_end_matches('_').to_owned()
}

/// What all `texts` begin with.
fn common<'a>(mut texts: impl Iterator<Item = &'a str>) -> String {
    let mut prefix = texts.next().unwrap_or("").to_owned();
    for text in texts {
        let same =
            prefix.chars().zip(text.chars()).take_while(|(a, b)| a == b).map(|(a, _)| a.len_utf8()).sum();
        prefix.truncate(same);
    }
    prefix
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Span;

    fn point(name: &str, target: Attach) -> AttachPoint {
        AttachPoint { name: name.into(), name_index: 0, span: Span::default(), target }
    }

    fn kprobe(function: &str) -> AttachPoint {
        let target = Attach::Kprobe { function: function.into(), module: None, offset: 0 };
        point(&format!("kprobe:{function}"), target)
    }

    fn tracepoint(event: &str) -> AttachPoint {
        let target = Attach::Tracepoint { category: "syscalls".into(), event: event.into() };
        point(&format!("tracepoint:syscalls:{event}"), target)
    }

    fn named(list: &[(ProbeKind, Vec<AttachPoint>)]) -> Vec<String> {
        programs(
            list.iter().map(|(kind, attach)| (*kind, attach.as_slice())),
            ["AT_x".to_owned()].into_iter(),
        )
    }

    #[test]
    fn names_tell_the_target_and_are_unique() {
        let interval = Attach::Interval { period: 1_000_000_000 };
        let names = named(&[
            (ProbeKind::Begin, vec![point("begin", Attach::Begin)]),
            (ProbeKind::Begin, vec![point("begin", Attach::Begin)]),
            (ProbeKind::Interval, vec![point("interval:s:1", interval)]),
            (ProbeKind::Kprobe, vec![kprobe("vfs_read")]),
            (ProbeKind::Kprobe, vec![kprobe("vfs_read.part.0")]),
            (ProbeKind::Kprobe, vec![kprobe("vfs_read"), kprobe("vfs_write")]),
            (ProbeKind::Tracepoint, vec![tracepoint("sys_enter_openat")]),
            (ProbeKind::Kprobe, vec![kprobe("a"), kprobe("b")]),
        ]);
        assert_eq!(
            names,
            [
                "BEGIN",
                "BEGIN_2",
                "interval_s_1",
                "kprobe_vfs_read",
                "kprobe_vfs_read_part_0",
                "kprobe_vfs",
                "tp_sys_enter_openat",
                "kprobe",
            ]
        );
    }

    #[test]
    fn kernel_names_stay_distinct() {
        let long = ["tp_sys_enter_openat", "tp_sys_enter_open", "BEGIN"];
        assert_eq!(short(long.into_iter()), ["tp_sys_enter_op", "tp_sys_enter__2", "BEGIN"]);
    }
}
