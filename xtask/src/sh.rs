//! Running other programs, with errors that name the program.

use crate::Res;
use std::process::{Command, Output, Stdio};

/// Runs `command` with its output discarded unless it fails, and then gives its last lines as the error.
pub fn quiet(command: &mut Command) -> Res<()> {
    output(command).map(drop)
}

/// Runs `command` and gives its standard output.
pub fn output(command: &mut Command) -> Res<String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.stdin(Stdio::null()).output().map_err(|e| format!("{name}: {e}"))?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        Err(format!("`{}` failed ({}):\n{}", shown(command), output.status, tail(&output)))
    }
}

/// Whether `command` can be started and succeeds; its output is discarded.
pub fn succeeds(command: &mut Command) -> bool {
    let quiet = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    quiet.status().is_ok_and(|status| status.success())
}

/// A command that runs as root: as it is when we are root, else through sudo.
pub fn as_root(program: &str) -> Command {
    let uid = output(Command::new("id").arg("-u")).unwrap_or_default();
    if uid.trim() == "0" {
        Command::new(program)
    } else {
        let mut command = Command::new("sudo");
        command.arg(program);
        command
    }
}

fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

fn tail(output: &Output) -> String {
    let text = [output.stdout.as_slice(), output.stderr.as_slice()].concat();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(20)..].join("\n")
}
