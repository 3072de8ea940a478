//! Records and control words: what programs ask of the runtime, carried out in order.
//!
//! Rules that keep control requests from being lost or misplaced (see [`crate::wire::record`]):
//! - what found no room in the ring is in the control counters. They are taken before the ring is read and carried out
//!   once it is empty: what a program wrote before it counted has then been carried out first, so that a clear which
//!   was only counted finds the mark of its print;
//! - a print that takes a map's contents out is carried out before any clear or zero of that map, wherever the two
//!   were noted down: a program notes the print first;
//! - `exit` ends the run where its record stands: later records of other CPUs are not part of the run, as in bpftrace,
//!   and neither are records of programs that ran on until they were detached.

use std::sync::atomic::{AtomicU64, Ordering};

use super::acts;
use super::failure::Failure;
use super::kernel::{Kernel, Shared};
use super::maps::drain::{Drains, Purpose};
use super::maps::{Contents, MapView, read, sort};
use super::names::Names;
use super::output::{Message, Output, TextKind};
use super::signals::Signals;
use super::time;
use crate::diag::{Diagnostic, codes};
use crate::object::artifact::Artifact;
use crate::wire::ledger;
use crate::wire::map::{MapRole, MapSpec};
use crate::wire::record::{self, Action, Formatted};

/// A run's state in user space.
pub struct Session<'a> {
    artifact: &'a Artifact,
    /// The script in the kernel.
    pub kernel: &'a mut dyn Kernel,
    /// Where results go.
    pub output: &'a mut dyn Output,
    names: &'a mut dyn Names,
    drains: Drains<'a>,
    signals: Signals,
    /// What the control counters held when they were last taken, by action.
    pending: Vec<u64>,
    ended: bool,
    /// `errorf`s that were printed.
    pub errors: usize,
}

/// Records taken before anything else is looked at.
pub const BATCH: usize = 4096;

