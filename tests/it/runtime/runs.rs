//! Whole runs against the fake kernel. Expected output is what bpftrace 0.27 printed for the script named in the test.

use std::sync::atomic::Ordering;

use beetrace::object::artifact::Artifact;
use beetrace::runtime::child::Child;
use beetrace::runtime::output::sink::{Memory, Sink};
use beetrace::runtime::output::text::Text;
use beetrace::runtime::output::writer::{Buffering, Writer};
use beetrace::runtime::run::{Outlets, Processes, RunOptions, run};
use beetrace::runtime::signals::Signals;
use beetrace::wire::format::{Conversion, Format, Piece};
use beetrace::wire::map::{MapKind, ValueKind};
use beetrace::wire::record::{Action, Field};
use beetrace::wire::types::DataType;

use super::fake::{self, Fake, Hooks, World};

const OPTIONS: RunOptions = RunOptions { quiet: true, verbose: false, print_maps: true, trials: false };

const I64: DataType = DataType::Int { size: 8, signed: true };

fn text(text: &str) -> Action {
    Action::Printf { format: Format { pieces: vec![Piece::Text(text.into())] }, args: Vec::new() }
}

fn number() -> Action {
    let conversion = Conversion { kind: 'd', length: Some(8), ..Conversion::default() };
    let pieces = vec![Piece::Conversion(conversion), Piece::Text("\n".into())];
    Action::Printf { format: Format { pieces }, args: vec![Field { offset: 8, ty: I64 }] }
}

fn finish(artifact: &Artifact, kernel: &mut Fake, processes: &mut Processes) -> (u8, String) {
    let memory = Memory::default();
    let mut output = Text::new(Writer::new(Box::new(memory.clone()), Buffering::Auto), false);
    let signals = Signals::install().unwrap();
    let outlets = Outlets { results: &mut output, messages: &mut std::io::sink() };
    let status = run(artifact, kernel, &OPTIONS, processes, outlets, signals).unwrap();
    let written = memory.0.borrow().clone();
    (status, String::from_utf8(written).unwrap())
}

/// `begin { printf("a\n"); @x = 1; @b[1] = 2; @a = hist(1); @A = 5; exit(3); printf("not\n"); }
/// end { printf("end\n"); @c = 1; }`
#[test]
fn a_run_goes_from_begin_to_the_maps_by_name() {
    let plain = |name| fake::map(name, MapKind::Array, None, ValueKind::Plain(I64), true);
    let hist = fake::map("@a", MapKind::Array, None, ValueKind::Hist { bits: 0 }, true);
    let keyed = fake::map("@b", MapKind::Hash, None, ValueKind::Plain(I64), false);
    let maps = vec![plain("@x"), keyed, hist, plain("@A"), plain("@c"), plain("@never")];
    let actions = vec![text("a\n"), text("end\n"), Action::Exit, text("late\n")];
    let artifact = fake::artifact(maps, actions);
    let begin = |world: &mut World| {
        world.submit(0, 0, &[], false);
        world.add(0, &[0; 4], 1);
        world.add(1, &1u64.to_le_bytes(), 2);
        world.maps[2].get_mut(&[0; 4][..]).unwrap()[16] = 1;
        world.add(3, &[0; 4], 5);
        world.exit(2, 3);
        // another CPU prints before the runtime has seen the exit
        world.submit(3, 0, &[], false);
    };
    let end = |world: &mut World| {
        world.submit(1, 0, &[], false);
        world.add(4, &[0; 4], 1);
    };
    let hooks = Hooks { begin: Some(Box::new(begin)), end: Some(Box::new(end)), ..Hooks::default() };
    let mut kernel = Fake::new(&artifact, hooks);
    let (status, output) = finish(&artifact, &mut kernel, &mut Processes::default());
    let bar = "@".repeat(52);
    let expected =
        format!("a\nend\n\n\n@A: 5\n@a:\n[1]                    1 |{bar}|\n\n@b[1]: 2\n@c: 1\n@x: 1\n");
    assert_eq!((status, output), (3, expected));
}

/// `begin { printf("A\n"); exit(7); } interval:ms:10 { printf("tick\n"); } end { printf("E\n"); exit(9); }`
#[test]
fn the_last_exit_gives_the_status() {
    let artifact = fake::artifact(Vec::new(), vec![text("A\n"), text("tick\n"), text("E\n"), Action::Exit]);
    let begin = |world: &mut World| {
        world.submit(0, 0, &[], false);
        world.exit(3, 7);
    };
    let end = |world: &mut World| {
        world.submit(2, 0, &[], false);
        world.exit(3, 9);
        world.submit(1, 0, &[], false);
    };
    let hooks = Hooks { begin: Some(Box::new(begin)), end: Some(Box::new(end)), ..Hooks::default() };
    let mut kernel = Fake::new(&artifact, hooks);
    let (status, output) = finish(&artifact, &mut kernel, &mut Processes::default());
    assert_eq!((status, output.as_str()), (9, "A\nE\n\n\n"));
}

