//! What the user wants: flags, and environment variables under both prefixes.

use std::collections::HashMap;

use super::compile::Settings;
use crate::cli::{Args, Mode};
use crate::config;
use crate::diag::{Diagnostic, codes};
use crate::runtime::time;
use crate::sema;
use crate::syntax::ast::SettingValue;

/// BEETRACE_X goes before BPFTRACE_X, and flags before both.
const PREFIXES: [&str; 2] = ["BPFTRACE_", "BEETRACE_"];

/// The settings that flags and variables make.
///
/// # Errors
/// One message a variable whose value is no number or out of its range.
pub fn settings(args: &Args, env: &HashMap<String, String>) -> Result<Settings, Vec<Diagnostic>> {
    let (params, named) = args.parameters();
    let allow_unsafe = args.allow_unsafe;
    let mode = match args.mode() {
        Some(Mode::Test) => sema::Mode::Test,
        Some(Mode::Bench) => sema::Mode::Bench,
        None => sema::Mode::Trace,
    };
    let filter = args.probe_filter.as_deref().map(filter).transpose().map_err(|error| vec![*error])?;
    let options = sema::Options {
        mode,
        filter,
        pid: args.pid,
        allow_unsafe,
        params,
        named,
        tai_offset: time::tai_offset(),
        ..sema::Options::default()
    };
    let include = args.include.clone();
    let mut settings = Settings { options, registers: args.registers, include, ..Settings::default() };
    let mut wrong = Vec::new();
    for name in config::names() {
        for prefix in PREFIXES {
            let variable = format!("{prefix}{}", name.to_ascii_uppercase());
            let Some(text) = env.get(&variable) else { continue };
            settings.fixed.push(name.to_owned());
            let value = SettingValue::Str(text.as_bytes().to_vec());
            if let Err(takes) = settings.config.set(name, &value) {
                let message = format!("{variable} is `{text}`, not {takes}");
                wrong.push(Diagnostic::error(codes::USAGE, message));
            }
        }
    }
    settings.config.perf_rb_pages = args.ring_pages.or(settings.config.perf_rb_pages);
    if args.ring_pages.is_some() {
        settings.fixed.push("perf_rb_pages".to_owned());
    }
    settings.options.adopt(&settings.config);
    if wrong.is_empty() { Ok(settings) } else { Err(wrong) }
}

fn filter(text: &str) -> Result<sema::Filter, Box<Diagnostic>> {
    sema::Filter::parse(text).map_err(|why| {
        let message = format!("`{text}` is no regular expression for --probe-filter");
        Box::new(Diagnostic::error(codes::USAGE, message).note(why))
    })
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
        let wrong = with(&[("BEETRACE_MAX_STRLEN", "many"), ("BPFTRACE_MAX_MAP_KEYS", "0")]).unwrap_err();
        let texts: Vec<&str> = wrong.iter().map(|d| d.message.as_str()).collect();
        assert_eq!(
            texts,
            [
                "BPFTRACE_MAX_MAP_KEYS is `0`, not a number from 1 to 268435456",
                "BEETRACE_MAX_STRLEN is `many`, not a number from 1 to 65536",
            ]
        );
    }
}