impl<'a> Session<'a> {
    /// Nothing was carried out yet.
    pub fn new(
        artifact: &'a Artifact,
        kernel: &'a mut dyn Kernel,
        output: &'a mut dyn Output,
        names: &'a mut dyn Names,
        signals: Signals,
    ) -> Session<'a> {
        let drains = Drains::new(&artifact.maps);
        let pending = vec![0; artifact.actions.len()];
        Session { artifact, kernel, output, names, drains, signals, pending, ended: false, errors: 0 }
    }

    /// Carries out what has come, at most a batch of it; how much that was, 0 when nothing is left.
    ///
    /// # Errors
    /// When output fails, a map cannot be read, or the user wants to quit at once.
    pub fn pump(&mut self) -> Result<usize, Failure> {
        if self.signals.count() > 1 {
            return Err(Failure::output(&std::io::ErrorKind::Interrupted.into()));
        }
        // Asked before the ring is read: what its program wrote before the flag is then among what is read.
        let exits = self.exit_status().is_some();
        self.take_counters(|_| true);
        let mut count = 0;
        while count < BATCH && !self.ended && self.next_record()? {
            count += 1;
        }
        if count < BATCH && !self.ended {
            for action in 0..self.pending.len() {
                count += self.carry_out_taken(action)?;
            }
            self.ended |= exits;
        }
        Ok(count)
    }

    /// Carries out all that has come until the ring is empty. What comes after an `exit` is dropped.
    ///
    /// # Errors
    /// As [`Session::pump`].
    pub fn drain(&mut self) -> Result<(), Failure> {
        while !self.ended && self.pump()? > 0 {}
        if self.ended {
            while self.kernel.records().is_some_and(|records| records.next().is_some()) {}
            self.take_counters(|_| true);
            self.pending.fill(0);
        }
        Ok(())
    }

    /// A process of the run is there to be looked at.
    pub fn sight(&mut self, pid: u32) {
        self.names.sight(pid);
    }

    /// `exit` was called.
    pub fn has_ended(&self) -> bool {
        self.ended
    }

    /// The END programs may print again after an `exit`, and call it again.
    pub fn reopen(&mut self) {
        self.ended = false;
        if let Some(word) = self.exit_word(record::exit_flag) {
            word.store(0, Ordering::Release);
        }
    }

    /// The status that `exit` gave, if it was called since [`Session::reopen`].
    pub fn exit_status(&self) -> Option<u8> {
        let word = |offset| self.exit_word(offset).map(|word| word.load(Ordering::Acquire));
        word(record::exit_flag)
            .filter(|flag| *flag != 0)
            .and(word(record::exit_code))
            .map(|status| status as u8)
    }

    fn exit_word(&self, offset: fn(u32) -> u32) -> Option<&AtomicU64> {
        self.kernel.shared(Shared::Control).get(offset(self.artifact.actions.len() as u32) as usize / 8)
    }

    /// Prints what is in the script's maps, by name.
    ///
    /// # Errors
    /// When output fails or a map cannot be read.
    pub fn print_maps(&mut self) -> Result<(), Failure> {
        let name = |map: &usize| user_map(&self.artifact.maps[*map]).map(|(name, _)| name.to_owned());
        let mut maps: Vec<(String, usize)> =
            (0..self.artifact.maps.len()).filter_map(|map| Some((name(&map)?, map))).collect();
        maps.sort();
        for (name, map) in maps {
            let contents = self.drains.contents(self.kernel, map, Purpose::End, None);
            let contents = contents.map_err(|error| Failure::map(&name, "read", &error))?;
            self.print_contents(map, &contents, 0, 1)?;
        }
        Ok(())
    }

    /// Takes a record from the ring; false when there is none.
    fn next_record(&mut self) -> Result<bool, Failure> {
        let artifact = self.artifact;
        let Some(records) = self.kernel.records() else { return Ok(false) };
        let Some(bytes) = records.next() else { return Ok(false) };
        let action = super::value::unsigned(super::value::tail(bytes, record::ACTION), 4) as u32;
        let written = match artifact.actions.get(action as usize) {
            Some(Action::Printf { format, args }) => self.output.printf(format, args, bytes, self.names),
            Some(Action::PrintValue { value } | Action::PrintEntry { value, .. }) => {
                self.output.value(value, bytes, self.names)
            }
            Some(Action::Formatted { what, format, args }) => {
                let mut text = Vec::new();
                let mut context = super::value::Context { names: self.names, raw: true };
                super::format::write(&mut text, format, args, bytes, &mut context);
                return self.formatted(action as usize, *what, &text).map(|()| true);
            }
            Some(Action::Join { count, texts, separator }) => {
                let text = acts::joined(count, texts, separator, bytes);
                self.output.text(TextKind::Join, &text)
            }
            Some(Action::Sight { pid }) => {
                let pid = super::value::unsigned(super::value::tail(bytes, pid.offset), 4) as u32;
                self.names.sight(pid);
                return Ok(true);
            }
            Some(_) => return self.control(action as usize).map(|()| true),
            None => return Err(damaged(action)),
        };
        written.map_err(|error| Failure::output(&error))?;
        Ok(true)
    }

    /// Carries out one control action.
    fn control(&mut self, action: usize) -> Result<(), Failure> {
        let artifact = self.artifact;
        match &artifact.actions[action] {
            Action::PrintMap { map, clause, top, div, drains } => {
                let contents = self.drains.contents(self.kernel, *map, Purpose::Print, *drains);
                let contents = contents.map_err(|error| self.map_failure(*map, "read", &error))?;
                self.count_lost(*clause);
                self.print_contents(*map, &contents, *top, *div)?;
            }
            Action::Clear { map, clause } => {
                self.carry_out_pending(|action| drains_map(action, *map))?;
                let cleared = self.drains.clear(self.kernel, *map, *clause);
                cleared.map_err(|error| self.map_failure(*map, "clear", &error))?;
            }
            Action::Zero { map } => {
                self.carry_out_pending(|action| drains_map(action, *map))?;
                let zeroed = self.drains.zero(self.kernel, *map);
                zeroed.map_err(|error| self.map_failure(*map, "zero", &error))?;
            }
            Action::Exit => {
                // what only the counters know of came before, as far as anybody can tell
                self.carry_out_pending(|action| !matches!(action, Action::Exit))?;
                self.ended = true;
            }
            Action::Time { format } => {
                let written = self.output.text(TextKind::Time, &time::now(format));
                written.map_err(|error| Failure::output(&error))?;
            }
            // counters of other actions do not exist
            Action::Printf { .. }
            | Action::PrintValue { .. }
            | Action::PrintEntry { .. }
            | Action::Formatted { .. }
            | Action::Join { .. }
            | Action::Sight { .. } => {}
        }
        Ok(())
    }

    /// What becomes of a formatted text. A command is waited for: what other records ask for comes after it.
    fn formatted(&mut self, action: usize, what: Formatted, text: &[u8]) -> Result<(), Failure> {
        let (file, line, column) = self.artifact.action_places.get(action).copied().unwrap_or_default();
        let file = self.artifact.files.get(file as usize).map_or("", String::as_str);
        let message = |error, text| Message { error, text, file, line, column };
        self.errors += usize::from(what == Formatted::Error);
        let written = match what {
            Formatted::Error | Formatted::Warning => {
                self.output.message(&message(what == Formatted::Error, text))
            }
            Formatted::Cat => match acts::cat(text, self.artifact.config.max_cat_bytes) {
                Ok(contents) => self.output.text(TextKind::Cat, &contents),
                Err(why) => self.output.message(&message(true, why.as_bytes())),
            },
            Formatted::System => {
                // what was printed before stands before what the command writes to the terminal itself
                self.output.writer().flush().map_err(|error| Failure::output(&error))?;
                match acts::system(text) {
                    Ok(printed) => self.output.text(TextKind::System, &printed),
                    Err(why) => self.output.message(&message(true, why.as_bytes())),
                }
            }
        };
        written.map_err(|error| Failure::output(&error))
    }

    /// Moves what the control counters of the actions hold that `wanted` accepts to `pending`.
    fn take_counters(&mut self, wanted: impl Fn(&Action) -> bool) {
        let counters = self.kernel.shared(Shared::Control).iter();
        for ((action, pending), counter) in self.artifact.actions.iter().zip(&mut self.pending).zip(counters)
        {
            if wanted(action) {
                *pending += counter.swap(0, Ordering::AcqRel);
            }
        }
    }

    /// Carries out all that was only counted up to now, of the actions that `wanted` accepts, in their order. The
    /// counters of others stay: what was written before them may still be in the ring.
    fn carry_out_pending(&mut self, wanted: impl Fn(&Action) -> bool) -> Result<(), Failure> {
        self.take_counters(&wanted);
        for (action, what) in self.artifact.actions.iter().enumerate() {
            if wanted(what) {
                self.carry_out_taken(action)?;
            }
        }
        Ok(())
    }

    /// Carries out one action as often as it was counted when the counters were last taken; the number of times.
    fn carry_out_taken(&mut self, action: usize) -> Result<usize, Failure> {
        let times = std::mem::take(&mut self.pending[action]);
        for _ in 0..times {
            self.control(action)?;
        }
        Ok(times as usize)
    }

    /// Counts what found no room when it was put back into a map that a clause printed.
    fn count_lost(&mut self, clause: u32) {
        let lost = self.drains.take_lost();
        let word = ledger::offset(clause, ledger::Cause::MapFull) as usize / 8;
        if let Some(counter) = self.kernel.shared(Shared::Ledger).get(word) {
            counter.fetch_add(lost, Ordering::AcqRel);
        }
    }

    fn print_contents(&mut self, map: usize, contents: &Contents, top: u64, div: u64) -> Result<(), Failure> {
        let spec = &self.artifact.maps[map];
        let Some((name, key)) = user_map(spec) else { return Ok(()) };
        let value = read::value_kind(spec);
        let rows = match spec.kind.is_sequence() {
            true => (0..contents.len as u32).collect(),
            false => sort::order(contents, key, value),
        };
        let rows = match usize::try_from(top) {
            Ok(top @ 1..) if spec.kind.is_sequence() => &rows[..top.min(rows.len())],
            Ok(top @ 1..) => &rows[rows.len().saturating_sub(top)..],
            _ => &rows[..],
        };
        let view = MapView { name, key, value, contents, rows, div: div.max(1) };
        self.output.map(&view, self.names).map_err(|error| Failure::output(&error))
    }

    fn map_failure(&self, map: usize, doing: &str, error: &std::io::Error) -> Failure {
        let name = user_map(&self.artifact.maps[map]).map_or("a map", |(name, _)| name);
        Failure::map(name, doing, error)
    }
}

/// Name and key of a map of the script.
fn user_map(spec: &MapSpec) -> Option<(&str, Option<&crate::wire::types::DataType>)> {
    match &spec.role {
        MapRole::User { name, key, .. } => Some((name, key.as_ref())),
        _ => None,
    }
}

fn drains_map(action: &Action, wanted: usize) -> bool {
    matches!(action, Action::PrintMap { map, drains: Some(_), .. } if *map == wanted)
}

fn damaged(action: u32) -> Failure {
    let message = format!("a record of an action that does not exist ({action})");
    Failure::new(vec![Diagnostic::error(codes::INTERNAL, message)])
}
