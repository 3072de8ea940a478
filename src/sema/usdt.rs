//! Arguments of static probes: texts such as `-4@%edi 8@-16(%rbp) 4@$7` in the assembler's notation.
//!
//! A size with a minus is of a signed integer. On x86-64 an argument is a register, memory at
//! `displacement(base,index,scale)`, or `$constant`; on ARM a register, `[base, displacement]`, `[base, index]`, or a
//! bare constant.

use super::check::Checker;
use super::registers;
use super::tree::{Expr, ExprKind};
use super::ty::Ty;
use super::types::Space;
use super::value::Val;
use crate::diag::{Diagnostic, codes};
use crate::host::elf::Machine;
use crate::source::Span;
use crate::syntax::ast::BinaryOp;

/// An argument of a static probe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Argument {
    /// Bytes: 1, 2, 4 or 8.
    size: u8,
    signed: bool,
    source: Source,
}

/// Where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Source {
    Constant(i64),
    /// Offset in pt_regs, and the first bit.
    Register(u16, u8),
    /// Registers by their offsets in pt_regs.
    Memory {
        base: Option<u16>,
        index: Option<(u16, u8)>,
        displacement: i64,
    },
}

/// Takes the text of a note apart. An argument that cannot be read is given as it stands.
pub(super) fn arguments(text: &str, machine: Machine) -> Vec<Result<Argument, String>> {
    words(text).into_iter().map(|word| argument(&word, machine).ok_or(word)).collect()
}

/// Replaces variables by their distance from the probe at `here`: `counter(%rip)` is wherever the program is loaded as
/// far from the probe as in the file.
pub(super) fn resolve(text: &str, here: u64, variable: impl Fn(&str) -> Option<u64>) -> String {
    let resolved = |word: &str| {
        let (size, place) = word.split_once('@')?;
        let inside = place.strip_suffix("(%rip)")?;
        let parts =
            inside.split('+').map(|part| integer(part).or_else(|| variable(part).map(|at| at as i64)));
        let address = parts.sum::<Option<i64>>()?;
        Some(format!("{size}@{}(%rip)", address.wrapping_sub(here as i64)))
    };
    let all: Vec<String> = words(text).into_iter().map(|word| resolved(&word).unwrap_or(word)).collect();
    all.join(" ")
}

