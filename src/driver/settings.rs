//! What the user wants: flags, and environment variables under both prefixes.

use std::collections::HashMap;

use super::compile::Settings;
use crate::cli::Args;
use crate::diag::{Diagnostic, codes};
use crate::sema;

/// A limit that a variable sets: its name without prefix, its least and largest value, where it goes.
struct Limit {
    name: &'static str,
    range: std::ops::RangeInclusive<u32>,
    set: fn(&mut Settings, u32),
}

const LIMITS: &[Limit] = &[
    Limit { name: "MAX_STRLEN", range: 1..=65536, set: |s, n| s.options.max_strlen = n },
    Limit { name: "MAX_MAP_KEYS", range: 1..=1 << 28, set: |s, n| s.options.max_map_keys = n },
    Limit { name: "MAX_PROBES", range: 1..=1 << 20, set: |s, n| s.options.max_probes = n },
    Limit { name: "PERF_RB_PAGES", range: 1..=1 << 16, set: |s, n| s.ring_pages = Some(n) },
];

/// BEETRACE_X goes before BPFTRACE_X, and flags before both.
const PREFIXES: [&str; 2] = ["BPFTRACE_", "BEETRACE_"];

/// The settings that flags and variables make.
///
/// # Errors
/// One message a variable whose value is no number or out of its range.
pub fn settings(args: &Args, env: &HashMap<String, String>) -> Result<Settings, Vec<Diagnostic>> {
    let options =
        sema::Options { pid: args.pid, allow_unsafe: args.allow_unsafe, ..sema::Options::default() };
    let mut settings = Settings { options, registers: args.registers, ..Settings::default() };
    let mut wrong = Vec::new();
    for limit in LIMITS {
        for prefix in PREFIXES {
            let name = format!("{prefix}{}", limit.name);
            let Some(text) = env.get(&name) else { continue };
            match text.parse().ok().filter(|n| limit.range.contains(n)) {
                Some(n) => (limit.set)(&mut settings, n),
                None => wrong.push(out_of_range(&name, text, limit)),
            }
        }
    }
    settings.ring_pages = args.ring_pages.or(settings.ring_pages);
    if wrong.is_empty() { Ok(settings) } else { Err(wrong) }
}

fn out_of_range(name: &str, text: &str, limit: &Limit) -> Diagnostic {
    let (least, most) = (limit.range.start(), limit.range.end());
    Diagnostic::error(codes::USAGE, format!("{name} is `{text}`, not a number from {least} to {most}"))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    fn with(vars: &[(&str, &str)]) -> Result<Settings, Vec<Diagnostic>> {
        let env = vars.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect();
        settings(&Args::parse_from(["beetrace", "-e", ""]), &env)
    }

    #[test]
    fn our_prefix_goes_before_the_other() {
        let set = with(&[("BPFTRACE_MAX_STRLEN", "32"), ("BEETRACE_MAX_STRLEN", "48")]).unwrap();
        assert_eq!(set.options.max_strlen, 48);
        assert_eq!(with(&[("BPFTRACE_MAX_MAP_KEYS", "7")]).unwrap().options.max_map_keys, 7);
    }

    #[test]
    fn values_are_checked() {
        let wrong = with(&[("BEETRACE_MAX_STRLEN", "many"), ("BPFTRACE_MAX_PROBES", "0")]).unwrap_err();
        let texts: Vec<&str> = wrong.iter().map(|d| d.message.as_str()).collect();
        assert_eq!(
            texts,
            [
                "BEETRACE_MAX_STRLEN is `many`, not a number from 1 to 65536",
                "BPFTRACE_MAX_PROBES is `0`, not a number from 1 to 1048576",
            ]
        );
    }
}
