//! What tracefs and procfs tell: tracepoints, functions, symbols.

use std::collections::HashSet;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use super::super::{HostError, KernelFunction};

/// Where tracefs is mounted on every supported kernel; the kernel mounts it under debugfs too, when that is mounted.
pub const TRACEFS: &str = "/sys/kernel/tracing";
const UNDER_DEBUGFS: &str = "/sys/kernel/debug/tracing";

/// Reads a file, with the reason as a host error.
pub fn read(path: &str) -> Result<String, HostError> {
    fs::read_to_string(path).map_err(|error| match error.kind() {
        ErrorKind::NotFound => HostError::Missing(path.to_string()),
        ErrorKind::PermissionDenied => HostError::Denied(path.to_string()),
        _ => HostError::Other(format!("{path}: {error}")),
    })
}

/// The directory that holds `events`.
fn root() -> Result<&'static str, HostError> {
    let mut denied = None;
    for dir in [TRACEFS, UNDER_DEBUGFS] {
        match fs::metadata(format!("{dir}/events")) {
            Ok(_) => return Ok(dir),
            Err(e) if e.kind() == ErrorKind::PermissionDenied => denied = Some(dir),
            Err(_) => {}
        }
    }
    Err(match denied {
        Some(dir) => HostError::Denied(dir.into()),
        None => HostError::Missing(format!("tracefs (mount -t tracefs tracefs {TRACEFS})")),
    })
}

/// Text of a tracepoint's format file.
pub fn format(category: &str, event: &str) -> Result<String, HostError> {
    let root = root()?;
    // A name with a slash or dots would leave the directory.
    if [category, event].iter().any(|part| part.contains('/') || part.starts_with('.')) {
        return Err(HostError::Missing(format!("tracepoint:{category}:{event}")));
    }
    read(&format!("{root}/events/{category}/{event}/format"))
}

/// Every tracepoint, sorted.
pub fn tracepoints() -> Result<Vec<(String, String)>, HostError> {
    let root = root()?;
    let mut list: Vec<_> = read(&format!("{root}/available_events"))?
        .lines()
        .filter_map(|line| line.split_once(':'))
        .map(|(category, event)| (category.to_string(), event.to_string()))
        .collect();
    list.sort_unstable();
    Ok(list)
}

/// Functions that the kernel can trace, sorted; of a file that lists them instead of tracefs, if there is one.
pub fn functions(file: Option<&Path>) -> Result<Vec<KernelFunction>, HostError> {
    let text = match file {
        Some(file) => read(&file.to_string_lossy())?,
        None => read(&format!("{}/available_filter_functions", root()?))?,
    };
    let mut list: Vec<_> = text.lines().filter_map(function).collect();
    list.sort_unstable();
    list.dedup();
    Ok(list)
}

/// `name` or `name [module]`; markers of functions that vanished are left out.
fn function(line: &str) -> Option<KernelFunction> {
    let mut words = line.split_whitespace();
    let name = words.next()?;
    let module = words.next().map_or("vmlinux", |m| m.trim_matches(['[', ']']));
    let gone = name.starts_with("__ftrace_invalid_address__");
    (!gone).then(|| KernelFunction { name: name.to_string(), module: module.to_string() })
}

/// Names of all functions in the kernel's symbol table; empty when it cannot be read.
pub fn text_symbols() -> HashSet<String> {
    let text = fs::read("/proc/kallsyms").unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let symbol = |line: &str| {
        let mut words = line.split_whitespace().skip(1);
        let kind = words.next()?;
        matches!(kind, "t" | "T" | "w" | "W").then(|| words.next().map(str::to_string))?
    };
    text.lines().filter_map(symbol).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn function_lines() {
        let plain = function("vfs_read").unwrap();
        assert_eq!((plain.name.as_str(), plain.module.as_str()), ("vfs_read", "vmlinux"));
        let module = function("nft_do_chain [nf_tables]").unwrap();
        assert_eq!((module.name.as_str(), module.module.as_str()), ("nft_do_chain", "nf_tables"));
        assert_eq!(function("__ftrace_invalid_address___120"), None);
    }
}
