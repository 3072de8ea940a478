//! What the environment says beside the settings: whether messages are coloured, and where the kernel's types are.
//!
//! BEETRACE_X goes before BPFTRACE_X; a variable that is empty says nothing, and one that cannot be followed is told
//! and left aside.

use std::io::{IsTerminal, stderr};
use std::path::PathBuf;

use crate::diag::{Diagnostic, codes};
use crate::host::system::KernelBtf;

fn variable(name: &str) -> Option<(String, String)> {
    let value = |prefix: &str| {
        let name = format!("{prefix}_{name}");
        std::env::var(&name).ok().filter(|text| !text.is_empty()).map(|text| (name, text))
    };
    value("BEETRACE").or_else(|| value("BPFTRACE"))
}

/// True when messages are coloured: as `COLOR` says, and else for terminals, unless `NO_COLOR` is there.
pub fn colours() -> bool {
    match variable("COLOR").as_ref().map(|(_, text)| text.as_str()) {
        Some("always") => true,
        Some("never") => false,
        _ => stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none(),
    }
}

/// The file that `BTF` names for the kernel's types; None when there is none, or when it has no types.
pub fn btf() -> Option<PathBuf> {
    variable("BTF").map(|(_, path)| PathBuf::from(path)).filter(|path| KernelBtf::is_in(path))
}

/// What is said about variables that cannot be followed.
pub fn warnings() -> Vec<Diagnostic> {
    let mut warnings = Vec::new();
    if let Some((name, text)) = variable("COLOR")
        && !matches!(text.as_str(), "auto" | "always" | "never")
    {
        let message = format!("{name} is `{text}`, not auto, always or never");
        warnings.push(Diagnostic::warning(codes::ENVIRONMENT, message));
    }
    if let Some((name, path)) = variable("BTF")
        && btf().is_none()
    {
        let message = format!("{name}: no types (BTF) in {path}");
        let warning = Diagnostic::warning(codes::ENVIRONMENT, message);
        warnings.push(warning.note("those of the running kernel are used"));
    }
    warnings
}
