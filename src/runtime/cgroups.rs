//! Paths of cgroups, by their ids.
//!
//! The id is the inode of the cgroup's folder. Hierarchies are walked when an id is met that is not known; the paths are
//! those below the mounts that this process sees.

use std::collections::HashMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Between two walks for ids that were not found.
const PAUSE: Duration = Duration::from_millis(100);
/// Cgroups remembered; a machine with more is walked again and again.
const MOST: usize = 1 << 16;

/// What is known of cgroups.
#[derive(Debug, Default)]
pub struct Cgroups {
    /// Names and mounts of the hierarchies, `unified` for version 2.
    mounts: Option<Vec<(String, PathBuf)>>,
    /// By hierarchy and id.
    paths: HashMap<(usize, u64), String>,
    walked: Option<Instant>,
}

impl Cgroups {
    /// `NAME:PATH` for every hierarchy that has a cgroup with this id and whose name fits the pattern, with commas
    /// between them.
    pub fn paths(&mut self, id: u64, filter: Option<&str>) -> String {
        let mounts = self.mounts.get_or_insert_with(mounts).clone();
        let wanted = |name: &str| filter.is_none_or(|filter| fits(filter, name));
        let known = |paths: &HashMap<(usize, u64), String>| -> Vec<String> {
            let named = mounts.iter().enumerate().filter(|(_, (name, _))| wanted(name));
            named
                .filter_map(|(at, (name, _))| paths.get(&(at, id)).map(|path| format!("{name}:{path}")))
                .collect()
        };
        let mut found = known(&self.paths);
        if found.is_empty() && self.walked.is_none_or(|walked| walked.elapsed() > PAUSE) {
            self.paths.clear();
            for (at, (_, mount)) in mounts.iter().enumerate() {
                walk(mount, mount, at, &mut self.paths);
            }
            self.walked = Some(Instant::now());
            found = known(&self.paths);
        }
        found.join(",")
    }
}

fn walk(mount: &Path, folder: &Path, hierarchy: usize, paths: &mut HashMap<(usize, u64), String>) {
    let Ok(about) = fs::metadata(folder) else { return };
    let below = folder.strip_prefix(mount).unwrap_or(Path::new(""));
    paths.insert((hierarchy, about.ino()), format!("/{}", below.display()));
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    for entry in entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())) {
        if paths.len() < MOST {
            walk(mount, &entry.path(), hierarchy, paths);
        }
    }
}

fn mounts() -> Vec<(String, PathBuf)> {
    parse(&fs::read_to_string("/proc/self/mounts").unwrap_or_default())
}

/// Name and place of each hierarchy in the form of `/proc/mounts`. Those of version 1 are named after their controllers.
fn parse(text: &str) -> Vec<(String, PathBuf)> {
    let entry = |line: &str| {
        let mut words = line.split(' ').skip(1);
        let (place, kind, options) = (words.next()?, words.next()?, words.next()?);
        match kind {
            "cgroup2" => Some(("unified".to_owned(), PathBuf::from(place))),
            "cgroup" => {
                let general = ["rw", "ro", "nosuid", "nodev", "noexec", "relatime", "xattr"];
                let name = options.split(',').filter(|option| !general.contains(option)).collect::<Vec<_>>();
                Some((name.join(","), PathBuf::from(place)))
            }
            _ => None,
        }
    };
    let mut found: Vec<(String, PathBuf)> = Vec::new();
    for (name, place) in text.lines().filter_map(entry) {
        // one may be mounted several times
        if found.iter().all(|(known, _)| *known != name) {
            found.push((name, place));
        }
    }
    found
}

/// A pattern with `*` for any text.
fn fits(pattern: &str, name: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == name,
        Some((start, rest)) => name.strip_prefix(start).is_some_and(|name| {
            (0..=name.len()).filter(|at| name.is_char_boundary(*at)).any(|at| fits(rest, &name[at..]))
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hierarchies_have_names() {
        let text = "cgroup2 /sys/fs/cgroup cgroup2 rw,nsdelegate 0 0\n\
            cgroup /sys/fs/cgroup/cpu cgroup rw,nosuid,relatime,cpu,cpuacct 0 0\nproc /proc proc rw 0 0\n";
        let found = parse(text);
        assert_eq!(found[0], ("unified".to_owned(), PathBuf::from("/sys/fs/cgroup")));
        assert_eq!((found[1].0.as_str(), found.len()), ("cpu,cpuacct", 2));
    }

    #[test]
    fn patterns_fit_as_in_a_shell() {
        assert!(fits("unified", "unified") && fits("*", "unified") && fits("u*d", "unified"));
        assert!(!fits("u*x", "unified") && !fits("", "unified") && fits("", ""));
    }

    #[test]
    fn cgroups_are_found_by_their_inode() {
        let folder = std::env::temp_dir().join(format!("beetrace-cgroups-{}", std::process::id()));
        fs::create_dir_all(folder.join("a/b")).unwrap();
        let id = fs::metadata(folder.join("a/b")).unwrap().ino();
        let mut cgroups =
            Cgroups { mounts: Some(vec![("unified".into(), folder.clone())]), ..Cgroups::default() };
        assert_eq!(cgroups.paths(id, None), "unified:/a/b");
        assert_eq!(cgroups.paths(id, Some("cpu*")), "");
        assert_eq!(cgroups.paths(0, None), "");
        fs::remove_dir_all(folder).unwrap();
    }
}
