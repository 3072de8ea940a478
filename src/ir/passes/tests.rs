//! Random functions mean the same before and after each pass, and after all of them.
//!
//! `BEETRACE_FUZZ=5000 cargo test passes` tries more of them than the second that `cargo test` has.

use super::{PASSES, PIPELINE, Pass, optimise_function};
use crate::ir::fuzz::{Config, function, world};
use crate::ir::interp;
use crate::ir::{Function, Module, parse, verify};

/// Seeds to try.
fn seeds(few: u64) -> std::ops::Range<u64> {
    let more = std::env::var("BEETRACE_FUZZ").ok().and_then(|count| count.parse().ok());
    0..more.unwrap_or(few)
}

/// The result and what can be seen afterwards; or the trap.
fn meaning(seed: u64, module: &Module, func: &Function) -> (Result<u64, interp::Trap>, String) {
    let mut world = world(seed, &module.maps);
    let result = interp::run(&module.maps, func, &mut world);
    (result, world.observed())
}

fn check_pass(seed: u64, module: &Module, before: &Function, pass: Pass) -> Function {
    let mut after = before.clone();
    pass.run(&module.maps, &mut after);
    let (wanted, found) = (meaning(seed, module, before), meaning(seed, module, &after));
    if wanted != found {
        let name = pass.name;
        panic!("seed {seed}: {name} changes the meaning\nfrom {wanted:?}\nto   {found:?}\n{before}\n{after}");
    }
    assert!(after.inst_count() <= before.inst_count() * 3 + 100, "seed {seed}: {} blows up", pass.name);
    after
}

fn check(seed: u64, config: &Config) {
    let module = function(seed, config);
    let original = &module.programs[0].function;
    for pass in PASSES {
        check_pass(seed, &module, original, *pass);
    }
    let mut func = original.clone();
    for name in PIPELINE {
        func = check_pass(seed, &module, &func, Pass::named(name).expect("is a pass"));
    }
    if let Err(errors) = verify::finished(&module.maps, &func) {
        panic!("seed {seed}: {errors}\n{func}");
    }
}

#[test]
fn random_functions_keep_their_meaning() {
    for seed in seeds(40) {
        check(seed, &Config { size: 30, ..Config::default() });
        check(seed + 1_000_000, &Config { size: 15, ..Config::test_run() });
        check(seed + 2_000_000, &Config { size: 12, ..Config::pure() });
    }
}

#[test]
fn optimised_functions_print_and_parse() {
    for seed in seeds(20) {
        let mut module = function(seed, &Config::default());
        super::optimise(&mut module);
        let text = module.to_string();
        let again = parse::module(&text).unwrap_or_else(|error| panic!("seed {seed}: {error}\n{text}"));
        assert_eq!(again.to_string(), text);
        let (func, parsed) = (&module.programs[0].function, &again.programs[0].function);
        assert_eq!(meaning(seed, &module, func), meaning(seed, &again, parsed));
    }
}

#[test]
fn optimising_again_changes_little() {
    let (mut once, mut twice) = (0, 0);
    for seed in 0..300 {
        let mut module = function(seed, &Config::default());
        super::optimise(&mut module);
        once += module.programs[0].function.inst_count();
        optimise_function(&module.maps, &mut module.programs[0].function);
        twice += module.programs[0].function.inst_count();
    }
    assert!(twice * 100 >= once * 96, "from {once} to {twice}");
}

#[test]
fn names_of_the_pipeline_are_passes() {
    assert!(PIPELINE.iter().all(|name| Pass::named(name).is_some()));
    assert!(PASSES.iter().all(|pass| PIPELINE.contains(&pass.name)));
}
