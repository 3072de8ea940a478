//! Running what was compiled elsewhere.

use std::cell::RefCell;
use std::fmt::Write;
use std::rc::Rc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use beetrace::config::Missing;
use beetrace::diag::render;
use beetrace::host::{Feature, Host, system::System};
use beetrace::load::{Loaded, Options, limit};
use beetrace::runtime::libbpf::{LoadedKernel, Surroundings};
use beetrace::runtime::output::sink::Memory;
use beetrace::runtime::output::text::Text;
use beetrace::runtime::output::writer::{Buffering, Writer};
use beetrace::runtime::run::{Outlets, Processes, RunOptions, run};
use beetrace::runtime::signals::Signals;
use beetrace::source::SourceMap;

use crate::pack::{Pack, Script};
use crate::{PROBES, features};

/// Longest complaint that is printed.
const TOLD: usize = 4000;

/// Runs a script to its end and gives what it printed.
fn printed(script: &Script) -> Result<String, String> {
    let mut sources = SourceMap::default();
    sources.add("random.bt", script.text.clone());
    let (artifact, sources) = (&script.artifact, &sources);
    let signals = Signals::install().map_err(|error| error.to_string())?;
    let options = Options { target: None, cancel: signals.cancel(), missing: Missing::Error, log: false };
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

fn check(script: &Script) -> Result<(), String> {
    let got = printed(script)?;
    if got.trim_end() == script.expected.trim_end() {
        Ok(())
    } else {
        Err(difference(&script.expected, &got))
    }
}

fn difference(expected: &str, got: &str) -> String {
    let differ = |(a, b): &(&str, &str)| a != b;
    let pair = expected.lines().zip(got.lines()).find(differ);
    pair.map_or("one is longer".into(), |(a, b)| format!("expected {a}\ngot      {b}"))
}

/// The pack was made for a kernel that is like this one.
fn suits(pack: &Pack) -> Result<(), String> {
    let host = System::new();
    if host.possible_cpus() != pack.cpus {
        return Err(format!("compiled for {} CPUs, there are {}", pack.cpus, host.possible_cpus()));
    }
    let lacks = |feature: &Feature| !host.has(*feature);
    match features(&pack.features)?.into_iter().find(lacks) {
        Some(feature) => Err(format!("compiled for a kernel with {}, which this one lacks", feature.name())),
        None => Ok(()),
    }
}

/// Runs them on all CPUs; what came of it, or what is wrong.
pub fn all(pack: &Pack) -> Result<String, String> {
    suits(pack)?;
    check(&pack.large).map_err(|why| format!("the large program:\n{why}"))?;
    let (next, wrong) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let work = || {
        while let Some(script) = pack.scripts.get(next.fetch_add(1, Relaxed)) {
            if let Err(why) = check(script) {
                wrong.lock().expect("nobody panics with it").push((script, why));
            }
        }
    };
    let threads = std::thread::available_parallelism().map_or(1, |n| n.get());
    // loading makes room for one script, not for those that are loaded beside it
    let most = pack
        .scripts
        .iter()
        .map(|script| 2 * script.artifact.maps.len() + script.artifact.programs.len())
        .max();
    limit::room_for(threads * most.unwrap_or(0));
    std::thread::scope(|scope| (0..threads).for_each(|_| drop(scope.spawn(work))));
    let wrong = wrong.into_inner().expect("nobody panicked with it");
    if wrong.is_empty() {
        let spill = pack.scripts.iter().filter(|script| script.registers < 10).count();
        let count = |scripts: usize| scripts * PROBES;
        return Ok(format!(
            "{} programs and {} that spill: all as meant\n",
            count(pack.scripts.len() - spill),
            count(spill)
        ));
    }
    let mut told = String::new();
    for (Script { seed, registers, .. }, why) in &wrong {
        // the end of a verifier's log tells most
        let cut = why.char_indices().rev().nth(TOLD).map_or(0, |(at, _)| at);
        let head = &why[..why.floor_char_boundary(500)];
        let _ = writeln!(told, "seed {seed}, {registers} registers:\n{head}\n…\n{}", &why[cut..]);
    }
    Err(format!("{told}{} scripts failed", wrong.len()))
}
