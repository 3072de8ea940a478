//! Random scripts on the real kernel: what they print must be what the typed tree means.
//!
//! BEGIN programs run through BPF_PROG_TEST_RUN, so each script is a number of programs that the verifier takes and
//! the kernel executes. A part of them is compiled with six registers, so that every program spills.

use std::cell::RefCell;
use std::rc::Rc;

use beetrace::config::Missing;
use beetrace::diag::{Sink, render};
use beetrace::driver::compile::{Product, Settings, compile};
use beetrace::fuzz::{meaning, script};
use beetrace::host::system::System;
use beetrace::host::{Feature, Host};
use beetrace::load::{Loaded, Options};
use beetrace::object::artifact::Artifact;
use beetrace::runtime::libbpf::{LoadedKernel, Surroundings};
use beetrace::runtime::output::sink::Memory;
use beetrace::runtime::output::text::Text;
use beetrace::runtime::output::writer::{Buffering, Writer};
use beetrace::runtime::run::{Outlets, Processes, RunOptions, run};
use beetrace::runtime::signals::Signals;
use beetrace::source::SourceMap;

const PROBES: usize = 25;
const SCRIPTS: u64 = 6;
const SQUEEZED: u64 = 2;

/// The artifact, and what the script must print.
fn compiled(host: &System, sources: &SourceMap, registers: u8) -> (Artifact, String) {
    let (file, _) = sources.files().next().expect("one file");
    let mut settings = Settings { registers, ..Settings::default() };
    settings.config.max_map_keys = 64;
    let (mut sink, mut expected) = (Sink::default(), None);
    let artifact = compile(sources, &file.into(), host, &settings, &mut sink, &mut |product| {
        if let Product::Typed(program) = product {
            let mut program = program.clone();
            // The last probe only ends the run.
            program.probes.pop();
            expected = Some(meaning::run(&program).expect("a meaning"));
        }
        true
    });
    let artifact = artifact.unwrap_or_else(|| panic!("{}", render::to_string(sources, sink.all())));
    (artifact, expected.expect("a typed tree"))
}

/// Runs a script to its end and gives what it printed.
fn printed(sources: &SourceMap, artifact: &Artifact) -> String {
    let signals = Signals::install().expect("signals");
    let options = Options { target: None, cancel: signals.cancel(), missing: Missing::Error };
    let told = |list: Vec<_>| render::to_string(sources, &list);
    let mut loaded = Loaded::open(artifact, &options)
        .unwrap_or_else(|error| panic!("{}", told(error.diagnostics(artifact, sources, true))));
    let about = Surroundings { artifact, sources, options, verbose: false };
    let mut kernel = LoadedKernel::new(&mut loaded, about)
        .unwrap_or_else(|failure| panic!("{}", told(failure.diagnostics)));
    let memory = Memory(Rc::new(RefCell::new(Vec::new())));
    let mut output = Text::new(Writer::new(Box::new(memory.clone()), Buffering::Full), true);
    let options = RunOptions { quiet: true, verbose: false, print_maps: false, trials: false };
    let outlets = Outlets { results: &mut output, messages: &mut std::io::sink() };
    run(artifact, &mut kernel, &options, &mut Processes::default(), outlets, signals)
        .unwrap_or_else(|failure| panic!("{}", told(failure.diagnostics)));
    let bytes = memory.0.borrow().clone();
    String::from_utf8(bytes).expect("text")
}

fn check(host: &System, seed: u64, registers: u8) {
    let mut sources = SourceMap::default();
    let needs = [Feature::MayGoto, Feature::ForEachMapElem, Feature::LookupPerCpu];
    let loops = needs.into_iter().all(|feature| host.has(feature));
    let text = script::generate_without_clear(seed, PROBES, loops) + "begin { exit(); }\n";
    sources.add("random.bt", text);
    let (artifact, expected) = compiled(host, &sources, registers);
    let got = printed(&sources, &artifact);
    assert!(got.trim_end() == expected.trim_end(), "seed {seed}:\n{}", difference(&expected, &got));
}

fn difference(expected: &str, got: &str) -> String {
    let differ = |(a, b): &(&str, &str)| a != b;
    let pair = expected.lines().zip(got.lines()).find(differ);
    pair.map_or("one is longer".into(), |(a, b)| format!("expected {a}\ngot      {b}"))
}

#[test]
fn random_scripts_mean_the_same_in_the_kernel() {
    let host = System::new();
    for seed in 0..SCRIPTS {
        check(&host, seed, 10);
    }
}

#[test]
fn random_scripts_that_spill_mean_the_same_in_the_kernel() {
    let host = System::new();
    for seed in 0..SQUEEZED {
        check(&host, seed, 6);
    }
}
