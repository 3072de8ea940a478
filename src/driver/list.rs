//! `-l`: lists and ends.

use std::collections::HashMap;
use std::io::{IsTerminal, stderr};
use std::path::Path;
use std::process::ExitCode;

use super::{run, script, settings};
use crate::cli::Args;
use crate::diag::{Diagnostic, Sink, render};
use crate::host::system::System;
use crate::sema::listing;
use crate::source::SourceMap;
use crate::syntax;

/// Lists what the arguments ask for.
pub fn main(args: &Args) -> ExitCode {
    let mut sources = SourceMap::default();
    let host = System::new();
    let is_script = args.expression.is_some() || args.file.as_deref().is_some_and(|f| Path::new(f).is_file());
    let result = match is_script {
        true => of_script(args, &host, &mut sources),
        false => {
            let pattern = args.file.as_deref().unwrap_or("*");
            listing::list(pattern, &host, args.verbose).map_err(|error| vec![*error])
        }
    };
    match result {
        Ok(text) => run::print(&text),
        Err(diagnostics) => {
            let colours = stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
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
    let script = syntax::parse(file, &sources.file(file).text, &mut sink);
    if sink.has_errors() {
        return Err(sink.take());
    }
    let text = listing::of_script(&script, host, &settings.options, args.verbose, &mut sink);
    if sink.has_errors() { Err(sink.take()) } else { Ok(text) }
}
