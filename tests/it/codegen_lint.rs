//! The lint finds what it is there to find: for each rule the least code that breaks it, beside the code that keeps it.
//! And what the disassembler writes tells every instruction from every other.

use std::collections::HashMap;

use beetrace::codegen::inst::{Code, Insn, Reloc};
use beetrace::codegen::{disasm, lint, opcode as op};
use beetrace::ir::{MapRef, Module, parse};
use cranelift_entity::EntityRef;

/// map0 is a hash with keys of 4 bytes and values of 16, map1 a ring.
fn module() -> Module {
    parse::module(
        "map0 = hash \"m\" key 4 value 16 entries 64 role user \"@m\"
         map1 = ring \"bt_ring\" key 0 value 0 entries 4096 role ring",
    )
    .unwrap_or_else(|error| panic!("{error}"))
}

const fn insn(code: u8, dst: u8, src: u8, off: i16, imm: i32) -> Insn {
    Insn { code, dst, src, off, imm }
}

const EXIT: Insn = insn(op::JMP | op::EXIT, 0, 0, 0, 0);

fn mov(dst: u8, imm: i32) -> Insn {
    insn(op::ALU64 | op::MOV, dst, 0, 0, imm)
}

fn copy(dst: u8, src: u8) -> Insn {
    insn(op::ALU64 | op::MOV | op::X, dst, src, 0, 0)
}

fn add(dst: u8, imm: i32) -> Insn {
    insn(op::ALU64 | op::ADD, dst, 0, 0, imm)
}

fn load(size: u8, dst: u8, base: u8, off: i16) -> Insn {
    insn(op::LDX | op::MEM | size, dst, base, off, 0)
}

fn store(size: u8, base: u8, off: i16, src: u8) -> Insn {
    insn(op::STX | op::MEM | size, base, src, off, 0)
}

fn zero(size: u8, base: u8, off: i16) -> Insn {
    insn(op::ST | op::MEM | size, base, 0, off, 0)
}

fn jump(operation: u8, dst: u8, imm: i32, off: i16) -> Insn {
    insn(op::JMP | operation, dst, 0, off, imm)
}

fn call(number: i32) -> Insn {
    insn(op::JMP | op::CALL, 0, 0, 0, number)
}

/// `r1 = mapN`: two slots.
fn map(number: i32) -> [Insn; 2] {
    [insn(op::LD | op::IMM | op::DW, 1, op::PSEUDO_MAP, 0, number), Insn::default()]
}

/// r0 = the value at key 0 of map0, or null.
fn lookup() -> Vec<Insn> {
    let mut code = vec![zero(op::W, 10, -4)];
    code.extend(map(0));
    code.extend([copy(2, 10), add(2, -4), call(1)]);
    code
}

/// r0 = a record of 16 bytes, or null.
fn reserve() -> Vec<Insn> {
    let mut code = map(1).to_vec();
    code.extend([mov(2, 16), mov(3, 0), call(131)]);
    code
}

fn checked(insns: Vec<Insn>) -> Result<(), String> {
    let is_map = |(_, insn): &(usize, &Insn)| insn.code == op::LD | op::IMM | op::DW;
    let maps = insns.iter().enumerate().filter(is_map);
    let reloc = |(at, insn): (usize, &Insn)| Reloc {
        at: at as u32,
        map: MapRef::new(insn.imm as usize),
        value_offset: None,
    };
    let relocs = maps.map(reloc).collect();
    let code = Code { relocs, insns, ..Code::default() };
    lint::check(&module().maps, &code, &[]).map_err(|violation| violation.what)
}

fn keeps(parts: &[&[Insn]]) {
    let code = parts.concat();
    assert_eq!(checked(code.clone()), Ok(()), "{code:?}");
}

fn breaks(parts: &[&[Insn]], rule: &str) {
    let code = parts.concat();
    let error = checked(code.clone()).expect_err(rule);
    assert!(error.contains(rule), "expected `{rule}`, found `{error}`: {code:?}");
}

const RETURN_0: [Insn; 2] = [insn(op::ALU64 | op::MOV, 0, 0, 0, 0), EXIT];

