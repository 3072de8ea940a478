//! Golden files: scripts and what a stage makes of them, side by side.
//!
//! A file `tests/golden/STAGE/FEATURE.txt` holds cases:
//!
//! ```text
//! === what the case shows
//! the script
//! ---
//! what the stage says
//! ```
//!
//! `BLESS=1 cargo test` writes what the stage says now; look at the difference before it is committed.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

/// A script with what is expected of it.
pub struct Case {
    /// What the case shows.
    pub title: String,
    /// The script, without its last newline.
    pub script: String,
    /// What the stage should say, without blanks at the end.
    pub expected: String,
}

/// The golden files of `stage`, sorted.
pub fn files(stage: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(stage);
    let entries = fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

/// The cases of a golden file.
pub fn cases(file: &Path) -> Vec<Case> {
    let text = fs::read_to_string(file).unwrap();
    let blocks = text.split("\n=== ").map(|block| block.strip_prefix("=== ").unwrap_or(block));
    blocks.map(|block| case(file, block)).collect()
}

fn case(file: &Path, block: &str) -> Case {
    let (title, rest) = block.split_once('\n').unwrap_or((block, ""));
    let parts = rest.split_once("\n---").map(|(script, rest)| (script, rest.trim_start_matches('\n')));
    let (script, expected) = parts.unwrap_or_else(|| panic!("{}: no `---` in `{title}`", file.display()));
    Case { title: title.into(), script: script.into(), expected: expected.trim_end().into() }
}

/// Holds every golden file of `stage` against what `render` makes of its scripts.
pub fn check(stage: &str, render: impl Fn(&str) -> String) {
    let bless = std::env::var_os("BLESS").is_some();
    let mut wrong = String::new();
    for file in files(stage) {
        let mut written = String::new();
        for case in cases(&file) {
            let actual = render(&case.script);
            let actual = actual.trim_end();
            let Case { title, script, expected } = case;
            let _ = writeln!(written, "=== {title}\n{script}\n---\n{actual}\n");
            if actual != expected {
                let name = file.display();
                let _ = writeln!(
                    wrong,
                    "{name}: {title}\n{script}\n--- expected\n{expected}\n--- is\n{actual}\n"
                );
            }
        }
        if bless {
            fs::write(&file, format!("{}\n", written.trim_end())).unwrap();
        }
    }
    assert!(bless || wrong.is_empty(), "{wrong}\nBLESS=1 accepts what it is now");
}
