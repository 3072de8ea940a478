//! Loops as functions, for kernels that do not count rounds in place (`may_go`).
//!
//! A loop whose head ends in `may_go` becomes a function that runs one round: it gives 0 for another one and 1 to
//! leave. The kernel calls it ([`Mechanism::Helper`], `rounds`), or the program does, as often as its verifier can be
//! shown ([`Mechanism::Calls`], `call_sub`): a function that is verified by itself costs each round a few instructions.
//!
//! What round and program share lies in the *state*, one value of a per-CPU array: which way the loop was left, the
//! parameters of its head, numbers that are used inside and made outside or the reverse, and slots that both use. The
//! verifier knows nothing of its contents, which is what loops want. Constants and addresses are made anew; the context
//! is not passed: what the loop reads of it is read before.
//!
//! Works on optimised functions, outer loops first; the functions of loops inside are parts of the outer function. A loop
//! that cannot be taken out (it uses a pointer that was found outside) gets a counter instead.
//!
//! Deliberately absent: optimisation of what comes out.

mod bounded;
mod extract;
mod forget;
mod state;

use rustc_hash::FxHashSet;

use super::cfg::Cfg;
use super::domtree::DomTree;
use super::entities::{Block, MapRef};
use super::function::{Function, InstData, Terminator};
use super::module::Module;
use super::typing::Maps;
use crate::wire::map::{MapKind, MapRole, MapSpec};
use state::State;

/// Blocks of a loop whose ways the verifier can be shown in combination.
const SMALL: usize = 32;

/// Bytes of objects that may be too many for a state.
const MUCH: u64 = 16 << 10;

/// Rounds that may be too many for a kernel that counts them in place: from 6.15 on it ends such loops after a quarter
/// of a second.
const MANY: u64 = 100_000;

/// How a kernel runs rounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mechanism {
    /// bpf_loop.
    Helper,
    /// Calls of a function that is verified by itself, so many at most.
    Calls {
        /// Rounds.
        most: u32,
    },
}

/// The function has loops with `may_go`, or calls back.
pub fn has_loops(func: &Function) -> bool {
    func.layout.iter().any(|block| is_head(func, *block)) || calls_back(func)
}

/// Makes programs with loops fit for the verifier, whatever runs their rounds ([`forget`]).
pub fn forget(module: &mut Module) {
    let Some((zeros, _)) = module.maps.iter().find(|(_, spec)| spec.role == MapRole::Zeros) else { return };
    for program in module.programs.iter_mut().filter(|program| has_loops(&program.function)) {
        forget::run(&mut program.function, zeros);
        debug_assert!(check(&module.maps, &program.function));
    }
}

/// Takes loops with `may_go` out of the programs of a module; each program gets a map for its state. Where the kernel
/// counts rounds in place (`in_place`), programs whose loops are all small and short stay as they are: its verifier
/// compares all memory of a frame from round to round, whether it is read again or not, and takes larger loops as
/// callbacks only.
/// Gives the programs whose loops were taken out, with the bytes of their state.
pub fn module(module: &mut Module, mechanism: Mechanism, in_place: bool) -> Vec<(usize, u32)> {
    let mut states = Vec::new();
    for index in 0..module.programs.len() {
        straighten(&mut module.programs[index].function);
        let (func, few) = (&module.programs[index].function, module.programs[index].rounds <= MANY);
        if outermost(func).is_none() || in_place && (are_small(func) && few || has_much(func)) {
            continue;
        }
        let map = module.maps.push(spec(index));
        let func = &mut module.programs[index].function;
        let bytes = run(func, map, mechanism);
        states.push((index, bytes));
        module.maps[map].value_size = bytes.max(8);
        debug_assert!(check(&module.maps, &module.programs[index].function));
    }
    states
}

/// Takes `may_go` out of what passes left of loops whose first round is their last: the kernel allows that one.
fn straighten(func: &mut Function) {
    let cfg = Cfg::new(func);
    let domtree = DomTree::new(&cfg);
    let mut changed = false;
    for head in func.layout.clone() {
        let Some(Terminator::MayGo { go, .. }) = &func.blocks[head].terminator else { continue };
        let go = go.clone();
        if !cfg.preds(head).iter().any(|edge| domtree.dominates(head, edge.from)) {
            func.blocks[head].terminator = Some(Terminator::Jump(go));
            changed = true;
        }
    }
    if changed {
        func.remove_unreachable();
    }
}

