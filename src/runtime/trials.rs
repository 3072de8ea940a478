//! `--test` and `--bench`: runs the probes of that kind one after the other and tells how they did.
//!
//! A test passes when it returns 0, prints no error and does not exit with a status. What it prints is shown when it
//! fails; what `begin` printed belongs to the first. A benchmark runs until its runs took a millisecond together; the kernel itself counts how long they took,
//! which includes reading a clock (some ten nanoseconds). What benchmarks print is dropped. One that returns
//! something else than 0 is left out.

use std::io;
use std::time::Instant;

use super::failure::Failure;
use super::output::sink::Memory;
use super::output::text::Text;
use super::output::writer::{Buffering, Writer};
use super::output::{BenchmarkResult, Output, TestResult};
use super::session::Session;
use super::signals::Signals;
use crate::object::artifact::Artifact;
use crate::sema::tree::ProbeKind;

/// Takes what tests and benchmarks print.
pub struct Capture {
    memory: Memory,
    text: Text,
}

impl Default for Capture {
    /// Nothing is printed yet.
    fn default() -> Capture {
        let memory = Memory::default();
        let writer = Writer::new(Box::new(memory.clone()), Buffering::Full);
        Capture { text: Text::new(writer, false).with_errors(Box::new(memory.clone())), memory }
    }
}

/// The state of one trial after its run.
struct Outcome {
    returned: u32,
    failed: bool,
    duration: u64,
}

/// Runs all tests and all benchmarks of the script, whichever it has; true when none failed.
///
/// # Errors
/// When a program cannot be run or output fails.
pub fn run<'a>(
    artifact: &'a Artifact,
    session: &mut Session<'a>,
    capture: &'a mut Capture,
    signals: Signals,
    messages: &mut dyn io::Write,
) -> Result<bool, Failure> {
    let of = |kind: ProbeKind| -> Vec<(usize, &str)> {
        let programs = artifact.programs.iter().enumerate().filter(|(_, program)| program.kind == kind);
        programs.map(|(index, program)| (index, name(&program.attach[0].name))).collect()
    };
    let (tests, benchmarks) = (of(ProbeKind::Test), of(ProbeKind::Bench));
    let Capture { memory, text } = capture;
    let mut other: &'a mut dyn Output = text;
    let passed = run_tests(&tests, session, (&mut other, memory), signals)?;
    Ok(run_benchmarks(&benchmarks, session, (&mut other, memory), messages)? && passed)
}

/// `test:NAME` without the kind.
fn name(full: &str) -> &str {
    full.split_once(':').map_or(full, |(_, name)| name)
}

/// The output that is not in use, and what the capturing one has written.
type Outputs<'s, 'a> = (&'s mut &'a mut dyn Output, &'s Memory);

fn run_tests<'a>(
    tests: &[(usize, &str)],
    session: &mut Session<'a>,
    (other, memory): Outputs<'_, 'a>,
    signals: Signals,
) -> Result<bool, Failure> {
    let names: Vec<&str> = tests.iter().map(|(_, name)| *name).collect();
    let mut results = Vec::new();
    for (program, _) in tests {
        if signals.count() > 0 {
            break;
        }
        std::mem::swap(&mut session.output, other);
        let outcome = once(*program, session);
        let flushed = session.output.writer().flush();
        std::mem::swap(&mut session.output, other);
        flushed.map_err(|error| Failure::output(&error))?;
        let Outcome { returned, failed, duration } = outcome?;
        let output = memory.0.take();
        results.push(TestResult { passed: returned == 0 && !failed, duration, output });
        session.output.test_result(&names, &results).map_err(|error| Failure::output(&error))?;
    }
    Ok(results.iter().all(|result| result.passed))
}

/// Runs a program once, with all that it asks for.
fn once(program: usize, session: &mut Session) -> Result<Outcome, Failure> {
    session.errors = 0;
    let start = Instant::now();
    let returned = session.kernel.run(program)?;
    let duration = start.elapsed().as_nanos() as u64;
    settle(session).map(|failed| Outcome { returned, failed, duration })
}

/// Carries out what came; true when that was an error or an exit with a status.
fn settle(session: &mut Session) -> Result<bool, Failure> {
    session.drain()?;
    let status = session.exit_status().unwrap_or(0);
    session.reopen();
    Ok(session.errors > 0 || status != 0)
}

fn run_benchmarks<'a>(
    benchmarks: &[(usize, &str)],
    session: &mut Session<'a>,
    (other, memory): Outputs<'_, 'a>,
    messages: &mut dyn io::Write,
) -> Result<bool, Failure> {
    let names: Vec<&str> = benchmarks.iter().map(|(_, name)| *name).collect();
    let (mut all, mut first) = (true, true);
    for (index, (program, name)) in benchmarks.iter().enumerate() {
        std::mem::swap(&mut session.output, other);
        let measured = measure(*program, session, memory);
        std::mem::swap(&mut session.output, other);
        match measured? {
            Measured::Skipped => {}
            Measured::Failed => {
                all = false;
                let _ = writeln!(messages, "Benchmark '{name}' failed.");
            }
            Measured::Took { average, runs } => {
                let result = BenchmarkResult { index, first, average, runs };
                first = false;
                let written = session.output.benchmark_result(&names, &result);
                written.map_err(|error| Failure::output(&error))?;
            }
        }
    }
    Ok(all)
}

enum Measured {
    /// It returned something else than 0.
    Skipped,
    /// It printed an error or exited with a status.
    Failed,
    Took {
        average: u64,
        runs: u64,
    },
}

/// Runs between two looks at what they printed.
const BATCH: u64 = 256;

/// All runs of a benchmark take at least so many nanoseconds, or are so many.
const ENOUGH: u64 = 1_000_000;
const MANY: u64 = 1 << 22;

fn measure(program: usize, session: &mut Session, memory: &Memory) -> Result<Measured, Failure> {
    let (time_before, runs_before) = session.kernel.run_time(program)?;
    session.errors = 0;
    loop {
        let mut returned = 0;
        for _ in 0..BATCH {
            returned = session.kernel.run(program)?;
        }
        let failed = settle(session)?;
        session.output.writer().flush().map_err(|error| Failure::output(&error))?;
        memory.0.borrow_mut().clear();
        if failed || returned != 0 {
            return Ok(if failed { Measured::Failed } else { Measured::Skipped });
        }
        let (time, runs) = session.kernel.run_time(program)?;
        let (time, runs) = (time - time_before, runs - runs_before);
        if runs > 0 && (time >= ENOUGH || runs >= MANY) {
            return Ok(Measured::Took { average: time / runs, runs });
        }
    }
}
