//! One pass over the text before pest: words, comments, brackets.
//!
//! What it is for: the comments of the script, the limit on nesting that keeps pest's recursion within the stack,
//! and, when pest refuses, the tokens by which `recover` cuts the text and `explain` finds its words.
//! Its notion of a token is the grammar's; a test holds both against each other.
//!
//! Deliberately absent: any judgement but "this can be no token" ([`Problem`]).

use std::ops::Range;

use super::ctext;

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// `#!…` in front of all.
    Shebang,
    /// `// …` or `/* … */`.
    Comment,
    /// A line `#…` outside of probes, with the lines that continue it.
    Directive,
    /// A C definition outside of probes.
    Definition,
    /// An attach point, or what stands in its place.
    Attach,
    /// A keyword or name.
    Word,
    /// `$x`, `$1`, `$#`.
    Variable,
    /// `@`, `@x`.
    Map,
    /// `123ms`
    Number,
    /// `"text"`
    Str,
    /// An operator or bracket.
    Punct,
    /// Stands where all blocks must be closed for what follows to make sense; empty. Only when recovering.
    MissingClose,
    /// Something with a [`Problem`].
    Bad,
}

/// A piece of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) kind: Kind,
    /// First byte.
    pub(super) start: usize,
    /// One past the last byte.
    pub(super) end: usize,
}

impl Token {
    /// Its text.
    pub(super) fn text(self, text: &str) -> &str {
        &text[self.start..self.end]
    }

    /// True for an operator, bracket or word of this spelling.
    pub(super) fn is(self, text: &str, spelling: &str) -> bool {
        matches!(self.kind, Kind::Punct | Kind::Word) && self.text(text) == spelling
    }
}

/// Why a piece of text can be no token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Problem {
    /// No closing quote on the line.
    UnterminatedString,
    /// No `*/`.
    UnterminatedComment,
    /// Text in single quotes.
    SingleQuotes,
    /// `“text”`, or one of these quotes.
    TypographicQuotes,
    /// `$` with nothing behind it.
    LoneDollar,
    /// A character that begins nothing.
    Stray,
}

/// What a scan finds.
#[derive(Debug, Default)]
pub(super) struct Scan {
    /// In order, comments included.
    pub(super) tokens: Vec<Token>,
    /// In order.
    pub(super) problems: Vec<(Range<usize>, Problem)>,
}

impl Scan {
    /// How many brackets and `?` are open at most, or the first that is one more than `limit`.
    pub(super) fn nesting(&self, text: &str, limit: usize) -> Result<usize, Token> {
        let mut open: Vec<u8> = Vec::new();
        let mut most = 0;
        for token in &self.tokens {
            if token.kind == Kind::Definition {
                let depth = ctext::depth(token.text(text));
                most = most.max(depth);
                if depth > limit {
                    return Err(*token);
                }
            }
            if token.kind != Kind::Punct {
                continue;
            }
            match text.as_bytes()[token.start] {
                b if token.end - token.start == 1 && b"([{?".contains(&b) => {
                    open.push(b);
                    most = most.max(open.len());
                    if most > limit {
                        return Err(*token);
                    }
                }
                b':' => drop(open.pop_if(|b| *b == b'?')),
                b';' => close_ternaries(&mut open),
                b')' | b']' | b'}' => {
                    close_ternaries(&mut open);
                    open.pop();
                }
                _ => {}
            }
        }
        Ok(most)
    }
}

/// Their branches end where what contains them ends.
fn close_ternaries(open: &mut Vec<u8>) {
    while open.pop_if(|b| *b == b'?').is_some() {}
}

/// Scans `text`. When `recovering`, what looks like the head of a probe closes the blocks open before it.
pub(super) fn scan(text: &str, recovering: bool) -> Scan {
    let mut scanner =
        Scanner { text, at: 0, mode: Mode::Head, conditional: false, recovering, scan: Scan::default() };
    scanner.run();
    scanner.scan
}

/// What the scanner stands in.
#[derive(Clone, Copy, PartialEq)]
enum Mode {
    /// Between the probes and in their attach points.
    Head,
    /// Behind the first slash of a predicate, in so many braces of its expressions.
    Predicate(usize),
    /// Behind a word of [`ITEMS`], up to its first brace, or to what ends a `let`.
    Item,
    /// In so many braces.
    Body(usize),
}

