//! Every invariant of the IR, checked. Run after the builder and, in debug and test builds, after every pass.
//!
//! **Structure** (`structure`)
//! - There is an entry block; it has one parameter, the context, and no predecessors.
//! - Every block of the layout is there once, has a terminator, and is reached from the entry.
//! - Targets are blocks of the layout and get as many arguments as the block has parameters.
//! - An instruction stands in one place. Values, results and parameters name each other; aliases do not go round.
//! - Slots and maps that are named exist; slots have a power of two up to 8 for alignment.
//! - The graph is reducible: a loop is entered at its head only.
//!
//! **SSA** (`ssa`)
//! - Definitions dominate uses.
//!
//! **Types** (`types`, `calls`)
//! - Operands and results have the types that the instruction and the helpers' table ask for; arguments of targets
//!   have the parameter's type. Parameters are never the context, nor records, which are linear.
//! - Integers and pointers do not mix: pointers are not stored, compared, computed with, branched on or returned.
//! - Pointers that may be null are only checked, or passed on; no arithmetic, no access.
//! - The context is only loaded from at constant offsets that are multiples of the width, given to helpers, and to
//!   `context_addr`, whose offset has 16 bits at most.
//! - Helpers get maps of a kind they work on; keys and values come from slots or map values, never from a record
//!   (KERNELS, rule 10); what the table calls constant is a `const`; sizes are a `const` or a `clamp`.
//!
//! **Null** (`nulls`)
//! - `non_null v` stands only where the non-null edge of a `br_null v` dominates.
//!
//! **Bounds** (`bounds`)
//! - Every access lies within its slot, map value or record, wherever the pointer may point.
//! - Loads and stores of a slot are aligned to their width, atomic ones of anything.
//! - Sizes given to helpers are known to be within the target. `copy`'s places do not overlap.
//!
//! **Initialised memory** (`initialised`)
//! - Every byte of a slot is written before it is read, on every path; that goes for keys and values given to
//!   helpers with all their padding (rule 9). Every byte of a record is written before it is submitted. String reads
//!   initialise a record, whose reader stops at the NUL, but not a slot.
//!
//! **Records** (`records`)
//! - On every path a reserved record is, where it is not null, submitted or discarded exactly once, from its start,
//!   and not touched afterwards; where it is null, not at all.
//!
//! Besides, [`finished`] holds what codegen may presume but passes may break for a while: no constant division by 0,
//! no constant shift by 64 or more (rule 13), no aliases.
//!
//! Deliberately absent: what depends on the target (features, helpers of a program type), and whether `in_bounds` is
//! true, which the interpreter checks as it runs.

mod bounds;
mod calls;
mod initialised;
mod nulls;
mod records;
mod ssa;
mod structure;
mod types;

use std::fmt;

use super::cfg::Cfg;
use super::domtree::DomTree;
use super::entities::{Block, Inst, Value};
use super::function::{Function, InstData, Provenance, Terminator, Type};
use super::known::Facts;
use super::module::Module;
use super::places::Places;
use super::print;
use super::typing::Maps;

/// Where an error is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Site {
    /// At an instruction.
    Inst(Inst),
    /// At the end of a block.
    Terminator(Block),
    /// At a block as a whole.
    Block(Block),
    /// In the function as a whole.
    Function,
}

/// A broken invariant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifyError {
    /// Where.
    pub site: Site,
    /// The text of that place, as printed.
    pub text: String,
    /// What is wrong, in words.
    pub message: String,
}

/// All errors of a function, in the order found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifyErrors {
    /// The function's name.
    pub function: String,
    /// At least one.
    pub list: Vec<VerifyError>,
}

impl fmt::Display for VerifyErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.function)?;
        for error in &self.list {
            write!(f, "\n  {}", error.message)?;
            if !error.text.is_empty() {
                write!(f, "\n    {}", error.text)?;
            }
        }
        Ok(())
    }
}

impl std::error::Error for VerifyErrors {}

/// Checks every function of a module. Errors are those of the first function that has some.
pub fn verify_module(module: &Module) -> Result<(), VerifyErrors> {
    module.programs.iter().try_for_each(|program| verify(&module.maps, &program.function))
}

