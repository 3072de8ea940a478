//! Optimisation. [`PIPELINE`] is the table of contents: what runs, in which order.
//!
//! A pass is one file with `run`, from a verified function to a verified function that does the same: the same result,
//! the same effects in the same order, the same records and map contents. In debug and test builds the function is
//! verified after each. Every pass is close to linear in the size of the function; analyses are made anew by each
//! pass that needs them, which costs less than keeping them right.
//!
//! Deliberately absent: anything that depends on the target (lowering picks instructions), and loops: generated
//! programs hardly have any.

mod addresses;
mod blocks;
mod bounds;
mod branches;
mod conditions;
mod copies;
mod dce;
mod dead_stores;
mod fold;
mod gvn;
mod loads;
mod lookups;
mod memeq;
mod merge_stores;
mod params;

use super::function::Function;
use super::module::Module;
use super::typing::Maps;
use super::verify;

/// A transformation of a function.
#[derive(Clone, Copy)]
pub struct Pass {
    /// The name of its file.
    pub name: &'static str,
    /// What it is for, in a line.
    pub what: &'static str,
    run: fn(&Maps, &mut Function),
}

/// Every pass.
pub const PASSES: &[Pass] = &[
    Pass { name: "params", what: "parameters that always have the same value", run: params::run },
    Pass {
        name: "fold",
        what: "constants, algebra, cheaper operations, needless extensions",
        run: fold::run,
    },
    Pass {
        name: "branches",
        what: "decided branches, blocks that only jump, jump threading",
        run: branches::run,
    },
    Pass { name: "blocks", what: "blocks in a row become one", run: blocks::run },
    Pass { name: "gvn", what: "what was computed before is not computed again", run: gvn::run },
    Pass {
        name: "conditions",
        what: "what a dominating branch decided is not asked again",
        run: conditions::run,
    },
    Pass { name: "addresses", what: "address arithmetic goes into accesses", run: addresses::run },
    Pass { name: "loads", what: "values that were just stored are not loaded", run: loads::run },
    Pass { name: "lookups", what: "keys that were looked up are not looked up again", run: lookups::run },
    Pass { name: "memeq", what: "short comparisons of memory become comparisons of words", run: memeq::run },
    Pass { name: "copies", what: "helpers write where their output is copied to", run: copies::run },
    Pass { name: "dead_stores", what: "bytes that nobody reads are not written", run: dead_stores::run },
    Pass { name: "merge_stores", what: "stores side by side become wider ones", run: merge_stores::run },
    Pass { name: "bounds", what: "indices that need no clamp", run: bounds::run },
    Pass { name: "dce", what: "what nobody uses goes", run: dce::run },
];

/// The order in which passes run.
pub const PIPELINE: &[&str] = &[
    "params",
    "fold",
    "branches",
    "blocks",
    "gvn",
    "addresses",
    "lookups",
    "memeq",
    "loads",
    "conditions",
    "branches",
    "params",
    "blocks",
    "fold",
    "gvn",
    "copies",
    "dce",
    "dead_stores",
    "merge_stores",
    "bounds",
    "fold",
    "gvn",
    "dce",
];

impl Pass {
    /// The pass of that name.
    pub fn named(name: &str) -> Option<Pass> {
        PASSES.iter().find(|pass| pass.name == name).copied()
    }

    /// Transforms a verified function.
    ///
    /// # Panics
    /// In debug and test builds, when the result does not pass the verifier.
    pub fn run(&self, maps: &Maps, func: &mut Function) {
        (self.run)(maps, func);
        if cfg!(any(test, debug_assertions))
            && let Err(errors) = verify::verify(maps, func)
        {
            panic!("after {}: {errors}\n{func}", self.name);
        }
    }
}

/// Optimises every program of a module.
pub fn optimise(module: &mut Module) {
    for program in &mut module.programs {
        optimise_function(&module.maps, &mut program.function);
    }
}

/// Optimises a verified function. What comes out is [`verify::finished`].
pub fn optimise_function(maps: &Maps, func: &mut Function) {
    for name in PIPELINE {
        if let Some(pass) = Pass::named(name) {
            pass.run(maps, func);
        }
    }
    if cfg!(any(test, debug_assertions))
        && let Err(errors) = verify::finished(maps, func)
    {
        panic!("after all passes: {errors}\n{func}");
    }
}

#[cfg(test)]
mod tests;
