//! How much stack an object's functions need, with all that they call.
//!
//! The kernel allows 512 bytes for a program and everything that it calls, one inside the other. What is found here is
//! what compilers make of local variables: accesses relative to r10 and addresses made of it by an addition.

use std::collections::HashMap;

use object::{Object, ObjectSection, ObjectSymbol, RelocationTarget, SectionIndex, SymbolKind};

/// Frames are rounded up to this, by every kernel at most.
const ROUNDED: u32 = 32;
/// Calls inside each other that are followed: the kernel allows 8.
const DEEPEST: u32 = 8;

const FRAME: u8 = 10;
const WIDE_LOAD: u8 = 0x18;
const CALL: u8 = 0x85;
const MOVE: u8 = 0xbf;
const ADD: u8 = 0x07;

/// A section's functions.
type Place = (SectionIndex, u64);

/// A function: its own bytes of stack, and the functions that it names.
#[derive(Default)]
struct Needs {
    own: u32,
    calls: Vec<Place>,
}

/// Bytes for each function of `file`, by its name.
pub(super) fn of_functions(file: &object::File) -> HashMap<String, u32> {
    let mut all = HashMap::new();
    let mut names = Vec::new();
    for symbol in file.symbols().filter(|symbol| symbol.kind() == SymbolKind::Text) {
        let (Some(section), Ok(name)) = (symbol.section_index(), symbol.name()) else { continue };
        let place = (section, symbol.address());
        names.push((name.to_owned(), place));
        if let Some(needs) = needs(file, place, symbol.size()) {
            all.insert(place, needs);
        }
    }
    names.into_iter().map(|(name, place)| (name, total(&all, place, DEEPEST))).collect()
}

fn total(all: &HashMap<Place, Needs>, place: Place, room: u32) -> u32 {
    let Some(needs) = all.get(&place).filter(|_| room > 0) else { return 0 };
    let inside = needs.calls.iter().map(|called| total(all, *called, room - 1)).max().unwrap_or(0);
    needs.own.max(1).next_multiple_of(ROUNDED) + inside
}

fn needs(file: &object::File, (section, start): Place, size: u64) -> Option<Needs> {
    let found = file.section_by_index(section).ok()?;
    let data = found.data().ok()?;
    let end = start.checked_add(size)?;
    let code = data.get(usize::try_from(start).ok()?..usize::try_from(end).ok()?)?;
    let relocated: HashMap<u64, RelocationTarget> = found
        .relocations()
        .filter(|(at, _)| (start..end).contains(at))
        .map(|(at, relocation)| (at, relocation.target()))
        .collect();
    let mut needs = Needs::default();
    // registers that hold the frame's address
    let mut frames = 1_u16 << FRAME;
    for (at, insn) in code.chunks_exact(8).enumerate() {
        let at = start + 8 * at as u64;
        let (dst, src) = (insn[1] & 0xf, insn[1] >> 4);
        let offset = i32::from(i16::from_le_bytes([insn[2], insn[3]]));
        let imm = i32::from_le_bytes([insn[4], insn[5], insn[6], insn[7]]);
        let lowest = match insn[0] & 7 {
            1 if src == FRAME => offset,
            2 | 3 if dst == FRAME => offset,
            7 if insn[0] == ADD && frames & (1 << dst) != 0 => imm,
            _ => 0,
        };
        needs.own = needs.own.max(lowest.min(0).unsigned_abs());
        match insn[0] {
            MOVE if src == FRAME => frames |= 1 << dst,
            CALL | WIDE_LOAD => {
                needs.calls.extend(called(file, section, at, (insn[0], src, imm), relocated.get(&at)));
            }
            _ if dst != FRAME => frames &= !(1 << dst),
            _ => {}
        }
    }
    Some(needs)
}

/// The function that an instruction at `at` calls, or is given the address of.
fn called(
    file: &object::File,
    section: SectionIndex,
    at: u64,
    (code, kind, imm): (u8, u8, i32),
    relocated: Option<&RelocationTarget>,
) -> Option<Place> {
    let within = |section, address: i64| Some((section, u64::try_from(address).ok()?));
    match relocated {
        Some(RelocationTarget::Symbol(index)) => {
            let symbol = file.symbol_by_index(*index).ok()?;
            let target = symbol.section_index()?;
            let slots = if code == CALL { (i64::from(imm) + 1) * 8 } else { i64::from(imm) };
            match symbol.kind() {
                SymbolKind::Section => within(target, slots),
                SymbolKind::Text => Some((target, symbol.address())),
                _ => None,
            }
        }
        None if code == CALL && kind == 1 => within(section, at as i64 + 8 * (i64::from(imm) + 1)),
        _ => None,
    }
}
