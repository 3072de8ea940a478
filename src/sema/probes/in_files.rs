//! What `-l` tells of programs and libraries: their functions and static probes.
//!
//! A pattern is `file:name`, the file as an attach point names it, or the file alone. With a process (`-p`) a name
//! alone is looked for in all files that the process has mapped. Only what is loaded as code is told.

use std::rc::Rc;

use super::wildcard::{is_pattern, matches};
use crate::host::{Binary, Host, HostError};

/// `path:function` for every function that the pattern fits.
pub(super) fn functions(host: &dyn Host, pattern: &str, pid: Option<u32>) -> Result<Vec<String>, HostError> {
    let (files, wanted) = files(host, pattern, pid)?;
    let mut found = Vec::new();
    for (path, binary) in files {
        let is_code = |address| binary.offset_of(address).is_some();
        let fitting = binary.functions().iter().filter(|f| matches(&wanted, &f.name) && is_code(f.address));
        found.extend(fitting.map(|function| format!("{path}:{}", function.name)));
    }
    Ok(found)
}

/// `path:provider:name` for every static probe that the pattern fits.
pub(super) fn static_probes(
    host: &dyn Host,
    pattern: &str,
    pid: Option<u32>,
) -> Result<Vec<String>, HostError> {
    let (files, wanted) = files(host, pattern, pid)?;
    let mut found = Vec::new();
    for (path, binary) in files {
        let names =
            binary.notes().iter().map(|note| (&note.name, format!("{}:{}", note.provider, note.name)));
        let fitting = names.filter(|(name, full)| matches(&wanted, full) || matches(&wanted, name));
        found.extend(fitting.map(|(_, full)| format!("{path}:{full}")));
    }
    Ok(found)
}

type Files = Vec<(String, Rc<dyn Binary>)>;

/// The files that a pattern is about and the pattern for names in them.
fn files(host: &dyn Host, pattern: &str, pid: Option<u32>) -> Result<(Files, String), HostError> {
    let binaries = host.binaries();
    let (target, wanted) = match (pattern.split_once(':'), pid) {
        (Some((target, wanted)), _) => (target, wanted),
        (None, Some(_)) if !pattern.contains('/') => ("*", pattern),
        (None, _) => (pattern, "*"),
    };
    if pattern == "*" && pid.is_none() {
        return Err(HostError::Other("name a file (`uprobe:/path:*`) or a process (`-p`)".into()));
    }
    let paths = match (target, pid) {
        ("", Some(pid)) => vec![binaries.executable(pid)?],
        ("*", pid) => binaries.mapped(pid)?,
        (target, pid) => binaries.resolve(target, pid)?,
    };
    let wanted = if wanted.is_empty() { "*" } else { wanted };
    let mut files = Files::new();
    for path in paths {
        match binaries.open(&path) {
            Ok(binary) => files.push((path, binary)),
            // of many files those that are no programs are passed over
            Err(_) if is_pattern(target) => {}
            Err(error) => return Err(error),
        }
    }
    Ok((files, wanted.to_owned()))
}
