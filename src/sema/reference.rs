//! What there is to call, for people: made from the table of signatures, which the checker obeys.

use super::signatures::{self, Meaning, Place, Row, TABLE};
use crate::diag::suggest;

/// A title, and which rows belong under it.
type Chapter = (&'static str, fn(Meaning) -> bool);

/// The chapters of the reference, in order.
const CHAPTERS: &[Chapter] = &[
    ("Values", |meaning| {
        meaning.is_value() || matches!(meaning, Meaning::Stack { .. } | Meaning::Task { .. })
    }),
    ("Functions that give a value", |meaning| matches!(meaning, Meaning::Function(_))),
    ("Functions that do something", |meaning| matches!(meaning, Meaning::Action(_))),
    ("Aggregations", |meaning| matches!(meaning, Meaning::Aggregation(_))),
];

/// The reference of the standard library, in Markdown: `docs/stdlib.md`.
pub fn markdown() -> String {
    let mut out = String::from(
        "# The standard library\n\n\
        Made from the table that the type checker obeys (`src/sema/signatures.rs`); a test holds this file to it.\n\
        Names without parentheses may be called too: `pid` and `pid()` are the same.\n\
        `beetrace explain NAME` shows one entry.\n",
    );
    for (title, belongs) in CHAPTERS {
        out += &format!("\n## {title}\n\n| usage | what it is | where | needs |\n|---|---|---|---|\n");
        let mut rows: Vec<&Row> = TABLE.iter().filter(|row| belongs(row.meaning)).collect();
        rows.sort_by_key(|row| row.name);
        for row in rows {
            let usage = row.usage.replace('|', "\\|");
            let place = if row.place == Place::Anywhere { "" } else { row.place.words() };
            out += &format!("| `{usage}` | {} | {place} | {} |\n", row.about, needs(row));
        }
    }
    out
}

fn needs(row: &Row) -> String {
    let feature = row.feature.map(|(feature, place)| match place {
        Place::Anywhere => feature.name().to_owned(),
        place => format!("{} in {}", feature.name(), place.words()),
    });
    let safe = signatures::is_unsafe(row).then(|| "`--unsafe`".to_owned());
    feature.into_iter().chain(safe).collect::<Vec<_>>().join(", ")
}

/// The entry of one name; else what it may have been meant to be.
pub fn explain(name: &str) -> Result<String, String> {
    let Some(row) = signatures::find(name) else {
        let near = suggest::nearest(name, TABLE.iter().map(|row| row.name));
        let hint = near.map(|near| format!("; did you mean {near}?")).unwrap_or_default();
        return Err(format!("there is nothing called {name}{hint}"));
    };
    let mut out = format!("{}\n    {}\n", row.usage, row.about);
    if row.place != Place::Anywhere {
        out += &format!("    only in {}\n", row.place.words());
    }
    let needs = needs(row);
    if !needs.is_empty() {
        out += &format!("    needs {}\n", needs.replace('`', ""));
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_in_one_chapter() {
        for row in TABLE {
            let chapters = CHAPTERS.iter().filter(|(_, belongs)| belongs(row.meaning)).count();
            assert_eq!(chapters, 1, "{}", row.name);
        }
    }

    #[test]
    fn names_are_explained() {
        let text = explain("func").unwrap();
        assert!(text.contains("name of the traced function") && text.contains("needs get_func_ip"), "{text}");
        assert!(explain("signal").unwrap().contains("needs --unsafe"));
        assert_eq!(explain("prinft").unwrap_err(), "there is nothing called prinft; did you mean printf?");
        assert_eq!(explain("xyzzy").unwrap_err(), "there is nothing called xyzzy");
    }
}
