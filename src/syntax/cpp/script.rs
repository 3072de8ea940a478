//! The script itself: where its C ends and its probes begin, and where in them macros expand.

use super::Preprocessor;
use super::directives::line_end;
use super::items::item_end;
use super::output::{self, Output};
use super::token::{self, Kind, Token};
use crate::source::Span;
use crate::syntax::parse::takes_path;

/// Words that C definitions begin with.
const C_WORDS: &[&str] = &[
    "struct",
    "union",
    "enum",
    "typedef",
    "static",
    "extern",
    "inline",
    "const",
    "volatile",
    "_Static_assert",
    "__attribute__",
];

/// Words that begin something of the script behind a definition that has no semicolon.
const OWN_WORDS: &[&str] = &["config", "let", "macro", "import", "fn"];

/// A look at the text that costs next to nothing: true when it may hold directives or C definitions.
pub(super) fn holds_c(text: &str) -> bool {
    let c = |line: &str| {
        let line = line.trim_start();
        let word = line.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next().unwrap_or("");
        line.starts_with('#') || C_WORDS.contains(&word)
    };
    let body =
        text.strip_prefix("#!").map_or(text, |rest| rest.split_once('\n').map_or("", |(_, rest)| rest));
    body.lines().any(c) || body.contains("*/") && body.contains('#') || one_liner(body)
}

/// A definition in front of a probe on one line.
fn one_liner(text: &str) -> bool {
    C_WORDS.iter().any(|word| {
        text.match_indices(word).any(|(at, _)| {
            let before = text[..at].trim_end();
            before.is_empty() || before.ends_with(['}', ';', '/'])
        })
    })
}

/// What the walk stands in.
#[derive(Clone, Copy, PartialEq)]
enum Place {
    /// Where something begins.
    Start,
    /// In attach points; true where a slash may be part of a path.
    Head(bool),
    /// Behind the slash of a predicate.
    Predicate,
    /// In so many braces.
    Body(usize),
}

impl Preprocessor<'_> {
    /// Goes through the script; gives what is left of it.
    pub(super) fn script(&mut self, text: &str) -> Output {
        let tokens = token::tokens(self.file, text);
        let (mut place, mut run, mut out) = (Place::Start, Vec::new(), Vec::new());
        let mut at = 0;
        while at < tokens.len() {
            let token = &tokens[at];
            if token.first && token.is("#") {
                self.flush(&mut run, &mut out);
                let end = line_end(&tokens, at);
                self.drop_tokens(&tokens[at..end], text);
                self.directive(&tokens[at + 1..end], token.span);
                at = end;
            } else if !self.active() {
                self.expander.gone.push(token.span);
                at += 1;
            } else if let Some(name) = imported(&tokens[at..], place) {
                self.flush(&mut run, &mut out);
                let span = token.span.to(tokens[at + 1].span);
                self.import(&name, span, place == Place::Start);
                run.extend(tokens[at..at + 2].iter().map(|token| Token { kind: Kind::Own, ..token.clone() }));
                at += 2;
            } else if place == Place::Start && C_WORDS.iter().any(|word| token.is(word)) {
                self.flush(&mut run, &mut out);
                at = self.definition(&tokens, at, text);
            } else {
                let before = at.checked_sub(1).map(|before| &tokens[before]);
                let (next, expands) = step(place, token, before);
                place = next;
                let field = before.is_some_and(|b| b.is(".") || b.is(">")) && is_field(&tokens, at);
                let kind = if expands && !field { token.kind } else { Kind::Own };
                run.push(Token { kind, ..token.clone() });
                at += 1;
            }
        }
        self.flush(&mut run, &mut out);
        self.close_groups(self.floor);
        if self.expander.tired {
            // What is left would only seem to be wrong.
            return Output::default();
        }
        self.expander.gone.sort_by_key(|span| (span.start, span.end));
        let macros = self.expander.origins.clone_macros();
        output::script(self.file, text, &out, &self.expander.gone, macros)
    }

    fn flush(&mut self, run: &mut Vec<Token>, out: &mut Vec<Token>) {
        if !run.is_empty() {
            let mut sink = crate::diag::Sink::default();
            self.expander.script = true;
            out.extend(self.expander.expand(std::mem::take(run), &mut sink));
            self.expander.script = false;
            self.pass_on(sink);
        }
    }

    /// Takes the tokens of a line out of the script, with a backslash behind them.
    fn drop_tokens(&mut self, tokens: &[Token], text: &str) {
        let (Some(first), Some(last)) = (tokens.first(), tokens.last()) else { return };
        let mut span = first.span.to(last.span);
        let rest = text[span.range().end..].lines().next().unwrap_or("");
        if rest.trim() == "\\" {
            span.end += rest.len() as u32;
        }
        self.expander.gone.push(span);
    }

    /// Takes the C definition at token `at` out of the script; gives where it ends.
    fn definition(&mut self, tokens: &[Token], at: usize, text: &str) -> usize {
        let end = definition_end(tokens, at);
        let (mut code, mut from) = (Vec::new(), at);
        while from < end {
            let token = &tokens[from];
            if token.first && token.is("#") {
                let line = line_end(tokens, from).min(end);
                self.drop_tokens(&tokens[from..line], text);
                self.directive(&tokens[from + 1..line], token.span);
                from = line;
                continue;
            }
            self.expander.gone.push(token.span);
            if self.active() {
                code.push(token.clone());
            }
            from += 1;
        }
        let closed = code.last().is_some_and(|last: &Token| last.is(";"));
        if let Some(last) = code.last().filter(|last| last.is("}") && !closed).cloned() {
            let end = Span { start: last.span.end, ..last.span };
            code.push(Token { span: end, exact: false, ..last.with(Kind::Punct, ";") });
        }
        self.c_code(&mut code);
        end
    }
}