/// Blanks separate arguments, but not within brackets.
fn words(text: &str) -> Vec<String> {
    let (mut words, mut depth) = (vec![String::new()], 0);
    for c in text.chars() {
        match c {
            '[' | '(' => depth += 1,
            ']' | ')' => depth -= 1,
            _ => {}
        }
        match c {
            ' ' if depth == 0 => words.push(String::new()),
            ' ' => {}
            c => words.last_mut().expect("never empty").push(c),
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

fn argument(word: &str, machine: Machine) -> Option<Argument> {
    let (size, place) = word.split_once('@').unwrap_or(("8", word));
    let size: i8 = size.parse().ok().filter(|size: &i8| matches!(size.unsigned_abs(), 1 | 2 | 4 | 8))?;
    let source = match machine {
        Machine::X86_64 => x86(place),
        _ => arm(place),
    }?;
    Some(Argument { size: size.unsigned_abs(), signed: size < 0, source })
}

fn x86(place: &str) -> Option<Source> {
    if let Some(constant) = place.strip_prefix('$') {
        return integer(constant).map(Source::Constant);
    }
    if let Some(register) = place.strip_prefix('%') {
        return x86_register(register).map(|(at, shift)| Source::Register(at, shift));
    }
    let (displacement, inside) = place.strip_suffix(')')?.split_once('(')?;
    let displacement = if displacement.is_empty() { 0 } else { integer(displacement)? };
    let register = |text: &str| x86_register(text.strip_prefix('%')?).map(|(at, _)| at);
    let mut parts = inside.split(',');
    let base = parts.next().filter(|base| !base.is_empty());
    let base = base.map(register).map_or(Some(None), |base| base.map(Some))?;
    let index = match parts.next() {
        Some(index) => Some((register(index)?, parts.next().map_or(Some(1), |scale| scale.parse().ok())?)),
        None => None,
    };
    (parts.next().is_none() && (base.is_some() || index.is_some())).then_some(Source::Memory {
        base,
        index,
        displacement,
    })
}

/// Names of all widths: where the 64 bits are, and the first bit of `ah` and the like.
fn x86_register(name: &str) -> Option<(u16, u8)> {
    let at = |name: &str| registers::offset(Machine::X86_64, name);
    let shift = if matches!(name, "ah" | "bh" | "ch" | "dh") { 8 } else { 0 };
    let numbered = || name.strip_prefix('r')?.trim_end_matches(['d', 'w', 'b', 'l']).parse::<u8>().ok();
    let whole = match name {
        "al" | "ah" | "eax" => at("ax"),
        "bl" | "bh" | "ebx" => at("bx"),
        "cl" | "ch" | "ecx" => at("cx"),
        "dl" | "dh" | "edx" => at("dx"),
        "sil" | "esi" => at("si"),
        "dil" | "edi" => at("di"),
        "bpl" | "ebp" => at("bp"),
        "spl" | "esp" => at("sp"),
        _ => at(name).or_else(|| at(&format!("r{}", numbered()?))),
    };
    whole.map(|whole| (whole, shift))
}

fn arm(place: &str) -> Option<Source> {
    let register = |name: &str| match name {
        "wsp" => registers::offset(Machine::Aarch64, "sp"),
        _ => match name.strip_prefix('w') {
            Some(number) => registers::offset(Machine::Aarch64, &format!("x{number}")),
            None => registers::offset(Machine::Aarch64, name),
        },
    };
    if matches!(place, "xzr" | "wzr") {
        return Some(Source::Constant(0));
    }
    if let Some(inside) = place.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        let (base, rest) = inside.split_once(',').unwrap_or((inside, "0"));
        let base = Some(register(base)?);
        return Some(match integer(rest.trim_start_matches('#')) {
            Some(displacement) => Source::Memory { base, index: None, displacement },
            None => Source::Memory { base, index: Some((register(rest)?, 1)), displacement: 0 },
        });
    }
    match register(place) {
        Some(at) => Some(Source::Register(at, 0)),
        None => integer(place.trim_start_matches('#')).map(Source::Constant),
    }
}

fn integer(text: &str) -> Option<i64> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let value = match digits.strip_prefix("0x") {
        Some(hex) => u64::from_str_radix(hex, 16).ok()? as i64,
        None => digits.parse::<u64>().ok()? as i64,
    };
    Some(if negative { value.wrapping_neg() } else { value })
}

impl Checker<'_, '_> {
    /// `arg0` of a static probe.
    pub(super) fn usdt_argument(&mut self, span: Span, number: u8) -> Option<Val> {
        let text = self.body().arguments.clone().unwrap_or_default();
        let list = arguments(&text, Machine::native());
        match list.get(usize::from(number)) {
            Some(Ok(argument)) => Some(value(argument, span)),
            Some(Err(word)) => {
                let name = self.body().attach[0].name.clone();
                let message = format!("arg{number} of {name} cannot be read");
                let float = word.contains('f') && word.contains("xmm");
                let why = if float { "a floating-point number" } else { "an unknown place" };
                let error = Diagnostic::error(codes::BAD_ARGUMENT, message).at(span, why);
                self.report(error.note(format!("the program says it is at `{word}`")));
                None
            }
            None => {
                let name = self.body().attach[0].name.clone();
                let message = format!("{name} has no argument {number}");
                let label = match list.len() {
                    0 => "it has no arguments".to_string(),
                    1 => "only arg0".to_string(),
                    count => format!("arg0 to arg{}", count - 1),
                };
                self.error(codes::BAD_ARGUMENT, span, message, label)
            }
        }
    }
}

/// All arguments are 64 bits wide and signed, as in bpftrace.
fn value(argument: &Argument, span: Span) -> Val {
    let ty = Ty::fixed(argument.size, argument.signed);
    let read = match &argument.source {
        Source::Constant(value) => Val::new(Ty::I64, span, ExprKind::Int(*value)),
        Source::Register(at, 0) => registers::word(span, *at),
        Source::Register(at, shift) => {
            let word = registers::word(span, *at);
            binary(BinaryOp::Shr, word, Val::new(Ty::U64, span, ExprKind::Int(i64::from(*shift))))
        }
        Source::Memory { base, index, displacement } => {
            let base = base.map(|at| registers::word(span, at));
            let index = index.map(|(at, scale)| {
                let scale = Val::new(Ty::U64, span, ExprKind::Int(i64::from(scale)));
                binary(BinaryOp::Mul, registers::word(span, at), scale)
            });
            let address = match (base, index) {
                (Some(base), Some(index)) => binary(BinaryOp::Add, base, index),
                (Some(one), None) | (None, Some(one)) => one,
                (None, None) => Val::new(Ty::U64, span, ExprKind::Int(0)),
            };
            let address = Box::new(address.into_expr());
            let kind = ExprKind::Load { address, offset: *displacement, space: Space::User, bits: None };
            Val::new(ty.clone(), span, kind)
        }
    };
    read.cast(ty).cast(Ty::I64.in_space(Some(Space::User)))
}

fn binary(op: BinaryOp, left: Val, right: Val) -> Val {
    let span = left.span;
    let (left, right): (Box<Expr>, Box<Expr>) = (Box::new(left.into_expr()), Box::new(right.into_expr()));
    Val::new(Ty::U64, span, ExprKind::Binary { op, left, right })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &str, machine: Machine) -> Vec<Source> {
        arguments(text, machine).into_iter().map(|argument| argument.unwrap().source).collect()
    }

    fn memory(base: Option<u16>, index: Option<(u16, u8)>, displacement: i64) -> Source {
        Source::Memory { base, index, displacement }
    }

    #[test]
    fn every_form_of_x86() {
        let text = "-4@%edi 8@-16(%rbp) 4@$-7 1@%ah 2@%r9w 8@(%rax) 8@0x10(%rax,%rbx,8) 8@(,%rcx,4) %rsi 1@%sil 8@$0x10";
        let found = all(text, Machine::X86_64);
        let register = |at| Source::Register(at, 0);
        assert_eq!(
            found[..4],
            [register(112), memory(Some(32), None, -16), Source::Constant(-7), Source::Register(80, 8)]
        );
        assert_eq!(
            found[4..7],
            [register(64), memory(Some(80), None, 0), memory(Some(80), Some((40, 8)), 16)]
        );
        assert_eq!(
            found[7..],
            [memory(None, Some((88, 4)), 0), register(104), register(104), Source::Constant(16)]
        );
        let sizes: Vec<_> =
            arguments(text, Machine::X86_64).into_iter().flatten().map(|a| (a.size, a.signed)).collect();
        assert_eq!(sizes[..4], [(4, true), (8, false), (4, false), (1, false)]);
    }

    #[test]
    fn variables_are_found_from_the_probe() {
        let variable = |name: &str| (name == "n").then_some(0x9010);
        let text = resolve("4@n(%rip) -8@8+n(%rip) 4@m(%rip) 4@%eax", 0x2000, variable);
        assert_eq!(text, "4@28688(%rip) -8@28696(%rip) 4@m(%rip) 4@%eax");
        assert_eq!(all("4@28688(%rip)", Machine::X86_64), [memory(Some(128), None, 28688)]);
        assert!(arguments("4@m(%rip)", Machine::X86_64)[0].is_err());
    }

    #[test]
    fn every_form_of_arm() {
        let found = all("-4@w0 8@x19 4@[sp, 60] 8@[x29] 8@[x1, x2] -4@5 8@wzr 8@[x0,#-8]", Machine::Aarch64);
        assert_eq!(
            found[..3],
            [Source::Register(0, 0), Source::Register(152, 0), memory(Some(248), None, 60)]
        );
        assert_eq!(found[3..5], [memory(Some(232), None, 0), memory(Some(8), Some((16, 1)), 0)]);
        assert_eq!(found[5..], [Source::Constant(5), Source::Constant(0), memory(Some(0), None, -8)]);
    }

    #[test]
    fn what_cannot_be_read_is_given_back() {
        let found = arguments("8f@%xmm0 4@name(%rip) 3@%eax 8@%zz", Machine::X86_64);
        let left: Vec<String> = found.into_iter().map(Result::unwrap_err).collect();
        assert_eq!(left, ["8f@%xmm0", "4@name(%rip)", "3@%eax", "8@%zz"]);
        assert_eq!(arguments("", Machine::X86_64), []);
    }
}
