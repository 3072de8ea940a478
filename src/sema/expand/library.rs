//! The standard library's macros: texts embedded in the binary, parsed one by one when a script asks for them.
//!
//! Deliberately absent: builtins that are rows of `signatures`.

use std::collections::HashMap;
use std::sync::LazyLock;

use crate::diag::Sink;
use crate::source::FileId;
use crate::syntax;
use crate::syntax::ast::Macro;

/// The files of `stdlib/`.
const FILES: &[&str] = &[include_str!("../../../stdlib/base.bt")];

/// Texts of macros by name; one for each number of arguments.
static INDEX: LazyLock<HashMap<&str, Vec<&str>>> = LazyLock::new(|| {
    let mut index: HashMap<&str, Vec<&str>> = HashMap::new();
    for file in FILES {
        for text in macros(file) {
            let name = text["macro ".len()..].split(['(', ' ', '{']).next().unwrap_or_default();
            index.entry(name).or_default().push(text);
        }
    }
    index
});

/// The macros of a file, each from its first to its last line.
fn macros(file: &str) -> impl Iterator<Item = &str> {
    let starts = file.match_indices("macro ").filter(|(at, _)| *at == 0 || file[..*at].ends_with('\n'));
    starts.filter_map(|(at, _)| file[at..].find("\n}\n").map(|length| &file[at..at + length + 2]))
}

/// True if the library has a macro of that name.
pub(super) fn has(name: &str) -> bool {
    INDEX.contains_key(name)
}

/// The library's macros of that name. Their spans mean nothing to the script.
pub(super) fn find(name: &str) -> Vec<Macro> {
    let texts = INDEX.get(name).map_or(&[] as &[&str], Vec::as_slice);
    texts.iter().flat_map(|text| parse(text).0).collect()
}

fn parse(text: &str) -> (Vec<Macro>, Sink) {
    let mut sink = Sink::default();
    (syntax::parse(FileId(0), text, &mut sink).macros, sink)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_macro_parses_and_has_a_remark() {
        let mut count = 0;
        for file in FILES {
            for text in macros(file) {
                let (found, sink) = parse(text);
                assert!(found.len() == 1 && !sink.has_errors(), "{text}\n{:?}", sink.all());
                let before = &file[..file.find(text).unwrap_or(0)];
                assert!(before.trim_end().lines().last().is_some_and(|l| l.starts_with("//")), "{text}");
                count += 1;
            }
            assert_eq!(macros(file).count(), file.matches("\nmacro ").count());
        }
        assert!(count > 0);
    }
}
