//! C headers in the file system.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::super::{Header, HeaderPlace};

/// Folders where Debian, Fedora and their kin keep headers.
const USUAL: &[&str] = &[
    "/usr/local/include",
    "/usr/include",
    "/usr/include/x86_64-linux-gnu",
    "/usr/include/aarch64-linux-gnu",
];

/// The header `name` in `place`.
pub(super) fn find(name: &str, place: HeaderPlace, given: &[PathBuf]) -> Option<Header> {
    match place {
        HeaderPlace::Beside(file) => read(&Path::new(file).parent()?.join(name)),
        HeaderPlace::Given => given.iter().find_map(|folder| read(&folder.join(name))),
        HeaderPlace::Usual => USUAL.iter().find_map(|folder| read(&Path::new(folder).join(name))),
    }
}

/// None when there is no such file.
fn read(path: &Path) -> Option<Header> {
    let text = match fs::read(path) {
        // Old headers have names of people in Latin-1.
        Ok(bytes) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => return None,
        Err(error) => Err(error.to_string()),
    };
    Some(Header { path: path.display().to_string(), text })
}
