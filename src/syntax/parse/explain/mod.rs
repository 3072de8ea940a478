//! Words for the place at which pest gave up.
//!
//! pest says how far it got. The message comes from what stands around: the token before, the token found there, and
//! the bracket that is open. Each cause has a function that either knows it or passes.
//!
//! Deliberately absent: pest's own list of expected rules, which speaks of the grammar and not of the script.

use std::ops::Range;

mod head;
mod item;
mod missing;
mod surplus;

use super::scan::{Kind, Token};
use crate::diag::{Diagnostic, codes};
use crate::source::{FileId, Span};

/// What the failed piece should have been.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// Attach points and predicate.
    Head,
    /// What begins with a word of its own: `config`, `macro`, …, up to its statements.
    Item,
    /// A statement.
    Statement,
}

/// A failure of pest.
pub(super) struct Trouble<'a> {
    pub(super) file: FileId,
    pub(super) text: &'a str,
    /// All tokens of the text, without comments.
    pub(super) tokens: &'a [Token],
    /// Those of the piece.
    pub(super) range: Range<usize>,
    /// The byte that pest could not pass.
    pub(super) at: usize,
    pub(super) place: Place,
}

/// The message, and the token at which the text makes sense again where that is inside of the piece.
pub(super) fn explain(trouble: Trouble) -> (Diagnostic, Option<usize>) {
    let view = View::new(&trouble);
    if trouble.place == Place::Item {
        return (view.item(), None);
    }
    if trouble.place == Place::Head && !view.in_predicate {
        return (view.head(), None);
    }
    let found = view.assignment().or_else(|| view.operand()).or_else(|| view.bracket());
    match found.or_else(|| view.condition()).or_else(|| view.operator()) {
        Some(diagnostic) => (diagnostic, None),
        None => view.separator(),
    }
}

/// The failure, seen from its place.
struct View<'a> {
    t: &'a Trouble<'a>,
    /// Index of the token found.
    index: usize,
    /// The token in front, if it is of the same piece.
    before: Option<Token>,
    /// The token that makes no sense; none at the end of the text.
    found: Option<Token>,
    /// Brackets and `?` open at that place, as indices of tokens.
    open: Vec<usize>,
    /// The bracket that the token in front closes.
    closed: Option<usize>,
    in_predicate: bool,
}

/// Words behind which an operand, a name or a block must follow.
const LEADING_WORDS: &[&str] = &[
    "if", "else", "let", "return", "sizeof", "struct", "union", "enum", "for", "while", "unroll", "import",
    "offsetof", "typeof", "typeinfo", "comptime",
];

