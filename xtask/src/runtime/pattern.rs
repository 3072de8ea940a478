//! Expected output: lines of text with places in braces, and how real output is compared with them.
//!
//! | place | stands for |
//! |---|---|
//! | `{any}` | any text, also none |
//! | `{word}` | one or more characters that are not blank |
//! | `{ident}` | a C identifier |
//! | `{hex}` | hexadecimal digits, with or without `0x` |
//! | `{num}` | a decimal number with or without sign and fraction |
//! | `{int}` | a decimal integer with or without sign |
//! | `{pad}` | blanks, also none: what fills a column |
//! | `{bar}` | what a histogram draws between its bars: `@`s and then blanks |
//! | `{int>=100}`, `{int<x}`, `{int 3..5}` | an integer of that size; `x` is a name given before; both ends count |
//! | `{int as x}`, `{word as x}` … | the same, and its text gets the name `x` |
//! | `{=x}` | the text that got the name `x` |
//! | `{lines}` | alone on its line: any number of lines, also none |
//!
//! `{{` and `}}` are braces. Blank lines at the beginning and at the end of either side do not count, all others do.

use crate::Res;
use std::collections::BTreeMap;
use std::ops::RangeInclusive;

/// The texts that got a name while a block was compared.
pub type Names = BTreeMap<String, String>;

/// The expected lines of one stream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Block {
    /// The lines in order.
    pub lines: Vec<Line>,
}

/// One expected line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    /// Any number of lines.
    Many,
    /// A line of this form; the text is what the file has.
    One(String, Vec<Item>),
}

/// A piece of an expected line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    /// This text.
    Text(String),
    /// A text of this kind and size, which gets the name.
    Place(Kind, Size, Option<String>),
    /// The text of that name.
    Again(String),
}

/// What a place takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Any text.
    Any,
    /// No blanks.
    Word,
    /// A C identifier.
    Ident,
    /// Hexadecimal digits.
    Hex,
    /// A decimal number.
    Num,
    /// A decimal integer.
    Int,
    /// Blanks.
    Pad,
    /// A histogram's bar.
    Bar,
}

/// A condition on an integer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Size {
    /// None.
    All,
    /// A comparison.
    Than(Comparison, Operand),
    /// Both ends included.
    Within(RangeInclusive<i128>),
}

/// How an integer compares with an operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// `<`
    Less,
    /// `<=`
    AtMost,
    /// `=`
    Equal,
    /// `>=`
    AtLeast,
    /// `>`
    More,
}

/// What an integer is compared with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operand {
    /// A number.
    Number(i128),
    /// A text that got a name before, and is a number.
    Name(String),
}

impl Block {
    /// Reads the lines of an expected block.
    pub fn parse(lines: &[&str]) -> Res<Block> {
        let lines = trimmed(lines).iter().map(|line| Line::parse(line)).collect::<Res<_>>()?;
        Ok(Block { lines })
    }

    /// Whether `text` has these lines.
    pub fn matches(&self, text: &str, names: &mut Names) -> bool {
        let lines: Vec<&str> = text.lines().collect();
        rest_matches(&self.lines, trimmed(&lines), names)
    }
}

/// `lines` without the blank ones at both ends.
pub fn trimmed<'a, 'b>(lines: &'a [&'b str]) -> &'a [&'b str] {
    let blank = |line: &&str| line.trim().is_empty();
    let start = lines.iter().position(|line| !blank(line)).unwrap_or(lines.len());
    let end = lines.iter().rposition(|line| !blank(line)).map_or(start, |last| last + 1);
    &lines[start..end]
}

fn rest_matches(expected: &[Line], lines: &[&str], names: &mut Names) -> bool {
    match (expected.split_first(), lines.split_first()) {
        (None, None) => true,
        (Some((Line::Many, rest)), _) => (0..=lines.len()).any(|skipped| {
            let mut tried = names.clone();
            let matched = rest_matches(rest, &lines[skipped..], &mut tried);
            if matched {
                *names = tried;
            }
            matched
        }),
        (Some((line, rest)), Some((first, others))) => {
            line.matches(first, names) && rest_matches(rest, others, names)
        }
        _ => false,
    }
}

