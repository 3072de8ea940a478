//! `cargo xtask setup`: what a machine must have to build beetrace and to run its tests.
//!
//! Invariants: quick and silent when all is there; the machine's own package sources are left as they are; whatever
//! is fetched is checked by apt against the distribution's keys. Deliberately not: other distributions than Debian
//! and its children, where the user is told what to install.

mod apt;
mod fetch;
mod sources;
mod tools;

use crate::guest::kernel::{self, Kernel, MATRIX};
use crate::{Res, paths};
use std::fs::{self, File};
use std::path::PathBuf;

/// Debian packages of the build: a linker and libc, and what libbpf is built with and linked to.
const BUILD: &[&str] =
    &["gcc", "g++", "libc6-dev", "make", "binutils", "pkg-config", "libelf-dev", "zlib1g-dev", "libzstd-dev"];
/// Debian packages of the guests, besides QEMU.
const GUEST: &[&str] = &["busybox-static", "xz-utils"];

/// The task's entry.
pub fn task(args: &[String]) -> Res<u8> {
    match args {
        [] => {}
        [word] if word == "--refresh" => {
            for kernel in MATRIX {
                fetch::forget(kernel);
            }
            tools::forget();
        }
        _ => {
            return Err(
                "usage: cargo xtask setup [--refresh]  (--refresh fetches kernels and tools anew)".into()
            );
        }
    }
    build_tools()?;
    ensure(MATRIX)?;
    for kernel in MATRIX {
        println!("kernel {:<5} {}", kernel.name, fetch::release(kernel));
    }
    bpftrace_tools()?;
    println!("tools of bpftrace {}", tools::version());
    Ok(0)
}

/// Makes sure that beetrace can be built and linked statically.
pub fn build_tools() -> Res<()> {
    let _lock = lock()?;
    apt::install(BUILD)
}

/// Makes sure that guests of these kernels can be run, fetching what is missing.
pub fn ensure(kernels: &[Kernel]) -> Res<()> {
    if kernels.iter().all(fetch::present) && kernel::check_qemu().is_ok() && apt::missing(GUEST).is_empty() {
        return Ok(());
    }
    let _lock = lock()?;
    apt::install(GUEST)?;
    if kernel::check_qemu().is_err() {
        apt::install_qemu()?;
        kernel::check_qemu()?;
    }
    // asked again: another setup may have fetched it while this one waited for the lock
    kernels.iter().filter(|kernel| !fetch::present(kernel)).try_for_each(fetch::kernel)
}

/// Makes sure that bpftrace's own tools are there and gives their folder, which also tells their `version`.
pub fn bpftrace_tools() -> Res<PathBuf> {
    if !tools::present() {
        let _lock = lock()?;
        if !tools::present() {
            tools::fetch()?;
        }
    }
    Ok(tools::folder())
}

/// Keeps two setups at the same time from treading on each other; released when dropped.
fn lock() -> Res<File> {
    let path = paths::cache().join("setup.lock");
    let failed = |e: std::io::Error| format!("{}: {e}", path.display());
    fs::create_dir_all(paths::cache()).map_err(failed)?;
    let file = File::create(&path).map_err(failed)?;
    file.lock().map_err(failed)?;
    Ok(file)
}