#[test]
fn pointers_that_may_be_null() {
    let found = lookup();
    keeps(&[&found, &[jump(op::JEQ, 0, 0, 1), load(op::DW, 1, 0, 8)], &RETURN_0]);
    keeps(&[&found, &[jump(op::JNE, 0, 0, 2)], &RETURN_0, &[load(op::DW, 1, 0, 8)], &RETURN_0]);
    let access = [load(op::DW, 1, 0, 8)];
    let narrow = insn(op::JMP32 | op::JEQ, 0, 0, 1, 0);
    let by_register = insn(op::JMP | op::JEQ | op::X, 0, 6, 1, 0);
    for check in [jump(op::JGT, 0, 0, 1), jump(op::JEQ, 0, 1, 1), narrow] {
        breaks(&[&found, &[check], &access, &RETURN_0], "null check that old kernels do not understand");
    }
    breaks(&[&found, &[mov(6, 0), by_register], &access, &RETURN_0], "null check");
    breaks(&[&found, &access, &RETURN_0], "a pointer that may be null is used");
    breaks(&[&found, &[add(0, 8), jump(op::JEQ, 0, 0, 1)], &access, &RETURN_0], "arithmetic on");
}

#[test]
fn accesses_stay_within_their_memory() {
    let found = lookup();
    let checked = [jump(op::JEQ, 0, 0, 1)];
    for (size, off) in [(op::DW, 9), (op::W, 16), (op::B, -1)] {
        breaks(&[&found, &checked, &[load(size, 1, 0, off)], &RETURN_0], "are accessed");
        breaks(&[&found, &checked, &[zero(size, 0, off)], &RETURN_0], "are accessed");
    }
    breaks(&[&[zero(op::DW, 10, -520)], &RETURN_0], "stack at -520 is accessed");
    breaks(&[&[zero(op::DW, 10, -4)], &RETURN_0], "unaligned access of the stack");
    breaks(&[&[load(op::DW, 1, 10, -8)], &RETURN_0], "are read but were not written");
    breaks(&[&[zero(op::W, 10, -8), load(op::DW, 1, 10, -8)], &RETURN_0], "are read but were not written");
    breaks(&[&[mov(6, 8), load(op::DW, 1, 6, 0)], &RETURN_0], "no memory to access");
    keeps(&[&[load(op::W, 2, 1, 4)], &RETURN_0]);
    breaks(&[&[load(op::DW, 2, 1, 4)], &RETURN_0], "the context at an odd place");
    breaks(&[&[add(1, 8), load(op::DW, 2, 1, 0)], &RETURN_0], "no memory to access: ContextMoved");
}

const UNBOUNDED: &str = "a pointer is moved by a number without bounds";

#[test]
fn indices_are_bounded_on_the_register_that_is_used() {
    let start = lookup();
    let mut code = vec![load(op::DW, 6, 1, 0)];
    code.extend(&start);
    code.push(jump(op::JEQ, 0, 0, 4));
    let access = [insn(op::ALU64 | op::ADD | op::X, 0, 6, 0, 0), load(op::B, 1, 0, 0)];
    keeps(&[&code, &[jump(op::JGT, 6, 15, 3)], &access, &[mov(1, 0)], &RETURN_0]);
    breaks(&[&code, &[jump(op::JGT, 6, 16, 3)], &access, &[mov(1, 0)], &RETURN_0], "are accessed");
    // a signed or a 32-bit comparison bounds nothing
    breaks(&[&code, &[jump(op::JSGT, 6, 15, 3)], &access, &[mov(1, 0)], &RETURN_0], UNBOUNDED);
    let narrow = insn(op::JMP32 | op::JGT, 6, 0, 3, 15);
    breaks(&[&code, &[narrow], &access, &[mov(1, 0)], &RETURN_0], UNBOUNDED);
}

