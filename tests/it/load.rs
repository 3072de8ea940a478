//! The loader against the running kernel, with a hand-made artifact. Needs root; nothing but our own programs is run.
//!
//! The same tests run in guests: `cargo xtask vm --kernel all --in target/…/deps/it-… -- './it-… load:: --test-threads 1'`.

use std::cell::RefCell;
use std::os::fd::AsRawFd;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};

use beetrace::config::Missing;
use beetrace::load::{LoadError, Loaded, Options, verifier};
use beetrace::wire::ledger::{self, Cause};
use libbpf_rs::{MapCore, MapFlags, RingBufferBuilder};

use crate::handmade::{self, COUNT, LEDGER, RECORD, RING, SWAP, TOTAL};

static NEVER: AtomicBool = AtomicBool::new(false);
const OPTIONS: Options<'static> =
    Options { target: None, cancel: &NEVER, missing: Missing::Error, log: false };

/// False, and said, for a user who may not load programs. In guests the same tests run as root.
fn privileged() -> bool {
    // SAFETY: no preconditions.
    let root = unsafe { libc::geteuid() } == 0;
    if !root {
        eprintln!(
            "SKIPPED: loading programs takes root; `cargo xtask test-runtime kernel` runs this in guests"
        );
    }
    root
}

fn word(map: &impl MapCore, key: &[u8]) -> Option<u64> {
    let value = map.lookup(key, MapFlags::ANY).expect("a lookup")?;
    Some(u64::from_le_bytes(value[..8].try_into().unwrap()))
}

#[test]
fn begin_writes_to_the_ring_and_to_every_kind_of_map() {
    if !privileged() {
        return;
    }
    let loaded = Loaded::open(&handmade::artifact(), &OPTIONS).expect("the kernel takes the artifact");
    loaded.run_begin().unwrap();
    loaded.run_begin().unwrap();
    loaded.run_end().unwrap();

    let records = Rc::new(RefCell::new(Vec::new()));
    let mut builder = RingBufferBuilder::new();
    let sink = records.clone();
    let take = move |data: &[u8]| {
        sink.borrow_mut().push(data.to_vec());
        0
    };
    builder.add(&loaded.maps()[RING], take).unwrap();
    builder.build().unwrap().consume().unwrap();
    let expected: Vec<u8> = [0u64.to_le_bytes(), RECORD.to_le_bytes()].concat();
    assert_eq!(*records.borrow(), [expected.clone(), expected]);

    let zero = 0u32.to_le_bytes();
    assert_eq!(word(&loaded.maps()[COUNT], &7u64.to_le_bytes()), Some(1), "NOEXIST keeps the first");
    assert_eq!(word(&loaded.maps()[TOTAL], &zero), Some(3), "twice in BEGIN, once in END");
    let counter = loaded.ledger().unwrap().at(ledger::offset(1, Cause::ReadFault));
    assert_eq!(counter.load(Ordering::Relaxed), 2);
    let others = loaded.memory(LEDGER).unwrap().words().iter().filter(|w| w.load(Ordering::Relaxed) != 0);
    assert_eq!(others.count(), 1, "nothing else in the ledger changed");

    assert_eq!(word(&loaded.current(SWAP).unwrap(), &zero), Some(2));
    let old = loaded.swap(SWAP).unwrap();
    loaded.run_begin().unwrap();
    assert_eq!(word(&old, &zero), Some(2), "what was taken out does not change any more");
    assert_eq!(word(&loaded.current(SWAP).unwrap(), &zero), Some(1));
}

#[test]
fn a_refused_program_is_told_by_line_and_complaint() {
    if !privileged() {
        return;
    }
    for (name, _, words) in handmade::REFUSED {
        let artifact = handmade::refused(name);
        let error = Loaded::open(&artifact, &OPTIONS).expect_err("the verifier refuses it");
        let LoadError::Refused(refusals) = &error else { panic!("{name}: {error:?}") };
        // to be kept under tests/golden/load
        println!("---- {name}\n{}", refusals[0].log);
        assert_eq!((refusals.len(), refusals[0].program), (1, 0), "the other program is not blamed");
        let complaint = verifier::complaint(&refusals[0].log);
        assert!(complaint.text.contains(words), "{name}: {complaint:?}");
        // a leak is found at the end of the program
        let line = if *name == "leak" { 4 } else { 3 };
        let slot = complaint.slot.expect("an instruction");
        assert_eq!(verifier::line_at(&artifact.programs[0].lines, slot).unwrap().line, line, "{name}");
    }
}

/// Takes every capability from the calling thread alone.
fn drop_capabilities() {
    // struct __user_cap_header_struct of version 3, and two empty sets of data
    let header = [0x2008_0522u32, 0];
    let none = [0u32; 6];
    // SAFETY: both are as long as the version says.
    let result = unsafe { libc::syscall(libc::SYS_capset, header.as_ptr(), none.as_ptr()) };
    assert_eq!(result, 0);
}

#[test]
fn without_rights_the_error_says_so() {
    let load = || {
        drop_capabilities();
        Loaded::open(&handmade::artifact(), &OPTIONS).expect_err("not permitted")
    };
    let error = std::thread::spawn(load).join().unwrap();
    assert_eq!(error, LoadError::NoPrivilege);
}

#[test]
fn a_map_that_cannot_be_is_told() {
    if !privileged() {
        return;
    }
    let mut artifact = handmade::artifact();
    artifact.maps[COUNT].value_size = 1 << 30;
    let error = Loaded::open(&artifact, &OPTIONS).expect_err("a value of a gigabyte");
    assert!(matches!(error, LoadError::Map { map: COUNT, errno: libc::E2BIG | libc::ENOMEM }), "{error:?}");
    let mut artifact = handmade::artifact();
    artifact.maps[SWAP].value_size = u32::MAX - 16;
    let error = Loaded::open(&artifact, &OPTIONS).expect_err("an inner map of four gigabytes");
    assert!(matches!(error, LoadError::Map { map: SWAP, .. }), "{error:?}");
}

#[test]
fn the_kernel_holds_names_and_line_records() {
    if !privileged() {
        return;
    }
    let mut artifact = handmade::artifact();
    artifact.programs[0].name = "tp_sys_enter_openat".into();
    artifact.programs[1].name = "tp_sys_enter_open".into();
    let loaded = Loaded::open(&artifact, &OPTIONS).unwrap();
    let infos: Vec<_> = loaded.programs().map(|fd| info(&fd)).collect();
    assert_eq!(infos[0].0, "tp_sys_enter_op");
    assert_eq!(infos[1].0, "tp_sys_enter__2");
    let lines: Vec<_> = artifact.programs.iter().map(|program| program.lines.len() as u32).collect();
    assert_eq!([infos[0].1, infos[1].1], lines[..]);
    assert_eq!((infos[0].2, infos[1].2), (1, 1), "func info");
}

/// Name, line records and functions of a program.
fn info(program: &impl AsRawFd) -> (String, u32, u32) {
    let mut info = libbpf_sys::bpf_prog_info::default();
    let mut length = size_of::<libbpf_sys::bpf_prog_info>() as u32;
    // SAFETY: plain data of that length.
    let result =
        unsafe { libbpf_sys::bpf_prog_get_info_by_fd(program.as_raw_fd(), &raw mut info, &raw mut length) };
    assert_eq!(result, 0);
    let name = info.name.iter().take_while(|c| **c != 0).map(|c| *c as u8 as char).collect();
    (name, info.nr_line_info, info.nr_func_info)
}
