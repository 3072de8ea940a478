//! The beetrace command: arguments to driver to exit status.

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    beetrace::driver::main(&beetrace::cli::Args::parse())
}
