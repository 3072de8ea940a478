//! Names in the kernel: `[A-Za-z0-9_]`, at most 15 bytes, unique.

use std::collections::HashSet;

/// Bytes of a program's or map's name in the kernel.
const LENGTH: usize = 15;

/// Gives out unique names.
#[derive(Default)]
pub struct Names {
    taken: HashSet<String>,
    /// The next number to try, for every stem: names of thousands of programs are made in linear time.
    next: std::collections::HashMap<String, u32>,
}

impl Names {
    /// `wanted` with everything but letters, digits and `_` replaced by `_`, cut, and numbered where it is
    /// taken.
    pub fn unique(&mut self, wanted: &str) -> String {
        let clean = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
        let whole: String = wanted.chars().map(clean).collect();
        let stem: String = whole.chars().take(LENGTH).collect();
        if self.taken.insert(stem.clone()) {
            return stem;
        }
        loop {
            let next = self.next.entry(stem.clone()).or_insert(1);
            *next += 1;
            let number = format!("_{next}");
            let name = format!("{}{number}", &stem[..stem.len().min(LENGTH - number.len())]);
            if self.taken.insert(name.clone()) {
                return name;
            }
        }
    }
}

/// What bpftool shows for a map: `@bytes` is `AT_bytes`, as in the reference.
pub fn map_name(name: &str) -> String {
    format!("AT_{}", name.trim_start_matches('@'))
}

/// What bpftool shows for a program: the last part of its attach point that says something, `vfs_read` of
/// `kprobe:vfs_read`, and the kind of probe where there is no such part.
pub fn program_name(attach_point: &str) -> &str {
    let mut parts = attach_point.rsplit(':');
    match parts.next() {
        Some(last) if last.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') => last,
        _ => attach_point.split(':').next().unwrap_or("program"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_cut_and_numbered() {
        let mut names = Names::default();
        assert_eq!(names.unique("sys_enter_openat2"), "sys_enter_opena");
        assert_eq!(names.unique("sys_enter_openat"), "sys_enter_ope_2");
        assert_eq!(names.unique("sys_enter_openat"), "sys_enter_ope_3");
        assert_eq!(names.unique("a.b"), "a_b");
        assert_eq!(names.unique("a_b"), "a_b_2");
        assert_eq!(names.unique("a_b_2"), "a_b_2_2");
    }

    #[test]
    fn programs_are_named_after_what_they_trace() {
        assert_eq!(program_name("kprobe:vfs_read"), "vfs_read");
        assert_eq!(program_name("interval:s:1"), "interval");
        assert_eq!(program_name("begin"), "begin");
        assert_eq!(map_name("@"), "AT_");
    }
}
