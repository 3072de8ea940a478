//! BPF C that a script imports, compiled by the clang of the machine.
//!
//! Nothing of clang is needed for anything else. The object comes over a pipe; no file is written.

use std::env;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::super::imports::{CompileError, Compiled};

/// The compiler's name on PATH.
const NAME: &str = "clang";

/// What headers of BPF programs call this machine.
const MACHINE: &str = if cfg!(target_arch = "aarch64") { "arm64" } else { "x86" };

/// Compiles the file at `path`; headers are looked for beside it, in `includes` and where clang itself looks.
///
/// # Errors
/// Without clang on PATH, and when it does not compile the file.
pub(super) fn compile(path: &str, includes: &[PathBuf]) -> Compiled {
    let searched = env::var_os("PATH").unwrap_or_default();
    let Some(clang) = find(&searched) else {
        return Err(CompileError::NoCompiler(searched.to_string_lossy().into_owned()));
    };
    let mut command = Command::new(&clang);
    command.args(["-g", "-O2", "-target", "bpf"]).arg(format!("-D__TARGET_ARCH_{MACHINE}"));
    for folder in includes {
        command.arg("-I").arg(folder);
    }
    // Debian keeps the kernel's <asm/…> in a folder of the machine, which clang does not know when it compiles for BPF
    let asm = format!("/usr/include/{}-linux-gnu", env::consts::ARCH);
    if Path::new(&asm).is_dir() {
        command.arg("-idirafter").arg(asm);
    }
    // a path that begins with a dash is no option
    let source = if path.starts_with('-') { format!("./{path}") } else { path.to_owned() };
    command.args(["-c", &source, "-o", "-"]).stdin(Stdio::null());
    let output = command
        .output()
        .map_err(|error| CompileError::Refused(format!("{} cannot be run: {error}", clang.display())))?;
    let said = String::from_utf8_lossy(&output.stderr).trim_end().to_owned();
    if output.status.success() {
        return Ok((output.stdout, said));
    }
    let said = if said.is_empty() { format!("{}: {}", clang.display(), output.status) } else { said };
    Err(CompileError::Refused(said))
}

/// The compiler in the first folder of `searched` that has it.
fn find(searched: &OsStr) -> Option<PathBuf> {
    use std::os::unix::fs::PermissionsExt;
    let runs = |path: &PathBuf| {
        path.metadata().is_ok_and(|about| about.is_file() && about.permissions().mode() & 0o111 != 0)
    };
    env::split_paths(searched).map(|folder| folder.join(NAME)).find(runs)
}
