//! What a guest is made of: busybox, the agent, files given by the user, and the job.

use super::cpio::Archive;
use super::kernel::Kernel;
use crate::{Res, sh};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// Where the agent finds the steps, one numbered folder each.
pub const JOB: &str = "/job";
/// Where files given by the user are; live steps run here.
pub const INPUT: &str = "/in";
/// Where steps that are not live run; emptied before each.
pub const SCRATCH: &str = "/tmp/case";

const INIT: &str = include_str!("../../guest/init");

/// A thing to be run in the guest.
#[derive(Clone, Debug)]
pub struct Step {
    /// The text given to the shell.
    pub script: String,
    /// After this time the step's process group is killed.
    pub timeout: Duration,
    /// Whether output is reported while the step runs.
    pub live: bool,
    /// Files beside the script, which finds them in the folder of `$0`: their names and contents.
    pub files: Vec<(String, Vec<u8>)>,
}

/// Files of this machine that go into a guest.
#[derive(Clone, Debug, Default)]
pub struct Input {
    /// Path in the guest, without the leading slash, and where it comes from.
    pub files: Vec<(String, PathBuf)>,
    /// Kernel modules by name, loaded in this order.
    pub modules: Vec<String>,
}

impl Input {
    /// Puts a program into the guest's `PATH`.
    pub fn program(&mut self, name: &str, from: PathBuf) {
        self.files.push((format!("bin/{name}"), from));
    }

    /// Puts a file or folder into the guest's input folder.
    pub fn input(&mut self, from: &Path) -> Res<()> {
        let full = fs::canonicalize(from).map_err(|e| format!("{}: {e}", from.display()))?;
        let name = full.file_name().ok_or("the root folder cannot be an input")?;
        self.files.push((format!("{}/{}", &INPUT[1..], name.to_string_lossy()), full));
        Ok(())
    }
}

/// The initramfs of a guest that runs `steps`. Each comes with the number that its frames carry.
pub fn initramfs(kernel: &Kernel, input: &Input, steps: &[(usize, &Step)]) -> Res<Vec<u8>> {
    let mut archive = Archive::default();
    for folder in ["proc", "sys", "tmp", "root", "bin", "modules", &INPUT[1..], &JOB[1..]] {
        archive.folder(folder);
    }
    archive.device("dev/console", (5, 1));
    archive.file("init", 0o755, INIT.as_bytes());
    archive.file("etc/passwd", 0o644, b"root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\n");
    archive.file("etc/group", 0o644, b"root:x:0:\nnogroup:x:65534:\n");
    archive.file("etc/hosts", 0o644, b"127.0.0.1 localhost\n::1 localhost\n");
    for (name, from) in [("busybox", busybox()?), ("xtask", ourselves()?)] {
        archive.copy(&format!("bin/{name}"), &from)?;
    }
    for (to, from) in &input.files {
        archive.copy(to, from)?;
    }
    for (number, name) in input.modules.iter().enumerate() {
        archive.file(&format!("modules/{number:02}-{name}.ko"), 0o644, &kernel.module(name)?);
    }
    for (number, step) in steps {
        let folder = format!("{}/{number:05}", &JOB[1..]);
        archive.file(&format!("{folder}/run"), 0o644, step.script.as_bytes());
        archive.file(&format!("{folder}/timeout"), 0o644, step.timeout.as_secs().to_string().as_bytes());
        for (name, data) in &step.files {
            archive.file(&format!("{folder}/{name}"), 0o644, data);
        }
        if step.live {
            archive.file(&format!("{folder}/live"), 0o644, b"");
        }
    }
    Ok(archive.finish())
}

/// The static busybox of the distribution.
fn busybox() -> Res<PathBuf> {
    let found =
        ["/bin/busybox", "/usr/bin/busybox"].into_iter().map(PathBuf::from).find(|path| path.exists());
    let path = found.ok_or("busybox is missing: run `cargo xtask setup`")?;
    check_static(&path)?;
    Ok(path)
}

/// This executable, which is the agent too.
fn ourselves() -> Res<PathBuf> {
    let path = std::env::current_exe().map_err(|e| format!("own executable: {e}"))?;
    check_static(&path)?;
    Ok(path)
}

/// Refuses a program that needs a dynamic linker: a guest has none.
pub fn check_static(path: &Path) -> Res<()> {
    let headers = sh::output(Command::new("readelf").args(["--program-headers", "--wide"]).arg(path))?;
    if headers.contains("INTERP") {
        return Err(format!(
            "{} is linked dynamically, a guest cannot run it (.cargo/config.toml)",
            path.display()
        ));
    }
    Ok(())
}