#[test]
fn records_are_given_back_once_on_every_path() {
    let record = reserve();
    let checked = [jump(op::JEQ, 0, 0, 3)];
    let submit = [copy(1, 0), mov(2, 0), call(132)];
    keeps(&[&record, &checked, &submit, &RETURN_0]);
    breaks(&[&record, &[jump(op::JEQ, 0, 0, 2)], &RETURN_0, &RETURN_0], "neither submitted nor discarded");
    breaks(
        &[&record, &checked, &[mov(6, 0); 3], &RETURN_0],
        "in hand on one path to here and not on another",
    );
    breaks(&[&record, &[copy(6, 0)], &checked, &submit, &[load(op::DW, 1, 6, 0)], &RETURN_0], "nothing");
    let with_flags = [copy(1, 0), mov(2, 0), add(1, 8), call(132)];
    breaks(&[&record, &[jump(op::JEQ, 0, 0, 4)], &with_flags, &RETURN_0], "the start of a record");
    let mut as_key = vec![copy(6, 0), copy(2, 0)];
    as_key.extend(map(0));
    as_key.extend([call(1), copy(1, 6), mov(2, 0), call(132)]);
    breaks(&[&record, &[jump(op::JEQ, 0, 0, 8)], &as_key, &RETURN_0], "a record is used as a key");
}

#[test]
fn keys_are_written_to_the_last_byte() {
    let mut code = vec![insn(op::ST | op::MEM | op::H, 10, 0, -4, 0)];
    code.extend(map(0));
    code.extend([copy(2, 10), add(2, -4), call(1)]);
    breaks(&[&code, &RETURN_0], "are read but were not written");
    let mut unknown = lookup();
    unknown.pop();
    breaks(&[&unknown, &[call(9999)], &RETURN_0], "unknown helper");
    breaks(&[&[zero(op::W, 10, -4), copy(1, 10), copy(2, 10), call(1)], &RETURN_0], "not a map");
}

#[test]
fn numbers_and_pointers_are_kept_apart() {
    let found = lookup();
    let checked = [jump(op::JEQ, 0, 0, 1)];
    breaks(&[&[copy(0, 10), EXIT]], "the result is a pointer");
    breaks(&[&found, &checked, &[store(op::DW, 0, 0, 10)], &RETURN_0], "stored outside of the stack");
    breaks(&[&[store(op::W, 10, -8, 1)], &RETURN_0], "a part of a pointer is stored");
    breaks(&[&[insn(op::ALU | op::MOV | op::X, 2, 1, 0, 0)], &RETURN_0], "a part of a pointer is copied");
    let compare = insn(op::JMP | op::JEQ | op::X, 10, 1, 0, 0);
    breaks(&[&[compare], &RETURN_0], "a pointer is compared");
    let exchange = |expected: Insn| {
        let cmpxchg = insn(op::STX | op::ATOMIC | op::DW, 6, 7, 8, op::CMPXCHG);
        [copy(6, 0), mov(7, 1), expected, cmpxchg]
    };
    let checked = [jump(op::JEQ, 0, 0, 4)];
    keeps(&[&found, &checked, &exchange(mov(0, 3)), &RETURN_0]);
    breaks(&[&found, &checked, &exchange(copy(0, 6)), &RETURN_0], "a pointer is compared");
    breaks(
        &[&[zero(op::DW, 10, -8), mov(0, 1), insn(op::STX | op::ATOMIC | op::DW, 10, 0, -8, 0)], &RETURN_0],
        "atomic",
    );
}

#[test]
fn registers_are_written_before_they_are_read() {
    breaks(&[&[copy(0, 5), EXIT]], "r5 is read but holds nothing");
    breaks(&[&[EXIT]], "r0 is read but holds nothing");
    breaks(&[&[call(14), copy(0, 1), EXIT]], "r1 is read but holds nothing");
    // written on one path only
    breaks(&[&[load(op::DW, 2, 1, 0), jump(op::JEQ, 2, 0, 1), mov(6, 1), copy(0, 6), EXIT]], "r6 is read");
}

#[test]
fn arithmetic_that_verifiers_refuse() {
    for operation in [op::DIV, op::MOD] {
        for class in [op::ALU, op::ALU64] {
            breaks(&[&[mov(0, 1), insn(class | operation, 0, 0, 0, 0), EXIT]], "division by a constant 0");
        }
    }
    for operation in [op::LSH, op::RSH, op::ARSH] {
        for (class, count) in [(op::ALU, 32), (op::ALU64, 64), (op::ALU64, -1)] {
            breaks(&[&[mov(0, 1), insn(class | operation, 0, 0, 0, count), EXIT]], "a shift by the width");
        }
        keeps(&[&[mov(0, 1), insn(op::ALU64 | operation, 0, 0, 0, 63), EXIT]]);
    }
}

