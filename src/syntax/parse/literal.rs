//! Integers, durations and strings: from their letters to their value.
//!
//! Deliberately more lenient than C where nothing is lost by it (`0b101`, `10e3`, suffixes in either case), never
//! silently wrong: what does not fit 64 bits, or the C suffix, is refused.

use std::ops::Range;

/// What is wrong with a literal.
#[derive(Debug, PartialEq)]
pub(super) struct Wrong {
    /// The message.
    pub(super) message: String,
    /// The part of the literal that is at fault.
    pub(super) range: Range<usize>,
    /// Remark at that part.
    pub(super) label: String,
    /// What to write instead, where known.
    pub(super) help: Option<String>,
}

impl Wrong {
    fn new(message: impl Into<String>, range: Range<usize>, label: impl Into<String>) -> Wrong {
        Wrong { message: message.into(), range, label: label.into(), help: None }
    }

    fn help(mut self, text: impl Into<String>) -> Wrong {
        self.help = Some(text.into());
        self
    }
}

/// Suffix as written in lower case, C suffix of the result, largest value before scaling, scale.
type Suffix = (&'static str, &'static str, u64, u64);

const SUFFIXES: &[Suffix] = &[
    ("", "", u64::MAX, 1),
    ("u", "u", u32::MAX as u64, 1),
    ("l", "l", i64::MAX as u64, 1),
    ("ll", "ll", i64::MAX as u64, 1),
    ("ul", "ul", u64::MAX, 1),
    ("lu", "ul", u64::MAX, 1),
    ("ull", "ull", u64::MAX, 1),
    ("llu", "ull", u64::MAX, 1),
];

/// Durations are nanoseconds.
const DURATIONS: &[Suffix] = &[
    ("ns", "", u64::MAX, 1),
    ("us", "", u64::MAX, 1_000),
    ("ms", "", u64::MAX, 1_000_000),
    ("s", "", u64::MAX, 1_000_000_000),
    ("m", "", u64::MAX, 60_000_000_000),
    ("h", "", u64::MAX, 3_600_000_000_000),
    ("d", "", u64::MAX, 86_400_000_000_000),
];

/// The value of an integer literal and its C suffix in lower case; durations are scaled to nanoseconds.
pub(super) fn integer(text: &str) -> Result<(u64, &'static str), Wrong> {
    let lower = text.to_ascii_lowercase();
    let octal = lower.starts_with('0') && lower[1..].starts_with(|c: char| c.is_ascii_digit() || c == '_');
    let (start, radix) = match lower.get(..2) {
        Some("0x") => (2, 16),
        Some("0b") => (2, 2),
        _ if octal => (1, 8),
        _ => (0, 10),
    };
    let digits = |c: char| c == '_' || c.is_digit(radix.max(10));
    let end = lower[start..].find(|c| !digits(c)).map_or(lower.len(), |at| start + at);
    let mut value = digits_value(text, start..end, radix)?;
    let mut rest = end;
    if radix == 10 && lower[rest..].starts_with('e') {
        let exponent = rest + 1;
        rest = lower[exponent..].find(|c| !digits(c)).map_or(lower.len(), |at| exponent + at);
        value = scale_by_exponent(text, value, exponent..rest)?;
    }
    apply_suffix(text, &lower, rest, radix, value)
}

fn digits_value(text: &str, range: Range<usize>, radix: u32) -> Result<u64, Wrong> {
    let digits = &text[range.clone()];
    if digits.ends_with('_') {
        let last = range.end - 1..range.end;
        return Err(Wrong::new("a number cannot end with an underscore", last, "remove this"));
    }
    if digits.is_empty() {
        let label = "digits must follow";
        return Err(Wrong::new(format!("`{text}` has no digits"), 0..range.end, label));
    }
    let mut value = 0u64;
    for (at, c) in digits.char_indices().filter(|(_, c)| *c != '_') {
        let Some(digit) = c.to_digit(radix) else {
            let kind = if radix == 8 { "an octal" } else { "a binary" };
            let here = range.start + at..range.start + at + 1;
            let wrong = Wrong::new(format!("`{c}` is not {kind} digit"), here, "");
            let help = "a number that begins with `0` is octal; leave the `0` away for a decimal number";
            return Err(if radix == 8 { wrong.help(help) } else { wrong });
        };
        let next = value.checked_mul(u64::from(radix)).and_then(|v| v.checked_add(u64::from(digit)));
        value = next.ok_or_else(|| too_large(text, u64::MAX))?;
    }
    Ok(value)
}

fn scale_by_exponent(text: &str, value: u64, range: Range<usize>) -> Result<u64, Wrong> {
    if range.is_empty() {
        let wrong = Wrong::new("the exponent has no digits", 0..text.len(), "digits must follow");
        return Err(wrong.help("exponents are whole and not negative, as in `1e6`"));
    }
    let exponent = digits_value(text, range, 10)?;
    let power = u32::try_from(exponent).ok().and_then(|e| 10u64.checked_pow(e));
    match power {
        _ if value == 0 => Ok(0),
        Some(power) => value.checked_mul(power).ok_or_else(|| too_large(text, u64::MAX)),
        None => Err(too_large(text, u64::MAX)),
    }
}

fn apply_suffix(
    text: &str,
    lower: &str,
    at: usize,
    radix: u32,
    value: u64,
) -> Result<(u64, &'static str), Wrong> {
    let written = &lower[at..];
    let durations = if radix == 10 { DURATIONS } else { &[] };
    // `1S` is no duration: their letters are lower case only.
    let duration = durations.iter().find(|s| s.0 == &text[at..]);
    let Some(&(_, suffix, most, scale)) = SUFFIXES.iter().find(|s| s.0 == written).or(duration) else {
        let message = format!("`{}` is no suffix of a number", &text[at..]);
        return Err(Wrong::new(message, at..text.len(), "unknown suffix")
            .help("suffixes are ns, us, ms, s, m, h, d for durations and C's u, l, ul, ll, ull"));
    };
    if value > most {
        return Err(too_large(text, most));
    }
    let scaled = value.checked_mul(scale).ok_or_else(|| too_large(text, u64::MAX))?;
    Ok((scaled, suffix))
}

