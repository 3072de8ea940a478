//! What an event costs while it is traced: nanoseconds per run of the program, above that of an empty probe.
//!
//! The workload calls a function of its own a million times; the kernel counts runs and time
//! (kernel.bpf_stats_enabled). The empty probe shows the cost of measuring.

use super::Bench;
use super::process;
use super::table::Table;
use super::tracer::{self, RunStats, Tracer};
use crate::{Res, sh};
use std::fs;
use std::time::Duration;

const STATS: &str = "/proc/sys/kernel/bpf_stats_enabled";
const EVENTS: u64 = 1_000_000;
const SLOW_EVENTS: u64 = 5_000;
const TRIES: usize = 3;

/// Where the events come from.
struct Source {
    /// The probe that the rows attach to, and the one behind it.
    enter: String,
    exit: String,
    /// A number and a text that every event brings.
    number: &'static str,
    text: &'static str,
    /// What the workload does.
    event: &'static str,
}

impl Source {
    /// A function of the workload where the tracers can trace one; else a system call of it alone, behind a filter
    /// that the empty probe has too.
    fn choose(bench: &Bench) -> Source {
        let function = |kind: &str| format!("{kind}:{}:workload_call", bench.workload);
        let takes = |tracer: &Tracer| {
            let script = format!("{} {{ @ = count(); }}", function("uprobe"));
            sh::succeeds(tracer.command().args(["--dry-run", "-e", &script]))
        };
        if takes(&bench.beetrace) && bench.bpftrace.as_ref().is_none_or(takes) {
            let (enter, exit) = (function("uprobe"), function("uretprobe"));
            return Source { enter, exit, number: "arg0", text: "arg1", event: "call" };
        }
        Source {
            enter: "tracepoint:syscalls:sys_enter_getxattr /pid == cpid/".into(),
            exit: "tracepoint:syscalls:sys_exit_getxattr /pid == cpid/".into(),
            number: "args.size",
            text: "args.pathname",
            event: "xattr /no/such/file/of/the/benchmark",
        }
    }

    /// A script whose `NUMBER` and `TEXT` are what the events bring.
    fn script(&self, body: &str) -> String {
        let body = body.replace("NUMBER", self.number).replace("TEXT", self.text);
        format!("{} {{ {body} }}", self.enter)
    }

    fn command(&self, workload: &str) -> String {
        format!("{workload} linger 1500 {} {EVENTS}", self.event)
    }
}

/// Name of the row and the probe's body.
const BODIES: &[(&str, &str)] = &[
    ("`@ = count()`", "@ = count();"),
    ("`@[comm] = count()`", "@[comm] = count();"),
    ("`@[pid, tid] = sum(arg)`", "@[pid, tid] = sum(NUMBER);"),
    ("`@++`", "@++;"),
    ("`@ = hist(arg)`", "@ = hist(NUMBER);"),
    ("`@ = lhist(arg, 0, 1000, 10)`", "@ = lhist(NUMBER, 0, 1000, 10);"),
    ("`@ = avg(arg)`", "@ = avg(NUMBER);"),
    ("`@[str(arg)] = count()`", "@[str(TEXT)] = count();"),
    ("`printf(\"%d %s\\n\", arg, comm)`", "printf(\"%d %s\\n\", NUMBER, comm);"),
    ("`printf(\"%d %s\\n\", arg, str(arg))`", "printf(\"%d %s\\n\", NUMBER, str(TEXT));"),
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
    let source = Source::choose(bench);
    let tracers = [Some(&bench.beetrace), bench.bpftrace.as_ref()];
    let command = source.command(&bench.workload);
    // A body that does nothing and yet cannot be dropped, and the filter with it.
    let empty = source.script("if (NUMBER == 123456789) { @e = 1; }");
    let floors =
        [per_run(tracers[0], &empty, &command, EVENTS)?, per_run(tracers[1], &empty, &command, EVENTS)?];
    table.add("empty probe (not subtracted)", "ns", [floors[0], floors[1], None]);
    let mut row = |what: &str, script: &str, probes: f64| -> Res<()> {
        let cells = above(tracers, floors, script, &command, EVENTS)?;
        let [ours, theirs] = cells.map(|cell| cell.map(|cost| cost * probes));
        table.add(format!("ns per event above an empty probe: {what}"), "ns", [ours, theirs, None]);
        Ok(())
    };
    for (what, body) in BODIES {
        row(what, &source.script(body), 1.0)?;
    }
    let pair = format!(
        "{} {{ @s[tid] = nsecs; }} {} {{ $s = @s[tid]; if ($s) {{ @ = hist(nsecs - $s); delete(@s, tid); }} }}",
        source.enter, source.exit
    );
    row("latency pair, both probes", &pair, 2.0)?;
    slow(bench, tracers, table)
}

/// Events with pauses between them, in which a reader goes to sleep: a tracer that wakes it for each pays for that.
fn slow(bench: &Bench, tracers: [Option<&Tracer>; 2], table: &mut Table) -> Res<()> {
    const PROBE: &str = "tracepoint:syscalls:sys_enter_clock_nanosleep /pid == cpid/";
    let command = format!("{} linger 1500 sleep 100 {SLOW_EVENTS}", bench.workload);
    let empty = format!("{PROBE} {{ if (args.flags == 123456789) {{ @e = 1; }} }}");
    let floors = [
        per_run(tracers[0], &empty, &command, SLOW_EVENTS)?,
        per_run(tracers[1], &empty, &command, SLOW_EVENTS)?,
    ];
    let script = format!("{PROBE} {{ printf(\"%d %s\\n\", args.flags, comm); }}");
    let [ours, theirs] = above(tracers, floors, &script, &command, SLOW_EVENTS)?;
    let what = "ns per event above an empty probe: the same printf, 100 µs between events";
    table.add(what, "ns", [ours, theirs, None]);
    Ok(())
}

/// What each tracer's run costs above its floor.
fn above(
    tracers: [Option<&Tracer>; 2],
    floors: [Option<f64>; 2],
    script: &str,
    command: &str,
    events: u64,
) -> Res<[Option<f64>; 2]> {
    let mut cells = [None; 2];
    for (cell, (tracer, floor)) in cells.iter_mut().zip(tracers.into_iter().zip(floors)) {
        *cell = per_run(tracer, script, command, events)?.zip(floor).map(|(cost, floor)| cost - floor);
    }
    Ok(cells)
}

/// Nanoseconds of a run; the least of a few measurements, as whatever disturbs one makes it longer.
fn per_run(tracer: Option<&Tracer>, script: &str, command: &str, events: u64) -> Res<Option<f64>> {
    let Some(tracer) = tracer else { return Ok(None) };
    let mut least: Option<f64> = None;
    for _ in 0..TRIES {
        let stats = traced(tracer, script, command, events)?;
        if stats.count > 0 {
            let cost = stats.time as f64 / stats.count as f64;
            least = Some(least.map_or(cost, |least| least.min(cost)));
        }
    }
    Ok(least)
}

/// Runs a script on the workload and reads the statistics of its programs before it ends.
fn traced(tracer: &Tracer, script: &str, command: &str, events: u64) -> Res<RunStats> {
    let mut child = tracer.command();
    let mut child = child.args(["-e", script, "-c", command]).spawn().map_err(|e| e.to_string())?;
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
    if last.count < events {
        eprintln!("bench: {}: only {} runs of {script}", tracer.name, last.count);
    }
    Ok(last)
}
