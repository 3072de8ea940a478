//! Random scripts on the real kernel: what they print must be what the typed tree means.
//!
//! `random PROGRAMS SQUEEZED`: BEGIN programs run through BPF_PROG_TEST_RUN, so each script is a number of programs
//! that the verifier takes and the kernel executes: PROGRAMS of them compiled with all registers, and SQUEEZED with six,
//! so that every one spills. `random print SEED` prints a script.
//!
//! Built without the compiler's own checks (profile `swift`): guests are emulated, and `tests/it/differential.rs`
//! compiles such scripts with all of them. Scripts do not depend on the kernel, but for what it cannot do.

use std::cell::RefCell;
use std::process::ExitCode;
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use beetrace::config::Missing;
use beetrace::diag::{Severity, Sink, render};
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

/// Programs a script.
const PROBES: usize = 25;
/// Registers that make every program spill.
const FEW: u8 = 6;
/// Longest complaint that is printed.
const TOLD: usize = 4000;

/// The artifact, and what the script must print.
fn compiled(host: &System, sources: &SourceMap, registers: u8) -> Result<(Artifact, String), String> {
    let (file, _) = sources.files().next().expect("one file");
    let mut settings = Settings { registers, ..Settings::default() };
    settings.config.max_map_keys = 64;
    let (mut sink, mut expected) = (Sink::default(), None);
    let artifact = compile(sources, &file.into(), host, &settings, &mut sink, &mut |product| {
        if let Product::Typed(program) = product {
            let mut program = program.clone();
            // The last probe only ends the run.
            program.probes.pop();
            expected = Some(meaning::run(&program));
        }
        true
    });
    let errors = || sink.all().iter().filter(|d| d.severity == Severity::Error).cloned().collect::<Vec<_>>();
    let artifact = artifact.ok_or_else(|| render::to_string(sources, &errors()))?;
    Ok((artifact, expected.expect("a typed tree")?))
}

/// Runs a script to its end and gives what it printed.
fn printed(sources: &SourceMap, artifact: &Artifact) -> Result<String, String> {
    let signals = Signals::install().map_err(|error| error.to_string())?;
    let options = Options { target: None, cancel: signals.cancel(), missing: Missing::Error };
    let told = |list: Vec<_>| render::to_string(sources, &list);
    let mut loaded =
        Loaded::open(artifact, &options).map_err(|error| told(error.diagnostics(artifact, sources, true)))?;
    let about = Surroundings { artifact, sources, options, verbose: false };
    let mut kernel = LoadedKernel::new(&mut loaded, about).map_err(|failure| told(failure.diagnostics))?;
    let memory = Memory(Rc::new(RefCell::new(Vec::new())));
    let mut output = Text::new(Writer::new(Box::new(memory.clone()), Buffering::Full), true);
    let options = RunOptions { quiet: true, verbose: false, print_maps: false, trials: false };
    let outlets = Outlets { results: &mut output, messages: &mut std::io::sink() };
    run(artifact, &mut kernel, &options, &mut Processes::default(), outlets, signals)
        .map_err(|failure| told(failure.diagnostics))?;
    let bytes = memory.0.borrow().clone();
    String::from_utf8(bytes).map_err(|error| error.to_string())
}

fn text(seed: u64, host: &System) -> String {
    let kernel =
        script::Kernel { walks: host.has(Feature::ForEachMapElem), reads: host.has(Feature::LookupPerCpu) };
    script::generate_without_clear(seed, PROBES, kernel) + "begin { exit(); }\n"
}

/// Compiles and runs a script; the time that compiling took, or what is wrong.
fn check(host: &System, seed: u64, registers: u8) -> Result<Duration, String> {
    let mut sources = SourceMap::default();
    sources.add("random.bt", text(seed, host));
    let start = Instant::now();
    let (artifact, expected) = compiled(host, &sources, registers)?;
    let compiling = start.elapsed();
    let got = printed(&sources, &artifact)?;
    if got.trim_end() == expected.trim_end() { Ok(compiling) } else { Err(difference(&expected, &got)) }
}

fn difference(expected: &str, got: &str) -> String {
    let differ = |(a, b): &(&str, &str)| a != b;
    let pair = expected.lines().zip(got.lines()).find(differ);
    pair.map_or("one is longer".into(), |(a, b)| format!("expected {a}\ngot      {b}"))
}

/// Runs scripts of so many programs on all CPUs; gives how many scripts failed.
fn check_all(programs: u64, registers: u8) -> u64 {
    let (next, failed, compiling) = (AtomicU64::new(0), AtomicU64::new(0), AtomicU64::new(0));
    let start = Instant::now();
    let work = || {
        let host = System::new();
        loop {
            let seed = next.fetch_add(1, Relaxed);
            if seed >= programs.div_ceil(PROBES as u64) {
                return;
            }
            match check(&host, seed, registers) {
                Ok(time) => drop(compiling.fetch_add(time.as_millis() as u64, Relaxed)),
                Err(why) => {
                    failed.fetch_add(1, Relaxed);
                    // the end of a verifier's log tells most
                    let cut = why.char_indices().rev().nth(TOLD).map_or(0, |(at, _)| at);
                    println!(
                        "seed {seed}, {registers} registers:\n{}\n…\n{}",
                        &why[..why.floor_char_boundary(500)],
                        &why[cut..]
                    );
                }
            }
        }
    };
    let threads = std::thread::available_parallelism().map_or(1, |n| n.get());
    std::thread::scope(|scope| (0..threads).for_each(|_| drop(scope.spawn(work))));
    eprintln!(
        "{registers} registers: {:?}, of which compiling took {compiling:?} ms on {threads} CPUs",
        start.elapsed()
    );
    failed.into_inner()
}

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let number = |index: usize| args.get(index).and_then(|word| word.parse::<u64>().ok());
    match (args.first().map(String::as_str), number(0), number(1)) {
        (Some("print"), _, Some(seed)) => print!("{}", text(seed, &System::new())),
        (_, Some(programs), Some(squeezed)) => {
            let failed = check_all(programs, 10) + check_all(squeezed, FEW);
            if failed > 0 {
                println!("{failed} scripts failed");
                return ExitCode::FAILURE;
            }
            println!("{programs} programs and {squeezed} that spill: all as meant");
        }
        _ => {
            eprintln!("usage: random PROGRAMS SQUEEZED | random print SEED");
            return ExitCode::from(2);
        }
    }
    ExitCode::SUCCESS
}
