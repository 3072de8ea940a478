//! Where a function of Go finds its arguments.
//!
//! Since Go 1.17 (its compiler says `regabi` of itself) arguments are taken apart: each number and each pointer in them
//! takes the next register, so a string takes two and a slice three. What does not fit into the registers that are left
//! is on the stack as a whole, and before 1.17 everything is. Numbers with a fraction have registers of their own, which
//! probes cannot read.
//!
//! A part of an argument has the name of the whole and its own, as `s.len`. A string is one value, too.

use super::abi::unreadable;
use super::fields::{Field, Record, Shape};
use super::registers;
use crate::host::dwarf::Signature;
use crate::host::elf::Machine;
use crate::host::{Btf, BtfMember, BtfType, TypeId};

const X86_64: &[&str] = &["ax", "bx", "cx", "di", "si", "r8", "r9", "r10", "r11"];
const AARCH64: &[&str] =
    &["r0", "r1", "r2", "r3", "r4", "r5", "r6", "r7", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15"];

/// Registers for numbers with a fraction, on every machine fewer than any function wants.
const FLOATS: usize = 15;

/// Between the stack pointer and the first argument: the address to return to.
const RETURN: u32 = 8;

/// A part of an argument in a register.
struct Part {
    /// Behind the argument's own name: `.len`, or nothing for the whole.
    path: String,
    ty: TypeId,
    /// None for a number with a fraction.
    register: Option<usize>,
}

struct Assignment<'b> {
    btf: &'b dyn Btf,
    registers: &'static [&'static str],
    used: usize,
    floats: usize,
    stack: u32,
}

/// The arguments of a function as fields of the context and of the stack.
pub(super) fn record(signature: &Signature, in_registers: bool, btf: &dyn Btf, machine: Machine) -> Record {
    let registers = match machine {
        _ if !in_registers => &[],
        Machine::Aarch64 => AARCH64,
        _ => X86_64,
    };
    let mut state = Assignment { btf, registers, used: 0, floats: 0, stack: RETURN };
    let mut fields = Vec::new();
    for (name, ty) in &signature.parameters {
        let (used, floats) = (state.used, state.floats);
        let mut parts = Vec::new();
        if in_registers && state.assign("", *ty, &mut parts).is_some() {
            named(btf, name, *ty, &parts, &state, machine, &mut fields);
        } else {
            (state.used, state.floats) = (used, floats);
            fields.push(state.on_stack(name, *ty));
        }
    }
    Record { fields }
}

impl Assignment<'_> {
    /// Gives each part of a value its register; None when there are not enough.
    fn assign(&mut self, path: &str, ty: TypeId, parts: &mut Vec<Part>) -> Option<()> {
        let register = match self.btf.resolve(ty).1 {
            BtfType::Composite { members, .. } => {
                let mut each =
                    |member: &BtfMember| self.assign(&format!("{path}.{}", member.name), member.ty, parts);
                return members.iter().try_for_each(&mut each);
            }
            BtfType::Array { count: 0, .. } => return Some(()),
            BtfType::Array { element, count: 1 } => return self.assign(path, element, parts),
            BtfType::Array { .. } => return None,
            BtfType::Other => {
                self.floats += 1;
                (self.floats <= FLOATS).then_some(None)?
            }
            _ => {
                self.used += 1;
                (self.used <= self.registers.len()).then_some(Some(self.used - 1))?
            }
        };
        parts.push(Part { path: path.to_owned(), ty, register });
        Some(())
    }

    fn on_stack(&mut self, name: &str, ty: TypeId) -> Field {
        let (size, align) = layout(self.btf, ty);
        let offset = self.stack.next_multiple_of(align);
        self.stack = offset + size;
        let shape = Shape::Typed(ty);
        Field { name: name.to_owned(), offset, size, signed: false, shape, on_stack: true }
    }
}

/// The parts under their names, and the whole where it is one value.
fn named(
    btf: &dyn Btf,
    name: &str,
    ty: TypeId,
    parts: &[Part],
    state: &Assignment,
    machine: Machine,
    fields: &mut Vec<Field>,
) {
    let at = |part: &Part| {
        let register = part.register.map(|index| state.registers[index])?;
        registers::offset(machine, register).map(u32::from)
    };
    if let (BtfType::Composite { name: kind, .. }, [text, length]) = (btf.resolve(ty).1, parts)
        && kind == "string"
        && let (Some(offset), Some(length)) = (at(text), at(length))
    {
        let shape = Shape::Counted { length };
        fields.push(Field { name: name.to_owned(), offset, size: 8, signed: false, shape, on_stack: false });
    } else if parts.iter().any(|part| !part.path.is_empty()) {
        let paths: Vec<String> = parts.iter().map(|part| format!("args.{name}{}", part.path)).collect();
        fields.push(unreadable(name, &format!("in several registers: read {}", paths.join(", "))));
    }
    for part in parts {
        let name = format!("{name}{}", part.path);
        fields.push(match at(part) {
            Some(offset) => {
                let shape = Shape::Typed(part.ty);
                Field { name, offset, size: 8, signed: false, shape, on_stack: false }
            }
            None => unreadable(&name, "a floating-point number"),
        });
    }
}

/// Bytes of a type, and the multiple at which it begins.
fn layout(btf: &dyn Btf, ty: TypeId) -> (u32, u32) {
    match btf.resolve(ty).1 {
        BtfType::Int { size, .. } | BtfType::Enum { size, .. } => (size, size.clamp(1, 8)),
        BtfType::Array { element, count } => {
            let (size, align) = layout(btf, element);
            (size * count, align)
        }
        BtfType::Composite { size, members, .. } => {
            (size, members.iter().map(|member| layout(btf, member.ty).1).max().unwrap_or(1))
        }
        _ => (8, 8),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::{Host, fake::Fake};

    fn passed(address: u64, in_registers: bool) -> Vec<(String, u32, bool)> {
        let host = Fake::default();
        let app = host.binaries().open("/usr/bin/app").unwrap();
        let signature = app.signature(address).unwrap();
        let record = record(&signature, in_registers, host.binaries().types(), Machine::X86_64);
        record.fields.into_iter().map(|field| (field.name, field.offset, field.on_stack)).collect()
    }

    fn assert_passed(address: u64, in_registers: bool, expected: &[(&str, u32, bool)]) {
        let found = passed(address, in_registers);
        let found: Vec<_> = found.iter().map(|(name, offset, stack)| (&**name, *offset, *stack)).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn numbers_and_pointers_take_registers_in_their_order() {
        let expected = [("p", 80, false), ("count", 40, false), ("ratio", 0, true), ("last", 88, false)];
        assert_passed(0x2000, true, &expected);
    }

    #[test]
    fn before_registers_all_was_on_the_stack() {
        let expected = [("p", 8, true), ("count", 16, true), ("ratio", 24, true), ("last", 32, true)];
        assert_passed(0x2000, false, &expected);
    }
}
