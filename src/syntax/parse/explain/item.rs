//! What is wrong with an item that begins with a word of its own.

use super::View;
use crate::diag::Diagnostic;

impl View<'_> {
    /// Something about a `config` block, import, macro, function or declaration of a map.
    pub(super) fn item(&self) -> Diagnostic {
        let (what, form) = match self.text(self.first()) {
            "config" => ("a `config` block", "config = { name=value; … }"),
            "import" => ("an import", "import \"path\";"),
            "macro" => ("a macro", "macro name($variable, @map, expression) { … }"),
            "fn" => ("a function", "fn name($parameter : type) : type { … }"),
            _ => ("the declaration of a map", "let @name = hash(entries);"),
        };
        let found = self.name(self.found);
        let found = found.trim_start_matches("the ");
        let error = self.label(self.error(format!("unexpected {found} in {what}")), "unexpected");
        let error = error.because(self.span(self.first()), "");
        if what.starts_with("the") && self.found.is_some_and(|f| f.text(self.t.text).starts_with('$')) {
            return error.help("outside of probes only maps can be declared: `let @name = hash(entries);`");
        }
        error.help(format!("{what} is written `{form}`"))
    }
}
