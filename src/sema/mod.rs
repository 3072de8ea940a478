//! Meaning: names, probes, types. Syntax tree in, typed tree or diagnostics out.
//!
//! [`analyse`] goes in steps: the maps of the script, then for each probe block its scopes and attach points
//! (`scope`, `probes`, `bodies`), then the types of variables and maps over the whole script (`infer`), and at last
//! every expression once more, aloud, into the typed tree (`expr`, `calls`, `stmt`).
//!
//! Invariants: all mistakes of a script are reported, each once; a mistake does not make others appear that are not
//! there. What is returned after a mistake is not meant to be compiled.
//!
//! Deliberately absent: anything about how a value is computed or kept; that is `ir`'s.

mod abi;
mod aggregation;
mod bodies;
pub mod builtins;
mod calls;
mod check;
mod constant;
mod ctypes;
mod declare;
mod definitions;
mod drains;
pub mod expand;
mod expr;
mod fields;
mod filter;
pub mod format;
mod go_abi;
mod imports;
mod infer;
pub mod listing;
mod loops;
mod maps;
mod names;
mod print;
mod probes;
mod program;
pub mod reference;
mod registers;
mod scope;
mod signatures;
mod stmt;
mod storage;
pub mod tree;
mod ty;
pub mod types;
mod unstable;
mod unsupported;
mod usdt;
mod uapi;
mod value;
mod walk;

pub use filter::Filter;
use tree::ProbeKind;

use crate::config::{Config, Missing, UnstableFeatures};
use crate::diag::Sink;
use crate::host::Host;
use crate::syntax::ast::Script;
use crate::wire::types::StackMode;
pub use print::print;

/// True for a name of the language: a builtin, a function, a type. No header takes it over with a macro.
pub fn is_own_name(name: &str) -> bool {
    signatures::find(name).is_some() || ctypes::language_type(name).is_some()
}

/// Which probes of a script run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// All but tests and benchmarks.
    #[default]
    Trace,
    /// `test` probes, with `begin` and `end` (`--test`).
    Test,
    /// `bench` probes, with `begin` and `end` (`--bench`).
    Bench,
}

impl Mode {
    /// Whether probes of `kind` run.
    fn runs(self, kind: ProbeKind) -> bool {
        match kind {
            ProbeKind::Begin | ProbeKind::End => true,
            ProbeKind::Test => self == Mode::Test,
            ProbeKind::Bench => self == Mode::Bench,
            _ => self == Mode::Trace,
        }
    }
}

/// What the command line says about the run, as far as it changes the meaning of a script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Trace only this process (`-p`), where the kind of probe can tell.
    pub pid: Option<u32>,
    /// Pid of the command started by `-c`, 0 when there is none: the builtin `cpid`.
    pub cpid: u32,
    /// Bytes of a string, NUL included (`max_strlen`).
    pub max_strlen: u32,
    /// Entries of a map at most, unless it says otherwise (`max_map_keys`).
    pub max_map_keys: u32,
    /// What can harm the machine may be done (`--unsafe`).
    pub allow_unsafe: bool,
    /// Attach points at most (`max_probes`).
    pub max_probes: u32,
    /// What is done about attach points that are not there (`missing_probes`).
    pub missing_probes: Missing,
    /// Positional parameters of the command line: `$1` and the following.
    pub params: Vec<String>,
    /// Named parameters of the command line (`--name=value`); those without a value are true.
    pub named: Vec<(String, Option<String>)>,
    /// CLOCK_TAI less CLOCK_MONOTONIC in ns, for `nsecs(sw_tai)`.
    pub tai_offset: i64,
    /// How stacks are printed when the script does not say (`stack_mode`).
    pub stack_mode: StackMode,
    /// Which unstable features may be used (`unstable_…`).
    pub unstable: UnstableFeatures,
    /// Which probes run.
    pub mode: Mode,
    /// All settings, for `config`.
    pub settings: Config,
    /// Only probes whose names it fits run, beside `begin`, `end` and `self` (`--probe-filter`).
    pub filter: Option<Filter>,
}

impl Options {
    /// The process that is traced alone (`-p`), or started to be traced (`-c`).
    pub fn target(&self) -> Option<u32> {
        self.pid.or((self.cpid != 0).then_some(self.cpid))
    }
}

impl Default for Options {
    fn default() -> Options {
        let mut options = Options {
            pid: None,
            allow_unsafe: false,
            cpid: 0,
            max_strlen: 0,
            max_map_keys: 0,
            max_probes: 0,
            missing_probes: Missing::Error,
            params: Vec::new(),
            named: Vec::new(),
            tai_offset: 0,
            stack_mode: StackMode::Symbols,
            unstable: Config::default().unstable,
            mode: Mode::Trace,
            settings: Config::default(),
            filter: None,
        };
        options.adopt(&Config::default());
        options
    }
}

impl Options {
    /// Takes over the settings that change the meaning of a script.
    pub fn adopt(&mut self, config: &Config) {
        self.max_strlen = config.max_strlen;
        self.max_map_keys = config.max_map_keys;
        self.max_probes = config.max_probes;
        self.missing_probes = config.missing_probes;
        self.unstable = config.unstable;
        self.settings = config.clone();
        self.stack_mode = match config.stack_mode {
            crate::config::StackMode::Bpftrace => StackMode::Symbols,
            crate::config::StackMode::Perf => StackMode::Perf,
            crate::config::StackMode::Raw => StackMode::Raw,
            crate::config::StackMode::BuildId => StackMode::BuildId,
        };
    }
}

/// Checks `script` against the machine and types it. Mistakes and warnings go to `sink`; when there is an error
/// among them the program must not be used.
pub fn analyse(script: &Script, host: &dyn Host, options: &Options, sink: &mut Sink) -> tree::Program {
    let (script, expansion) = expand::expand(script, options, sink);
    let script = script.as_ref();
    let license = &options.settings.license;
    if script.declarations.is_empty() && script.objects.is_empty() {
        return check(script, (host, &imports::Imports::default()), options, &expansion, sink);
    }
    let mut types = definitions::Definitions::new(host.btf().ok(), &script.declarations, sink);
    let imports = imports::Imports::collect(&script.objects, &mut types, license, sink);
    check(script, (&definitions::WithDefinitions { host, types }, &imports), options, &expansion, sink)
}

/// The C types that `script` defines, as text: sizes, offsets and constants.
pub fn describe_definitions(script: &Script, host: &dyn Host, sink: &mut Sink) -> String {
    definitions::describe(&definitions::Definitions::new(host.btf().ok(), &script.declarations, sink))
}

fn check(
    script: &Script,
    from: (&dyn Host, &imports::Imports),
    options: &Options,
    expansion: &expand::Expansion,
    sink: &mut Sink,
) -> tree::Program {
    unsupported::items(script, sink);
    let mut checker = check::Checker::new(from, options, sink, maps::Maps::collect(script));
    checker.declare(&script.map_decls);
    let mut rules = Vec::new();
    for (clause, probe) in script.probes.iter().enumerate() {
        rules.extend(checker.add_bodies(clause as u32, probe));
        checker.check_count(probe.attach[0].span);
    }
    checker.infer(rules);
    let program = checker.program(script);
    sort(sink, expansion);
    program
}

/// Puts messages in the order of the places they are about, as a reader meets them.
fn sort(sink: &mut Sink, expansion: &expand::Expansion) {
    let mut messages = sink.take();
    expansion.explain(&mut messages);
    messages.sort_by_key(|message| {
        message.labels.iter().find(|label| label.primary).map(|label| (label.span.file, label.span.start))
    });
    messages.into_iter().for_each(|message| sink.push(message));
}
