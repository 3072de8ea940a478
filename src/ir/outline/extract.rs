//! One loop out of its function: what a round uses and gives is found first, then the round is written, then the loop
//! replaced by its call.

use rustc_hash::{FxHashMap, FxHashSet};
use smallvec::SmallVec;

use super::Mechanism;
use super::state::State;
use crate::ir::cfg::Cfg;
use crate::ir::entities::{Block, Slot, Value};
use crate::ir::function::{
    BinOp, BlockData, Cond, Function, InstData, Provenance, Target, Terminator, Type, Width,
};
use crate::source::Span;

type Blocks = FxHashSet<Block>;

/// What crosses the border of a loop.
#[derive(Default)]
struct Border {
    /// Made outside, used inside: with their words in the state.
    inputs: Vec<(Value, i32)>,
    /// Made inside, used outside.
    outputs: Vec<(Value, i32)>,
    /// What the loop reads of the context, made before it instead.
    context: Vec<(InstData, i32)>,
    /// Words of the head's parameters.
    params: Vec<i32>,
    /// The word that tells how the loop was left.
    exit: i32,
}

/// A way out: where it leads, and with what.
struct Exit {
    block: Block,
    args: Vec<ExitArg>,
}

/// An argument of a way out.
#[derive(Clone, Copy)]
enum ExitArg {
    /// Made anew: the verifier may have to know it, where a counter starts.
    Const(i64),
    /// A word of the state.
    Word(i32),
}

/// Takes the loop out; false, and nothing changed but where slots lie, when it cannot be.
pub fn extract(
    func: &mut Function,
    (head, blocks): (Block, &Blocks),
    state: &mut State,
    mechanism: Mechanism,
) -> bool {
    func.resolve_aliases();
    if !fits(func, (head, blocks), state.known()) {
        return false;
    }
    for slot in shared_slots(func, blocks) {
        state.share(func, slot);
    }
    let base = state.base(func);
    let border = border(func, (head, blocks), base, state);
    let mut round = Round::new(func, head, base, state);
    round.write(blocks, &border, state);
    let (sub, exits) = (round.sub, round.exits);
    replace(func, (head, blocks), (base, &border, &exits), mechanism);
    func.subs.push(sub);
    true
}

fn insts(func: &Function, block: Block) -> impl Iterator<Item = &InstData> {
    func.blocks[block].insts.iter().map(|inst| &func.insts[*inst])
}

/// The block that defines a value.
fn homes(func: &Function) -> FxHashMap<Value, Block> {
    let mut homes = FxHashMap::default();
    for &block in &func.layout {
        let data = &func.blocks[block];
        let results = data.insts.iter().filter_map(|inst| func.result(*inst));
        homes.extend(data.params.iter().copied().chain(results).map(|value| (value, block)));
    }
    homes
}

/// Constants and addresses that can be made anew anywhere; `base` is the state, where there is one already.
fn is_free(func: &Function, value: Value, base: Option<Value>) -> bool {
    if base == Some(value) {
        return true;
    }
    match func.def_data(value) {
        Some(InstData::Const(_) | InstData::MapAddr { .. } | InstData::MapValueAddr { .. }) => true,
        Some(InstData::SlotAddr { .. }) => true,
        Some(InstData::PtrAdd { base: from, .. }) => is_free(func, *from, base),
        _ => false,
    }
}

fn is_context(func: &Function, value: Value) -> bool {
    func.type_of(value) == Type::Ptr(Provenance::Context)
}

/// True when all that crosses the border can; `base` is the state, where there is one already.
fn fits(func: &Function, (head, blocks): (Block, &Blocks), base: Option<Value>) -> bool {
    let homes = homes(func);
    let inside = |value: &Value| homes.get(value).is_some_and(|block| blocks.contains(block));
    let mut good = func.blocks[head].insts.is_empty();
    let mut cross = |value: Value, here: Block| {
        if inside(&value) != blocks.contains(&here) && func.type_of(value) != Type::Int {
            good &= is_free(func, value, base);
        }
    };
    for &block in &func.layout {
        for data in insts(func, block) {
            match data {
                InstData::Load { base, .. } if is_context(func, *base) => {}
                InstData::ContextAddr { offset, .. } => cross(*offset, block),
                _ => data.for_each_operand(|value| cross(value, block)),
            }
        }
        if let Some(terminator) = &func.blocks[block].terminator {
            terminator.for_each_operand(|value| cross(value, block));
        }
    }
    let ints = |block: &Block| func.blocks[*block].params.iter().all(|p| func.type_of(*p) == Type::Int);
    let leaves = |block: &Block| {
        let targets = func.blocks[*block].terminator.iter().flat_map(|t| t.targets());
        targets.map(|target| target.block).filter(|to| !blocks.contains(to)).collect::<Vec<_>>()
    };
    good && ints(&head) && blocks.iter().flat_map(leaves).all(|to| ints(&to))
}

