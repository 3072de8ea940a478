//! Fetching bpftrace's own tools into the cache: the tests load them, and they are not ours to keep in the repository.
//!
//! They come from Debian's package, which is downloaded and unpacked, never installed. The suite moves; which version
//! it gave is written beside the tools, and a test that wants a certain one asks for it.

use super::{apt, fetch, sources};
use crate::{Res, paths, sh};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const SUITE: &str = "sid";
const PACKAGE: &str = "bpftrace";

/// The folder of the tools; its file `version` is the package's version.
pub fn folder() -> PathBuf {
    paths::cache().join("tools")
}

/// Whether the tools are in the cache.
pub fn present() -> bool {
    folder().join("version").exists()
}

/// The version of the package in the cache.
pub fn version() -> String {
    fs::read_to_string(folder().join("version")).unwrap_or_default()
}

/// Removes the tools from the cache.
pub fn forget() {
    let _ = fs::remove_dir_all(folder());
}

/// Fetches the tools from the first mirror that has the suite.
pub fn fetch() -> Res<()> {
    eprintln!("xtask: fetching the tools of {PACKAGE} in {SUITE}");
    sources::first(&format!("{PACKAGE} of {SUITE}"), fetch_from)
}

fn fetch_from(mirror: &str) -> Res<()> {
    let apt = apt::Private::new(&paths::cache().join("apt").join(SUITE), "", mirror, SUITE)?;
    apt.update()?;
    let fields = apt.show(PACKAGE)?;
    let version = fields.lines().find_map(|line| line.strip_prefix("Version: "));
    let version = version.ok_or_else(|| format!("{PACKAGE} of {SUITE} has no version"))?;
    let work = paths::cache().join(".tools.new");
    let _ = fs::remove_dir_all(&work);
    let (debs, tree, tools) = (work.join("debs"), work.join("tree"), work.join("tools"));
    for folder in [&debs, &tree, &tools] {
        fs::create_dir_all(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    }
    apt.download(&[PACKAGE.to_owned()], &debs)?;
    fetch::unpack(&debs, &tree)?;
    keep(&tree, &tools)?;
    fs::write(tools.join("version"), version).map_err(|e| format!("version: {e}"))?;
    forget();
    fetch::rename(&tools, &folder())?;
    fs::remove_dir_all(&work).map_err(|e| format!("{}: {e}", work.display()))
}

/// Moves the scripts of an unpacked package into `tools`.
fn keep(tree: &Path, tools: &Path) -> Res<()> {
    let found = sh::output(Command::new("find").arg(tree).args(["-path", "*/sbin/*.bt", "-type", "f"]))?;
    if found.is_empty() {
        return Err(format!("{PACKAGE} of {SUITE} holds no tools"));
    }
    for path in found.lines().map(Path::new) {
        fetch::rename(path, &tools.join(path.file_name().unwrap_or_default()))?;
    }
    Ok(())
}
