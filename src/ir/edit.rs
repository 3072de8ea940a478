//! Changing a function: what passes and the builder do to it.
//!
//! A value is replaced by making it an alias ([`Function::replace`]); uses keep the old name until
//! [`Function::resolve_aliases`] writes the new one everywhere, which a pass does once at its end. Instructions are
//! removed and inserted by walking a block with a [`Cursor`], which rebuilds the block's list as it goes, so that a
//! walk costs what the block is long, whatever is done on the way.

use cranelift_entity::SecondaryMap;

use super::cfg::{Cfg, successors};
use super::entities::{Block, Inst, Value};
use super::function::{Function, InstData, Target, Terminator, Type, ValueDef};
use crate::source::Span;

impl Function {
    /// What a value stands for, past all aliases.
    pub fn resolve(&self, mut value: Value) -> Value {
        while let ValueDef::Alias(to) = self.values[value].def {
            value = to;
        }
        value
    }

    /// Makes `old` an alias of `new`. The instruction or parameter that defined `old` defines nothing any more.
    ///
    /// # Panics
    /// When `new` stands for `old` already: a value cannot be itself.
    pub fn replace(&mut self, old: Value, new: Value) {
        let new = self.resolve(new);
        assert_ne!(old, new, "an alias of itself");
        if let ValueDef::Result(inst) = self.values[old].def {
            self.results[inst] = None.into();
        }
        self.values[old].def = ValueDef::Alias(new);
        self.renamed = true;
    }

    /// Rewrites every use of an alias to what it stands for. Linear in the function's size, nothing when there are no
    /// new ones.
    pub fn resolve_aliases(&mut self) {
        if !std::mem::take(&mut self.renamed) {
            return;
        }
        for value in self.values.keys() {
            // Shortens chains, so that a long one is walked once.
            if let ValueDef::Alias(to) = self.values[value].def {
                self.values[value].def = ValueDef::Alias(self.resolve(to));
            }
        }
        let values = &self.values;
        let resolve = |value: Value| match values[value].def {
            ValueDef::Alias(to) => to,
            _ => value,
        };
        for &block in &self.layout {
            let data = &mut self.blocks[block];
            for &inst in &data.insts {
                self.insts[inst].map_operands(resolve);
            }
            if let Some(terminator) = &mut data.terminator {
                terminator.map_operands(resolve);
            }
        }
    }

    /// The instruction that defines a value, if one does.
    pub fn def_inst(&self, value: Value) -> Option<Inst> {
        match self.values[self.resolve(value)].def {
            ValueDef::Result(inst) => Some(inst),
            _ => None,
        }
    }

    /// The data of the instruction that defines a value, if one does.
    pub fn def_data(&self, value: Value) -> Option<&InstData> {
        self.def_inst(value).map(|inst| &self.insts[inst])
    }

    /// Takes the blocks that the entry does not reach out of the layout. True when there were some.
    pub fn remove_unreachable(&mut self) -> bool {
        let cfg = Cfg::new(self);
        let before = self.layout.len();
        self.layout.retain(|block| cfg.is_reachable(*block));
        before != self.layout.len()
    }

    /// Puts a block on every edge from a block with several targets to a block with several predecessors, so that
    /// moves for parameters have a place. New blocks stand before the edge's target.
    pub fn split_critical_edges(&mut self) {
        let cfg = Cfg::new(self);
        let mut inserted: SecondaryMap<Block, Vec<Block>> = SecondaryMap::new();
        for from in self.layout.clone() {
            if successors(self, from).len() < 2 {
                continue;
            }
            for (index, to) in successors(self, from).into_iter().enumerate() {
                if cfg.preds(to).len() > 1 {
                    inserted[to].push(self.split_edge(from, index));
                }
            }
        }
        let old = std::mem::take(&mut self.layout);
        for block in old {
            self.layout.append(&mut inserted[block]);
            self.layout.push(block);
        }
    }

    /// A new block on an edge, not yet in the layout.
    fn split_edge(&mut self, from: Block, index: usize) -> Block {
        let middle = self.blocks.push(Default::default());
        let Some(terminator) = &mut self.blocks[from].terminator else { return middle };
        let mut targets = terminator.targets_mut();
        let new = Target { block: middle, args: Default::default() };
        let old = std::mem::replace(targets[index], new);
        drop(targets);
        let span = self.blocks[from].terminator_span;
        self.blocks[middle].terminator = Some(Terminator::Jump(old));
        self.blocks[middle].terminator_span = span;
        middle
    }

    /// Takes out the parameters of a block for which `remove` says so, with the arguments of every edge in `cfg`.
    /// The parameters must not be used any more.
    pub fn remove_params(&mut self, cfg: &Cfg, block: Block, remove: impl Fn(u32) -> bool) {
        let old = std::mem::take(&mut self.blocks[block].params);
        let kept = old.into_iter().enumerate().filter(|(index, _)| !remove(*index as u32));
        for (_, param) in kept {
            let number = self.blocks[block].params.len() as u32;
            self.values[param].def = ValueDef::Param(block, number);
            self.blocks[block].params.push(param);
        }
        for edge in cfg.preds(block) {
            if let Some(terminator) = &mut self.blocks[edge.from].terminator {
                let mut targets = terminator.targets_mut();
                let args = std::mem::take(&mut targets[edge.index as usize].args);
                let kept = args.into_iter().enumerate().filter(|(index, _)| !remove(*index as u32));
                targets[edge.index as usize].args = kept.map(|(_, arg)| arg).collect();
            }
        }
    }