/// Slots that are named inside and outside.
fn shared_slots(func: &Function, blocks: &Blocks) -> Vec<Slot> {
    let (mut inside, mut outside) = (FxHashSet::default(), FxHashSet::default());
    for &block in &func.layout {
        for data in insts(func, block) {
            if let InstData::SlotAddr { slot } = data {
                let side = if blocks.contains(&block) { &mut inside } else { &mut outside };
                side.insert(*slot);
            }
            // an address made outside may be used inside
            data.for_each_operand(|value| {
                if let Type::Ptr(Provenance::Stack(slot)) = func.type_of(value) {
                    let side = if blocks.contains(&block) { &mut inside } else { &mut outside };
                    side.insert(slot);
                }
            });
        }
    }
    let mut both: Vec<Slot> = inside.intersection(&outside).copied().collect();
    both.sort_unstable();
    both
}

fn border(func: &Function, (head, blocks): (Block, &Blocks), base: Value, state: &mut State) -> Border {
    let homes = homes(func);
    let mut border = Border { exit: state.word(), ..Border::default() };
    border.params = func.blocks[head].params.iter().map(|_| state.word()).collect();
    let mut seen = FxHashSet::default();
    let (mut inputs, mut outputs) = (Vec::new(), Vec::new());
    let mut cross = |value: Value, here: Block| {
        let inside = homes.get(&value).is_some_and(|block| blocks.contains(block));
        let free = is_free(func, value, Some(base)) || is_context(func, value);
        if inside == blocks.contains(&here) || free || !seen.insert(value) {
            return;
        }
        if inside { outputs.push(value) } else { inputs.push(value) }
    };
    let mut context = Vec::new();
    for &block in &func.layout {
        for data in insts(func, block) {
            if blocks.contains(&block)
                && let Some(key) = of_context(func, data)
                && !context.contains(&key)
            {
                context.push(key);
            }
            data.for_each_operand(|value| cross(value, block));
        }
        if let Some(terminator) = &func.blocks[block].terminator {
            terminator.for_each_operand(|value| cross(value, block));
        }
    }
    // the way out at the head is the program's own, with the head's parameters
    if let Some(Terminator::MayGo { stop, .. }) = &func.blocks[head].terminator {
        let own = stop.args.iter().filter(|arg| homes.get(arg).is_some_and(|home| blocks.contains(home)));
        outputs.extend(own.filter(|arg| !is_free(func, **arg, Some(base))).copied());
    }
    outputs.sort_unstable();
    outputs.dedup();
    let params = &func.blocks[head].params;
    let place = |value: &Value| params.iter().position(|param| param == value);
    border.outputs = outputs
        .into_iter()
        .map(|value| (value, place(&value).map_or_else(|| state.word(), |at| border.params[at])))
        .collect();
    border.inputs = inputs.into_iter().map(|value| (value, state.word())).collect();
    border.context = context.into_iter().map(|data| (data, state.word())).collect();
    border
}

/// What an instruction takes from the context: itself, or the context's address.
fn of_context(func: &Function, data: &InstData) -> Option<InstData> {
    match data {
        InstData::Load { base, .. } if is_context(func, *base) => Some(data.clone()),
        InstData::ContextAddr { base, .. } => Some(InstData::ContextAddr { base: *base, offset: *base }),
        _ => None,
    }
}

/// The function of a round while it is written.
struct Round<'f> {
    from: &'f Function,
    head: Block,
    sub: Function,
    base: Value,
    /// Where the round begins; what is made anew goes there.
    start: Block,
    values: FxHashMap<Value, Value>,
    blocks: FxHashMap<Block, Block>,
    slots: FxHashMap<Slot, Slot>,
    exits: Vec<Exit>,
    span: Span,
}