#[test]
fn results_of_updates_have_32_bits() {
    let mut update = lookup();
    update.pop();
    update.extend([
        zero(op::DW, 10, -16),
        zero(op::DW, 10, -24),
        copy(3, 10),
        add(3, -24),
        mov(4, 0),
        call(2),
    ]);
    keeps(&[&update, &[insn(op::JMP32 | op::JEQ, 0, 0, 0, 0)], &RETURN_0]);
    breaks(&[&update, &[jump(op::JEQ, 0, 0, 0)], &RETURN_0], "half");
}

#[test]
fn control_stays_in_the_code() {
    breaks(&[&[mov(0, 0)]], "control runs off the end");
    breaks(&[&[jump(op::JA, 0, 0, 5)], &RETURN_0], "a jump out of the code");
    breaks(&[&RETURN_0, &RETURN_0], "reach");
}

/// Every form of instruction that the encoder makes, with registers, offsets and immediates that are all different.
fn forms() -> Vec<Insn> {
    let mut forms = Vec::new();
    let binary = [
        op::ADD,
        op::SUB,
        op::MUL,
        op::DIV,
        op::OR,
        op::AND,
        op::LSH,
        op::RSH,
        op::MOD,
        op::XOR,
        op::MOV,
        op::ARSH,
    ];
    for class in [op::ALU, op::ALU64] {
        for operation in binary {
            forms.push(insn(class | operation, 3, 0, 0, 7));
            forms.push(insn(class | operation | op::X, 3, 4, 0, 0));
        }
        forms.push(insn(class | op::NEG, 3, 0, 0, 0));
        for operation in [op::DIV, op::MOD] {
            forms.push(insn(class | operation | op::X, 3, 4, 1, 0));
        }
        for bits in [8, 16] {
            forms.push(insn(class | op::MOV | op::X, 3, 4, bits, 0));
        }
    }
    forms.push(insn(op::ALU64 | op::MOV | op::X, 3, 4, 32, 0));
    forms.extend([16, 32, 64].map(|bits| insn(op::ALU | op::END | op::X, 3, 0, 0, bits)));
    let jumps = [
        op::JEQ,
        op::JGT,
        op::JGE,
        op::JSET,
        op::JNE,
        op::JSGT,
        op::JSGE,
        op::JLT,
        op::JLE,
        op::JSLT,
        op::JSLE,
    ];
    for class in [op::JMP, op::JMP32] {
        for operation in jumps {
            forms.push(insn(class | operation, 3, 0, 9, 7));
            forms.push(insn(class | operation | op::X, 3, 4, -9, 0));
        }
    }
    forms.extend([insn(op::JMP | op::JA, 0, 0, 9, 0), insn(op::JMP32 | op::JA, 0, 0, 0, 9), call(14), EXIT]);
    for size in [op::B, op::H, op::W, op::DW] {
        forms.extend([
            load(size, 3, 4, -8),
            store(size, 3, -8, 4),
            insn(op::ST | op::MEM | size, 3, 0, 8, 7),
        ]);
    }
    forms.extend([op::B, op::H, op::W].map(|size| insn(op::LDX | op::MEMSX | size, 3, 4, 8, 0)));
    for size in [op::W, op::DW] {
        forms.extend([0, op::FETCH].map(|imm| insn(op::STX | op::ATOMIC | size, 3, 4, 8, imm)));
    }
    forms.push(insn(op::STX | op::ATOMIC | op::DW, 3, 4, 8, op::CMPXCHG));
    forms.push(insn(op::LD | op::IMM | op::DW, 3, 0, 0, 7));
    forms
}

#[test]
fn every_form_has_a_text_of_its_own_and_survives_its_bytes() {
    let mut texts = HashMap::new();
    for insn in forms() {
        let text = disasm::instruction(insn, Some(Insn { imm: 1, ..Insn::default() }), None);
        assert!(!text.starts_with(".insn"), "{insn:?}: {text}");
        if let Some(other) = texts.insert(text.clone(), insn) {
            panic!("`{text}` is {insn:?} and {other:?}");
        }
        assert_eq!(Insn::from_bytes(insn.bytes()), insn);
    }
}
