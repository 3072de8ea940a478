//! `print`, `clear` and `zero` against programs that never rest.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use beetrace::fuzz::rng::Rng;
use beetrace::object::artifact::Artifact;
use beetrace::runtime::output::sink::Memory;
use beetrace::runtime::output::text::Text;
use beetrace::runtime::output::writer::{Buffering, Writer};
use beetrace::runtime::session::Session;
use beetrace::runtime::signals::Signals;
use beetrace::wire::map::{GLOBALS, MapKind, ValueKind};
use beetrace::wire::record::Action;

use super::fake::{self, Fake, Hooks, World};
use super::notation::Fixed;

/// The actions of clause 0; those of clause 1 follow.
const PRINT: usize = 0;
const CLEAR: usize = 1;
const NOISE: usize = 4;

fn script(kind: MapKind, drains: bool, measured: bool) -> Artifact {
    let mut map = fake::map("@x", kind, Some(MapKind::Hash), ValueKind::Count, false);
    map.len_counter = measured.then_some(GLOBALS);
    if kind != MapKind::Swapped {
        map.inner = None;
    }
    let of = |clause| {
        let print = Action::PrintMap { map: 0, clause: 0, top: 0, div: 0, drains: drains.then_some(clause) };
        [print, Action::Clear { map: 0, clause }]
    };
    let noise = Action::Time { format: String::new() };
    fake::artifact(vec![map], [of(0), of(1)].into_iter().flatten().chain([noise]).collect())
}

/// Counts events, and now and then runs `print(@x); clear(@x)`, interrupted anywhere.
struct Program {
    rng: Rng,
    counted: u64,
    /// Clears still to come, by CPU.
    half_done: Vec<u32>,
    measured: bool,
}

impl Program {
    fn step(&mut self, world: &mut World) {
        for _ in 0..self.rng.below(4) {
            let key = (self.rng.below(40) as u64).to_le_bytes();
            if world.add(0, &key, 1) && self.measured {
                world.globals[GLOBALS as usize].fetch_add(1, Ordering::Relaxed);
            }
            self.counted += 1;
        }
        match self.rng.below(100) {
            0 if self.half_done.len() < 3 => {
                let clause = self.rng.below(2) as u32;
                world.submit(PRINT + 2 * clause as usize, clause, &[], true);
                self.half_done.push(clause);
            }
            1 | 2 if !self.half_done.is_empty() => {
                let clause = self.half_done.remove(self.rng.below(self.half_done.len()));
                world.submit(CLEAR + 2 * clause as usize, clause, &[], true);
            }
            // records of events, so that the ring is full now and then
            3..8 => drop(world.submit(NOISE, 0, &[], false)),
            _ => {}
        }
    }
}

fn printed(text: &[u8]) -> BTreeMap<String, u64> {
    let mut sums = BTreeMap::new();
    for line in String::from_utf8(text.to_vec()).unwrap().lines() {
        let (key, value) = line.split_once(": ").unwrap_or_else(|| panic!("{line}"));
        *sums.entry(key.to_owned()).or_default() += value.parse::<u64>().unwrap();
    }
    sums
}

#[test]
fn what_is_cleared_after_a_print_is_in_exactly_one_print() {
    for seed in 0..60 {
        let measured = seed % 2 == 0;
        let artifact = script(MapKind::Swapped, true, measured);
        let program =
            RefCell::new(Program { rng: Rng::new(seed), counted: 0, half_done: Vec::new(), measured });
        let resting = Cell::new(false);
        let step = |world: &mut World| {
            if !resting.get() {
                program.borrow_mut().step(world);
            }
        };
        let hooks = Hooks { step: Some(Box::new(step)), ..Hooks::default() };
        let mut kernel = Fake::new(&artifact, hooks);
        kernel.world.room = [0, 1, 3, 64][seed as usize % 4];
        kernel.old = seed % 5 == 0;
        let memory = Memory::default();
        let mut text = Text::new(Writer::new(Box::new(memory.clone()), Buffering::Record), false);
        let signals = Signals::install().unwrap();
        let mut names = Fixed;
        let mut session = Session::new(&artifact, &mut kernel, &mut text, &mut names, signals);
        for _ in 0..100 {
            // taking a record lets programs run, so a pump may never see the ring empty: it stops at a batch
            session.pump().unwrap();
        }
        resting.set(true);
        session.kernel.detach();
        session.drain().unwrap();
        session.print_maps().unwrap();
        drop(session);
        if measured {
            let entries = kernel.world.globals[GLOBALS as usize].load(Ordering::Relaxed);
            assert_eq!(entries, kernel.world.maps[0].len() as u64, "seed {seed}: len");
        }
        let total: u64 = printed(&memory.0.borrow()).values().sum();
        assert_eq!(total, program.borrow().counted, "seed {seed}");
        assert!(total > 50, "seed {seed}");
    }
}

