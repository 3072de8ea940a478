//! Numbers that move from registers and the stack to scratch memory, when more live at once than the stack holds.
//!
//! Which ones: a walk over the function in the order of its code keeps at most so many numbers alive; when one more
//! comes, the one goes whose life is long for how often it is used. What goes gets a slot of 8 bytes, is stored where it
//! is made and loaded again at each use. A parameter of a block has its slot written on the edges to it.
//!
//! Only numbers go: what the verifier knows of a pointer is lost in memory. Constants are made anew anyway, and clamped
//! sizes, addresses as numbers and what comes from the context may be more to the verifier than they look like. Counters
//! of loops stay too.
//!
//! Deliberately absent: where the slots lie (`frame`), and trying again with fewer (`compile`).

use cranelift_entity::SecondaryMap;
use cranelift_entity::packed_option::PackedOption;

use super::spans::Spans;
use crate::ir::cfg::{Cfg, Edge};
use crate::ir::edit::Cursor;
use crate::ir::function::{SlotData, ValueDef};
use crate::ir::{BinOp, Block, Function, Helper, InstData, Provenance, Slot, Terminator, Type, Value, Width};

/// Positions for each use that a life must have to be worth a slot, unless hardly anything may live at once.
const SHORT: usize = 12;

/// The function with all but about `most` of the numbers that live at the same time in slots, and these slots; None when
/// no number can go.
pub fn demote(func: &Function, most: usize) -> Option<(Function, Vec<Slot>)> {
    let mut func = func.clone();
    func.resolve_aliases();
    func.split_critical_edges();
    let cfg = Cfg::new(&func);
    let chosen = choose(&func, &cfg, most);
    if chosen.is_empty() {
        return None;
    }
    let mut homes: Homes = SecondaryMap::new();
    let slots = chosen.iter().map(|value| {
        let slot = func.slots.push(SlotData { size: 8, align: 8, name: "kept".into() });
        homes[*value] = slot.into();
        slot
    });
    let slots = slots.collect();
    for block in func.layout.clone() {
        rewrite(&mut func, &homes, block);
    }
    for block in func.layout.clone() {
        params(&mut func, &cfg, &homes, block);
    }
    Some((func, slots))
}

/// The slot of each value that has one.
type Homes = SecondaryMap<Value, PackedOption<Slot>>;

/// The verifier knows no more of the value than that it is a number.
fn may_go(func: &Function, value: Value) -> bool {
    let data = &func.values[value];
    let plain = |data: &InstData| match data {
        InstData::Const(_)
        | InstData::Clamp { .. }
        | InstData::ContextAddr { .. }
        | InstData::Address { .. }
        | InstData::Call { helper: Helper::CurrentTaskBtf, .. } => false,
        InstData::Load { base, .. } => func.type_of(*base) != Type::Ptr(Provenance::Context),
        _ => true,
    };
    data.ty == Type::Int
        && match data.def {
            ValueDef::Result(inst) => plain(&func.insts[inst]),
            ValueDef::Param(..) => true,
            ValueDef::Alias(_) => false,
        }
}

/// A number while it lives.
struct Alive {
    value: Value,
    last: u32,
    /// Positions of its life for each use: what is gained, for what it costs.
    worth: u32,
}

/// What counts the rounds of loops: the verifier sees that a loop ends as long as it knows these numbers.
fn counters(func: &Function, cfg: &Cfg) -> SecondaryMap<Value, bool> {
    let mut counters = SecondaryMap::new();
    for block in cfg.reverse_postorder() {
        let back = |edge: &&Edge| cfg.position(edge.from) >= cfg.position(block);
        for edge in cfg.preds(block).iter().filter(back) {
            let targets =
                func.blocks[edge.from].terminator.as_ref().map(Terminator::targets).unwrap_or_default();
            for (param, next) in func.blocks[block].params.iter().zip(&targets[edge.index as usize].args) {
                if let Some(InstData::Binary { op: BinOp::Add | BinOp::Sub, left, right }) =
                    func.def_data(*next)
                    && left == param
                    && func.as_const(*right).is_some()
                {
                    counters[*param] = true;
                    counters[*next] = true;
                }
            }
        }
    }
    counters
}

