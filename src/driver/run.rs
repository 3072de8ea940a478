//! A run of the command: script to artifact to kernel to output.

use std::collections::HashMap;
use std::fs;
use std::io::{Write, stderr, stdout};
use std::process::ExitCode;

use super::compile::{Product, Settings, compile, prepare};
use super::{dump, environment, help, info, list, script, settings};
use crate::cli::{Args, Buffering, Form, Refused, Stage};
use crate::config::Config;
use crate::diag::{Diagnostic, Severity, Sink, codes, render};
use crate::host::Feature;
use crate::host::system::System;
use crate::load::{self, Loaded, Options};
use crate::object::artifact::Artifact;
use crate::object::elf;
use crate::runtime::child::{Child, Target};
use crate::runtime::failure::Failure;
use crate::runtime::libbpf::{LoadedKernel, Surroundings};
use crate::runtime::output::Output;
use crate::runtime::output::flame::Flame;
use crate::runtime::output::folded::Folded;
use crate::runtime::output::json::Json;
use crate::runtime::output::sink::FileSink;
use crate::runtime::output::text::Text;
use crate::runtime::output::writer::{self, Writer};
use crate::runtime::run::{Outlets, Processes, RunOptions, run};
use crate::runtime::signals::Signals;
use crate::runtime::sys;
use crate::sema;
use crate::source::{FileId, SourceMap};

/// Runs the command.
pub fn main(args: &Args) -> ExitCode {
    if args.version {
        return print(&format!("beetrace v{}\n", env!("CARGO_PKG_VERSION")));
    }
    if args.info {
        return print(&info::info(&host(args)));
    }
    if args.list {
        return list::main(args);
    }
    let host = host(args).with_debug_folders(args.debug_folders()).with_includes(&args.include_paths);
    let mut session = Session { args, sources: SourceMap::default(), host };
    session.tell(&environment::warnings());
    match session.start() {
        Ok(status) => ExitCode::from(status),
        Err(failure) => {
            session.tell(&failure.diagnostics);
            ExitCode::from(failure.status)
        }
    }
}

/// The machine, as far as the arguments let it be used.
pub fn host(args: &Args) -> System {
    let feature = |refused: &Refused| match refused {
        Refused::KprobeMulti => Some(Feature::KprobeMulti),
        Refused::UprobeMulti => Some(Feature::UprobeMulti),
        Refused::KprobeSession => None,
    };
    let without = args.no_feature.iter().filter_map(feature).collect();
    let system = System::new().without(without).with_traceable(args.traceable_functions.clone());
    system.with_btf(environment::btf())
}

