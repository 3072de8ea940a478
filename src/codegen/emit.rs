//! Allocated blocks to finished code: fallthrough where the order allows, jumps elsewhere, all in range.
//!
//! A block becomes pieces: straight slots, then perhaps a jump. Offsets of jumps have 16 bits. One that reaches
//! further becomes `gotol` where the kernel has it, else it goes by way of islands: jumps placed between blocks,
//! close enough to both sides.
//!
//! Deliberately absent: the order of the blocks, which selection chose (rarely run ones last).

use std::collections::HashMap;

use super::encode::{Buffer, Sealed};
use super::inst::{Insn, Reloc};
use super::mach::{MBlock, MInst, Test};
use super::opcode as op;
use crate::source::Span;

/// A block is cut where it grows beyond this many slots, so that an island finds a place everywhere.
const CUT: usize = 4_000;
/// Distance of an island from the jump that needs it, in slots: less than 32,767, so that later ones fit between.
const REACH: i64 = 28_000;

/// Emitted code.
#[derive(Debug, Default)]
pub struct Emitted {
    /// Slots.
    pub insns: Vec<Insn>,
    /// Maps to put in.
    pub relocs: Vec<Reloc>,
    /// A span a slot.
    pub spans: Vec<Span>,
    /// Loops inside instructions.
    pub sealed: Vec<Sealed>,
}

/// Resolves branches of `blocks`, in their order. `fallback` is the span of what has none.
pub fn emit(blocks: &[MBlock], gotol: bool, fallback: Span) -> Emitted {
    let mut layout = Layout::new(blocks, fallback);
    layout.fit(gotol);
    layout.finish()
}

/// Straight slots, then perhaps a jump to a block.
#[derive(Default)]
struct Piece {
    insns: Vec<Insn>,
    spans: Vec<Span>,
    relocs: Vec<Reloc>,
    sealed: Vec<Sealed>,
    jump: Option<Jump>,
}

struct Jump {
    insn: Insn,
    span: Span,
    target: usize,
    long: bool,
}

impl Jump {
    fn is_conditional(&self) -> bool {
        self.insn.code & op::OP != op::JA
    }

    /// The jump that skips the long one. One slot more where there is no inverse condition.
    fn skip(&self) -> Vec<Insn> {
        let mut insn = self.insn;
        match inverse(insn.code) {
            Some(code) => {
                insn.code = code;
                insn.off = 1;
                vec![insn]
            }
            None => {
                insn.off = 1;
                vec![insn, Insn { code: op::JMP | op::JA, off: 1, ..Insn::default() }]
            }
        }
    }

    fn slots(&self) -> usize {
        if self.long && self.is_conditional() { self.skip().len() + 1 } else { 1 }
    }
}

fn inverse(code: u8) -> Option<u8> {
    let opposite = match code & op::OP {
        op::JEQ => op::JNE,
        op::JNE => op::JEQ,
        op::JGT => op::JLE,
        op::JLE => op::JGT,
        op::JGE => op::JLT,
        op::JLT => op::JGE,
        op::JSGT => op::JSLE,
        op::JSLE => op::JSGT,
        op::JSGE => op::JSLT,
        op::JSLT => op::JSGE,
        _ => return None,
    };
    Some(code & !op::OP | opposite)
}

#[derive(Default)]
struct Placed {
    pieces: Vec<Piece>,
    /// Control may run into the block that follows.
    falls: bool,
}

impl Placed {
    fn slots(&self) -> usize {
        self.pieces.iter().map(|p| p.insns.len() + p.jump.as_ref().map_or(0, Jump::slots)).sum()
    }
}

struct Layout {
    blocks: Vec<Placed>,
    /// Indices of `blocks` in the order of the code.
    order: Vec<usize>,
}

impl Layout {
    fn new(source: &[MBlock], fallback: Span) -> Layout {
        let forward = thread(source);
        let kept = reachable(source, &forward);
        let mut layout = Layout { blocks: Vec::new(), order: Vec::new() };
        layout.blocks.resize_with(source.len(), Placed::default);
        for (at, index) in kept.iter().enumerate() {
            let mut writer = Writer {
                source,
                forward: &forward,
                next: kept.get(at + 1).copied(),
                done: vec![Placed::default()],
                open: Buffer::default(),
                spans: Vec::new(),
                span: fallback,
            };
            writer.block(*index);
            layout.place(*index, writer.done);
        }
        layout
    }

    /// Puts the parts of block `index` in order; the first keeps its index.
    fn place(&mut self, index: usize, parts: Vec<Placed>) {
        for (at, part) in parts.into_iter().enumerate() {
            if at == 0 {
                self.blocks[index] = part;
                self.order.push(index);
            } else {
                self.order.push(self.blocks.len());
                self.blocks.push(part);
            }
        }
    }

    fn starts(&self) -> Vec<i64> {
        let mut starts = vec![0; self.blocks.len()];
        let mut at = 0;
        for index in &self.order {
            starts[*index] = at;
            at += self.blocks[*index].slots() as i64;
        }
        starts
    }

