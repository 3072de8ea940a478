//! Where a program's function finds its arguments: the calling conventions of C.
//!
//! On x86-64 whole numbers and pointers come in six registers, structs of at most 8 bytes in one of them, larger ones
//! and what is left on the stack. On 64-bit ARM there are eight registers, and large structs come by reference. Numbers
//! with a fraction come in registers that probes cannot read.
//!
//! Deliberately absent: structs of 9 to 16 bytes as a whole, which are spread over two registers.

use super::fields::{Field, Record, Shape};
use super::{go_abi, registers};
use crate::host::dwarf::{Convention, Signature};
use crate::host::elf::Machine;
use crate::host::{Btf, BtfType, TypeId};

const X86_64: &[&str] = &["di", "si", "dx", "cx", "r8", "r9"];
const AARCH64: &[&str] = &["r0", "r1", "r2", "r3", "r4", "r5", "r6", "r7"];

/// How an argument is passed.
enum Class {
    /// In so many registers.
    Words(u32),
    /// On the stack, in so many bytes.
    Memory(u32),
    /// In a register that cannot be read.
    Float,
}

/// The arguments of a function as fields of the context and of the stack.
pub(super) fn record(signature: &Signature, btf: &dyn Btf, machine: Machine) -> Record {
    match signature.convention {
        Convention::C => {}
        Convention::Go => return go_abi::record(signature, true, btf, machine),
        Convention::GoStack => return go_abi::record(signature, false, btf, machine),
    }
    let registers = if machine == Machine::Aarch64 { AARCH64 } else { X86_64 };
    let (mut used, mut stack) = (0, if machine == Machine::X86_64 { 8 } else { 0 });
    let mut fields = Vec::new();
    for (name, ty) in &signature.parameters {
        let at = |name: &str| u32::from(registers::offset(machine, name).unwrap_or(0));
        let typed = |offset: u32, size: u32, on_stack: bool| Field {
            name: name.clone(),
            offset,
            size,
            signed: false,
            shape: Shape::Typed(*ty),
            on_stack,
        };
        let class = class(btf, *ty, machine);
        fields.push(match class {
            Class::Words(1) if used < registers.len() => {
                used += 1;
                typed(at(registers[used - 1]), 8, false)
            }
            Class::Words(words) if used + words as usize <= registers.len() => {
                used += words as usize;
                unreadable(name, "a struct in two registers")
            }
            Class::Words(words) => {
                stack += words * 8;
                typed(stack - words * 8, words * 8, true)
            }
            Class::Memory(size) => {
                stack += size.next_multiple_of(8);
                typed(stack - size.next_multiple_of(8), size, true)
            }
            Class::Float => unreadable(name, "a floating-point number"),
        });
    }
    Record { fields }
}

/// An argument that no script can read, and why.
pub(super) fn unreadable(name: &str, why: &str) -> Field {
    let shape = Shape::Other(why.to_string());
    Field { name: name.to_string(), offset: 0, size: 0, signed: false, shape, on_stack: true }
}

fn class(btf: &dyn Btf, ty: TypeId, machine: Machine) -> Class {
    match btf.resolve(ty).1 {
        BtfType::Other => Class::Float,
        BtfType::Composite { size, members, .. } => {
            let whole = members.iter().all(|member| !matches!(class(btf, member.ty, machine), Class::Float));
            match size {
                0 => Class::Words(1),
                1..=8 if whole => Class::Words(1),
                9..=16 if whole => Class::Words(2),
                1..=16 => Class::Float,
                // by reference
                _ if machine == Machine::Aarch64 => Class::Float,
                size => Class::Memory(size),
            }
        }
        BtfType::Array { element, .. } => class(btf, element, machine),
        BtfType::Int { size: 16, .. } => Class::Words(2),
        _ => Class::Words(1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::elf::Machine;
    use crate::host::{Host, fake::Fake};

    fn passed(address: u64, machine: Machine) -> Vec<(String, u32, bool)> {
        let host = Fake::default();
        let app = host.binaries().open("/usr/bin/app").unwrap();
        let signature = app.signature(address).unwrap();
        let record = record(&signature, host.binaries().types(), machine);
        record.fields.into_iter().map(|field| (field.name, field.offset, field.on_stack)).collect()
    }

    #[test]
    fn arguments_come_in_registers_and_on_the_stack() {
        let add = passed(0x2000, Machine::X86_64);
        let names: Vec<_> = add.iter().map(|(name, offset, stack)| (&**name, *offset, *stack)).collect();
        // a number with a fraction takes none of the registers for whole numbers
        assert_eq!(
            names,
            [("p", 112, false), ("count", 104, false), ("ratio", 0, true), ("last", 96, false)]
        );
        let main = passed(0x2100, Machine::X86_64);
        let names: Vec<_> = main.iter().map(|(name, offset, stack)| (&**name, *offset, *stack)).collect();
        assert_eq!(
            names,
            [("by_value", 8, true), ("argc", 112, false), ("argv", 104, false), ("pair", 96, false)]
        );
        assert_eq!(passed(0x2000, Machine::Aarch64)[3], ("last".into(), 16, false));
    }
}
