//! Expansion of macros, as the C standard has it.
//!
//! One loop over a stack of tokens: what a macro turns into is looked at again, and every token carries the macros
//! that it came out of. Arguments are expanded by a call of the same loop.
//!
//! Invariants: a script has a budget of tokens and a limit on nesting, so time and memory are bounded whatever the
//! macros say; tokens without [`Token::by`] are the input's own, in order.

use std::rc::Rc;

use super::macros::{Macro, Macros};
use super::operand;
use super::substitute::substitute;
use super::token::{Kind, Token};
use crate::diag::{Diagnostic, Sink, codes};
use crate::source::{Origins, Span};

/// Tokens that the macros of a script may make.
const BUDGET: usize = 250_000;

/// Macros within the arguments of macros, and macros that come out of macros.
const DEPTH: usize = 128;

/// Expands macros, and keeps what there is to know about it.
pub(super) struct Expander<'a> {
    pub macros: Macros,
    pub origins: Origins,
    /// Stretches of the script that expansions have taken the place of.
    pub gone: Vec<Span>,
    /// Names that macros of headers do not touch.
    keeps: &'a dyn Fn(&str) -> bool,
    budget: usize,
    depth: usize,
    /// A limit was passed, which has been said.
    pub tired: bool,
    /// What is being expanded is the script's own language, in which an expression stays one.
    pub script: bool,
}

/// An argument: as written, and with its macros expanded.
pub(super) struct Argument {
    pub raw: Vec<Token>,
    pub expanded: Vec<Token>,
}