/// Prints a text that is the whole output.
pub fn print(text: &str) -> ExitCode {
    match stdout().write_all(text.as_bytes()).and_then(|()| stdout().flush()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

struct Session<'a> {
    args: &'a Args,
    sources: SourceMap,
    host: System,
}

impl Session<'_> {
    fn start(&mut self) -> Result<u8, Failure> {
        let env: HashMap<String, String> = std::env::vars().collect();
        let mut settings = settings::settings(self.args, &env).map_err(usage)?;
        let file = script::read(self.args, &mut self.sources)?;
        if self.args.dumps() {
            return self.compile(file, &settings).map(|_| 0);
        }
        if let Some(path) = &self.args.emit_elf {
            if let Some((artifact, _)) = self.compile(file, &settings)? {
                fs::write(path, elf::write(&artifact).bytes)
                    .map_err(|error| script::unwritable(path, &error))?;
            }
            return Ok(0);
        }
        let signals = Signals::install().map_err(|error| Failure::system("handle signals", &error))?;
        let mut processes = self.processes()?;
        settings.options.cpid = processes.child.as_ref().map_or(0, Child::pid);
        let Some((artifact, config)) = self.compile(file, &settings)? else { return Ok(0) };
        if artifact.programs.is_empty() {
            return self.nothing_to_run(&settings);
        }
        self.trace(&artifact, &config, &mut processes, signals)
    }

    /// All probes of the script are left out.
    fn nothing_to_run(&self, settings: &Settings) -> Result<u8, Failure> {
        if settings.options.filter.is_some() {
            let said = if self.args.quiet { Ok(()) } else { writeln!(stdout(), "No probes to attach") };
            return said.map(|()| 1).map_err(|error| Failure::output(&error));
        }
        let error = Diagnostic::error(codes::USAGE, "no probe of the script runs");
        Err(Failure::new(vec![error.help("`--test` runs its test probes, `--bench` its bench probes")]))
    }

    /// The command waits until all is attached; the script may ask for its process id before.
    fn processes(&self) -> Result<Processes, Failure> {
        // an empty command is none, as in the reference
        let command = self.args.command.as_deref().filter(|command| !command.is_empty());
        let child = command.map(Child::prepare).transpose()?;
        let target = self.args.pid.map(Target::open).transpose()?;
        Ok(Processes { child, target })
    }

    /// Compiles, tells what there is to tell, and prints the stages that `-d` asks for: None then.
    fn compile(&mut self, file: FileId, settings: &Settings) -> Result<Option<(Artifact, Config)>, Failure> {
        let mut sink = Sink::default();
        let mut dumped = None;
        let mut config = Config::default();
        let script = prepare(&mut self.sources, file, &self.host, settings, &mut sink);
        let artifact = compile(&self.sources, &script, &self.host, settings, &mut sink, &mut |product| {
            if let Product::Config(settled) = &product {
                config = Config::clone(settled);
            }
            if let Product::Ast(script) = &product
                && settings.options.named.iter().any(|(name, _)| name == "help")
            {
                dumped = Some(help::text(&sema::expand::parameters(script, &settings.options)));
                return false;
            }
            let Some(stage) = dump::stage(&product).filter(|_| self.args.dumps()) else {
                return true;
            };
            if self.args.prints(stage) {
                *dumped.get_or_insert_default() += &dump::product(&product, &self.sources);
            }
            self.args.prints_after(stage)
        });
        if let Some(artifact) = artifact.as_ref().filter(|_| self.args.prints(Stage::Elf)) {
            *dumped.get_or_insert_default() += &dump::elf(artifact);
        }
        let failed = sink.has_errors();
        self.tell(&sink.take());
        if failed {
            return Err(Failure::new(Vec::new()));
        }
        match dumped {
            Some(text) => {
                let written = stdout().write_all(text.as_bytes()).and_then(|()| stdout().flush());
                written.map(|()| None).map_err(|error| Failure::output(&error))
            }
            None => Ok(artifact.map(|artifact| (artifact, config))),
        }
    }

    /// Loads and runs.
    fn trace(
        &self,
        artifact: &Artifact,
        config: &Config,
        processes: &mut Processes,
        signals: Signals,
    ) -> Result<u8, Failure> {
        let target = self.args.pid.or(processes.child.as_ref().map(Child::pid));
        let asked = |stage| self.args.dump.contains(&stage);
        if asked(Stage::Libbpf) {
            load::tell_all();
        }
        let log = asked(Stage::Verifier);
        let options = Options { target, cancel: signals.cancel(), missing: config.missing_probes, log };
        let verbose = self.args.verbose;
        let mut loaded = Loaded::open(artifact, &options)
            .map_err(|error| Failure::new(error.diagnostics(artifact, &self.sources, verbose)))?;
        let mut out = stdout();
        for (program, log) in artifact.programs.iter().zip(loaded.logs()) {
            let line = "-".repeat(38);
            let written = writeln!(out, "BPF verifier log for {}:\n{line}\n{log}", program.name);
            written.map_err(|error| Failure::output(&error))?;
        }
        if self.args.dry_run {
            let attached = loaded.attach(artifact, &options);
            sys::detach_after_exit();
            attached.map_err(|error| Failure::new(error.diagnostics(artifact, &self.sources)))?;
            if let Some(passed) = loaded.passed_over() {
                self.tell(&passed.warnings(artifact, &self.sources));
            }
            return Ok(0);
        }
        let warn = |warnings: &[Diagnostic]| self.tell(warnings);
        let about = Surroundings { artifact, sources: &self.sources, options, verbose };
        let mut output = self.output(signals)?;
        let mut kernel = LoadedKernel::new(&mut loaded, about)?.with_warnings(&warn);
        let options = RunOptions {
            quiet: self.args.quiet,
            verbose,
            print_maps: config.print_maps_on_exit,
            trials: self.args.mode().is_some(),
        };
        let outlets = Outlets { results: &mut *output, messages: &mut stderr() };
        run(artifact, &mut kernel, &options, processes, outlets, signals)
    }

    fn output(&self, signals: Signals) -> Result<Box<dyn Output>, Failure> {
        let sink = match &self.args.output {
            Some(path) => FileSink::create(path, signals),
            None => FileSink::stdout(signals),
        };
        let buffering = match self.args.buffering {
            Some(Buffering::None) => writer::Buffering::Record,
            Some(Buffering::Line) => writer::Buffering::Line,
            Some(Buffering::Full) => writer::Buffering::Full,
            None => writer::Buffering::Auto,
        };
        let sink = sink.map_err(|error| Failure::output(&error))?;
        let (writer, warnings) = (Writer::new(Box::new(sink), buffering), !self.args.no_warnings);
        let output: Box<dyn Output> = match self.args.form {
            Form::Folded => Box::new(Folded::new(writer, warnings)),
            Form::Json => Box::new(Json::new(writer, warnings)),
            Form::Text if warnings => Box::new(Text::new(writer, self.args.raw)),
            Form::Text => Box::new(Text::new(writer, self.args.raw).without_warnings()),
        };
        Ok(match &self.args.flamegraph {
            Some(path) => Box::new(Flame::new(output, path.clone())),
            None => output,
        })
    }

    /// Writes messages to standard error.
    fn tell(&self, diagnostics: &[Diagnostic]) {
        let wanted = |d: &&Diagnostic| d.severity == Severity::Error || !self.args.no_warnings;
        let wanted: Vec<Diagnostic> = diagnostics.iter().filter(wanted).cloned().collect();
        render::to_stderr(&self.sources, &wanted, environment::colours());
    }
}

/// Settings of the environment that are wrong have an exit status of their own, as in the reference.
fn usage(diagnostics: Vec<Diagnostic>) -> Failure {
    Failure { diagnostics, status: SETTINGS }
}

/// Exit status of wrong settings.
const SETTINGS: u8 = 2;
