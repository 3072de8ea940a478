//! A loop bounded by a counter of the program's own, which the verifier walks through round by round.

use crate::ir::cfg::Cfg;
use crate::ir::domtree::DomTree;
use crate::ir::entities::Block;
use crate::ir::function::{BinOp, Cond, Function, InstData, Terminator, Type};

/// Rounds of a loop that cannot be taken out.
const MOST: i64 = 256;

/// Puts a counter in place of `may_go` at the head of a loop.
pub fn bound(func: &mut Function, head: Block) {
    let Some(Terminator::MayGo { go, stop }) = func.blocks[head].terminator.clone() else { return };
    let cfg = Cfg::new(func);
    let domtree = DomTree::new(&cfg);
    let span = func.blocks[head].terminator_span;
    let counter = func.add_param(head, Type::Int);
    for edge in cfg.preds(head).to_vec() {
        let back = domtree.dominates(head, edge.from);
        let next = if back {
            let one = func.append(edge.from, InstData::Const(1), Some(Type::Int), span);
            let data = InstData::Binary { op: BinOp::Add, left: counter, right: one.unwrap_or(counter) };
            func.append(edge.from, data, Some(Type::Int), span)
        } else {
            func.append(edge.from, InstData::Const(0), Some(Type::Int), span)
        };
        if let Some(terminator) = &mut func.blocks[edge.from].terminator {
            terminator.targets_mut()[edge.index as usize].args.push(next.unwrap_or(counter));
        }
    }
    let most = func.append(head, InstData::Const(MOST), Some(Type::Int), span);
    let data = InstData::Icmp { cond: Cond::Ult, left: counter, right: most.unwrap_or(counter) };
    let cond = func.append(head, data, Some(Type::Int), span).unwrap_or(counter);
    func.blocks[head].terminator = Some(Terminator::Branch { cond, then: go, otherwise: stop });
}
