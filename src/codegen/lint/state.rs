//! What is known of registers and the stack at one point of the code.

use smallvec::SmallVec;

use crate::ir::MapRef;

/// Names a pointer that may be null, or a record, so that its copies are known to be the same.
pub type Id = u32;

/// What a register or an 8-byte stack slot holds, as the oldest supported verifier sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Nothing that may be read.
    Nothing,
    /// A number within these bounds, unsigned.
    Scalar(u64, u64),
    /// A number of which only the low 32 bits are right.
    Half,
    /// The context.
    Context,
    /// The context moved on: a number for helpers, not to be dereferenced.
    ContextMoved,
    /// The task, which may be read through.
    Task,
    /// r10 + offset; where paths meet, up to `spread` more.
    Frame(i64, u64),
    /// A map.
    Map(MapRef),
    /// The map inside a map of maps.
    Inner(MapRef),
    /// The same, or null.
    InnerOrNull(MapRef, Id),
    /// A map value at offset, up to `spread` more.
    Value(MapRef, i64, u64),
    /// A map value, or null.
    ValueOrNull(MapRef, Id),
    /// A record of so many bytes, at offset, up to `spread` more.
    Record(Id, u32, i64, u64),
    /// A record of so many bytes, or null.
    RecordOrNull(Id, u32),
}

impl Kind {
    /// Any number.
    pub const ANY: Kind = Kind::Scalar(0, u64::MAX);

    /// The number `n`.
    pub fn constant(n: i64) -> Kind {
        Kind::Scalar(n as u64, n as u64)
    }

    /// The id of a pointer that may be null.
    pub fn or_null(self) -> Option<Id> {
        match self {
            Kind::InnerOrNull(_, id) | Kind::ValueOrNull(_, id) | Kind::RecordOrNull(id, _) => Some(id),
            _ => None,
        }
    }

    /// The same pointer when it is not null.
    fn non_null(self) -> Kind {
        match self {
            Kind::InnerOrNull(map, _) => Kind::Inner(map),
            Kind::ValueOrNull(map, _) => Kind::Value(map, 0, 0),
            Kind::RecordOrNull(id, size) => Kind::Record(id, size, 0, 0),
            other => other,
        }
    }

    /// True for numbers.
    pub fn is_scalar(self) -> bool {
        matches!(self, Kind::Scalar(..))
    }

    /// What holds of something that is either. `id` names what two pointers that may be null become.
    pub fn join(self, other: Kind, id: &mut dyn FnMut(Id, Id) -> Id) -> Kind {
        let hull = |a: (i64, u64), b: (i64, u64)| {
            let end = (a.0 + a.1 as i64).max(b.0 + b.1 as i64);
            let start = a.0.min(b.0);
            (start, (end - start) as u64)
        };
        match (self, other) {
            (a, b) if a == b => a,
            (Kind::Scalar(a, b), Kind::Scalar(c, d)) => Kind::Scalar(a.min(c), b.max(d)),
            (Kind::Frame(a, s), Kind::Frame(b, t)) => {
                let (start, spread) = hull((a, s), (b, t));
                Kind::Frame(start, spread)
            }
            (Kind::Value(m, a, s), Kind::Value(n, b, t)) if m == n => {
                let (start, spread) = hull((a, s), (b, t));
                Kind::Value(m, start, spread)
            }
            (Kind::Record(i, size, a, s), Kind::Record(j, _, b, t)) if i == j => {
                let (start, spread) = hull((a, s), (b, t));
                Kind::Record(i, size, start, spread)
            }
            (Kind::ValueOrNull(m, a), Kind::ValueOrNull(n, b)) if m == n => Kind::ValueOrNull(m, id(a, b)),
            (Kind::InnerOrNull(m, a), Kind::InnerOrNull(n, b)) if m == n => Kind::InnerOrNull(m, id(a, b)),
            _ => Kind::Nothing,
        }
    }
}

/// The state at one point.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    /// r0 to r10.
    pub regs: [Kind; 11],
    /// Bytes of the stack that were written, from r10 − 512 on, a bit each.
    written: [u64; 8],
    /// What 8-byte slots hold besides numbers, or numbers with bounds; by index from r10 − 512, ascending.
    slots: SmallVec<[(u8, Kind); 6]>,
    /// Records in hand, ascending.
    pub records: SmallVec<[Id; 2]>,
}

impl State {
    /// At the entry.
    pub fn entry() -> State {
        let mut regs = [Kind::Nothing; 11];
        regs[1] = Kind::Context;
        regs[10] = Kind::Frame(0, 0);
        State { regs, written: [0; 8], slots: SmallVec::new(), records: SmallVec::new() }
    }

    /// True when all of the bytes at `r10 + off` were written.
    pub fn is_written(&self, off: i64, len: u64) -> bool {
        bytes(off, len).all(|byte| self.written[byte / 64] >> (byte % 64) & 1 == 1)
    }

