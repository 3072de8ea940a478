//! Random scripts on real kernels: what they print must be what the typed tree means.
//!
//! `random pack FILE PROGRAMS SQUEEZED CPUS [FEATURE]...` compiles scripts for a kernel that has these features and no
//! others, on a machine that is quick: PROGRAMS of them with all registers, and SQUEEZED with six, so that every one
//! spills. `random run FILE`, on the kernel, loads what was compiled and runs it: BEGIN programs go through
//! BPF_PROG_TEST_RUN, so each script is a number of programs that the verifier takes and the kernel executes.
//! `random print SEED [FEATURE]...` prints a script.
//!
//! Built without the compiler's own checks (profile `swift`): `tests/it/differential.rs` compiles such scripts with all
//! of them.

mod pack;
mod run;

use std::fs;
use std::process::ExitCode;

use beetrace::host::Feature;

/// Programs a script.
const PROBES: usize = 25;

fn features(names: &[String]) -> Result<Vec<Feature>, String> {
    let find = |name: &String| {
        let found = Feature::ALL.iter().find(|feature| feature.name() == name);
        found.copied().ok_or_else(|| format!("no feature is named {name}"))
    };
    names.iter().map(find).collect()
}

fn number<N: std::str::FromStr>(word: &str) -> Result<N, String> {
    word.parse().map_err(|_| format!("{word} is no number"))
}

fn task(args: &[&str], names: &[String]) -> Result<String, String> {
    match args {
        ["pack", file, programs, squeezed, cpus] => {
            let kernel = pack::Kernel { features: features(names)?, cpus: number(cpus)? };
            let packed = pack::pack(&kernel, number(programs)?, number(squeezed)?)?;
            fs::write(file, packed).map_err(|error| format!("{file}: {error}"))?;
            Ok(String::new())
        }
        ["run", file] => {
            let bytes = fs::read(file).map_err(|error| format!("{file}: {error}"))?;
            run::all(&postcard::from_bytes(&bytes).map_err(|error| format!("{file}: {error}"))?)
        }
        ["print", seed] => {
            Ok(pack::text(number(seed)?, &pack::Kernel { features: features(names)?, cpus: 2 }))
        }
        _ => Err("usage: random pack FILE PROGRAMS SQUEEZED CPUS [FEATURE]... | random run FILE | \
                  random print SEED [FEATURE]..."
            .into()),
    }
}

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let fixed = match args.first().map(String::as_str) {
        Some("pack") => 5,
        _ => 2,
    };
    let (own, names) = args.split_at(fixed.min(args.len()));
    match task(&own.iter().map(String::as_str).collect::<Vec<_>>(), names) {
        Ok(told) => print!("{told}"),
        Err(why) => {
            println!("{why}");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}
