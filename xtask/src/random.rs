//! Random scripts for guests, compiled on this machine: an emulated one would spend most of its time on that.

use crate::guest::kernel::Kernel;
use crate::{Res, paths, product, sh};
use std::fs;
use std::path::PathBuf;
use std::process::Command;

/// The test target that compiles them here and runs them there.
pub const PROGRAM: &str = "random";

/// Programs a kernel with all registers, and with few.
const PROGRAMS: u32 = 1600;
const SQUEEZED: u32 = 400;

/// A file of scripts compiled for a guest: its path there, and here.
pub fn pack(kernel: &Kernel, cpus: u32, features: &[&str]) -> Res<(String, PathBuf)> {
    let folder = product::target()?.join("random");
    fs::create_dir_all(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    let file = folder.join(format!("{}.pack", kernel.name));
    let mut command = Command::new(product::test_program(PROGRAM)?);
    command.current_dir(paths::repo()).arg("pack").arg(&file);
    command.args([PROGRAMS, SQUEEZED, cpus].map(|number| number.to_string())).args(features);
    sh::quiet(&mut command)?;
    Ok(("in/random.pack".to_owned(), file))
}
