//! Records are linear.
//!
//! A forward walk keeps, for each reservation that is not over, what it may be: not yet checked, live, over. A
//! reservation that is not in the table has not begun or is over.

use cranelift_entity::SecondaryMap;
use smallvec::SmallVec;

use super::{Analyses, Checker, Site};
use crate::ir::entities::{Block, Inst, Value};
use crate::ir::function::{InstData, Terminator};
use crate::ir::helper::Helper;
use crate::ir::memory::reservation;
use crate::ir::places::Region;

/// Reserved, perhaps null.
const UNCHECKED: u8 = 1;
/// Not null, neither submitted nor discarded.
const LIVE: u8 = 2;
/// Not reserved yet, null, submitted or discarded.
const OVER: u8 = 4;

/// States of reservations, sorted by value; a set of the states above, never only `OVER`.
type State = SmallVec<[(Value, u8); 2]>;

fn get(state: &State, record: Value) -> u8 {
    state.iter().find(|(value, _)| *value == record).map_or(OVER, |(_, states)| *states)
}

fn set(state: &mut State, record: Value, states: u8) {
    state.retain(|(value, _)| *value != record);
    if states != OVER {
        state.push((record, states));
        state.sort_by_key(|(value, _)| *value);
    }
}

fn join(a: &State, b: &State) -> State {
    let mut out = a.clone();
    for (value, states) in b {
        let joined = get(&out, *value) | states;
        set(&mut out, *value, joined);
    }
    for (value, states) in a {
        let joined = states | get(b, *value);
        set(&mut out, *value, joined);
    }
    out
}

impl Checker<'_> {
    pub(super) fn records(&mut self, analyses: &Analyses) {
        let func = self.func;
        let reserves = |inst: &Inst| reservation(func, *inst).is_some();
        if !self.insts().iter().any(|(_, inst)| reserves(inst)) {
            return;
        }
        let mut entries: SecondaryMap<Block, Option<State>> = SecondaryMap::new();
        entries[func.entry()] = Some(State::new());
        let mut work = vec![func.entry()];
        while let Some(block) = work.pop() {
            let mut state = entries[block].clone().unwrap_or_default();
            self.walk_records(analyses, block, &mut state, false);
            for (target, state) in self.leave(block, &state) {
                let joined = entries[target].as_ref().map_or_else(|| state.clone(), |old| join(old, &state));
                if entries[target].as_ref() != Some(&joined) {
                    entries[target] = Some(joined);
                    work.push(target);
                }
            }
        }
        for block in analyses.cfg.reverse_postorder() {
            let mut state = entries[block].clone().unwrap_or_default();
            self.walk_records(analyses, block, &mut state, true);
            if let (Some(Terminator::Return(_)), Some((record, _))) =
                (&func.blocks[block].terminator, state.first())
            {
                let message = format!("the record {record} is neither submitted nor discarded on every path");
                self.error(Site::Terminator(block), message);
            }
        }
    }

    /// The states that each target is entered with.
    fn leave(&self, block: Block, state: &State) -> Vec<(Block, State)> {
        let Some(terminator) = &self.func.blocks[block].terminator else { return Vec::new() };
        if let Terminator::BrNull { ptr, null, non_null } = terminator {
            let record = self.func.resolve(*ptr);
            let states = get(state, record);
            if states & (UNCHECKED | LIVE) != 0 {
                let (mut without, mut with) = (state.clone(), state.clone());
                // On the null side the record is over if it was never checked; a live one does not come here.
                set(&mut without, record, OVER);
                set(&mut with, record, states & OVER & !UNCHECKED | LIVE);
                return vec![(null.block, without), (non_null.block, with)];
            }
        }
        terminator.targets().into_iter().map(|target| (target.block, state.clone())).collect()
    }

    fn walk_records(&mut self, analyses: &Analyses, block: Block, state: &mut State, report: bool) {
        for &inst in &self.func.blocks[block].insts {
            if let Some(Region::Record(record)) = reservation(self.func, inst) {
                let over = get(state, record) == OVER;
                if report {
                    self.check(over, Site::Inst(inst), "the record of the round before is not given back");
                }
                set(state, record, UNCHECKED);
                continue;
            }
            let data = &self.func.insts[inst];
            let gives_back =
                matches!(data, InstData::Call { helper: Helper::RingSubmit | Helper::RingDiscard, .. });
            let mut used = SmallVec::<[Value; 2]>::new();
            data.for_each_operand(|value| {
                if let Some(Region::Record(record)) =
                    analyses.places.of(self.func, value).map(|place| place.region)
                {
                    used.push(record);
                }
            });
            for record in used {
                if report {
                    let live = get(state, record) == LIVE;
                    self.check(live, Site::Inst(inst), "the record is over, or not checked, on some path");
                }
                if gives_back {
                    set(state, record, OVER);
                }
            }
        }
    }
}