impl<'f> Round<'f> {
    fn new(from: &'f Function, head: Block, from_base: Value, state: &State) -> Round<'f> {
        let span = from.blocks[head].terminator_span;
        let name = format!("{}_{}", from.name, from.subs.len());
        let mut sub = Function::new(name, from.kind, from.clause, span);
        let start = sub.add_block();
        sub.add_param(start, Type::Ptr(Provenance::Context));
        let base = State::new(&sub, state.map, 0, 1).base(&mut sub);
        let values = [(from_base, base)].into_iter().collect();
        let (blocks, slots) = Default::default();
        Round { from, head, sub, base, start, values, blocks, slots, exits: Vec::new(), span }
    }

    fn write(&mut self, inside: &Blocks, border: &Border, state: &mut State) {
        let cfg = Cfg::new(self.from);
        let order: Vec<Block> = cfg.reverse_postorder().filter(|block| inside.contains(block)).collect();
        let head = self.head;
        for &block in order.iter().filter(|block| **block != head) {
            let new = self.sub.add_block();
            self.blocks.insert(block, new);
            for &param in &self.from.blocks[block].params {
                let ty = self.ty(self.from.type_of(param));
                let value = self.sub.add_param(new, ty);
                self.values.insert(param, value);
            }
        }
        let params = self.from.blocks[self.head].params.iter().copied().zip(border.params.iter().copied());
        for (value, word) in params.chain(border.inputs.iter().copied()) {
            let loaded = self.load(word);
            self.values.insert(value, loaded);
        }
        for &block in order.iter().filter(|block| **block != head) {
            self.block(block, border);
        }
        for &block in &order {
            self.terminator(block, border, state);
        }
    }

    fn emit(&mut self, block: Block, data: InstData, ty: Option<Type>) -> Option<Value> {
        self.sub.append(block, data, ty, self.span)
    }

    fn int(&mut self, block: Block, data: InstData) -> Value {
        self.emit(block, data, Some(Type::Int)).unwrap_or(self.base)
    }

    fn load(&mut self, offset: i32) -> Value {
        let data = InstData::Load { width: Width::B8, signed: false, base: self.base, offset };
        self.int(self.start, data)
    }

    fn store(&mut self, block: Block, offset: i32, value: Value) {
        self.emit(block, InstData::Store { width: Width::B8, base: self.base, offset, value }, None);
    }

    fn ty(&mut self, ty: Type) -> Type {
        match ty {
            Type::Ptr(Provenance::Stack(slot)) => Type::Ptr(Provenance::Stack(self.slot(slot))),
            other => other,
        }
    }

    fn slot(&mut self, slot: Slot) -> Slot {
        let (from, sub) = (self.from, &mut self.sub);
        *self.slots.entry(slot).or_insert_with(|| sub.slots.push(from.slots[slot].clone()))
    }

    /// What a value of the loop is in the round. What is free and not there yet is made where the round begins.
    fn value(&mut self, value: Value) -> Value {
        if let Some(known) = self.values.get(&value) {
            return *known;
        }
        let Some(mut data) = self.from.def_data(value).cloned() else { return self.base };
        data.map_operands(|operand| self.value(operand));
        if let InstData::SlotAddr { slot } = &mut data {
            *slot = self.slot(*slot);
        }
        let ty = self.ty(self.from.type_of(value));
        let made = self.emit(self.start, data, Some(ty)).unwrap_or(self.base);
        self.values.insert(value, made);
        made
    }

    fn block(&mut self, block: Block, border: &Border) {
        let from = self.from;
        let new = self.blocks[&block];
        self.span = from.blocks[block].terminator_span;
        for param in &from.blocks[block].params {
            self.give(new, *param, border);
        }
        for inst in &from.blocks[block].insts {
            self.span = from.spans[*inst];
            let data = &from.insts[*inst];
            let result = from.result(*inst);
            if let Some(value) = self.of_context(new, data, border) {
                self.values.extend(result.map(|result| (result, value)));
            } else {
                let mut data = data.clone();
                data.map_operands(|operand| self.value(operand));
                if let InstData::SlotAddr { slot } = &mut data {
                    *slot = self.slot(*slot);
                }
                let ty = result.map(|result| self.ty(from.type_of(result)));
                if let (Some(made), Some(result)) = (self.emit(new, data, ty), result) {
                    self.values.insert(result, made);
                }
            }
            result.iter().for_each(|result| self.give(new, *result, border));
        }
    }

    /// What was read of the context before the loop.
    fn of_context(&mut self, block: Block, data: &InstData, border: &Border) -> Option<Value> {
        let key = of_context(self.from, data)?;
        let (_, word) = border.context.iter().find(|(known, _)| *known == key)?;
        let read = self.load(*word);
        match data {
            InstData::ContextAddr { offset, .. } => {
                let right = self.value(*offset);
                Some(self.int(block, InstData::Binary { op: BinOp::Add, left: read, right }))
            }
            _ => Some(read),
        }
    }

    /// Stores a value that the program wants, where it was made.
    fn give(&mut self, block: Block, value: Value, border: &Border) {
        if let Some((_, word)) = border.outputs.iter().find(|(output, _)| *output == value) {
            let made = self.value(value);
            self.store(block, *word, made);
        }
    }

    fn terminator(&mut self, block: Block, border: &Border, state: &mut State) {
        let from = self.from;
        let Some(mut terminator) = from.blocks[block].terminator.clone() else { return };
        self.span = from.blocks[block].terminator_span;
        let new = if block == self.head { self.start } else { self.blocks[&block] };
        if let (true, Terminator::MayGo { go, .. }) = (block == self.head, &terminator) {
            terminator = Terminator::Jump(go.clone());
        }
        for target in terminator.targets_mut() {
            *target = self.target(target, border, state);
        }
        match &mut terminator {
            Terminator::Branch { cond: value, .. }
            | Terminator::BrNull { ptr: value, .. }
            | Terminator::Return(value) => *value = self.value(*value),
            Terminator::Jump(_) | Terminator::MayGo { .. } => {}
        }
        self.sub.blocks[new].terminator = Some(terminator);
        self.sub.blocks[new].terminator_span = self.span;
    }

    /// Where an edge of the loop leads in the round.
    fn target(&mut self, target: &Target, border: &Border, state: &mut State) -> Target {
        let args: SmallVec<[Value; 2]> = target.args.iter().map(|arg| self.value(*arg)).collect();
        if let Some(block) = self.blocks.get(&target.block).filter(|_| target.block != self.head) {
            return Target { block: *block, args };
        }
        let block = self.sub.add_block();
        let (words, result): (Vec<ExitArg>, i64) = if target.block == self.head {
            (border.params.iter().copied().map(ExitArg::Word).collect(), 0)
        } else {
            let word = |arg: &Value| self.from.as_const(*arg).map(ExitArg::Const);
            let words: Vec<ExitArg> = target
                .args
                .iter()
                .map(|arg| word(arg).unwrap_or_else(|| ExitArg::Word(state.word())))
                .collect();
            self.exits.push(Exit { block: target.block, args: words.clone() });
            let number = self.int(block, InstData::Const(self.exits.len() as i64));
            self.store(block, border.exit, number);
            (words, 1)
        };
        for (word, arg) in words.iter().zip(&args) {
            if let ExitArg::Word(word) = word {
                self.store(block, *word, *arg);
            }
        }
        let result = self.int(block, InstData::Const(result));
        self.sub.blocks[block].terminator = Some(Terminator::Return(result));
        self.sub.blocks[block].terminator_span = self.span;
        Target { block, args: SmallVec::new() }
    }
}

/// The program while a loop is replaced by its call.
struct Caller<'f> {
    func: &'f mut Function,
    base: Value,
    block: Block,
    span: Span,
}

