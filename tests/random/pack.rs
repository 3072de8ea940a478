//! Compiling random scripts for a kernel that need not be this one.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use beetrace::diag::{Severity, Sink, render};
use beetrace::driver::compile::{Product, Settings, compile};
use beetrace::fuzz::{meaning, script};
use beetrace::host::Feature;
use beetrace::host::fake::Fake;
use beetrace::object::artifact::Artifact;
use beetrace::sema::tree::Program;
use beetrace::source::SourceMap;
use serde::{Deserialize, Serialize};

use crate::PROBES;

/// Registers that make every program spill, and bytes of stack that do not take all that spills.
const FEW: u8 = 6;
const LITTLE: u32 = 384;
const ALL: u8 = 10;

/// What scripts are compiled for.
pub struct Kernel {
    pub features: Vec<Feature>,
    pub cpus: u32,
}

impl Kernel {
    fn host(&self) -> Fake {
        let lacks = |feature: &&Feature| !self.features.contains(feature) && **feature != Feature::Btf;
        let host = Feature::ALL.iter().filter(lacks).fold(Fake::default(), |host, lack| host.without(*lack));
        host.with_cpus(self.cpus)
    }
}

/// Compiled scripts, with what they must print.
#[derive(Serialize, Deserialize)]
pub struct Pack {
    /// Names of the features that the code may use.
    pub features: Vec<String>,
    /// CPUs of the kernel: values of each have so many slots.
    pub cpus: u32,
    /// One whose program is very long.
    pub large: Script,
    /// Random ones.
    pub scripts: Vec<Script>,
}

/// One of them.
#[derive(Serialize, Deserialize)]
pub struct Script {
    pub seed: u64,
    pub registers: u8,
    pub text: String,
    pub artifact: Artifact,
    pub expected: String,
}

/// The script of a seed.
pub fn text(seed: u64, kernel: &Kernel) -> String {
    let has = |feature| kernel.features.contains(&feature);
    let kernel = script::Kernel {
        calls: has(Feature::BpfLoop),
        walks: has(Feature::ForEachMapElem),
        reads: has(Feature::LookupPerCpu),
    };
    script::generate_without_clear(seed, PROBES, kernel) + "begin { exit(); }\n"
}

/// A script with a jump across more instructions than a short one crosses, and what it prints.
const LARGE: (&str, &str) = (
    "begin {
      if (nsecs < 5) { unroll(7) { unroll(100) { @h[nsecs % 2] = hist(nsecs % 100); } } } else { printf(\"crossed\\n\"); }
      exit();
    }",
    "crossed",
);

fn large(kernel: &Kernel) -> Result<Script, String> {
    let (artifact, _) = compiled(kernel, LARGE.0, ALL)?;
    let longest = artifact.programs.iter().map(|program| program.insns.len()).max().unwrap_or_default();
    if longest < 1 << 15 {
        return Err(format!("the large program has {longest} instructions only"));
    }
    Ok(Script { seed: 0, registers: ALL, text: LARGE.0.into(), artifact, expected: LARGE.1.into() })
}

fn random(kernel: &Kernel, seed: u64, registers: u8) -> Result<Script, String> {
    let text = text(seed, kernel);
    let (artifact, program) = compiled(kernel, &text, registers)?;
    let mut program = program.expect("a typed tree");
    // The last probe only ends the run.
    program.probes.pop();
    let expected = meaning::run(&program)?;
    Ok(Script { seed, registers, text, artifact, expected })
}

fn compiled(kernel: &Kernel, text: &str, registers: u8) -> Result<(Artifact, Option<Program>), String> {
    let mut sources = SourceMap::default();
    sources.add("random.bt", text);
    let (file, _) = sources.files().next().expect("one file");
    let mut settings = Settings { registers, ..Settings::default() };
    settings.config.max_map_keys = 64;
    if registers == FEW {
        settings.stack = LITTLE;
    }
    let (mut sink, mut typed) = (Sink::default(), None);
    let artifact = compile(&sources, &file.into(), &kernel.host(), &settings, &mut sink, &mut |product| {
        if let Product::Typed(program) = product {
            typed = Some(program.clone());
        }
        true
    });
    let errors = || sink.all().iter().filter(|d| d.severity == Severity::Error).cloned().collect::<Vec<_>>();
    Ok((artifact.ok_or_else(|| render::to_string(&sources, &errors()))?, typed))
}

/// Scripts of so many programs, as bytes.
pub fn pack(kernel: &Kernel, programs: u64, squeezed: u64) -> Result<Vec<u8>, String> {
    let seeds = |programs: u64, registers| (0..programs.div_ceil(PROBES as u64)).map(move |s| (s, registers));
    let jobs: Vec<(u64, u8)> = seeds(programs, ALL).chain(seeds(squeezed, FEW)).collect();
    let (next, done) = (AtomicU64::new(0), Mutex::new(Vec::new()));
    let work = || {
        while let Some(&(seed, registers)) = jobs.get(next.fetch_add(1, Relaxed) as usize) {
            let script = random(kernel, seed, registers);
            let script = script.map_err(|why| format!("seed {seed}, {registers} registers:\n{why}"));
            done.lock().expect("nobody panics with it").push(script);
        }
    };
    let threads = std::thread::available_parallelism().map_or(1, |n| n.get());
    std::thread::scope(|scope| (0..threads).for_each(|_| drop(scope.spawn(work))));
    let scripts = done.into_inner().expect("nobody panicked with it");
    let scripts = scripts.into_iter().collect::<Result<Vec<Script>, String>>()?;
    let features = kernel.features.iter().map(|feature| feature.name().to_owned()).collect();
    let pack = Pack { features, cpus: kernel.cpus, large: large(kernel)?, scripts };
    postcard::to_stdvec(&pack).map_err(|error| error.to_string())
}
