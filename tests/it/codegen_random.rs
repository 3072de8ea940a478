//! Random functions: what the code does in the model of the kernel is what the IR means, with all registers and with
//! six, for old kernels and new ones.

use beetrace::codegen::frame;
use beetrace::codegen::inst::Target;
use beetrace::codegen::{compile, disasm, sim};
use beetrace::ir::fuzz::{self, Config};
use beetrace::ir::{Module, interp};
use beetrace::wire::map::{MapKind, MapRole, MapSpec};

fn scratch_map() -> MapSpec {
    MapSpec {
        name: "bt_scratch".into(),
        kind: MapKind::PerCpuArray,
        inner: None,
        key_size: 4,
        value_size: 1 << 16,
        max_entries: 2,
        on_demand: false,
        mmap: false,
        role: MapRole::Scratch,
        len_counter: None,
    }
}

/// Compiles and runs a module's program; None when its frame does not fit.
fn check(seed: u64, module: &Module, target: &Target) {
    let func = &module.programs[0].function;
    let mut meant = fuzz::world(seed, &module.maps);
    let result =
        interp::run(&module.maps, func, &mut meant).unwrap_or_else(|trap| panic!("seed {seed}: {trap}"));
    let what = || format!("seed {seed}, {target:?}\n{module}");
    let code = compile(func, &module.maps, target).unwrap_or_else(|error| panic!("{error}\n{}", what()));
    let mut world = fuzz::world(seed, &module.maps);
    let ran = sim::run(&module.maps, &code, &mut world);
    for world in [&mut meant, &mut world] {
        world.maps.retain(|map, _| module.maps[*map].role != MapRole::Scratch);
    }
    let text = || disasm::program(&code, &module.maps);
    let ran = ran.unwrap_or_else(|fault| panic!("{fault}\n{}\n{}", text(), what()));
    assert_eq!(ran, result, "{}\n{}", text(), what());
    assert_eq!(world.observed(), meant.observed(), "{}\n{}", text(), what());
}

fn targets(module: &mut Module) -> [Target; 4] {
    let scratch = Some((module.maps.push(scratch_map()), 1));
    let new = Target {
        v4: true,
        gotol: true,
        registers: 10,
        stack: frame::STACK,
        check: true,
        scratch,
        on_stack: frame::LARGE,
    };
    let old = Target { v4: false, gotol: false, ..new.clone() };
    let few = Target { registers: 6, ..old.clone() };
    // numbers that live at once go to scratch memory
    let little = Target { stack: 96, ..few.clone() };
    [new, old, few, little]
}

fn round(seeds: std::ops::Range<u64>, config: &Config) {
    for seed in seeds {
        let mut module = fuzz::function(seed, config);
        for target in targets(&mut module) {
            check(seed, &module, &target);
        }
    }
}

#[test]
fn random_functions_do_what_they_mean() {
    let many = std::env::var("FUZZ").ok().and_then(|n| n.parse().ok()).unwrap_or(60);
    round(0..many, &Config::default());
    round(0..many, &Config { size: 8, ..Config::default() });
    round(0..many / 10, &Config { size: 200, ..Config::default() });
}
