//! `struct x`, `union x`, `enum x`: types of the kernel.

use super::{cannot_list, ctext};
use crate::diag::Diagnostic;
use crate::host::{BtfKind, Host};
use crate::sema::probes::wildcard::matches;

const KINDS: [(&str, BtfKind); 3] =
    [("struct", BtfKind::Struct), ("union", BtfKind::Union), ("enum", BtfKind::Enum)];

/// The types of a pattern that begins with one of those words; None for another.
pub fn list(pattern: &str, host: &dyn Host, verbose: bool) -> Result<Option<String>, Box<Diagnostic>> {
    let word = |(word, kind): &(&'static str, BtfKind)| {
        let rest = pattern.strip_prefix(word)?;
        let name = if rest.is_empty() { Some("*") } else { rest.strip_prefix(' ') }?;
        Some((*word, *kind, name.trim()))
    };
    let Some((word, kind, name)) = KINDS.iter().find_map(word) else { return Ok(None) };
    let btf = host.btf().map_err(|error| Box::new(cannot_list(word, &error, false)))?;
    let mut names: Vec<String> = btf.names(kind).into_iter().filter(|own| matches(name, own)).collect();
    names.sort_unstable();
    names.dedup();
    let entry = |name: &String| match btf.find(kind, name).filter(|_| verbose) {
        Some(id) => format!("vmlinux: {};\n\n", ctext::definition(btf, id)),
        None => format!("{word} {name}\n"),
    };
    Ok(Some(names.iter().map(entry).collect()))
}
