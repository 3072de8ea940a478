//! Where the script comes from: `-e`, a file, standard input.

use std::io::Read;
use std::path::Path;
use std::{fs, io};

use crate::cli::Args;
use crate::diag::{Diagnostic, codes};
use crate::runtime::failure::Failure;
use crate::source::{FileId, SourceMap};

/// Reads the script that the arguments name.
///
/// # Errors
/// When there is none, or it cannot be read, or is not UTF-8.
pub fn read(args: &Args, sources: &mut SourceMap) -> Result<FileId, Failure> {
    match (&args.expression, args.file.as_deref()) {
        (Some(text), _) => Ok(sources.add("-e", text.as_str())),
        (None, Some("-")) => {
            let mut bytes = Vec::new();
            io::stdin().read_to_end(&mut bytes).map_err(|error| unreadable("standard input", &error))?;
            Ok(sources.add("-", text("standard input", bytes)?))
        }
        (None, Some(path)) => {
            let bytes = fs::read(path).map_err(|error| unreadable(path, &error))?;
            Ok(sources.add(path, text(path, bytes)?))
        }
        (None, None) => {
            let wrong = Diagnostic::error(codes::USAGE, "there is no script to run");
            let help = "beetrace -e 'tracepoint:raw_syscalls:sys_enter { @[comm] = count(); }', or beetrace script.bt";
            Err(Failure::new(vec![wrong.help(help)]))
        }
    }
}

/// A file that cannot be written.
pub fn unwritable(path: &Path, error: &io::Error) -> Failure {
    let message = format!("cannot write {}: {}", path.display(), plain(error));
    Failure::new(vec![Diagnostic::error(codes::FILE, message)])
}

/// The system's words alone.
fn plain(error: &io::Error) -> String {
    error.to_string().split(" (os error").next().unwrap_or_default().to_lowercase()
}

fn unreadable(name: &str, error: &io::Error) -> Failure {
    Failure::new(vec![Diagnostic::error(codes::FILE, format!("cannot read {name}: {}", plain(error)))])
}

fn text(name: &str, bytes: Vec<u8>) -> Result<String, Failure> {
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        let message = format!("{name} is not UTF-8 text: byte {at} is not part of a character");
        Failure::new(vec![Diagnostic::error(codes::FILE, message)])
    })
}