impl Line {
    fn parse(line: &str) -> Res<Line> {
        if line.trim() == "{lines}" {
            return Ok(Line::Many);
        }
        let mut items = Vec::new();
        let mut text = String::new();
        let mut rest = line;
        while let Some(at) = rest.find(['{', '}']) {
            text += &rest[..at];
            let (brace, after) = rest[at..].split_at(1);
            if after.starts_with(brace) {
                text += brace;
                rest = &after[1..];
                continue;
            }
            let end = after.find('}').filter(|_| brace == "{");
            let end =
                end.ok_or_else(|| format!("a brace without its other in `{line}`; write {{{{ for one"))?;
            if !text.is_empty() {
                items.push(Item::Text(std::mem::take(&mut text)));
            }
            items.push(Item::parse(&after[..end]).map_err(|error| format!("{error} in `{line}`"))?);
            rest = &after[end + 1..];
        }
        text += rest;
        if !text.is_empty() {
            items.push(Item::Text(text));
        }
        Ok(Line::One(line.to_owned(), items))
    }

    /// Whether `text` has this form; names are kept only if it has.
    pub fn matches(&self, text: &str, names: &mut Names) -> bool {
        match self {
            Line::Many => false,
            Line::One(_, items) => {
                let mut tried = names.clone();
                let matched = items_match(items, text, &mut tried);
                if matched {
                    *names = tried;
                }
                matched
            }
        }
    }

    /// The line as the file has it.
    pub fn source(&self) -> &str {
        match self {
            Line::Many => "{lines}",
            Line::One(source, _) => source,
        }
    }
}

impl Item {
    fn parse(inside: &str) -> Res<Item> {
        if let Some(name) = inside.strip_prefix('=') {
            return Ok(Item::Again(name.to_owned()));
        }
        let (place, name) = match inside.split_once(" as ") {
            Some((place, name)) => (place, Some(name.to_owned())),
            None => (inside, None),
        };
        let end = place.find(|c: char| !c.is_ascii_lowercase()).unwrap_or(place.len());
        let (kind, size) = place.split_at(end);
        let kind = match kind {
            "any" => Kind::Any,
            "word" => Kind::Word,
            "ident" => Kind::Ident,
            "hex" => Kind::Hex,
            "num" => Kind::Num,
            "int" => Kind::Int,
            "pad" => Kind::Pad,
            "bar" => Kind::Bar,
            _ => return Err(format!("unknown place `{{{inside}}}`")),
        };
        let size = Size::parse(size)?;
        if size != Size::All && kind != Kind::Int {
            return Err(format!("only {{int}} has a size, not `{{{inside}}}`"));
        }
        Ok(Item::Place(kind, size, name))
    }
}

impl Size {
    fn parse(text: &str) -> Res<Size> {
        const SIGNS: [(&str, Comparison); 5] = [
            ("<=", Comparison::AtMost),
            (">=", Comparison::AtLeast),
            ("<", Comparison::Less),
            (">", Comparison::More),
            ("=", Comparison::Equal),
        ];
        let text = text.trim();
        if text.is_empty() {
            return Ok(Size::All);
        }
        let bad = || format!("bad size `{text}`");
        if let Some((low, high)) = text.split_once("..") {
            let ends = low.parse().ok().zip(high.parse().ok());
            return ends.map(|(low, high)| Size::Within(low..=high)).ok_or_else(bad);
        }
        let (sign, comparison) = SIGNS.iter().find(|(sign, _)| text.starts_with(sign)).ok_or_else(bad)?;
        let operand = text[sign.len()..].trim();
        Ok(Size::Than(
            *comparison,
            operand.parse().map_or(Operand::Name(operand.to_owned()), Operand::Number),
        ))
    }

    fn holds(&self, value: i128, names: &Names) -> bool {
        match self {
            Size::All => true,
            Size::Within(range) => range.contains(&value),
            Size::Than(comparison, operand) => {
                let other = match operand {
                    Operand::Number(number) => Some(*number),
                    Operand::Name(name) => names.get(name).and_then(|text| text.parse().ok()),
                };
                other.is_some_and(|other| match comparison {
                    Comparison::Less => value < other,
                    Comparison::AtMost => value <= other,
                    Comparison::Equal => value == other,
                    Comparison::AtLeast => value >= other,
                    Comparison::More => value > other,
                })
            }
        }
    }
}

