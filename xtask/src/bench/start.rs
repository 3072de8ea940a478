//! What it takes to have the tool and to start it: size, start-up, compile time.

use super::Bench;
use super::process::{self, Cost};
use super::table::Table;
use super::tracer::Tracer;
use crate::Res;
use std::process::Command;
use std::time::Duration;

const ONE_LINER: &str = "tracepoint:syscalls:sys_enter_openat { @[comm] = count(); printf(\"%s %s\\n\", comm, str(args.filename)); }";
const PLY_ONE_LINER: &str = "tracepoint:syscalls/sys_enter_openat { @[comm] = count(); }";
const RUNS: usize = 15;

/// The rows.
pub fn rows(bench: &Bench, table: &mut Table) -> Res<()> {
    sizes(bench, table);
    dry_runs(bench, table)?;
    compile_times(bench, table)
}

fn sizes(bench: &Bench, table: &mut Table) {
    let size = |tracer: Option<&Tracer>| tracer.and_then(Tracer::installed_size).map(|n| n as f64 / 1e6);
    let cells = [Some(&bench.beetrace), bench.bpftrace.as_ref(), bench.ply.as_ref()].map(size);
    table.add("installed size with its libraries", "MB", cells);
}

fn dry_run(tracer: &Tracer, script: &str) -> Command {
    let mut command = tracer.command();
    if tracer.name == "ply" {
        command.args(["-S", "-e", script]);
    } else {
        command.args(["--dry-run", "-e", script]);
    }
    command
}

fn dry_runs(bench: &Bench, table: &mut Table) -> Res<()> {
    let measure = |tracer: Option<&Tracer>| -> Res<Option<Cost>> {
        let Some(tracer) = tracer else { return Ok(None) };
        let script = if tracer.name == "ply" { PLY_ONE_LINER } else { ONE_LINER };
        let cost = process::median(RUNS, || {
            // The kernel takes its time to free the event of the run before, and lets nobody attach meanwhile.
            std::thread::sleep(Duration::from_millis(200));
            dry_run(tracer, script)
        })?;
        Ok((cost.status == 0).then_some(cost))
    };
    let costs =
        [measure(Some(&bench.beetrace))?, measure(bench.bpftrace.as_ref())?, measure(bench.ply.as_ref())?];
    table.add(
        "`--dry-run` of a tracepoint one-liner with a map and a printf: CPU time",
        "ms",
        costs.map(|c| c.map(|c| c.cpu)),
    );
    table.add("the same, wall time", "ms", costs.map(|c| c.map(|c| c.wall)));
    table.add("the same, peak memory", "MB", costs.map(|c| c.map(|c| c.peak / 1024.0)));
    Ok(())
}

/// `n` assignments of distinct keys in one probe.
fn assignments(n: usize) -> String {
    let body: String = (0..n).map(|i| format!("@m[{i}] = {i};\n")).collect();
    format!("begin {{ {body} }}")
}

fn compile_times(bench: &Bench, table: &mut Table) -> Res<()> {
    let mut times = Vec::new();
    for n in [100, 500, 1000, 5000] {
        let script = assignments(n);
        let measure = |tracer: &Tracer, stage: &str| -> Res<Option<f64>> {
            let cost = process::median(3, || {
                let mut command = tracer.command();
                command.args(["-d", stage, "-e", &script]);
                command
            })?;
            Ok((cost.status == 0).then_some(cost.cpu))
        };
        // The reference takes minutes for the longer ones.
        let reference = match &bench.bpftrace {
            Some(tracer) if n <= 500 => measure(tracer, "codegen-opt")?,
            _ => None,
        };
        let ours = measure(&bench.beetrace, "asm")?;
        table.add(
            format!("compile {n} map assignments in one probe: CPU time"),
            "ms",
            [ours, reference, None],
        );
        times.push((n, ours));
    }
    let of = |n: usize| times.iter().find(|(size, _)| *size == n).and_then(|(_, time)| *time);
    let growth = of(5000).zip(of(500)).map(|(large, small)| large / small);
    table.add("compile 5,000 against 500 assignments: times as long", "×", [growth, None, None]);
    Ok(())
}
