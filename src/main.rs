//! The beetrace command: arguments to driver to exit status.

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if let Some(status) = beetrace::driver::verbs::run(&words) {
        return status;
    }
    beetrace::driver::main(&beetrace::cli::Args::parse())
}