impl Caller<'_> {
    fn emit(&mut self, data: InstData, ty: Option<Type>) -> Value {
        self.func.append(self.block, data, ty, self.span).unwrap_or(self.base)
    }

    fn int(&mut self, data: InstData) -> Value {
        self.emit(data, Some(Type::Int))
    }

    fn load(&mut self, offset: i32) -> Value {
        self.int(InstData::Load { width: Width::B8, signed: false, base: self.base, offset })
    }

    fn store(&mut self, offset: i32, value: Value) {
        self.emit(InstData::Store { width: Width::B8, base: self.base, offset, value }, None);
    }

    /// Ends the block, and goes on in another one.
    fn end(&mut self, terminator: Terminator, next: Block) {
        self.func.blocks[self.block].terminator = Some(terminator);
        self.func.blocks[self.block].terminator_span = self.span;
        self.block = next;
    }

    fn branch(&mut self, cond: Value, then: Block, otherwise: Block, next: Block) {
        let [then, otherwise] = [then, otherwise].map(to);
        self.end(Terminator::Branch { cond, then, otherwise }, next);
    }

    /// Runs round after round until one leaves, or there were too many.
    fn rounds(&mut self, mechanism: Mechanism) {
        let sub = self.func.subs.len() as u32;
        let Mechanism::Calls { most } = mechanism else {
            self.emit(InstData::Rounds { sub }, None);
            return;
        };
        let [again, call, next, done] = std::array::from_fn(|_| self.func.add_block());
        let count = self.func.add_param(again, Type::Int);
        let zero = self.int(InstData::Const(0));
        self.end(Terminator::Jump(Target { block: again, args: [zero].into_iter().collect() }), again);
        let most = self.int(InstData::Const(most.into()));
        let more = self.int(InstData::Icmp { cond: Cond::Ult, left: count, right: most });
        self.branch(more, call, done, call);
        let left = self.int(InstData::CallSub { sub });
        self.branch(left, done, next, next);
        let right = self.int(InstData::Const(1));
        let count = self.int(InstData::Binary { op: BinOp::Add, left: count, right });
        self.end(Terminator::Jump(Target { block: again, args: [count].into_iter().collect() }), done);
    }

    /// Goes where the round that left went, or to `stop`.
    fn leave(&mut self, border: &Border, exits: &[Exit], stop: Target) {
        let way = self.load(border.exit);
        for (number, exit) in exits.iter().enumerate() {
            let [this, next] = std::array::from_fn(|_| self.func.add_block());
            let right = self.int(InstData::Const(number as i64 + 1));
            let cond = self.int(InstData::Icmp { cond: Cond::Eq, left: way, right });
            self.branch(cond, this, next, this);
            let arg = |arg: &ExitArg| match arg {
                ExitArg::Const(number) => self.int(InstData::Const(*number)),
                ExitArg::Word(word) => self.load(*word),
            };
            let args = exit.args.iter().map(arg).collect();
            self.end(Terminator::Jump(Target { block: exit.block, args }), next);
        }
        self.end(Terminator::Jump(stop), self.block);
    }
}

