//! What each instruction wants and does.

use super::graph::ways;
use super::state::{Kind, State};
use super::{Linter, Result};
use crate::codegen::disasm::slots;
use crate::codegen::encode::Sealed;
use crate::codegen::inst::Insn;
use crate::codegen::mach::{Addr, MInst, Reg, Span2};
use crate::codegen::opcode as op;

/// The verifier's limit for what is added to a pointer.
const FAR: u64 = 1 << 29;

impl Linter<'_> {
    /// One instruction; gives the slot of the next.
    pub(super) fn step(&mut self, state: &mut State, at: usize) -> Result<usize> {
        if let Ok(index) = self.sealed.binary_search_by_key(&(at as u32), |sealed| sealed.at) {
            let Sealed { end, inst, .. } = self.sealed[index].clone();
            self.whole(state, &inst)?;
            return Ok(end as usize);
        }
        let insn = self.code.insns[at];
        match insn.code & op::CLASS {
            op::ALU | op::ALU64 => arithmetic(state, insn)?,
            op::LD => self.immediate(state, insn, at)?,
            op::LDX => {
                let kind = self.load(state, insn)?;
                set(state, insn.dst, kind)?;
            }
            op::ST => self.store(state, insn, Kind::constant(insn.imm.into()))?,
            op::STX => self.store_reg(state, insn)?,
            _ => match insn.code & op::OP {
                op::CALL if insn.src == op::PSEUDO_CALL => self.call_sub(state, insn.imm)?,
                op::CALL => self.call(state, insn.imm, at)?,
                op::EXIT => finish(state)?,
                op::JA | op::JCOND => {}
                _ => condition(state, insn)?,
            },
        }
        Ok(at + slots(insn))
    }

    /// Hands the state on from the last instruction of a block.
    pub(super) fn leave(&mut self, state: &State, at: usize, next: usize) -> Result<()> {
        let insn = self.code.insns[at];
        let sealed = self.sealed.binary_search_by_key(&(at as u32), |sealed| sealed.at).is_ok();
        let (target, falls) = if sealed { (None, true) } else { ways(insn, at) };
        if let Some(target) = target {
            let to = self.graph.block_at(target).ok_or("a jump out of the code")?;
            if let Some(state) = branch(state, insn, true) {
                self.enter(to, &state)?;
            }
        }
        if falls {
            let to = self.graph.block_at(next as i64).ok_or("control runs off the end")?;
            let state = if target.is_some() { branch(state, insn, false) } else { Some(state.clone()) };
            if let Some(state) = state {
                self.enter(to, &state)?;
            }
        }
        Ok(())
    }

    fn immediate(&self, state: &mut State, insn: Insn, at: usize) -> Result<()> {
        let next = self.code.insns.get(at + 1).ok_or("half an immediate")?;
        let reloc = self.code.relocs.binary_search_by_key(&(at as u32), |reloc| reloc.at);
        let kind = match (insn.src, reloc.map(|index| self.code.relocs[index])) {
            (op::PSEUDO_FUNC, Err(_)) if (insn.imm as usize) < self.code.callbacks.len() => Kind::ANY,
            (0, Err(_)) => Kind::constant(i64::from(next.imm) << 32 | i64::from(insn.imm as u32)),
            (op::PSEUDO_MAP, Ok(reloc)) if reloc.value_offset.is_none() => Kind::Map(reloc.map),
            (op::PSEUDO_MAP_VALUE, Ok(reloc)) => {
                Kind::Value(reloc.map, reloc.value_offset.unwrap_or(0).into(), 0)
            }
            _ => return Err("an immediate and its relocation do not agree".into()),
        };
        set(state, insn.dst, kind)
    }

    fn load(&self, state: &State, insn: Insn) -> Result<Kind> {
        let (len, off) = (width(insn), i64::from(insn.off));
        let base = read(state, insn.src)?;
        let signed = insn.code & op::MODE == op::MEMSX;
        let number = if signed || len == 8 { Kind::ANY } else { Kind::Scalar(0, (1 << (8 * len)) - 1) };
        match base {
            Kind::Context => {
                if off < 0 || !(off as u64).is_multiple_of(len) {
                    return Err("a load of the context at an odd place".into());
                }
                Ok(number)
            }
            // the kernel checks loads against its type
            Kind::Task if off >= 0 => Ok(number),
            Kind::Frame(start, 0) => {
                stack_aligned(start + off, len)?;
                self.may_read(state, base, off, len)?;
                match state.slot(start + off) {
                    Some(Kind::Nothing) => Err("a fill of what paths left different there".into()),
                    Some(kind) if len == 8 => Ok(kind),
                    Some(kind) if !kind.is_scalar() => Err("a part of a pointer is filled".into()),
                    _ => Ok(number),
                }
            }
            _ => {
                self.may_read(state, base, off, len)?;
                Ok(number)
            }
        }
    }

    fn store_reg(&self, state: &mut State, insn: Insn) -> Result<()> {
        let src = read(state, insn.src)?;
        if insn.code & op::MODE != op::ATOMIC {
            return self.store(state, insn, src);
        }
        let base = read(state, insn.dst)?;
        if !whole(src, width(insn) == 4).is_scalar() || !matches!(base, Kind::Value(..)) {
            return Err("an atomic operation on something else than a number in a map value".into());
        }
        self.may_read(state, base, insn.off.into(), width(insn))?;
        match insn.imm {
            op::CMPXCHG if !read(state, 0)?.is_scalar() => Err("a pointer is compared".into()),
            op::CMPXCHG => set(state, 0, Kind::ANY),
            _ if insn.imm & op::FETCH != 0 => set(state, insn.src, Kind::ANY),
            _ => Ok(()),
        }
    }

    fn store(&self, state: &mut State, insn: Insn, what: Kind) -> Result<()> {
        let (len, off) = (width(insn), i64::from(insn.off));
        let base = read(state, insn.dst)?;
        if let Kind::Frame(start, 0) = base {
            let at = start + off;
            stack_aligned(at, len)?;
            stack_range(at, len)?;
            if len == 8 {
                state.spill(at, what);
            } else if what.is_scalar() || what == Kind::Half {
                state.write(at, len);
            } else {
                return Err("a part of a pointer is stored".into());
            }
            return Ok(());
        }
        if !what.is_scalar() && (what != Kind::Half || len == 8) {
            return Err("a pointer is stored outside of the stack".into());
        }
        self.may_write(base, off, len)
    }

    /// True memory that may be written at `base + off`.
    pub(super) fn may_write(&self, base: Kind, off: i64, len: u64) -> Result<()> {
        match base {
            Kind::Frame(start, spread) => {
                stack_range(start + off, len + spread)?;
                Ok(())
            }
            Kind::Value(map, start, spread) => within(start + off, spread + len, self.value_size(map)),
            Kind::Record(_, size, start, spread) => within(start + off, spread + len, size.into()),
            _ if base.or_null().is_some() => Err("a pointer that may be null is used".into()),
            _ => Err(format!("no memory to access: {base:?}")),
        }
    }

    /// Memory that may be read.
    pub(super) fn may_read(&self, state: &State, base: Kind, off: i64, len: u64) -> Result<()> {
        self.may_write(base, off, len)?;
        if let Kind::Frame(start, spread) = base {
            for at in [start + off, start + off + spread as i64] {
                if !state.is_written(at, len) {
                    return Err(format!("bytes of the stack at {at} are read but were not written"));
                }
            }
        }
        Ok(())
    }

    fn value_size(&self, map: crate::ir::MapRef) -> u64 {
        let spec = &self.maps[map];
        match spec.role {
            crate::wire::map::MapRole::Scratch => u64::from(self.code.scratch.max(spec.value_size)),
            _ => spec.value_size.into(),
        }
    }

    /// A loop that is one machine instruction.
    fn whole(&self, state: &mut State, inst: &MInst) -> Result<()> {
        match inst {
            MInst::CopyLoop { span, temps, .. } => {
                self.both(state, span, false)?;
                if let Kind::Frame(start, 0) = read(state, span.left.base.num())? {
                    state.write(start + i64::from(span.left.off), span.len.into());
                }
                lose(state, temps);
            }
            MInst::MemEqLoop { dst, span, temps, .. } => {
                self.both(state, span, true)?;
                lose(state, temps);
                set(state, dst.num(), Kind::Scalar(0, 1))?;
            }
            _ => return Err("not a loop".into()),
        }
        Ok(())
    }

    fn both(&self, state: &State, span: &Span2, read_left: bool) -> Result<()> {
        let place = |addr: Addr| Ok::<_, String>((read(state, addr.base.num())?, i64::from(addr.off)));
        let (base, off) = place(span.right)?;
        self.may_read(state, base, off, span.len.into())?;
        let (base, off) = place(span.left)?;
        if read_left {
            self.may_read(state, base, off, span.len.into())
        } else {
            self.may_write(base, off, span.len.into())
        }
    }
}

