//! Both tracers on this machine, one case after the other.

use super::Pair;
use super::case::{Answer, Case};
use crate::Res;
use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, Stdio};

/// Runs every case, `alone` without the reference; each command starts in a folder of its own, below /tmp so that a changed root may share it.
pub fn run(beetrace: &Path, alone: bool, cases: &[&Case]) -> Res<Vec<Pair>> {
    let beetrace = fs::canonicalize(beetrace).map_err(|e| format!("{}: {e}", beetrace.display()))?;
    let reference = std::env::var("BPFTRACE").unwrap_or_else(|_| "bpftrace".to_owned());
    let folder = Path::new("/tmp").join(format!("beetrace-compare-{}", std::process::id()));
    let pair = |case: &&Case| -> Res<Pair> {
        let mut pair = Pair::default();
        if !alone {
            (pair.reference, pair.told) = one(case, &reference, &folder)?;
        }
        (pair.ours, pair.complaint) = one(case, &beetrace.display().to_string(), &folder)?;
        Ok(pair)
    };
    let pairs = cases.iter().map(pair).collect();
    let _ = fs::remove_dir_all(&folder);
    pairs
}

fn one(case: &Case, tracer: &str, folder: &Path) -> Res<(Option<Answer>, String)> {
    let failed = |e: std::io::Error| format!("{}: {e}", folder.display());
    let _ = fs::remove_dir_all(folder);
    fs::create_dir_all(folder).map_err(failed)?;
    for (name, data) in case.files() {
        fs::write(folder.join(name), data).map_err(failed)?;
    }
    let run = folder.join("run");
    fs::write(&run, case.command(tracer)).map_err(failed)?;
    let mut command = Command::new("timeout");
    command.arg(case.timeout.as_secs().to_string()).arg("sh").arg(&run);
    let output = command.current_dir(folder).stdin(Stdio::null()).output().map_err(failed)?;
    let status = output.status.code().or(output.status.signal().map(|signal| 128 + signal)).unwrap_or(1);
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    Ok((Some(Answer { status, stdout }), String::from_utf8_lossy(&output.stderr).into_owned()))
}
