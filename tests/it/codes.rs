//! Every code of a diagnostic is reached by a test: one that shows the message, or asserts that the code is given.
//!
//! A golden file or a case shows it as it is printed (`error[E0301]`), a test names it (`codes::TYPE_MISMATCH`, `"E0301"`).
//! Files that list codes without reaching them do not count: this one, and the explanations.

use std::fs;
use std::path::Path;

use beetrace::diag::codes;

/// Codes that no test can reach, each with the reason.
const UNREACHED: &[(&str, &str)] = &[];

/// All text of the tests.
fn tests() -> String {
    let mut all = String::new();
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("tests")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display())) {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.file_name().is_some_and(|name| name != "codes.rs")
                && let Ok(text) = fs::read_to_string(&path)
            {
                all += &text;
            }
        }
    }
    all
}

/// The names of the codes in the source, by what is printed of them.
fn name_of(id: &str) -> String {
    let table = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/diag/codes.rs")).unwrap();
    let line = table.lines().find(|line| line.contains(&format!("= \"{id}\""))).expect("the table has it");
    line.split('=').next().unwrap_or("").trim().to_owned()
}

#[test]
fn every_code_is_reached_by_a_test() {
    let tests = tests();
    let reached = |id: &str| {
        let shown = [format!("[{id}]"), format!("\"{id}\""), format!("\"{id}: ")];
        let named = format!("codes::{}", name_of(id));
        shown.iter().any(|shown| tests.contains(shown)) || {
            let mut rest = tests.as_str();
            loop {
                let Some(at) = rest.find(&named) else { break false };
                rest = &rest[at + named.len()..];
                if !rest.starts_with(|c: char| c == '_' || c.is_alphanumeric()) {
                    break true;
                }
            }
        }
    };
    let unreached: Vec<&str> = codes::ALL.iter().map(|code| code.id).filter(|id| !reached(id)).collect();
    let known: Vec<&str> = UNREACHED.iter().map(|(id, _)| *id).collect();
    assert_eq!(unreached, known, "codes without a test, and those that are known to have none");
}
