//! Macros without parameters that stand for an expression.
//!
//! In a script such a macro is one operand, as in bpftrace: with `#define A 1+2`, `A*3` is 9. C, which knows nothing of
//! expressions here, makes 7 of it; so do directives and definitions.

use super::token::{Kind, Token};

/// Words that begin something else than an expression.
const STATEMENTS: &[&str] = &["break", "continue", "for", "if", "import", "let", "return", "unroll", "while"];
/// Operators that a neighbour may bind more tightly than.
const OPERATORS: &[&str] = &["+", "-", "*", "/", "%", "<", ">", "=", "&", "|", "^", "!", "~", "?"];
/// Operators that an expression may begin with.
const PREFIXES: &[&str] = &["+", "-", "*", "&", "!", "~", "("];

/// True for the tokens of an expression that parentheses would keep together.
fn needs_parentheses(tokens: &[Token]) -> bool {
    let (Some(first), Some(last)) = (tokens.first(), tokens.last()) else { return false };
    let punct =
        |token: &Token, list: &[&str]| token.kind == Kind::Punct && list.iter().any(|text| token.is(text));
    let begins = first.kind != Kind::Punct || punct(first, PREFIXES);
    let ends = last.kind != Kind::Punct || punct(last, &[")", "]"]);
    if !begins || !ends || STATEMENTS.iter().any(|word| first.is(word)) {
        return false;
    }
    let (mut depth, mut operators) = (0usize, false);
    for (at, token) in tokens.iter().enumerate() {
        if punct(token, &["(", "["]) {
            depth += 1;
        } else if punct(token, &[")", "]"]) {
            let Some(outer) = depth.checked_sub(1) else { return false };
            depth = outer;
        } else if punct(token, &["{", "}", ";"]) || depth == 0 && punct(token, &[","]) {
            return false;
        } else if depth == 0 && punct(token, OPERATORS) {
            let beside = |other: Option<&Token>, list: &[&str]| other.is_some_and(|other| punct(other, list));
            let before = at.checked_sub(1).map(|before| &tokens[before]);
            let compares = beside(before, &["=", "!", "<", ">"]) || beside(tokens.get(at + 1), &["="]);
            if token.is("=") && !compares {
                return false;
            }
            operators = true;
        }
    }
    operators && depth == 0
}

/// Puts parentheses around what a macro without parameters made, where it is an expression of several operands.
pub(super) fn keep_together(mut made: Vec<Token>) -> Vec<Token> {
    if needs_parentheses(&made) {
        let (first, last) = (made[0].clone(), made[made.len() - 1].clone());
        made[0].space = false;
        made.insert(0, Token { exact: false, ..first.with(Kind::Punct, "(") });
        made.push(Token { exact: false, space: false, ..last.with(Kind::Punct, ")") });
    }
    made
}
