//! What `print`, `clear` and `zero` do to a map while programs go on using it.
//!
//! A map that the script clears is `Swapped`: programs reach it through the slot of another map. Taking it out waits
//! for the programs that still use it, so its contents can be read exactly, and all that comes later is in the map put
//! in its place. Hence:
//!
//! - a print that a clear of the same map follows takes the contents out as it prints them, and leaves a mark that the
//!   clear finds: it has nothing left to do. What happens between the two belongs to the next print;
//! - a clear without such a mark takes the contents out and drops them;
//! - a zero takes the contents out and puts the keys back with zero where programs have not done so already.
//!
//! Queues and stacks are taken out value by value, and put back by a print that no clear follows (see `sequence`).
//!
//! Marks carry the clause that printed, so that a clear of another clause still clears.
//!
//! Invariant: with no clear outside such pairs, every addition to a map is in exactly one of the prints and the final
//! contents. Maps that are not `Swapped` are read and emptied in place, which promises nothing.

use std::io;
use std::sync::atomic::Ordering;

use super::Contents;
use super::front;
use super::read::{self, Layout};
use super::sequence;
use crate::runtime::kernel::{Kernel, Shared, Table, Update};
use crate::wire::map::{MapKind, MapSpec, ValueKind};

/// The state of the maps of a run, by the artifact's index.
#[derive(Debug)]
pub struct Drains<'a> {
    maps: &'a [MapSpec],
    states: Vec<State>,
    lost: u64,
}

#[derive(Clone, Debug, Default)]
struct State {
    /// A keyless map that was zeroed: it is printed although nothing in it tells that it was assigned.
    zeroed: bool,
    /// Clauses of the prints that took the contents out and whose clear is still to come.
    marks: Vec<u32>,
}

/// Why contents are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// `print(@m)`: a keyless map that was never assigned shows 0, but for histograms.
    Print,
    /// The end of the run: shows only what was assigned.
    End,
}

