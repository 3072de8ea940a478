//! One macro's body with its arguments put in: parameters, `#x`, `a ## b`.

use super::expand::Argument;
use super::macros::{Macro, Params};
use super::token::{Kind, Token};

/// What the macro turns into. Tokens of the body come out with [`Token::exact`] off, those of arguments as they are.
pub(super) fn substitute(found: &Macro, arguments: &[Argument]) -> Vec<Token> {
    let none = Params::default();
    let params = found.params.as_ref().unwrap_or(&none);
    let body = &found.body;
    let mut out: Vec<Token> = Vec::new();
    let mut at = 0;
    // The last thing put out was an argument without tokens, in front of a `##`.
    let mut empty = false;
    while at < body.len() {
        let token = &body[at];
        if pastes(body, at) && (empty || !out.is_empty()) && at + 2 < body.len() {
            at += 2;
            let right = operand(body, &mut at, params, arguments);
            let comma = out.last().is_some_and(|last| last.is(",")) && is_rest(body, at - 1, params);
            if comma && right.is_empty() {
                out.pop();
            } else if comma {
                out.extend(right);
            } else {
                paste(&mut out, right, empty);
            }
            empty = false;
            continue;
        }
        let before = out.len();
        let glued = pastes(body, next(body, at, params));
        if glued {
            out.extend(operand(body, &mut at, params, arguments));
        } else if let Some(index) = params.index(token) {
            spaced(&mut out, &arguments[index].expanded, token);
            at += 1;
        } else {
            out.extend(operand(body, &mut at, params, arguments));
        }
        empty = out.len() == before;
    }
    out
}

/// Puts in an argument, set apart by the blank that the parameter had.
fn spaced(out: &mut Vec<Token>, tokens: &[Token], parameter: &Token) {
    let from = out.len();
    out.extend_from_slice(tokens);
    if let Some(first) = out.get_mut(from) {
        first.space = parameter.space;
    }
}

/// True when `##` stands at `at`.
fn pastes(body: &[Token], at: usize) -> bool {
    matches!(body.get(at..at + 2), Some([a, b]) if a.is("#") && b.is("#") && !b.space)
}

/// Where the operand at `at` ends.
fn next(body: &[Token], at: usize, params: &Params) -> usize {
    let string = body[at].is("#") && body.get(at + 1).is_some_and(|t| params.index(t).is_some());
    at + 1 + usize::from(string)
}

/// The body's last operand before `at + 1` is the parameter of `...`.
fn is_rest(body: &[Token], at: usize, params: &Params) -> bool {
    params.variadic && params.index(&body[at]) == Some(params.names.len() - 1)
}

/// The operand of `##` at `at`, or any other token that is no parameter: `#x`, a parameter as it was written, itself.
fn operand(body: &[Token], at: &mut usize, params: &Params, arguments: &[Argument]) -> Vec<Token> {
    let token = &body[*at];
    *at = next(body, *at, params);
    if token.is("#")
        && *at > 0
        && let Some(index) = params.index(&body[*at - 1])
    {
        return vec![string(token, &arguments[index].raw)];
    }
    match params.index(token) {
        Some(index) => arguments[index].raw.clone(),
        None => vec![Token { exact: false, ..token.clone() }],
    }
}

/// `#x`: the argument's text in quotes.
fn string(like: &Token, tokens: &[Token]) -> Token {
    let mut text = String::from("\"");
    for (at, token) in tokens.iter().enumerate() {
        if at > 0 && token.space {
            text.push(' ');
        }
        let quoted = matches!(token.kind, Kind::Str | Kind::Char);
        for c in token.text.chars() {
            if quoted && matches!(c, '"' | '\\') {
                text.push('\\');
            }
            text.push(c);
        }
    }
    text.push('"');
    like.with(Kind::Str, &text)
}

/// Joins the first of `right` to the last of `out`.
fn paste(out: &mut Vec<Token>, right: Vec<Token>, empty: bool) {
    let mut right = right.into_iter();
    if !empty
        && let Some(last) = out.last_mut()
        && let Some(first) = right.next()
    {
        let text = format!("{}{}", last.text, first.text);
        let kind = match text.as_bytes()[0] {
            b'0'..=b'9' => Kind::Number,
            b'"' => Kind::Str,
            b'\'' => Kind::Char,
            b'$' | b'@' => Kind::Own,
            b if b.is_ascii_alphabetic() || b == b'_' => Kind::Word,
            _ => Kind::Punct,
        };
        *last = last.with(kind, &text);
    }
    out.extend(right);
}
