//! Random functions for tests: of passes, of lowering, and against the kernel.
//!
//! [`function`] makes a verified module with one program from a seed: nested branches, loops and diamonds with block
//! parameters over every operation, slots, maps with their null checks, ring records, helpers. [`world`] makes a
//! model of the kernel to run it in. Everything here is a function of the seed, without the clock or the machine, so
//! that a failure is told by a number.
//!
//! Programs always end (loops count down) and always use much of what they computed for their result; its low 32 bits
//! depend on all the bits, because BPF_PROG_TEST_RUN gives no more.
//!
//! Deliberately absent: shrinking. `Config::size` makes small functions, which is mostly as good.

mod control;
mod generate;
mod integers;
mod kernel;
mod memory;
mod random;
mod setting;

use super::module::Module;
use super::typing::Maps;
pub use random::Random;
pub use setting::world;

/// What functions may consist of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// About so many statements.
    pub size: u32,
    /// Loops that count down a few times.
    pub loops: bool,
    /// Loads from the context.
    pub context: bool,
    /// Helpers whose results differ from run to run, and reads of kernel and user memory.
    pub helpers: bool,
    /// Lookups, updates, deletions, pointers into map values.
    pub maps: bool,
    /// Ring records.
    pub records: bool,
    /// Slots, and everything that works on memory.
    pub memory: bool,
    /// Indices into slots that are not constant (the verifier of 5.10 knows them not).
    pub slot_indices: bool,
    /// `atomic_fetch_add` (5.12).
    pub atomic_fetch: bool,
    /// Pointers to values of hashes that were deleted or replaced since: the model keeps them, the kernel reuses them.
    pub stale_pointers: bool,
}

impl Default for Config {
    /// Everything.
    fn default() -> Config {
        Config {
            size: 40,
            loops: true,
            context: true,
            helpers: true,
            maps: true,
            records: true,
            memory: true,
            slot_indices: true,
            atomic_fetch: true,
            stale_pointers: true,
        }
    }
}

impl Config {
    /// What runs with the same result on every supported kernel as a raw tracepoint program by BPF_PROG_TEST_RUN: no
    /// context, no helpers whose results vary, no loops. Maps must be new for each run, and rings empty.
    pub fn test_run() -> Config {
        Config {
            loops: false,
            context: false,
            helpers: false,
            slot_indices: false,
            atomic_fetch: false,
            stale_pointers: false,
            ..Config::default()
        }
    }

    /// As [`Config::test_run`], without maps and records: only the result can differ.
    pub fn pure() -> Config {
        Config { maps: false, records: false, ..Config::test_run() }
    }
}

/// The random module of a seed: one program named `fuzz`, and the maps it may use.
pub fn function(seed: u64, config: &Config) -> Module {
    let maps: Maps = if config.maps || config.records { setting::maps() } else { Maps::new() };
    let function = generate::Generator::new(seed, config, &maps).function();
    let program = super::module::Program { function, attach: Vec::new(), cookies: false, rounds: 0 };
    Module { programs: vec![program], maps, ..Module::default() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::interp::{self, TrapKind};
    use crate::ir::{parse, print, verify};

    fn check(seed: u64, config: &Config) -> u64 {
        let module = function(seed, config);
        let func = &module.programs[0].function;
        if let Err(errors) = verify::finished(&module.maps, func) {
            panic!("seed {seed}: {errors}\n{module}");
        }
        let text = print::module(&module, print::Options { spans: true });
        let again = parse::module(&text).unwrap_or_else(|error| panic!("seed {seed}: {error}\n{text}"));
        assert_eq!(print::module(&again, print::Options { spans: true }), text, "seed {seed}");
        let mut world = world(seed, &module.maps);
        let result = interp::run(&module.maps, func, &mut world);
        let mut world = super::world(seed, &again.maps);
        assert_eq!(interp::run(&again.maps, &again.programs[0].function, &mut world), result);
        result.unwrap_or_else(|trap| panic!("seed {seed}: {trap}\n{module}"))
    }

    #[test]
    fn functions_are_verified_print_and_parse_and_never_trap() {
        for seed in 0..60 {
            check(seed, &Config::default());
            check(seed, &Config::test_run());
            check(seed, &Config { size: 10, ..Config::pure() });
        }
    }

    #[test]
    fn results_depend_on_the_seed() {
        let mut results: Vec<_> = (0..100).map(|seed| check(seed, &Config::pure()) as u32).collect();
        results.sort_unstable();
        results.dedup();
        assert!(results.len() > 80, "{}", results.len());
    }

    #[test]
    fn fuel_is_never_short() {
        for seed in 0..50 {
            let module = function(seed, &Config { size: 300, ..Config::default() });
            let mut world = world(seed, &module.maps);
            let result = interp::run(&module.maps, &module.programs[0].function, &mut world);
            assert_ne!(result.err().map(|trap| trap.kind), Some(TrapKind::Fuel));
        }
    }
}
