//! What a helper writes into a slot only to be copied elsewhere is written there at once.
//!
//! `get_current_comm(slot, 16) … copy [record + 8], [slot], 16` becomes `get_current_comm(record + 8, 16)` where the copy
//! stood, when both stand in one block, the slot's bytes are neither touched in between nor alive afterwards, and
//! nobody asks for the helper's result in between. The helpers in question, `get_current_comm` and the plain
//! `probe_read`s of addresses, do not see what the program wrote since.
//!
//! Deliberately absent: string reads, which leave what was behind the NUL.

use rustc_hash::FxHashSet;
use smallvec::SmallVec;

use super::dead_stores::Live;
use crate::ir::cfg::Cfg;
use crate::ir::edit::Cursor;
use crate::ir::entities::{Block, Inst, Value};
use crate::ir::function::{Function, InstData, Type};
use crate::ir::helper::Helper;
use crate::ir::memory::{Liveness, effects};
use crate::ir::places::{Access, Places, Region};
use crate::ir::typing::Maps;

/// Calls that are remembered in a block.
const MOST: usize = 8;

/// A helper's call that has filled a slot.
struct Filled {
    call: Inst,
    bytes: Access,
}

pub(super) fn run(maps: &Maps, func: &mut Function) {
    let is_copy = |inst: &Inst| matches!(func.insts[*inst], InstData::Copy { .. });
    let is_candidate = |block: &Block| {
        let insts = &func.blocks[*block].insts;
        insts.iter().any(is_copy) && insts.iter().any(|inst| is_movable(func, *inst))
    };
    let candidates: Vec<Block> = func.layout.iter().copied().filter(is_candidate).collect();
    if candidates.is_empty() {
        return;
    }
    let cfg = Cfg::new(func);
    let places = Places::new(maps, func, &cfg);
    let liveness = Liveness::careful(maps, func, &cfg, &places);
    for block in candidates {
        let last = last_reads(maps, func, &places, &liveness, block);
        let moves = find(maps, func, &places, &last, block);
        apply(func, block, &moves);
    }
}

/// Copies after which nothing of what they read is alive.
fn last_reads(
    maps: &Maps,
    func: &Function,
    places: &Places,
    liveness: &Liveness,
    block: Block,
) -> FxHashSet<Inst> {
    let mut live = Live::at_end(liveness, block);
    let mut last = FxHashSet::default();
    for &inst in func.blocks[block].insts.iter().rev() {
        let effects = effects(maps, func, places, inst);
        if let (InstData::Copy { .. }, Some(read)) = (&func.insts[inst], effects.reads.first())
            && live.needed(maps, func, read).is_none()
        {
            last.insert(inst);
        }
        live.before(maps, func, &effects);
    }
    last
}

/// Calls and the copies that they replace.
fn find(
    maps: &Maps,
    func: &Function,
    places: &Places,
    last: &FxHashSet<Inst>,
    block: Block,
) -> SmallVec<[(Inst, Inst); 4]> {
    let (mut filled, mut moves): (Vec<Filled>, SmallVec<[(Inst, Inst); 4]>) = (Vec::new(), SmallVec::new());
    for &inst in &func.blocks[block].insts {
        let effects = effects(maps, func, places, inst);
        let is_source = |filled: &&Filled| effects.reads.first() == Some(&filled.bytes);
        if last.contains(&inst) {
            moves.extend(filled.iter().find(is_source).map(|filled| (filled.call, inst)));
        }
        filled.retain(|filled| {
            let result = func.result(filled.call);
            let mut asked = false;
            func.insts[inst].for_each_operand(|value| asked |= Some(func.resolve(value)) == result);
            let mut touched = effects.reads.iter().chain(&effects.writes);
            !asked && !touched.any(|access| access.may_overlap(&filled.bytes))
        });
        let fills = effects.writes.first().filter(|bytes| {
            is_movable(func, inst)
                && bytes.exact
                && matches!(bytes.region, Region::Slot(_))
                && filled.len() < MOST
        });
        filled.extend(fills.map(|bytes| Filled { call: inst, bytes: *bytes }));
    }
    moves
}

fn is_movable(func: &Function, inst: Inst) -> bool {
    match &func.insts[inst] {
        InstData::Call { helper: Helper::Comm, .. } => true,
        InstData::Call { helper: Helper::ProbeReadUser | Helper::ProbeReadKernel, args } => {
            func.type_of(func.resolve(args[2])) == Type::Int
        }
        _ => false,
    }
}

fn apply(func: &mut Function, block: Block, moves: &[(Inst, Inst)]) {
    if moves.is_empty() {
        return;
    }
    let mut cursor = Cursor::new(func, block);
    while let Some(inst) = cursor.next() {
        if moves.iter().any(|(call, _)| *call == inst) {
            continue;
        }
        let Some((call, _)) = moves.iter().find(|(_, copy)| *copy == inst) else {
            cursor.keep(inst);
            continue;
        };
        let InstData::Copy { to, to_offset, .. } = cursor.func.insts[inst] else { continue };
        let to = target(&mut cursor, to, to_offset);
        if let InstData::Call { args, .. } = &mut cursor.func.insts[*call] {
            args[0] = to;
        }
        cursor.keep(*call);
    }
}

fn target(cursor: &mut Cursor<'_>, base: Value, offset: i32) -> Value {
    if offset == 0 {
        return base;
    }
    let ty = cursor.func.type_of(cursor.func.resolve(base));
    cursor.emit(InstData::PtrAdd { base, offset: offset.into() }, Some(ty)).unwrap_or(base)
}
