//! Programs to be probed in user space, built for guests: C, C++ and Rust, linked in every way, stripped and not.
//!
//! They are linked dynamically where the way to the library is what is tested, so the loader and the C library of
//! this machine go along.

use crate::product::{modified, target};
use crate::{Res, paths, sh};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A program: its name, its source, and how it is made of it.
struct Program {
    name: &'static str,
    source: &'static str,
    compiler: &'static [&'static str],
}

const PROGRAMS: &[Program] = &[
    Program { name: "probed", source: "probed.c", compiler: &["gcc", "-O1", "-g", "-fpie", "-pie"] },
    Program {
        name: "probed-static",
        source: "probed.c",
        compiler: &["gcc", "-O1", "-g", "-static", "-no-pie"],
    },
];

/// Files for a guest, with their paths there.
pub fn files(set: &str) -> Res<Vec<(String, PathBuf)>> {
    if set != "probed" {
        return Err(format!("there is no set of programs `{set}`"));
    }
    let folder = target()?.join("probed");
    fs::create_dir_all(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    let mut files = Vec::new();
    for program in PROGRAMS {
        files.push((format!("bin/{}", program.name), build(program, &folder)?));
    }
    files.extend(libraries(&files[0].1)?);
    Ok(files)
}

/// Compiles a program unless the last binary is newer than its source.
fn build(program: &Program, folder: &Path) -> Res<PathBuf> {
    let source = paths::repo().join("xtask/guest").join(program.source);
    let binary = folder.join(program.name);
    if modified(&binary).is_none_or(|built| modified(&source).is_some_and(|written| written > built)) {
        // by a rename, so that another xtask never sees half of it
        let fresh = folder.join(format!("{}.{}", program.name, std::process::id()));
        let mut compiler = Command::new(program.compiler[0]);
        sh::quiet(compiler.args(&program.compiler[1..]).arg("-o").arg(&fresh).arg(&source))?;
        fs::rename(&fresh, &binary).map_err(|e| format!("{}: {e}", binary.display()))?;
    }
    Ok(binary)
}

/// The loader and the libraries that a program is linked with, at the same paths.
fn libraries(program: &Path) -> Res<Vec<(String, PathBuf)>> {
    let text = sh::output(Command::new("ldd").arg(program))?;
    let words = text.lines().filter_map(|line| line.split_whitespace().find(|word| word.starts_with('/')));
    let file = |path: &str| -> Res<(String, PathBuf)> {
        let real = fs::canonicalize(path).map_err(|e| format!("{path}: {e}"))?;
        Ok((path.trim_start_matches('/').to_owned(), real))
    };
    words.map(file).collect()
}