struct Scanner<'a> {
    text: &'a str,
    at: usize,
    mode: Mode,
    /// An `if` in the present predicate: a brace follows its parentheses.
    conditional: bool,
    recovering: bool,
    scan: Scan,
}

/// Longest first.
const OPERATORS: &[&str] = &[
    "<<=", ">>=", "->", "++", "--", "<<", ">>", "<=", ">=", "==", "!=", "&&", "||", "+=", "-=", "*=", "/=",
    "%=", "&=", "|=", "^=", "..",
];

/// Words that begin something beside probes, made of the same tokens as a body.
const ITEMS: &[&str] = &["config", "macro", "fn", "let"];

/// Words that may stand before a `{` within a body.
const KEYWORDS: &[&str] = &["if", "else", "for", "while", "unroll", "return", "comptime"];

fn is_word(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b == b'_'
}

impl Scanner<'_> {
    fn run(&mut self) {
        if self.text.starts_with('\u{feff}') {
            self.at = '\u{feff}'.len_utf8();
        }
        self.blanks();
        if self.rest().starts_with("#!") {
            self.token(Kind::Shebang, self.line_length());
        }
        loop {
            self.blanks();
            if self.at >= self.text.len() {
                return;
            }
            self.step();
        }
    }

    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    fn peek(&self, ahead: usize) -> u8 {
        self.text.as_bytes().get(self.at + ahead).copied().unwrap_or(0)
    }

    fn blanks(&mut self) {
        while matches!(self.peek(0), b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c) {
            self.at += 1;
        }
    }

    /// Bytes to the end of the line.
    fn line_length(&self) -> usize {
        self.rest().find('\n').unwrap_or(self.rest().len())
    }

    /// Bytes from here that satisfy `test`.
    fn length(&self, from: usize, test: impl Fn(u8) -> bool) -> usize {
        self.text.as_bytes()[self.at + from..].iter().take_while(|b| test(**b)).count() + from
    }

    fn token(&mut self, kind: Kind, length: usize) {
        let start = self.at;
        self.at += length;
        self.scan.tokens.push(Token { kind, start, end: self.at });
    }

    fn problem(&mut self, problem: Problem, kind: Kind, length: usize) {
        self.scan.problems.push((self.at..self.at + length, problem));
        self.token(kind, length);
    }

    fn step(&mut self) {
        match (self.peek(0), self.peek(1)) {
            (b'/', b'/') => self.token(Kind::Comment, self.line_length()),
            (b'/', b'*') => match self.rest()[2..].find("*/") {
                Some(length) => self.token(Kind::Comment, length + 4),
                None => self.problem(Problem::UnterminatedComment, Kind::Comment, self.rest().len()),
            },
            _ if self.mode == Mode::Head => self.head(),
            _ => self.code(),
        }
    }

    fn head(&mut self) {
        match self.peek(0) {
            b'{' => {
                self.mode = Mode::Body(1);
                self.token(Kind::Punct, 1);
            }
            b'/' => {
                self.mode = Mode::Predicate(0);
                self.conditional = false;
                self.token(Kind::Punct, 1);
            }
            b'}' | b',' | b';' => self.token(Kind::Punct, 1),
            b'#' => self.token(Kind::Directive, ctext::directive(self.rest())),
            _ if self.begins_item() => self.item(),
            _ => self.attach(),
        }
    }

    /// True unless an attach point must follow.
    fn begins_item(&self) -> bool {
        let last = self.scan.tokens.iter().rev().find(|t| t.kind != Kind::Comment);
        last.is_none_or(|t| t.kind != Kind::Attach && !t.is(self.text, ","))
    }

    /// What begins with a word of its own, else an attach point.
    fn item(&mut self) {
        let length = self.length(0, is_word);
        let (word, behind) = self.rest().split_at(length);
        let apart = behind.starts_with(|c: char| c.is_ascii_whitespace() || "=/\"@".contains(c));
        if ctext::DEFINING.contains(&word)
            && let Some(length) = ctext::definition(self.rest())
        {
            self.token(Kind::Definition, length);
        } else if word == "import" && apart {
            self.token(Kind::Word, length);
            self.import_path();
        } else if ITEMS.contains(&word) && apart {
            self.mode = Mode::Item;
            self.token(Kind::Word, length);
        } else {
            self.attach();
        }
    }

    fn import_path(&mut self) {
        self.blanks();
        match self.peek(0) {
            b'"' => self.string('"', Problem::UnterminatedString),
            _ => {
                let end = |c: char| c.is_ascii_whitespace() || ";\"{}".contains(c);
                let length = self.rest().find(end).unwrap_or(self.rest().len());
                if length > 0 {
                    self.token(Kind::Str, length);
                }
            }
        }
    }

    fn attach(&mut self) {
        let (mut length, mut parts, mut slashes) = (0, 0, false);
        loop {
            let rest = &self.rest()[length..];
            let Some(c) = rest.chars().next() else { break };
            match c {
                ' ' | '\t' | '\n' | '\r' | '\x0b' | '\x0c' | '{' | '}' | ',' | ';' => break,
                '/' if !slashes => break,
                ':' => {
                    slashes |= parts == 0 && takes_path(&self.rest()[..length]);
                    parts += 1;
                }
                '"' => {
                    let Some(quoted) = quoted_length(rest, '"') else {
                        let line = rest.find('\n').unwrap_or(rest.len());
                        let start = self.at + length;
                        self.scan.problems.push((start..start + line, Problem::UnterminatedString));
                        return self.token(Kind::Attach, length + line);
                    };
                    length += quoted;
                    continue;
                }
                '“' | '”' | '‘' | '’' => {
                    let start = self.at + length;
                    self.scan.problems.push((start..start + c.len_utf8(), Problem::TypographicQuotes));
                }
                _ => {}
            }
            length += c.len_utf8();
        }
        self.token(Kind::Attach, length);
    }

    fn code(&mut self) {
        let first = self.peek(0);
        match first {
            b'a'..=b'z' | b'A'..=b'Z' | b'_' => self.word(),
            b'0'..=b'9' => self.token(Kind::Number, self.length(0, is_word)),
            b'@' if self.peek(1).is_ascii_digit() => self.token(Kind::Map, 1),
            b'@' => self.token(Kind::Map, self.length(1, is_word)),
            b'$' if self.peek(1) == b'#' => self.token(Kind::Variable, 2),
            b'$' if is_word(self.peek(1)) => self.token(Kind::Variable, self.length(1, is_word)),
            // `$é` is about the `é`.
            b'$' if !self.peek(1).is_ascii() => self.token(Kind::Bad, 1),
            b'$' => self.problem(Problem::LoneDollar, Kind::Bad, 1),
            b'"' => self.string('"', Problem::UnterminatedString),
            b'\'' => match quoted_length(self.rest(), '\'') {
                Some(length) => self.problem(Problem::SingleQuotes, Kind::Str, length),
                None => self.problem(Problem::SingleQuotes, Kind::Bad, 1),
            },
            _ => self.operator(first),
        }
    }

    fn string(&mut self, quote: char, otherwise: Problem) {
        match quoted_length(self.rest(), quote) {
            Some(length) => self.token(Kind::Str, length),
            None => self.problem(otherwise, Kind::Str, self.line_length()),
        }
    }

    fn operator(&mut self, first: u8) {
        if let Some(operator) = OPERATORS.iter().find(|o| self.rest().starts_with(**o)) {
            return self.token(Kind::Punct, operator.len());
        }
        match (first, self.mode) {
            (b'{', Mode::Body(depth)) => self.mode = Mode::Body(depth + 1),
            (b'{', Mode::Predicate(depth)) if depth > 0 || !self.closed_predicate() => {
                self.mode = Mode::Predicate(depth + 1);
            }
            (b'}', Mode::Predicate(depth @ 1..)) => self.mode = Mode::Predicate(depth - 1),
            (b'{', _) => self.mode = Mode::Body(1),
            (b')', Mode::Item) if self.declares_map() => self.mode = Mode::Head,
            (b';', Mode::Item) => self.mode = Mode::Head,
            (b'}', Mode::Body(2..)) => self.leave(),
            (b'}', _) => self.mode = Mode::Head,
            _ if b"()[],;:?.+-*/%&|^~!<>=".contains(&first) => {}
            _ => return self.stray(),
        }
        self.token(Kind::Punct, 1);
    }

    /// True behind the second slash of a predicate, for nothing is divided by a block; and where it is forgotten.
    fn closed_predicate(&self) -> bool {
        let mut before = self.scan.tokens.iter().rev().filter(|t| t.kind != Kind::Comment);
        let (last, earlier) = (before.next(), before.next());
        let opening = earlier.is_none_or(|t| t.kind == Kind::Attach);
        let operator = last.is_some_and(|t| t.kind == Kind::Punct && !t.is(self.text, ")"));
        last.is_some_and(|t| t.is(self.text, "/")) && !opening || !operator && !self.conditional
    }

    /// True if the item being scanned is a `let`, which ends with its parentheses.
    fn declares_map(&self) -> bool {
        let words = self.scan.tokens.iter().rev().find(|t| ITEMS.iter().any(|word| t.is(self.text, word)));
        words.is_some_and(|t| t.is(self.text, "let"))
    }

    fn leave(&mut self) {
        if let Mode::Body(depth) = self.mode {
            self.mode = Mode::Body(depth - 1);
        }
    }

    fn stray(&mut self) {
        let c = self.rest().chars().next().unwrap_or(' ');
        let close = match c {
            '“' | '”' | '„' => Some(['”', '“']),
            '‘' | '’' => Some(['’', '‘']),
            _ => None,
        };
        let Some(close) = close else {
            return self.problem(Problem::Stray, Kind::Bad, c.len_utf8());
        };
        let inside = &self.rest()[c.len_utf8()..self.line_length()];
        let length = match inside.char_indices().find(|(_, c)| close.contains(c)) {
            Some((at, end)) => c.len_utf8() + at + end.len_utf8(),
            None => c.len_utf8(),
        };
        self.problem(Problem::TypographicQuotes, Kind::Str, length);
    }

    fn word(&mut self) {
        let length = self.length(0, is_word);
        if self.recovering && self.begins_probe(length) {
            let at = self.scan.tokens.last().map_or(self.at, |t| t.end);
            self.scan.tokens.push(Token { kind: Kind::MissingClose, start: at, end: at });
            self.mode = Mode::Head;
            return self.attach();
        }
        self.conditional |= &self.rest()[..length] == "if";
        self.token(Kind::Word, length);
    }

    /// True when the word of `length` bytes looks like the head of a probe: first on its line, where a statement
    /// may begin, and followed by `{`, or by a colon and a word without blanks.
    fn begins_probe(&self, length: usize) -> bool {
        let (word, behind) = self.rest().split_at(length);
        let before = &self.text[..self.at];
        let line = before.rfind('\n').map_or(before, |at| &before[at + 1..]);
        let last = self.scan.tokens.iter().rev().find(|t| t.kind != Kind::Comment);
        let ended = last.is_some_and(|t| match t.text(self.text) {
            ";" | "{" | "}" | ")" | "]" | "++" | "--" => true,
            _ => t.kind != Kind::Punct,
        });
        let brace = behind.trim_start().starts_with('{') && !KEYWORDS.contains(&word);
        let mut chars = behind.chars();
        let colon = chars.next() == Some(':') && chars.next().is_some_and(|c| !c.is_whitespace() && c != ':');
        ended && line.trim().is_empty() && (brace || colon)
    }
}

/// Bytes of the text in quotes that `text` begins with, quotes included; `None` if it does not end on its line.
fn quoted_length(text: &str, quote: char) -> Option<usize> {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            '\n' => return None,
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            c if c == quote => return Some(at + c.len_utf8()),
            _ => {}
        }
    }
    None
}

/// True for the kinds of probes behind which a path may stand.
pub(in crate::syntax) fn takes_path(kind: &str) -> bool {
    let named = kind.rsplit('=').next().unwrap_or(kind);
    matches!(named, "uprobe" | "uretprobe" | "usdt" | "u" | "ur" | "U") || kind.contains(['*', '?', '['])
}