/// The path in quotes that the tokens import, where something begins or in a body.
fn imported(tokens: &[Token], place: Place) -> Option<String> {
    let (word, path) = (tokens.first()?, tokens.get(1)?);
    let here = matches!(place, Place::Start | Place::Body(_)) && word.is("import") && path.kind == Kind::Str;
    here.then(|| path.text.trim_matches('"').to_owned())
}

/// Where the definition at `at` ends: as C has it, or at its brace when what follows is the script's.
fn definition_end(tokens: &[Token], at: usize) -> usize {
    let end = item_end(tokens, at);
    let mut depth = 0usize;
    for (offset, token) in tokens[at..end].iter().enumerate() {
        if token.is("{") {
            depth += 1;
        } else if token.is("}") {
            depth = depth.saturating_sub(1);
            if depth == 0 && !carries_on(&tokens[at + offset + 1..]) {
                return at + offset + 1;
            }
        }
    }
    end
}

/// True when what follows the brace of a struct still belongs to its declaration.
fn carries_on(rest: &[Token]) -> bool {
    let Some(first) = rest.first() else { return false };
    let own = OWN_WORDS.iter().chain(C_WORDS.iter().take(8)).any(|word| first.is(word));
    if own || first.is("#") {
        return false;
    }
    let stop = rest.iter().find(|token| [";", "{", "}", ":", "=", "/"].iter().any(|text| token.is(text)));
    stop.is_some_and(|token| token.is(";") || token.is("="))
}

/// True when the word at `at` is the name of a field: behind `.`, but not `..`, or behind `->`.
fn is_field(tokens: &[Token], at: usize) -> bool {
    let touching = |t: &Token, text: &str| t.is(text);
    match tokens[..at] {
        [.., ref a, ref b] if touching(b, ">") => touching(a, "-") && !b.space,
        [.., ref a, ref b] => touching(b, ".") && (b.space || !touching(a, ".")),
        _ => false,
    }
}

/// Where the walk stands behind `token`, and whether macros expand in it.
fn step(place: Place, token: &Token, before: Option<&Token>) -> (Place, bool) {
    let open = token.is("{");
    match place {
        Place::Body(1) if token.is("}") => (Place::Start, true),
        Place::Body(depth) if token.is("}") => (Place::Body(depth - 1), true),
        Place::Body(depth) => (Place::Body(depth + usize::from(open)), true),
        _ if open => (Place::Body(1), true),
        Place::Predicate => (Place::Predicate, true),
        _ if token.is(";") => (Place::Start, false),
        Place::Start => (Place::Head(takes_path(&token.text)), false),
        Place::Head(path) if token.is("/") => {
            let comma = before.is_some_and(|b| b.is(",") || b.is(":"));
            if (path && !token.space) || comma { (place, false) } else { (Place::Predicate, true) }
        }
        Place::Head(_) if before.is_some_and(|b| b.is(",")) => (Place::Head(takes_path(&token.text)), false),
        Place::Head(_) => (place, false),
    }
}
