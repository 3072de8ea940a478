//! Instructions as text, the way the kernel's verifier writes them: `r1 = r10`, `r1 += -8`,
//! `if r0 == 0x0 goto +3`, `call bpf_map_lookup_elem#1`.
//!
//! The inverse is deliberately absent: nobody assembles text here.

use std::fmt::Write;

use cranelift_entity::PrimaryMap;

use super::callback::imported;
use super::inst::{Code, Insn};
use super::opcode as op;
use crate::ir::{Helper, MapRef, Module};
use crate::source::{SourceMap, Span};
use crate::wire::map::MapSpec;

/// One instruction. `next` is the second slot of a 64-bit immediate load; `map` the map that the loader puts in.
pub fn instruction(insn: Insn, next: Option<Insn>, map: Option<&str>) -> String {
    match insn.code & op::CLASS {
        op::ALU | op::ALU64 => arithmetic(insn),
        op::JMP | op::JMP32 => jump(insn),
        op::LD => immediate(insn, next.unwrap_or_default(), map),
        op::LDX => {
            let signed = if insn.code & op::MODE == op::MEMSX { 's' } else { 'u' };
            format!("r{} = {}", insn.dst, memory(insn, insn.src, signed))
        }
        op::ST => format!("{} = {}", memory(insn, insn.dst, 'u'), insn.imm),
        _ => store(insn),
    }
}

fn memory(insn: Insn, base: u8, sign: char) -> String {
    let bits = match insn.code & op::SIZE {
        op::B => 8,
        op::H => 16,
        op::W => 32,
        _ => 64,
    };
    format!("*({sign}{bits} *)(r{base} {:+})", insn.off)
}

fn store(insn: Insn) -> String {
    let place = memory(insn, insn.dst, 'u');
    if insn.code & op::MODE != op::ATOMIC {
        return format!("{place} = r{}", insn.src);
    }
    let place = place.trim_start_matches('*');
    if insn.imm == op::CMPXCHG {
        format!("r0 = atomic64_cmpxchg({place}, r0, r{})", insn.src)
    } else if insn.imm & op::FETCH != 0 {
        let bits = if insn.code & op::SIZE == op::DW { "64_" } else { "_" };
        format!("r{} = atomic{bits}fetch_add({place}, r{})", insn.src, insn.src)
    } else {
        format!("lock *{place} += r{}", insn.src)
    }
}

fn arithmetic(insn: Insn) -> String {
    let reg = if insn.code & op::CLASS == op::ALU { 'w' } else { 'r' };
    let dst = format!("{reg}{}", insn.dst);
    let src = if insn.code & op::X != 0 { format!("{reg}{}", insn.src) } else { insn.imm.to_string() };
    let signed = insn.off != 0;
    let sign = match insn.code & op::OP {
        op::ADD => "+=",
        op::SUB => "-=",
        op::MUL => "*=",
        op::DIV if signed => "s/=",
        op::DIV => "/=",
        op::OR => "|=",
        op::AND => "&=",
        op::LSH => "<<=",
        op::RSH => ">>=",
        op::MOD if signed => "s%=",
        op::MOD => "%=",
        op::XOR => "^=",
        op::ARSH => "s>>=",
        op::NEG => return format!("{dst} = -{dst}"),
        op::MOV if signed => return format!("{dst} = (s{}){src}", insn.off),
        op::MOV => "=",
        op::END => return swap(insn),
        _ => return unknown(insn),
    };
    format!("{dst} {sign} {src}")
}

fn swap(insn: Insn) -> String {
    let what = match (insn.code & op::CLASS, insn.code & op::X) {
        (op::ALU64, _) => "bswap",
        (_, op::X) => "be",
        _ => "le",
    };
    format!("r{} = {what}{} r{}", insn.dst, insn.imm, insn.dst)
}

fn unknown(insn: Insn) -> String {
    format!(".insn {:02x?}", insn.bytes())
}

