//! The order of the stages. Nothing else knows it.

use std::process::ExitCode;

use crate::cli::Args;
use crate::host::{Feature, Host, system::System};

/// Runs the command.
pub fn main(args: &Args) -> ExitCode {
    if args.version {
        println!("beetrace v{}", env!("CARGO_PKG_VERSION"));
        return ExitCode::SUCCESS;
    }
    if args.info {
        print!("{}", info(&System::new()));
        return ExitCode::SUCCESS;
    }
    ExitCode::FAILURE
}

/// What `--info` prints: one `name: yes|no` a line, for people and for tests.
fn info(host: &dyn Host) -> String {
    let mut out =
        format!("beetrace: v{}\npossible cpus: {}\n", env!("CARGO_PKG_VERSION"), host.possible_cpus());
    for feature in Feature::ALL {
        out += &format!("{}: {}\n", feature.name(), if host.has(*feature) { "yes" } else { "no" });
    }
    out
}
