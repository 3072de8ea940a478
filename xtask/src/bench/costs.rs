//! What an event costs while it is traced: nanoseconds per run of the program, above that of an empty probe.
//!
//! The workload makes a system call that nothing else makes a million times; the kernel counts runs and time
//! (kernel.bpf_stats_enabled). The empty probe shows the cost of measuring and of the filter.

use super::Bench;
use super::process;
use super::table::Table;
use super::tracer::{self, RunStats, Tracer};
use crate::Res;
use std::fs;
use std::time::Duration;

const STATS: &str = "/proc/sys/kernel/bpf_stats_enabled";
const EVENTS: u64 = 1_000_000;
const ENTER: &str = "tracepoint:syscalls:sys_enter_getxattr /pid == cpid/";
const EXIT: &str = "tracepoint:syscalls:sys_exit_getxattr /pid == cpid/";

/// Name of the row and the probe's body.
const BODIES: &[(&str, &str)] = &[
    ("`@ = count()`", "@ = count();"),
    ("`@[comm] = count()`", "@[comm] = count();"),
    ("`@[pid, tid] = sum(arg)`", "@[pid, tid] = sum(args.size);"),
    ("`@++`", "@++;"),
    ("`@ = hist(arg)`", "@ = hist(args.size);"),
    ("`@ = lhist(arg, 0, 1000, 10)`", "@ = lhist(args.size, 0, 1000, 10);"),
    ("`@ = avg(arg)`", "@ = avg(args.size);"),
    ("`@[str(arg)] = count()`", "@[str(args.pathname)] = count();"),
    ("`printf(\"%d %s\\n\", arg, comm)`", "printf(\"%d %s\\n\", args.size, comm);"),
    ("`printf(\"%d %s\\n\", arg, str(arg))`", "printf(\"%d %s\\n\", args.size, str(args.pathname));"),
];

/// The rows.
pub fn rows(bench: &Bench, table: &mut Table) -> Res<()> {
    let before = fs::read_to_string(STATS).map_err(|e| format!("{STATS}: {e}"))?;
    set_stats("1")?;
    let result = measured(bench, table);
    set_stats(before.trim())?;
    result
}

fn set_stats(value: &str) -> Res<()> {
    fs::write(STATS, value).map_err(|e| format!("{STATS}: {e}"))
}

fn measured(bench: &Bench, table: &mut Table) -> Res<()> {
    let tracers = [Some(&bench.beetrace), bench.bpftrace.as_ref()];
    let per_run = |tracer: Option<&Tracer>, script: &str| -> Res<Option<f64>> {
        let Some(tracer) = tracer else { return Ok(None) };
        let stats = traced(tracer, &bench.workload, script)?;
        Ok((stats.count > 0).then(|| stats.time as f64 / stats.count as f64))
    };
    // A body that does nothing and yet cannot be dropped, and the filter with it.
    let empty = format!("{ENTER} {{ if (args.size == 123456789) {{ @e = 1; }} }}");
    let floors = [per_run(tracers[0], &empty)?, per_run(tracers[1], &empty)?];
    table.add("empty probe with a filter (not subtracted)", "ns", [floors[0], floors[1], None]);
    let mut row = |what: &str, script: &str, probes: f64| -> Res<()> {
        let mut cells = [None; 3];
        for (i, tracer) in tracers.iter().enumerate() {
            let cost = per_run(*tracer, script)?;
            cells[i] = cost.zip(floors[i]).map(|(cost, floor)| (cost - floor) * probes);
        }
        table.add(format!("ns per event above an empty probe: {what}"), "ns", cells);
        Ok(())
    };
    for (what, body) in BODIES {
        row(what, &format!("{ENTER} {{ {body} }}"), 1.0)?;
    }
    let pair = format!(
        "{ENTER} {{ @s[tid] = nsecs; }} {EXIT} {{ $s = @s[tid]; if ($s) {{ @ = hist(nsecs - $s); delete(@s, tid); }} }}"
    );
    row("latency pair, both probes", &pair, 2.0)
}

/// Runs a script on the workload and reads the statistics of its programs before it ends.
fn traced(tracer: &Tracer, workload: &str, script: &str) -> Res<RunStats> {
    let command = format!("{workload} linger 1500 xattr /no/such/file/of/the/benchmark {EVENTS}");
    let mut child = tracer.command();
    let mut child = child.args(["-e", script, "-c", &command]).spawn().map_err(|e| e.to_string())?;
    let mut last = RunStats::default();
    // The child lingers after its last event: the count stands still then.
    process::poll(Duration::from_secs(120), || {
        let now = tracer::run_stats(child.id());
        let ended = child.try_wait().is_ok_and(|status| status.is_some());
        if now.count > 0 {
            last = now;
        }
        ended.then_some(())
    });
    let _ = child.kill();
    let _ = child.wait();
    if last.count < EVENTS {
        eprintln!("bench: {}: only {} runs of {script}", tracer.name, last.count);
    }
    Ok(last)
}