/// `tracepoint:… { printf("%ld\n", @n); if (++@n == 500) { exit(); } }`, with a ring that is full most of the time.
#[test]
fn an_exit_that_finds_no_room_comes_after_all_that_did() {
    let artifact = fake::artifact(Vec::new(), vec![number(), Action::Exit]);
    let (mut events, mut lost) = (0u64, 0);
    let step = |world: &mut World| {
        if events < 500 {
            lost += u64::from(!world.submit(0, 0, &events.to_le_bytes(), false));
            lost += u64::from(!world.submit(0, 0, &events.to_le_bytes(), false));
            events += 1;
            if events == 500 {
                world.exit(1, 0);
            }
        }
    };
    let mut kernel = Fake::new(&artifact, Hooks { step: Some(Box::new(step)), ..Hooks::default() });
    kernel.world.room = 5;
    let (status, output) = finish(&artifact, &mut kernel, &mut Processes::default());
    drop(kernel);
    let printed = output.lines().filter(|line| !line.is_empty()).count() as u64;
    assert_eq!((status, printed + lost), (0, 1000));
    assert!(lost > 0 && output.contains("\n1\n"));
}

/// `begin { printf("A\n"); }`
#[test]
fn nothing_attached_is_nothing_to_wait_for() {
    let artifact = fake::artifact(Vec::new(), vec![text("A\n")]);
    let begin = |world: &mut World| {
        world.submit(0, 0, &[], false);
    };
    let mut kernel = Fake::new(&artifact, Hooks { begin: Some(Box::new(begin)), ..Hooks::default() });
    kernel.points = 0;
    let (status, output) = finish(&artifact, &mut kernel, &mut Processes::default());
    assert_eq!((status, output.as_str()), (0, "A\n\n\n"));
}

#[test]
fn the_end_of_the_command_ends_the_run() {
    let artifact = fake::artifact(Vec::new(), vec![text("A\n")]);
    let mut kernel = Fake::new(&artifact, Hooks::default());
    let mut processes = Processes { child: Some(Child::prepare("true").unwrap()), target: None };
    assert_eq!(finish(&artifact, &mut kernel, &mut processes), (0, "\n\n".to_owned()));
}

/// A sink whose disk is full.
struct Full;

impl Sink for Full {
    fn write_all(&mut self, _: &[u8]) -> std::io::Result<()> {
        Err(std::io::Error::from_raw_os_error(28))
    }

    fn fd(&self) -> Option<std::os::fd::RawFd> {
        None
    }
}

#[test]
fn output_that_cannot_be_written_ends_the_run_with_an_error() {
    let artifact = fake::artifact(Vec::new(), vec![text("A\n")]);
    let step = |world: &mut World| {
        world.submit(0, 0, &[], false);
    };
    let mut kernel = Fake::new(&artifact, Hooks { step: Some(Box::new(step)), ..Hooks::default() });
    let mut output = Text::new(Writer::new(Box::new(Full), Buffering::Auto), false);
    let signals = Signals::install().unwrap();
    let outlets = Outlets { results: &mut output, messages: &mut std::io::sink() };
    let failure =
        run(&artifact, &mut kernel, &OPTIONS, &mut Processes::default(), outlets, signals).unwrap_err();
    assert_eq!((failure.status, failure.diagnostics[0].code.id), (1, "E0801"));
    assert_eq!(failure.diagnostics[0].message, "no space left for the output");
}

#[test]
fn the_runtime_asks_to_be_woken_only_when_there_is_nothing() {
    let artifact = fake::artifact(Vec::new(), vec![text("A\n"), Action::Exit]);
    let mut calls = 0;
    let step = |world: &mut World| {
        calls += 1;
        let asleep = world.globals[1].load(Ordering::Relaxed);
        assert_eq!(asleep, 0, "the runtime is awake when it calls");
        if calls == 3 {
            world.submit(0, 0, &[], false);
        } else if calls == 6 {
            world.exit(1, 0);
        }
    };
    let mut kernel = Fake::new(&artifact, Hooks { step: Some(Box::new(step)), ..Hooks::default() });
    assert_eq!(finish(&artifact, &mut kernel, &mut Processes::default()).1, "A\n\n\n");
    assert_ne!(kernel.world.globals[0].load(Ordering::Relaxed), 0, "the start is noted");
}
