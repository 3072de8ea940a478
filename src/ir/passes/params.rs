//! Block parameters that are not needed: always given the same value, or always the same as another.
//!
//! Such a parameter becomes an alias of the value, which dominates the block because it dominates every predecessor.
//! Constants that are equal but made anew in each predecessor are made once more in the block itself.
//!
//! Deliberately absent: parameters that nobody uses (`dce`), threading of jumps by them (`branches`).

use rustc_hash::FxHashMap;
use smallvec::SmallVec;

use crate::ir::cfg::Cfg;
use crate::ir::edit::Cursor;
use crate::ir::entities::{Block, Value};
use crate::ir::function::Function;
use crate::ir::typing::Maps;

/// What all edges agree on for a parameter.
enum Common {
    Value(Value),
    Const(i64),
    Nothing,
}

pub(super) fn run(_: &Maps, func: &mut Function) {
    let cfg = Cfg::new(func);
    // Parameters that become aliases make others the same: again, but rarely more than once.
    for _ in 0..3 {
        let mut changed = false;
        for block in cfg.reverse_postorder().skip(1) {
            changed |= simplify(func, &cfg, block);
        }
        if !changed {
            break;
        }
    }
    func.resolve_aliases();
}

fn simplify(func: &mut Function, cfg: &Cfg, block: Block) -> bool {
    let params = func.blocks[block].params.clone();
    let mut seen: FxHashMap<SmallVec<[Value; 4]>, Value> = FxHashMap::default();
    let mut gone = Vec::new();
    for (index, &param) in params.iter().enumerate() {
        let args: SmallVec<[Value; 4]> =
            cfg.preds(block).iter().filter_map(|edge| func.edge_arg(*edge, index)).collect();
        let same = match common(func, param, &args) {
            Common::Value(value) => Some(value),
            Common::Const(number) => Some(constant(func, block, number)),
            Common::Nothing => seen.get(&args).copied(),
        };
        match same {
            Some(value) => {
                func.replace(param, value);
                gone.push(index as u32);
            }
            None => drop(seen.insert(args, param)),
        }
    }
    if gone.is_empty() {
        return false;
    }
    func.remove_params(cfg, block, |index| gone.contains(&index));
    true
}

fn common(func: &Function, param: Value, args: &[Value]) -> Common {
    let mut others = args.iter().copied().filter(|arg| *arg != param);
    let Some(first) = others.next() else { return Common::Nothing };
    if others.clone().all(|arg| arg == first) {
        return Common::Value(first);
    }
    match func.as_const(first) {
        Some(number) if others.all(|arg| func.as_const(arg) == Some(number)) => Common::Const(number),
        _ => Common::Nothing,
    }
}

/// A constant at the start of a block.
fn constant(func: &mut Function, block: Block, number: i64) -> Value {
    Cursor::new(func, block).emit_const(number)
}
