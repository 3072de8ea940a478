//! Runs finished code against the model of the kernel that the IR's interpreter uses, so that both can be compared
//! without a kernel.
//!
//! It trusts nothing: registers and stack bytes that were not written, memory that is not there, a jump out of the
//! code, a record that is kept or used after its end are a [`Fault`]. Pointers are plain numbers here, as in the
//! machine: every object lies at an address of its own, far from the others.
//!
//! Deliberately absent: the verifier's habits (`lint` knows them) and speed.

mod helpers;
mod memory;

use crate::codegen::callback;
use crate::codegen::inst::{Code, Insn};
use crate::codegen::opcode as op;
use crate::ir::interp::World;
use crate::ir::typing::Maps;
use memory::Memory;

/// Why a run ended early.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Slot of the instruction.
    pub at: usize,
    /// What happened.
    pub what: String,
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "at slot {}: {}", self.at, self.what)
    }
}

type Result<T> = std::result::Result<T, String>;

/// Instructions that may run.
const FUEL: u32 = 20_000_000;

/// Runs code; gives r0. Changes of maps and records are in the world afterwards.
///
/// # Errors
/// When the code does what no verified program does.
pub fn run(maps: &Maps, code: &Code, world: &mut World) -> std::result::Result<u64, Fault> {
    let mut machine = Machine { maps, code, regs: [None; 11], memory: Memory::new(), at: 0, world };
    machine.regs[1] = Some(World::CONTEXT);
    machine.regs[10] = Some(memory::FRAME_END);
    for _ in 0..FUEL {
        let at = machine.at;
        match machine.step() {
            Ok(None) => {}
            Ok(Some(result)) => return Ok(result),
            Err(what) => return Err(Fault { at, what }),
        }
    }
    Err(Fault { at: machine.at, what: "runs for too long".into() })
}

struct Machine<'a> {
    maps: &'a Maps,
    code: &'a Code,
    /// None: not written, or lost in a call.
    regs: [Option<u64>; 11],
    memory: Memory,
    at: usize,
    world: &'a mut World,
}

