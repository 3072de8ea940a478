//! Flags and arguments: bpftrace's, so that a command line typed from memory works.
//!
//! Deliberately absent: what the flags do. `driver` reads this as data.

use std::path::PathBuf;

use clap::{Parser, ValueEnum};

/// A stage whose result `-d` prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Stage {
    /// The syntax tree, as a script again.
    Ast,
    /// The typed tree.
    #[value(alias = "types")]
    Typed,
    /// SSA as built.
    #[value(alias = "codegen")]
    Ir,
    /// SSA after all passes.
    #[value(alias = "codegen-opt")]
    Opt,
    /// eBPF instructions beside the script's lines.
    #[value(alias = "dis")]
    Asm,
    /// What the ELF object holds.
    Elf,
    /// What libbpf says; the script runs.
    Libbpf,
    /// The log of the kernel's verifier; the script runs.
    Verifier,
    /// Each of them.
    All,
}

impl Args {
    /// Whether `-d` asks for the result of this stage.
    pub fn prints(&self, stage: Stage) -> bool {
        self.dump.iter().any(|wanted| *wanted == stage || *wanted == Stage::All)
    }

    /// Whether `-d` asks for results of the compiler, after which nothing runs.
    pub fn dumps(&self) -> bool {
        self.dump.iter().any(|wanted| !matches!(wanted, Stage::Libbpf | Stage::Verifier))
    }

    /// Whether `-d` asks for a stage behind the one whose result is there.
    pub fn prints_after(&self, stage: Stage) -> bool {
        self.dump.iter().any(|wanted| *wanted as u8 > stage as u8)
    }

    /// The script's parameters: those by position, and those by name, of which some are mere switches.
    pub fn parameters(&self) -> (Vec<String>, Vec<(String, Option<String>)>) {
        let first = self.file.iter().filter(|_| self.expression.is_some());
        let (mut numbered, mut named) = (Vec::new(), Vec::new());
        for text in first.chain(&self.params) {
            match text.strip_prefix("--").filter(|rest| !rest.is_empty()) {
                Some(rest) => named.push(match rest.split_once('=') {
                    Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
                    None => (rest.to_owned(), None),
                }),
                None => numbered.push(text.clone()),
            }
        }
        (numbered, named)
    }
}

/// How output is buffered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Buffering {
    /// Each record at once.
    None,
    /// Line by line.
    Line,
    /// By blocks.
    Full,
}

/// What a script is run for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Mode {
    /// Its tests.
    Test,
    /// Its benchmarks.
    Bench,
}

/// A feature of the kernel that is not to be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Refused {
    /// One link for many kernel functions.
    #[value(name = "kprobe_multi")]
    KprobeMulti,
    /// One link for entry and return of functions; not used in any case.
    #[value(name = "kprobe_session")]
    KprobeSession,
    /// One link for many places of a program.
    #[value(name = "uprobe_multi")]
    UprobeMulti,
}

/// What the output looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, ValueEnum)]
pub enum Form {
    /// For people.
    #[default]
    Text,
    /// A line of JSON for each message.
    Json,
    /// A line for each stack in maps that are keyed by one: what flame graphs are made of.
    Folded,
}

/// A tracing language for Linux that compiles to eBPF by itself
#[derive(Clone, Debug, Parser)]
#[command(
    name = "beetrace",
    version,
    disable_version_flag = true,
    after_help = "Examples:\n  \
        beetrace -e 'tracepoint:raw_syscalls:sys_enter { @[comm] = count(); }'\n  \
        beetrace -e 'kprobe:vfs_read { @bytes = hist(arg2); }'\n  \
        beetrace -c 'ls /' -e 'tracepoint:syscalls:sys_enter_openat /pid == cpid/ { print(str(args.filename)); }'\n  \
        beetrace script.bt\n  \
        beetrace explain E0301"
)]
pub struct Args {
    /// Script file, or `-` for standard input; with -e, the script's first parameter
    #[arg(value_name = "FILE")]
    pub file: Option<String>,

    /// The script's parameters: `$1` and so on; behind `--` also `--name=value` for its `getopt()`
    #[arg(value_name = "PARAMETER")]
    pub params: Vec<String>,

    /// Run this text as the script
    #[arg(short = 'e', value_name = "SCRIPT", overrides_with = "expression")]
    pub expression: Option<String>,

    /// Start this command, trace it, end when it ends
    #[arg(short = 'c', long = "cmd", value_name = "CMD", conflicts_with = "pid")]
    pub command: Option<String>,

    /// Trace only this process, end when it ends
    #[arg(short = 'p', long, value_name = "PID")]
    pub pid: Option<u32>,

