//! Tasks of the repository, run as `cargo xtask TASK`: guests, the tests that need a kernel, and what a fresh
//! machine has to have for them.
//!
//! Invariants: standard library only, so that `cargo xtask` builds in seconds on a machine that has nothing else;
//! the same executable, linked statically, is the agent inside the guests. Deliberately not here: anything that
//! beetrace itself needs at run time.

mod bench;
mod compare;
mod constants;
mod guest;
mod paths;
mod probed;
mod product;
mod random;
mod run;
mod runtime;
mod setup;
mod sh;
mod test;
mod tools;
mod vm;

use std::process::ExitCode;

/// What a task gives back: a value, or one message for the user.
type Res<T> = Result<T, String>;

/// A task: its name, what it is for, and its entry, which gives back the process's exit status.
type Task = (&'static str, &'static str, fn(&[String]) -> Res<u8>);

const TASKS: &[Task] = &[
    (
        "bench",
        "measure the performance table, beside bpftrace and ply: bench [start|costs|exact]..",
        bench::task,
    ),
    (
        "compare",
        "run tests/compare with beetrace and the reference: compare [--record] [FILTER]",
        compare::task,
    ),
    ("constants", "write the table of the kernel's constants from its user API headers", constants::task),
    ("setup", "install the packages and fetch the guest kernels that the tests need", setup::task),
    ("run", "build and run beetrace here or in a guest: run [--vm 6.12] -- [ARGUMENT]..", run::task),
    ("test", "run every test there is and print the sum", test::task),
    ("test-runtime", "run tests/runtime in guests: test-runtime [--kernel 6.12|all] [FILTER]", runtime::task),
    ("vm", "run a command in a guest: vm --kernel 6.12|all [--in PATH].. -- CMD", vm::task),
];

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let Some((name, rest)) = args.split_first() else {
        eprint!("{}", usage());
        return ExitCode::from(2);
    };
    if name == guest::AGENT {
        return finish(guest::agent::run());
    }
    match TASKS.iter().find(|task| task.0 == name) {
        Some(task) => finish(task.2(rest)),
        None => {
            eprint!("xtask: there is no task `{name}`\n{}", usage());
            ExitCode::from(2)
        }
    }
}

fn usage() -> String {
    let mut text = String::from("usage: cargo xtask TASK [ARGUMENT]...\n");
    for (name, about, _) in TASKS {
        text += &format!("  {name:<14} {about}\n");
    }
    text
}

fn finish(result: Res<u8>) -> ExitCode {
    match result {
        Ok(status) => ExitCode::from(status),
        Err(message) => {
            eprintln!("xtask: {message}");
            ExitCode::from(2)
        }
    }
}