/// Checks a function.
pub fn verify(maps: &Maps, func: &Function) -> Result<(), VerifyErrors> {
    let mut checker = Checker { maps, func, errors: Vec::new() };
    checker.run();
    match checker.errors {
        list if list.is_empty() => Ok(()),
        list => Err(VerifyErrors { function: func.name.clone(), list }),
    }
}

/// Checks a function that goes to codegen: [`verify`], and what passes may break for a while.
pub fn finished(maps: &Maps, func: &Function) -> Result<(), VerifyErrors> {
    verify(maps, func)?;
    let mut checker = Checker { maps, func, errors: Vec::new() };
    checker.constants();
    checker.aliases();
    match checker.errors {
        list if list.is_empty() => Ok(()),
        list => Err(VerifyErrors { function: func.name.clone(), list }),
    }
}

struct Checker<'a> {
    maps: &'a Maps,
    func: &'a Function,
    errors: Vec<VerifyError>,
}

/// What the later checks look up.
struct Analyses {
    cfg: Cfg,
    domtree: DomTree,
    places: Places,
    facts: Facts,
}

impl Checker<'_> {
    /// Each group of checks presumes those before it.
    fn run(&mut self) {
        self.structure();
        if !self.errors.is_empty() {
            return;
        }
        let cfg = Cfg::new(self.func);
        let domtree = DomTree::new(&cfg);
        self.graph(&cfg, &domtree);
        self.ssa(&cfg, &domtree);
        if !self.errors.is_empty() {
            return;
        }
        let facts = Facts::new(self.func, &cfg);
        self.types(&facts);
        if !self.errors.is_empty() {
            return;
        }
        let places = Places::new(self.maps, self.func, &cfg);
        let analyses = Analyses { cfg, domtree, places, facts };
        self.nulls(&analyses);
        self.bounds(&analyses);
        if self.errors.is_empty() {
            self.initialised(&analyses);
            self.records(&analyses);
        }
    }

    fn error(&mut self, site: Site, message: impl Into<String>) {
        let text = match site {
            Site::Inst(inst) => print::inst(self.func, inst),
            Site::Terminator(block) => print::terminator(self.func, block),
            Site::Block(block) => block.to_string(),
            Site::Function => String::new(),
        };
        let error = VerifyError { site, text, message: message.into() };
        if self.errors.last() != Some(&error) {
            self.errors.push(error);
        }
    }

    fn check(&mut self, holds: bool, site: Site, message: &str) {
        if !holds {
            self.error(site, message);
        }
    }

    fn ty(&self, value: Value) -> Type {
        self.func.type_of(self.func.resolve(value))
    }

    fn provenance(&self, value: Value) -> Option<Provenance> {
        match self.ty(value) {
            Type::Ptr(provenance) => Some(provenance),
            Type::Int => None,
        }
    }

    /// Instructions of the layout in order, with their blocks.
    fn insts(&self) -> Vec<(Block, Inst)> {
        let blocks = self.func.layout.iter();
        blocks
            .flat_map(|&block| self.func.blocks[block].insts.iter().map(move |&inst| (block, inst)))
            .collect()
    }

    fn constants(&mut self) {
        for (_, inst) in self.insts() {
            let InstData::Binary { op, right, .. } = self.func.insts[inst] else { continue };
            let Some(right) = self.func.as_const(self.func.resolve(right)) else { continue };
            let site = Site::Inst(inst);
            self.check(!(op.is_division() && right == 0), site, "division by the constant 0");
            self.check(
                !op.is_shift() || (0..64).contains(&right),
                site,
                "shift by a constant that is not 0 to 63",
            );
        }
    }

    fn aliases(&mut self) {
        for (_, inst) in self.insts() {
            let mut found = false;
            self.func.insts[inst].for_each_operand(|value| found |= self.func.resolve(value) != value);
            self.check(!found, Site::Inst(inst), "an operand is an alias");
        }
        for &block in &self.func.layout {
            let mut found = false;
            let terminator = self.func.blocks[block].terminator.iter();
            terminator.for_each(|t: &Terminator| t.for_each_operand(|v| found |= self.func.resolve(v) != v));
            self.check(!found, Site::Terminator(block), "an operand is an alias");
        }
    }
}
