//! `-l`: what there is to attach to, and what of a script.
//!
//! A pattern is a kind of probe and a pattern for its names (`kprobe:tcp_*`), a comma-separated list of such, a pattern over all
//! names of the kernel (`*sched*`), or `struct x`, `union x`, `enum x` for the kernel's types. Kinds come in the order of
//! the alphabet and so do the names of each. With `verbose`, arguments or members follow. Programs and libraries are
//! looked into when the pattern names the kind (`uprobe:libc:*`) or the file (`*:/bin/sh:main`), or with a process.
//!
//! A kind takes part by the `list` of its line in the table of providers.
//!
//! Deliberately absent: whether an attachment would succeed.

mod arguments;
mod ctext;
mod types;

use std::collections::BTreeSet;

use super::Options;
use super::check::Checker;
use super::imports::Imports;
use super::maps::Maps;
use super::probes::wildcard::{is_pattern, matches};
use super::probes::{Names, PROVIDERS, Provider, provider_of};
use super::tree::ProbeKind;
use crate::diag::{Diagnostic, Sink, codes, suggest};
use crate::host::{Host, HostError};
use crate::syntax::ast::Script;

/// What a pattern lists, a line each. Kinds that the machine does not tell of are warned about where the pattern is
/// about several.
///
/// # Errors
/// When the machine does not tell of the only kind that is asked for, or there is no such kind of probe.
pub fn list(
    pattern: &str,
    host: &dyn Host,
    pid: Option<u32>,
    verbose: bool,
    sink: &mut Sink,
) -> Result<String, Box<Diagnostic>> {
    let mut out = String::new();
    for part in pattern.split(',').map(str::trim).filter(|part| !part.is_empty()) {
        if let Some(text) = types::list(part, host, verbose)? {
            out += &text;
            continue;
        }
        let kinds = wanted(part, pid)?;
        let several = kinds.len() > 1;
        for (provider, names) in kinds {
            let found = match entries(provider, &names, host, pid) {
                Ok(found) => found,
                Err(error) if several => {
                    sink.push(cannot_list(provider.name, &error, several));
                    continue;
                }
                Err(error) => return Err(Box::new(cannot_list(provider.name, &error, several))),
            };
            for name in found {
                write_entry(&mut out, host, provider.kind, &name, verbose);
            }
        }
    }
    Ok(out)
}

/// The attach points of a script, a line each, in its order; begin, end and self are not told.
pub fn of_script(
    script: &Script,
    host: &dyn Host,
    options: &Options,
    verbose: bool,
    sink: &mut Sink,
) -> String {
    let mut out = String::new();
    let imports = Imports::default();
    let mut checker = Checker::new((host, &imports), options, sink, Maps::collect(script));
    for point in script.probes.iter().flat_map(|probe| &probe.attach) {
        let Some(kind) = checker.probe_kind(point) else { continue };
        for place in checker.expand(kind, point).unwrap_or_default() {
            if let Some((_, name)) = place.name.split_once(':')
                && kind != ProbeKind::SelfSignal
            {
                write_entry(&mut out, host, kind, name, verbose);
            }
        }
    }
    out
}

fn write_entry(out: &mut String, host: &dyn Host, kind: ProbeKind, name: &str, verbose: bool) {
    out.push_str(kind.name());
    out.push(':');
    out.push_str(name);
    out.push('\n');
    if verbose {
        for argument in arguments::of(host, kind, name) {
            out.push_str("    ");
            out.push_str(&argument);
            out.push('\n');
        }
    }
}

/// The kinds that a pattern is about, each with the pattern for its names.
fn wanted(pattern: &str, pid: Option<u32>) -> Result<Vec<(&'static Provider, String)>, Box<Diagnostic>> {
    let in_order = |fits: &dyn Fn(&Provider) -> bool, names: &str| {
        let mut list: Vec<&Provider> = PROVIDERS.iter().filter(|p| p.list.is_some() && fits(p)).collect();
        list.sort_by_key(|provider| provider.name);
        list.into_iter().map(|provider| (provider, names.to_owned())).collect::<Vec<_>>()
    };
    let of_file = pattern.split(':').nth(1).is_some_and(is_path);
    // returns are the same list as functions
    let in_user_space = |kind: ProbeKind| kind == ProbeKind::Uprobe || kind == ProbeKind::Usdt;
    let kernel = |provider: &Provider| match in_user_space(provider.kind) {
        true => of_file || pid.is_some(),
        false => !of_file && provider.list.as_ref().is_some_and(|list| list.kernel),
    };
    match pattern.split_once(':') {
        None => Ok(match provider_of(pattern).filter(|provider| provider.list.is_some()) {
            Some(only) => vec![(only, "*".into())],
            None => in_order(&kernel, pattern),
        }),
        Some((kind, names)) => {
            let names = if names.is_empty() { "*" } else { names };
            if is_pattern(kind) {
                return Ok(in_order(&|provider| kernel(provider) && matches(kind, provider.name), names));
            }
            match provider_of(kind) {
                Some(provider) if provider.list.is_some() => Ok(vec![(provider, names.into())]),
                Some(_) => Ok(Vec::new()),
                None => Err(unknown_kind(kind)),
            }
        }
    }
}

/// A file by its path, and one only.
fn is_path(text: &str) -> bool {
    text.starts_with('/') && !is_pattern(text)
}

fn entries(
    provider: &Provider,
    pattern: &str,
    host: &dyn Host,
    pid: Option<u32>,
) -> Result<BTreeSet<String>, HostError> {
    let all = match &provider.list {
        None => return Ok(BTreeSet::new()),
        Some(list) => match list.names {
            Names::InFile(names) => return Ok(names(host, pattern, pid)?.into_iter().collect()),
            Names::All(names) => names(host, pattern)?,
        },
    };
    let colons = pattern.matches(':').count();
    // names that have a part more than the pattern are asked for by their last parts
    let fits = |name: &String| {
        let own = name.trim_end_matches(':');
        let rest = (0..own.matches(':').count().saturating_sub(colons))
            .fold(own, |rest, _| rest.split_once(':').map_or(rest, |(_, rest)| rest));
        !name.contains(".part.")
            && (matches(pattern, name) || matches(pattern, own) || matches(pattern, rest))
    };
    Ok(all.into_iter().filter(fits).collect())
}

/// An error where nothing else is asked for, else a warning.
fn cannot_list(what: &str, error: &HostError, several: bool) -> Diagnostic {
    let message = format!("{what} probes cannot be listed: {error}");
    let denied = matches!(error, HostError::Denied(_));
    let made = match (several, denied) {
        (true, _) => Diagnostic::warning(codes::NO_MATCH, message),
        (false, true) => Diagnostic::error(codes::NO_PRIVILEGE, message),
        (false, false) => Diagnostic::error(codes::NO_SUCH_TARGET, message),
    };
    if denied { made.help("run it with sudo") } else { made }
}

fn unknown_kind(kind: &str) -> Box<Diagnostic> {
    let names: Vec<&str> =
        PROVIDERS.iter().filter(|provider| provider.list.is_some()).map(|provider| provider.name).collect();
    let made = Diagnostic::error(codes::UNKNOWN_PROBE_TYPE, format!("unknown probe type `{kind}`"));
    Box::new(match suggest::nearest(kind, names.iter().copied()) {
        Some(near) => made.help(format!("did you mean `{near}`?")),
        None => made.note(format!("probe types with lists: {}", names.join(", "))),
    })
}
