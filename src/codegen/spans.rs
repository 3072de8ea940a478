//! From where to where things are needed, in the order of the code.
//!
//! Instructions are numbered block after block in reverse postorder. A span goes from the first to the last position that
//! touches a thing; a loop that touches it needs it throughout. That over-approximates liveness and costs linear time.

use cranelift_entity::{EntityRef, SecondaryMap};

use crate::ir::cfg::Cfg;
use crate::ir::{Block, Function, Inst, Value};

/// Positions of a function's instructions.
pub struct Positions {
    /// Of each block: the one before its first instruction, and its terminator's.
    bounds: SecondaryMap<Block, (u32, u32)>,
    /// After the last.
    pub end: u32,
}

impl Positions {
    /// Calls `each` with every instruction and its position.
    pub fn walk(func: &Function, cfg: &Cfg, mut each: impl FnMut(Inst, u32)) -> Positions {
        let mut bounds: SecondaryMap<Block, (u32, u32)> = SecondaryMap::new();
        let mut at = 0;
        for block in cfg.reverse_postorder() {
            let start = at;
            for inst in &func.blocks[block].insts {
                at += 1;
                each(*inst, at);
            }
            at += 1;
            bounds[block] = (start, at);
        }
        Positions { bounds, end: at }
    }

    /// First and last position of each loop.
    fn loops(&self, cfg: &Cfg) -> Vec<(u32, u32)> {
        let mut loops = Vec::new();
        for block in cfg.reverse_postorder() {
            for edge in cfg.preds(block) {
                if cfg.position(edge.from) >= cfg.position(block) {
                    loops.push((self.bounds[block].0, self.bounds[edge.from].1));
                }
            }
        }
        loops
    }
}

/// First and last position of each thing that has any.
#[derive(Clone, Debug, Default)]
pub struct Spans<K: EntityRef> {
    of: SecondaryMap<K, Option<(u32, u32)>>,
}

impl<K: EntityRef> Spans<K> {
    /// Of nothing yet.
    pub fn new() -> Spans<K> {
        Spans { of: SecondaryMap::new() }
    }

    /// The thing is needed at a position, which may come before or after those that are known.
    pub fn touch(&mut self, thing: K, at: u32) {
        let (first, last) = self.of[thing].get_or_insert((at, at));
        (*first, *last) = ((*first).min(at), (*last).max(at));
    }

    /// First and last position.
    pub fn get(&self, thing: K) -> Option<(u32, u32)> {
        self.of[thing]
    }

    /// All that have positions.
    pub fn iter(&self) -> impl Iterator<Item = (K, (u32, u32))> {
        self.of.iter().filter_map(|(thing, span)| Some((thing, (*span)?)))
    }

    /// What is touched inside a loop is needed in all of it. Until nothing changes, since loops nest.
    pub fn extend_over_loops(&mut self, cfg: &Cfg, positions: &Positions) {
        self.extend(&positions.loops(cfg), |(first, last), (start, end)| {
            if *first < end && *last > start {
                (*first, *last) = ((*first).min(start), (*last).max(end));
            }
        });
    }

    fn extend(&mut self, loops: &[(u32, u32)], one: impl Fn((&mut u32, &mut u32), (u32, u32))) {
        let mut changed = !loops.is_empty();
        while changed {
            changed = false;
            for around in loops {
                for (first, last) in self.of.values_mut().flatten() {
                    let before = (*first, *last);
                    one((first, last), *around);
                    changed |= before != (*first, *last);
                }
            }
        }
    }
}

impl Spans<Value> {
    /// The lives of values for which `test` says so.
    pub fn of_values(func: &Function, cfg: &Cfg, test: impl Fn(Value) -> bool) -> Spans<Value> {
        let mut spans = Spans::new();
        let mut touch = |value: Value, at: u32| {
            if test(value) {
                spans.touch(value, at);
            }
        };
        let positions = Positions::walk(func, cfg, |inst, at| {
            func.insts[inst].for_each_operand(|value| touch(value, at));
            if let Some(result) = func.result(inst) {
                touch(result, at);
            }
        });
        for block in cfg.reverse_postorder() {
            let (start, end) = positions.bounds[block];
            for param in &func.blocks[block].params {
                touch(*param, start);
            }
            if let Some(terminator) = &func.blocks[block].terminator {
                terminator.for_each_operand(|value| touch(value, end));
            }
        }
        // what is made in a round is gone in the next one
        spans.extend(&positions.loops(cfg), |(first, last), (start, end)| {
            if *first < start && *last > start {
                *last = (*last).max(end);
            }
        });
        spans
    }
}