impl<'a> View<'a> {
    fn new(t: &'a Trouble<'a>) -> View<'a> {
        let index = t.tokens.partition_point(|token| token.end <= t.at).max(t.range.start);
        let mut view = View {
            t,
            index,
            before: (index > t.range.start).then(|| t.tokens[index - 1]),
            found: t.tokens.get(index).copied().filter(|token| token.kind != Kind::MissingClose),
            open: Vec::new(),
            closed: None,
            in_predicate: false,
        };
        for at in t.range.start..index.min(t.tokens.len()) {
            view.pass(at);
        }
        view
    }

    /// Follows the brackets over token `at`.
    fn pass(&mut self, at: usize) {
        let token = self.t.tokens[at];
        self.closed = None;
        if token.kind != Kind::Punct {
            return;
        }
        let ternary = |view: &View, at: &usize| view.is(view.t.tokens.get(*at).copied(), "?");
        match token.text(self.t.text) {
            "/" if self.t.place == Place::Head && !self.in_predicate => self.in_predicate = true,
            "(" | "[" | "{" | "?" => self.open.push(at),
            ":" if self.open.last().is_some_and(|at| ternary(self, at)) => drop(self.open.pop()),
            ")" | "]" | "}" => {
                while self.open.last().is_some_and(|at| ternary(self, at)) {
                    self.open.pop();
                }
                self.closed = self.open.pop();
            }
            _ => {}
        }
    }

    fn is(&self, token: Option<Token>, spelling: &str) -> bool {
        token.is_some_and(|t| t.is(self.t.text, spelling))
    }

    fn text(&self, token: Token) -> &'a str {
        token.text(self.t.text)
    }

    fn span(&self, token: Token) -> Span {
        Span::new(self.t.file, token.start..token.end)
    }

    /// How a message names a token.
    fn name(&self, token: Option<Token>) -> String {
        match token {
            None => "the end of the script".to_owned(),
            Some(t) if t.kind == Kind::Str => "a string".to_owned(),
            Some(t) => format!("`{}`", self.text(t)),
        }
    }

    /// The token found, if it stands on the line of the one before.
    fn found_near(&self) -> Option<Token> {
        let (before, found) = (self.before?, self.found?);
        (!self.t.text[before.end..found.start].contains('\n')).then_some(found)
    }

    /// The token at which the piece begins.
    fn first(&self) -> Token {
        self.t.tokens[self.t.range.start]
    }

    fn error(&self, message: impl Into<String>) -> Diagnostic {
        Diagnostic::error(codes::SYNTAX, message)
    }

    fn ends_statement(&self) -> bool {
        self.found.is_none() || self.is(self.found, ";") || self.is(self.found, "}")
    }

    /// Labels what was found, or the end of the token before if that is on another line.
    fn label(&self, error: Diagnostic, text: &str) -> Diagnostic {
        match (self.found_near(), self.before, self.found) {
            (Some(found), _, _) | (None, None, Some(found)) => error.at(self.span(found), text),
            (None, Some(before), _) => error.at(Span::new(self.t.file, before.end..before.end), text),
            (None, None, None) => error.at(Span::new(self.t.file, self.t.at..self.t.at), text),
        }
    }

    /// `(a == 1, b = 2)`: neither a tuple nor a record.
    fn assignment(&self) -> Option<Diagnostic> {
        let named = self.is(self.found, "=") && self.before.is_some_and(|b| b.kind == Kind::Word);
        let opener = self.open.last().copied().filter(|at| self.is(Some(self.t.tokens[*at]), "("))?;
        let grouped = opener == self.t.range.start || !self.is_callee(self.t.tokens[opener - 1]);
        let found = self.found.filter(|_| named && grouped)?;
        let error = self.error("in a record every value has a name").at(self.span(found), "names a value");
        let error = error.because(self.span(self.t.tokens[opener]), "not all values in here have names");
        Some(error.help("a record is written `(a=1, b=2)`, a comparison `==`"))
    }

    fn is_callee(&self, token: Token) -> bool {
        token.kind == Kind::Word && !["return", "comptime"].contains(&self.text(token))
    }

    /// True if an operand, name or block must follow `token`.
    fn wants_operand(&self, token: Token) -> bool {
        match token.kind {
            Kind::Punct => match self.text(token) {
                "++" | "--" => self.in_front(token),
                closing => !matches!(closing, ")" | "]" | "}"),
            },
            Kind::Word => LEADING_WORDS.contains(&self.text(token)),
            _ => false,
        }
    }

    /// True if the `++` or `--` that is `token` does not follow an operand of its own.
    fn in_front(&self, token: Token) -> bool {
        let index = self.t.tokens.partition_point(|t| t.start < token.start);
        index == self.t.range.start || {
            let earlier = self.t.tokens[index - 1];
            let step = matches!(self.text(earlier), "++" | "--");
            !step && self.wants_operand(earlier)
        }
    }

    /// True if `token` can begin an operand or statement.
    fn begins_operand(&self, token: Token) -> bool {
        match token.kind {
            Kind::Punct => matches!(self.text(token), "(" | "!" | "~" | "++" | "--"),
            kind => !matches!(kind, Kind::Attach | Kind::MissingClose),
        }
    }
}
