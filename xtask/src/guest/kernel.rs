//! The kernels of the matrix, as `setup` left them in the cache.

use crate::{Res, paths, sh};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// One kernel of the matrix and the Debian suite that has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kernel {
    /// The name on the command line and in reports.
    pub name: &'static str,
    /// The Debian suite.
    pub suite: &'static str,
}

/// Every kernel that beetrace is tested on, oldest first.
pub const MATRIX: &[Kernel] = &[
    Kernel { name: "5.10", suite: "bullseye" },
    Kernel { name: "6.1", suite: "bookworm" },
    Kernel { name: "6.12", suite: "trixie" },
    Kernel { name: "7.3", suite: "trixie-backports" },
];

impl Kernel {
    /// The kernels that the user's word means: one of them by name, or `all`.
    pub fn select(word: &str) -> Res<Vec<Kernel>> {
        if word == "all" {
            return Ok(MATRIX.to_vec());
        }
        let known = || MATRIX.iter().map(|kernel| kernel.name).collect::<Vec<_>>().join(", ");
        let kernel = MATRIX.iter().find(|kernel| kernel.name == word);
        kernel
            .map(|kernel| vec![*kernel])
            .ok_or_else(|| format!("no kernel `{word}`; there are {} and all", known()))
    }

    /// The kernel's place in the matrix: of two kernels the newer has the higher one.
    pub fn rank(&self) -> usize {
        MATRIX.iter().position(|kernel| kernel == self).expect("every kernel comes from the matrix")
    }

    /// The folder of the kernel in the cache.
    pub fn folder(&self) -> PathBuf {
        paths::cache().join("kernels").join(self.name)
    }

    /// The image to boot.
    pub fn image(&self) -> PathBuf {
        self.folder().join("vmlinuz")
    }

    /// The decompressed text of a module, by its name with `_` or `-`.
    pub fn module(&self, name: &str) -> Res<Vec<u8>> {
        let wanted = name.replace('-', "_");
        let path = find(&self.folder().join("modules"), &|file| {
            let stem = file.strip_suffix(".xz").unwrap_or(file).strip_suffix(".ko");
            stem.is_some_and(|stem| stem.replace('-', "_") == wanted)
        });
        let path = path.ok_or_else(|| format!("kernel {} has no module `{name}`", self.name))?;
        if path.extension().is_some_and(|end| end == "xz") {
            let mut xz = Command::new("xz");
            let output = xz.arg("-dc").arg(&path).output().map_err(|e| format!("xz: {e}"))?;
            return if output.status.success() {
                Ok(output.stdout)
            } else {
                Err(format!("xz: {}", path.display()))
            };
        }
        fs::read(&path).map_err(|e| format!("{}: {e}", path.display()))
    }
}

/// The first file below `folder` whose name `wanted` takes.
pub fn find(folder: &Path, wanted: &dyn Fn(&str) -> bool) -> Option<PathBuf> {
    let mut entries: Vec<PathBuf> = fs::read_dir(folder).ok()?.flatten().map(|entry| entry.path()).collect();
    entries.sort();
    let (folders, files): (Vec<_>, Vec<_>) =
        entries.into_iter().partition(|path| path.is_dir() && !path.is_symlink());
    let named = |path: &PathBuf| path.file_name().and_then(|name| name.to_str()).is_some_and(wanted);
    files.into_iter().find(named).or_else(|| folders.iter().find_map(|folder| find(folder, wanted)))
}

/// Fails with one message when QEMU is too old or missing.
pub fn check_qemu() -> Res<()> {
    let text = sh::output(Command::new(super::qemu::PROGRAM).arg("--version"))
        .map_err(|_| format!("{} is missing", super::qemu::PROGRAM))?;
    let major: Option<u32> = text.split_whitespace().nth(3).and_then(|v| v.split('.').next()?.parse().ok());
    match major {
        Some(8..) => Ok(()),
        // before 8 cmpxchg16b is emulated wrongly, which crashes 6.12 and later
        _ => Err(format!("{} is too old: {}", super::qemu::PROGRAM, text.lines().next().unwrap_or_default())),
    }
}
