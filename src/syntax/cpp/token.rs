//! Tokens of the preprocessor: C's, and with them those of scripts.
//!
//! Invariants: what stands between two tokens is blanks and comments; a token lies within one line.
//! Deliberately absent: operators of more than one character. Whoever needs `->` looks at two tokens that touch.

use std::rc::Rc;

use super::hide::Hidden;
use crate::source::{FileId, Span};

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A name or keyword.
    Word,
    /// A number, as C's preprocessor sees it.
    Number,
    /// `"text"`
    Str,
    /// `'c'`
    Char,
    /// One character of an operator.
    Punct,
    /// `$x`, `@x`: the script's own names.
    Own,
}

/// A token.
#[derive(Clone, Debug)]
pub(super) struct Token {
    pub kind: Kind,
    pub text: Rc<str>,
    /// Where it stands; for one that a macro made, the use of the macro.
    pub span: Span,
    /// Blanks or a comment stand before it.
    pub space: bool,
    /// The first of its line.
    pub first: bool,
    /// The macros that made it, which do not expand in it again.
    pub hidden: Hidden,
    /// Index of the macro that put it here, among [`crate::source::Origins`]' own.
    pub by: Option<u32>,
    /// It is the text at `span`.
    pub exact: bool,
}

impl Token {
    /// True for the operator character or word `text`.
    pub fn is(&self, text: &str) -> bool {
        matches!(self.kind, Kind::Punct | Kind::Word) && &*self.text == text
    }

    /// A token like this one with another text.
    pub fn with(&self, kind: Kind, text: &str) -> Token {
        Token { kind, text: text.into(), exact: false, ..self.clone() }
    }
}

/// Cuts `text`, the whole of `file`, into tokens.
pub(super) fn tokens(file: FileId, text: &str) -> Vec<Token> {
    let mut lexer = Lexer { file, text, at: 0, space: false, first: true, out: Vec::new() };
    if text.starts_with('\u{feff}') {
        lexer.at = '\u{feff}'.len_utf8();
    }
    if text[lexer.at..].starts_with("#!") {
        lexer.at += lexer.line();
    }
    while lexer.step() {}
    lexer.out
}

struct Lexer<'a> {
    file: FileId,
    text: &'a str,
    at: usize,
    space: bool,
    first: bool,
    out: Vec<Token>,
}

fn is_word(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b == b'_'
}

impl Lexer<'_> {
    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    fn peek(&self, ahead: usize) -> u8 {
        self.text.as_bytes().get(self.at + ahead).copied().unwrap_or(0)
    }

    /// Bytes to the end of the line.
    fn line(&self) -> usize {
        self.rest().find('\n').unwrap_or(self.rest().len())
    }

    fn words(&self, from: usize) -> usize {
        self.text.as_bytes()[self.at + from..].iter().take_while(|b| is_word(**b)).count() + from
    }

    /// Skips blanks or takes a token; false at the end.
    fn step(&mut self) -> bool {
        if self.at >= self.text.len() {
            return false;
        }
        match (self.peek(0), self.peek(1)) {
            (b'\n', _) => {
                self.first = true;
                self.skip(1);
            }
            (b' ' | b'\t' | b'\r' | 0x0b | 0x0c, _) => self.skip(1),
            (b'\\', b'\n') => self.skip(2),
            (b'\\', b'\r') if self.peek(2) == b'\n' => self.skip(3),
            (b'/', b'/') => self.skip(self.line()),
            (b'/', b'*') => {
                let end = self.rest()[2..].find("*/").map_or(self.rest().len(), |at| at + 4);
                self.skip(end);
            }
            _ => self.token(),
        }
        true
    }

    fn skip(&mut self, length: usize) {
        self.space = true;
        self.at += length;
    }

    fn token(&mut self) {
        let (kind, length) = match (self.peek(0), self.peek(1)) {
            (b'a'..=b'z' | b'A'..=b'Z' | b'_', _) => (Kind::Word, self.words(0)),
            (b'0'..=b'9', _) => (Kind::Number, self.number()),
            (b'$', b'#') => (Kind::Own, 2),
            (b'$' | b'@', _) => (Kind::Own, self.words(1)),
            (quote @ (b'"' | b'\''), _) => match self.quoted(quote) {
                Some(length) => (if quote == b'"' { Kind::Str } else { Kind::Char }, length),
                None => (Kind::Punct, 1),
            },
            _ => (Kind::Punct, self.rest().chars().next().map_or(1, char::len_utf8)),
        };
        let range = self.at..self.at + length;
        self.out.push(Token {
            kind,
            text: self.text[range.clone()].into(),
            span: Span::new(self.file, range),
            space: self.space,
            first: self.first,
            hidden: Hidden::default(),
            by: None,
            exact: true,
        });
        self.at += length;
        (self.space, self.first) = (false, false);
    }

    fn number(&self) -> usize {
        let length = self.words(0);
        let fraction = self.peek(length) == b'.' && self.peek(length + 1).is_ascii_digit();
        if fraction { self.words(length + 1) } else { length }
    }

    /// Bytes of the text in quotes that begins here, when it ends on its line.
    fn quoted(&self, quote: u8) -> Option<usize> {
        let mut escaped = false;
        for (at, byte) in self.rest().bytes().enumerate().skip(1) {
            match byte {
                b'\n' => return None,
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                byte if byte == quote => return Some(at + 1),
                _ => {}
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cuts_c_and_scripts() {
        let text = "#!x y\n#define A(b) \\\n b##1 /* c */ + 0x1f.5 // d\n$x=@y[1..N]->z, \"a\\\"b\" 'c' 'd";
        let found = tokens(FileId(0), text);
        let shown: Vec<String> = found
            .iter()
            .map(|t| {
                format!("{}{}{}", if t.first { "^" } else { "" }, if t.space { " " } else { "" }, t.text)
            })
            .collect();
        assert_eq!(
            shown.join("|"),
            "^ #|define| A|(|b|)| b|#|#|1| +| 0x1f.5|^ $x|=|@y|[|1|.|.|N|]|-|>|z|,| \"a\\\"b\"| 'c'| '|d"
        );
    }
}
