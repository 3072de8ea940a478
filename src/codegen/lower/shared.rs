//! Addresses of map values and constants, made once for all uses that no call stands between.
//!
//! No register is held over a call for what two slots make again. Selection walks backward: the first use it meets
//! opens a register, and every earlier use moves the place where it is made, a hole, in front of itself. At the start
//! of a block with one way in, what is open is wished for at the end of the block before: that one fulfils a wish
//! that all its ways out have, or that it has itself; else the hole in the later block stays the place.

use std::collections::HashMap;

use super::Lower;
use crate::codegen::mach::{MInst, Reg};
use crate::ir::{Block, MapRef};

/// What may be shared between uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Shared {
    /// Address of a byte of a map's only value.
    MapValue(MapRef, u32),
    /// A number.
    Const(i64),
}

/// A register for something shared, and the hole where it is to be made.
#[derive(Clone, Copy, Debug)]
struct Wish {
    reg: Reg,
    hole: u32,
    /// Serial number of the IR instruction that has this use.
    inst: u32,
}

/// Uses further apart than this many IR instructions do not share: registers are few.
const NEAR: u32 = 32;

/// What is shared at the place that selection has reached.
#[derive(Debug, Default)]
pub struct Sharing {
    /// Used further on, and made here at the latest.
    open: HashMap<Shared, Wish>,
    /// Used at the start of some blocks that follow, which make it themselves unless someone here wants it too.
    offered: HashMap<Shared, Vec<Wish>>,
    /// Wishes for the ends of blocks that are still to come.
    wishes: HashMap<Block, Vec<(Shared, Wish)>>,
    /// Registers that turned out to be the same as others.
    renamed: HashMap<Reg, Reg>,
}

impl Lower<'_> {
    /// The register of something shared.
    pub(super) fn shared(&mut self, what: Shared) -> Reg {
        let serial = self.serial;
        match self.sharing.open.get(&what).copied() {
            Some(open) if open.inst == serial => return open.reg,
            Some(open) if serial - open.inst <= NEAR => return self.make_here(what, open.reg),
            Some(open) => self.make(what, open),
            None => {}
        }
        let reg = match self.sharing.offered.remove(&what) {
            Some(wishes) => self.unite(&wishes),
            None => self.fresh(),
        };
        self.make_here(what, reg)
    }

    /// Opens `what` with its hole here.
    fn make_here(&mut self, what: Shared, reg: Reg) -> Reg {
        self.sharing.open.insert(what, Wish { reg, hole: self.holes.len() as u32, inst: self.serial });
        self.push_hole();
        reg
    }

    /// One register for several wishes, whose holes stay empty.
    fn unite(&mut self, wishes: &[Wish]) -> Reg {
        let reg = wishes[0].reg;
        for wish in &wishes[1..] {
            self.sharing.renamed.insert(wish.reg, reg);
        }
        reg
    }

    fn make(&mut self, what: Shared, wish: Wish) {
        let dst = wish.reg;
        self.holes[wish.hole as usize] = Some(match what {
            Shared::MapValue(map, offset) => MInst::MapValueAddr { dst, map, offset },
            Shared::Const(value) => MInst::Imm { dst, value },
        });
    }

    /// Makes everything where it is first used so far: a call stands here.
    pub(super) fn close_shared(&mut self) {
        for (what, wish) in std::mem::take(&mut self.sharing.open) {
            self.make(what, wish);
        }
        self.withdraw_offers();
    }

    fn withdraw_offers(&mut self) {
        for (what, wishes) in std::mem::take(&mut self.sharing.offered) {
            wishes.into_iter().for_each(|wish| self.make(what, wish));
        }
    }

    /// At the end of a block: takes up what the blocks that follow wish for.
    pub(super) fn enter_shared(&mut self, block: Block, ways: usize) {
        let mut groups: Vec<(Shared, Vec<Wish>)> = Vec::new();
        for (what, wish) in self.sharing.wishes.remove(&block).unwrap_or_default() {
            match groups.iter_mut().find(|(other, _)| *other == what) {
                Some((_, wishes)) => wishes.push(wish),
                None => groups.push((what, vec![wish])),
            }
        }
        for (what, wishes) in groups {
            if wishes.len() < ways {
                self.sharing.offered.insert(what, wishes);
            } else if let [wish] = wishes[..] {
                self.sharing.open.insert(what, wish);
            } else {
                let reg = self.unite(&wishes);
                self.make_here(what, reg);
            }
        }
    }

    /// At the start of a block: wishes for the end of the one before, if there is one alone.
    pub(super) fn leave_shared(&mut self, block: Block) {
        self.withdraw_offers();
        match self.cfg.only_pred(block) {
            Some(edge) => {
                let open = std::mem::take(&mut self.sharing.open);
                self.sharing.wishes.entry(edge.from).or_default().extend(open);
            }
            None => self.close_shared(),
        }
    }

    /// Runs `f` for code that stands elsewhere: it shares nothing with what is around.
    pub(super) fn elsewhere<T>(&mut self, f: impl FnOnce(&mut Self) -> T) -> T {
        let open = std::mem::take(&mut self.sharing.open);
        let offered = std::mem::take(&mut self.sharing.offered);
        let result = f(self);
        self.close_shared();
        (self.sharing.open, self.sharing.offered) = (open, offered);
        result
    }

    /// Puts one register for all that turned out to be the same.
    pub(super) fn rename(&self, inst: &mut MInst) {
        if !self.sharing.renamed.is_empty() {
            inst.visit(&mut |reg, _| self.rename_reg(reg));
        }
    }

    /// The same for one register.
    pub(super) fn rename_reg(&self, reg: &mut Reg) {
        while let Some(same) = self.sharing.renamed.get(reg) {
            *reg = *same;
        }
    }
}
