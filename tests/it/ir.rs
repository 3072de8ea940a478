//! The IR's text tests: `tests/golden/ir/**/*.ir`.
//!
//! The first line of a file names the runner, `; test verify`. The module follows, then the line [`RULE`], then what
//! the runner makes of it. `BLESS=1 cargo test ir` writes what it makes now.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use beetrace::ir::interp::{self, Area, World};
use beetrace::ir::passes::{self, Pass};
use beetrace::ir::{Module, parse, verify};

/// Stands between input and output.
const RULE: &str = "; ---- gives ----\n";

fn files(dir: &Path, out: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        match path.extension() {
            _ if path.is_dir() => files(&path, out),
            Some(extension) if extension == "ir" => out.push(path),
            _ => {}
        }
    }
}

/// What is wrong with each function.
fn run_verify(module: &Module) -> String {
    let mut out = String::new();
    for program in &module.programs {
        let result = verify::finished(&module.maps, &program.function);
        let text =
            result.map_or_else(|errors| errors.to_string(), |()| format!("{}: good", program.function.name));
        let _ = writeln!(out, "{text}");
    }
    out
}

/// The result of each function, run in a world of its own, and what it left there.
fn run_interp(module: &Module) -> String {
    let mut out = String::new();
    for program in &module.programs {
        let mut world = World::new(&module.maps);
        world.user.push(Area { base: 0x1000, bytes: b"hello, world\0".to_vec() });
        world.fuel = 10_000;
        let _ = match interp::run(&module.maps, &program.function, &mut world) {
            Ok(result) => writeln!(out, "{}: {}", program.function.name, result as i64),
            Err(trap) => writeln!(out, "{}: {trap}", program.function.name),
        };
        for line in world.observed().lines() {
            let _ = writeln!(out, "  {line}");
        }
    }
    out
}

/// The functions after a pass, or after all; each keeps its meaning in the default world.
fn run_pass(runner: &str, module: &mut Module) -> String {
    let mut out = String::new();
    for program in &mut module.programs {
        let func = &mut program.function;
        verify::verify(&module.maps, func).unwrap_or_else(|errors| panic!("{errors}"));
        let mut before = World::new(&module.maps);
        let mut after = before.clone();
        let wanted = interp::run(&module.maps, func, &mut before);
        match Pass::named(runner) {
            Some(pass) => pass.run(&module.maps, func),
            None if runner == "optimise" => passes::optimise_function(&module.maps, func),
            None => panic!("no runner {runner}"),
        }
        assert_eq!(interp::run(&module.maps, func, &mut after), wanted, "{func}");
        assert_eq!(after.observed(), before.observed(), "{func}");
        let _ = write!(out, "{}{func}", if out.is_empty() { "" } else { "\n" });
    }
    out
}

fn run(runner: &str, module: &mut Module) -> String {
    match runner {
        "verify" => run_verify(module),
        "interp" => run_interp(module),
        pass => run_pass(pass, module),
    }
}

#[test]
fn golden_files() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/ir");
    let mut paths = Vec::new();
    files(&root, &mut paths);
    paths.sort();
    assert!(!paths.is_empty());
    let bless = std::env::var_os("BLESS").is_some();
    let mut failures = String::new();
    for path in paths {
        let text = std::fs::read_to_string(&path).unwrap();
        let (input, expected) = text.split_once(RULE).unwrap_or((&text, ""));
        let runner = input.lines().next().and_then(|line| line.strip_prefix("; test ")).unwrap_or_default();
        let mut module = parse::module(input).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let found = run(runner, &mut module);
        if bless {
            std::fs::write(&path, format!("{}\n\n{RULE}{found}", input.trim_end())).unwrap();
        } else if found != expected {
            let _ = writeln!(failures, "{}: expected\n{expected}\nfound\n{found}", path.display());
        }
    }
    assert!(failures.is_empty(), "{failures}");
}
