//! From what a script names to files: paths, programs of the PATH, libraries of the loader's cache, mapped files.
//!
//! With a process (`-p`) everything is as that process sees it: when it lives in another mount namespace, paths go
//! through `/proc/PID/root`.

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::{env, fs};

use super::super::HostError;
use super::super::elf::Machine;

/// Where libraries are when no cache tells.
const FOLDERS: &[&str] = &[
    "/lib/x86_64-linux-gnu",
    "/usr/lib/x86_64-linux-gnu",
    "/lib/aarch64-linux-gnu",
    "/usr/lib/aarch64-linux-gnu",
    "/lib64",
    "/usr/lib64",
    "/lib",
    "/usr/lib",
    "/usr/local/lib",
];

/// See [`super::super::Binaries::resolve`].
pub fn resolve(target: &str, pid: Option<u32>) -> Result<Vec<String>, HostError> {
    let root = pid.map(foreign_root).unwrap_or_default();
    if target.contains('*') {
        let mut found = Vec::new();
        let pattern = absolute(target);
        expand(&root, &pattern, &mut found);
        return some(target, found);
    }
    if target.contains('/') {
        let path = format!("{root}{target}");
        let here = if root.is_empty() || target.starts_with('/') { path } else { format!("{root}/{target}") };
        let file = archive(&here).map_or(&*here, |(archive, _)| archive);
        return match fs::metadata(file) {
            Ok(_) => Ok(vec![here]),
            Err(error) if error.kind() == ErrorKind::PermissionDenied => Err(HostError::Denied(here)),
            Err(_) => Err(HostError::Missing(here)),
        };
    }
    if target.starts_with("lib")
        && let Some(path) = library(target, pid, &root)
    {
        return Ok(vec![path]);
    }
    let path = pid.filter(|_| !root.is_empty()).and_then(path_of).or_else(|| env::var("PATH").ok());
    let folders = path.unwrap_or_default();
    // as the shell: but a file of that name here goes first, as in bpftrace
    let here = Some(target.to_string()).filter(|_| root.is_empty());
    let found = here.into_iter().chain(folders.split(':').map(|folder| format!("{root}{folder}/{target}")));
    some(target, found.filter(|path| is_elf(path)).take(1).collect())
}

fn some(target: &str, found: Vec<String>) -> Result<Vec<String>, HostError> {
    if found.is_empty() { Err(HostError::Missing(target.to_string())) } else { Ok(found) }
}

/// The archive and the name within of `archive!/name`.
pub fn archive(path: &str) -> Option<(&str, &str)> {
    path.split_once("!/")
}

/// `/proc/PID/root` when the process has a mount namespace of its own, else nothing.
fn foreign_root(pid: u32) -> String {
    let namespace = |of: &str| fs::metadata(format!("/proc/{of}/ns/mnt")).map(|about| about.ino());
    let root = format!("/proc/{pid}/root");
    match (namespace("self"), namespace(&pid.to_string())) {
        (Ok(own), Ok(other)) if own != other => root,
        // a chroot is no namespace, but a world of its own as well
        _ => match fs::read_link(&root) {
            Ok(link) if link != Path::new("/") => root,
            _ => String::new(),
        },
    }
}

/// The PATH of a process.
fn path_of(pid: u32) -> Option<String> {
    let environment = fs::read(format!("/proc/{pid}/environ")).ok()?;
    let path = environment.split(|byte| *byte == 0).find_map(|entry| entry.strip_prefix(b"PATH="))?;
    Some(String::from_utf8_lossy(path).into_owned())
}

fn is_elf(path: &str) -> bool {
    use std::io::Read;
    let mut magic = [0; 4];
    let read = fs::File::open(path).and_then(|mut file| file.read_exact(&mut magic));
    read.is_ok() && magic == *b"\x7fELF"
}

fn absolute(pattern: &str) -> String {
    match (pattern.starts_with('/'), env::current_dir()) {
        (false, Ok(here)) if pattern.contains('/') => format!("{}/{pattern}", here.display()),
        (false, _) => format!("/**PATH**/{pattern}"),
        _ => pattern.to_string(),
    }
}

/// Files that a path with `*` stands for, folder by folder. A pattern without a folder is for programs of the PATH.
fn expand(root: &str, pattern: &str, found: &mut Vec<String>) {
    if let Some(name) = pattern.strip_prefix("/**PATH**/") {
        let folders = env::var("PATH").unwrap_or_default();
        let patterns = folders.split(':').map(|folder| format!("{folder}/{name}"));
        return patterns.for_each(|pattern| expand(root, &pattern, found));
    }
    let mut level = vec![root.to_string()];
    for part in pattern.split('/').filter(|part| !part.is_empty()) {
        level = level.iter().flat_map(|folder| children(folder, part)).collect();
    }
    level.sort();
    found.extend(level.into_iter().filter(|path| is_elf(path)));
}

