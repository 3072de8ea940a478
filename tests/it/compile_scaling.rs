//! The time from text to ELF grows with the number of statements, not with its square, whatever the statements are.
//!
//! In debug builds the verifier of the IR and the allocator's checker are part of it. What counts is the CPU time of
//! this thread, the best of a few runs: eight times the statements may take eight times the time, and three times that
//! for caches and a busy machine; the square would be sixty-four times.

use std::fmt::Write;

use beetrace::diag::{Sink, render};
use beetrace::driver::compile::{Settings, compile, prepare};
use beetrace::host::fake::Fake;
use beetrace::object::elf;
use beetrace::source::SourceMap;

use crate::ir_scaling::cpu_time;

const FEW: u32 = 40;
const MANY: u32 = 8 * FEW;
const TRIES: u32 = 3;

/// What the clock of a thread may be late by, in seconds.
const TICK: f64 = 0.01;

/// The time that a compilation takes.
fn measure(text: &str) -> f64 {
    let start = cpu_time();
    let mut sources = SourceMap::default();
    let file = sources.add("-e", text);
    let (settings, mut sink) = (Settings::default(), Sink::default());
    let script = prepare(&mut sources, file, &Fake::default(), &settings, &mut sink);
    let artifact = compile(&sources, &script, &Fake::default(), &settings, &mut sink, &mut |_| true);
    let artifact = artifact.unwrap_or_else(|| panic!("{}", render::to_string(&sources, sink.all())));
    assert!(!elf::write(&artifact).bytes.is_empty());
    cpu_time() - start
}

/// `statement` tells the statement of a number; `head` and `foot` stand around them all.
fn check(what: &str, head: &str, statement: impl Fn(u32) -> String, foot: &str) {
    let script = |count: u32| {
        let mut text = String::from(head);
        for number in 0..count {
            let _ = writeln!(text, "{}", statement(number));
        }
        text + foot
    };
    let few = measure(&script(FEW)).min(measure(&script(FEW))) + TICK;
    let most = few * f64::from(MANY / FEW) * 3.0;
    let text = script(MANY);
    let tries: Vec<f64> = (0..TRIES).map(|_| measure(&text)).take_while(|time| *time > most).collect();
    assert!(tries.len() < TRIES as usize, "{what}: {FEW} in {few} s, {MANY} in {tries:?} s");
}

#[test]
fn assignments_to_maps() {
    check("one map", "begin {", |n| format!("@m[{n}] = {n};"), "}");
    check("many maps", "begin {", |n| format!("@m{n} = {n};"), "}");
    check("keys of text", "begin {", |n| format!("@m[\"key{n}\", comm] = {n};"), "}");
    check("tuples", "begin {", |n| format!("@m[{n}] = (1, pid, \"abc\");"), "}");
}

#[test]
fn aggregations() {
    check("counts", "begin {", |n| format!("@m[comm, {n}] = count();"), "}");
    check("histograms", "begin {", |n| format!("@m[{n}] = hist(pid + {n});"), "}");
    check("increments", "begin {", |n| format!("@m[{n}]++;"), "}");
}

#[test]
fn output() {
    check("printf", "begin {", |n| format!("printf(\"number {n}: %d %s\\n\", pid + {n}, comm);"), "}");
    check("print", "begin {", |n| format!("print((pid, {n}));"), "}");
}

#[test]
fn branches_and_variables() {
    check("if", "begin {", |n| format!("if (pid == {n}) {{ @a{} = {n}; }}", n % 7), "}");
    check("texts compared", "begin {", |n| format!("if (comm == \"name{n}\") {{ @x[{n}]++; }}"), "}");
    check("variables", "begin {", |n| format!("$v{n} = pid + {n}; @s += $v{n};"), "}");
    check("one variable", "begin { $v = pid;", |n| format!("$v = $v * 3 + {n};"), "@ = $v; }");
    check("blocks", "begin {", |n| format!("{{ let $x = {n}; @x[$x] = $x; }}"), "}");
    check("loops", "begin {", |n| format!("for ($i : 0..3) {{ @x[$i] = {n}; }}"), "}");
}

#[test]
fn what_a_script_is_made_of() {
    check("probes", "", |n| format!("begin {{ @x[{n}] = {n}; }}"), "");
    let macros = "macro put(@m, k, v) { @m[k] = v; } begin {";
    check("macros", macros, |n| format!("put(@x, {n}, {n});"), "}");
    check("comments", "begin { @x = 1;", |n| format!("// number {n}"), "}");
    let defined = |n| format!("#define N{n} {n}");
    check("definitions", "", defined, &format!("begin {{ @x = N{}; }}", FEW - 1));
    let structs = |n| format!("struct s{n} {{ int a; char b[16]; }};");
    check("structs", "", structs, "begin { @x = ((struct s7*)pid).a; }");
}