impl Machine<'_> {
    /// Runs one instruction; Some(r0) at the end.
    fn step(&mut self) -> Result<Option<u64>> {
        let insn = *self.code.insns.get(self.at).ok_or("out of the code")?;
        self.at += 1;
        match insn.code & op::CLASS {
            op::ALU | op::ALU64 => self.arithmetic(insn)?,
            op::JMP | op::JMP32 => return self.jump(insn),
            op::LD => self.immediate(insn)?,
            op::LDX => {
                let (address, size) = (self.address(insn.src, insn.off)?, size(insn));
                let value = self.memory.load(self.world, address, size)?;
                let spare = 64 - 8 * size as u32;
                let signed = insn.code & op::MODE == op::MEMSX;
                let value = if signed { ((value << spare) as i64 >> spare) as u64 } else { value };
                self.set(insn.dst, value)?;
            }
            _ => self.store(insn)?,
        }
        Ok(None)
    }

    fn reg(&self, number: u8) -> Result<u64> {
        self.regs[usize::from(number)].ok_or_else(|| format!("r{number} has no value"))
    }

    fn set(&mut self, number: u8, value: u64) -> Result<()> {
        if number >= 10 {
            return Err("r10 is written".into());
        }
        self.regs[usize::from(number)] = Some(value);
        Ok(())
    }

    fn address(&self, base: u8, off: i16) -> Result<u64> {
        Ok(self.reg(base)?.wrapping_add(i64::from(off) as u64))
    }

    /// The second operand: a register or the immediate, sign-extended.
    fn operand(&self, insn: Insn) -> Result<u64> {
        if insn.code & op::X != 0 { self.reg(insn.src) } else { Ok(i64::from(insn.imm) as u64) }
    }

    fn immediate(&mut self, insn: Insn) -> Result<()> {
        let next = self.code.insns.get(self.at).ok_or("half an immediate")?;
        let reloc = self.code.relocs.iter().find(|r| r.at as usize == self.at - 1);
        let value = match reloc {
            None if insn.src == op::PSEUDO_FUNC => u64::from(insn.imm as u32),
            None => u64::from(next.imm as u32) << 32 | u64::from(insn.imm as u32),
            Some(reloc) => match reloc.value_offset {
                None => self.memory.map(reloc.map),
                Some(offset) => {
                    let state = self.world.maps.get(&reloc.map).ok_or("no such map")?;
                    let number = state.find(&0u32.to_le_bytes()).ok_or("not an array")?;
                    self.memory.value(reloc.map, number) + u64::from(offset)
                }
            },
        };
        self.at += 1;
        self.set(insn.dst, value)
    }

    fn store(&mut self, insn: Insn) -> Result<()> {
        let (address, size) = (self.address(insn.dst, insn.off)?, size(insn));
        if insn.code & op::CLASS == op::ST {
            return self.memory.store(self.world, address, size, i64::from(insn.imm) as u64);
        }
        let value = self.reg(insn.src)?;
        if insn.code & op::MODE != op::ATOMIC {
            return self.memory.store(self.world, address, size, value);
        }
        let old = self.memory.load(self.world, address, size)?;
        if insn.imm == op::CMPXCHG {
            if old == self.reg(0)? {
                self.memory.store(self.world, address, size, value)?;
            }
            return self.set(0, old);
        }
        self.memory.store(self.world, address, size, old.wrapping_add(value))?;
        match insn.imm {
            0 => Ok(()),
            op::FETCH => self.set(insn.src, old),
            _ => Err("unknown atomic operation".into()),
        }
    }

    fn arithmetic(&mut self, insn: Insn) -> Result<()> {
        let wide = insn.code & op::CLASS == op::ALU64;
        let operation = insn.code & op::OP;
        let result = match operation {
            op::END => swap(self.reg(insn.dst)?, insn)?,
            op::NEG => self.reg(insn.dst)?.wrapping_neg(),
            op::MOV if insn.off != 0 => {
                let spare = 64 - insn.off as u32;
                ((self.operand(insn)? << spare) as i64 >> spare) as u64
            }
            op::MOV => self.operand(insn)?,
            _ if wide => wide_op(operation, insn.off != 0, self.reg(insn.dst)?, self.operand(insn)?)?,
            _ => {
                let (left, right) = (self.reg(insn.dst)? as u32, self.operand(insn)? as u32);
                narrow_op(operation, insn.off != 0, left, right)?.into()
            }
        };
        let keep = wide || operation == op::END;
        self.set(insn.dst, if keep { result } else { u64::from(result as u32) })
    }

    fn jump(&mut self, insn: Insn) -> Result<Option<u64>> {
        let narrow = insn.code & op::CLASS == op::JMP32;
        let distance = match insn.code & op::OP {
            op::EXIT => {
                self.memory.finish()?;
                return self.reg(0).map(Some);
            }
            op::CALL => {
                let result = match (callback::called(insn), callback::imported(insn)) {
                    (Some(number), _) => self.call_sub(number.into())?,
                    (None, Some(_)) => return Err("a function of an imported object".into()),
                    (None, None) => self.call(insn.imm)?,
                };
                self.regs[1..6].fill(None);
                self.regs[0] = Some(result);
                return Ok(None);
            }
            op::JA if narrow => insn.imm,
            op::JA => insn.off.into(),
            op::JCOND if self.world.another_round() => 0,
            op::JCOND => insn.off.into(),
            _ if self.holds(insn, narrow)? => insn.off.into(),
            _ => 0,
        };
        let target = self.at as i64 + i64::from(distance);
        self.at = usize::try_from(target).map_err(|_| "a jump out of the code")?;
        Ok(None)
    }

    fn holds(&self, insn: Insn, narrow: bool) -> Result<bool> {
        let (mut left, mut right) = (self.reg(insn.dst)?, self.operand(insn)?);
        let (mut signed_left, mut signed_right) = (left as i64, right as i64);
        if narrow {
            (left, right) = (u64::from(left as u32), u64::from(right as u32));
            (signed_left, signed_right) = (i64::from(left as i32), i64::from(right as i32));
        }
        Ok(match insn.code & op::OP {
            op::JEQ => left == right,
            op::JNE => left != right,
            op::JGT => left > right,
            op::JGE => left >= right,
            op::JLT => left < right,
            op::JLE => left <= right,
            op::JSET => left & right != 0,
            op::JSGT => signed_left > signed_right,
            op::JSGE => signed_left >= signed_right,
            op::JSLT => signed_left < signed_right,
            op::JSLE => signed_left <= signed_right,
            _ => return Err("unknown jump".into()),
        })
    }
}

fn size(insn: Insn) -> usize {
    match insn.code & op::SIZE {
        op::B => 1,
        op::H => 2,
        op::W => 4,
        _ => 8,
    }
}

fn swap(value: u64, insn: Insn) -> Result<u64> {
    Ok(match (insn.code & op::X != 0, insn.imm) {
        (true, 16) => u64::from((value as u16).swap_bytes()),
        (true, 32) => u64::from((value as u32).swap_bytes()),
        (true, 64) => value.swap_bytes(),
        _ => return Err("unknown byte swap".into()),
    })
}

fn wide_op(operation: u8, signed: bool, left: u64, right: u64) -> Result<u64> {
    Ok(match operation {
        op::ADD => left.wrapping_add(right),
        op::SUB => left.wrapping_sub(right),
        op::MUL => left.wrapping_mul(right),
        op::DIV if right == 0 => 0,
        op::MOD if right == 0 => left,
        op::DIV if signed => (left as i64).wrapping_div(right as i64) as u64,
        op::MOD if signed => (left as i64).wrapping_rem(right as i64) as u64,
        op::DIV => left / right,
        op::MOD => left % right,
        op::OR => left | right,
        op::AND => left & right,
        op::XOR => left ^ right,
        op::LSH => left << (right & 63),
        op::RSH => left >> (right & 63),
        op::ARSH => (left as i64 >> (right & 63)) as u64,
        _ => return Err("unknown arithmetic".into()),
    })
}

fn narrow_op(operation: u8, signed: bool, left: u32, right: u32) -> Result<u32> {
    Ok(match operation {
        op::LSH => left << (right & 31),
        op::RSH => left >> (right & 31),
        op::ARSH => (left as i32 >> (right & 31)) as u32,
        _ if signed => return Err("signed division of 32 bits".into()),
        _ => wide_op(operation, false, left.into(), right.into())? as u32,
    })
}
