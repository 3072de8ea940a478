//! What scripts ask user space to do: read a file, run a command, put texts together.

use std::ffi::OsStr;
use std::fs::File;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::{Command, Stdio};

use super::failure::words;
use super::value::{tail, text, unsigned};
use crate::wire::record::{Field, JOIN_SIZE, JOIN_TEXTS};

/// Bytes of a command's output that are kept at most.
const OUTPUT: u64 = 16 << 20;

/// The beginning of a file, at most `most` bytes, or why there is none.
///
/// # Errors
/// In words, when it cannot be opened or read.
pub fn cat(path: &[u8], most: u32) -> Result<Vec<u8>, String> {
    let path = Path::new(OsStr::from_bytes(path));
    let failed = |error: std::io::Error| format!("cannot read {}: {}", path.display(), words(&error));
    let mut contents = Vec::new();
    File::open(path)
        .and_then(|file| file.take(u64::from(most)).read_to_end(&mut contents))
        .map_err(failed)?;
    Ok(contents)
}

/// Runs a command in a shell and waits for its end; gives what it printed. Its errors go where ours go.
///
/// # Errors
/// In words, when there is no shell or no process.
pub fn system(command: &[u8]) -> Result<Vec<u8>, String> {
    let failed = |error: std::io::Error| format!("cannot run a command: {}", words(&error));
    let mut shell = Command::new("/bin/sh");
    shell.arg("-c").arg(OsStr::from_bytes(command)).stdin(Stdio::null()).stdout(Stdio::piped());
    let mut child = shell.spawn().map_err(failed)?;
    let mut printed = Vec::new();
    if let Some(stdout) = child.stdout.take() {
        // a read that a signal interrupts goes on
        stdout.take(OUTPUT).read_to_end(&mut printed).map_err(failed)?;
    }
    child.wait().map_err(failed)?;
    Ok(printed)
}

/// The texts of a `join` record with what belongs between them.
pub fn joined(count: &Field, texts: &Field, separator: &str, record: &[u8]) -> Vec<u8> {
    let count = unsigned(tail(record, count.offset), 8).min(u64::from(JOIN_TEXTS)) as u32;
    let mut out = Vec::new();
    for i in 0..count {
        out.extend_from_slice(if i == 0 { b"" } else { separator.as_bytes() });
        let (bytes, _) = text(tail(record, texts.offset + i * JOIN_SIZE), JOIN_SIZE);
        out.extend_from_slice(bytes);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::types::DataType;

    #[test]
    fn files_and_commands() {
        assert_eq!(cat(b"/proc/sys/kernel/ostype", 10240).unwrap(), b"Linux\n");
        assert_eq!(cat(b"/proc/sys/kernel/ostype", 3).unwrap(), b"Lin");
        assert_eq!(cat(b"/nowhere", 10240).unwrap_err(), "cannot read /nowhere: no such file or directory");
        assert_eq!(system(b"echo one; echo two").unwrap(), b"one\ntwo\n");
        assert_eq!(system(b"exit 3").unwrap(), b"");
        let long = system(b"head -c 100000 /dev/zero | tr '\\0' x").unwrap();
        assert_eq!(long.len(), 100_000);
    }

    #[test]
    fn texts_are_joined() {
        let mut record = vec![0; 16 + 3 * JOIN_SIZE as usize];
        record[8] = 2;
        record[16..19].copy_from_slice(b"abc");
        record[16 + JOIN_SIZE as usize] = b'd';
        let field = |offset| Field { offset, ty: DataType::Bool };
        assert_eq!(joined(&field(8), &field(16), "--", &record), b"abc--d");
    }
}
