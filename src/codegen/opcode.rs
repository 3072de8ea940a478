//! The numbers of the eBPF instruction set (Documentation/bpf/standardization/instruction-set.rst).
//!
//! A code byte is class | operation or mode | size or source. A test compares them with aya-obj's, which come
//! from the kernel's headers.

/// Class: load immediate.
pub const LD: u8 = 0x00;
/// Class: load from memory.
pub const LDX: u8 = 0x01;
/// Class: store an immediate.
pub const ST: u8 = 0x02;
/// Class: store a register, atomics.
pub const STX: u8 = 0x03;
/// Class: 32-bit arithmetic, upper half zeroed.
pub const ALU: u8 = 0x04;
/// Class: jumps that compare 64 bits, calls, exit.
pub const JMP: u8 = 0x05;
/// Class: jumps that compare 32 bits; `JMP32 | JA` is `gotol`.
pub const JMP32: u8 = 0x06;
/// Class: 64-bit arithmetic.
pub const ALU64: u8 = 0x07;
/// Mask of the class.
pub const CLASS: u8 = 0x07;

/// Source is the immediate.
pub const K: u8 = 0x00;
/// Source is the register.
pub const X: u8 = 0x08;

/// Size: 4 bytes.
pub const W: u8 = 0x00;
/// Size: 2 bytes.
pub const H: u8 = 0x08;
/// Size: 1 byte.
pub const B: u8 = 0x10;
/// Size: 8 bytes.
pub const DW: u8 = 0x18;
/// Mask of the size.
pub const SIZE: u8 = 0x18;

/// Mode of `LD | DW`: a 64-bit immediate in two slots.
pub const IMM: u8 = 0x00;
/// Mode: plain memory access.
pub const MEM: u8 = 0x60;
/// Mode: sign-extending load (v4).
pub const MEMSX: u8 = 0x80;
/// Mode: atomic operation.
pub const ATOMIC: u8 = 0xc0;
/// Mask of the mode.
pub const MODE: u8 = 0xe0;

/// `dst += src`; as an atomic's immediate, add.
pub const ADD: u8 = 0x00;
/// `dst -= src`
pub const SUB: u8 = 0x10;
/// `dst *= src`
pub const MUL: u8 = 0x20;
/// `dst /= src`; signed with offset 1 (v4)
pub const DIV: u8 = 0x30;
/// `dst |= src`
pub const OR: u8 = 0x40;
/// `dst &= src`
pub const AND: u8 = 0x50;
/// `dst <<= src`
pub const LSH: u8 = 0x60;
/// `dst >>= src`
pub const RSH: u8 = 0x70;
/// `dst = -dst`
pub const NEG: u8 = 0x80;
/// `dst %= src`; signed with offset 1 (v4)
pub const MOD: u8 = 0x90;
/// `dst ^= src`
pub const XOR: u8 = 0xa0;
/// `dst = src`; sign-extending with offset 8, 16 or 32 (v4)
pub const MOV: u8 = 0xb0;
/// `dst s>>= src`
pub const ARSH: u8 = 0xc0;
/// Byte swap; with [`X`] to big endian, with [`K`] to little endian.
pub const END: u8 = 0xd0;
/// Mask of the operation.
pub const OP: u8 = 0xf0;

/// Source of a call: a function of the program.
pub const PSEUDO_CALL: u8 = 1;
/// Source of an immediate load: the address of a function of the program.
pub const PSEUDO_FUNC: u8 = 4;

/// Jump always.
pub const JA: u8 = 0x00;
/// Jump once a loop may have no further round (may_goto).
pub const JCOND: u8 = 0xe0;
/// Jump if equal.
pub const JEQ: u8 = 0x10;
/// Jump if above, unsigned.
pub const JGT: u8 = 0x20;
/// Jump if above or equal, unsigned.
pub const JGE: u8 = 0x30;
/// Jump if a common bit is set.
pub const JSET: u8 = 0x40;
/// Jump if not equal.
pub const JNE: u8 = 0x50;
/// Jump if above, signed.
pub const JSGT: u8 = 0x60;
/// Jump if above or equal, signed.
pub const JSGE: u8 = 0x70;
/// Call.
pub const CALL: u8 = 0x80;
/// Leave the program with r0.
pub const EXIT: u8 = 0x90;
/// Jump if below, unsigned.
pub const JLT: u8 = 0xa0;
/// Jump if below or equal, unsigned.
pub const JLE: u8 = 0xb0;
/// Jump if below, signed.
pub const JSLT: u8 = 0xc0;
/// Jump if below or equal, signed.
pub const JSLE: u8 = 0xd0;

/// In an atomic's immediate: the old value comes back in the source register (5.12).
pub const FETCH: i32 = 1;

/// An atomic's immediate: compared with r0, replaced by the source register where equal; the old value comes to r0 (5.12).
pub const CMPXCHG: i32 = 0xf1;

/// Source field of a 64-bit immediate: a map.
pub const PSEUDO_MAP: u8 = 1;
/// Source field of a 64-bit immediate: the address of a map's value.
pub const PSEUDO_MAP_VALUE: u8 = 2;

#[cfg(test)]
mod tests {
    use super::*;
    use aya_obj::generated as k;

    #[test]
    fn the_numbers_are_the_kernels() {
        let pairs = [
            (LDX, k::BPF_LDX),
            (ST, k::BPF_ST),
            (STX, k::BPF_STX),
            (ALU, k::BPF_ALU),
            (JMP, k::BPF_JMP),
            (JMP32, k::BPF_JMP32),
            (ALU64, k::BPF_ALU64),
            (X, k::BPF_X),
            (H, k::BPF_H),
            (B, k::BPF_B),
            (DW, k::BPF_DW),
            (MEM, k::BPF_MEM),
            (MEMSX, k::BPF_MEMSX),
            (ATOMIC, k::BPF_ATOMIC),
            (SUB, k::BPF_SUB),
            (MUL, k::BPF_MUL),
            (DIV, k::BPF_DIV),
            (OR, k::BPF_OR),
            (AND, k::BPF_AND),
            (LSH, k::BPF_LSH),
            (RSH, k::BPF_RSH),
            (NEG, k::BPF_NEG),
            (MOD, k::BPF_MOD),
            (XOR, k::BPF_XOR),
            (MOV, k::BPF_MOV),
            (ARSH, k::BPF_ARSH),
            (END, k::BPF_END),
            (JEQ, k::BPF_JEQ),
            (JGT, k::BPF_JGT),
            (JGE, k::BPF_JGE),
            (JSET, k::BPF_JSET),
            (JNE, k::BPF_JNE),
            (JSGT, k::BPF_JSGT),
            (JSGE, k::BPF_JSGE),
            (CALL, k::BPF_CALL),
            (EXIT, k::BPF_EXIT),
            (JLT, k::BPF_JLT),
            (JLE, k::BPF_JLE),
            (JSLT, k::BPF_JSLT),
            (JSLE, k::BPF_JSLE),
            (PSEUDO_MAP, k::BPF_PSEUDO_MAP_FD),
            (PSEUDO_MAP_VALUE, k::BPF_PSEUDO_MAP_VALUE),
        ];
        for (ours, kernel) in pairs {
            assert_eq!(u32::from(ours), kernel);
        }
        assert_eq!(FETCH as u32, k::BPF_FETCH);
        assert_eq!(CMPXCHG as u32, k::BPF_CMPXCHG);
    }
}
