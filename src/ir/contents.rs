//! What memory holds, as far as a straight line of code tells: this value was stored there, these bytes are zero,
//! these are the task's name.
//!
//! A walk over extended basic blocks: a block with one predecessor goes on with what its predecessor left, any other
//! begins knowing nothing. What helpers and unclear writes touch is forgotten. Map values are treated like memory that
//! nobody else writes in between: a run may see its own last value.
//!
//! At most [`MOST_PIECES`] pieces are remembered, the oldest go first, so that a walk stays linear.

use smallvec::SmallVec;

use super::cfg::Cfg;
use super::edit::Cursor;
use super::entities::{Inst, Value};
use super::function::{Function, InstData};
use super::helper::Helper;
use super::memory::effects;
use super::places::{Access, Places};
use super::typing::Maps;

/// Pieces of memory that are remembered.
const MOST_PIECES: usize = 48;
/// Bytes that are compared one by one.
const MOST_BYTES: i64 = 256;

/// Where bytes come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    /// The bytes of a constant.
    Const(u64),
    /// All zero.
    Zero,
    /// The bytes of a value.
    Value(Value),
    /// The task's name, as written into a buffer of so many bytes.
    Comm(u32),
    /// Whatever this instruction wrote or saw.
    Unknown(Inst),
}

/// Bytes of which the source is known.
#[derive(Clone, Copy, Debug)]
struct Piece {
    access: Access,
    source: Source,
    /// Bytes of the source before those of the piece.
    skip: i64,
}

/// What one byte of memory is. Equal atoms are equal bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Atom {
    /// This number.
    Byte(u8),
    /// Byte number so-and-so of a value.
    Value(Value, i64),
    /// Byte number so-and-so of the task's name in a buffer of a size.
    Comm(u32, i64),
    /// Byte number so-and-so of what an instruction wrote or saw.
    Unknown(Inst, i64),
}

/// What is known of memory at a place in the code.
#[derive(Clone, Debug, Default)]
pub struct Contents {
    pieces: Vec<Piece>,
}

impl Contents {
    /// What the bytes of an access are, if all are known.
    pub fn atoms(&self, access: &Access) -> Option<SmallVec<[Atom; 16]>> {
        if !access.exact || access.end - access.start > MOST_BYTES {
            return None;
        }
        (access.start..access.end).map(|at| self.atom(access, at)).collect()
    }

    fn atom(&self, access: &Access, at: i64) -> Option<Atom> {
        let covers = |piece: &&Piece| {
            let here = &piece.access;
            here.region == access.region && here.origin == access.origin && here.start <= at && at < here.end
        };
        let piece = self.pieces.iter().rev().find(covers)?;
        let index = piece.skip + at - piece.access.start;
        Some(match piece.source {
            Source::Const(word) => Atom::Byte((word >> (8 * index)) as u8),
            Source::Zero => Atom::Byte(0),
            Source::Value(value) => Atom::Value(value, index),
            Source::Comm(len) => Atom::Comm(len, index),
            Source::Unknown(inst) => Atom::Unknown(inst, index),
        })
    }

    /// Forgets bytes that may have been written.
    fn forget(&mut self, access: &Access) {
        let mut parts = Vec::new();
        self.pieces.retain(|piece| {
            if !piece.access.may_overlap(access) {
                return true;
            }
            if piece.access.origin == access.origin {
                parts.extend(piece.part(piece.access.start, access.start));
                parts.extend(piece.part(access.end, piece.access.end));
            }
            false
        });
        self.pieces.append(&mut parts);
    }

    /// Forgets what was there and puts in what is there now.
    fn put(&mut self, access: Access, source: Source, skip: i64) {
        self.forget(&access);
        if self.pieces.len() >= MOST_PIECES {
            self.pieces.remove(0);
        }
        self.pieces.push(Piece { access, source, skip });
    }

