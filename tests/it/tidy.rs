//! The rules that ARCHITECTURE.md states about the source itself.

use std::fs;
use std::path::{Path, PathBuf};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every Rust file below a folder, by its path from the repository's root.
fn files(folder: &str) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder of the repository").flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                let text = fs::read_to_string(&path).expect("a source file");
                found.push((path.strip_prefix(root()).expect("below the root").to_owned(), text));
            }
        }
    }
    found.sort();
    found
}

/// Modules in the order of `lib.rs`, which is the order of the pipeline.
fn modules() -> Vec<String> {
    let lib = fs::read_to_string(root().join("src/lib.rs")).expect("lib.rs");
    let name = |line: &str| Some(line.strip_prefix("pub mod ")?.strip_suffix(';')?.to_string());
    lib.lines().filter_map(name).collect()
}

/// The top module that a file belongs to.
fn module_of(path: &Path) -> String {
    let part = path.iter().nth(1).expect("a file in src").to_string_lossy().into_owned();
    part.trim_end_matches(".rs").to_string()
}

/// The text before the file's own tests, without comments.
fn code(text: &str) -> String {
    let body = text.split("#[cfg(test)]\nmod tests").next().unwrap_or(text);
    body.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

/// Names that follow `crate::` in the text, those of a braced list included.
fn imports(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (at, _) in text.match_indices("crate::") {
        let rest = &text[at + "crate::".len()..];
        let list = rest.strip_prefix('{').and_then(|inner| inner.split("};").next());
        let mut depth = 0;
        let mut word = String::new();
        for c in list.unwrap_or(rest).chars() {
            match c {
                '{' => depth += 1,
                '}' => depth -= 1,
                ',' if depth == 0 => {
                    found.push(std::mem::take(&mut word));
                    continue;
                }
                _ => {}
            }
            if list.is_none() && !(c.is_alphanumeric() || c == '_') {
                break;
            }
            if depth == 0 {
                word.push(c);
            }
        }
        found.push(word);
    }
    let first = |path: String| path.trim().split("::").next().unwrap_or("").trim().to_string();
    found.into_iter().map(first).filter(|name| !name.is_empty()).collect()
}

#[test]
fn modules_import_only_what_stands_above_them() {
    let order = modules();
    let place = |name: &str| order.iter().position(|m| m == name);
    let mut wrong = Vec::new();
    for (path, text) in files("src") {
        let module = module_of(&path);
        let Some(own) = place(&module) else { continue };
        for import in imports(&code(&text)) {
            let everywhere = ["diag", "source", "wire"].contains(&import.as_str());
            if !everywhere && place(&import).is_some_and(|at| at > own) {
                wrong.push(format!("{}: `{module}` imports `{import}`", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_core_does_no_io() {
    const CORE: [&str; 8] = ["source", "diag", "wire", "syntax", "sema", "ir", "codegen", "object"];
    const BANNED: [&str; 9] = [
        "std::fs",
        "std::net",
        "std::process",
        "std::env",
        "println!",
        "eprintln!",
        "libc::",
        "libbpf_rs",
        "libbpf_sys",
    ];
    let mut wrong = Vec::new();
    for (path, text) in files("src") {
        if CORE.contains(&module_of(&path).as_str()) && !path.ends_with("tests.rs") {
            let code = code(&text);
            wrong.extend(
                BANNED.iter().filter(|b| code.contains(*b)).map(|b| format!("{}: {b}", path.display())),
            );
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn libraries_stay_in_their_rooms() {
    const ROOMS: [(&str, &[&str]); 3] = [
        ("pest", &["src/syntax/parse", "src/syntax/cdecl"]),
        ("regalloc2", &["src/codegen/regalloc"]),
        ("codespan_reporting", &["src/diag/render.rs"]),
    ];
    let mut wrong = Vec::new();
    for (path, text) in files("src") {
        let code = code(&text);
        for (library, rooms) in ROOMS {
            let used = code.contains(&format!("use {library}")) || code.contains(&format!(" {library}::"));
            if used
                && !rooms
                    .iter()
                    .any(|room| path.starts_with(room) || path.to_string_lossy().starts_with(room))
            {
                wrong.push(format!("{}: {library}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn files_keep_their_size_and_are_finished() {
    let mut wrong = Vec::new();
    for folder in ["src", "xtask/src", "tests/it"] {
        for (path, text) in files(folder) {
            if text.lines().count() > 800 {
                wrong.push(format!("{}: {} lines", path.display(), text.lines().count()));
            }
            for mark in ["todo!(", "unimplemented!(", "allow(dead_code", "#[ignore"] {
                if code(&text).contains(mark) && !path.ends_with("tidy.rs") {
                    wrong.push(format!("{}: {mark}", path.display()));
                }
            }
            if folder != "tests/it" && !text.starts_with("//!") {
                wrong.push(format!("{}: no header", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn imports_are_found() {
    let text = "use crate::ir::Value;\nuse crate::{codegen, sema::{tree, types}};\nfn f() { crate::wire::align_up(1, 2); }";
    assert_eq!(imports(text), ["ir", "codegen", "sema", "wire"]);
}
