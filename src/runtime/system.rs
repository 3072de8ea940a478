//! What the C library and the system's files call users, errors and signals.

use std::collections::HashMap;
use std::ffi::CStr;

/// Names of users, from `/etc/passwd`, read when the first is asked for.
#[derive(Debug, Default)]
pub struct Users {
    names: Option<HashMap<u32, String>>,
}

impl Users {
    /// The user's name, or the number where it has none.
    pub fn name(&mut self, uid: u32) -> String {
        let read = || parse(&std::fs::read_to_string("/etc/passwd").unwrap_or_default());
        let names = self.names.get_or_insert_with(read);
        names.get(&uid).cloned().unwrap_or_else(|| uid.to_string())
    }
}

fn parse(text: &str) -> HashMap<u32, String> {
    let entry = |line: &str| {
        let mut fields = line.split(':');
        let name = fields.next()?.to_owned();
        Some((fields.nth(1)?.parse().ok()?, name))
    };
    // the first entry of a number counts
    text.lines().rev().filter_map(entry).collect()
}

/// What an error number means; of either sign.
pub fn error(number: i64) -> String {
    let mut text = [0u8; 128];
    let number = i32::try_from(number.unsigned_abs()).unwrap_or(i32::MAX);
    // SAFETY: a buffer of ours with its size; what is written ends in a NUL.
    let result = unsafe { libc::strerror_r(number, text.as_mut_ptr().cast(), text.len()) };
    match CStr::from_bytes_until_nul(&text) {
        Ok(text) if result == 0 => text.to_string_lossy().into_owned(),
        _ => "Unknown error".to_owned(),
    }
}

/// The name of a process; `N/A` when there is none of this number.
pub fn process(pid: u64) -> String {
    let name = std::fs::read(format!("/proc/{pid}/comm")).unwrap_or_default();
    let name = String::from_utf8_lossy(&name);
    if name.is_empty() { "N/A".to_owned() } else { name.trim_end_matches('\n').to_owned() }
}

/// What a signal means.
pub fn signal(number: u64) -> String {
    if !(1..=64).contains(&number) {
        return "N/A".to_owned();
    }
    // SAFETY: gives a string that stays until the next call in this thread; it is copied.
    let text = unsafe {
        let text = libc::strsignal(number as i32);
        if text.is_null() { c"N/A" } else { CStr::from_ptr(text) }
    };
    text.to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_names() {
        assert_eq!(
            [error(0), error(1), error(-2)],
            ["Success", "Operation not permitted", "No such file or directory"]
        );
        assert_eq!(error(4000), "Unknown error");
        assert_eq!([signal(2), signal(9), signal(0), signal(99)], ["Interrupt", "Killed", "N/A", "N/A"]);
        assert_eq!(parse("root:x:0:0::/:/sh\nbee:x:7:7::/:\ntwin:x:7:7\n")[&7], "bee");
        assert_eq!(process(u64::MAX), "N/A");
        assert!(!process(std::process::id().into()).is_empty());
        assert_eq!(Users::default().name(u32::MAX - 1), (u32::MAX - 1).to_string());
    }
}
