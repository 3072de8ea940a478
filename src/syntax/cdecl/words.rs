//! C's own types out of the words that make them, and its literals.

use super::ast::BaseKind;
use super::eval::Number;

/// `long unsigned int` → the integer; None if the words make no type.
pub(super) fn base(words: &[String]) -> Option<BaseKind> {
    let count = |word: &str| words.iter().filter(|w| *w == word).count();
    let signed = count("signed") + count("__signed__") + count("__signed");
    let (unsigned, long, int) = (count("unsigned"), count("long"), count("int"));
    let others: Vec<&str> = words
        .iter()
        .map(String::as_str)
        .filter(|w| {
            !matches!(*w, "signed" | "__signed__" | "__signed" | "unsigned" | "long" | "int" | "_Complex")
        })
        .collect();
    if signed + unsigned > 1 || int > 1 || others.len() > 1 || words.is_empty() {
        return None;
    }
    let only = |kind| (words.len() == 1).then_some(kind);
    let number = |size, name: &'static str, unsigned_name: &'static str| {
        let name = if unsigned == 1 { unsigned_name } else { name };
        Some(BaseKind::Int { size, signed: unsigned == 0, name })
    };
    match (others.first().copied(), long) {
        (Some("void"), 0) => only(BaseKind::Void),
        (Some("_Bool" | "bool"), 0) => only(BaseKind::Int { size: 1, signed: false, name: "_Bool" }),
        (Some("char"), 0) if signed == 1 => number(1, "signed char", ""),
        (Some("char"), 0) if int == 0 => number(1, "char", "unsigned char"),
        (Some("short"), 0) => number(2, "short", "unsigned short"),
        (Some("__int128"), 0) => number(16, "__int128", "unsigned __int128"),
        (Some("__int128_t"), 0) => only(BaseKind::Int { size: 16, signed: true, name: "__int128" }),
        (Some("__uint128_t"), 0) => {
            only(BaseKind::Int { size: 16, signed: false, name: "unsigned __int128" })
        }
        (Some("float" | "_Float32"), 0) => Some(BaseKind::Float(4)),
        (Some("double" | "_Float64" | "_Float32x"), 0) => Some(BaseKind::Float(8)),
        (Some("double"), 1) => Some(BaseKind::Float(16)),
        (Some("_Float128" | "_Float64x"), 0) => Some(BaseKind::Float(16)),
        (Some("_Float16"), 0) => Some(BaseKind::Float(2)),
        (Some("__builtin_va_list"), 0) => only(BaseKind::Void),
        (None, 0) => number(4, "int", "unsigned int"),
        (None, 1) => number(8, "long", "unsigned long"),
        (None, 2) => number(8, "long long", "unsigned long long"),
        _ => None,
    }
}

/// A number as C reads it: its base by its prefix, its type by its suffix and size.
pub(super) fn number(text: &str) -> Option<Number> {
    let lower = text.to_ascii_lowercase();
    let (radix, digits) = match lower.as_bytes() {
        [b'0', b'x', ..] => (16, &lower[2..]),
        [b'0', b'b', ..] => (2, &lower[2..]),
        [b'0', _, ..] => (8, &lower[1..]),
        _ => (10, &lower[..]),
    };
    let end = digits.find(|c: char| !c.is_digit(radix)).unwrap_or(digits.len());
    let (digits, suffix) = digits.split_at(end);
    let digits = if radix == 8 && digits.is_empty() { "0" } else { digits };
    let value = u64::from_str_radix(digits, radix).ok()?;
    let (unsigned, long) = match suffix {
        "" => (false, false),
        "u" => (true, false),
        "l" | "ll" => (false, true),
        "ul" | "lu" | "ull" | "llu" => (true, true),
        _ => return None,
    };
    // A decimal number stays signed; others take the first type that holds them.
    let fits = |bits: u32| value >> (bits - 1) == 0;
    let long = long || value >> 32 != 0 || (!fits(32) && !unsigned && radix == 10);
    let unsigned = unsigned || if long { !fits(64) } else { !fits(32) };
    Some(Number { bits: value as i64, long, unsigned })
}

/// `'a'`, `'\n'`, `'\x1f'`: an `int`.
pub(super) fn char(text: &str) -> Option<Number> {
    let inner = text.split_once('\'')?.1.strip_suffix('\'')?;
    let mut chars = inner.chars();
    let value = match chars.next()? {
        '\\' => escape(chars.as_str())?,
        c if chars.as_str().is_empty() => i64::from(u32::from(c)),
        _ => return None,
    };
    Some(Number::signed(value))
}

fn escape(text: &str) -> Option<i64> {
    if let Some(hex) = text.strip_prefix('x') {
        return u8::from_str_radix(hex, 16).ok().map(|b| i64::from(b as i8));
    }
    if text.len() <= 3
        && let Ok(octal) = u8::from_str_radix(text, 8)
    {
        return Some(i64::from(octal as i8));
    }
    let mut chars = text.chars();
    let value = match chars.next()? {
        'n' => 10,
        't' => 9,
        'r' => 13,
        'a' => 7,
        'b' => 8,
        'f' => 12,
        'v' => 11,
        'e' => 27,
        c @ ('\\' | '\'' | '"' | '?') => i64::from(u32::from(c)),
        _ => return None,
    };
    chars.as_str().is_empty().then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_the_types_that_c_gives_them() {
        let read = |text: &str| number(text).map(|n| (n.value(), n.long, n.unsigned));
        assert_eq!(read("010"), Some((8, false, false)));
        assert_eq!(read("0"), Some((0, false, false)));
        assert_eq!(read("0xffffffff"), Some((0xffff_ffff, false, true)));
        assert_eq!(read("4294967295"), Some((0xffff_ffff, true, false)));
        assert_eq!(read("2147483648"), Some((0x8000_0000, true, false)));
        assert_eq!(read("1ULL"), Some((1, true, true)));
        assert_eq!(read("0xffffffffffffffff"), Some((u64::MAX.into(), true, true)));
        assert_eq!(read("0b101"), Some((5, false, false)));
        assert_eq!((read("1.5"), read("089"), read("0x1p3")), (None, None, None));
        assert_eq!(char("'\\x41'").map(|n| n.value()), Some(65));
        assert_eq!(char("L'\\0'").map(|n| n.value()), Some(0));
    }
}