fn lose(state: &mut State, regs: &[Reg]) {
    regs.iter().for_each(|reg| state.regs[usize::from(reg.num())] = Kind::Nothing);
}

/// What a register holds, if it may be read.
pub fn read(state: &State, reg: u8) -> Result<Kind> {
    match state.regs[usize::from(reg)] {
        Kind::Nothing => Err(format!("r{reg} is read but holds nothing that may be read")),
        kind => Ok(kind),
    }
}

fn set(state: &mut State, reg: u8, kind: Kind) -> Result<()> {
    if reg >= 10 {
        return Err("r10 is written".into());
    }
    state.regs[usize::from(reg)] = kind;
    Ok(())
}

fn width(insn: Insn) -> u64 {
    match insn.code & op::SIZE {
        op::B => 1,
        op::H => 2,
        op::W => 4,
        _ => 8,
    }
}

fn within(start: i64, len: u64, size: u64) -> Result<()> {
    let end = start.checked_add_unsigned(len).ok_or("far out of bounds")?;
    if start < 0 || end as u64 > size {
        return Err(format!("bytes {start} to {end} of {size} are accessed"));
    }
    Ok(())
}

fn stack_range(start: i64, len: u64) -> Result<()> {
    if start < -512 || start + len as i64 > 0 {
        return Err(format!("stack at {start} is accessed"));
    }
    Ok(())
}

