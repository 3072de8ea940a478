//! `cargo xtask test`: every check there is, and one line with the sum of them.
//!
//! Formatting and clippy count as one check each, and so does a `cargo test` that ends badly without a failed test,
//! because it does not build or crashes.

use crate::runtime::{self, report::Counts};
use crate::{Res, compare, paths, product, setup};
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::Instant;
use std::{env, fs};

/// What the release binary must stay under.
const SHIPPED_BYTES: u64 = 6_000_000;

/// The task's entry.
pub fn task(args: &[String]) -> Res<u8> {
    if !args.is_empty() {
        return Err("usage: cargo xtask test".into());
    }
    let start = Instant::now();
    setup::build_tools()?;
    let mut sum = Counts::default();
    sum += check("formatting", &["fmt", "--all", "--check"]);
    sum += check("clippy", &["clippy", "--quiet", "--workspace", "--all-targets", "--", "-D", "warnings"]);
    // what runs in guests only is no part of all targets
    let of_guests = ["clippy", "--quiet", "--test", "kernel", "--test", "random", "--", "-D", "warnings"];
    sum += check("clippy of what runs in guests", &of_guests);
    sum += cargo_test()?;
    sum += shipped();
    for part in [runtime::all(), compare::all()] {
        sum += part.unwrap_or_else(|error| {
            eprintln!("xtask: {error}");
            failure()
        });
    }
    println!("\ntime {} s\n{sum}", start.elapsed().as_secs());
    Ok(u8::from(sum.failed > 0))
}

fn failure() -> Counts {
    Counts { failed: 1, ..Counts::default() }
}

fn cargo(args: &[&str]) -> Command {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(paths::repo()).args(args);
    cargo
}

fn check(name: &str, args: &[&str]) -> Counts {
    let passed = cargo(args).status().is_ok_and(|status| status.success());
    println!("{} {name}", if passed { "ok  " } else { "FAIL" });
    if passed { Counts { passed: 1, ..Counts::default() } } else { failure() }
}

/// Whether what is shipped is one small static file.
fn shipped() -> Counts {
    let size = product::release().and_then(|path| Ok(fs::metadata(path).map_err(|e| e.to_string())?.len()));
    let passed = size.as_ref().is_ok_and(|&size| size < SHIPPED_BYTES);
    match size {
        Ok(size) => println!("{} release binary: static, {size} bytes", if passed { "ok  " } else { "FAIL" }),
        Err(error) => println!("FAIL release binary: {error}"),
    }
    if passed { Counts { passed: 1, ..Counts::default() } } else { failure() }
}

fn cargo_test() -> Res<Counts> {
    let mut cargo = cargo(&["test", "--workspace", "--no-fail-fast"]);
    let mut child = cargo.stdout(Stdio::piped()).spawn().map_err(|e| format!("cargo: {e}"))?;
    let mut sum = Counts::default();
    for line in BufReader::new(child.stdout.take().expect("it is piped")).split(b'\n') {
        let line = line.map_err(|e| format!("cargo test: {e}"))?;
        let line = String::from_utf8_lossy(&line);
        if let Some(counts) = result_of(&line) {
            sum += counts;
        }
        println!("{line}");
    }
    let status = child.wait().map_err(|e| format!("cargo test: {e}"))?;
    if !status.success() && sum.failed == 0 {
        println!("FAIL cargo test: {status}");
        sum += failure();
    }
    Ok(sum)
}

/// The counts of a line such as `test result: ok. 3 passed; 0 failed; 1 ignored; …`.
fn result_of(line: &str) -> Option<Counts> {
    let rest = line.strip_prefix("test result: ")?;
    let count = |what: &str| {
        let before = rest.split(&format!(" {what}")).next().filter(|before| before.len() < rest.len())?;
        before.rsplit(' ').next()?.parse::<u32>().ok()
    };
    Some(Counts { passed: count("passed")?, failed: count("failed")?, skipped: count("ignored")? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_of_cargo_are_understood() {
        let line = "test result: FAILED. 12 passed; 3 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.1s";
        assert_eq!(result_of(line), Some(Counts { passed: 12, failed: 3, skipped: 1 }));
        assert_eq!(result_of("running 12 tests"), None);
    }
}
