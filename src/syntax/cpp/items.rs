//! C code cut into declarations, and those parsed that define types.

use super::Preprocessor;
use super::output::Output;
use super::token::{Kind, Token};
use crate::diag::Sink;
use crate::source::FileId;
use crate::syntax::cdecl::{self, ast::Declaration};

/// A declaration among the tokens.
struct Item {
    /// First token and one past the last.
    range: (usize, usize),
    /// It may define a type.
    wanted: bool,
}

impl Preprocessor<'_> {
    /// Parses the C code that was found.
    pub(super) fn declarations(&mut self) -> Vec<Declaration> {
        let (tokens, system): (Vec<Token>, Vec<bool>) =
            std::mem::take(&mut self.c_tokens).into_iter().unzip();
        let mut out = Output { origins: self.expander.origins.clone_macros(), ..Output::default() };
        let mut pieces = Vec::new();
        for item in items(&tokens) {
            let (from, to) = item.range;
            if item.wanted || !system[from] {
                let start = out.text.len();
                out.declaration(&tokens[from..to]);
                pieces.push((start..out.text.len(), system[from]));
            }
        }
        let file = FileId(self.sources.files().count() as u32);
        let mut found = Vec::new();
        for (range, system) in pieces {
            let mut sink = Sink::default();
            let parsed = cdecl::declaration(file, range.start, &out.text[range.clone()], &mut sink);
            found.extend(parsed.map(|declaration| Declaration { system, ..declaration }));
            if !system {
                sink.take().into_iter().for_each(|d| self.sink.push(d));
            }
        }
        let made = self.sources.add_made("C definitions", out.text, out.origins);
        debug_assert_eq!(made, file);
        found
    }
}

/// Cuts at semicolons and behind the bodies of functions, which are left out.
fn items(tokens: &[Token]) -> Vec<Item> {
    let mut out = Vec::new();
    let mut start = 0;
    while start < tokens.len() {
        let end = item_end(tokens, start);
        let item = &tokens[start..end];
        let closed = item.last().is_some_and(|last| last.is(";"));
        let wanted = item[0].is("typedef") || item.iter().any(|t| t.is("{") || t.is("typedef"));
        if closed && item.len() > 1 && !item[0].is("_Static_assert") && !item[0].is("static_assert") {
            out.push(Item { range: (start, end), wanted });
        }
        start = end;
    }
    out
}

/// One past the declaration that begins at `start`: its semicolon, or the brace that ends the body of a function.
pub(super) fn item_end(tokens: &[Token], start: usize) -> usize {
    let (mut depth, mut function) = (0usize, false);
    let mut attribute = false;
    for at in start..tokens.len() {
        let token = &tokens[at];
        if token.kind != Kind::Punct {
            continue;
        }
        match &*token.text {
            "(" if depth == 0 => {
                attribute = at > start && is_attribute(&tokens[at - 1]);
                depth += 1;
            }
            "{" if depth == 0 => {
                function = at > start && tokens[at - 1].is(")") && !attribute;
                depth += 1;
            }
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" => {
                depth = depth.saturating_sub(1);
                if depth == 0 && token.is("}") && function {
                    return at + 1;
                }
            }
            ";" if depth == 0 => return at + 1,
            _ => {}
        }
    }
    tokens.len()
}

/// What stands before parentheses that are no function's.
fn is_attribute(token: &Token) -> bool {
    token.text.starts_with("__attribute") || matches!(&*token.text, "_Alignas" | "__aligned" | "__declspec")
}
