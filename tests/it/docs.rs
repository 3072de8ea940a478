//! The tests that docs/language.md names exist.

use std::fs;
use std::path::{Path, PathBuf};

/// Where the file of cases is, by its ending.
fn place(file: &str) -> PathBuf {
    let folder = match file.rsplit('.').next() {
        Some("cmp") => "compare",
        Some("rt") => "runtime",
        _ => "golden",
    };
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(folder).join(file)
}

/// The names of a file's cases.
fn cases(file: &str) -> Vec<String> {
    let path = place(file);
    let text = fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let names = text.lines().filter_map(|line| line.strip_prefix("== "));
    names.map(|name| name.trim().to_owned()).collect()
}

/// The names in `list`, separated by commas, which names may hold too.
fn unknown(list: &str, known: &[String]) -> Vec<String> {
    let parts: Vec<&str> = list.split(", ").collect();
    let mut missing = Vec::new();
    let mut at = 0;
    while at < parts.len() {
        let end = (at + 1..=parts.len()).find(|end| known.contains(&parts[at..*end].join(", ")));
        if end.is_none() {
            missing.push(parts[at].to_owned());
        }
        at = end.unwrap_or(at + 1);
    }
    missing
}

#[test]
fn each_feature_of_the_language_has_tests_that_exist() {
    let text = include_str!("../../docs/language.md");
    let rows = text.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| feature |"));
    let (mut seen, mut wrong) = (0, Vec::new());
    for row in rows {
        let tests = row.trim_end_matches(" |").rsplit(" | ").next().expect("a row has cells");
        let mut files = 0;
        for part in tests.split("; `") {
            let (file, names) =
                part.split_once('`').filter(|_| part.contains('.')).unwrap_or_else(|| panic!("{row}"));
            let (file, names) = match file {
                "" => names.split_once('`').expect("the file stands between backticks"),
                file => (file, names),
            };
            files += 1;
            match names.strip_prefix(": ") {
                Some(names) => {
                    wrong.extend(
                        unknown(names, &cases(file)).into_iter().map(|name| format!("{file}: {name}")),
                    );
                }
                None => assert!(place(file).exists(), "{file}"),
            }
        }
        assert!(files > 0, "{row}");
        seen += 1;
    }
    assert!(seen > 60, "{seen} rows");
    assert!(wrong.is_empty(), "docs/language.md names tests that there are not:\n{}", wrong.join("\n"));
}

#[test]
fn names_may_hold_commas() {
    let known = ["a, b".to_owned(), "c".to_owned()];
    assert!(unknown("a, b, c", &known).is_empty());
    assert_eq!(unknown("c, a, d", &known), ["a", "d"]);
}
