//! Running the cases of one kernel and one shape of guest: one boot for all, and one more after each that ends it. A
//! case fails when it ends its guest twice.

use super::case::{Case, Suite};
use super::features::Features;
use super::report::{Outcome, Report, Verdict};
use crate::guest::image::{Input, Step};
use crate::guest::kernel::Kernel;
use crate::guest::qemu::{self, Ending, Machine};
use crate::guest::wire::{Frame, Status};
use crate::{Res, paths};
use std::fs;
use std::time::{Duration, Instant};

/// More output than this is not compared: the case fails.
const MOST_OUTPUT: usize = 1 << 20;

/// Cases that share a guest.
pub struct Group<'a> {
    /// The kernel to boot.
    pub kernel: Kernel,
    /// The guest's shape.
    pub machine: Machine,
    /// Each with the name of its file.
    pub cases: Vec<(&'a Suite, &'a Case)>,
}

/// What a case did so far.
#[derive(Default)]
struct Progress {
    started: Option<Instant>,
    took: Duration,
    stdout: Vec<u8>,
    stderr: Vec<u8>,
    status: Option<Status>,
}

/// What is done with each verdict.
type Told<'a> = dyn FnMut(usize, Duration, Verdict) + 'a;

/// Suites whose cases count exactly: what happens once in a while is what they look for.
const EXACT: &str = "ledger";

/// Runs the group and reports each case once. A case that fails, or ends its guest, is run once more in a guest of its
/// own kind: emulated machines are late at times, and have races of their own when the kernel changes its code on several
/// CPUs; what is wrong is wrong again. Both outcomes are printed.
pub fn run(group: &Group, input: &Input, features: &Features, report: &Report) -> Res<()> {
    let mut again = Vec::new();
    pass(group, input, features, &mut |number, took, verdict| {
        let (suite, case) = group.cases[number];
        let outcome = Outcome::new(&group.kernel, suite, case, took, verdict);
        match &outcome.verdict {
            Verdict::Fail(_) if !suite.name.starts_with(EXACT) => {
                report.again(&outcome);
                again.push((suite, case));
            }
            _ => report.add(outcome),
        }
    })?;
    if again.is_empty() {
        return Ok(());
    }
    let second = Group { kernel: group.kernel, machine: group.machine.clone(), cases: again };
    pass(&second, input, features, &mut |number, took, verdict| {
        let (suite, case) = second.cases[number];
        report.add(Outcome::new(&second.kernel, suite, case, took, verdict));
    })
}

/// Runs the group once.
fn pass(group: &Group, input: &Input, features: &Features, told: &mut Told) -> Res<()> {
    let steps = group
        .cases
        .iter()
        .map(|(_, case)| step(case, features, &group.kernel))
        .collect::<Res<Vec<Step>>>()?;
    let mut progress: Vec<Progress> = group.cases.iter().map(|_| Progress::default()).collect();
    let mut next = 0;
    while next < steps.len() {
        let todo: Vec<(usize, &Step)> = steps.iter().enumerate().skip(next).collect();
        let (ending, console) = qemu::boot(&group.kernel, &group.machine, input, &todo, &mut |frame| {
            if let Some(done) = note(&mut progress, frame) {
                // output that lingered comes before the next step's begin, so everything up to here is complete
                settle(group, &mut progress, next..done, features, told);
                next = next.max(done);
            }
        })?;
        if ending == Ending::Interrupted {
            return Err("interrupted".into());
        }
        let ended =
            progress.iter().rposition(|case| case.status.is_some()).map_or(0, |last| last + 1).max(next);
        settle(group, &mut progress, next..ended, features, told);
        next = ended;
        if ending != Ending::Done && next < steps.len() {
            let end = if ending == Ending::Hung { "the guest hung" } else { "the guest died" };
            let detail = format!("{end}; the console's end:\n{}\n", crate::vm::tail(&console));
            told(next, progress[next].took, Verdict::Fail(detail));
            next += 1;
        }
    }
    Ok(())
}