fn children(folder: &str, part: &str) -> Vec<String> {
    if !part.contains('*') {
        return vec![format!("{folder}/{part}")];
    }
    let entries = fs::read_dir(format!("{folder}/")).into_iter().flatten().flatten();
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    names.filter(|name| matches(part, name)).map(|name| format!("{folder}/{name}")).collect()
}

/// `*` stands for any text.
fn matches(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| text.strip_prefix(first)) else { return false };
    let mut last = None;
    for part in parts {
        if let Some(between) = last.replace(part) {
            match rest.find(between) {
                Some(at) => rest = &rest[at + between.len()..],
                None => return false,
            }
        }
    }
    last.map_or(rest.is_empty(), |last| rest.ends_with(last))
}

/// A library: among the files that the process has mapped, in the loader's cache, in the usual folders.
fn library(name: &str, pid: Option<u32>, root: &str) -> Option<String> {
    if let Some(pid) = pid {
        let mapped = mapped(Some(pid)).unwrap_or_default();
        let own =
            mapped.into_iter().find(|path| is_library(name, path.rsplit('/').next().unwrap_or_default()));
        if own.is_some() {
            return own;
        }
    }
    let cache = fs::read(format!("{root}/etc/ld.so.cache")).unwrap_or_default();
    let cached = cached(&cache, name).map(|path| format!("{root}{path}")).filter(|path| is_elf(path));
    cached.or_else(|| FOLDERS.iter().find_map(|folder| in_folder(&format!("{root}{folder}"), name)))
}

/// True when the file `file` is the library `name`: `libc` is `libc.so.6` and `libc-2.31.so`; `libssl.so.3` is itself
/// and `libssl.so.3.0`.
fn is_library(name: &str, file: &str) -> bool {
    let Some(rest) = file.strip_prefix(name) else { return false };
    if name.contains(".so") {
        return rest.is_empty() || rest.starts_with('.');
    }
    rest.starts_with(".so")
        || (rest.strip_prefix('-').is_some_and(|v| v.starts_with(|c: char| c.is_ascii_digit())))
}

fn in_folder(folder: &str, name: &str) -> Option<String> {
    let entries = fs::read_dir(folder).ok()?.flatten();
    let mut names: Vec<String> = entries.filter_map(|entry| entry.file_name().into_string().ok()).collect();
    names.retain(|file| is_library(name, file));
    // `libx.so` is often a script for the linker
    names.sort_by_key(|file| (file.len(), file.clone()));
    names.into_iter().map(|file| format!("{folder}/{file}")).find(|path| is_elf(path))
}

/// The path of a library in the loader's cache (`/etc/ld.so.cache`, the format of glibc 2.2 and later).
fn cached(cache: &[u8], name: &str) -> Option<String> {
    const MAGIC: &[u8] = b"glibc-ld.so.cache1.1";
    let start = cache.windows(MAGIC.len()).position(|window| window == MAGIC)?;
    let cache = &cache[start..];
    let word = |at: usize| Some(u32::from_le_bytes(cache.get(at..at + 4)?.try_into().ok()?));
    let text = |at: u32| {
        let rest = cache.get(at as usize..)?;
        let end = rest.iter().position(|byte| *byte == 0)?;
        std::str::from_utf8(&rest[..end]).ok()
    };
    let wanted = match Machine::native() {
        Machine::Aarch64 => 0x0a03,
        _ => 0x0303,
    };
    (0..word(20)? as usize).find_map(|index| {
        let at = 48 + index * 24;
        let (flags, key, value) = (word(at)?, text(word(at + 4)?)?, text(word(at + 8)?)?);
        (flags == wanted && is_library(name, key)).then(|| value.to_string())
    })
}

/// See [`super::super::Binaries::mapped`].
pub fn mapped(pid: Option<u32>) -> Result<Vec<String>, HostError> {
    let Some(pid) = pid else {
        let entries = fs::read_dir("/proc").map_err(|error| HostError::Other(format!("/proc: {error}")))?;
        let pids = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
        // a process may end while it is looked at
        let all: BTreeSet<String> = pids.flat_map(|pid| mapped(Some(pid)).unwrap_or_default()).collect();
        return Ok(all.into_iter().collect());
    };
    let text = fs::read_to_string(format!("/proc/{pid}/maps")).map_err(|error| told(pid, &error))?;
    let root = foreign_root(pid);
    let mut seen = BTreeSet::new();
    let mut paths: Vec<String> = Vec::new();
    for path in text.lines().filter_map(code_path).filter(|path| !path.ends_with(" (deleted)")) {
        if seen.insert(path) {
            paths.push(format!("{root}{path}"));
        }
    }
    paths.retain(|path| is_elf(path));
    Ok(paths)
}

