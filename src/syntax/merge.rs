//! Imported scripts become part of the script that imports them.
//!
//! Invariant: what is merged does what bpftrace 0.27 makes of it. Probes of an import go before those of the script, the
//! last of its file first.

use super::ast::Script;
use crate::diag::{Diagnostic, Sink, codes};

/// Puts the macros, functions, declarations and probes of `imported` into `script`.
///
/// An imported script that sets something gets [`codes::IMPORT`].
pub fn merge(script: &mut Script, imported: Script, sink: &mut Sink) {
    let Script { config, map_decls, macros, functions, mut probes, .. } = imported;
    if let Some(setting) = config.first() {
        let error = Diagnostic::error(codes::IMPORT, "an imported script has a `config` block");
        let error = error.at(setting.span, "not allowed in an import");
        sink.push(error.help("set this in the script that imports"));
    }
    script.map_decls.extend(map_decls);
    script.macros.extend(macros);
    script.functions.extend(functions);
    probes.reverse();
    probes.append(&mut script.probes);
    script.probes = probes;
}