fn to(block: Block) -> Target {
    Target { block, args: SmallVec::new() }
}

/// Puts the call of the rounds in the loop's place.
fn replace(
    func: &mut Function,
    (head, inside): (Block, &Blocks),
    (base, border, exits): (Value, &Border, &[Exit]),
    mechanism: Mechanism,
) {
    let Some(Terminator::MayGo { stop, .. }) = func.blocks[head].terminator.take() else { return };
    let span = func.blocks[head].terminator_span;
    func.layout.retain(|block| *block == head || !inside.contains(block));
    let outside = func.layout.clone();
    let params = func.blocks[head].params.clone();
    let mut caller = Caller { func, base, block: head, span };
    for (value, word) in params.iter().zip(&border.params).map(|(v, w)| (*v, *w)).chain(border.inputs.clone())
    {
        caller.store(word, value);
    }
    for (data, word) in &border.context {
        let value = match data {
            InstData::ContextAddr { base, .. } => {
                let offset = caller.int(InstData::Const(0));
                caller.int(InstData::ContextAddr { base: *base, offset })
            }
            other => caller.int(other.clone()),
        };
        caller.store(*word, value);
    }
    let none = caller.int(InstData::Const(0));
    caller.store(border.exit, none);
    caller.rounds(mechanism);
    let mut given: FxHashMap<Value, Value> = FxHashMap::default();
    for (value, word) in &border.outputs {
        let loaded = caller.load(*word);
        given.insert(*value, loaded);
    }
    let free = free_uses(caller.func, &outside, (head, base));
    for value in free {
        copy_free(&mut caller, value, &mut given);
    }
    let stop = Target { args: stop.args.iter().map(|arg| *given.get(arg).unwrap_or(arg)).collect(), ..stop };
    caller.leave(border, exits, stop);
    for block in outside.into_iter().filter(|block| *block != head) {
        let BlockData { insts, terminator, .. } = &mut func.blocks[block];
        let new = |value: Value| given.get(&value).copied().unwrap_or(value);
        insts.iter().for_each(|inst| func.insts[*inst].map_operands(new));
        terminator.iter_mut().for_each(|terminator| terminator.map_operands(new));
    }
}

/// Free values that are used outside and made nowhere any more.
fn free_uses(func: &Function, outside: &[Block], (head, base): (Block, Value)) -> Vec<Value> {
    let homes = homes(func);
    let mut found = Vec::new();
    let mut check = |value: Value| {
        if !homes.contains_key(&value) && is_free(func, value, Some(base)) && !found.contains(&value) {
            found.push(value);
        }
    };
    for &block in outside.iter().filter(|block| **block != head) {
        insts(func, block).for_each(|data| data.for_each_operand(&mut check));
        func.blocks[block].terminator.iter().for_each(|terminator| terminator.for_each_operand(&mut check));
    }
    found
}

fn copy_free(caller: &mut Caller<'_>, value: Value, given: &mut FxHashMap<Value, Value>) -> Value {
    if let Some(known) = given.get(&value) {
        return *known;
    }
    let homes = homes(caller.func);
    if homes.contains_key(&value) {
        return value;
    }
    let Some(mut data) = caller.func.def_data(value).cloned() else { return value };
    data.map_operands(|operand| copy_free(caller, operand, given));
    let ty = caller.func.type_of(value);
    let copy = caller.emit(data, Some(ty));
    given.insert(value, copy);
    copy
}
