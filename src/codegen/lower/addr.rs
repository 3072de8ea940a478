//! Pointers: what they come from and how far they are from it, so that loads and stores carry the distance.
//!
//! Pointers that cost an instruction or two (a slot, a constant distance, a map) are made again at each use.
//! Addresses of map values are `shared` between calls.

use super::Lower;
use super::shared::Shared;
use crate::codegen::frame::Place;
use crate::codegen::mach::{Addr, MInst, Phase, Reg};
use crate::ir::function::ValueDef;
use crate::ir::{InstData, MapRef, Value};

/// Where a chain of constant distances begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Root {
    /// r10.
    Frame,
    /// The program's scratch entry.
    Scratch,
    /// The only value of an array map.
    MapValue(MapRef),
    /// A map itself.
    Map(MapRef),
    /// Anything else.
    Value(Value),
}

/// A pointer taken apart.
#[derive(Clone, Copy, Debug)]
pub struct Pointer {
    /// Whence.
    pub root: Root,
    /// Bytes.
    pub offset: i64,
    /// The root is a multiple of so many bytes: 1, 2, 4 or 8.
    pub align: u32,
}

impl Pointer {
    /// The place so many bytes on.
    pub fn further(self, bytes: u32) -> Pointer {
        Pointer { offset: self.offset + i64::from(bytes), ..self }
    }

    /// How the places from here on are aligned.
    pub fn phase(&self) -> Phase {
        Phase::new(self.align, self.offset)
    }
}

/// Offsets of map values are split so that an address serves all within 16 KiB.
const NEAR: i64 = 0x3fff;

impl Lower<'_> {
    /// Takes a pointer apart, `offset` bytes on.
    pub fn pointer(&self, value: Value, offset: i64) -> Pointer {
        self.pointer_in(value, offset, 3)
    }

    /// As `pointer`, looking through at most `depth` parameters for the alignment.
    fn pointer_in(&self, value: Value, mut offset: i64, depth: u32) -> Pointer {
        let mut align = 8;
        let mut value = self.facts.canon(value);
        // the first value that is computed, which the root's register holds: distances beyond it are not in it
        let mut root = None;
        loop {
            match self.facts.def(value) {
                Some(InstData::PtrAdd { base, offset: by }) => {
                    offset = offset.wrapping_add(*by);
                    value = self.facts.canon(*base);
                }
                Some(InstData::PtrIndex { base, index, count, scale, .. }) => {
                    match self.facts.constant(*index) {
                        Some(index) => {
                            offset += (index as u64).min(u64::from(count - 1)) as i64 * i64::from(*scale);
                        }
                        None => {
                            align = Phase::new(align, i64::from(*scale)).align_at(0);
                            root = root.or(Some(Root::Value(value)));
                        }
                    }
                    value = self.facts.canon(*base);
                }
                def => {
                    let (found, by, aligned) = self.root(value, def, depth);
                    return Pointer {
                        root: root.unwrap_or(found),
                        offset: offset + by,
                        align: align.min(aligned),
                    };
                }
            }
        }
    }

    /// The root that a value is, its distance from it, and the root's alignment.
    fn root(&self, value: Value, def: Option<&InstData>, depth: u32) -> (Root, i64, u32) {
        match def {
            Some(InstData::SlotAddr { slot }) => match self.frame.place(*slot) {
                Place::Stack(at) => (Root::Frame, i64::from(at), 8),
                Place::Scratch(at) => (Root::Scratch, i64::from(at), 8),
                Place::None => (Root::Frame, -8, 8),
            },
            Some(InstData::MapAddr { map }) => (Root::Map(*map), 0, 8),
            Some(InstData::MapValueAddr { map, offset }) => (Root::MapValue(*map), i64::from(*offset), 8),
            Some(_) => (Root::Value(value), 0, 8),
            None => (Root::Value(value), 0, self.param_align(value, depth)),
        }
    }

    /// A parameter is as aligned as what comes in for it.
    fn param_align(&self, value: Value, depth: u32) -> u32 {
        let ValueDef::Param(block, index) = self.func.values[value].def else { return 8 };
        let preds = self.cfg.preds(block);
        if preds.is_empty() {
            return 8; // the context
        }
        if depth == 0 {
            return 1;
        }
        let mut align = 8;
        for edge in preds {
            let arg = self.func.edge_arg(*edge, index as usize).map(|arg| self.facts.canon(arg));
            if let Some(arg) = arg.filter(|arg| *arg != value) {
                align = align.min(self.pointer_in(arg, 0, depth - 1).phase().align_at(0));
            }
        }
        align
    }

    /// The base register and offset for an access at a pointer; `room` bytes beyond it are accessed too.
    pub fn access(&mut self, pointer: Pointer, room: u32) -> Addr {
        let last = pointer.offset + i64::from(room);
        if let Root::MapValue(map) = pointer.root {
            let far = pointer.offset & !NEAR;
            let base = self.shared(Shared::MapValue(map, far as u32));
            if last - far <= i64::from(i16::MAX) {
                return Addr { base, off: (pointer.offset - far) as i16 };
            }
            return Addr { base: self.displaced(base, pointer.offset - far), off: 0 };
        }
        let base = self.root_reg(pointer.root);
        if pointer.align == 8 && base != Reg::FP {
            self.aligned.insert(base);
        }
        if pointer.offset >= i64::from(i16::MIN) && last <= i64::from(i16::MAX) {
            return Addr { base, off: pointer.offset as i16 };
        }
        Addr { base: self.displaced(base, pointer.offset), off: 0 }
    }

    /// A register that holds exactly this pointer.
    pub fn pointer_reg(&mut self, pointer: Pointer) -> Reg {
        match pointer.root {
            Root::MapValue(map) => {
                let dst = self.fresh();
                self.push(MInst::MapValueAddr { dst, map, offset: pointer.offset as u32 });
                dst
            }
            root => {
                let base = self.root_reg(root);
                if pointer.offset == 0 && base != Reg::FP {
                    base
                } else {
                    self.displaced(base, pointer.offset)
                }
            }
        }
    }

    pub(super) fn root_reg(&mut self, root: Root) -> Reg {
        match root {
            Root::Frame => Reg::FP,
            Root::Scratch => self.scratch_reg(),
            Root::MapValue(map) => self.shared(Shared::MapValue(map, 0)),
            Root::Map(map) => {
                let dst = self.fresh();
                self.push(MInst::MapAddr { dst, map });
                dst
            }
            Root::Value(value) => self.defined(value),
        }
    }

    pub(super) fn displaced(&mut self, base: Reg, offset: i64) -> Reg {
        let dst = self.fresh();
        self.push(MInst::AddImm { dst, base, offset: offset as i32 });
        dst
    }
}