    /// Makes every jump reach: a fixpoint, since longer jumps move what follows.
    fn fit(&mut self, gotol: bool) {
        loop {
            let starts = self.starts();
            let far = self.far_jumps(&starts);
            if far.is_empty() {
                return;
            }
            if gotol {
                for (block, piece, _) in far {
                    if let Some(jump) = &mut self.blocks[block].pieces[piece].jump {
                        jump.long = true;
                    }
                }
            } else {
                self.bridge(&starts, &far);
            }
        }
    }

    /// Block, piece and place of each short jump that does not reach its target.
    fn far_jumps(&self, starts: &[i64]) -> Vec<(usize, usize, i64)> {
        let mut far = Vec::new();
        for index in &self.order {
            let mut at = starts[*index];
            for (number, piece) in self.blocks[*index].pieces.iter().enumerate() {
                at += piece.insns.len() as i64;
                let Some(jump) = &piece.jump else { continue };
                let distance = starts[jump.target] - at - 1;
                if !jump.long && i16::try_from(distance).is_err() {
                    far.push((*index, number, at));
                }
                at += jump.slots() as i64;
            }
        }
        far
    }

    /// Redirects far jumps to islands, one a target and place.
    fn bridge(&mut self, starts: &[i64], far: &[(usize, usize, i64)]) {
        let ends: Vec<i64> = self.order.iter().map(|i| starts[*i] + self.blocks[*i].slots() as i64).collect();
        let mut islands: HashMap<(usize, usize), usize> = HashMap::new();
        let mut by_place: Vec<(usize, usize)> = Vec::new();
        for (block, piece, at) in far {
            let Some(jump) = &self.blocks[*block].pieces[*piece].jump else { continue };
            let target = jump.target;
            let wanted = if starts[target] > *at { at + REACH } else { at - REACH };
            let after = ends.partition_point(|end| *end <= wanted).saturating_sub(1);
            let island = *islands.entry((after, target)).or_insert_with(|| {
                by_place.push((after, self.blocks.len()));
                self.blocks.push(jump_block(target, Span::default()));
                self.blocks.len() - 1
            });
            if let Some(jump) = &mut self.blocks[*block].pieces[*piece].jump {
                jump.target = island;
            }
        }
        self.insert(by_place);
    }

    /// Puts blocks (second) behind places of the order (first); code that would run into them jumps over.
    fn insert(&mut self, mut by_place: Vec<(usize, usize)>) {
        by_place.sort_unstable();
        let old = std::mem::take(&mut self.order);
        let mut pending = by_place.into_iter().peekable();
        for (place, index) in old.iter().enumerate() {
            self.order.push(*index);
            if pending.peek().is_some_and(|(after, _)| *after == place)
                && self.blocks[*index].falls
                && let Some(next) = old.get(place + 1)
            {
                self.order.push(self.blocks.len());
                self.blocks.push(jump_block(*next, Span::default()));
            }
            while let Some((_, island)) = pending.next_if(|(after, _)| *after == place) {
                self.order.push(island);
            }
        }
    }

    fn finish(self) -> Emitted {
        let starts = self.starts();
        let mut out = Emitted::default();
        for index in &self.order {
            for piece in &self.blocks[*index].pieces {
                let base = out.insns.len() as u32;
                out.relocs.extend(piece.relocs.iter().map(|r| Reloc { at: base + r.at, ..*r }));
                out.sealed.extend(piece.sealed.iter().map(|s| Sealed {
                    at: base + s.at,
                    end: base + s.end,
                    inst: s.inst.clone(),
                }));
                out.insns.extend_from_slice(&piece.insns);
                out.spans.extend_from_slice(&piece.spans);
                if let Some(jump) = &piece.jump {
                    write_jump(jump, starts[jump.target], &mut out);
                }
            }
        }
        inherit_spans(&mut out.spans);
        out
    }
}

fn jump_block(target: usize, span: Span) -> Placed {
    let insn = Insn { code: op::JMP | op::JA, ..Insn::default() };
    let jump = Some(Jump { insn, span, target, long: false });
    Placed { pieces: vec![Piece { jump, ..Piece::default() }], falls: false }
}

fn write_jump(jump: &Jump, target: i64, out: &mut Emitted) {
    if jump.long && jump.is_conditional() {
        out.insns.extend(jump.skip());
    }
    let distance = target - out.insns.len() as i64 - 1;
    let mut insn = jump.insn;
    if jump.long {
        insn = Insn { code: op::JMP32 | op::JA, imm: distance as i32, ..Insn::default() };
    } else {
        insn.off = distance as i16;
    }
    out.insns.push(insn);
    out.spans.resize(out.insns.len(), jump.span);
}

/// What has no span of its own belongs to what stands before it.
fn inherit_spans(spans: &mut [Span]) {
    for at in 1..spans.len() {
        if spans[at].is_synthetic() {
            spans[at] = spans[at - 1];
        }
    }
}

