//! Whatever bytes a process has: what is printed is text without controls, and tells the bytes.

use beetrace::fuzz::rng::Rng;
use beetrace::runtime::escape::escape;

#[test]
fn nothing_dangerous_gets_through() {
    let mut rng = Rng::new(7);
    for _ in 0..20_000 {
        let bytes = random_bytes(&mut rng);
        let text = escaped(&bytes);
        let dangerous = |c: char| c.is_control() && c != '\n' && c != '\t' || turns_direction(c);
        assert!(!text.contains(dangerous), "{bytes:?} became {text:?}");
        assert_eq!(escaped(text.as_bytes()), text, "a second pass changes nothing");
        assert_eq!(decode(&text), bytes, "{text:?}");
    }
}

fn escaped(bytes: &[u8]) -> String {
    let mut out = Vec::new();
    escape(&mut out, bytes);
    String::from_utf8(out).expect("UTF-8")
}

fn turns_direction(c: char) -> bool {
    let marks =
        [0x61c, 0x200e, 0x200f, 0x202a, 0x202b, 0x202c, 0x202d, 0x202e, 0x2066, 0x2067, 0x2068, 0x2069];
    marks.contains(&u32::from(c))
}

/// Bytes, with a liking for what is near the rules, and no backslashes, which are not doubled.
fn random_bytes(rng: &mut Rng) -> Vec<u8> {
    let mut bytes = Vec::new();
    for _ in 0..rng.below(12) {
        match rng.below(4) {
            0 => bytes.push(rng.below(256) as u8),
            1 => bytes.extend("é\u{80}\u{200e}\u{2066}\u{2028}🐝".as_bytes().iter().take(rng.below(18))),
            2 => bytes.push(b'a' + rng.below(26) as u8),
            _ => bytes.extend([0xe2, 0x80 + rng.below(2) as u8, 0x80 + rng.below(64) as u8]),
        }
    }
    bytes.retain(|b| *b != b'\\');
    bytes
}

fn decode(text: &str) -> Vec<u8> {
    let (mut out, bytes, mut at) = (Vec::new(), text.as_bytes(), 0);
    while at < bytes.len() {
        if bytes[at..].starts_with(b"\\x") {
            out.push(u8::from_str_radix(&text[at + 2..at + 4], 16).expect("hex"));
            at += 4;
        } else {
            out.push(bytes[at]);
            at += 1;
        }
    }
    out
}
