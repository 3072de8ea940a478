//! Attaching to everything there is, against known numbers of events.
//!
//! The events are our own calls of a system call that nothing else in a guest makes, so counts are exact.

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use beetrace::config::Missing;
use beetrace::host::system::System;
use beetrace::load::{AttachError, Failure, LoadError, Loaded, Options};
use beetrace::object::artifact::{Artifact, AttachPoint};
use beetrace::sema::tree::{Attach, ProbeKind};
use libbpf_rs::{MapCore, MapFlags};

use crate::handmade::{self, Asm, TOTAL};

static NEVER: AtomicBool = AtomicBool::new(false);
const OPTIONS: Options<'static> =
    Options { target: None, cancel: &NEVER, missing: Missing::Error, log: false };

/// The kernel's function behind getpgid(2).
#[cfg(target_arch = "x86_64")]
const GETPGID: &str = "__x64_sys_getpgid";
#[cfg(target_arch = "aarch64")]
const GETPGID: &str = "__arm64_sys_getpgid";

/// Makes the system call so many times.
fn getpgid(times: u64) {
    for _ in 0..times {
        // SAFETY: no arguments that could be wrong.
        unsafe { libc::getpgid(0) };
    }
}

fn kprobe(function: &str) -> Attach {
    Attach::Kprobe { function: function.into(), module: None, offset: 0 }
}

fn kretprobe(function: &str) -> Attach {
    Attach::Kretprobe { function: function.into(), module: None }
}

fn tracepoint(event: &str) -> Attach {
    Attach::Tracepoint { category: "syscalls".into(), event: event.into() }
}

/// One program that counts at all of `targets`.
fn counting(kind: ProbeKind, targets: Vec<Attach>) -> Artifact {
    assert!(std::env::var_os("BEETRACE_GUEST").is_some(), "these tests are for guests only");
    let mut artifact = handmade::artifact();
    let mut program = handmade::counting("counts", kind, ("", Attach::Begin));
    program.attach = targets
        .into_iter()
        .enumerate()
        .map(|(i, target)| AttachPoint {
            name: format!("point {i}"),
            target,
            cookie: 100 + i as u64,
            place: (0, 1, 1),
        })
        .collect();
    artifact.programs = vec![program];
    artifact
}

fn open(artifact: &Artifact) -> Loaded {
    Loaded::open(artifact, &OPTIONS).unwrap_or_else(|error: LoadError| panic!("{error:?}"))
}

fn total(loaded: &Loaded) -> u64 {
    let value = loaded.maps()[TOTAL].lookup(&0u32.to_le_bytes(), MapFlags::ANY).unwrap().unwrap();
    u64::from_le_bytes(value.try_into().unwrap())
}

fn counts_exactly(kind: ProbeKind, target: Attach) {
    let artifact = counting(kind, vec![target]);
    let mut loaded = open(&artifact);
    getpgid(10);
    loaded.attach(&artifact, &OPTIONS).unwrap();
    assert_eq!(loaded.attached(), 1);
    getpgid(1000);
    let missed = loaded.missed()[0];
    println!("missed: {missed:?}");
    assert!(missed.is_none_or(|missed| missed == 0));
    loaded.detach();
    getpgid(10);
    assert_eq!(total(&loaded), 1000);
}

#[test]
fn a_kprobe_counts_every_call() {
    counts_exactly(ProbeKind::Kprobe, kprobe(GETPGID));
}

#[test]
fn a_kretprobe_counts_every_return() {
    counts_exactly(ProbeKind::Kretprobe, kretprobe(GETPGID));
}

#[test]
fn a_tracepoint_counts_every_hit() {
    counts_exactly(ProbeKind::Tracepoint, tracepoint("sys_enter_getpgid"));
}

#[test]
fn the_kernel_is_a_module_of_its_own_name() {
    let target = Attach::Kprobe { function: GETPGID.into(), module: Some("vmlinux".into()), offset: 0 };
    counts_exactly(ProbeKind::Kprobe, target);
}

/// Some function of some loaded module that takes kprobes.
fn module_function() -> (String, String) {
    let text = fs::read_to_string("/sys/kernel/tracing/available_filter_functions").unwrap();
    let line = text.lines().find(|line| line.ends_with(']')).expect("the guest has modules");
    let (name, module) = line.split_once(' ').unwrap();
    (name.to_owned(), module.trim_matches(['[', ']']).to_owned())
}

