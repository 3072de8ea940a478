//! What instructions read, and what they may do: the questions that every pass asks.
//!
//! Deliberately absent: which memory an instruction touches (`places`) and what type it gives (`typing`).

use super::entities::Value;
use super::function::{InstData, Terminator};
use super::helper::Effect;

/// Visits each operand of `$self`, by reference or by mutable reference as `$self` is one.
macro_rules! each_operand {
    ($self:expr, $f:ident) => {
        match $self {
            InstData::Const(_)
            | InstData::SlotAddr { .. }
            | InstData::MapAddr { .. }
            | InstData::MapValueAddr { .. }
            | InstData::Rounds { .. }
            | InstData::CallSub { .. } => {}
            InstData::Unary { arg, .. } | InstData::Clamp { arg, .. } | InstData::NonNull { arg } => $f(arg),
            InstData::Binary { left, right, .. }
            | InstData::Icmp { left, right, .. }
            | InstData::MemEq { left, right, .. } => {
                $f(left);
                $f(right);
            }
            InstData::PtrAdd { base, .. }
            | InstData::Load { base, .. }
            | InstData::Zero { base, .. }
            | InstData::Address { base } => $f(base),
            InstData::PtrIndex { base, index, .. } => {
                $f(base);
                $f(index);
            }
            InstData::ContextAddr { base, offset } => {
                $f(base);
                $f(offset);
            }
            InstData::Store { base, value, .. }
            | InstData::AtomicAdd { base, value, .. }
            | InstData::AtomicFetchAdd { base, value, .. } => {
                $f(base);
                $f(value);
            }
            InstData::AtomicCmpXchg { base, expected, value, .. } => {
                $f(base);
                $f(expected);
                $f(value);
            }
            InstData::Copy { to, from, .. } => {
                $f(to);
                $f(from);
            }
            InstData::Collect { map, state, .. } => {
                $f(map);
                $f(state);
            }
            InstData::Call { args, .. } | InstData::CallImport { args, .. } => {
                for arg in args {
                    $f(arg);
                }
            }
        }
    };
}

impl InstData {
    /// Calls `f` with each operand, in the order of the fields.
    pub fn for_each_operand(&self, mut f: impl FnMut(Value)) {
        let mut f = |value: &Value| f(*value);
        each_operand!(self, f);
    }

    /// Puts `f` of each operand in its place.
    pub fn map_operands(&mut self, mut f: impl FnMut(Value) -> Value) {
        let mut f = |value: &mut Value| *value = f(*value);
        each_operand!(self, f);
    }

    /// True when the result depends on the operands alone, throughout a run: equal instructions give equal
    /// results wherever they stand. Loads are not; helpers are when the table says pure.
    pub fn is_pure(&self) -> bool {
        match self {
            InstData::Const(_)
            | InstData::Unary { .. }
            | InstData::Binary { .. }
            | InstData::Icmp { .. }
            | InstData::SlotAddr { .. }
            | InstData::MapAddr { .. }
            | InstData::MapValueAddr { .. }
            | InstData::PtrAdd { .. }
            | InstData::PtrIndex { .. }
            | InstData::Clamp { .. }
            | InstData::ContextAddr { .. }
            | InstData::Address { .. }
            | InstData::NonNull { .. } => true,
            InstData::Call { helper, .. } => helper.effect() == Effect::Pure,
            InstData::Load { .. }
            | InstData::MemEq { .. }
            | InstData::Store { .. }
            | InstData::Zero { .. }
            | InstData::Copy { .. }
            | InstData::Collect { .. }
            | InstData::Rounds { .. }
            | InstData::CallSub { .. }
            | InstData::CallImport { .. }
            | InstData::AtomicAdd { .. }
            | InstData::AtomicFetchAdd { .. }
            | InstData::AtomicCmpXchg { .. } => false,
        }
    }

    /// True when the instruction must stay though nobody uses its result: it writes, or the world changes.
    pub fn has_side_effect(&self) -> bool {
        match self {
            InstData::Store { .. }
            | InstData::Zero { .. }
            | InstData::Copy { .. }
            | InstData::Collect { .. }
            | InstData::Rounds { .. }
            | InstData::CallSub { .. }
            | InstData::CallImport { .. }
            | InstData::AtomicAdd { .. }
            | InstData::AtomicFetchAdd { .. }
            | InstData::AtomicCmpXchg { .. } => true,
            InstData::Call { helper, .. } => matches!(helper.effect(), Effect::WriteOut | Effect::Write),
            _ => false,
        }
    }
}

impl Terminator {
    /// Calls `f` with each operand: the condition first, then the targets' arguments.
    pub fn for_each_operand(&self, mut f: impl FnMut(Value)) {
        match self {
            Terminator::Jump(_) | Terminator::MayGo { .. } => {}
            Terminator::Branch { cond: value, .. }
            | Terminator::BrNull { ptr: value, .. }
            | Terminator::Return(value) => f(*value),
        }
        for target in self.targets() {
            target.args.iter().for_each(|arg| f(*arg));
        }
    }

    /// Puts `f` of each operand in its place.
    pub fn map_operands(&mut self, mut f: impl FnMut(Value) -> Value) {
        match self {
            Terminator::Jump(_) | Terminator::MayGo { .. } => {}
            Terminator::Branch { cond: value, .. }
            | Terminator::BrNull { ptr: value, .. }
            | Terminator::Return(value) => *value = f(*value),
        }
        for target in self.targets_mut() {
            target.args.iter_mut().for_each(|arg| *arg = f(*arg));
        }
    }
}