    /// List the probes of a pattern, a script (FILE or -e) or, as `struct x`, the kernel's types; with -v, what they have
    #[arg(short = 'l', long)]
    pub list: bool,

    /// Look for headers in this folder too
    #[arg(short = 'I', value_name = "DIR")]
    pub include_paths: Vec<PathBuf>,

    /// Include this header before the script
    #[arg(long, value_name = "FILE")]
    pub include: Vec<String>,

    /// Write output to this file
    #[arg(short = 'o', long, value_name = "FILE")]
    pub output: Option<PathBuf>,

    /// Form of output
    #[arg(short = 'f', value_name = "FORM", value_enum, default_value_t = Form::Text)]
    pub form: Form,

    /// Draw a flame graph of the stacks in maps
    #[arg(long, value_name = "FILE.svg")]
    pub flamegraph: Option<PathBuf>,

    /// Buffering of output
    #[arg(short = 'B', value_name = "MODE", value_enum)]
    pub buffering: Option<Buffering>,

    /// No "Attached N probes" and the like
    #[arg(short = 'q', long)]
    pub quiet: bool,

    /// Tell more: programs, maps and their memory, logs
    #[arg(short = 'v', long)]
    pub verbose: bool,

    /// Compile, load and attach, then end without running
    #[arg(long)]
    pub dry_run: bool,

    /// Allow what can harm the machine: probes at bare addresses
    #[arg(long = "unsafe")]
    pub allow_unsafe: bool,

    /// Print the results of stages and end: several with commas between, or all; with libbpf and verifier the script runs
    #[arg(short = 'd', long = "debug", value_name = "STAGE", value_enum, value_delimiter = ',')]
    pub dump: Vec<Stage>,

    /// Write the BPF object to this file and end; nothing is loaded
    #[arg(long, value_name = "FILE")]
    pub emit_elf: Option<PathBuf>,

    /// Print what this kernel offers
    #[arg(long)]
    pub info: bool,

    /// No warnings
    #[arg(long, conflicts_with = "warnings")]
    pub no_warnings: bool,

    /// Accepted for scripts that set it: what could not be read is told at the end in any case
    #[arg(short = 'k', long)]
    pub warnings: bool,

    /// Run the script's `test` probes and tell which fail
    #[arg(long, conflicts_with_all = ["bench", "mode"])]
    pub test: bool,

    /// Run the script's `bench` probes and tell how long they take
    #[arg(long, conflicts_with = "mode")]
    pub bench: bool,

    /// `test` or `bench`: as the option of that name
    #[arg(long, value_enum)]
    pub mode: Option<Mode>,

    /// Only probes whose names this regular expression fits; `begin` and `end` always run
    #[arg(long, value_name = "REGEX")]
    pub probe_filter: Option<String>,

    /// Do as if the kernel lacked these: kprobe_multi, kprobe_session, uprobe_multi
    #[arg(long, value_name = "FEATURE[,FEATURE]", value_enum, value_delimiter = ',')]
    pub no_feature: Vec<Refused>,

    /// Take the kernel functions that can be traced from this file
    #[arg(long, value_name = "FILE")]
    pub traceable_functions: Option<PathBuf>,

    /// Look for debug information of programs in these folders too, absolute or relative to the program
    #[arg(long, value_name = "DIR[:DIR]")]
    pub debuginfo: Vec<String>,

    /// Switch static probes on in running processes; the kernel does it by itself
    #[arg(long)]
    pub usdt_file_activation: bool,

    /// Print bytes of traced processes as they are, without escaping control characters
    #[arg(long)]
    pub raw: bool,

    /// Registers that the allocator may use (for tests of the compiler)
    #[arg(long, hide = true, default_value_t = 10, value_parser = clap::value_parser!(u8).range(6..=10))]
    pub registers: u8,

    /// Pages of the ring buffer, for each possible CPU
    #[arg(long, hide = true, value_name = "N")]
    pub ring_pages: Option<u32>,

    /// Print the version
    #[arg(short = 'V', long)]
    pub version: bool,
}

impl Args {
    /// What the script is run for; None to trace.
    pub fn mode(&self) -> Option<Mode> {
        self.mode.or(self.test.then_some(Mode::Test)).or(self.bench.then_some(Mode::Bench))
    }

    /// The folders of `--debuginfo`, in order.
    pub fn debug_folders(&self) -> Vec<String> {
        let folders = self.debuginfo.iter().flat_map(|list| list.split(':'));
        folders.filter(|folder| !folder.is_empty()).map(str::to_owned).collect()
    }
}