/// The file of a line of `/proc/PID/maps` that maps code.
fn code_path(line: &str) -> Option<&str> {
    let mut words = line.splitn(6, ' ');
    let permissions = words.nth(1)?;
    let path = words.nth(3)?.trim_start();
    (permissions.as_bytes().get(2) == Some(&b'x') && path.starts_with('/')).then_some(path)
}

/// See [`super::super::Binaries::executable`].
pub fn executable(pid: u32) -> Result<String, HostError> {
    let link = format!("/proc/{pid}/exe");
    let path = fs::read_link(&link).map_err(|error| told(pid, &error))?;
    let path = format!("{}{}", foreign_root(pid), path.display());
    // a file that was replaced or removed is still there under this name
    Ok(if is_elf(&path) { path } else { link })
}

fn told(pid: u32, error: &std::io::Error) -> HostError {
    match error.kind() {
        ErrorKind::NotFound => HostError::Missing(format!("process {pid}")),
        ErrorKind::PermissionDenied => HostError::Denied(format!("/proc/{pid}")),
        _ => HostError::Other(format!("/proc/{pid}: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_go_by_several_names() {
        assert!(is_library("libc", "libc.so.6") && is_library("libc", "libc-2.31.so"));
        assert!(is_library("libssl.so.3", "libssl.so.3") && is_library("libssl.so.3", "libssl.so.3.1"));
        assert!(!is_library("libc", "libcrypt.so.1") && !is_library("libssl.so.3", "libssl.so.30"));
        assert!(!is_library("libc", "libc-client.so.2007"));
    }

    #[test]
    fn stars_in_paths() {
        assert!(matches("lib*.so*", "libc.so.6") && matches("*", "x") && matches("a*", "a"));
        assert!(!matches("lib*.so", "libc.so.6") && !matches("a*b", "a") && matches("ab", "ab"));
        assert!(!matches("a*a", "a"));
    }

    #[test]
    fn the_loaders_cache_is_read() {
        let (mut cache, strings) = (b"glibc-ld.so.cache1.1".to_vec(), b"libx.so.1\0/lib/libx.so.1\0");
        let base = 48 + 2 * 24u32;
        cache.extend(2u32.to_le_bytes());
        cache.extend([0; 24]);
        for flags in [3u32, if cfg!(target_arch = "aarch64") { 0x0a03 } else { 0x0303 }] {
            for word in [flags, base, base + 10, 0, 0, 0] {
                cache.extend(word.to_le_bytes());
            }
        }
        cache.extend(strings);
        assert_eq!(cached(&cache, "libx"), Some("/lib/libx.so.1".into()));
        assert_eq!(cached(&cache, "liby"), None);
        assert_eq!(cached(&cache[..80], "libx"), None);
    }

    #[test]
    fn mapped_files_are_those_with_code() {
        let line = "7f1 r-xp 00001000 08:01 12                         /usr/lib/a b.so";
        assert_eq!(
            code_path("7f1-7f2 r-xp 00001000 08:01 12       /usr/lib/a b.so"),
            Some("/usr/lib/a b.so")
        );
        assert_eq!(code_path(line), Some("/usr/lib/a b.so"));
        assert_eq!(code_path("7f1-7f2 r--p 00001000 08:01 12       /usr/lib/a.so"), None);
        assert_eq!(code_path("7f1-7f2 r-xp 00000000 00:00 0        [vdso]"), None);
        let own = mapped(Some(std::process::id())).unwrap();
        let exe = executable(std::process::id()).unwrap();
        assert!(own.contains(&exe), "{own:?} {exe}");
    }

    #[test]
    fn programs_and_paths_are_found() {
        assert_eq!(resolve("/bin/sh", None), Ok(vec!["/bin/sh".into()]));
        let sh = resolve("sh", None).unwrap();
        assert!(sh[0].ends_with("/sh"), "{sh:?}");
        assert_eq!(resolve("/no/such", None), Err(HostError::Missing("/no/such".into())));
        assert!(resolve("/bin/tru*", None).unwrap().contains(&"/bin/true".into()));
    }
}