    /// The bytes at `r10 + off` are numbers now.
    pub fn write(&mut self, off: i64, len: u64) {
        for byte in bytes(off, len) {
            self.written[byte / 64] |= 1 << (byte % 64);
        }
        let (first, last) = (slot_of(off), slot_of(off + len.max(1) as i64 - 1));
        self.slots.retain(|(slot, _)| *slot < first || *slot > last);
    }

    /// The aligned 8 bytes at `r10 + off` hold this now.
    pub fn spill(&mut self, off: i64, kind: Kind) {
        self.write(off, 8);
        if kind != Kind::ANY {
            let at = self.slots.partition_point(|(slot, _)| *slot < slot_of(off));
            self.slots.insert(at, (slot_of(off), kind));
        }
    }

    /// What the 8-byte slot around `r10 + off` holds, where that is more than some number.
    pub fn slot(&self, off: i64) -> Option<Kind> {
        self.slots.iter().find(|(slot, _)| *slot == slot_of(off)).map(|(_, kind)| *kind)
    }

    /// Puts `f` of everything in its place.
    fn map(&mut self, f: impl Fn(Kind) -> Kind) {
        self.regs.iter_mut().for_each(|kind| *kind = f(*kind));
        self.slots.iter_mut().for_each(|(_, kind)| *kind = f(*kind));
    }

    /// The pointers `id` are known to be null, or not to be.
    pub fn decide(&mut self, id: Id, null: bool) {
        let what = |kind: Kind| if null { Kind::constant(0) } else { kind.non_null() };
        self.map(|kind| if kind.or_null() == Some(id) { what(kind) } else { kind });
        if null {
            self.records.retain(|record| *record != id);
        }
    }

    /// A record is given back; no pointer to it is left.
    pub fn release(&mut self, id: Id) {
        self.records.retain(|record| *record != id);
        self.map(|kind| match kind {
            Kind::Record(record, ..) if record == id => Kind::Nothing,
            kind => kind,
        });
    }

    /// Takes in what another path brings; true when that says less than before. With `widen`, bounds that still
    /// change are given up.
    pub fn join(&mut self, other: &State, widen: bool, id: &mut dyn FnMut(Id, Id) -> Id) -> bool {
        let before = self.clone();
        let mut meet = |a: Kind, b: Kind| match a.join(b, id) {
            joined @ Kind::Scalar(..) if widen && joined != a => Kind::ANY,
            joined => joined,
        };
        for (mine, theirs) in self.regs.iter_mut().zip(&other.regs) {
            *mine = meet(*mine, *theirs);
        }
        for (mine, theirs) in self.written.iter_mut().zip(&other.written) {
            *mine &= theirs;
        }
        let mut slots = SmallVec::new();
        for (slot, kind) in &self.slots {
            let off = i64::from(*slot) * 8 - 512;
            let joined = meet(*kind, other.slot(off).unwrap_or(Kind::ANY));
            if joined != Kind::ANY {
                slots.push((*slot, joined));
            }
        }
        for (slot, kind) in &other.slots {
            // numbers here, a pointer there: not to be read
            if !kind.is_scalar() && self.slot(i64::from(*slot) * 8 - 512).is_none() {
                slots.push((*slot, Kind::Nothing));
            }
        }
        slots.sort_by_key(|(slot, _)| *slot);
        self.slots = slots;
        *self != before
    }
}

/// Indices of bytes, as far as they are on the stack.
fn bytes(off: i64, len: u64) -> std::ops::Range<usize> {
    let start = (off + 512).clamp(0, 512);
    let end = (off.saturating_add(len as i64) + 512).clamp(start, 512);
    start as usize..end as usize
}

fn slot_of(off: i64) -> u8 {
    ((off + 512).clamp(0, 511) / 8) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partly_overwritten_spills_are_forgotten() {
        let mut state = State::entry();
        state.spill(-16, Kind::Context);
        assert_eq!(state.slot(-16), Some(Kind::Context));
        state.write(-12, 2);
        assert_eq!(state.slot(-16), None);
        assert!(state.is_written(-16, 8) && !state.is_written(-17, 2) && !state.is_written(-16, 9));
    }

    #[test]
    fn where_paths_meet_only_what_both_say_holds() {
        let mut one = State::entry();
        let mut other = State::entry();
        one.write(-8, 8);
        other.write(-4, 4);
        (one.regs[0], other.regs[0]) = (Kind::constant(3), Kind::constant(9));
        one.spill(-16, Kind::Context);
        other.write(-16, 8);
        assert!(one.join(&other, false, &mut |a, _| a));
        assert!(one.is_written(-4, 4) && !one.is_written(-8, 8));
        assert_eq!(one.regs[0], Kind::Scalar(3, 9));
        assert_eq!(one.slot(-16), Some(Kind::Nothing));
        assert!(!one.join(&other, false, &mut |a, _| a));
    }
}
