//! Tokens back to text, with the places that the text comes from.

use super::token::{Kind, Token};
use crate::source::{FileId, Origins, Span};

/// A text in the making.
#[derive(Default)]
pub(super) struct Output {
    pub text: String,
    pub origins: Origins,
}

impl Output {
    /// Adds a token, behind a blank where it had one.
    pub fn token(&mut self, token: &Token) {
        if token.space && !self.text.is_empty() {
            self.text.push(' ');
        }
        self.mark(token);
        self.text.push_str(&token.text);
    }

    fn mark(&mut self, token: &Token) {
        match token.by {
            None => self.origins.copied(self.text.len(), token.span),
            Some(by) => self.origins.made(self.text.len(), token.span, by, token.exact),
        }
    }

    /// The text of a declaration: tokens that touch stay together unless they would become one.
    pub fn declaration(&mut self, tokens: &[Token]) {
        let word = |token: &Token| token.kind != Kind::Punct;
        let mut last: Option<&Token> = None;
        for token in tokens {
            if last.is_some_and(|last| {
                token.space || token.first || last.by != token.by || word(last) && word(token)
            }) {
                self.text.push(' ');
            }
            self.mark(token);
            self.text.push_str(&token.text);
            last = Some(token);
        }
        self.text.push('\n');
    }

    /// Copies `text`, which stands at byte `start` of `file`, with blanks for what is `gone`.
    pub fn copy(&mut self, file: FileId, start: usize, text: &str, gone: &[Span]) {
        self.origins.copied(self.text.len(), Span::new(file, start..start + text.len()));
        let mut at = start;
        for span in gone {
            let (from, to) = (span.range().start.max(at), span.range().end.min(start + text.len()));
            if from >= to {
                continue;
            }
            self.text.push_str(&text[at - start..from - start]);
            for c in text[from - start..to - start].chars() {
                // As many bytes, so that places stay where they are.
                let blank = if c == '\n' { '\n' } else { ' ' };
                self.text.extend(std::iter::repeat_n(blank, c.len_utf8()));
            }
            at = to;
        }
        self.text.push_str(&text[at - start..]);
    }
}

/// The script after the preprocessor: `text`, the whole of `file`, with the tokens that are left and blanks for what is
/// `gone` (in order).
pub(super) fn script(file: FileId, text: &str, tokens: &[Token], gone: &[Span], origins: Origins) -> Output {
    let mut out = Output { text: String::with_capacity(text.len()), origins };
    let (mut at, mut hole) = (0, 0);
    let mut upto = |out: &mut Output, at: usize, end: usize| {
        if end <= at {
            return;
        }
        while hole < gone.len() && gone[hole].range().end <= at {
            hole += 1;
        }
        let last = gone[hole..].partition_point(|span| span.range().start < end);
        out.copy(file, at, &text[at..end], &gone[hole..hole + last]);
    };
    // Where the use of the macro at work ends: what it made stands in its place.
    let mut used: Option<Span> = None;
    for token in tokens {
        if token.by.is_none() {
            upto(&mut out, at, token.span.range().start);
            at = at.max(token.span.range().start);
            used = None;
            continue;
        }
        let inside = used
            .is_some_and(|span| span.range().start <= token.span.range().start && token.span.end <= span.end);
        if !inside {
            let own = gone.partition_point(|span| span.start <= token.span.start);
            let span = own.checked_sub(1).map_or(token.span, |own| gone[own]);
            upto(&mut out, at, span.range().start);
            at = span.range().end;
            used = Some(span);
            out.text.push(' ');
        }
        out.token(token);
    }
    upto(&mut out, at, text.len());
    out
}
