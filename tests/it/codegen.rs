//! Code generation's text tests: `tests/golden/codegen/*.ir`.
//!
//! The first line of a file names what to compile for: `; asm`, then any of `v3` (no sign-extending instructions,
//! no `gotol`), `registers N` and `scratch mapN`. The module follows, then the line [`RULE`], then the instructions.
//! `BLESS=1 cargo test codegen` writes what is made now. The allocator's checker and the lint run on everything.

use std::fmt::Write;
use std::path::Path;

use beetrace::codegen::frame;
use beetrace::codegen::inst::Target;
use beetrace::codegen::{compile, disasm};
use beetrace::ir::{MapRef, Module, parse, verify};
use cranelift_entity::EntityRef;

/// Stands between input and output.
const RULE: &str = "; ---- gives ----\n";

fn target(options: &str) -> Target {
    let mut target = Target {
        v4: true,
        gotol: true,
        registers: 10,
        stack: frame::STACK,
        check: true,
        scratch: None,
        on_stack: frame::LARGE,
    };
    let mut words = options.split_whitespace();
    while let Some(word) = words.next() {
        let mut number = || words.next().unwrap().trim_start_matches("map").parse().unwrap();
        match word {
            "v3" => (target.v4, target.gotol) = (false, false),
            "registers" => target.registers = number(),
            "scratch" => target.scratch = Some((MapRef::new(number().into()), 0)),
            _ => panic!("unknown option {word}"),
        }
    }
    target
}

fn assemble(module: &Module, target: &Target) -> String {
    let mut out = String::new();
    for program in &module.programs {
        let func = &program.function;
        verify::finished(&module.maps, func).unwrap_or_else(|errors| panic!("{errors}"));
        let _ = match compile(func, &module.maps, target) {
            Ok(code) => {
                let scratch =
                    if code.scratch > 0 { format!(", scratch {}", code.scratch) } else { String::new() };
                let text = disasm::program(&code, &module.maps);
                writeln!(
                    out,
                    "{}: {} slots, stack {}{scratch}\n{text}",
                    func.name,
                    code.insns.len(),
                    code.stack
                )
            }
            Err(error) => writeln!(out, "{}: {error}", func.name),
        };
    }
    out
}

#[test]
fn golden_files() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/codegen");
    let mut paths: Vec<_> = std::fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    assert!(!paths.is_empty());
    let mut failures = String::new();
    for path in paths {
        let text = std::fs::read_to_string(&path).unwrap();
        let (input, expected) = text.split_once(RULE).unwrap_or((&text, ""));
        let options = input.lines().next().and_then(|line| line.strip_prefix("; asm")).unwrap_or_default();
        let module = parse::module(input).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let found = assemble(&module, &target(options));
        if std::env::var_os("BLESS").is_some() {
            std::fs::write(&path, format!("{}\n\n{RULE}{found}", input.trim_end())).unwrap();
        } else if found != expected {
            let _ = writeln!(failures, "{}\n-- expected\n{expected}\n-- found\n{found}", path.display());
        }
    }
    assert!(failures.is_empty(), "{failures}");
}