fn stack_aligned(start: i64, len: u64) -> Result<()> {
    match start % len as i64 {
        0 => Ok(()),
        _ => Err(format!("unaligned access of the stack at {start}")),
    }
}

fn finish(state: &State) -> Result<()> {
    if !read(state, 0)?.is_scalar() {
        return Err("the result is a pointer".into());
    }
    if !state.records.is_empty() {
        return Err("a record is neither submitted nor discarded".into());
    }
    Ok(())
}

/// What a conditional jump may compare.
fn condition(state: &State, insn: Insn) -> Result<()> {
    let left = read(state, insn.dst)?;
    let register = insn.code & op::X != 0;
    let wide = insn.code & op::CLASS == op::JMP;
    if register && !whole(read(state, insn.src)?, !wide).is_scalar() {
        return Err("a pointer is compared".into());
    }
    let equality = matches!(insn.code & op::OP, op::JEQ | op::JNE);
    let null_check = wide && equality && !register && insn.imm == 0;
    match left {
        Kind::Scalar(..) => Ok(()),
        Kind::Half if !wide || insn.code & op::OP == op::JSET && !register && insn.imm >= 0 => Ok(()),
        Kind::Half => Err("all of a result is compared that old kernels give half of".into()),
        Kind::Value(..) | Kind::Record(..) | Kind::Inner(..) if null_check => Ok(()),
        _ if left.or_null().is_some() && null_check => Ok(()),
        _ if left.or_null().is_some() => Err("a null check that old kernels do not understand".into()),
        _ => Err("a pointer is compared".into()),
    }
}

/// The state on one side of a jump; None when it never goes there.
fn branch(state: &State, insn: Insn, taken: bool) -> Option<State> {
    let mut state = state.clone();
    let operation = insn.code & op::OP;
    if operation == op::JA || insn.code & (op::CLASS | op::X) != op::JMP | op::K {
        return Some(state);
    }
    let kind = state.regs[usize::from(insn.dst)];
    if let Some(id) = kind.or_null() {
        state.decide(id, (operation == op::JEQ) == taken);
    } else if !kind.is_scalar() && kind != Kind::Half {
        // a pointer that was checked before is not null
        return ((operation == op::JNE) == taken).then_some(state);
    } else if let Kind::Scalar(min, max) = kind
        && insn.imm >= 0
    {
        let n = insn.imm as u64;
        let (min, max) = match (operation, taken) {
            (op::JEQ, true) | (op::JNE, false) => (n, n),
            (op::JGT, true) | (op::JLE, false) => (min.max(n + 1), max),
            (op::JGE, true) | (op::JLT, false) => (min.max(n), max),
            (op::JLE, true) | (op::JGT, false) => (min, max.min(n)),
            (op::JLT, true) | (op::JGE, false) if n > 0 => (min, max.min(n - 1)),
            _ => (min, max),
        };
        if min > max {
            return None;
        }
        state.regs[usize::from(insn.dst)] = Kind::Scalar(min, max);
    }
    Some(state)
}

