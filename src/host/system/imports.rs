//! Files that scripts import.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::super::imports::Entry;

/// The bit of a mode that lets everybody write.
const OTHERS_WRITE: u32 = 0o002;

/// What stands at `path`; None when nothing does.
pub(super) fn find(path: &str) -> Option<Entry> {
    let path = Path::new(path);
    let found = fs::metadata(path).ok()?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let around = fs::metadata(folder.unwrap_or(Path::new(".")));
    let writable = |about: &fs::Metadata| about.permissions().mode() & OTHERS_WRITE != 0;
    if writable(&found) || around.is_ok_and(|around| writable(&around)) {
        return Some(Entry::Writable);
    }
    if !found.is_dir() {
        return Some(Entry::File(fs::read(path).map_err(|error| error.to_string())));
    }
    let names = fs::read_dir(path).into_iter().flatten().flatten();
    let mut names: Vec<String> = names.filter_map(|entry| entry.file_name().into_string().ok()).collect();
    names.sort_unstable();
    Some(Entry::Folder(names))
}
