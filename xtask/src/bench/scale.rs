//! Large numbers: attach points, probes that are listed, keys that are printed.

use super::Bench;
use super::process::{self, Cost};
use super::table::Table;
use super::tracer::Tracer;
use crate::{Res, product, sh};
use std::fmt::Write;
use std::fs;
use std::process::{Command, Stdio};

/// Functions of the program that is made for it.
const FUNCTIONS: usize = 10_000;
const KEYS: usize = 1_000_000;
/// Programs that fill a map.
const PARTS: usize = 10;
const RUNS: usize = 3;
/// Where the kernel tells which of its functions can be traced.
const TRACEABLE: &str = "/sys/kernel/tracing/available_filter_functions";

/// The rows.
pub fn rows(bench: &Bench, table: &mut Table) -> Res<()> {
    let program = program()?;
    let many = format!("uprobe:{program}:f* {{ @ = count(); }} begin {{ exit(); }}");
    row(
        bench,
        table,
        &format!("attach and detach {FUNCTIONS} functions of a program, the whole run"),
        None,
        &many,
    )?;
    if let Some(pattern) = pattern() {
        let many = format!("{pattern} {{ @ = count(); }} begin {{ exit(); }}");
        row(bench, table, "attach and detach 10,000 functions of the kernel, the whole run", None, &many)?;
    }
    // in parts: kernels end a loop after a quarter of a second
    let fill = |keys: usize, print: &str| {
        let part =
            |from: usize, to: usize| format!("begin {{ for ($i : {from}..{to}) {{ @m[$i] = $i; }} }} ");
        let parts = (0..PARTS).map(|n| part(keys * n / PARTS, keys * (n + 1) / PARTS));
        format!("{} begin {{ {print} exit(); }}", parts.collect::<String>())
    };
    let what = format!("fill and print a map of {KEYS} keys");
    row(bench, table, &what, Some(&fill(1, "")), &fill(KEYS, ""))?;
    row(
        bench,
        table,
        "the same, cleared instead of printed",
        Some(&fill(1, "clear(@m);")),
        &fill(KEYS, "clear(@m);"),
    )?;
    listing(bench, table)
}

/// What the second script takes, beyond the first if there is one.
fn row(bench: &Bench, table: &mut Table, what: &str, few: Option<&str>, many: &str) -> Res<()> {
    let measure = |tracer: Option<&Tracer>| -> Res<Option<f64>> {
        let Some(tracer) = tracer else { return Ok(None) };
        let small = few.map(|few| cost(tracer, few)).transpose()?;
        let large = cost(tracer, many)?;
        let ended = large.status == 0 && small.is_none_or(|small| small.status == 0);
        Ok(ended.then(|| large.wall - small.map_or(0.0, |small| small.wall)))
    };
    let cells = [measure(Some(&bench.beetrace))?, measure(bench.bpftrace.as_ref())?, None];
    table.add(format!("{what}: wall time"), "ms", cells);
    Ok(())
}

fn cost(tracer: &Tracer, script: &str) -> Res<Cost> {
    process::median(RUNS, || {
        let mut command = limits(tracer.command());
        command.args(["-e", script]);
        command
    })
}

fn limits(mut command: Command) -> Command {
    for name in ["MAX_PROBES", "MAX_BPF_PROGS", "MAX_MAP_KEYS"] {
        for tool in ["BPFTRACE", "BEETRACE"] {
            command.env(format!("{tool}_{name}"), (2 * KEYS).to_string());
        }
    }
    command
}

fn listing(bench: &Bench, table: &mut Table) -> Res<()> {
    let list = |tracer: &Tracer| {
        let mut command = tracer.command();
        command.arg("-l");
        command
    };
    let lines = |command: &mut Command| sh::output(command.stdout(Stdio::piped()));
    let count = |tracer: &Tracer| lines(&mut list(tracer)).map_or(0, |text| text.lines().count());
    let measure = |tracer: Option<&Tracer>| -> Res<Option<f64>> {
        let Some(tracer) = tracer else { return Ok(None) };
        let cost = process::median(RUNS, || list(tracer))?;
        // per probe: the tools do not list the same kinds
        Ok((cost.status == 0).then(|| cost.wall * 60_000.0 / count(tracer).max(1) as f64))
    };
    let cells = [measure(Some(&bench.beetrace))?, measure(bench.bpftrace.as_ref())?, None];
    table.add("list every probe: wall time for each 60,000", "ms", cells);
    Ok(())
}

/// A program of so many functions.
fn program() -> Res<String> {
    let folder = product::target()?.join("bench");
    fs::create_dir_all(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    let (source, program) = (folder.join("many.c"), folder.join("many"));
    let mut text = String::new();
    for number in 0..FUNCTIONS {
        let _ = writeln!(text, "int f{number}(int a) {{ return a + {number}; }}");
    }
    text += "int main(void) { return 0; }\n";
    fs::write(&source, text).map_err(|e| format!("{}: {e}", source.display()))?;
    sh::quiet(Command::new("gcc").arg("-O0").arg("-o").arg(&program).arg(&source))?;
    Ok(program.display().to_string())
}

/// Attach points that hold about 10,000 functions of the kernel; None when none can be traced here.
fn pattern() -> Option<String> {
    let text = fs::read_to_string(TRACEABLE).ok()?;
    let (mut count, mut points) = (0, Vec::new());
    for letter in 'a'..='z' {
        let of_letter = text.lines().filter(|line| line.starts_with(letter) && !line.contains('[')).count();
        if count + of_letter <= 11_000 {
            count += of_letter;
            points.push(format!("kprobe:vmlinux:{letter}*"));
        }
    }
    (count >= 9_000).then(|| points.join(", "))
}