fn jump(insn: Insn) -> String {
    let narrow = insn.code & op::CLASS == op::JMP32;
    let sign = match insn.code & op::OP {
        op::JA if narrow => return format!("gotol {:+}", insn.imm),
        op::JA => return format!("goto {:+}", insn.off),
        op::JCOND => return format!("may_goto {:+}", insn.off),
        op::CALL => return call(insn),
        op::EXIT => return "exit".into(),
        op::JEQ => "==",
        op::JGT => ">",
        op::JGE => ">=",
        op::JSET => "&",
        op::JNE => "!=",
        op::JSGT => "s>",
        op::JSGE => "s>=",
        op::JLT => "<",
        op::JLE => "<=",
        op::JSLT => "s<",
        op::JSLE => "s<=",
        _ => return unknown(insn),
    };
    let reg = if narrow { 'w' } else { 'r' };
    let right =
        if insn.code & op::X != 0 { format!("{reg}{}", insn.src) } else { format!("{:#x}", insn.imm) };
    format!("if {reg}{} {sign} {right} goto {:+}", insn.dst, insn.off)
}

fn call(insn: Insn) -> String {
    if let Some(number) = imported(insn) {
        return format!("call import {number}");
    }
    if insn.src == op::PSEUDO_CALL {
        return format!("call sub {}", insn.imm);
    }
    match Helper::ALL.iter().find(|h| h.number() == insn.imm) {
        Some(helper) => format!("call bpf_{}#{}", helper.name(), insn.imm),
        None => format!("call #{}", insn.imm),
    }
}

fn immediate(insn: Insn, next: Insn, map: Option<&str>) -> String {
    match insn.src {
        op::PSEUDO_FUNC => format!("r{} = callback {}", insn.dst, insn.imm),
        op::PSEUDO_MAP => format!("r{} = map[{}]", insn.dst, map.unwrap_or("?")),
        op::PSEUDO_MAP_VALUE => format!("r{} = map[{}][0]+{}", insn.dst, map.unwrap_or("?"), next.imm),
        _ => {
            let value = u64::from(next.imm as u32) << 32 | u64::from(insn.imm as u32);
            format!("r{} = {value:#x} ll", insn.dst)
        }
    }
}

/// As [`script`], without the script: calls of functions of imported objects show their numbers.
pub fn program(code: &Code, maps: &PrimaryMap<MapRef, MapSpec>) -> String {
    lines(code, (maps, &[]), None)
}

/// A whole program of `module`, one instruction a line with its slot; each line of the script stands above the
/// instructions that come from it, as `; text`.
pub fn script(code: &Code, module: &Module, sources: &SourceMap) -> String {
    lines(code, (&module.maps, &module.imports), Some(sources))
}

fn lines(
    code: &Code,
    (maps, imports): (&PrimaryMap<MapRef, MapSpec>, &[String]),
    sources: Option<&SourceMap>,
) -> String {
    let mut out = String::new();
    let mut relocs = code.relocs.iter().peekable();
    let mut line = None;
    let mut at = 0;
    while at < code.insns.len() {
        if let Some(sources) = sources {
            source_line(&mut out, sources, code.spans.get(at).copied().unwrap_or_default(), &mut line);
        }
        let insn = code.insns[at];
        let map = relocs.next_if(|r| r.at as usize == at).map(|r| maps[r.map].name.as_str());
        let import = imported(insn).and_then(|number| imports.get(number as usize));
        let text = match import {
            Some(name) => format!("call {name}"),
            None => instruction(insn, code.insns.get(at + 1).copied(), map),
        };
        let _ = writeln!(out, "{at:4}: {text}");
        at += slots(insn);
    }
    out
}

/// Slots that the instruction takes.
pub fn slots(insn: Insn) -> usize {
    if insn.code == op::LD | op::IMM | op::DW { 2 } else { 1 }
}

fn source_line(out: &mut String, sources: &SourceMap, span: Span, last: &mut Option<(u32, u32)>) {
    if span.is_synthetic() {
        return;
    }
    let span = sources.resolve(span);
    let line = sources.line(span);
    if *last != Some((span.file.0, line)) {
        *last = Some((span.file.0, line));
        let _ = writeln!(out, "; {}", sources.line_text(span.file, line).trim());
    }
}
