//! Compiled scripts as plain data ([`artifact`]), and as ELF files that libbpf loads ([`elf`]).
//!
//! [`assemble`] joins what the stages before made: the code of each program, the maps, the actions, and, out of the
//! spans that every instruction carries, the line records that let the kernel's log and bpftool speak of the script.
//!
//! Invariants: program names are unique identifiers and stay distinct when the kernel cuts them to 15 bytes
//! ([`names::short`]); line records ascend strictly, the first is at slot 0, none is at the second slot of a 64-bit
//! immediate load.
//!
//! Deliberately absent: anything of the host. What the kernel lacks was decided before, or is found out at load.

pub mod artifact;
pub mod btf;
pub mod elf;
mod lines;
pub mod names;
mod types;

use crate::codegen::callback::Callback;
use crate::codegen::inst::Code;
use crate::ir;
use crate::sema::tree::{Attach, ProbeKind};
use crate::source::{SourceMap, Span};
use artifact::{Artifact, AttachPoint, Program};
use lines::Places;

/// What the kernel that the artifact is made for can do, as far as the artifact shows it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// One link may hold many kernel functions (kprobe_multi).
    pub kprobe_multi: bool,
    /// One link may hold many places of a program (uprobe_multi).
    pub uprobe_multi: bool,
}

/// Joins `codes`, one a program of `module` in the same order, into an artifact.
///
/// # Panics
/// When there are not as many codes as programs.
pub fn assemble(module: &ir::Module, codes: Vec<Code>, sources: &SourceMap, options: Options) -> Artifact {
    assert_eq!(module.programs.len(), codes.len(), "one code a program");
    let places = Places::new(sources);
    let taken = module.maps.values().map(|map| &map.name).chain(&module.taken).cloned();
    let names =
        names::programs(module.programs.iter().map(|p| (p.function.kind, p.attach.as_slice())), taken);
    let programs = module.programs.iter().zip(codes).zip(names);
    Artifact {
        config: crate::config::Config::default(),
        pins: Vec::new(),
        imports: Vec::new(),
        objects: Vec::new(),
        programs: programs
            .map(|((program, code), name)| join(program, code, name, &places, options))
            .collect(),
        maps: module.maps.values().cloned().collect(),
        actions: module.actions.clone(),
        clauses: module.clauses.clone(),
        probe_names: module.probe_names.clone(),
        texts: module.texts.clone(),
        action_places: module.action_spans.iter().map(|span| places.of(*span)).collect(),
        files: sources.files().map(|(_, file)| file.name.clone()).collect(),
    }
}

fn join(
    program: &ir::module::Program,
    code: Code,
    name: String,
    places: &Places,
    options: Options,
) -> Program {
    let attach: Vec<AttachPoint> = program
        .attach
        .iter()
        .map(|point| AttachPoint {
            name: point.name.clone(),
            target: point.target.clone(),
            cookie: u64::from(point.name_index),
            place: places.of(point.span),
        })
        .collect();
    Program {
        name,
        kind: program.function.kind,
        clause: program.function.clause,
        lines: lines::records(&code, program.function.span, places),
        callbacks: code
            .callbacks
            .iter()
            .map(|callback| function(callback, program.function.span, places))
            .collect(),
        insns: code.insns,
        relocs: code.relocs,
        multi: wants_multi(program.function.kind, &attach, options),
        attach,
        cookies: program.cookies,
    }
}

fn function(callback: &Callback, block: Span, places: &Places) -> artifact::Callback {
    match callback {
        Callback::Collect(collect) => {
            let (insns, relocs) = collect.code();
            let lines = vec![places.line(0, collect.span)];
            artifact::Callback { insns, relocs, lines, called: false, callbacks: Vec::new() }
        }
        Callback::Round(round) => artifact::Callback {
            insns: round.code.insns.clone(),
            relocs: round.code.relocs.clone(),
            lines: lines::records(&round.code, block, places),
            called: round.called,
            callbacks: round.code.callbacks.iter().map(|inner| function(inner, block, places)).collect(),
        },
    }
}

/// Many functions, all at their entry or return: what one kprobe_multi link can hold. Many places of programs.
fn wants_multi(kind: ProbeKind, attach: &[AttachPoint], options: Options) -> bool {
    let at_ends = || attach.iter().all(|point| !matches!(point.target, Attach::Kprobe { offset: 1.., .. }));
    let fits = match kind {
        ProbeKind::Kprobe | ProbeKind::Kretprobe => options.kprobe_multi && at_ends(),
        kind => options.uprobe_multi && kind.in_user_space(),
    };
    fits && attach.len() > 1
}
