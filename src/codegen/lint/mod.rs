//! Proves on finished code that it keeps the rules which the verifiers of all supported kernels want kept.
//!
//! An abstract walk over all paths at once: what each register holds (a number with its bounds, the context, a place on
//! the stack, in a map value or in a record, a pointer that may be null), which bytes of the stack were written, which
//! records are in hand. The rules, by their number in KERNELS:
//!
//! 1. pointers that may be null are compared by a 64-bit `==` or `!=` with 0 only; 2. and nothing is computed on them;
//! 3. bounds are proven on the register that is used, never on a copy, and not kept over 32-bit copies;
//! 4. pointers are spilled and filled as 8 aligned bytes; stack accesses are aligned;
//! 5. 32-bit jumps and signed jumps bound nothing; 6. nor do remainders and byte swaps;
//! 7. the context is loaded from at constant offsets, itself unchanged;
//! 8. where paths meet, different kinds of pointers become nothing; 9. keys and values are written to the last byte;
//! 10. no record is a key; 11. every record is submitted or discarded once on every path;
//! 13. no unreachable code, no division by a constant 0, no shift by the width or more.
//!
//! One more, found by running random functions: results of map updates and deletions have 32 bits, the upper half is
//! not the sign before 6.4 (the JIT calls a C function that returns an `int`).
//!
//! Besides: accesses lie within the stack, value or record; registers are written before they are read, r0 at the end
//! too; jumps reach an instruction. What it finds is a bug of the compiler. Linear in the size of the code.
//!
//! Deliberately absent: rule 12 (callbacks), which no code has yet, and features of helpers by program type.

mod calls;
mod graph;
mod state;
mod step;

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

use crate::codegen::encode::Sealed;
use crate::codegen::inst::Code;
use crate::ir::typing::Maps;
use state::{Id, State};

/// A rule that does not hold, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Slot of the instruction.
    pub at: usize,
    /// What is wrong.
    pub what: String,
}

impl std::fmt::Display for Violation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "slot {}: {}", self.at, self.what)
    }
}

type Result<T> = std::result::Result<T, String>;

/// After so many visits of the head of a loop, bounds of numbers that still change there are given up. What is computed
/// from them within the loop settles by itself.
const PATIENCE: u32 = 3;

/// Checks a program.
///
/// # Errors
/// The first rule found broken.
pub fn check(maps: &Maps, code: &Code, sealed: &[Sealed]) -> std::result::Result<(), Violation> {
    let graph = graph::Graph::new(&code.insns, sealed)?;
    let mut linter = Linter {
        maps,
        code,
        sealed,
        states: vec![None; graph.blocks.len()],
        visits: vec![0; graph.blocks.len()],
        work: BinaryHeap::new(),
        ids: HashMap::new(),
        graph,
    };
    linter.states[0] = Some(Box::new(State::entry()));
    linter.work.push(Reverse((linter.graph.blocks[0].order, 0)));
    while let Some(Reverse((_, block))) = linter.work.pop() {
        linter.block(block)?;
    }
    Ok(())
}

struct Linter<'a> {
    maps: &'a Maps,
    code: &'a Code,
    sealed: &'a [Sealed],
    graph: graph::Graph,
    /// At the start of each block, as far as it was reached.
    states: Vec<Option<Box<State>>>,
    visits: Vec<u32>,
    /// Blocks to walk, in reverse postorder.
    work: BinaryHeap<Reverse<(u32, usize)>>,
    /// Names of what different pointers become where paths meet.
    ids: HashMap<(usize, Id, Id), Id>,
}

impl Linter<'_> {
    fn block(&mut self, block: usize) -> std::result::Result<(), Violation> {
        let Some(mut state) = self.states[block].as_deref().cloned() else { return Ok(()) };
        self.visits[block] += 1;
        let graph::Block { start, end, .. } = self.graph.blocks[block];
        let mut at = start;
        while at < end {
            let next = self.step(&mut state, at).map_err(|what| Violation { at, what })?;
            if next >= end {
                self.leave(&state, at, next).map_err(|what| Violation { at, what })?;
            }
            at = next;
        }
        Ok(())
    }

    /// Hands the state on to a block.
    fn enter(&mut self, block: usize, state: &State) -> Result<()> {
        let order = self.graph.blocks[block].order;
        let changed = match &mut self.states[block] {
            None => {
                self.states[block] = Some(Box::new(state.clone()));
                true
            }
            Some(known) => {
                if known.records != state.records {
                    return Err("a record is in hand on one path to here and not on another".into());
                }
                let ids = &mut self.ids;
                let mut name = |a: Id, b: Id| {
                    if a == b {
                        return a;
                    }
                    let next = Id::MAX - ids.len() as Id;
                    *ids.entry((block, a, b)).or_insert(next)
                };
                let widen = self.graph.blocks[block].head && self.visits[block] > PATIENCE;
                known.join(state, widen, &mut name)
            }
        };
        if changed {
            self.work.push(Reverse((order, block)));
        }
        Ok(())
    }
}
