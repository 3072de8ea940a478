//! The parser that pest derives from the grammar file.

/// The derived parser.
#[derive(pest_derive::Parser)]
#[grammar = "grammar/cdecl.pest"]
pub(super) struct Grammar;
