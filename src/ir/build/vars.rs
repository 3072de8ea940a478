//! Scratch variables while a program is built: the SSA value of each scalar, the slot of everything else.
//!
//! What an arm of a condition assigns is noted in a log; at the arm's end its assignments are taken back and
//! handed out, and the join makes block parameters of those that differ. The work is proportional to the
//! assignments.

use crate::ir::entities::{Slot, Value};
use crate::sema::tree::VarId;

/// The variables of one program.
#[derive(Default)]
pub struct Vars {
    values: Vec<Option<Value>>,
    slots: Vec<Option<Slot>>,
    /// Assignments within arms: the variable and what it was before.
    log: Vec<(VarId, Option<Value>)>,
    arms: u32,
    /// Kept in their slots, scalars too: their addresses are taken.
    in_memory: Vec<VarId>,
}

/// Where an arm began.
pub struct Mark(usize);

/// What an arm assigned: each variable once, with its last value, in order of their ids.
pub type Changes = Vec<(VarId, Value)>;

impl Vars {
    /// None of `count` variables has a value; those of `in_memory` are kept in slots.
    pub fn new(count: usize, in_memory: Vec<VarId>) -> Vars {
        Vars { values: vec![None; count], slots: vec![None; count], in_memory, ..Vars::default() }
    }

    /// True for a variable whose address is taken.
    pub fn is_in_memory(&self, var: VarId) -> bool {
        self.in_memory.contains(&var)
    }

    /// The variables whose addresses are taken.
    pub fn in_memory(&self) -> &[VarId] {
        &self.in_memory
    }

    /// The value of a scalar.
    pub fn get(&self, var: VarId) -> Option<Value> {
        self.values[var.0 as usize]
    }

    /// Assigns a scalar.
    pub fn set(&mut self, var: VarId, value: Value) {
        let old = self.values[var.0 as usize].replace(value);
        if self.arms > 0 {
            self.log.push((var, old));
        }
    }

    /// The slot of a variable that is no scalar, once it has one.
    pub fn slot(&self, var: VarId) -> Option<Slot> {
        self.slots[var.0 as usize]
    }

    /// Gives a variable its slot.
    pub fn set_slot(&mut self, var: VarId, slot: Slot) {
        self.slots[var.0 as usize] = Some(slot);
    }

    /// An arm begins.
    pub fn begin_arm(&mut self) -> Mark {
        self.arms += 1;
        Mark(self.log.len())
    }

    /// The arm ends: everything is as it was before, and the arm's assignments come out.
    pub fn end_arm(&mut self, mark: Mark) -> Changes {
        self.arms -= 1;
        let log = self.log.split_off(mark.0);
        let mut changes = Changes::new();
        for (var, old) in log.into_iter().rev() {
            let last = std::mem::replace(&mut self.values[var.0 as usize], old);
            changes.extend(last.map(|value| (var, value)));
        }
        // In reverse order the first entry of a variable holds its last value; a stable sort keeps it first.
        changes.sort_by_key(|change| change.0);
        changes.dedup_by_key(|change| change.0);
        changes
    }
}

#[cfg(test)]
mod tests {
    use cranelift_entity::EntityRef;

    use super::*;

    #[test]
    fn an_arm_is_taken_back_and_handed_out() {
        let value = Value::new;
        let (a, b, c) = (VarId(0), VarId(1), VarId(2));
        let mut vars = Vars::new(3, Vec::new());
        vars.set(a, value(1));
        let mark = vars.begin_arm();
        vars.set(b, value(2));
        vars.set(a, value(3));
        let inner = vars.begin_arm();
        vars.set(a, value(4));
        assert_eq!(vars.end_arm(inner), [(a, value(4))]);
        vars.set(b, value(5));
        assert_eq!(vars.end_arm(mark), [(a, value(3)), (b, value(5))]);
        assert_eq!((vars.get(a), vars.get(b), vars.get(c)), (Some(value(1)), None, None));
    }
}