    /// What an instruction does to memory.
    pub fn step(&mut self, maps: &Maps, func: &Function, places: &Places, inst: Inst) {
        let effects = effects(maps, func, places, inst);
        match (&func.insts[inst], effects.writes.first()) {
            (InstData::Load { .. }, _) => {
                // What was not known is what the load gave.
                if let (Some(read), Some(result)) =
                    (effects.reads.first().filter(|read| read.exact), func.result(inst))
                    && self.atoms(read).is_none()
                {
                    self.put(*read, Source::Value(result), 0);
                }
            }
            (InstData::Store { value, .. }, Some(write)) if write.exact => {
                let value = func.resolve(*value);
                let source =
                    func.as_const(value).map_or(Source::Value(value), |word| Source::Const(word as u64));
                self.put(*write, source, 0);
            }
            (InstData::Zero { .. }, Some(write)) if write.exact => self.put(*write, Source::Zero, 0),
            (InstData::Copy { .. }, Some(write)) if write.exact => self.copy(&effects.reads[0], *write, inst),
            (InstData::Call { helper: Helper::Comm, .. }, Some(write)) if write.exact => {
                self.put(*write, Source::Comm((write.end - write.start) as u32), 0);
            }
            (InstData::Call { helper: Helper::ProbeReadUser | Helper::ProbeReadKernel, .. }, Some(write))
                if write.exact =>
            {
                self.put(*write, Source::Unknown(inst), 0);
            }
            _ => effects.writes.iter().for_each(|write| self.forget(write)),
        }
    }

    /// The target becomes what the source is, piece by piece; what is not known of the source is the same unknown in
    /// both.
    fn copy(&mut self, read: &Access, write: Access, inst: Inst) {
        if !read.exact {
            return self.forget(&write);
        }
        let apart = write.start - read.start;
        let same = |piece: &&Piece| piece.access.region == read.region && piece.access.origin == read.origin;
        let parts = self.pieces.iter().filter(same).filter_map(|piece| piece.part(read.start, read.end));
        let mut parts: Vec<_> = parts.collect();
        if self.atoms(read).is_none() {
            parts.clear();
            self.put(*read, Source::Unknown(inst), 0);
            parts.push(Piece { access: *read, source: Source::Unknown(inst), skip: 0 });
        }
        self.forget(&write);
        for Piece { access, source, skip } in parts {
            let (start, end) = (access.start + apart, access.end + apart);
            self.put(Access { start, end, ..write }, source, skip);
        }
    }
}

impl Piece {
    /// The part of a piece within bounds.
    fn part(&self, start: i64, end: i64) -> Option<Piece> {
        let (from, to) = (self.access.start.max(start), self.access.end.min(end));
        let skip = self.skip + from - self.access.start;
        (from < to).then_some(Piece { access: Access { start: from, end: to, ..self.access }, skip, ..*self })
    }
}

/// What a pass sees of the walk at an instruction.
pub struct Here<'a, S> {
    /// The maps of the module.
    pub maps: &'a Maps,
    /// Where pointers point; nothing is known of pointers that the pass made.
    pub places: &'a Places,
    /// What memory holds before the instruction.
    pub contents: &'a Contents,
    /// What the pass itself remembers along the line.
    pub state: &'a mut S,
}

/// Walks a function. `visit` is given each instruction, taken out of its block, and says whether to put it back. It may
/// emit others before it and make aliases.
pub fn walk<S: Clone + Default>(
    maps: &Maps,
    func: &mut Function,
    mut visit: impl FnMut(&mut Cursor<'_>, Inst, Here<'_, S>) -> bool,
) {
    let cfg = Cfg::new(func);
    let places = Places::new(maps, func, &cfg);
    for root in cfg.reverse_postorder().filter(|block| cfg.only_pred(*block).is_none()) {
        let mut stack = vec![(root, Contents::default(), S::default())];
        while let Some((block, mut contents, mut state)) = stack.pop() {
            let mut cursor = Cursor::new(func, block);
            while let Some(inst) = cursor.next() {
                let here = Here { maps, places: &places, contents: &contents, state: &mut state };
                if visit(&mut cursor, inst, here) {
                    contents.step(maps, cursor.func, &places, inst);
                    cursor.keep(inst);
                }
            }
            drop(cursor);
            for next in cfg.succs(block) {
                if cfg.only_pred(*next).is_some() {
                    stack.push((*next, contents.clone(), state.clone()));
                }
            }
        }
    }
    func.resolve_aliases();
}
