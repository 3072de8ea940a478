//! Functions of a program beside its own: those that the kernel calls back, and those that it calls.
//!
//! One kind is a few instructions of fixed form: given a map, a key, a value and the state of a `collect`, it copies the
//! key into an array. The state is two words of the caller's stack, the count so far and the index of the first entry. A
//! result of 1 ends the walk over the map. The other kind is compiled: rounds of loops, that `ir::outline` took out.

use super::inst::{Code, Insn, Reloc};
use super::opcode as op;
use crate::ir::{Helper, MapRef};
use crate::source::Span;

/// A function of a program.
#[derive(Clone, Debug)]
pub enum Callback {
    /// Collects keys.
    Collect(Collect),
    /// A round of a loop.
    Round(Round),
}

/// A round of a loop.
#[derive(Clone, Debug)]
pub struct Round {
    /// Which of the function's `subs`.
    pub sub: u32,
    /// Called by the program, and verified by itself; else the kernel calls it.
    pub called: bool,
    /// Its code; empty until it is compiled.
    pub code: Code,
}

/// What a function that collects keys is made for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Collect {
    /// Where keys go.
    pub into: MapRef,
    /// Bytes of a key.
    pub key_size: u32,
    /// Keys at most.
    pub capacity: u32,
    /// The loop.
    pub span: Span,
}

/// Arguments: the map in r1, the key in r2, the value in r3, the state in r4.
const KEY: u8 = 2;
const STATE: u8 = 4;
const FRAME: u8 = 10;

impl Collect {
    /// Its code, with the one map that is to be put in.
    pub fn code(&self) -> (Vec<Insn>, Vec<Reloc>) {
        let insn = |code, dst, src, off, imm| Insn { code, dst, src, off, imm };
        let mut out = vec![
            insn(op::ALU64 | op::MOV | op::X, 6, KEY, 0, 0),
            insn(op::LDX | op::MEM | op::DW, 1, STATE, 0, 0),
            insn(op::ALU64 | op::MOV | op::X, 5, 1, 0, 0),
            insn(op::ALU64 | op::ADD, 5, 0, 0, 1),
            insn(op::STX | op::MEM | op::DW, STATE, 5, 0, 0),
        ];
        let full = out.len();
        out.push(insn(op::JMP | op::JGE, 1, 0, 0, self.capacity as i32));
        out.push(insn(op::LDX | op::MEM | op::DW, 5, STATE, 8, 0));
        out.push(insn(op::ALU64 | op::ADD | op::X, 5, 1, 0, 0));
        out.push(insn(op::STX | op::MEM | op::W, FRAME, 5, -8, 0));
        let reloc = Reloc { at: out.len() as u32, map: self.into, value_offset: None };
        out.push(insn(op::LD | op::IMM | op::DW, 1, op::PSEUDO_MAP, 0, 0));
        out.push(Insn::default());
        out.push(insn(op::ALU64 | op::MOV | op::X, 2, FRAME, 0, 0));
        out.push(insn(op::ALU64 | op::ADD, 2, 0, 0, -8));
        out.push(insn(op::JMP | op::CALL, 0, 0, 0, Helper::MapLookup.number()));
        let missing = out.len();
        out.push(insn(op::JMP | op::JEQ, 0, 0, 0, 0));
        let mut at = 0;
        for (size, bytes) in [(op::DW, 8), (op::W, 4), (op::H, 2), (op::B, 1)] {
            while self.key_size - at >= bytes {
                out.push(insn(op::LDX | op::MEM | size, 1, 6, at as i16, 0));
                out.push(insn(op::STX | op::MEM | size, 0, 1, at as i16, 0));
                at += bytes;
            }
        }
        out.push(insn(op::ALU64 | op::MOV, 0, 0, 0, 0));
        out.push(insn(op::JMP | op::EXIT, 0, 0, 0, 0));
        for jump in [full, missing] {
            out[jump].off = (out.len() - jump - 1) as i16;
        }
        out.push(insn(op::ALU64 | op::MOV, 0, 0, 0, 1));
        out.push(insn(op::JMP | op::EXIT, 0, 0, 0, 0));
        (out, vec![reloc])
    }
}

/// The function that the immediate load at a slot is the address of.
pub fn address_of(insn: Insn) -> Option<u32> {
    let is_address = insn.code == op::LD | op::IMM | op::DW && insn.src == op::PSEUDO_FUNC;
    is_address.then_some(insn.imm as u32)
}

/// The function of the program that a call is of.
pub fn called(insn: Insn) -> Option<u32> {
    is_call(insn).then(|| u32::try_from(insn.imm).ok()).flatten()
}

/// The function of an imported object that a call is of. Their numbers are the negative ones, from −1 down.
pub fn imported(insn: Insn) -> Option<u32> {
    is_call(insn).then(|| u32::try_from(!insn.imm).ok()).flatten()
}

/// How a call says which function of imported objects it is of.
pub fn number_of_import(function: u32) -> i32 {
    !(function as i32)
}

/// A call, but not of a helper.
fn is_call(insn: Insn) -> bool {
    insn.code == op::JMP | op::CALL && insn.src == op::PSEUDO_CALL
}
