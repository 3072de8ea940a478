//! Random scripts: the meaning of the typed tree, the IR as built, the IR after all passes and
//! the finished instructions must print the same.
//!
//! The same scripts run in real kernels in `tests/runtime/differential.rt`.

use beetrace::codegen::demote::demote;
use beetrace::codegen::frame::STACK;
use beetrace::diag::{Sink, render};
use beetrace::driver::compile::{Product, Settings, compile};
use beetrace::fuzz::{meaning, model, script};
use beetrace::host::Feature;
use beetrace::host::fake::Fake;
use beetrace::ir::Module;
use beetrace::sema;
use beetrace::source::SourceMap;

/// Programs a script.
const PROBES: usize = 25;

/// Registers and bytes of stack that there are.
const ALL: (u8, u32) = (10, STACK);

/// Scripts to try: 2,000 programs, or as many scripts as `BEETRACE_FUZZ` says.
fn scripts() -> u64 {
    std::env::var("BEETRACE_FUZZ").ok().and_then(|count| count.parse().ok()).unwrap_or(80)
}

/// What each representation of a script printed.
fn outputs(
    text: &str,
    (registers, stack): (u8, u32),
    host: &Fake,
) -> Vec<(&'static str, Result<String, String>)> {
    let mut sources = SourceMap::default();
    let file = sources.add("random.bt", text);
    let mut sink = Sink::default();
    let mut seen = Vec::new();
    // Small maps: the model keeps every entry of the arrays that loops collect keys in.
    let options = sema::Options { max_map_keys: 100, ..sema::Options::default() };
    let settings = Settings { registers, stack, options, ..Settings::default() };
    let artifact = compile(&sources, &file.into(), host, &settings, &mut sink, &mut |product| {
        match product {
            Product::Typed(program) => seen.push(("meaning", meaning::run(program))),
            Product::Ir(module) => seen.push(("ir", model::run(module))),
            Product::Opt(module) => seen.push(("optimised", model::run(module))),
            Product::Asm(module, codes) => {
                if stack < STACK {
                    for (name, most) in [("demoted to 1", 1), ("demoted to 8", 8)] {
                        seen.push((name, model::run(&demoted(module, most))));
                    }
                }
                seen.push(("code", model::run_code(module, codes)));
            }
            Product::Ast(_) | Product::Config(_) => {}
        }
        true
    });
    assert!(artifact.is_some(), "{}\n{text}", render::to_string(&sources, sink.all()));
    seen
}

/// All but `most` of the numbers of each program that live at once are in slots.
fn demoted(module: &Module, most: usize) -> Module {
    let mut module = module.clone();
    for program in &mut module.programs {
        if let Some((function, _)) = demote(&program.function, most) {
            program.function = function;
        }
    }
    module
}

/// The first line in which two outputs differ, with the probe that printed it.
fn difference(one: &str, other: &str) -> String {
    let differ = |(a, b): &(&str, &str)| a != b;
    one.lines().zip(other.lines()).find(differ).map_or("one is longer".into(), |(a, b)| format!("{a}\n{b}"))
}

fn check(seed: u64, room: (u8, u32), host: &Fake) {
    let text = script::generate(seed, PROBES);
    let seen = outputs(&text, room, host);
    let (_, expected) = &seen[0];
    let expected = expected.as_ref().unwrap_or_else(|why| panic!("seed {seed}: {why}\n{text}"));
    for (stage, got) in &seen[1..] {
        let got = got.as_ref().unwrap_or_else(|why| panic!("seed {seed}: {stage}: {why}"));
        assert!(got == expected, "seed {seed}, meaning against {stage}:\n{}", difference(expected, got));
    }
}

#[test]
fn random_scripts_keep_their_meaning() {
    for seed in 0..scripts() {
        check(seed, ALL, &Fake::default());
    }
}

#[test]
fn random_scripts_compile_with_few_registers_and_little_stack() {
    for seed in 0..scripts().div_ceil(4) {
        check(seed, (6, STACK), &Fake::default());
        check(seed, (6, 256), &Fake::default());
    }
}

/// On kernels that do not count the rounds of loops in place, loops are functions: called back, or called.
#[test]
fn random_scripts_compile_for_kernels_without_may_goto() {
    let called_back = Fake::default().without(Feature::MayGoto);
    let called = called_back.clone().without(Feature::BpfLoop);
    for seed in 0..scripts().div_ceil(4) {
        check(seed, ALL, &called_back);
        check(seed, ALL, &called);
        check(seed, (6, 384), &called);
    }
}
