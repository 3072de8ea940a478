//! Fetching the guests' kernels into the cache.
//!
//! The version is always that of the suite's `linux-image-cloud-amd64`: file names with a version in them vanish from
//! the mirrors with the next update. A kernel's folder appears by a rename, so a broken fetch leaves nothing behind.

use super::{apt, sources};
use crate::guest::kernel::{Kernel, find};
use crate::{Res, paths, sh};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const META: &str = "linux-image-cloud-amd64";

/// Whether the kernel is in the cache.
pub fn present(kernel: &Kernel) -> bool {
    kernel.folder().join("release").exists()
}

/// The release of the kernel in the cache, as its package's name has it.
pub fn release(kernel: &Kernel) -> String {
    fs::read_to_string(kernel.folder().join("release")).unwrap_or_default()
}

/// Removes the kernel from the cache.
pub fn forget(kernel: &Kernel) {
    let _ = fs::remove_dir_all(kernel.folder());
}

/// Fetches the kernel from the first mirror that has its suite.
pub fn kernel(kernel: &Kernel) -> Res<()> {
    eprintln!("xtask: fetching the {} kernel of {}", kernel.name, kernel.suite);
    sources::first(&format!("the kernel of {}", kernel.suite), |mirror| fetch(kernel, mirror))
}

fn fetch(kernel: &Kernel, mirror: &str) -> Res<()> {
    let apt = apt::Private::new(&paths::cache().join("apt").join(kernel.suite), "", mirror, kernel.suite)?;
    apt.update()?;
    let meta = apt.show(META)?;
    let image = depends(&meta).into_iter().find(|name| name.starts_with("linux-image-"));
    let image = image.ok_or_else(|| format!("{META} of {} depends on no image", kernel.suite))?;
    let release = image["linux-image-".len()..].to_owned();
    // since 7.x the image itself and the modules are packages of their own
    let parts = depends(&apt.show(&image)?);
    let parts = parts.into_iter().filter(|name| name.starts_with("linux-") && name.ends_with(&release));
    let packages: Vec<String> = std::iter::once(image.clone()).chain(parts).collect();

    let work = paths::cache().join("kernels").join(format!(".{}.new", kernel.name));
    let _ = fs::remove_dir_all(&work);
    let (debs, tree) = (work.join("debs"), work.join("tree"));
    for folder in [&debs, &tree] {
        fs::create_dir_all(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    }
    apt.download(&packages, &debs)?;
    unpack(&debs, &tree)?;
    keep(&work, &tree, &release)?;
    for folder in [&debs, &tree] {
        fs::remove_dir_all(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    }
    forget(kernel);
    rename(&work, &kernel.folder())
}

/// Unpacks every package in `debs` into `tree`.
pub fn unpack(debs: &Path, tree: &Path) -> Res<()> {
    let entries = fs::read_dir(debs).map_err(|e| format!("{}: {e}", debs.display()))?;
    for entry in entries.flatten() {
        sh::quiet(Command::new("dpkg-deb").arg("-x").arg(entry.path()).arg(tree))?;
    }
    Ok(())
}

/// Keeps the image and the modules, and writes the release's name last.
fn keep(work: &Path, tree: &Path, release: &str) -> Res<()> {
    let image = find(tree, &|name| name.starts_with("vmlinuz")).ok_or("the packages hold no vmlinuz")?;
    rename(&image, &work.join("vmlinuz"))?;
    let places: [PathBuf; 2] = ["lib/modules", "usr/lib/modules"].map(|place| tree.join(place).join(release));
    let modules = places.iter().find(|place| place.is_dir()).ok_or("the packages hold no modules")?;
    rename(modules, &work.join("modules"))?;
    fs::write(work.join("release"), release).map_err(|e| format!("release: {e}"))
}

/// Gives a file or folder another place on the same file system.
pub fn rename(from: &Path, to: &Path) -> Res<()> {
    fs::rename(from, to).map_err(|e| format!("{} to {}: {e}", from.display(), to.display()))
}

/// The names of the packages that a package depends on.
fn depends(fields: &str) -> Vec<String> {
    let lines = fields.lines().filter_map(|line| line.strip_prefix("Depends:"));
    let names =
        lines.flat_map(|line| line.split([',', '|'])).filter_map(|item| item.split_whitespace().next());
    names.map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dependencies_lose_their_versions() {
        let fields =
            "Package: a\nDepends: linux-image-6.1.0-1-cloud-amd64 (= 6.1.1-1), kmod | other\nSize: 3\n";
        assert_eq!(depends(fields), ["linux-image-6.1.0-1-cloud-amd64", "kmod", "other"]);
    }
}