#[test]
fn a_function_is_found_by_its_module() {
    let (function, module) = module_function();
    let target =
        |module: &str| Attach::Kprobe { function: function.clone(), module: Some(module.into()), offset: 0 };
    let artifact = counting(ProbeKind::Kprobe, vec![target(&module), target("no_such_module")]);
    let mut loaded = open(&artifact);
    let error = loaded.attach(&artifact, &OPTIONS).unwrap_err();
    assert_eq!(error, AttachError::Failed(vec![Failure { program: 0, point: 1, errno: libc::ENOENT }]));
    assert_eq!(loaded.attached(), 1);
}

#[test]
fn an_interval_fires_on_one_cpu_and_a_profile_on_all() {
    let clocks = [
        (ProbeKind::Interval, Attach::Interval { period: 10_000_000 }, 1),
        (ProbeKind::Profile, Attach::Profile { period: Some(10_000_000), frequency: None }, 2),
        (ProbeKind::Profile, Attach::Profile { period: None, frequency: Some(100) }, 2),
    ];
    assert!(System::online_cpus().unwrap().len() >= 2);
    for (kind, target, cpus) in clocks {
        let artifact = counting(kind, vec![target]);
        let mut loaded = open(&artifact);
        loaded.attach(&artifact, &OPTIONS).unwrap();
        let start = Instant::now();
        std::thread::sleep(Duration::from_secs(1));
        loaded.detach();
        let (seen, due) = (total(&loaded), start.elapsed().as_millis() as u64 / 10 * cpus);
        println!("{kind:?}: {seen} of {due}");
        // the emulator may hold a CPU back, but no clock ticks too often
        assert!(seen >= due / 3 && seen <= due + due / 10 + 2, "{kind:?}: {seen} of {due}");
        assert_eq!(loaded.missed(), [None]);
    }
}

#[test]
fn every_failing_attach_point_is_told_and_the_others_are_attached() {
    let inside = Attach::Kprobe { function: GETPGID.into(), module: None, offset: 1 << 20 };
    let targets = vec![kprobe("no_such_function"), kprobe(GETPGID), inside];
    let artifact = counting(ProbeKind::Kprobe, targets);
    let mut loaded = open(&artifact);
    let AttachError::Failed(failures) = loaded.attach(&artifact, &OPTIONS).unwrap_err() else { panic!() };
    println!("{failures:?}");
    assert_eq!(failures.iter().map(|f| f.point).collect::<Vec<_>>(), [0, 2]);
    assert_eq!(failures[0].errno, libc::ENOENT);
    assert_eq!(loaded.attached(), 1);
    getpgid(5);
    assert_eq!(total(&loaded), 5);
    let artifact = counting(ProbeKind::Tracepoint, vec![tracepoint("sys_enter_no_such")]);
    let error = open(&artifact).attach(&artifact, &OPTIONS).unwrap_err();
    assert_eq!(error, AttachError::Failed(vec![Failure { program: 0, point: 0, errno: libc::ENOENT }]));
}

/// Adds the link's cookie to `@total`.
fn cookies(artifact: &mut Artifact) {
    let mut asm = Asm::default();
    asm.call(174).map_value(6, TOTAL, 0).op(0xdb, 6, 0, 0, 0).exit();
    let program = &mut artifact.programs[0];
    program.cookies = true;
    (program.insns, program.relocs) = (asm.insns, asm.relocs);
}

#[test]
fn cookies_tell_attach_points_apart() {
    let exit = counting(
        ProbeKind::Tracepoint,
        vec![tracepoint("sys_enter_getpgid"), tracepoint("sys_exit_getpgid")],
    );
    let functions =
        counting(ProbeKind::Kprobe, vec![kprobe(GETPGID), kprobe("__do_sys_getpgid"), kprobe(GETPGID)]);
    for (mut artifact, sum) in [(exit, 100 + 101), (functions, 100 + 102)] {
        cookies(&mut artifact);
        let mut loaded = open(&artifact);
        // the function in the middle may be inlined: it counts nothing then, or is not there at all
        let _ = loaded.attach(&artifact, &OPTIONS);
        getpgid(3);
        let seen = total(&loaded);
        assert!(seen == 3 * sum || seen == 3 * (sum + 101), "{seen}");
    }
}