fn arithmetic(state: &mut State, insn: Insn) -> Result<()> {
    let wide = insn.code & op::CLASS == op::ALU64;
    let operation = insn.code & op::OP;
    let register = insn.code & op::X != 0;
    let right = if register && operation != op::END {
        read(state, insn.src)?
    } else {
        Kind::constant(insn.imm.into())
    };
    let limit = if wide { 64 } else { 32 };
    // what looks at the low half only
    let narrow = !wide
        || operation == op::MOV && insn.off != 0
        || operation == op::LSH && !register && insn.imm >= 32
        || operation == op::AND && !register && insn.imm >= 0
        || operation == op::END && insn.imm <= 32;
    let count = matches!(operation, op::LSH | op::RSH | op::ARSH);
    let right =
        if operation == op::MOV && wide && insn.off == 0 { right } else { whole(right, narrow || count) };
    match operation {
        op::DIV | op::MOD if !register && insn.imm == 0 => return Err("a division by a constant 0".into()),
        op::LSH | op::RSH | op::ARSH if !register && !(0..limit).contains(&insn.imm) => {
            return Err("a shift by the width or more".into());
        }
        _ => {}
    }
    let result = match operation {
        op::MOV if wide && insn.off == 0 => right,
        op::MOV if !register => Kind::constant((insn.imm as u32).into()),
        op::MOV if right.is_scalar() => Kind::ANY,
        op::MOV => return Err("a part of a pointer is copied".into()),
        _ => {
            let left = whole(read(state, insn.dst)?, narrow);
            match (left, right) {
                (Kind::Scalar(..), Kind::Scalar(..)) => numbers(operation, left, right),
                _ if wide && operation == op::ADD => add_pointer(left, right)?,
                _ => return Err(format!("arithmetic on {left:?} and {right:?}")),
            }
        }
    };
    let result = match result {
        // 5.10 and 6.1 lose the bounds
        Kind::Scalar(a, b) if a != b && !wide && operation != op::END => Kind::Scalar(0, u64::from(u32::MAX)),
        other => other,
    };
    set(state, insn.dst, result)
}

/// What is half a number to those who look at more than that, is a number to those who do not.
fn whole(kind: Kind, narrow: bool) -> Kind {
    if kind == Kind::Half && narrow { Kind::ANY } else { kind }
}

/// Bounds of a result, as far as they matter for what is added to pointers.
fn numbers(operation: u8, left: Kind, right: Kind) -> Kind {
    let (Kind::Scalar(a, b), Kind::Scalar(c, d)) = (left, right) else { return Kind::ANY };
    let exact = |f: fn(u64, u64) -> Option<u64>| match (f(a, c), f(b, d)) {
        (Some(min), Some(max)) => Kind::Scalar(min, max),
        _ => Kind::ANY,
    };
    match operation {
        op::ADD => exact(u64::checked_add),
        op::MUL => exact(u64::checked_mul),
        op::AND if (d as i64) >= 0 => Kind::Scalar(0, b.min(d)),
        op::LSH if c == d && c < 64 && b <= u64::MAX >> c => Kind::Scalar(a << c, b << c),
        op::RSH if c == d && c < 64 => Kind::Scalar(a >> c, b >> c),
        _ => Kind::ANY,
    }
}

fn add_pointer(left: Kind, right: Kind) -> Result<Kind> {
    let (pointer, number) = if left.is_scalar() { (right, left) } else { (left, right) };
    let Kind::Scalar(min, max) = number else { return Err("two pointers are added".into()) };
    let constant = min == max;
    // a negative distance is a constant
    let (by, spread) = if constant { (min as i64, 0) } else { (min as i64, max - min) };
    if by.unsigned_abs() > FAR || spread > FAR {
        return Err("a pointer is moved by a number without bounds".into());
    }
    Ok(match pointer {
        Kind::Context | Kind::ContextMoved => Kind::ContextMoved,
        Kind::Frame(at, wide) if constant => Kind::Frame(at + by, wide),
        Kind::Frame(..) => return Err("a place on the stack depends on a variable".into()),
        Kind::Value(map, at, wide) => Kind::Value(map, at + by, wide + spread),
        Kind::Record(id, size, at, wide) => Kind::Record(id, size, at + by, wide + spread),
        _ => return Err("arithmetic on a pointer that may be null, or a map".into()),
    })
}