impl<'a> Drains<'a> {
    /// For these maps, none of them touched.
    pub fn new(maps: &'a [MapSpec]) -> Drains<'a> {
        Drains { maps, states: vec![State::default(); maps.len()], lost: 0 }
    }

    /// What is in a map. With `drains`, of a `Swapped` map, it is taken out for the clause given.
    ///
    /// # Errors
    /// The system calls'.
    pub fn contents(
        &mut self,
        kernel: &mut dyn Kernel,
        map: usize,
        purpose: Purpose,
        drains: Option<u32>,
    ) -> io::Result<Contents> {
        let spec = &self.maps[map];
        if spec.kind.is_sequence() {
            return self.sequence(kernel, map, drains);
        }
        let contents = match drains {
            Some(clause) if spec.kind == MapKind::Swapped => {
                let contents = take(kernel, map, spec)?;
                self.states[map].marks.push(clause);
                contents
            }
            _ => {
                let mut contents = read::read(kernel, Table::Live(map), spec)?;
                front::add(kernel, self.maps, map, &mut contents)?;
                contents
            }
        };
        Ok(self.with_zero(contents, map, purpose))
    }

    /// What is in a queue or a stack, which stays there unless a clear of that clause follows.
    fn sequence(&mut self, kernel: &mut dyn Kernel, map: usize, drains: Option<u32>) -> io::Result<Contents> {
        let spec = &self.maps[map];
        let contents = take_all(kernel, map, spec)?;
        match drains {
            Some(clause) => self.states[map].marks.push(clause),
            None => {
                let lost = sequence::put_back(kernel, map, spec, &contents)?;
                count(kernel, spec, |entries| entries.wrapping_add(contents.len as u64 - lost));
                self.lost += lost;
            }
        }
        Ok(contents)
    }

    /// Values that were lost by printing since this was last asked: programs had filled the room they came from.
    pub fn take_lost(&mut self) -> u64 {
        std::mem::take(&mut self.lost)
    }

    /// `clear(@m)` by a clause.
    ///
    /// # Errors
    /// The system calls'.
    pub fn clear(&mut self, kernel: &mut dyn Kernel, map: usize, clause: u32) -> io::Result<()> {
        let (spec, state) = (&self.maps[map], &mut self.states[map]);
        state.zeroed = false;
        if let Some(mark) = state.marks.iter().position(|mark| *mark == clause) {
            state.marks.swap_remove(mark);
            return Ok(());
        }
        match spec.kind {
            sequence if sequence.is_sequence() => take_all(kernel, map, spec).map(drop),
            // counting what is dropped takes reading it
            MapKind::Swapped if spec.len_counter.is_some() => take(kernel, map, spec).map(drop),
            MapKind::Swapped => swap_out(kernel, map),
            _ => empty(kernel, map, spec),
        }
    }

    /// `zero(@m)`.
    ///
    /// # Errors
    /// The system calls'.
    pub fn zero(&mut self, kernel: &mut dyn Kernel, map: usize) -> io::Result<()> {
        let spec = &self.maps[map];
        let zero = vec![0; Layout::of(spec, kernel.cpus()).value()];
        let old = match spec.kind {
            MapKind::Swapped => take(kernel, map, spec)?,
            _ => read::read(kernel, Table::Live(map), spec)?,
        };
        if read::is_array(spec) {
            // taken out it is 0 already, and an element that is 0 stays so
            return match spec.kind {
                MapKind::Swapped => Ok(()),
                _ => zero_elements(kernel, map, spec, &old),
            };
        }
        if read::is_keyless(spec) {
            self.states[map].zeroed |= old.len > 0;
            if spec.kind != MapKind::Swapped {
                kernel.update(Table::Live(map), &vec![0; spec.key_size as usize], &zero, Update::Any)?;
            }
            return Ok(());
        }
        let update = if spec.kind == MapKind::Swapped { Update::New } else { Update::Existing };
        let mut added = 0;
        for row in 0..old.len {
            match kernel.update(Table::Live(map), old.key(row), &zero, update) {
                Ok(done) => added += u64::from(done),
                // programs have filled the new map meanwhile: their entries are worth more than zeros
                Err(error) if error.raw_os_error() == Some(libc::E2BIG) => break,
                Err(error) => return Err(error),
            }
        }
        if spec.kind == MapKind::Swapped {
            count(kernel, spec, |entries| entries.wrapping_add(added));
        }
        Ok(())
    }

    /// Adds the entry of a keyless map that shows although it has no value.
    fn with_zero(&self, mut contents: Contents, map: usize, purpose: Purpose) -> Contents {
        let spec = &self.maps[map];
        let kind = read::value_kind(spec);
        let histogram =
            matches!(kind, ValueKind::Hist { .. } | ValueKind::Lhist { .. } | ValueKind::Series(_));
        let shown = self.states[map].zeroed || purpose == Purpose::Print && !histogram;
        if contents.len == 0 && read::is_keyless(spec) && shown {
            contents.keys.resize(contents.key_size, 0);
            contents.values.resize(contents.value_size, 0);
            contents.len = 1;
        }
        contents
    }
}

/// Sets the elements of an array that are in `contents` to 0.
fn zero_elements(kernel: &mut dyn Kernel, map: usize, spec: &MapSpec, contents: &Contents) -> io::Result<()> {
    let zero = vec![0; Layout::of(spec, kernel.cpus()).value()];
    for row in 0..contents.len {
        kernel.update(Table::Live(map), contents.key(row), &zero, Update::Any)?;
    }
    Ok(())
}

/// Takes the contents of a `Swapped` map out.
fn take(kernel: &mut dyn Kernel, map: usize, spec: &MapSpec) -> io::Result<Contents> {
    kernel.take(map)?;
    let contents = read::read(kernel, Table::Taken(map), spec);
    kernel.release(map);
    let contents = contents?;
    count(kernel, spec, |entries| entries.saturating_sub(contents.len as u64));
    Ok(contents)
}

/// Takes everything out of a queue or a stack.
fn take_all(kernel: &mut dyn Kernel, map: usize, spec: &MapSpec) -> io::Result<Contents> {
    let contents = sequence::take(kernel, map, spec)?;
    count(kernel, spec, |entries| entries.saturating_sub(contents.len as u64));
    Ok(contents)
}

fn swap_out(kernel: &mut dyn Kernel, map: usize) -> io::Result<()> {
    kernel.take(map)?;
    kernel.release(map);
    Ok(())
}

/// Removes the entries of a map that cannot be taken out.
fn empty(kernel: &mut dyn Kernel, map: usize, spec: &MapSpec) -> io::Result<()> {
    let table = Table::Live(map);
    if read::is_array(spec) {
        let contents = read::read(kernel, table, spec)?;
        return zero_elements(kernel, map, spec, &contents);
    }
    if matches!(spec.kind, MapKind::Array | MapKind::PerCpuArray) {
        let zero = vec![0; Layout::of(spec, kernel.cpus()).value()];
        return kernel.update(table, &vec![0; spec.key_size as usize], &zero, Update::Any).map(drop);
    }
    let contents = read::read(kernel, table, spec)?;
    let mut removed = 0;
    for row in 0..contents.len {
        removed += u64::from(kernel.delete(table, contents.key(row))?);
    }
    count(kernel, spec, |entries| entries.saturating_sub(removed));
    Ok(())
}

/// Changes the counter of a map's entries, which programs change too.
fn count(kernel: &mut dyn Kernel, spec: &MapSpec, change: impl Fn(u64) -> u64) {
    let word = spec.len_counter.and_then(|word| kernel.shared(Shared::Globals).get(word as usize));
    if let Some(word) = word {
        let changed = word.fetch_update(Ordering::AcqRel, Ordering::Acquire, |entries| Some(change(entries)));
        changed.expect("always changed");
    }
}