/// The function's objects may be too much for a state.
fn has_much(func: &Function) -> bool {
    func.slots.values().map(|slot| u64::from(slot.size)).sum::<u64>() > MUCH
}

/// No loop of the function is long, or has another one inside.
fn are_small(func: &Function) -> bool {
    let cfg = Cfg::new(func);
    let domtree = DomTree::new(&cfg);
    let small = |head: Block| {
        let blocks = blocks_of(&cfg, &domtree, head);
        blocks.len() <= SMALL && blocks.iter().all(|block| *block == head || !is_head(func, *block))
    };
    func.layout.iter().filter(|block| is_head(func, **block)).all(|head| small(*head))
}

/// The kernel calls a function of the program: that collects keys.
fn calls_back(func: &Function) -> bool {
    let mut insts = func.layout.iter().flat_map(|block| &func.blocks[*block].insts);
    insts.any(|inst| matches!(func.insts[*inst], InstData::Collect { .. }))
}

/// Panics when a function is not well formed.
fn check(maps: &Maps, func: &Function) -> bool {
    if let Err(errors) = super::verify::verify(maps, func) {
        panic!("{errors}\n{}", super::print::function(func, Default::default()));
    }
    func.subs.iter().all(|sub| check(maps, sub))
}

fn spec(program: usize) -> MapSpec {
    MapSpec {
        name: format!("bt_loops{program}"),
        kind: MapKind::PerCpuArray,
        inner: None,
        key_size: 4,
        value_size: 1 << 20,
        max_entries: 1,
        on_demand: false,
        mmap: false,
        role: MapRole::Keys,
        len_counter: None,
    }
}

/// Takes every loop with `may_go` out of a program. `state` is an array for what rounds share; gives the bytes that its
/// value needs, 0 when there was no such loop.
pub fn run(func: &mut Function, state: MapRef, mechanism: Mechanism) -> u32 {
    let mut bytes = 0;
    function(func, state, mechanism, &mut bytes, 0);
    bytes
}

fn function(func: &mut Function, map: MapRef, mechanism: Mechanism, bytes: &mut u32, result: i64) {
    let mut state = State::new(func, map, *bytes, result);
    let mechanism = shared(func, mechanism);
    while let Some((head, blocks)) = outermost(func) {
        if !extract::extract(func, (head, &blocks), &mut state, mechanism) {
            bounded::bound(func, head);
        }
    }
    *bytes = state.bytes;
    let mut subs = std::mem::take(&mut func.subs);
    for sub in &mut subs {
        function(sub, map, mechanism, bytes, 1);
    }
    func.subs = subs;
}

/// The mechanism with what each loop of a function may have: all of them are shown to the verifier in one go.
fn shared(func: &Function, mechanism: Mechanism) -> Mechanism {
    let loops = func.layout.iter().filter(|block| is_head(func, **block)).count().max(1) as u32;
    match mechanism {
        Mechanism::Helper => mechanism,
        Mechanism::Calls { most } => Mechanism::Calls { most: most / loops },
    }
}

/// The head of a loop with `may_go` that no other such loop is around, and its blocks.
fn outermost(func: &Function) -> Option<(Block, FxHashSet<Block>)> {
    let cfg = Cfg::new(func);
    let head = cfg.reverse_postorder().find(|head| is_head(func, *head))?;
    Some((head, blocks_of(&cfg, &DomTree::new(&cfg), head)))
}

fn is_head(func: &Function, block: Block) -> bool {
    matches!(func.blocks[block].terminator, Some(Terminator::MayGo { .. }))
}

/// The blocks of the loop with that head.
fn blocks_of(cfg: &Cfg, domtree: &DomTree, head: Block) -> FxHashSet<Block> {
    let mut blocks = FxHashSet::default();
    blocks.insert(head);
    let back = cfg.preds(head).iter().map(|edge| edge.from).filter(|from| domtree.dominates(head, *from));
    let mut work: Vec<Block> = back.collect();
    while let Some(block) = work.pop() {
        if blocks.insert(block) {
            work.extend(cfg.preds(block).iter().map(|edge| edge.from));
        }
    }
    blocks
}
