//! What came of the cases: a verdict for each, printed as it falls, and the counts at the end.

use super::case::{Case, Suite};
use super::diff::diff;
use super::pattern::{Block, Names};
use crate::guest::kernel::Kernel;
use crate::guest::wire::Status;
use std::sync::Mutex;
use std::time::Duration;

/// What came of one case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// All was as expected.
    Pass,
    /// Something was not; the text says what.
    Fail(String),
    /// The kernel lacks this feature.
    Skip(String),
}

/// A verdict with its case and kernel.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The kernel's name.
    pub kernel: &'static str,
    /// `FILE: CASE`.
    pub case: String,
    /// How long the case ran, as seen from here.
    pub took: Duration,
    /// What came of it.
    pub verdict: Verdict,
}

/// How many cases passed, failed and were skipped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// As expected.
    pub passed: u32,
    /// Not as expected.
    pub failed: u32,
    /// Not run, for want of a feature.
    pub skipped: u32,
}

impl std::ops::AddAssign for Counts {
    fn add_assign(&mut self, other: Counts) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }
}

impl std::fmt::Display for Counts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} passed, {} failed", self.passed, self.failed)?;
        if self.skipped > 0 { write!(f, ", {} skipped", self.skipped) } else { Ok(()) }
    }
}

/// Collects outcomes from several guests at a time.
pub struct Report {
    outcomes: Mutex<Vec<Outcome>>,
    quiet: bool,
}

impl Verdict {
    /// Compares what a case did with what it should.
    pub fn of(case: &Case, status: Status, stdout: &str, stderr: &str) -> Verdict {
        let mut wrong = String::new();
        if status != Status::Exit(case.status) {
            wrong += &format!("expected exit {}, got {status}\n", case.status);
        }
        let mut names = Names::new();
        let mut compare = |what: &str, expected: &Block, text: &str| {
            if !expected.matches(text, &mut names) {
                wrong += &format!("{what} (- expected, + got):\n{}", diff(expected, text));
            }
        };
        compare("stdout", &case.stdout, stdout);
        compare("stderr", &case.stderr, stderr);
        if wrong.is_empty() { Verdict::Pass } else { Verdict::Fail(wrong) }
    }
}

impl Outcome {
    /// The outcome of `case` on `kernel`.
    pub fn new(kernel: &Kernel, suite: &Suite, case: &Case, took: Duration, verdict: Verdict) -> Outcome {
        Outcome { kernel: kernel.name, case: format!("{}: {}", suite.name, case.name), took, verdict }
    }
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (word, more) = match &self.verdict {
            Verdict::Pass => ("ok  ", format!(" ({:.1} s)", self.took.as_secs_f64())),
            Verdict::Fail(detail) => ("FAIL", format!("\n{}", indented(detail))),
            Verdict::Skip(feature) => ("skip", format!(" ({feature})")),
        };
        write!(f, "{word} {:<4} {}{}", self.kernel, self.case, more.trim_end())
    }
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("     | {line}\n")).collect()
}

impl Report {
    /// An empty report; a quiet one prints nothing.
    pub fn new(quiet: bool) -> Report {
        Report { outcomes: Mutex::default(), quiet }
    }

    /// Prints the outcome of a case that is run once more.
    pub fn again(&self, outcome: &Outcome) {
        if !self.quiet {
            println!("again: {outcome}");
        }
    }

    /// Takes an outcome down and prints it.
    pub fn add(&self, outcome: Outcome) {
        if !self.quiet {
            println!("{outcome}");
        }
        self.outcomes.lock().expect("nobody panics with it").push(outcome);
    }

    /// Everything reported, in the order it came.
    pub fn outcomes(&self) -> Vec<Outcome> {
        self.outcomes.lock().expect("nobody panics with it").clone()
    }

    /// The counts of what was reported.
    pub fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        for outcome in self.outcomes() {
            *match outcome.verdict {
                Verdict::Pass => &mut counts.passed,
                Verdict::Fail(_) => &mut counts.failed,
                Verdict::Skip(_) => &mut counts.skipped,
            } += 1;
        }
        counts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn case() -> Case {
        let suite = Suite::parse("x", "== a\ncmd: x\nstatus: 3\nstdout: {int as n}\nstderr: n is {=n}\n");
        suite.expect("well formed").cases.remove(0)
    }

    #[test]
    fn all_three_must_fit() {
        assert_eq!(Verdict::of(&case(), Status::Exit(3), "5\n", "n is 5\n"), Verdict::Pass);
        for (status, stdout, stderr) in [
            (Status::Exit(0), "5\n", "n is 5\n"),
            (Status::Signal(3), "5\n", "n is 5\n"),
            (Status::TimedOut, "5\n", "n is 5\n"),
            (Status::Exit(3), "x\n", "n is 5\n"),
            (Status::Exit(3), "5\n", "n is 6\n"),
            (Status::Exit(3), "5\n", ""),
        ] {
            let verdict = Verdict::of(&case(), status, stdout, stderr);
            assert!(matches!(verdict, Verdict::Fail(_)), "{status} {stdout} {stderr}");
        }
    }

    #[test]
    fn counts_are_one_line() {
        assert_eq!(Counts { passed: 2, failed: 0, skipped: 0 }.to_string(), "2 passed, 0 failed");
        assert_eq!(Counts { passed: 2, failed: 1, skipped: 3 }.to_string(), "2 passed, 1 failed, 3 skipped");
    }
}
