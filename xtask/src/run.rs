//! `cargo xtask run`: beetrace on this machine when its kernel can serve, else in a guest.

use crate::guest::image::{Input, Step};
use crate::guest::kernel::Kernel;
use crate::guest::qemu::{self, Machine};
use crate::runtime::guest_run::quoted;
use crate::{Res, paths, product, setup, sh, vm};
use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

const USAGE: &str = "usage: cargo xtask run [--vm KERNEL] -- [ARGUMENT]...
Without arguments for beetrace the demo runs.";

/// The kernel of the guest when the user names none.
const GUEST: &str = "6.12";
/// What runs without arguments, from the repository's root: the traced command exists in guests too.
const DEMO: &[&str] =
    &["-c", "wc -l /proc/meminfo /proc/cpuinfo /proc/mounts /etc/passwd", "examples/demo.bt"];
/// A run in a guest lasts until the user ends it.
const LIMIT: Duration = Duration::from_secs(7 * 24 * 3600);

/// The task's entry.
pub fn task(args: &[String]) -> Res<u8> {
    let (wish, given) = match args {
        [flag, kernel, dashes, rest @ ..] if flag == "--vm" && dashes == "--" => (Some(kernel), rest),
        [dashes, rest @ ..] if dashes == "--" => (None, rest),
        _ => return Err(USAGE.into()),
    };
    setup::build_tools()?;
    let beetrace = product::release()?;
    let words =
        if given.is_empty() { DEMO.iter().map(|word| word.to_string()).collect() } else { given.to_vec() };
    let kernel = match (wish, obstacle()) {
        (Some(kernel), _) => kernel.as_str(),
        (None, Some(obstacle)) => {
            eprintln!("This machine cannot serve: {obstacle}. Running in a guest with kernel {GUEST}.");
            GUEST
        }
        (None, None) => {
            // gives back only if it fails
            let error = Command::new(&beetrace).args(&words).current_dir(paths::repo()).exec();
            return Err(format!("{}: {error}", beetrace.display()));
        }
    };
    in_guest(kernel, beetrace, &words)
}

fn in_guest(kernel: &str, beetrace: PathBuf, words: &[String]) -> Res<u8> {
    let kernels = Kernel::select(kernel)?;
    setup::ensure(&kernels)?;
    let mut input = Input::default();
    input.program("beetrace", beetrace);
    input.program("workload", product::workload()?);
    let root = paths::repo();
    for word in words.iter().filter(|word| root.join(word).is_file()) {
        // at the same place in the guest: below its working folder, or where an absolute path says
        let place = if word.starts_with('/') { word.clone() } else { format!("in/{word}") };
        input.files.push((place.trim_start_matches('/').to_owned(), root.join(word)));
    }
    let words: Vec<String> = words.iter().map(|word| quoted(word)).collect();
    let script = format!("exec beetrace {}\n", words.join(" "));
    let step = Step { script, timeout: LIMIT, live: true, files: Vec::new() };
    qemu::catch_interrupts();
    let mut worst = 0;
    for kernel in &kernels {
        worst = worst.max(vm::run(kernel, &Machine::default(), &input, &step)?);
    }
    Ok(worst)
}

/// What keeps this machine's kernel from tracing, if anything does.
fn obstacle() -> Option<String> {
    let uid = sh::output(Command::new("id").arg("-u")).unwrap_or_default();
    let lockdown = fs::read_to_string("/sys/kernel/security/lockdown").unwrap_or_default();
    let checks = [
        (uid.trim() != "0", "tracing needs root"),
        (lockdown.contains("[confidentiality]"), "its kernel is locked down (confidentiality)"),
        (!Path::new("/sys/kernel/btf/vmlinux").exists(), "its kernel has no BTF (CONFIG_DEBUG_INFO_BTF)"),
        (!tracefs(), "its kernel has no tracepoints to trace (tracefs is empty)"),
        (
            !Path::new("/sys/bus/event_source/devices/kprobe").exists(),
            "its kernel has no kprobes (CONFIG_KPROBE_EVENTS)",
        ),
    ];
    checks.iter().find(|(found, _)| *found).map(|(_, told)| (*told).to_owned())
}

/// Whether tracepoints are to be seen, tracefs being mounted or not.
fn tracefs() -> bool {
    let seen = || {
        Path::new("/sys/kernel/tracing/events").exists()
            || Path::new("/sys/kernel/debug/tracing/events").exists()
    };
    seen() || {
        let _ = sh::quiet(Command::new("mount").args(["-t", "tracefs", "tracefs", "/sys/kernel/tracing"]));
        seen()
    }
}