/// Carries out the words of `steps` in order on a map `@x` of one entry: `add` adds 5 to it, the others are actions. Gives
/// what was printed, the map at the end included.
fn sequence(kind: MapKind, keyless: bool, value: ValueKind, steps: &str) -> String {
    let print = |drains| Action::PrintMap { map: 0, clause: 0, top: 0, div: 0, drains };
    let clear = Action::Clear { map: 0, clause: 0 };
    let actions = vec![print(None), print(Some(0)), clear, Action::Zero { map: 0 }];
    let inner = (kind == MapKind::Swapped).then_some(if keyless { MapKind::Array } else { MapKind::Hash });
    let artifact = fake::artifact(vec![fake::map("@x", kind, inner, value, keyless)], actions);
    let steps = RefCell::new(steps.split(' '));
    let key = if keyless { vec![0; 4] } else { 7u64.to_le_bytes().to_vec() };
    // the ring is asked for a record: up to the next action, the words happen
    let step = |world: &mut World| {
        while world.ring.is_empty()
            && let Some(step) = steps.borrow_mut().next()
        {
            match ["print", "drain", "clear", "zero"].iter().position(|name| *name == step) {
                Some(action) => drop(world.submit(action, 0, &[], true)),
                None => drop(world.add(0, &key, 5)),
            }
        }
    };
    let mut kernel = Fake::new(&artifact, Hooks { record: Some(Box::new(step)), ..Hooks::default() });
    let memory = Memory::default();
    let mut text = Text::new(Writer::new(Box::new(memory.clone()), Buffering::Record), false);
    let (mut names, signals) = (Fixed, Signals::install().unwrap());
    let mut session = Session::new(&artifact, &mut kernel, &mut text, &mut names, signals);
    session.drain().unwrap();
    session.print_maps().unwrap();
    drop(session);
    let written = memory.0.borrow().clone();
    String::from_utf8(written).unwrap().replace('\n', "; ")
}

#[test]
fn a_clear_finds_what_its_print_took_out() {
    for kind in [MapKind::Swapped, MapKind::Hash] {
        let run = |steps| sequence(kind, false, ValueKind::Count, steps);
        assert_eq!(run("add print add"), "@x[7]: 5; @x[7]: 10; ");
        assert_eq!(run("add drain clear add"), "@x[7]: 5; @x[7]: 5; ");
        assert_eq!(run("add clear add"), "@x[7]: 5; ");
        assert_eq!(
            run("add drain add clear clear add"),
            "@x[7]: 5; @x[7]: 5; ",
            "the second clear is its own"
        );
        assert_eq!(run("add clear"), "");
        assert_eq!(run("add zero print"), "@x[7]: 0; @x[7]: 0; ");
        assert_eq!(run("add zero add"), "@x[7]: 5; ");
    }
    let swapped = sequence(MapKind::Swapped, false, ValueKind::Count, "add drain add clear add");
    assert_eq!(swapped, "@x[7]: 5; @x[7]: 10; ", "nothing between print and clear is lost");
}

#[test]
fn keyless_maps_show_when_they_were_assigned() {
    for kind in [MapKind::Swapped, MapKind::Array] {
        let run = |steps| sequence(kind, true, ValueKind::Count, steps);
        assert_eq!(run("print"), "@x: 0; ", "printed as 0, but not at the end");
        assert_eq!(run("add print"), "@x: 5; @x: 5; ");
        assert_eq!(run("add clear"), "");
        assert_eq!(run("add clear print"), "@x: 0; ");
        assert_eq!(run("add zero"), "@x: 0; ");
        assert_eq!(run("zero"), "");
        assert_eq!(run("add zero clear"), "");
        let run = |steps| sequence(kind, true, ValueKind::Hist { bits: 0 }, steps);
        assert_eq!(run("print"), "");
        assert_eq!(run("add zero"), "@x:; ; ");
    }
}
