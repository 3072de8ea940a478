//! Times of day: `time(format)` and `strftime(format, nsecs)`, through the C library's strftime.

use std::ffi::CString;

use crate::wire::types::Clock;

/// Text of the current local time, at most 1 KiB; empty when the format is, or gives more.
pub fn now(format: &str) -> Vec<u8> {
    // SAFETY: a null pointer asks for the result only.
    let seconds = unsafe { libc::time(std::ptr::null_mut()) };
    at(format, seconds)
}

/// CLOCK_TAI less CLOCK_MONOTONIC, in ns.
pub fn tai_offset() -> i64 {
    between(libc::CLOCK_TAI)
}

/// A clock less CLOCK_MONOTONIC: of some tries the one that took the least time.
fn between(clock: libc::clockid_t) -> i64 {
    let tries = (0..5).map(|_| {
        let (before, there, after) = (read(libc::CLOCK_MONOTONIC), read(clock), read(libc::CLOCK_MONOTONIC));
        (after - before, there - (before + (after - before) / 2))
    });
    tries.min().map_or(0, |(_, distance)| distance)
}

fn read(clock: libc::clockid_t) -> i64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: writes to a local.
    unsafe { libc::clock_gettime(clock, &raw mut time) };
    time.tv_sec * NANOSECONDS + time.tv_nsec
}

const NANOSECONDS: i64 = 1_000_000_000;

/// How far the kernel's clocks are from the time of day, in ns.
#[derive(Clone, Copy, Debug)]
pub struct Clocks {
    boot: i64,
    monotonic: i64,
    tai: i64,
}

impl Clocks {
    /// As they are now.
    pub fn now() -> Clocks {
        let real = between(libc::CLOCK_REALTIME);
        let before = |clock: libc::clockid_t| real - between(clock);
        Clocks { boot: before(libc::CLOCK_BOOTTIME), monotonic: real, tai: before(libc::CLOCK_TAI) }
    }

    /// The local time of `nsecs` on a clock, as strftime has it; `%l`, `%f` and `%k` are the milliseconds, microseconds and nanoseconds
    /// of the second.
    pub fn format(&self, format: &str, clock: Clock, nsecs: u64) -> String {
        let distance = match clock {
            Clock::Boot => self.boot,
            Clock::Monotonic => self.monotonic,
            Clock::Tai => self.tai,
        };
        let real = i128::from(nsecs) + i128::from(distance);
        let nanoseconds = i128::from(NANOSECONDS);
        let (seconds, rest) = (real.div_euclid(nanoseconds), real.rem_euclid(nanoseconds));
        let format = with_fractions(format, rest as u32);
        let seconds = libc::time_t::try_from(seconds).unwrap_or(libc::time_t::MAX);
        String::from_utf8_lossy(&at(&format, seconds)).into_owned()
    }
}

/// A time in ns since 1970 in UTC, as strftime has it, and a point and the nanoseconds, nine digits.
pub fn utc(format: &str, nsecs: u64) -> String {
    let (seconds, rest) = (nsecs as i64 / NANOSECONDS, nsecs as i64 % NANOSECONDS);
    let text = broken_down(format, seconds, libc::gmtime_r);
    format!("{}.{rest:09}", String::from_utf8_lossy(&text))
}

/// A time in ns since 1970 as local time of day, with so many digits of the second.
pub fn local(nsecs: u64, digits: usize) -> String {
    let (seconds, rest) = (nsecs as i64 / NANOSECONDS, nsecs as i64 % NANOSECONDS);
    let text = String::from_utf8_lossy(&at("%H:%M:%S", seconds)).into_owned();
    match digits {
        0 => text,
        digits => format!("{text}.{}", &format!("{rest:09}")[..digits.min(9)]),
    }
}

/// The format with the parts of the second filled in: `%l` milliseconds, `%f` microseconds, `%k` nanoseconds. `%%f` is a
/// percent sign and an f.
fn with_fractions(format: &str, nanoseconds: u32) -> String {
    let mut out = String::with_capacity(format.len() + 6);
    let mut rest = format;
    while let Some(at) = rest.find('%') {
        let (text, conversion) = rest.split_at(at);
        out.push_str(text);
        let length = 1 + conversion[1..].chars().next().map_or(0, char::len_utf8);
        match &conversion[..length] {
            "%l" => out.push_str(&format!("{:03}", nanoseconds / 1_000_000)),
            "%f" => out.push_str(&format!("{:06}", nanoseconds / 1000)),
            "%k" => out.push_str(&format!("{nanoseconds:09}")),
            other => out.push_str(other),
        }
        rest = &conversion[length..];
    }
    out + rest
}

fn at(format: &str, seconds: libc::time_t) -> Vec<u8> {
    broken_down(format, seconds, libc::localtime_r)
}

/// Fills in the parts of a time, in one zone or the other.
type Zone = unsafe extern "C" fn(*const libc::time_t, *mut libc::tm) -> *mut libc::tm;

fn broken_down(format: &str, seconds: libc::time_t, zone: Zone) -> Vec<u8> {
    let Ok(format) = CString::new(format) else { return Vec::new() };
    let mut text = vec![0u8; 1024];
    // SAFETY: a zeroed tm is valid, and localtime_r and strftime get buffers of ours with their sizes.
    let length = unsafe {
        let mut broken_down: libc::tm = std::mem::zeroed();
        zone(&raw const seconds, &raw mut broken_down);
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
    fn clocks_become_times_of_day() {
        let clocks = Clocks { boot: 1_000_000_000_000_000_000, monotonic: 0, tai: -37_000_000_000 };
        assert_eq!(clocks.format("%s %f", Clock::Boot, 2_000_345_678), "1000000002 000345");
        assert_eq!(clocks.format("%s.%f|%%f", Clock::Monotonic, 1_999_999_999), "1.999999|%f");
        assert_eq!(clocks.format("%l %f %k", Clock::Monotonic, 1_012_345_678), "012 012345 012345678");
        assert_eq!(clocks.format("%s", Clock::Tai, 100_000_000_000), "63");
        let now = Clocks::now();
        let (real, text) =
            (read(libc::CLOCK_REALTIME), now.format("%s", Clock::Boot, read(libc::CLOCK_BOOTTIME) as u64));
        assert!((text.parse::<i64>().unwrap() - real / NANOSECONDS).abs() <= 1, "{text}");
    }

    #[test]
    fn what_strftime_does_not_know_stays() {
        assert_eq!(at("%N %f", 0), b"%N %f");
    }
}
