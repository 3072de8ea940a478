//! `-l`: lists and ends. A file that is a program has functions and static probes; any other is a script.

use std::collections::HashMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::process::ExitCode;

use super::{compile, environment, run, script, settings};
use crate::cli::Args;
use crate::diag::{Diagnostic, Sink, render};
use crate::host::system::System;
use crate::sema::listing;
use crate::source::SourceMap;

/// Lists what the arguments ask for.
pub fn main(args: &Args) -> ExitCode {
    let mut sources = SourceMap::default();
    let host = run::host(args).with_debug_folders(args.debug_folders()).with_includes(&args.include_paths);
    let file = args.file.as_deref().filter(|file| Path::new(file).is_file());
    let pattern = match file {
        _ if args.expression.is_some() => None,
        Some(file) if is_program(file) => Some(format!("uprobe:{file}:*,usdt:{file}:*")),
        Some(_) => None,
        None => Some(args.file.clone().unwrap_or_else(|| "*".to_owned())),
    };
    let mut sink = Sink::default();
    let result = match pattern {
        None => of_script(args, &host, &mut sources),
        Some(pattern) => listing::list(&pattern, &host, args.pid, args.verbose, &mut sink)
            .map_err(|error| sink.take().into_iter().chain([*error]).collect()),
    };
    let colours = environment::colours();
    render::to_stderr(&sources, &environment::warnings(), colours);
    match result {
        Ok(text) => {
            render::to_stderr(&sources, sink.all(), colours);
            run::print(&text)
        }
        Err(diagnostics) => {
            render::to_stderr(&sources, &diagnostics, colours);
            ExitCode::FAILURE
        }
    }
}

fn of_script(args: &Args, host: &System, sources: &mut SourceMap) -> Result<String, Vec<Diagnostic>> {
    let env: HashMap<String, String> = std::env::vars().collect();
    let settings = settings::settings(args, &env)?;
    let file = script::read(args, sources).map_err(|failure| failure.diagnostics)?;
    let mut sink = Sink::default();
    let script = compile::prepare(sources, file, host, &settings, &mut sink);
    let script = compile::parse(sources, &script, &mut sink);
    if sink.has_errors() {
        return Err(sink.take());
    }
    let text = listing::of_script(&script, host, &settings.options, args.verbose, &mut sink);
    if sink.has_errors() { Err(sink.take()) } else { Ok(text) }
}

/// True for an ELF file.
fn is_program(path: &str) -> bool {
    let mut start = [0; 4];
    File::open(path).and_then(|mut file| file.read_exact(&mut start)).is_ok() && start == *b"\x7fELF"
}
