//! Results of `test` and `bench` probes as text, in bpftrace's form: colours and widths are its own.

use std::io::Write;

use super::{BenchmarkResult, TestResult};

const GREEN: &str = "\x1b[32m";
const RED: &str = "\x1b[31m";
const PLAIN: &str = "\x1b[0m";

/// Least width of the column of names, and that of times.
const NAME: usize = 40;
const TIME: usize = 15;

/// The last of `results`, with the head before the first and the summary behind the last of `names`.
pub fn test_result(out: &mut Vec<u8>, names: &[&str], results: &[TestResult]) {
    let Some((name, result)) = names.iter().zip(results).next_back() else { return };
    let mut line = |colour: &str, mark: &str, text: &str| {
        writeln!(out, "{colour}[{mark}]{PLAIN} {text}").expect("writing to memory");
    };
    if results.len() == 1 {
        line(GREEN, "==========", &format!("Running {} tests.", names.len()));
    }
    line(GREEN, " RUN      ", name);
    let ended = format!("{name} ({})", duration(result.duration));
    if result.passed {
        line(GREEN, "       OK ", &ended);
    } else {
        let lines = result.output.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        lines.for_each(|line| out.extend([line, b"\n"].concat()));
        writeln!(out, "{RED}[  FAILED  ]{PLAIN} {ended}").expect("writing to memory");
    }
    if results.len() == names.len() {
        summary(out, names, results);
    }
}

fn summary(out: &mut Vec<u8>, names: &[&str], results: &[TestResult]) {
    let tests = |count: usize| format!("{count} test{}", if count == 1 { "" } else { "s" });
    let mut line = |colour: &str, mark: &str, text: &str| {
        writeln!(out, "{colour}[{mark}]{PLAIN} {text}").expect("writing to memory");
    };
    let failed: Vec<&str> =
        names.iter().zip(results).filter(|(_, result)| !result.passed).map(|(name, _)| *name).collect();
    line(GREEN, "==========", &format!("{} ran.", tests(names.len())));
    line(GREEN, "  PASSED  ", &format!("{}.", tests(names.len() - failed.len())));
    if !failed.is_empty() {
        line(RED, "  FAILED  ", &format!("{}, listed below:", tests(failed.len())));
        failed.iter().for_each(|name| line(RED, "  FAILED  ", name));
    }
}

/// A row of the table, with its head before the first.
pub fn benchmark_result(out: &mut Vec<u8>, names: &[&str], result: &BenchmarkResult) {
    let width = names.iter().map(|name| name.len()).max().unwrap_or(0).max(NAME) + 1;
    let mut row = |name: &str, time: &str, runs: &str| {
        writeln!(out, "{name:width$}{time:TIME$}{runs}").expect("writing to memory");
    };
    if result.first {
        let runs = "Iterations";
        row("Benchmark", "Time(ns)", runs);
        row(&"-".repeat(width), &"-".repeat(TIME), &"-".repeat(runs.len()));
    }
    row(names[result.index], &result.average.to_string(), &result.runs.to_string());
}

/// Nanoseconds in the largest unit that they fill.
fn duration(ns: u64) -> String {
    match ns {
        0..1_000 => format!("{ns} ns"),
        1_000..1_000_000 => format!("{} μs", ns / 1_000),
        1_000_000..1_000_000_000 => format!("{} ms", ns / 1_000_000),
        _ => format!("{} s", ns / 1_000_000_000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_of_the_table_has_its_head_once() {
        let mut out = Vec::new();
        let result = BenchmarkResult { index: 0, first: true, average: 12, runs: 1000 };
        benchmark_result(&mut out, &["a", "b"], &result);
        let result = BenchmarkResult { index: 1, first: false, average: 7, runs: 200000 };
        benchmark_result(&mut out, &["a", "b"], &result);
        let lines: Vec<String> = String::from_utf8(out).unwrap().lines().map(str::to_owned).collect();
        assert_eq!(lines[0], format!("{:41}{:15}Iterations", "Benchmark", "Time(ns)"));
        assert_eq!(lines[1], "-".repeat(66));
        assert_eq!(lines[2..], [format!("{:41}{:15}1000", "a", "12"), format!("{:41}{:15}200000", "b", "7")]);
    }

    #[test]
    fn times_in_their_unit() {
        assert_eq!([999, 1_500, 2_000_000, 3 << 30].map(duration), ["999 ns", "1 μs", "2 ms", "3 s"]);
    }
}
