//! Runs that end before their time: what is said of each cause.

use beetrace::object::artifact::Artifact;
use beetrace::runtime::failure::Failure;
use beetrace::runtime::output::sink::Memory;
use beetrace::runtime::output::text::Text;
use beetrace::runtime::output::writer::{Buffering, Writer};
use beetrace::runtime::run::{Outlets, Processes, RunOptions, run};
use beetrace::runtime::signals::Signals;
use beetrace::sema::tree::ProbeKind;
use beetrace::wire::map::{MapKind, ValueKind};
use beetrace::wire::types::DataType;

use super::fake::{self, Fake, Hooks, World};

const OPTIONS: RunOptions = RunOptions { quiet: true, verbose: false, print_maps: true, trials: false };

/// Status, code and words of a run that fails.
fn failure(artifact: &Artifact, kernel: &mut Fake) -> (u8, String) {
    let mut output = Text::new(Writer::new(Box::new(Memory::default()), Buffering::Auto), false);
    let signals = Signals::install().unwrap();
    let outlets = Outlets { results: &mut output, messages: &mut std::io::sink() };
    let Failure { status, diagnostics } =
        run(artifact, kernel, &OPTIONS, &mut Processes::default(), outlets, signals).unwrap_err();
    (status, format!("{}: {}", diagnostics[0].code.id, diagnostics[0].message))
}

/// `begin { @x[1] = 2; }`, and the kernel does not let the map be read.
#[test]
fn a_map_that_cannot_be_read() {
    let plain = ValueKind::Plain(DataType::Int { size: 8, signed: true });
    let artifact = fake::artifact(vec![fake::map("@x", MapKind::Hash, None, plain, false)], Vec::new());
    let begin = |world: &mut World| _ = world.add(0, &1u64.to_le_bytes(), 2);
    let mut kernel = Fake::new(&artifact, Hooks { begin: Some(Box::new(begin)), ..Hooks::default() });
    (kernel.points, kernel.broken) = (0, true);
    assert_eq!(failure(&artifact, &mut kernel), (1, "E0804: cannot read @x: input/output error".into()));
}

/// `iter:task { }`, and reading the iterator fails: a folder cannot be read as a file.
#[test]
fn an_iterator_that_cannot_be_read() {
    let mut artifact = fake::artifact(Vec::new(), Vec::new());
    artifact.programs[0].kind = ProbeKind::Iter;
    let mut kernel = Fake::new(&artifact, Hooks::default());
    kernel.objects.push(std::fs::File::open("/").unwrap());
    assert_eq!(failure(&artifact, &mut kernel), (1, "E0805: cannot iterate: is a directory".into()));
}

/// A record that no program of the script makes.
#[test]
fn a_record_of_an_action_that_is_not_there() {
    let artifact = fake::artifact(Vec::new(), Vec::new());
    let begin = |world: &mut World| _ = world.submit(99, 0, &[], false);
    let mut kernel = Fake::new(&artifact, Hooks { begin: Some(Box::new(begin)), ..Hooks::default() });
    kernel.points = 0;
    let expected = "E0999: a record of an action that does not exist (99)";
    assert_eq!(failure(&artifact, &mut kernel), (1, expected.into()));
}
