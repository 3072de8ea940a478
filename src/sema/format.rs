//! printf formats: parsing, and the check against the types of the arguments.
//!
//! A conversion is `%`, flags, width, precision, length and a letter, as in C. A `%` that begins no conversion stands
//! for itself, as in bpftrace. Width and precision given as `*` take no argument there; here they may.

use super::ty::Ty;
use crate::wire::format::{Conversion, Count, Format, Piece};

/// Letters of C that print numbers the language does not have, or nothing.
const WITHOUT_TYPE: &str = "eEfFgGaAn";

/// What a conversion wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wants {
    /// An integer, truth value or address.
    Number,
    /// Anything.
    Anything,
    /// Raw bytes, which no value is yet.
    Bytes,
    /// No type of the language.
    Nothing,
}

/// Parses a format.
pub(super) fn parse(text: &str) -> Format {
    let mut format = Format::default();
    let (mut literal, mut at) = (String::new(), 0);
    while let Some(next) = text[at..].find('%') {
        literal.push_str(&text[at..at + next]);
        let start = at + next;
        match conversion(text, start) {
            Some(made) if made.kind == '%' => {
                literal.push('%');
                at = made.range.end;
            }
            Some(made) => {
                flush(&mut format, &mut literal);
                at = made.range.end;
                format.pieces.push(Piece::Conversion(made));
            }
            None => {
                literal.push('%');
                at = start + 1;
            }
        }
    }
    literal.push_str(&text[at..]);
    flush(&mut format, &mut literal);
    format
}

fn flush(format: &mut Format, literal: &mut String) {
    if !literal.is_empty() {
        format.pieces.push(Piece::Text(std::mem::take(literal)));
    }
}

/// The conversion that begins with the `%` at `start`.
fn conversion(text: &str, start: usize) -> Option<Conversion> {
    let mut cursor = Cursor { rest: &text[start + 1..] };
    let mut made = Conversion::default();
    while let Some(flag) = cursor.one_of("-+ #0") {
        match flag {
            '-' => made.left = true,
            '+' => made.plus = true,
            ' ' => made.space = true,
            '#' => made.alternate = true,
            _ => made.zero = true,
        }
    }
    made.width = cursor.count()?;
    if cursor.one_of(".").is_some() {
        made.precision = cursor.count()?;
        made.precision?;
    }
    let mut length = String::new();
    while let Some(letter) = cursor.one_of("hlLjzt") {
        length.push(letter);
    }
    made.length = length_bytes(&length);
    made.kind = cursor.kind()?;
    made.range = start..text.len() - cursor.rest.len();
    Some(made)
}

/// Unknown combinations print as if there were none.
fn length_bytes(length: &str) -> Option<u8> {
    match length {
        "hh" => Some(1),
        "h" => Some(2),
        "l" | "ll" | "j" | "z" | "t" => Some(8),
        _ => None,
    }
}

struct Cursor<'t> {
    rest: &'t str,
}

impl Cursor<'_> {
    fn one_of(&mut self, set: &str) -> Option<char> {
        let next = self.rest.chars().next().filter(|c| set.contains(*c))?;
        self.rest = &self.rest[1..];
        Some(next)
    }

    /// A number or `*`; `Some(None)` when there is neither, None when it is too large.
    fn count(&mut self) -> Option<Option<Count>> {
        if self.one_of("*").is_some() {
            return Some(Some(Count::Argument));
        }
        let digits = self.rest.bytes().take_while(u8::is_ascii_digit).count();
        if digits == 0 {
            return Some(None);
        }
        let number = self.rest[..digits].parse().ok().filter(|n| *n <= 0xffff)?;
        self.rest = &self.rest[digits..];
        Some(Some(Count::Fixed(number)))
    }

    fn kind(&mut self) -> Option<char> {
        for (text, kind) in [("rx", 'R'), ("rh", 'H'), ("gr", 'g')] {
            if let Some(rest) = self.rest.strip_prefix(text) {
                self.rest = rest;
                return Some(kind);
            }
        }
        self.one_of("diouxXpcsr%eEfFgGaAn")
    }
}

/// What a conversion letter wants.
pub(super) fn wants(kind: char) -> Wants {
    match kind {
        's' => Wants::Anything,
        'r' | 'R' | 'H' => Wants::Bytes,
        _ if WITHOUT_TYPE.contains(kind) => Wants::Nothing,
        _ => Wants::Number,
    }
}

/// True when a value of the type can be printed by the conversion.
pub(super) fn accepts(wants: Wants, ty: &Ty) -> bool {
    match wants {
        Wants::Anything => true,
        Wants::Number => ty.is_int() || matches!(ty, Ty::Bool | Ty::Pointer { .. }),
        Wants::Bytes => matches!(ty, Ty::Buffer { .. }),
        Wants::Nothing => false,
    }
}

/// Settles whether `*` takes arguments, by how many there are: none of them does when that is what fits.
pub(super) fn settle_stars(format: &mut Format, given: usize) {
    if conversions(format).count() != given {
        return;
    }
    for piece in &mut format.pieces {
        if let Piece::Conversion(made) = piece {
            for count in [&mut made.width, &mut made.precision] {
                if *count == Some(Count::Argument) {
                    *count = None;
                }
            }
        }
    }
}

/// The conversions of a format.
pub(super) fn conversions(format: &Format) -> impl Iterator<Item = &Conversion> {
    format.pieces.iter().filter_map(|piece| match piece {
        Piece::Conversion(made) => Some(made),
        Piece::Text(_) => None,
    })
}

/// Arguments that a format takes: what each is for, in order. None stands for the number of a `*`.
pub(super) fn arguments(format: &Format) -> Vec<Option<&Conversion>> {
    let mut list = Vec::new();
    for made in conversions(format) {
        for count in [made.width, made.precision] {
            if count == Some(Count::Argument) {
                list.push(None);
            }
        }
        list.push(Some(made));
    }
    list
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(text: &str) -> Conversion {
        let format = parse(text);
        assert_eq!(format.pieces.len(), 1, "{text}: {format:?}");
        conversions(&format).next().cloned().unwrap()
    }

    #[test]
    fn flags_width_precision_and_length() {
        let made = one("%-+ #05.3lld");
        assert!(made.left && made.plus && made.space && made.alternate && made.zero);
        assert_eq!((made.width, made.precision), (Some(Count::Fixed(5)), Some(Count::Fixed(3))));
        assert_eq!((made.length, made.kind, made.range), (Some(8), 'd', 0..12));
        assert_eq!(one("%hhx").length, Some(1));
        assert_eq!(one("%hu").length, Some(2));
        assert_eq!(one("%*d").width, Some(Count::Argument));
        assert_eq!([one("%r").kind, one("%rx").kind, one("%rh").kind], ['r', 'R', 'H']);
    }

    #[test]
    fn what_is_no_conversion_is_text() {
        let text = |t: &str| parse(t).pieces;
        assert_eq!(text("100%"), [Piece::Text("100%".into())]);
        assert_eq!(text("100%% sure"), [Piece::Text("100% sure".into())]);
        assert_eq!(text("%5%|"), [Piece::Text("%|".into())]);
        assert_eq!(text("%y"), [Piece::Text("%y".into())]);
        assert_eq!(text("%z\n"), [Piece::Text("%z\n".into())]);
        assert!(text("").is_empty());
    }

    #[test]
    fn stars_take_arguments_when_there_are_some() {
        let mut format = parse("%*d %.*s");
        assert_eq!(arguments(&format).len(), 4);
        settle_stars(&mut format, 2);
        assert_eq!(arguments(&format).len(), 2);
    }
}
