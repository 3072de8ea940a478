//! Building what goes into a guest: beetrace itself and the test program.

use crate::{Res, guest::image, paths, sh};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{env, fs};

/// The profile of the beetrace that runs in guests: checks on, and fast enough for emulation.
const GUEST_PROFILE: &str = "guest";

/// The profile of the test targets in [`SWIFT`]: optimised, checks off, for what compiles a lot in an emulated machine.
const SWIFT_PROFILE: &str = "swift";
const SWIFT: &[&str] = &["random"];

/// Builds beetrace for guests and gives the path of the static binary.
pub fn beetrace() -> Res<PathBuf> {
    beetrace_as(GUEST_PROFILE)
}

/// Builds the beetrace that is shipped and gives the path of the static binary.
pub fn release() -> Res<PathBuf> {
    beetrace_as("release")
}

/// Builds a test target of cargo for guests and gives the path of the static binary.
pub fn test_program(name: &str) -> Res<PathBuf> {
    let profile = if SWIFT.contains(&name) { SWIFT_PROFILE } else { GUEST_PROFILE };
    let mut cargo = build(profile);
    cargo.args(["--test", name, "--message-format", "json-render-diagnostics"]).stderr(Stdio::inherit());
    let output = cargo.output().map_err(|e| format!("cargo: {e}"))?;
    if !output.status.success() {
        return Err(format!("the test target {name} does not build with profile {profile}"));
    }
    // one message a line; of the artifacts only the target itself has an executable
    let messages = String::from_utf8_lossy(&output.stdout);
    let mut paths =
        messages.lines().filter_map(|line| line.split_once("\"executable\":\"")?.1.split('"').next());
    let stem = format!("/{name}-");
    let path = paths.rfind(|path| path.contains(&stem)).ok_or_else(|| format!("cargo built no {name}"))?;
    image::check_static(Path::new(path))?;
    Ok(path.into())
}

fn build(profile: &str) -> Command {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(paths::repo()).args([
        "build",
        "--quiet",
        "--package",
        "beetrace",
        "--profile",
        profile,
    ]);
    cargo
}

fn beetrace_as(profile: &str) -> Res<PathBuf> {
    let status = build(profile).args(["--bin", "beetrace"]).status().map_err(|e| format!("cargo: {e}"))?;
    if !status.success() {
        return Err(format!("beetrace does not build with profile {profile}"));
    }
    let path = target()?.join(profile).join("beetrace");
    image::check_static(&path)?;
    Ok(path)
}

/// Compiles the test program unless the last binary is newer than its source.
pub fn workload() -> Res<PathBuf> {
    compiled("workload", &["-static"])
}

/// The same, linked with the shared C library.
pub fn linked_workload() -> Res<PathBuf> {
    compiled("workload-linked", &[])
}

fn compiled(name: &str, flags: &[&str]) -> Res<PathBuf> {
    let source = paths::repo().join("xtask/guest/workload.c");
    let binary = target()?.join(name);
    if modified(&binary).is_none_or(|built| modified(&source).is_some_and(|written| written > built)) {
        // by a rename, so that another xtask never sees half of it
        let fresh = binary.with_extension(std::process::id().to_string());
        let mut gcc = Command::new("gcc");
        gcc.args(flags).args(["-O1", "-g", "-Wall", "-Wextra", "-pthread", "-o"]).arg(&fresh).arg(&source);
        sh::quiet(&mut gcc)?;
        fs::rename(&fresh, &binary).map_err(|e| format!("{}: {e}", binary.display()))?;
    }
    Ok(binary)
}

/// When a file was last written.
pub fn modified(path: &Path) -> Option<std::time::SystemTime> {
    fs::metadata(path).and_then(|meta| meta.modified()).ok()
}

/// Where cargo puts this target's profiles: two above this executable.
pub fn target() -> Res<PathBuf> {
    let own = env::current_exe().map_err(|e| format!("own executable: {e}"))?;
    let folder = own.parent().and_then(Path::parent).ok_or("own executable is nowhere")?;
    Ok(folder.to_owned())
}