/// For each block, where a jump to it ends up: blocks that only jump on are passed through.
fn thread(blocks: &[MBlock]) -> Vec<usize> {
    (0..blocks.len()).map(|start| destination(blocks, start)).collect()
}

fn destination(blocks: &[MBlock], start: usize) -> usize {
    let mut at = start;
    // an empty loop has no end: it stays as it is
    for _ in 0..blocks.len() {
        match blocks[at].insts.as_slice() {
            [(MInst::Jump, _)] => at = blocks[at].succs[0].block as usize,
            _ => return at,
        }
    }
    start
}

/// Blocks that can be reached, in order.
fn reachable(blocks: &[MBlock], forward: &[usize]) -> Vec<usize> {
    let mut seen = vec![false; blocks.len()];
    let mut work = vec![forward[0]];
    while let Some(block) = work.pop() {
        if !std::mem::replace(&mut seen[block], true) {
            work.extend(blocks[block].succs.iter().map(|e| forward[e.block as usize]));
        }
    }
    let mut kept: Vec<usize> = (0..blocks.len()).filter(|b| seen[*b]).collect();
    // the entry stands first, also when it was passed through
    if let Some(at) = kept.iter().position(|b| *b == forward[0]) {
        kept[..=at].rotate_right(1);
    }
    kept
}

struct Writer<'a> {
    source: &'a [MBlock],
    forward: &'a [usize],
    next: Option<usize>,
    done: Vec<Placed>,
    open: Buffer,
    spans: Vec<Span>,
    span: Span,
}

impl Writer<'_> {
    fn block(&mut self, index: usize) {
        for (inst, span) in &self.source[index].insts {
            if !span.is_synthetic() {
                self.span = *span;
            }
            if inst.is_terminator() {
                self.terminator(index, inst);
            } else {
                self.open.encode(inst);
                self.spans.resize(self.open.insns.len(), self.span);
                if self.open.insns.len() > CUT {
                    self.cut();
                }
            }
        }
    }

    /// Closes the straight code so far, with a jump behind it.
    fn piece(&mut self, jump: Option<(Insn, usize)>) {
        let Buffer { insns, relocs, sealed } = std::mem::take(&mut self.open);
        self.spans.resize(insns.len(), self.span);
        let spans = std::mem::take(&mut self.spans);
        let span = self.span;
        let jump = jump.map(|(insn, target)| Jump { insn, span, target, long: false });
        if let Some(last) = self.done.last_mut() {
            last.pieces.push(Piece { insns, spans, relocs, sealed, jump });
        }
    }

    fn cut(&mut self) {
        self.piece(None);
        if let Some(last) = self.done.last_mut() {
            last.falls = true;
        }
        self.done.push(Placed::default());
    }

    fn terminator(&mut self, index: usize, inst: &MInst) {
        let target = |n: usize| self.forward[self.source[index].succs[n].block as usize];
        let falls = match inst {
            MInst::Jump => self.go(target(0)),
            MInst::Branch { .. } if target(0) == target(1) => self.go(target(0)),
            MInst::Branch { test } => self.branch(*test, target(0), target(1)),
            MInst::MayGo => {
                let insn = Insn { code: op::JMP | op::JCOND, ..Insn::default() };
                self.piece(Some((insn, target(1))));
                self.go(target(0))
            }
            MInst::BranchMemEq { span, temps } => {
                let (equal, differ) = (target(0), target(1));
                let mut words = Buffer::default();
                words.compare_words(*span, *temps);
                for word in words.insns.chunks(3) {
                    self.open.insns.extend_from_slice(&word[..2]);
                    self.piece(Some((word[2], differ)));
                }
                self.go(equal)
            }
            _ => {
                self.open.exit();
                self.piece(None);
                false
            }
        };
        if let Some(last) = self.done.last_mut() {
            last.falls = falls;
        }
    }

    /// An unconditional way on; true when control just runs on.
    fn go(&mut self, target: usize) -> bool {
        if Some(target) == self.next {
            self.piece(None);
            return true;
        }
        if let [(MInst::Exit { .. }, _)] = self.source[target].insts.as_slice() {
            self.open.exit();
            self.piece(None);
        } else {
            self.piece(Some((Insn { code: op::JMP | op::JA, ..Insn::default() }, target)));
        }
        false
    }

    fn branch(&mut self, test: Test, then: usize, otherwise: usize) -> bool {
        if Some(then) == self.next
            && let Some(cmp) = test.cmp.inverse()
        {
            self.piece_if(Test { cmp, ..test }, otherwise);
            return true;
        }
        self.piece_if(test, then);
        self.go(otherwise)
    }

    fn piece_if(&mut self, test: Test, target: usize) {
        self.open.jump(test, 0);
        if let Some(insn) = self.open.insns.pop() {
            self.piece(Some((insn, target)));
        }
    }
}