#[test]
fn one_link_holds_many_functions_and_lets_go_of_bad_ones() {
    for at_return in [false, true] {
        let (kind, target): (_, fn(&str) -> Attach) =
            if at_return { (ProbeKind::Kretprobe, kretprobe) } else { (ProbeKind::Kprobe, kprobe) };
        let (module_name, module) = module_function();
        let in_module = match target("") {
            Attach::Kprobe { .. } => {
                Attach::Kprobe { function: module_name, module: Some(module), offset: 0 }
            }
            _ => Attach::Kretprobe { function: module_name, module: Some(module) },
        };
        let targets = vec![
            target("vfs_fsync"),
            target("no_such_function"),
            target(GETPGID),
            in_module,
            target(GETPGID),
        ];
        let mut artifact = counting(kind, targets);
        artifact.programs[0].multi = true;
        cookies(&mut artifact);
        let mut loaded = open(&artifact);
        let AttachError::Failed(failures) = loaded.attach(&artifact, &OPTIONS).unwrap_err() else { panic!() };
        println!("{failures:?} missed {:?}", loaded.missed());
        assert_eq!(failures.iter().map(|f| f.point).collect::<Vec<_>>(), [1]);
        assert_eq!(loaded.attached(), 4);
        getpgid(7);
        assert_eq!(total(&loaded), 7 * (102 + 104), "a name that is there twice counts twice");
    }
}

/// Functions with kprobes on them now.
fn kprobes() -> usize {
    let text = fs::read_to_string("/sys/kernel/debug/kprobes/list").expect("debugfs");
    text.lines().count()
}

/// Functions of networking: enough of them, and none runs while the test does.
fn many(most: usize) -> Vec<Attach> {
    let text = fs::read_to_string("/sys/kernel/tracing/available_filter_functions").unwrap();
    let listed = text.lines().filter(|line| line.starts_with("tcp_") && !line.contains(['.', '[']));
    let mut names: Vec<&str> = listed.collect();
    names.sort_unstable();
    names.dedup();
    names.into_iter().map(kprobe).take(most).collect()
}

#[test]
fn many_attach_and_detach_and_none_stays_when_cancelled() {
    let before = kprobes();
    let targets = many(40);
    let count = targets.len();
    let artifact = counting(ProbeKind::Kprobe, targets);
    let mut loaded = open(&artifact);
    let start = Instant::now();
    let result = loaded.attach(&artifact, &OPTIONS);
    println!("{count} attached in {:?}: {result:?}", start.elapsed());
    assert_eq!(loaded.attached(), kprobes() - before);
    assert!(loaded.attached() >= count * 9 / 10, "{} of {count}", loaded.attached());
    let start = Instant::now();
    loaded.detach();
    println!("detached in {:?}", start.elapsed());
    assert_eq!(kprobes(), before);

    let cancel = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while kprobes() == before {}
            cancel.store(true, Ordering::Relaxed);
        });
        let result = loaded.attach(
            &artifact,
            &Options { target: None, cancel: &cancel, missing: Missing::Error, log: false },
        );
        assert_eq!(result, Err(AttachError::Cancelled));
    });
    assert_eq!((loaded.attached(), kprobes()), (0, before));
    let error = Loaded::open(
        &artifact,
        &Options { target: None, cancel: &AtomicBool::new(true), missing: Missing::Error, log: false },
    )
    .unwrap_err();
    assert_eq!(error, LoadError::Cancelled);
}

#[test]
fn one_link_attaches_hundreds_at_once() {
    let mut artifact = counting(ProbeKind::Kprobe, many(400));
    artifact.programs[0].multi = true;
    let mut loaded = open(&artifact);
    let start = Instant::now();
    let result = loaded.attach(&artifact, &OPTIONS);
    let attaching = start.elapsed();
    let start = Instant::now();
    assert!(loaded.attached() > 300, "{} attached: {result:?}", loaded.attached());
    loaded.detach();
    println!("attached in {attaching:?}, detached in {:?}: {result:?}", start.elapsed());
    assert!(attaching < Duration::from_secs(10), "one link for all: {attaching:?}");
}
