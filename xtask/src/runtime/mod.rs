//! `cargo xtask test-runtime`: scripts with expected output, run in guests of every kernel.
//!
//! The cases are data (`case`): files of `tests/runtime`. The guest only runs them (`guest_run`); comparing
//! (`pattern`, `diff`) and reporting (`report`) happen here. A case is never skipped quietly: a skip names a feature
//! that a probe in the guest did not find (`features`).

pub mod case;
pub mod diff;
pub mod features;
pub mod guest_run;
pub mod pattern;
pub mod report;
mod self_test;

use crate::guest::image::Input;
use crate::guest::kernel::Kernel;
use crate::guest::qemu;
use crate::{Res, paths, probed, product, random, setup, tools};
use case::{Case, Suite};
use features::Features;
use guest_run::Group;
use report::{Counts, Report};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::{fs, thread};

const USAGE: &str =
    "usage: cargo xtask test-runtime [--kernel NAME|all] [--beetrace PATH] [--in PATH]... [--jobs N] [FILTER]
FILTER is a part of `FILE: CASE`. --beetrace takes a program instead of building one (another tracer behind a script,
say, whose files --in puts into the guest's /in).";

/// What the command line asks for.
struct Request {
    kernels: Vec<Kernel>,
    beetrace: Option<PathBuf>,
    input: Input,
    jobs: usize,
    filter: String,
}

/// The task's entry.
pub fn task(args: &[String]) -> Res<u8> {
    let request = parse(args)?;
    let counts = run(&request)?;
    println!("{counts}");
    if counts == Counts::default() {
        return Err(format!("no case is named like `{}`", request.filter));
    }
    Ok(u8::from(counts.failed > 0))
}

/// Everything on every kernel, the runner's own test first.
pub fn all() -> Res<Counts> {
    run(&parse(&[])?)
}

fn parse(args: &[String]) -> Res<Request> {
    let mut request = Request {
        kernels: Kernel::select("all")?,
        beetrace: None,
        input: Input::default(),
        jobs: 2,
        filter: String::new(),
    };
    let mut words = args.iter();
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or_else(|| format!("{word} needs a value\n{USAGE}"));
        match word.as_str() {
            "--kernel" => request.kernels = Kernel::select(value()?)?,
            "--beetrace" => request.beetrace = Some(value()?.into()),
            "--in" => request.input.input(Path::new(value()?))?,
            "--jobs" => request.jobs = value()?.parse().map_err(|_| USAGE)?,
            _ if word.starts_with('-') => return Err(format!("unknown argument {word}\n{USAGE}")),
            _ => request.filter = word.clone(),
        }
    }
    Ok(request)
}

fn run(request: &Request) -> Res<Counts> {
    setup::ensure(&request.kernels)?;
    let folder = paths::repo().join("tests/runtime");
    let features = fs::read_to_string(folder.join("features")).map_err(|e| format!("features: {e}"))?;
    let features = Features::parse(&features)?;
    let suites = suites(&folder, &features)?;
    let mut input = request.input.clone();
    input.program("workload", product::workload()?);
    let beetrace = match &request.beetrace {
        Some(path) => path.clone(),
        None => product::beetrace()?,
    };
    input.program("beetrace", beetrace);
    let groups = groups(request, &suites);
    for name in wanted(&groups, |suite| &suite.programs) {
        input.program(name, product::test_program(name)?);
    }
    for name in wanted(&groups, |suite| &suite.builds) {
        let files = match name {
            "tools" => tools::files()?,
            "objects" => vec![("objects".to_owned(), paths::repo().join("tests/objects"))],
            _ => probed::files(name)?,
        };
        input.files.extend(files);
    }
    // two sets may bring the same library
    let mut seen = BTreeSet::new();
    input.files.retain(|(name, _)| seen.insert(name.clone()));
    input.modules.extend(wanted(&groups, |suite| &suite.modules).into_iter().map(str::to_owned));
    qemu::catch_interrupts();
    let report = Report::new(false);
    self_test::run(
        request.kernels.last().expect("at least one kernel is selected"),
        &request.filter,
        &report,
    )?;
    run_groups(&groups, request.jobs, &input, &features, &report)?;
    summary(request, &report);
    Ok(report.counts())
}

fn suites(folder: &Path, features: &Features) -> Res<Vec<Suite>> {
    let entries = fs::read_dir(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.retain(|path| path.extension().is_some_and(|end| end == "rt"));
    paths.sort();
    let mut suites = Vec::new();
    for path in paths {
        let text = fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        let suite = Suite::parse(&name, &text)?;
        for case in &suite.cases {
            features.check(&case.needs).map_err(|error| format!("{name}.rt: {}: {error}", case.name))?;
        }
        suites.push(suite);
    }
    Ok(suites)
}

/// One group for each kernel and each shape of guest that a case wants.
fn groups<'a>(request: &Request, suites: &'a [Suite]) -> Vec<Group<'a>> {
    let mut groups: Vec<Group> = Vec::new();
    for suite in suites {
        let wanted = |case: &&Case| format!("{}: {}", suite.name, case.name).contains(&request.filter);
        let cases: Vec<(&Suite, &Case)> =
            suite.cases.iter().filter(wanted).map(|case| (suite, case)).collect();
        for kernel in request.kernels.iter().filter(|_| !cases.is_empty()) {
            match groups.iter_mut().find(|group| group.kernel == *kernel && group.machine == suite.machine) {
                Some(group) => group.cases.extend(&cases),
                None => groups.push(Group {
                    kernel: *kernel,
                    machine: suite.machine.clone(),
                    cases: cases.clone(),
                }),
            }
        }
    }
    groups
}

/// What the suites of the groups' cases name, each once.
fn wanted<'a>(groups: &[Group<'a>], names: fn(&Suite) -> &Vec<String>) -> BTreeSet<&'a str> {
    let suites = groups.iter().flat_map(|group| group.cases.iter().map(|(suite, _)| *suite));
    suites.flat_map(|suite| names(suite).iter().map(String::as_str)).collect()
}

/// Random scripts compiled for the group's kernel, if its cases run some.
fn packed(group: &Group, features: &Features) -> Res<Option<(String, PathBuf)>> {
    let runs = group.cases.iter().any(|(suite, _)| suite.programs.iter().any(|name| name == random::PROGRAM));
    let pack = || random::pack(&group.kernel, group.machine.cpus, &features.of(&group.kernel));
    runs.then(pack).transpose()
}

/// Runs the groups, `jobs` guests at a time.
fn run_groups(groups: &[Group], jobs: usize, input: &Input, features: &Features, report: &Report) -> Res<()> {
    let queue = Mutex::new(groups.iter());
    let worker = || {
        loop {
            let next = queue.lock().expect("no worker panics with it").next();
            let Some(group) = next else { return Ok(()) };
            let mut input = input.clone();
            input.files.extend(packed(group, features)?);
            guest_run::run(group, &input, features, report)?;
        }
    };
    thread::scope(|scope| {
        let workers: Vec<_> = (0..jobs.max(1)).map(|_| scope.spawn(worker)).collect();
        let ends: Vec<Res<()>> = workers.into_iter().map(|w| w.join().expect("no worker panics")).collect();
        ends.into_iter().collect()
    })
}

/// One line for each kernel.
fn summary(request: &Request, report: &Report) {
    for kernel in &request.kernels {
        let own = Report::new(true);
        report
            .outcomes()
            .into_iter()
            .filter(|outcome| outcome.kernel == kernel.name)
            .for_each(|o| own.add(o));
        println!("kernel {:<4} {}", kernel.name, own.counts());
    }
}
