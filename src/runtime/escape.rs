//! Makes bytes of traced processes safe to print.
//!
//! A process may name itself or its files so that a terminal obeys: escape sequences, C1 controls, marks that turn
//! the direction of text. Such bytes are shown as `\xNN`, one for each byte; newline and tab, and all other text in
//! UTF-8, stay. What the script itself says (the literal text of a format) never comes here.
//!
//! Invariant: what is written is valid UTF-8 without controls but newline and tab; text without anything to escape
//! is written unchanged. A backslash is not doubled, so the result is for reading, not for decoding.

use std::io::Write;

/// Appends `bytes`, escaped.
pub fn escape(out: &mut Vec<u8>, bytes: &[u8]) {
    if bytes.iter().all(|b| is_plain(*b)) {
        out.extend_from_slice(bytes);
        return;
    }
    for chunk in bytes.utf8_chunks() {
        escape_text(out, chunk.valid());
        escape_bytes(out, chunk.invalid());
    }
}

/// Appends one byte: printable ASCII, newline and tab as they are, else `\xNN`.
pub fn escape_byte(out: &mut Vec<u8>, byte: u8) {
    if is_plain(byte) { out.push(byte) } else { escape_bytes(out, &[byte]) }
}

/// ASCII that needs no look at its neighbours.
fn is_plain(byte: u8) -> bool {
    matches!(byte, b' '..=b'~' | b'\n' | b'\t')
}

fn escape_text(out: &mut Vec<u8>, text: &str) {
    let mut start = 0;
    for (at, c) in text.char_indices() {
        if is_dangerous(c) {
            let end = at + c.len_utf8();
            out.extend_from_slice(&text.as_bytes()[start..at]);
            escape_bytes(out, &text.as_bytes()[at..end]);
            start = end;
        }
    }
    out.extend_from_slice(&text.as_bytes()[start..]);
}

fn escape_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    for byte in bytes {
        write!(out, "\\x{byte:02x}").expect("writing to memory");
    }
}

/// Characters that a terminal obeys instead of showing: C0, DEL, C1 and the marks that order text of two directions.
fn is_dangerous(c: char) -> bool {
    match c {
        '\n' | '\t' => false,
        '\0'..='\x1f' | '\x7f'..='\u{9f}' => true,
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn escaped(bytes: &[u8]) -> String {
        let mut out = Vec::new();
        escape(&mut out, bytes);
        String::from_utf8(out).expect("UTF-8")
    }

    #[test]
    fn text_stays_as_it_is() {
        for text in ["", "bash", "a b\tc\n", "größe 東京 🐝", "back\\slash"] {
            assert_eq!(escaped(text.as_bytes()), text);
        }
    }

    #[test]
    fn what_a_terminal_obeys_is_spelled_out() {
        assert_eq!(escaped(b"\x1b[2Jx"), "\\x1b[2Jx");
        assert_eq!(escaped(b"a\rb\0\x7f"), "a\\x0db\\x00\\x7f");
        assert_eq!(escaped("é\u{9b}31m".as_bytes()), "é\\xc2\\x9b31m");
        assert_eq!(escaped("a\u{202e}b\u{2069}".as_bytes()), "a\\xe2\\x80\\xaeb\\xe2\\x81\\xa9");
    }

    #[test]
    fn broken_utf8_is_spelled_out() {
        assert_eq!(escaped(b"a\xffb\xc3"), "a\\xffb\\xc3");
        assert_eq!(escaped(b"\xed\xa0\x80"), "\\xed\\xa0\\x80");
    }

    #[test]
    fn single_bytes_are_escaped_alone() {
        let mut out = Vec::new();
        for byte in [b'A', b'\n', 0x1b, 0xc3] {
            escape_byte(&mut out, byte);
        }
        assert_eq!(out, b"A\n\\x1b\\xc3");
    }
}