fn too_large(text: &str, most: u64) -> Wrong {
    Wrong::new("the number is too large", 0..text.len(), format!("the largest possible is {most}"))
}

/// The bytes of a string literal, given with its quotes, and what is wrong with its escapes.
pub(super) fn string(text: &str) -> (Vec<u8>, Vec<Wrong>) {
    let (mut bytes, mut wrong) = (Vec::with_capacity(text.len()), Vec::new());
    let inside = &text.as_bytes()[..text.len().saturating_sub(1)];
    let mut at = 1;
    while at < inside.len() {
        if inside[at] != b'\\' {
            bytes.push(inside[at]);
            at += 1;
            continue;
        }
        match escape(text, &inside[at + 1..], at) {
            Ok((byte, length)) => {
                bytes.push(byte);
                at += length;
            }
            Err(problem) => {
                at = problem.range.end.max(at + 1);
                wrong.push(problem);
            }
        }
    }
    (bytes, wrong)
}

/// The byte of the escape at `at`, whose letters behind the backslash begin `rest`, and its length.
fn escape(text: &str, rest: &[u8], at: usize) -> Result<(u8, usize), Wrong> {
    let count = |most: usize, radix: u32| {
        rest.iter().take(most + 1).take_while(|b| (**b as char).is_digit(radix)).count().min(most)
    };
    let simple = match rest.first() {
        Some(b'n') => b'\n',
        Some(b't') => b'\t',
        Some(b'r') => b'\r',
        Some(b'a') => 7,
        Some(b'b') => 8,
        Some(b'v') => 11,
        Some(b'f') => 12,
        Some(same @ (b'"' | b'\\' | b'\'' | b'?')) => *same,
        Some(b'0'..=b'7') => {
            let length = count(3, 8);
            let value = rest[..length].iter().fold(0u32, |v, b| v * 8 + u32::from(b - b'0'));
            return u8::try_from(value).map(|byte| (byte, length + 1)).map_err(|_| {
                let range = at..at + 1 + length;
                Wrong::new(format!("`{}` is more than a byte", &text[range.clone()]), range, "above \\377")
            });
        }
        Some(b'x' | b'X') => return hex_escape(&rest[1..], at),
        _ => return Err(unknown_escape(text, at)),
    };
    Ok((simple, 2))
}

fn hex_escape(digits: &[u8], at: usize) -> Result<(u8, usize), Wrong> {
    let digits = digits.iter().take(2).map_while(|b| (*b as char).to_digit(16));
    let (value, length) = digits.fold((0, 0), |(value, length), d| (value * 16 + d as u8, length + 1));
    if length == 0 {
        return Err(Wrong::new(
            "no digits after `\\x`",
            at..at + 2,
            "one or two hexadecimal digits must follow",
        ));
    }
    Ok((value, length + 2))
}

fn unknown_escape(text: &str, at: usize) -> Wrong {
    let letter = text[at + 1..].chars().next().unwrap_or('\\');
    let range = at..at + 1 + letter.len_utf8();
    Wrong::new(format!("`\\{letter}` is no escape"), range, "")
        .help("a backslash itself is written `\\\\`; known escapes are \\n \\t \\r \\a \\b \\v \\f \\\" \\\\ \\NNN \\xNN")
}

#[cfg(test)]
mod tests {
    use super::{integer, string};

    #[test]
    fn integers_have_their_values() {
        for (text, value, suffix) in [
            ("0", 0, ""),
            ("00", 0, ""),
            ("017", 15, ""),
            ("0x_fF", 255, ""),
            ("0b11", 3, ""),
            ("1e19", 10_000_000_000_000_000_000, ""),
            ("0e99", 0, ""),
            ("18446744073709551615", u64::MAX, ""),
            ("9223372036854775807LL", i64::MAX as u64, "ll"),
            ("0xffffffffffffffffULL", u64::MAX, "ull"),
            ("213503d", 18_446_659_200_000_000_000, ""),
            ("1lu", 1, "ul"),
        ] {
            assert_eq!(integer(text), Ok((value, suffix)), "{text}");
        }
    }

    #[test]
    fn integers_that_are_none_say_where() {
        for (text, range) in [
            ("18446744073709551616", 0..20),
            ("1e20", 0..4),
            ("0x1g", 3..4),
            ("0b12", 3..4),
            ("019", 2..3),
            ("1_", 1..2),
            ("1e", 0..2),
            ("0x", 0..2),
            ("12ab", 2..4),
            ("4294967296u", 0..11),
            ("1lul", 1..4),
        ] {
            assert_eq!(integer(text).unwrap_err().range, range, "{text}");
        }
    }

    #[test]
    fn escapes_become_bytes() {
        let (bytes, wrong) = string(r#""a\0\07\1234\x4\x41f\n\"é""#);
        assert_eq!(bytes, [b"a\0\x07S4\x04Af\n\"", "é".as_bytes()].concat());
        assert!(wrong.is_empty());
        let (bytes, wrong) = string(r#""a\q\400\xz\é.""#);
        assert_eq!(wrong.iter().map(|w| w.range.clone()).collect::<Vec<_>>(), [2..4, 4..8, 8..10, 11..14]);
        assert_eq!(bytes, b"az.");
    }
}
