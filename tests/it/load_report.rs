//! What a user reads when the kernel refuses: `tests/golden/load/NAME-KERNEL.log` hold a verifier's log of one of the
//! programs of [`handmade::REFUSED`], the line [`RULE`], and the message made of it. `BLESS=1 cargo test load_report` writes what is made now.

use beetrace::diag::render;
use beetrace::load::{AttachError, Failure, LoadError, Lockdown, Refusal};
use beetrace::object::artifact::{Artifact, AttachPoint};
use beetrace::sema::tree::{Attach, Inside, Traced};
use beetrace::source::SourceMap;

use crate::handmade::{self, COUNT};

/// Stands between input and output.
const RULE: &str = "---- gives ----\n";

fn sources() -> SourceMap {
    let mut sources = SourceMap::default();
    sources.add("handmade.bt", handmade::SCRIPT);
    sources
}

fn rendered(error: &LoadError, verbose: bool) -> String {
    of(&handmade::artifact(), error, verbose)
}

fn of(artifact: &Artifact, error: &LoadError, verbose: bool) -> String {
    render::to_string(&sources(), &error.diagnostics(artifact, &sources(), verbose))
}

#[test]
fn refusals_speak_of_the_script() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/load");
    let mut paths: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    assert!(!paths.is_empty());
    let bless = std::env::var_os("BLESS").is_some();
    for path in paths {
        let text = std::fs::read_to_string(&path).unwrap();
        let (log, expected) = text.split_once(RULE).unwrap_or((&text, ""));
        let refusal = Refusal { program: 0, errno: 13, log: log.trim_end().to_owned() };
        let name = path.file_stem().and_then(|stem| stem.to_str()?.split_once('-')).expect("NAME-KERNEL").0;
        let found = of(&handmade::refused(name), &LoadError::Refused(vec![refusal]), false);
        if bless {
            std::fs::write(&path, format!("{}\n\n{RULE}{found}", log.trim_end())).unwrap();
        } else {
            assert_eq!(found, expected, "{}", path.display());
        }
    }
}

#[test]
fn the_whole_log_only_when_asked_for() {
    let refusal = Refusal { program: 0, errno: 13, log: "7: (79) r0 = *(u64 *)(r0 +0)\nsome words".into() };
    let error = LoadError::Refused(vec![refusal]);
    assert!(!rendered(&error, false).contains("(79)"));
    assert!(rendered(&error, true).contains("7: (79) r0 = *(u64 *)(r0 +0)"));
}

#[test]
fn failed_attach_points_are_told_together() {
    let mut artifact = handmade::artifact();
    let kprobe = |name: &str| AttachPoint {
        name: format!("kprobe:{name}"),
        target: Attach::Kprobe { function: name.into(), module: None, offset: 0 },
        cookie: 0,
        place: (0, 1, 1),
    };
    artifact.programs[0].attach = (0..8).map(|i| kprobe(&format!("f{i}"))).collect();
    let failure = |point, errno| Failure { program: 0, point, errno };
    let mut failures: Vec<Failure> = (0..7).map(|point| failure(point, 22)).collect();
    failures.push(failure(7, 2));
    let made = AttachError::Failed(failures).diagnostics(&artifact, &sources());
    let text = render::to_string(&sources(), &made);
    let expected = "\
error[E0704]: cannot attach `kprobe:f7`: the kernel has no such function
  ┌─ handmade.bt:1:1
  │
1 │ begin {
  │ ^^^^^

error[E0704]: cannot attach 7 probes, `kprobe:f0` first: the kernel does not allow a probe there (not traceable, \
or not the start of an instruction)
  ┌─ handmade.bt:1:1
  │
1 │ begin {
  │ ^^^^^
  │
  = note: these are: kprobe:f0, kprobe:f1, kprobe:f2, kprobe:f3, kprobe:f4, and 2 more
  = help: `beetrace -l 'kprobe:NAME*'` lists what can be traced

";
    assert_eq!(text, expected);
}

#[test]
fn a_map_that_does_not_fit_is_named_as_in_the_script() {
    let expected = "\
error[E0703]: map `@count` could not be created: cannot allocate memory
 = note: it has 64 entries, with 8 bytes for a key and 8 bytes for a value (per-CPU maps: on each CPU)
 = help: use fewer entries (max_map_keys, or the map's declaration) or smaller values

";
    assert_eq!(rendered(&LoadError::Map { map: COUNT, errno: 12 }, false), expected);
}

#[test]
fn a_map_that_locked_memory_has_no_room_for_names_the_limit() {
    let expected = "\
error[E0703]: map `@count` could not be created: operation not permitted
 = help: the limit of locked memory may be too low: raise it with `ulimit -l unlimited`

";
    assert_eq!(rendered(&LoadError::Map { map: COUNT, errno: 1 }, false), expected);
}

#[test]
fn lockdown_is_named_with_its_mode() {
    let expected = "\
error[E0705]: the kernel is locked down (confidentiality) and does not allow this
 = note: lockdown comes with Secure Boot or the kernel parameter lockdown=
 = help: boot without it, or try the script in a virtual machine

";
    assert_eq!(rendered(&LoadError::Lockdown(Lockdown::Confidentiality), false), expected);
    assert!(rendered(&LoadError::Lockdown(Lockdown::Integrity), false).contains("(integrity)"));
}

/// What the kernel does not even look at is nothing that the compiler did wrong.
#[test]
fn programs_that_policy_forbids_are_no_bugs() {
    let refusal = |log: &str| LoadError::Refused(vec![Refusal { program: 0, errno: 1, log: log.into() }]);
    let expected = "\
error[E0701]: the kernel does not permit the program of `begin`
  ┌─ handmade.bt:1:1
  │
1 │ begin {
  │ ^^^^^
  │
  = note: the process has the capabilities: lockdown, a security module or a container's filter forbids it
  = help: ask who set up the machine, or try the script in a virtual machine

";
    assert_eq!(rendered(&refusal("\n"), false), expected);
    assert!(rendered(&refusal("0: (95) exit\nR0 !read_ok"), false).contains("bug in beetrace"));
    let mut artifact = handmade::artifact();
    artifact.programs[0].attach[0].target =
        Attach::Fentry(Traced { function: "vfs_open".into(), inside: Inside::Module("vmlinux".into()) });
    assert!(of(&artifact, &refusal(""), false).contains("try a kprobe or a tracepoint"));
}
