//! What helpers want and give.

use super::state::{Kind, State};
use super::step::read;
use super::{Linter, Result};
use crate::ir::helper::{Arg, Ret};
use crate::ir::{Helper, MapRef};
use crate::wire::map::{MapKind, MapSpec};

/// The map that a call works on: which, and whether it is the outer one of a map of maps.
#[derive(Clone, Copy)]
struct Target {
    map: MapRef,
    outer: bool,
}

impl Linter<'_> {
    pub(super) fn call(&self, state: &mut State, number: i32, at: usize) -> Result<()> {
        let helper = Helper::ALL.iter().copied().find(|helper| helper.number() == number);
        let helper = helper.ok_or("unknown helper")?;
        let mut target = None;
        let mut released = None;
        for (arg, reg) in helper.args().iter().zip(1..) {
            let kind = read(state, reg)?;
            match arg {
                Arg::Map | Arg::Ring => target = Some(self.map(kind, *arg == Arg::Ring)?),
                Arg::Context if kind != Kind::Context => return Err("not the context".into()),
                Arg::Key => self.readable(state, kind, target, true)?,
                Arg::MapValue => self.readable(state, kind, target, false)?,
                Arg::MapOut => self.readable(state, kind, target, false)?,
                Arg::Out => self.out(state, kind, reg + 1)?,
                Arg::Record => match kind {
                    Kind::Record(id, _, 0, 0) => released = Some(id),
                    _ => return Err("not the start of a record".into()),
                },
                Arg::Const if !is_constant(kind) => return Err(format!("r{reg} is not a constant")),
                Arg::Context | Arg::Const | Arg::Any => {}
            }
        }
        if helper == Helper::ForEachMapElem {
            match read(state, 3)? {
                // the kernel takes nothing but its stack for the state
                Kind::Frame(start, 0) => state.write(start, 8),
                _ => return Err("the state of a callback is not on the stack".into()),
            }
        }
        let result = self.result(state, helper, target, at)?;
        if let Some(id) = released {
            state.release(id);
        }
        state.regs[1..6].fill(Kind::Nothing);
        state.regs[0] = result;
        Ok(())
    }

    pub(super) fn call_sub(&self, state: &mut State, callback: i32) -> Result<()> {
        // of a function of an imported object only the kernel's verifier knows what it wants
        if callback >= 0 && self.code.callbacks.get(callback as usize).is_none() {
            return Err("a call of no function".into());
        }
        state.regs[1..6].fill(Kind::Nothing);
        state.regs[0] = Kind::ANY;
        Ok(())
    }

    fn map(&self, kind: Kind, ring: bool) -> Result<Target> {
        match kind {
            Kind::Map(map) if (self.maps[map].kind == MapKind::Ring) == ring => {
                Ok(Target { map, outer: self.maps[map].kind == MapKind::Swapped })
            }
            Kind::Inner(map) if !ring => Ok(Target { map, outer: false }),
            _ => Err("not a map of the right kind".into()),
        }
    }

    fn spec(&self, target: Option<Target>) -> Result<(&MapSpec, bool)> {
        let target = target.ok_or("a key without a map")?;
        Ok((&self.maps[target.map], target.outer))
    }

    fn readable(&self, state: &State, kind: Kind, target: Option<Target>, key: bool) -> Result<()> {
        let (spec, outer) = self.spec(target)?;
        let len = match (key, outer) {
            (true, true) => 4,
            (true, false) => spec.key_size,
            (false, _) => spec.value_size,
        };
        if key && matches!(kind, Kind::Record(..)) {
            return Err("a record is used as a key".into());
        }
        self.may_read(state, kind, 0, len.into())
    }

    /// Memory that a helper fills; its size stands in register `size`.
    fn out(&self, state: &mut State, kind: Kind, size: u8) -> Result<()> {
        let Kind::Scalar(min, max) = read(state, size)? else {
            return Err("a size that is a pointer".into());
        };
        if max > u64::from(u32::MAX) {
            return Err("a size without a bound".into());
        }
        self.may_write(kind, 0, max)?;
        match kind {
            Kind::Frame(start, 0) if min == max => state.write(start, max),
            // the kernel takes the whole for read when the size may vary
            Kind::Frame(..) => self.may_read(state, kind, 0, max)?,
            _ => {}
        }
        Ok(())
    }

    fn result(&self, state: &mut State, helper: Helper, target: Option<Target>, at: usize) -> Result<Kind> {
        let id = at as u32;
        Ok(match helper.ret() {
            Ret::Int if helper.is_half() => Kind::Half,
            Ret::Int if helper == Helper::CurrentTaskBtf => Kind::Task,
            Ret::Int => Kind::ANY,
            Ret::MapValueOrNull => {
                let target = target.ok_or("a lookup without a map")?;
                match target.outer {
                    true => Kind::InnerOrNull(target.map, id),
                    false => Kind::ValueOrNull(target.map, id),
                }
            }
            Ret::RecordOrNull => {
                let Kind::Scalar(size, _) = read(state, 2)? else {
                    return Err("a size that is a pointer".into());
                };
                if state.records.contains(&id) {
                    return Err("a record is reserved again while in hand".into());
                }
                let place = state.records.partition_point(|record| *record < id);
                state.records.insert(place, id);
                Kind::RecordOrNull(id, size as u32)
            }
        })
    }
}

fn is_constant(kind: Kind) -> bool {
    matches!(kind, Kind::Scalar(min, max) if min == max)
}
