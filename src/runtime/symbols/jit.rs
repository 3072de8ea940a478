//! Functions that were compiled while the process ran: `/tmp/perf-PID.map`, which the compiler writes.
//!
//! The file is the process's word about itself, so it is believed only when it belongs to the user that the process runs
//! as, or to root, and is an ordinary file of a bearable size.

use std::fs::{File, metadata};
use std::io::Read;
use std::os::unix::fs::MetadataExt;

/// Bytes that are read at most.
const MOST: u64 = 64 << 20;

/// Functions by address.
#[derive(Debug, Default)]
pub struct Map {
    /// Start, size, name.
    entries: Vec<(u64, u64, String)>,
}

impl Map {
    /// The map of a running process; None when there is none to believe.
    pub fn of(pid: u32) -> Option<Map> {
        let owner = metadata(format!("/proc/{pid}")).ok()?.uid();
        let inner = inner_pid(pid).unwrap_or(pid);
        let file = File::open(format!("/proc/{pid}/root/tmp/perf-{inner}.map")).ok()?;
        let about = file.metadata().ok()?;
        if !about.is_file() || about.len() > MOST || (about.uid() != owner && about.uid() != 0) {
            return None;
        }
        let mut text = Vec::new();
        file.take(MOST).read_to_end(&mut text).ok()?;
        Some(Map::parse(&String::from_utf8_lossy(&text)))
    }

    /// Lines of start, size (both hexadecimal) and name; a later line goes before an earlier one for the same place.
    pub fn parse(text: &str) -> Map {
        let mut entries: Vec<(u64, u64, String)> = text.lines().rev().filter_map(entry).collect();
        entries.sort_by_key(|entry| entry.0);
        entries.dedup_by_key(|entry| entry.0);
        Map { entries }
    }

    /// The function around `address`, and how far from its start that is.
    pub fn find(&self, address: u64) -> Option<(&str, u64)> {
        let after = self.entries.partition_point(|entry| entry.0 <= address);
        let (start, size, name) = &self.entries[after.checked_sub(1)?];
        let offset = address - start;
        (offset < *size).then_some((name.as_str(), offset))
    }
}

fn entry(line: &str) -> Option<(u64, u64, String)> {
    let mut parts = line.splitn(3, ' ');
    let mut number = || u64::from_str_radix(parts.next()?.trim_start_matches("0x"), 16).ok();
    let (start, size) = (number()?, number()?);
    Some((start, size, parts.next()?.to_owned()))
}

/// The process's id in its own namespace, by which it names its file.
fn inner_pid(pid: u32) -> Option<u32> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("NSpid:"))?;
    line.split_whitespace().last()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn later_lines_go_first() {
        let map = Map::parse("10 8 old\n0x20 4 b c\nnonsense\n10 6 new\n");
        assert_eq!(map.find(0x15), Some(("new", 5)));
        assert_eq!(map.find(0x16), None);
        assert_eq!(map.find(0x20), Some(("b c", 0)));
        assert_eq!(map.find(0), None);
    }
}