fn choose(func: &Function, cfg: &Cfg, most: usize) -> Vec<Value> {
    let counters = counters(func, cfg);
    let spans = Spans::of_values(func, cfg, |value| may_go(func, value) && !counters[value]);
    let uses = func.use_counts();
    let mut order: Vec<(u32, u32, Value)> =
        spans.iter().map(|(value, (first, last))| (first, last, value)).collect();
    order.sort_unstable();
    let (mut alive, mut chosen) = (Vec::<Alive>::new(), Vec::new());
    for (first, last, value) in order {
        alive.retain(|other| other.last > first);
        alive.push(Alive { value, last, worth: (last - first) / (uses[value] + 1) });
        if alive.len() > most {
            let longest = (0..alive.len()).max_by_key(|at| alive[*at].worth).expect("one was just added");
            if alive[longest].worth as usize > SHORT.min(most) {
                chosen.push(alive.swap_remove(longest).value);
            }
        }
    }
    chosen
}

/// Loads at uses, stores behind definitions, in one block.
fn rewrite(func: &mut Function, homes: &Homes, block: Block) {
    let mut cursor = Cursor::new(func, block);
    while let Some(inst) = cursor.next() {
        let mut data = cursor.func.insts[inst].clone();
        if reload(&mut cursor, homes, |f| data.map_operands(f)) {
            cursor.func.insts[inst] = data;
        }
        cursor.keep(inst);
        if let Some(result) = cursor.func.result(inst)
            && let Some(slot) = homes[result].expand()
        {
            store(&mut cursor, slot, result);
        }
    }
    let Some(mut end) = cursor.func.blocks[block].terminator.take() else { return };
    let span = cursor.func.blocks[block].terminator_span;
    cursor.set_span(span);
    // arguments of parameters that have slots are taken from where they are, on the edges
    let stays: Vec<Vec<bool>> = end
        .targets()
        .iter()
        .map(|to| cursor.func.blocks[to.block].params.iter().map(|param| homes[*param].is_none()).collect())
        .collect();
    reload(&mut cursor, homes, |f| match &mut end {
        Terminator::Branch { cond: value, .. } | Terminator::Return(value) => *value = f(*value),
        Terminator::Jump(_) | Terminator::BrNull { .. } | Terminator::MayGo { .. } => {}
    });
    for (target, stays) in end.targets_mut().into_iter().zip(stays) {
        for (arg, _) in target.args.iter_mut().zip(stays).filter(|(_, stays)| *stays) {
            reload(&mut cursor, homes, |f| *arg = f(*arg));
        }
    }
    cursor.func.blocks[block].terminator = Some(end);
}

/// Puts values that were just loaded in the place of those that have slots; true when there were some.
fn reload(cursor: &mut Cursor, homes: &Homes, mut each: impl FnMut(&mut dyn FnMut(Value) -> Value)) -> bool {
    let mut loaded: Vec<(Value, Value)> = Vec::new();
    each(&mut |value| {
        let Some(slot) = homes[value].expand() else { return value };
        if let Some((_, copy)) = loaded.iter().find(|(of, _)| *of == value) {
            return *copy;
        }
        let copy = load(cursor, slot);
        loaded.push((value, copy));
        copy
    });
    !loaded.is_empty()
}

fn address(cursor: &mut Cursor, slot: Slot) -> Value {
    let pointer = Type::Ptr(Provenance::Stack(slot));
    cursor.emit(InstData::SlotAddr { slot }, Some(pointer)).expect("has a type")
}

fn load(cursor: &mut Cursor, slot: Slot) -> Value {
    let base = address(cursor, slot);
    cursor.emit_int(InstData::Load { width: Width::B8, signed: false, base, offset: 0 })
}

fn store(cursor: &mut Cursor, slot: Slot, value: Value) {
    let base = address(cursor, slot);
    cursor.emit(InstData::Store { width: Width::B8, base, offset: 0, value }, None);
}

/// Takes the parameters that have slots out of a block; every edge to it writes them.
fn params(func: &mut Function, cfg: &Cfg, homes: &Homes, block: Block) {
    let params = func.blocks[block].params.clone();
    let gone: Vec<(usize, Slot)> = params
        .iter()
        .enumerate()
        .filter_map(|(index, param)| Some((index, homes[*param].expand()?)))
        .collect();
    if gone.is_empty() {
        return;
    }
    for edge in cfg.preds(block) {
        let (alone, moves) = brought(func, *edge, &gone);
        // an edge from a block with several targets is the only one to this block: what it brings is there still
        let at = if alone { edge.from } else { block };
        let span = func.blocks[edge.from].terminator_span;
        let mut cursor = Cursor::new(func, at);
        if alone {
            while let Some(inst) = cursor.next() {
                cursor.keep(inst);
            }
        }
        cursor.set_span(span);
        all_at_once(&mut cursor, homes, moves);
    }
    func.remove_params(cfg, block, |index| gone.iter().any(|(at, _)| *at == index as usize));
}

