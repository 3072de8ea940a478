//! Whether what is told is true: events printed or reported lost, sums of concurrent updates, print and clear.

use super::Bench;
use super::table::Table;
use super::tracer::Tracer;
use crate::Res;
use std::process::{Command, Stdio};
use std::time::Instant;

const EVENTS: u64 = 200_000;

/// The rows.
pub fn rows(bench: &Bench, table: &mut Table) -> Res<()> {
    let tracers = [Some(&bench.beetrace), bench.bpftrace.as_ref()];
    let mut row = |what: &str, unit, measure: &dyn Fn(&Tracer) -> Res<f64>| -> Res<()> {
        let mut cells = [None; 3];
        for (i, tracer) in tracers.iter().enumerate() {
            cells[i] = tracer.map(measure).transpose()?;
        }
        table.add(what, unit, cells);
        Ok(())
    };
    row("events printed and reported lost, of 200,000 from 2 threads with a small ring", "%", &|tracer| {
        accounted(tracer, &bench.workload)
    })?;
    row("`@x++` from 2 threads: lost", "%", &|tracer| updates_lost(tracer, &bench.workload))?;
    row("`print(@); clear(@)` every 20 ms: lost", "%", &|tracer| cleared_lost(tracer, &bench.workload))?;
    row("events printed per second, ring large", "/s", &|tracer| printed_rate(tracer, &bench.workload))?;
    row("printing a map of 1,000,000 keys", "s", &|tracer| printed_map(tracer, &bench.workload))
}

/// Standard output and error of a run.
fn output(tracer: &Tracer, envs: &[(&str, &str)], script: &str, command: &str) -> Res<(String, String)> {
    let mut run: Command = tracer.command();
    run.envs(envs.iter().copied()).args(["-e", script, "-c", command]);
    let output = run.stdout(Stdio::piped()).stderr(Stdio::piped()).output().map_err(|e| e.to_string())?;
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    Ok((text(output.stdout), text(output.stderr)))
}

fn two_threads(workload: &str) -> String {
    format!("{workload} threads 2 {} getpgid", EVENTS / 2)
}

const ENTER: &str = "tracepoint:syscalls:sys_enter_getpgid /pid == cpid/";

/// What a report says was lost: the total where it has one, else the sum of the numbers in lines with the word.
fn lost(report: &str) -> u64 {
    let number =
        |line: &str| line.split(|c: char| !c.is_ascii_digit()).find_map(|word| word.parse::<u64>().ok());
    let lines = report.lines().map(str::to_lowercase).filter(|line| line.contains("lost"));
    let (totals, parts): (Vec<String>, Vec<String>) = lines.partition(|line| line.contains("total"));
    match totals.last() {
        Some(total) => number(total).unwrap_or(0),
        None => parts.iter().filter_map(|line| number(line)).sum(),
    }
}

fn accounted(tracer: &Tracer, workload: &str) -> Res<f64> {
    let script = format!("{ENTER} {{ printf(\"event %d\\n\", pid); }}");
    let small = [("BPFTRACE_PERF_RB_PAGES", "4"), ("BEETRACE_PERF_RB_PAGES", "4")];
    let (out, err) = output(tracer, &small, &script, &two_threads(workload))?;
    let printed = out.lines().filter(|line| line.starts_with("event ")).count() as u64;
    Ok((printed + lost(&err) + lost(&out)) as f64 * 100.0 / EVENTS as f64)
}

/// The sum of all `@…: N` lines.
fn total(out: &str) -> u64 {
    let value = |line: &str| line.strip_prefix('@')?.split_once(": ")?.1.trim().parse::<u64>().ok();
    out.lines().filter_map(value).sum()
}

fn missing(out: &str) -> f64 {
    (EVENTS as f64 - total(out) as f64) * 100.0 / EVENTS as f64
}

fn updates_lost(tracer: &Tracer, workload: &str) -> Res<f64> {
    let (out, _) = output(tracer, &[], &format!("{ENTER} {{ @x++; }}"), &two_threads(workload))?;
    Ok(missing(&out))
}

fn cleared_lost(tracer: &Tracer, workload: &str) -> Res<f64> {
    let script = format!("{ENTER} {{ @ = count(); }} interval:ms:20 {{ print(@); clear(@); }}");
    let (out, _) = output(tracer, &[], &script, &two_threads(workload))?;
    Ok(missing(&out))
}

fn printed_rate(tracer: &Tracer, workload: &str) -> Res<f64> {
    let script = format!("{ENTER} {{ printf(\"event %d %s\\n\", pid, comm); }}");
    let large = [("BPFTRACE_PERF_RB_PAGES", "8192"), ("BEETRACE_PERF_RB_PAGES", "8192")];
    let start = Instant::now();
    let (out, _) = output(tracer, &large, &script, &two_threads(workload))?;
    let printed = out.lines().filter(|line| line.starts_with("event ")).count();
    Ok(printed as f64 / start.elapsed().as_secs_f64())
}

/// Keys of the large map.
const KEYS: u64 = 1_000_000;

/// Seconds that a run takes longer when it prints its map at the end than when it clears it.
fn printed_map(tracer: &Tracer, workload: &str) -> Res<f64> {
    let keys = [("BPFTRACE_MAX_MAP_KEYS", "1048576"), ("BEETRACE_MAX_MAP_KEYS", "1048576")];
    let command = format!("{workload} xattr /no/such/file/of/the/benchmark {KEYS}");
    let fill = "tracepoint:syscalls:sys_enter_getxattr /pid == cpid/ { @[args.size] = 1; }";
    let seconds = |script: &str, lines: u64| -> Res<f64> {
        let start = Instant::now();
        let (out, _) = output(tracer, &keys, script, &command)?;
        let took = start.elapsed().as_secs_f64();
        let printed = out.lines().filter(|line| line.starts_with("@[")).count() as u64;
        if printed < lines {
            eprintln!("bench: {}: only {printed} keys of {lines}", tracer.name);
        }
        Ok(took)
    };
    Ok(seconds(fill, KEYS)? - seconds(&format!("{fill} end {{ clear(@); }}"), 0)?)
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_total_is_not_added_to_its_parts() {
        assert_eq!(super::lost("Lost 3 events\nLost 4 events\n"), 7);
        assert_eq!(super::lost("Lost 3 events\nLost 4 events\nWARNING: Total lost event count: 7\n"), 7);
        assert_eq!(super::lost("Attached 3 probes\n"), 0);
    }
}
