//! Finished eBPF instructions, as the kernel takes them. (contract)

use serde::{Deserialize, Serialize};

use super::callback::Callback;
use crate::ir::MapRef;
use crate::source::Span;

/// One 8-byte instruction slot. A 64-bit immediate load takes two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct Insn {
    /// Class, size or operation, source bits.
    pub code: u8,
    /// Destination register.
    pub dst: u8,
    /// Source register, or the pseudo kind of an immediate load or call.
    pub src: u8,
    /// Memory or jump offset (jumps: in slots, from the next one).
    pub off: i16,
    /// Immediate.
    pub imm: i32,
}

impl Insn {
    /// As the kernel reads it.
    pub fn bytes(self) -> [u8; 8] {
        let mut out = [0; 8];
        out[0] = self.code;
        out[1] = self.dst | self.src << 4;
        out[2..4].copy_from_slice(&self.off.to_le_bytes());
        out[4..8].copy_from_slice(&self.imm.to_le_bytes());
        out
    }

    /// Reads one slot.
    pub fn from_bytes(bytes: [u8; 8]) -> Insn {
        Insn {
            code: bytes[0],
            dst: bytes[1] & 15,
            src: bytes[1] >> 4,
            off: i16::from_le_bytes([bytes[2], bytes[3]]),
            imm: i32::from_le_bytes([bytes[4], bytes[5], bytes[6], bytes[7]]),
        }
    }
}

/// A place where the loader must put a map in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reloc {
    /// Index of the slot of the 64-bit immediate load.
    pub at: u32,
    /// Which map.
    pub map: MapRef,
    /// Some(offset): the address of that byte of the map's only value (BPF_PSEUDO_MAP_VALUE); None: the map itself.
    pub value_offset: Option<u32>,
}

/// The code of one program.
#[derive(Clone, Debug, Default)]
pub struct Code {
    /// Slots.
    pub insns: Vec<Insn>,
    /// Maps to put in.
    pub relocs: Vec<Reloc>,
    /// Where each slot comes from in the script; as many as `insns`.
    pub spans: Vec<Span>,
    /// Bytes of frame used.
    pub stack: u32,
    /// Bytes that the value of the scratch map must have for this program; 0 when it does not look there.
    pub scratch: u32,
    /// Functions that the kernel calls back; immediate loads of their addresses hold their index.
    pub callbacks: Vec<Callback>,
}

/// What the target can do and how to compile for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// v4 instructions (sign-extending moves and loads, sdiv, smod, bswap).
    pub v4: bool,
    /// 32-bit jump offsets.
    pub gotol: bool,
    /// Registers the allocator may use, 10 unless a test squeezes it (at least 6: r0–r5 are needed for calls).
    pub registers: u8,
    /// Bytes of stack, [`super::frame::STACK`] unless a test squeezes it.
    pub stack: u32,
    /// Run the allocator's checker.
    pub check: bool,
    /// Per-CPU scratch map and this program's entry in it, for frames that would pass 512 bytes.
    pub scratch: Option<(MapRef, u32)>,
    /// Bytes of the largest object that goes to the stack when there is scratch memory.
    pub on_stack: u32,
}
