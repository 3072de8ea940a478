//! The beetrace command: arguments to driver to exit status.

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if let Some(status) = beetrace::driver::verbs::run(&words) {
        return status;
    }
    match beetrace::cli::Args::try_parse() {
        Ok(args) => beetrace::driver::main(&args),
        // help is no mistake; what is one has the exit status of all mistakes
        Err(told) => {
            let shown = told.print();
            if told.use_stderr() || shown.is_err() { ExitCode::FAILURE } else { ExitCode::SUCCESS }
        }
    }
}
