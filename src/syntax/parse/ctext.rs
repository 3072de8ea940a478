//! How far a piece of C reaches in a script: the grammar's rules `c_directive` and `c_definition`, for the scan.
//!
//! Deliberately absent: what the C says.

/// Words that begin a definition.
pub(super) const DEFINING: &[&str] = &["struct", "union", "enum", "typedef"];

/// Bytes of the preprocessor line that `text` begins with, with the lines that continue it.
pub(super) fn directive(text: &str) -> usize {
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        match &bytes[at..] {
            [b'\\', b'\r', b'\n', ..] => at += 3,
            [b'\\', b'\n', ..] => at += 2,
            [b'\n', ..] => break,
            rest => at += comment(rest).unwrap_or(1),
        }
    }
    text[..at].trim_end().len()
}

/// Bytes of the definition that `text` begins with; none if it does not end, or is rather an attach point.
pub(super) fn definition(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let word = length(bytes, is_word);
    let typedef = &text[..word] == "typedef";
    if bytes.get(word) == Some(&b':') {
        return None;
    }
    let mut at = word;
    loop {
        match bytes.get(at)? {
            b';' => return Some(at + 1),
            b'}' => return None,
            b'{' => {
                at += braces(&bytes[at..])?;
                if !typedef {
                    return Some(at + tail(&bytes[at..]));
                }
            }
            _ => at += comment(&bytes[at..]).unwrap_or(1),
        }
    }
}

/// Brackets open at a time in a definition.
pub(super) fn depth(text: &str) -> usize {
    let (mut open, mut most) = (0usize, 0);
    for byte in text.bytes() {
        match byte {
            b'{' | b'(' => {
                open += 1;
                most = most.max(open);
            }
            b'}' | b')' => open = open.saturating_sub(1),
            _ => {}
        }
    }
    most
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

fn length(bytes: &[u8], test: impl Fn(u8) -> bool) -> usize {
    bytes.iter().take_while(|b| test(**b)).count()
}

/// Bytes of the comment that `bytes` begin with.
fn comment(bytes: &[u8]) -> Option<usize> {
    match bytes {
        [b'/', b'/', ..] => Some(length(bytes, |b| b != b'\n')),
        [b'/', b'*', rest @ ..] => rest.windows(2).position(|w| w == b"*/").map(|at| at + 4),
        _ => None,
    }
}

/// Bytes up to the brace that closes the first.
fn braces(bytes: &[u8]) -> Option<usize> {
    let (mut at, mut open) = (0, 0);
    while at < bytes.len() {
        match bytes[at] {
            b'{' => open += 1,
            b'}' => open -= 1,
            b'"' | b'\'' => {
                at += quoted(&bytes[at..]);
                continue;
            }
            _ => {}
        }
        at += comment(&bytes[at..]).unwrap_or(1);
        if open == 0 {
            return Some(at);
        }
    }
    None
}

/// Bytes of a string or character; one if the quote is neither's.
fn quoted(bytes: &[u8]) -> usize {
    let mut at = 1;
    while at < bytes.len() && bytes[at] != b'\n' {
        match bytes[at] {
            b'\\' => at += 1,
            quote if quote == bytes[0] => {
                let character = bytes[0] == b'\'';
                return if character && at != 2 && !(at == 3 && bytes[1] == b'\\') { 1 } else { at + 1 };
            }
            _ => {}
        }
        at += 1;
    }
    1
}

/// Bytes of attributes and of `name;` or `;` behind the braces of a struct.
fn tail(bytes: &[u8]) -> usize {
    let mut end = 0;
    loop {
        let at = end + spaces(&bytes[end..]);
        if !bytes[at..].starts_with(b"__attribute__") {
            break;
        }
        let open = at + 13 + spaces(&bytes[at + 13..]);
        let Some(parens) = parens(&bytes[open..]) else { break };
        end = open + parens;
    }
    let mut at = end + spaces(&bytes[end..]);
    if bytes.get(at).is_some_and(|b| is_word(*b) && !b.is_ascii_digit()) {
        at += length(&bytes[at..], is_word);
        at += spaces(&bytes[at..]);
    }
    if bytes.get(at) == Some(&b';') { at + 1 } else { end }
}

fn spaces(bytes: &[u8]) -> usize {
    let mut at = 0;
    loop {
        at += length(&bytes[at..], |b| b.is_ascii_whitespace() || b == 0x0b);
        match comment(&bytes[at..]) {
            Some(length) => at += length,
            None => return at,
        }
    }
}

fn parens(bytes: &[u8]) -> Option<usize> {
    let mut open = 0;
    for (at, byte) in bytes.iter().enumerate() {
        match byte {
            b'(' => open += 1,
            b')' => open -= 1,
            _ if open == 0 => return None,
            _ => {}
        }
        if open == 0 {
            return Some(at + 1);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use pest::Parser as _;

    use super::super::grammar::{Grammar, Rule};
    use super::*;

    #[test]
    fn definitions_reach_as_far_as_in_the_grammar() {
        for (text, rest) in [
            ("struct a { int x; }; begin", " begin"),
            ("struct a { int x; } begin { }", " begin { }"),
            ("struct a { int x; } __attribute__((packed)) ; begin", " begin"),
            ("struct a { struct { int y; } z; } __packed; begin", " begin"),
            ("struct __attribute__((packed)) a { char c; // }\n}\nbegin", "\nbegin"),
            ("union u { /* } */ int a; char *s; };", ""),
            ("enum e { A = '}', B = '\\'', C = 3 } end", " end"),
            ("typedef struct { int x; } pair_t; begin", " begin"),
            ("typedef int (*f)(int, char *); x", " x"),
            ("struct forward; begin", " begin"),
            ("struct a {\n#ifdef X\n// don't\n#endif\n int x; } b", " b"),
        ] {
            let reach = definition(text).unwrap_or_else(|| panic!("{text}"));
            assert_eq!(&text[reach..], rest, "{text}");
            let pairs = Grammar::parse(Rule::c_definition, text).unwrap_or_else(|e| panic!("{e}"));
            assert_eq!(pairs.as_str().len(), reach, "{text}");
        }
        for none in ["struct:probe { }", "struct a { int x;", "struct a }"] {
            assert_eq!(definition(none), None, "{none}");
            assert!(Grammar::parse(Rule::c_definition, none).is_err(), "{none}");
        }
    }

    #[test]
    fn directives_reach_as_far_as_in_the_grammar() {
        for (text, rest) in [
            ("#define A 1\nbegin", "\nbegin"),
            ("#define A \\\n  1 \\\r\n + 2  \nbegin", "  \nbegin"),
            ("#define A /* 1\n 2 */ 3 // x\nbegin", "\nbegin"),
            ("#include <a.h>", ""),
        ] {
            let reach = directive(text);
            assert_eq!(&text[reach..], rest, "{text}");
            let pairs = Grammar::parse(Rule::c_directive, text).unwrap_or_else(|e| panic!("{e}"));
            assert_eq!(pairs.as_str().trim_end().len(), reach, "{text}");
        }
    }
}
