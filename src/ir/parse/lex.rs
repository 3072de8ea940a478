//! Words of the textual IR.

use super::ParseError;

/// A token.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token {
    /// Letters, digits, `_`, `.` and `?`, beginning with none of the digits.
    Word(String),
    /// Decimal or `0x…`.
    Number(u64),
    /// `"…"`
    Text(String),
    /// One of `( ) [ ] { } , : = + -`
    Sign(char),
    /// `; @file:start-end`
    Span(u32, u32, u32),
}

/// The tokens of a text, each with its 1-based line.
pub(super) fn tokens(text: &str) -> Result<Vec<(Token, u32)>, ParseError> {
    let mut out = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let number = index as u32 + 1;
        let mut rest = line.trim_start();
        while !rest.is_empty() {
            let (token, len) = next(rest).map_err(|message| ParseError { line: number, message })?;
            out.extend(token.map(|token| (token, number)));
            rest = rest[len..].trim_start();
        }
    }
    Ok(out)
}

/// The token at the start of `text` (none for a comment) and its length.
fn next(text: &str) -> Result<(Option<Token>, usize), String> {
    let first = text.chars().next().unwrap_or(' ');
    if first == ';' {
        return Ok((span(text), text.len()));
    }
    if first == '"' {
        return quoted(text).map(|(token, len)| (Some(token), len));
    }
    if "()[]{},:=+-".contains(first) {
        return Ok((Some(Token::Sign(first)), 1));
    }
    let len = text.find(|c: char| !(c.is_ascii_alphanumeric() || "_.?".contains(c))).unwrap_or(text.len());
    let word = &text[..len];
    if len == 0 {
        return Err(format!("unexpected character {first:?}"));
    }
    if !first.is_ascii_digit() {
        return Ok((Some(Token::Word(word.to_owned())), len));
    }
    let value = match word.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16),
        None => word.parse(),
    };
    Ok((Some(Token::Number(value.map_err(|_| format!("not a number: {word}"))?)), len))
}

/// `; @file:start-end`, or none for any other comment.
fn span(text: &str) -> Option<Token> {
    let text = text.strip_prefix(';')?.trim().strip_prefix('@')?;
    let (file, range) = text.split_once(':').unwrap_or(("0", text));
    let (start, end) = range.split_once('-')?;
    Some(Token::Span(file.parse().ok()?, start.parse().ok()?, end.parse().ok()?))
}

/// A quoted text with the escapes of Rust's `{:?}`.
fn quoted(text: &str) -> Result<(Token, usize), String> {
    let mut out = String::new();
    let mut chars = text.char_indices().skip(1);
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Ok((Token::Text(out), at + 1)),
            '\\' => out.push(escape(&mut chars).ok_or("bad escape in a quoted text")?),
            c => out.push(c),
        }
    }
    Err("a quoted text without its end".into())
}

fn escape(chars: &mut impl Iterator<Item = (usize, char)>) -> Option<char> {
    match chars.next()?.1 {
        'n' => Some('\n'),
        't' => Some('\t'),
        'r' => Some('\r'),
        '0' => Some('\0'),
        'u' => {
            let digits: String =
                chars.map(|(_, c)| c).skip_while(|c| *c == '{').take_while(|c| *c != '}').collect();
            char::from_u32(u32::from_str_radix(&digits, 16).ok()?)
        }
        c @ ('"' | '\'' | '\\') => Some(c),
        _ => None,
    }
}