    /// How often each value is used by instructions and terminators in the layout (aliases resolved).
    pub fn use_counts(&self) -> SecondaryMap<Value, u32> {
        let mut counts: SecondaryMap<Value, u32> = SecondaryMap::new();
        counts.resize(self.values.len());
        for &block in &self.layout {
            let data = &self.blocks[block];
            for &inst in &data.insts {
                self.insts[inst].for_each_operand(|value| counts[self.resolve(value)] += 1);
            }
            if let Some(terminator) = &data.terminator {
                terminator.for_each_operand(|value| counts[self.resolve(value)] += 1);
            }
        }
        counts
    }

    /// Instructions in the layout.
    pub fn inst_count(&self) -> usize {
        self.layout.iter().map(|block| self.blocks[*block].insts.len()).sum()
    }
}

/// A walk over a block's instructions that may drop, keep and insert.
///
/// ```text
/// let mut cursor = Cursor::new(func, block);
/// while let Some(inst) = cursor.next() { … cursor.keep(inst); }     // an instruction that is not kept is gone
/// ```
pub struct Cursor<'f> {
    /// The function; its other parts may be changed freely, the block's `insts` not.
    pub func: &'f mut Function,
    block: Block,
    old: Vec<Inst>,
    at: usize,
    /// So many of the first instructions are as they were. What follows is in `new`, if there is any.
    same: usize,
    new: Vec<Inst>,
    span: Span,
}

impl<'f> Cursor<'f> {
    /// At the start of a block.
    pub fn new(func: &'f mut Function, block: Block) -> Cursor<'f> {
        let old = std::mem::take(&mut func.blocks[block].insts);
        let span = func.blocks[block].terminator_span;
        Cursor { func, block, old, at: 0, same: 0, new: Vec::new(), span }
    }

    /// The next instruction, taken out of the block.
    #[allow(clippy::should_implement_trait)]
    pub fn next(&mut self) -> Option<Inst> {
        let inst = *self.old.get(self.at)?;
        self.at += 1;
        self.span = self.func.spans[inst];
        Some(inst)
    }

    /// The instructions that `next` has not given yet.
    pub fn rest(&self) -> &[Inst] {
        &self.old[self.at..]
    }

    /// Puts an instruction at the cursor's place.
    pub fn keep(&mut self, inst: Inst) {
        // most blocks are left as they are: they cost no memory
        if self.new.is_empty() && self.same < self.at && self.old[self.same] == inst {
            self.same += 1;
        } else {
            if self.new.is_empty() {
                self.new.reserve(self.old.len() - self.same + 1);
            }
            self.new.push(inst);
        }
    }

    /// Puts a new instruction at the cursor's place, with the span of the one that `next` gave last (at the end: of
    /// the terminator), and gives its result.
    pub fn emit(&mut self, data: InstData, ty: Option<Type>) -> Option<Value> {
        let inst = self.func.make_inst(data, ty, self.span);
        self.keep(inst);
        self.func.result(inst)
    }

    /// Gives new instructions another span, until `next`; returns the one they had.
    pub fn set_span(&mut self, span: Span) -> Span {
        std::mem::replace(&mut self.span, span)
    }

    /// Puts a new instruction with an integer for a result at the cursor's place.
    pub fn emit_int(&mut self, data: InstData) -> Value {
        self.emit(data, Some(Type::Int)).expect("has a type")
    }

    /// Puts a constant at the cursor's place.
    pub fn emit_const(&mut self, number: i64) -> Value {
        self.emit_int(InstData::Const(number))
    }

    /// What stands right before the cursor's place.
    pub fn last(&self) -> Option<Inst> {
        self.new.last().or(self.old[..self.same].last()).copied()
    }
}

impl Drop for Cursor<'_> {
    fn drop(&mut self) {
        let mut insts = std::mem::take(&mut self.old);
        if self.new.is_empty() {
            insts.drain(self.same..self.at);
        } else {
            insts.splice(self.same..self.at, self.new.drain(..));
        }
        self.func.blocks[self.block].insts = insts;
    }
}

#[cfg(test)]
mod tests {
    use crate::ir::function::Function;
    use crate::ir::parse;

    fn function(text: &str) -> Function {
        parse::module(text).unwrap().programs.remove(0).function
    }

    #[test]
    fn aliases_are_written_out() {
        let mut func = function(
            "function f begin clause 0 { block0(v0: ctx): v1 = const 1 v2 = add v1, v1 v3 = add v2, v2
             jump block1(v3) block1(v4: int): return v4 }",
        );
        let v = |number| crate::ir::Value::from_u32(number);
        func.replace(v(4), v(3));
        func.replace(v(3), v(2));
        func.resolve_aliases();
        assert_eq!(func.resolve(v(4)), v(2));
        assert!(func.to_string().contains("return v2"), "{func}");
    }

    #[test]
    fn critical_edges_are_split_and_unreachable_blocks_go() {
        let mut func = function(
            "function f begin clause 0 {
             block0(v0: ctx): v1 = const 1 branch v1, block1(v1), block2
             block1(v2: int): return v2
             block2: jump block1(v1)
             block3: jump block1(v1) }",
        );
        assert!(func.remove_unreachable());
        assert!(!func.remove_unreachable());
        func.split_critical_edges();
        let text = func.to_string();
        assert!(
            text.contains("branch v1, block4, block2\n\nblock4:\n    jump block1(v1)\n\nblock1(v2: int)"),
            "{text}"
        );
    }
}