impl Kind {
    /// Whether the whole of `text` is of this kind.
    fn takes(self, text: &str) -> bool {
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        let unsigned = text.strip_prefix('-').unwrap_or(text);
        match self {
            Kind::Any => true,
            Kind::Word => !text.is_empty() && !text.contains(char::is_whitespace),
            Kind::Ident => {
                text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
                    && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
            }
            Kind::Hex => {
                let text = text.strip_prefix("0x").unwrap_or(text);
                !text.is_empty() && text.bytes().all(|b| b.is_ascii_hexdigit())
            }
            Kind::Num => match unsigned.split_once('.') {
                Some((whole, fraction)) => digits(whole) && digits(fraction),
                None => digits(unsigned),
            },
            Kind::Int => digits(unsigned),
            Kind::Pad => text.bytes().all(|b| b == b' '),
            Kind::Bar => text.trim_start_matches('@').bytes().all(|b| b == b' '),
        }
    }
}

/// Whether `text` is the items one after the other; a place takes as much as it can.
fn items_match(items: &[Item], text: &str, names: &mut Names) -> bool {
    let Some((item, rest)) = items.split_first() else { return text.is_empty() };
    match item {
        Item::Text(expected) => {
            text.strip_prefix(expected.as_str()).is_some_and(|after| items_match(rest, after, names))
        }
        Item::Again(name) => {
            let Some(expected) = names.get(name).cloned() else { return false };
            text.strip_prefix(&expected).is_some_and(|after| items_match(rest, after, names))
        }
        Item::Place(kind, size, name) => {
            let ends = text.char_indices().map(|(at, _)| at).chain([text.len()]);
            ends.collect::<Vec<_>>().into_iter().rev().any(|end| {
                let (taken, after) = text.split_at(end);
                if !kind.takes(taken) {
                    return false;
                }
                if *size != Size::All && !taken.parse().is_ok_and(|value| size.holds(value, names)) {
                    return false;
                }
                if let Some(name) = name {
                    names.insert(name.clone(), taken.to_owned());
                }
                items_match(rest, after, names)
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(expected: &str, text: &str, matches: bool) {
        let lines: Vec<&str> = expected.lines().collect();
        let block = Block::parse(&lines).expect("the block is well formed");
        assert_eq!(block.matches(text, &mut Names::new()), matches, "`{expected}` on `{text}`");
    }

    #[test]
    fn plain_text_is_exact() {
        check("@[a b]: 3", "@[a b]: 3", true);
        check("@[a b]: 3", "@[a b]: 34", false);
        check("@[a b]: 3", " @[a b]: 3", false);
        check("a\n\nb", "\na\n\nb\n\n", true);
        check("a\nb", "a\n\nb", false);
        check("", "\n", true);
        check("", "x", false);
        check("{{ x }}", "{ x }", true);
    }

    #[test]
    fn places_take_their_kind() {
        check("@: {int}", "@: -12", true);
        check("@: {int}", "@: 12x", false);
        check("@: {int}", "@: ", false);
        check("{ident}: {hex} {num}", "do_sys_open: 0xff 1.5", true);
        check("{word} {any}", "a/b.c ", true);
        check("{word}", "a b", false);
        check("[1]  {int} |{bar}|", "[1]  3 |@@@   |", true);
        check("[1]  {int} |{bar}|", "[1]  3 |@ @   |", false);
        check("{pad}{int}{pad} x", "  12   x", true);
        check("{pad}{int}", "x 12", false);
        check("{int}{int}", "12", true);
        check("{any}é{any}", "caféx", true);
    }

    #[test]
    fn sizes_bound_integers() {
        check("{int>=100}", "100", true);
        check("{int>=100}", "99", false);
        check("{int<5}", "-7", true);
        check("{int 3..5}", "5", true);
        check("{int 3..5}", "6", false);
        // a shorter run of digits must not pass for the number
        check("{int<50}{any}", "77", true);
        check("{int<50} x", "77 x", false);
    }

    #[test]
    fn names_come_back() {
        check("{int as pid} {=pid}", "12 12", true);
        check("{int as pid} {=pid}", "12 13", false);
        check("{int as a}\n{int>=a}", "5\n5", true);
        check("{int as a}\n{int>a}", "5\n5", false);
    }

    #[test]
    fn lines_stand_for_any_number_of_lines() {
        check("{lines}", "", true);
        check("a\n{lines}\nb", "a\nb", true);
        check("a\n{lines}\nb", "a\nx\nb\nb", true);
        check("a\n{lines}\nb", "a\nx", false);
        check("{lines}\n{int as x}\n{lines}\nend {=x}", "1\n2\n3\nend 2", true);
    }

    #[test]
    fn mistakes_in_a_block_are_told() {
        for bad in ["{", "a } b", "{no}", "{int?3}", "{word>3}", "{int 3..}"] {
            assert!(Block::parse(&[bad]).is_err(), "{bad}");
        }
    }
}