impl<'a> Expander<'a> {
    pub fn new(keeps: &'a dyn Fn(&str) -> bool) -> Expander<'a> {
        Expander {
            macros: Macros::default(),
            origins: Origins::default(),
            gone: Vec::new(),
            keeps,
            budget: BUDGET,
            depth: 0,
            tired: false,
            script: false,
        }
    }

    /// Expands all of `input`.
    pub fn expand(&mut self, mut input: Vec<Token>, sink: &mut Sink) -> Vec<Token> {
        input.reverse();
        let (mut stack, mut out) = (input, Vec::new());
        while let Some(token) = stack.pop() {
            let Some(found) = self.applicable(&token, &stack) else {
                out.push(token);
                continue;
            };
            match self.apply(&found, &token, &mut stack, sink) {
                Some(made) => stack.extend(made.into_iter().rev()),
                None => out.push(token),
            }
        }
        out
    }

    /// The macro that `token` calls, with `stack` behind it.
    fn applicable(&self, token: &Token, stack: &[Token]) -> Option<Rc<Macro>> {
        if token.kind != Kind::Word || self.tired {
            return None;
        }
        let found = self.macros.get(&token.text)?;
        let called = found.params.is_none() || stack.last().is_some_and(|next| next.is("("));
        let own = found.foreign && (self.keeps)(&token.text);
        (called && !own && !token.hidden.has(found.id)).then(|| found.clone())
    }

    /// What `token` turns into; None when it cannot be expanded, which has been said.
    fn apply(
        &mut self,
        found: &Macro,
        token: &Token,
        stack: &mut Vec<Token>,
        sink: &mut Sink,
    ) -> Option<Vec<Token>> {
        let (mut hidden, mut end, mut raw) = (token.hidden.clone(), token.span, Vec::new());
        if found.params.is_some() {
            let Some((arguments, close)) = arguments(stack) else {
                let message = format!("the arguments of the macro `{}` do not end", found.name);
                sink.push(Diagnostic::error(codes::PREPROCESSOR, message).at(token.span, "expected `)`"));
                return None;
            };
            hidden = hidden.common(&close.hidden);
            end = if close.span.file == token.span.file { close.span } else { token.span };
            raw = arguments;
        }
        let span = if token.by.is_none() || token.exact { token.span.to(end) } else { token.span };
        if token.by.is_none() {
            self.gone.push(span);
        }
        let by = token.by.unwrap_or_else(|| self.origins.add_macro(&found.name, found.span));
        let expanded = self.fit(found, raw, span, sink).and_then(|raw| self.arguments(raw, sink));
        let Some(expanded) = expanded else {
            // Something has to stand there, or more would seem to be wrong than is.
            return Some(vec![Token { span, by: Some(by), ..token.with(Kind::Number, "0") }]);
        };
        let mut made = substitute(found, &expanded);
        let hidden = hidden.with(found.id);
        for new in &mut made {
            // What is of nobody yet is of the body, or an argument as it was written.
            if new.by.is_none() {
                new.span = if new.exact { new.span } else { span };
                new.by = Some(by);
            }
            new.hidden = new.hidden.union(&hidden);
            new.first = false;
        }
        if let Some(first) = made.first_mut() {
            first.space = token.space;
        }
        self.spend(made.len(), hidden_depth(&made), span, sink)?;
        Some(if self.script && found.params.is_none() { operand::keep_together(made) } else { made })
    }

    /// Brings the arguments to the number of parameters.
    fn fit(
        &self,
        found: &Macro,
        mut raw: Vec<Vec<Token>>,
        span: Span,
        sink: &mut Sink,
    ) -> Option<Vec<Vec<Token>>> {
        let Some(params) = &found.params else { return Some(raw) };
        let wanted = params.names.len();
        if wanted == 0 && raw.len() == 1 && raw[0].is_empty() {
            raw.clear();
        }
        if params.variadic && raw.len() > wanted {
            let rest = raw.split_off(wanted - 1);
            raw.push(joined(rest));
        }
        if params.variadic && raw.len() + 1 == wanted {
            raw.push(Vec::new());
        }
        if raw.len() == wanted {
            return Some(raw);
        }
        let message = format!("the macro `{}` takes {}, not {}", found.name, count(wanted), raw.len());
        let error = Diagnostic::error(codes::PREPROCESSOR, message).at(span, format!("{} here", raw.len()));
        sink.push(match found.span.is_synthetic() {
            true => error,
            false => error.because(found.span, "defined here"),
        });
        None
    }

    fn arguments(&mut self, raw: Vec<Vec<Token>>, sink: &mut Sink) -> Option<Vec<Argument>> {
        if raw.is_empty() {
            return Some(Vec::new());
        }
        self.depth += 1;
        let deep = self.depth > DEPTH;
        let mut out = Vec::new();
        for raw in raw {
            if deep {
                let span = raw.first().map(|t| t.span).unwrap_or_default();
                self.tire(span, format!("macros more than {DEPTH} deep inside each other"), sink);
                break;
            }
            // What the arguments' own macros replace lies within what this one does.
            let gone = self.gone.len();
            let expanded = self.expand(raw.clone(), sink);
            self.gone.truncate(gone);
            out.push(Argument { raw, expanded });
        }
        self.depth -= 1;
        (!deep && !self.tired).then_some(out)
    }

    fn spend(&mut self, made: usize, deep: usize, span: Span, sink: &mut Sink) -> Option<()> {
        if deep > DEPTH {
            self.tire(span, format!("macros more than {DEPTH} deep inside each other"), sink);
        } else if made > self.budget {
            self.tire(span, format!("the macros of this script make more than {BUDGET} tokens"), sink);
        }
        self.budget = self.budget.saturating_sub(made);
        (!self.tired).then_some(())
    }

    fn tire(&mut self, span: Span, message: String, sink: &mut Sink) {
        if !self.tired {
            sink.push(Diagnostic::error(codes::TOO_LARGE, message).at(span, "one too many"));
        }
        self.tired = true;
    }
}

fn hidden_depth(made: &[Token]) -> usize {
    made.first().map_or(0, |token| token.hidden.len())
}

fn count(n: usize) -> String {
    match n {
        0 => "no arguments".into(),
        1 => "one argument".into(),
        n => format!("{n} arguments"),
    }
}

/// Takes `( … )` from the stack: the arguments, and the closing parenthesis. Leaves the stack alone when there is none.
fn arguments(stack: &mut Vec<Token>) -> Option<(Vec<Vec<Token>>, Token)> {
    let (mut depth, mut length) = (0usize, None);
    for (at, token) in stack.iter().rev().enumerate() {
        match &*token.text {
            "(" | "[" | "{" if token.kind == Kind::Punct => depth += 1,
            ")" | "]" | "}" if token.kind == Kind::Punct => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 {
            length = token.is(")").then_some(at + 1);
            break;
        }
    }
    let mut taken = stack.split_off(stack.len() - length?);
    taken.reverse();
    let close = taken.pop()?;
    let (mut list, mut depth) = (vec![Vec::new()], 0usize);
    for token in taken.into_iter().skip(1) {
        match &*token.text {
            "(" | "[" | "{" if token.kind == Kind::Punct => depth += 1,
            ")" | "]" | "}" if token.kind == Kind::Punct => depth = depth.saturating_sub(1),
            "," if token.kind == Kind::Punct && depth == 0 => {
                list.push(Vec::new());
                continue;
            }
            _ => {}
        }
        list.last_mut()?.push(token);
    }
    Some((list, close))
}

/// The arguments of `...` as one.
fn joined(list: Vec<Vec<Token>>) -> Vec<Token> {
    let mut out: Vec<Token> = Vec::new();
    for (at, tokens) in list.into_iter().enumerate() {
        if let Some(like) = tokens.first().or(out.last()).filter(|_| at > 0) {
            let comma = Token { space: false, ..like.with(Kind::Punct, ",") };
            out.push(comma);
        }
        out.extend(tokens);
    }
    out
}
