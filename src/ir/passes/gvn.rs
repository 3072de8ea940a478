//! Global value numbering: an instruction that computes what a dominating one has computed becomes its alias.
//!
//! Walks the dominator tree with a table of what is available, taken back on the way up. Pure instructions take part:
//! arithmetic, addresses, context loads (nobody writes the context), and helpers that the table calls pure (pid and
//! tgid, uid and gid, CPU, cgroup …), which give the same throughout a run. `non_null` does too: whatever the
//! dominating one was allowed to assume holds here.
//!
//! Deliberately absent: loads from memory (`loads`), lookups (`lookups`), hoisting to a common dominator.

use rustc_hash::FxHashMap;

use crate::ir::cfg::Cfg;
use crate::ir::domtree::DomTree;
use crate::ir::edit::Cursor;
use crate::ir::entities::{Block, Value};
use crate::ir::function::{Function, InstData, Provenance, Type};
use crate::ir::typing::Maps;

/// What is available; entries below the current block's are of dominating blocks.
#[derive(Default)]
struct Table {
    available: FxHashMap<InstData, Value>,
    /// Added, in order.
    log: Vec<InstData>,
}

pub(super) fn run(_: &Maps, func: &mut Function) {
    let cfg = Cfg::new(func);
    let domtree = DomTree::new(&cfg);
    let mut table = Table::default();
    let mut stack = vec![(func.entry(), None)];
    while let Some((block, mark)) = stack.pop() {
        if let Some(mark) = mark {
            table.undo(mark);
            continue;
        }
        stack.push((block, Some(table.log.len())));
        table.block(func, block);
        stack.extend(domtree.children(block).map(|child| (child, None)));
    }
    func.resolve_aliases();
}

impl Table {
    fn undo(&mut self, mark: usize) {
        for key in self.log.drain(mark..) {
            self.available.remove(&key);
        }
    }

    fn block(&mut self, func: &mut Function, block: Block) {
        let mut cursor = Cursor::new(func, block);
        while let Some(inst) = cursor.next() {
            let mut key = cursor.func.insts[inst].clone();
            let result = cursor.func.result(inst).filter(|_| takes_part(cursor.func, &key));
            let Some(result) = result else {
                cursor.keep(inst);
                continue;
            };
            normalise(cursor.func, &mut key);
            match self.available.get(&key) {
                Some(&same) => cursor.func.replace(result, same),
                None => {
                    self.available.insert(key.clone(), result);
                    self.log.push(key);
                    cursor.keep(inst);
                }
            }
        }
    }
}

fn takes_part(func: &Function, data: &InstData) -> bool {
    match data {
        InstData::Load { base, .. } => func.type_of(func.resolve(*base)) == Type::Ptr(Provenance::Context),
        _ => data.is_pure(),
    }
}

/// Resolves operands and puts those that may change places in order.
fn normalise(func: &Function, data: &mut InstData) {
    data.map_operands(|value| func.resolve(value));
    match data {
        InstData::Binary { op, left, right } if op.is_commutative() => {
            (*left, *right) = ((*left).min(*right), (*left).max(*right));
        }
        InstData::Icmp { cond, left, right } => {
            *cond = if *left > *right { cond.swapped() } else { *cond };
            (*left, *right) = ((*left).min(*right), (*left).max(*right));
        }
        _ => {}
    }
}
