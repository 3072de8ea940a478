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
    Program { name: "probed-cpp", source: "probed.cc", compiler: &["g++", "-O1", "-g", "-static"] },
    Program {
        name: "probed-go",
        source: "probed-go.s",
        compiler: &["gcc", "-nostdlib", "-static", "-no-pie"],
    },
    Program { name: "probed-rust", source: "probed.rs", compiler: RUST },
    Program { name: "probed-rust-v0", source: "probed.rs", compiler: RUST_V0 },
    Program {
        name: "probed-static",
        source: "probed.c",
        compiler: &["gcc", "-O1", "-g", "-static", "-no-pie"],
    },
];

const RUST: &[&str] =
    &["rustc", "--edition=2024", "--crate-name=probed", "-O", "-g", "-C", "target-feature=+crt-static"];
const RUST_V0: &[&str] = &[
    "rustc",
    "--edition=2024",
    "--crate-name=probed",
    "-O",
    "-C",
    "symbol-mangling-version=v0",
    "-C",
    "target-feature=+crt-static",
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
    files.extend(stripped(&files[0].1, &folder)?);
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

/// `probed` without symbols, and its debug information where distributions put it: by the number of the build.
fn stripped(program: &Path, folder: &Path) -> Res<Vec<(String, PathBuf)>> {
    let (bare, debug) = (folder.join("probed-stripped"), folder.join("probed.debug"));
    let keep = ["--only-keep-debug", "--compress-debug-sections"];
    sh::quiet(Command::new("objcopy").args(keep).arg(program).arg(&debug))?;
    sh::quiet(Command::new("strip").arg("-o").arg(&bare).arg(program))?;
    let notes = sh::output(Command::new("readelf").args(["--notes", "--wide"]).arg(program))?;
    let id = notes.lines().find_map(|line| line.split_once("Build ID: ")).map(|(_, id)| id.trim().to_owned());
    let id = id.ok_or("the linker gives programs no build id")?;
    let place = format!("usr/lib/debug/.build-id/{}/{}.debug", &id[..2], &id[2..]);
    Ok(vec![("bin/probed-stripped".to_owned(), bare), (place, debug)])
}

/// The loader and the libraries that a program is linked with, at the same paths.
pub fn libraries(program: &Path) -> Res<Vec<(String, PathBuf)>> {
    let text = sh::output(Command::new("ldd").arg(program))?;
    let words = text.lines().filter_map(|line| line.split_whitespace().find(|word| word.starts_with('/')));
    let file = |path: &str| -> Res<(String, PathBuf)> {
        let real = fs::canonicalize(path).map_err(|e| format!("{path}: {e}"))?;
        Ok((path.trim_start_matches('/').to_owned(), real))
    };
    words.map(file).collect()
}
