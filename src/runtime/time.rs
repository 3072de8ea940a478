//! `time(format)`: the wall clock through strftime.

use std::ffi::CString;

/// Text of the current local time, at most 1 KiB; empty when the format is, or gives more.
pub fn now(format: &str) -> Vec<u8> {
    // SAFETY: a null pointer asks for the result only.
    let seconds = unsafe { libc::time(std::ptr::null_mut()) };
    at(format, seconds)
}

fn at(format: &str, seconds: libc::time_t) -> Vec<u8> {
    let Ok(format) = CString::new(format) else { return Vec::new() };
    let mut text = vec![0u8; 1024];
    // SAFETY: a zeroed tm is valid, and localtime_r and strftime get buffers of ours with their sizes.
    let length = unsafe {
        let mut broken_down: libc::tm = std::mem::zeroed();
        libc::localtime_r(&raw const seconds, &raw mut broken_down);
        libc::strftime(text.as_mut_ptr().cast(), text.len(), format.as_ptr(), &raw const broken_down)
    };
    text.truncate(length);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_those_of_strftime() {
        // a time of day depends on the machine's zone; these do not
        assert_eq!(at("%s|%%|%n", 1_795_266_820), b"1795266820|%|\n");
        assert_eq!(at("%Y", 1_795_266_820), b"2026");
        assert_eq!(at("", 0), b"");
        assert_eq!(now("%H:%M:%S\n").len(), 9);
    }

    #[test]
    fn what_strftime_does_not_know_stays() {
        assert_eq!(at("%N %f", 0), b"%N %f");
    }
}
