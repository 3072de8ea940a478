//! Constants stored side by side become fewer, wider stores.
//!
//! A run is what stands between two instructions that look at memory. Within it the last constant stored to a byte is
//! what it holds, so the run's stores can be made again, each as wide as its place and its value allow, where the
//! last of them stood.

use std::collections::{BTreeMap, HashSet};

use crate::codegen::mach::{Addr, MBlock, MInst, Reg, Src};
use crate::ir::Width;
use crate::source::Span;

/// Merges stores of a block. `aligned` are the registers that hold multiples of 8, besides r10.
pub fn merge(block: &mut MBlock, aligned: &HashSet<Reg>) {
    let mut out = Vec::with_capacity(block.insts.len());
    let mut run = Run::default();
    for (inst, span) in std::mem::take(&mut block.insts) {
        match inst {
            MInst::Store { width, addr, src: Src::Imm(imm) }
                if addr.base == Reg::FP || aligned.contains(&addr.base) =>
            {
                run.add(out.len(), width, addr, imm, span);
                out.push((inst, span));
            }
            _ => {
                if touches_memory(&inst) {
                    run.finish(&mut out);
                }
                out.push((inst, span));
            }
        }
    }
    run.finish(&mut out);
    block.insts = out;
}

fn touches_memory(inst: &MInst) -> bool {
    !matches!(
        inst,
        MInst::Imm { .. }
            | MInst::Move { .. }
            | MInst::Move32 { .. }
            | MInst::MoveSx { .. }
            | MInst::MapAddr { .. }
            | MInst::MapValueAddr { .. }
            | MInst::AddImm { .. }
            | MInst::Alu { .. }
            | MInst::Neg { .. }
            | MInst::Swap { .. }
            | MInst::SetIf { .. }
            | MInst::Clamp { .. }
    )
}

/// Stores since the last look at memory.
#[derive(Default)]
struct Run {
    /// Their places among the instructions.
    places: Vec<usize>,
    /// Bytes by base and offset.
    bytes: BTreeMap<(Reg, i32), u8>,
    span: Span,
}

impl Run {
    fn add(&mut self, place: usize, width: Width, addr: Addr, imm: i32, span: Span) {
        self.places.push(place);
        self.span = span;
        let word = i64::from(imm).to_le_bytes();
        for (at, byte) in word.into_iter().take(width.bytes() as usize).enumerate() {
            self.bytes.insert((addr.base, i32::from(addr.off) + at as i32), byte);
        }
    }

    /// Writes the run's stores again, if fewer do.
    fn finish(&mut self, out: &mut Vec<(MInst, Span)>) {
        let places = std::mem::take(&mut self.places);
        let bytes = std::mem::take(&mut self.bytes);
        let (Some(last), true) = (places.last(), places.len() > 1) else { return };
        let stores = widest(&bytes);
        if stores.len() >= places.len() {
            return;
        }
        let tail = out.split_off(last + 1);
        let mut places = places.into_iter().peekable();
        let mut at = 0;
        out.retain(|_| {
            at += 1;
            places.next_if_eq(&(at - 1)).is_none()
        });
        out.extend(stores.into_iter().map(|store| (store, self.span)));
        out.extend(tail);
    }
}

fn widest(bytes: &BTreeMap<(Reg, i32), u8>) -> Vec<MInst> {
    let mut stores = Vec::new();
    let mut done: Option<(Reg, i32)> = None;
    for &(base, off) in bytes.keys() {
        if done.is_some_and(|(reg, end)| reg == base && off < end) {
            continue;
        }
        let store = [8, 4, 2, 1].into_iter().find_map(|len| {
            let value = value_at(bytes, base, off, len)?;
            let width = Width::from_bytes(len as u32)?;
            let addr = Addr { base, off: i16::try_from(off).ok()? };
            Some((len, MInst::Store { width, addr, src: Src::Imm(value) }))
        });
        if let Some((len, store)) = store {
            done = Some((base, off + len));
            stores.push(store);
        }
    }
    stores
}

/// The immediate that stores the `len` bytes at a place, if one does.
fn value_at(bytes: &BTreeMap<(Reg, i32), u8>, base: Reg, off: i32, len: i32) -> Option<i32> {
    if off % len != 0 {
        return None;
    }
    let mut word = [0; 8];
    for at in 0..len {
        word[at as usize] = *bytes.get(&(base, off + at))?;
    }
    let value = i64::from_le_bytes(word);
    match len {
        8 => i32::try_from(value).ok(),
        _ => Some(value as i32),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store(width: Width, off: i16, imm: i32) -> (MInst, Span) {
        let addr = Addr { base: Reg::FP, off };
        (MInst::Store { width, addr, src: Src::Imm(imm) }, Span::default())
    }

    fn merged(insts: Vec<(MInst, Span)>) -> Vec<(MInst, Span)> {
        let mut block = MBlock { insts, ..MBlock::default() };
        merge(&mut block, &HashSet::new());
        block.insts
    }

    #[test]
    fn neighbours_become_one_store() {
        let zeros: Vec<_> = (-16..-8).map(|off| store(Width::B1, off, 0)).collect();
        assert_eq!(merged(zeros), [store(Width::B8, -16, 0)]);
        let halves = vec![store(Width::B4, -8, -1), store(Width::B4, -4, -1)];
        assert_eq!(merged(halves), [store(Width::B8, -8, -1)]);
    }

    #[test]
    fn the_last_store_counts_and_wide_constants_stay_halves() {
        let twice = vec![store(Width::B8, -8, 0), store(Width::B4, -8, 7), store(Width::B4, -4, 7)];
        assert_eq!(merged(twice), [store(Width::B4, -8, 7), store(Width::B4, -4, 7)]);
    }

    #[test]
    fn a_look_at_memory_ends_the_run() {
        let load = MInst::Load {
            width: Width::B1,
            signed: false,
            dst: Reg::virt(0),
            addr: Addr { base: Reg::FP, off: -8 },
        };
        let insts = vec![store(Width::B1, -8, 1), (load, Span::default()), store(Width::B1, -7, 2)];
        assert_eq!(merged(insts.clone()), insts);
    }
}