/// What an edge brings to parameters with slots, by their index; and whether it is the only one of its block.
fn brought(func: &Function, edge: Edge, gone: &[(usize, Slot)]) -> (bool, Vec<Move>) {
    let targets = func.blocks[edge.from].terminator.as_ref().map(Terminator::targets).unwrap_or_default();
    let args = &targets[edge.index as usize].args;
    let moves = gone.iter().map(|(index, slot)| Move { to: *slot, from: args[*index] }).collect();
    (targets.len() == 1, moves)
}

/// A slot that gets a value.
struct Move {
    to: Slot,
    from: Value,
}

/// Makes moves as if all happened together: a slot is written when no other move reads it any more.
fn all_at_once(cursor: &mut Cursor, homes: &Homes, mut moves: Vec<Move>) {
    let home = |value: Value| homes[value].expand();
    moves.retain(|each| home(each.from) != Some(each.to));
    let mut readers: SecondaryMap<Slot, u32> = SecondaryMap::new();
    let mut writer: SecondaryMap<Slot, Option<usize>> = SecondaryMap::new();
    for (at, each) in moves.iter().enumerate() {
        writer[each.to] = Some(at);
        if let Some(slot) = home(each.from) {
            readers[slot] += 1;
        }
    }
    let mut ready: Vec<usize> = (0..moves.len()).filter(|at| readers[moves[*at].to] == 0).collect();
    let mut made = vec![false; moves.len()];
    // what stood in a slot that had to be written before it was read
    let mut saved: SecondaryMap<Slot, PackedOption<Value>> = SecondaryMap::new();
    let mut next = 0;
    loop {
        let Some(at) = ready.pop() else {
            while made.get(next) == Some(&true) {
                next += 1;
            }
            let Some(blocked) = moves.get(next) else { break };
            // a ring: what is in one of its slots is kept beside
            saved[blocked.to] = load(cursor, blocked.to).into();
            readers[blocked.to] = 0;
            ready.push(next);
            continue;
        };
        made[at] = true;
        let Move { to, from } = moves[at];
        let value = match home(from) {
            Some(slot) if saved[slot].is_some() => saved[slot].expect("just looked at"),
            Some(slot) => {
                readers[slot] -= 1;
                let value = load(cursor, slot);
                ready.extend(writer[slot].filter(|at| readers[slot] == 0 && !made[*at]));
                value
            }
            None => from,
        };
        store(cursor, to, value);
    }
}

#[cfg(test)]
mod tests {
    use cranelift_entity::PrimaryMap;

    use super::demote;
    use crate::ir::interp::{self, World};
    use crate::ir::{parse, verify};

    /// Parameters that change places from round to round: two rings, one with a reader outside of it.
    const ROUNDS: &str = "function f begin clause 0 {
        block0(v0: ctx): v1 = const 3 v2 = const 5 v3 = const 7 v4 = const 11 v5 = const 13 v6 = const 0
            jump block1(v1, v2, v3, v4, v5, v6, v6)
        block1(v7: int, v8: int, v9: int, v10: int, v11: int, v12: int, v13: int):
            v14 = const 4 v15 = icmp.ult v13, v14 branch v15, block2, block3
        block2: v16 = const 1 v17 = add v13, v16 jump block1(v8, v9, v7, v11, v10, v7, v17)
        block3: v18 = const 10 v19 = mul v7, v18 v20 = add v19, v8 v21 = mul v20, v18 v22 = add v21, v9
            v23 = mul v22, v18 v24 = add v23, v10 v25 = mul v24, v18 v26 = add v25, v11
            v27 = mul v26, v18 v28 = add v27, v12 return v28 }";

    #[test]
    fn parameters_that_change_places_do_so_at_once() {
        let func = parse::module(ROUNDS).unwrap().programs.remove(0).function;
        let maps = PrimaryMap::new();
        let meant = interp::run(&maps, &func, &mut World::new(&maps)).unwrap();
        assert_eq!(meant, ((((5 * 10 + 7) * 10 + 3) * 10 + 11) * 10 + 13) * 10 + 3);
        for most in 0..5 {
            let (smaller, slots) = demote(&func, most).unwrap();
            assert_eq!(verify::verify(&maps, &smaller), Ok(()), "{smaller}");
            assert!(slots.len() + most >= 6, "all but the counter may go\n{smaller}");
            let got = interp::run(&maps, &smaller, &mut World::new(&maps));
            assert_eq!(got.unwrap(), meant, "{smaller}");
        }
    }
}