/// Takes a frame down. Gives the number of cases that are complete when another one begins.
fn note(progress: &mut [Progress], frame: Frame) -> Option<usize> {
    match frame {
        Frame::Begin(number) => {
            progress[number].started = Some(Instant::now());
            return Some(number);
        }
        Frame::Out(number, data) => progress[number].stdout.extend_from_slice(&data),
        Frame::Err(number, data) => progress[number].stderr.extend_from_slice(&data),
        Frame::End(number, status) => {
            progress[number].took = progress[number].started.map_or(Duration::ZERO, |start| start.elapsed());
            progress[number].status = Some(status);
        }
        Frame::Hello(_) | Frame::Done => {}
    }
    None
}

fn settle(
    group: &Group,
    progress: &mut [Progress],
    range: std::ops::Range<usize>,
    features: &Features,
    told: &mut Told,
) {
    for number in range {
        let done = std::mem::take(&mut progress[number]);
        let verdict = judge(group.cases[number].1, &done, features, &group.kernel);
        told(number, done.took, verdict);
    }
}

fn judge(case: &Case, done: &Progress, features: &Features, kernel: &Kernel) -> Verdict {
    let Some(status) = done.status else { return Verdict::Fail("it never ended\n".into()) };
    let [stdout, stderr] = [&done.stdout, &done.stderr].map(|bytes| String::from_utf8_lossy(bytes));
    if let Some(name) = Features::missing(&stdout) {
        return if features.expected(name, kernel) {
            Verdict::Fail(format!("the probe says that {} lacks {name}, which it must have\n", kernel.name))
        } else {
            Verdict::Skip(name.to_owned())
        };
    }
    if stdout.len().max(stderr.len()) > MOST_OUTPUT {
        return Verdict::Fail(format!("too much output: {} and {} bytes\n", stdout.len(), stderr.len()));
    }
    Verdict::of(case, status, &stdout, &stderr)
}

fn step(case: &Case, features: &Features, kernel: &Kernel) -> Res<Step> {
    let mut files = Vec::new();
    if let Some(script) = &case.script {
        files.push(("script.bt".to_owned(), format!("{script}\n").into_bytes()));
    }
    if let Some(file) = &case.file {
        let path = paths::repo().join(file);
        files
            .push(("script.bt".to_owned(), fs::read(&path).map_err(|e| format!("{}: {e}", path.display()))?));
    }
    let mut script = features.guard(&case.needs);
    script += "export SCRIPT=\"${0%/*}/script.bt\"\n";
    script += &format!("export KERNEL={}\n", kernel.name);
    script += &command(case);
    Ok(Step { script, timeout: case.timeout, live: false, files })
}

/// The shell text that runs the case. A script of one line is given as an argument, a longer one as a file.
fn command(case: &Case) -> String {
    if let Some(command) = &case.cmd {
        return format!("{command}\n");
    }
    let mut text = format!("exec beetrace {}", case.args);
    if let Some(run) = &case.run {
        text += &format!(" -c {}", quoted(run));
    }
    match &case.script {
        Some(script) if !script.contains('\n') => text += &format!(" -e {}", quoted(script)),
        _ => text += " \"$SCRIPT\"",
    }
    text + "\n"
}

/// `text` as one word for the shell.
pub fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command_of(fields: &str) -> String {
        let suite = Suite::parse("x", &format!("== a\n{fields}\n")).expect("well formed");
        command(&suite.cases[0])
    }

    #[test]
    fn cases_become_commands() {
        assert_eq!(command_of("script: BEGIN { 'a' }"), "exec beetrace  -e 'BEGIN { '\\''a'\\'' }'\n");
        let file = command_of("file: examples/x.bt\nargs: -q -v\nrun: a b");
        assert_eq!(file, "exec beetrace -q -v -c 'a b' \"$SCRIPT\"\n");
        assert_eq!(command_of("cmd: echo hi | cat"), "echo hi | cat\n");
    }
}
