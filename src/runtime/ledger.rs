//! The footer: what was not seen, by probe and cause.
//!
//! It is printed only when something was lost (or with `-v`). It never says that nothing was missed where the kernel
//! does not tell: runs that the kernel left out are "unknown" then.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};

use super::kernel::Missed;
use crate::object::artifact::Artifact;
use crate::wire::ledger::{self, Cause};

/// What is known of the losses of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Losses {
    /// By clause and cause; only what is not 0.
    counts: BTreeMap<u32, Vec<(Cause, u64)>>,
    /// Runs missed, by clause; only what is not 0.
    missed: BTreeMap<u32, u64>,
    /// Clauses of which the kernel does not tell all that they missed.
    unknown: BTreeSet<u32>,
}

impl Losses {
    /// Reads the ledger's words, and adds what the kernel says.
    pub fn read(artifact: &Artifact, words: &[AtomicU64], missed: &[Missed]) -> Losses {
        let mut losses = Losses::default();
        for clause in 0..artifact.clauses.len() as u32 {
            let count = |cause: &Cause| {
                let word = words.get(ledger::offset(clause, *cause) as usize / 8)?;
                Some((*cause, word.load(Ordering::Acquire))).filter(|(_, count)| *count != 0)
            };
            let counts: Vec<(Cause, u64)> = Cause::ALL.iter().filter_map(count).collect();
            if !counts.is_empty() {
                losses.counts.insert(clause, counts);
            }
        }
        for Missed { program, runs } in missed {
            let Some(program) = artifact.programs.get(*program) else { continue };
            match runs {
                Some(0) => {}
                Some(runs) => *losses.missed.entry(program.clause).or_insert(0) += runs,
                None => drop(losses.unknown.insert(program.clause)),
            }
        }
        losses
    }

    /// Nothing is known to be lost.
    pub fn is_empty(&self) -> bool {
        self.counts.is_empty() && self.missed.is_empty()
    }

    /// The footer.
    pub fn footer(&self, clauses: &[String]) -> String {
        let mut text = String::new();
        if !self.is_empty() {
            text.push_str("Not everything was seen:\n");
        }
        for (clause, name) in clauses.iter().enumerate() {
            self.write_clause(&mut text, clause as u32, name);
        }
        let unknown: Vec<&str> =
            self.unknown.iter().filter_map(|at| clauses.get(*at as usize)).map(String::as_str).collect();
        if !unknown.is_empty() {
            let _ = writeln!(text, "Runs inside other probes: unknown, this kernel does not count them for:");
            let _ = writeln!(text, "  {}", unknown.join("\n  "));
        }
        text
    }

    fn write_clause(&self, text: &mut String, clause: u32, name: &str) {
        let mut lines = String::new();
        for (cause, count) in self.counts.get(&clause).into_iter().flatten() {
            let _ = writeln!(lines, "{count:>12} {}", cause.words());
        }
        if let Some(runs) = self.missed.get(&clause) {
            let _ = writeln!(lines, "{runs:>12} runs left out by the kernel: the probe fired inside a probe");
        }
        if !lines.is_empty() {
            let _ = write!(text, "  {name}\n{lines}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn losses_stand_under_their_probe() {
        let clauses = vec!["begin".to_owned(), "kprobe:vfs_read".to_owned(), "interval:s:1".to_owned()];
        let artifact = Artifact { clauses: clauses.clone(), ..Artifact::default() };
        let words: Vec<AtomicU64> = (0..3 * 8).map(|_| AtomicU64::new(0)).collect();
        assert!(Losses::read(&artifact, &words, &[]).is_empty());
        words[8].store(1234, Ordering::Relaxed);
        words[11].store(7, Ordering::Relaxed);
        let footer = Losses::read(&artifact, &words, &[]).footer(&clauses);
        let expected = "Not everything was seen:\n  kprobe:vfs_read\n        1234 events lost: ring buffer full\n           \
            7 strings truncated\n";
        assert_eq!(footer, expected);
    }

    #[test]
    fn a_script_without_a_ledger_lost_nothing_of_its_own() {
        let artifact = Artifact { clauses: vec!["begin".to_owned()], ..Artifact::default() };
        let losses = Losses::read(&artifact, &[], &[]);
        assert_eq!((losses.is_empty(), losses.footer(&artifact.clauses)), (true, String::new()));
    }
}
