//! What the command line says, where the script asks for it: `$1`, `$#`, `getopt`.
//!
//! A positional parameter is a number if it reads as one, else text; one that was not given is 0, and in `str()` it
//! is empty text.

use std::collections::btree_map::Entry;

use super::Expander;
use super::fold::{Known, known};
use crate::config::switch;
use crate::diag::{Diagnostic, codes, suggest};
use crate::source::Span;
use crate::syntax;
use crate::syntax::ast::{AttachPoint, BinaryOp, Expr, ExprKind};

/// A named parameter that a script asks for, for `--help`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameter {
    /// Its name.
    pub name: String,
    /// What it is when it is not given; none for a switch.
    pub default: Option<String>,
    /// What the script says about it.
    pub description: String,
}

impl Expander<'_, '_> {
    pub(super) fn param(&self, number: u32) -> &str {
        self.options.params.get(number as usize - 1).map_or("", String::as_str)
    }

    /// `$1` as a value.
    pub(super) fn positional(&mut self, number: u32, expr: &Expr) -> Expr {
        let text = self.param(number).to_owned();
        if text.is_empty() {
            let message = format!("parameter ${number} is not given");
            let warning = Diagnostic::warning(codes::IGNORED_ARGUMENT, message);
            self.sink.push(warning.at(expr.span, "taken as 0"));
            return Known::Int(0).literal(expr);
        }
        let value = number_of(&text).map_or_else(|| Known::Str(text.into_bytes()), Known::Int);
        value.literal(expr)
    }

    /// `str($1)`, `str($1 + 2)`: the parameter's text, or its end.
    pub(super) fn text_of(&mut self, args: &[Expr]) -> Option<ExprKind> {
        let (number, skip, span) = match &args.first()?.kind {
            ExprKind::Positional(number) => (*number, 0, args[0].span),
            ExprKind::Binary { op: BinaryOp::Add, left, right, .. } => {
                match (&left.kind, &right.kind, known(left), known(right)) {
                    (ExprKind::Positional(number), _, _, Some(Known::Int(skip))) => {
                        (*number, skip, right.span)
                    }
                    (_, ExprKind::Positional(number), Some(Known::Int(skip)), _) => {
                        (*number, skip, left.span)
                    }
                    _ => return None,
                }
            }
            _ => return None,
        };
        let text = self.param(number).as_bytes();
        let Some(end) = usize::try_from(skip).ok().and_then(|skip| text.get(skip..)) else {
            let length = text.len();
            let message = format!("${number} has {length} bytes");
            let error = Diagnostic::error(codes::OUT_OF_BOUNDS, message);
            self.sink.push(error.at(span, "behind its end"));
            return Some(ExprKind::Str(Vec::new()));
        };
        let mut end = end.to_vec();
        if let Some(Known::Int(most)) = args.get(1).and_then(known) {
            end.truncate(usize::try_from(most).unwrap_or(0));
        }
        Some(ExprKind::Str(end))
    }

    /// `getopt("name", default, "description")`
    pub(super) fn getopt(&mut self, args: &[Expr], span: Span) -> Option<Expr> {
        let mut wrong = |span: Span, message: &str, label: &str| {
            self.sink.push(Diagnostic::error(codes::BAD_ARGUMENT, message).at(span, label));
            None
        };
        let Some(first) = args.first().filter(|_| args.len() <= 3) else {
            return wrong(span, "getopt() takes a name, a default and a description", "wrong number");
        };
        let Some(Known::Str(name)) = known(first) else {
            return wrong(first.span, "the name of a parameter is text", "not a string");
        };
        let default = match args.get(1).map(|arg| (arg, known(arg))) {
            None => None,
            Some((_, Some(value))) => Some(value),
            Some((arg, None)) => {
                return wrong(arg.span, "a default must be known at compile time", "not a literal");
            }
        };
        let description = match args.get(2).map(|arg| (arg, known(arg))) {
            None => Vec::new(),
            Some((_, Some(Known::Str(text)))) => text,
            Some((arg, _)) => return wrong(arg.span, "a description is text", "not a string"),
        };
        let name = String::from_utf8_lossy(&name).into_owned();
        self.remember(&name, default.as_ref(), (description, span));
        let given = self.options.named.iter().rev().find(|(known, _)| *known == name);
        let value = match (given.map(|(_, value)| value.clone()), default) {
            (None, default) => default.unwrap_or(Known::Bool(false)),
            (Some(None), None | Some(Known::Bool(_))) => Known::Bool(true),
            (Some(None), Some(_)) => {
                let message = format!("--{name} has no value on the command line");
                let error = Diagnostic::error(codes::USAGE, message).at(span, "asked for here");
                self.sink.push(error.help(format!("write --{name}=VALUE")));
                return None;
            }
            (Some(Some(text)), default) => self.converted(&name, text, default, span)?,
        };
        Some(value.literal(&Expr { span, kind: ExprKind::Bool(false) }))
    }

    /// The value `text` of a parameter, of the type of its default.
    fn converted(&mut self, name: &str, text: String, default: Option<Known>, span: Span) -> Option<Known> {
        let (value, wanted) = match default {
            Some(Known::Str(_)) => (Some(Known::Str(text.clone().into_bytes())), "text"),
            Some(Known::Int(_)) => (number_of(&text).map(Known::Int), "a number"),
            Some(Known::Bool(_)) | None => (switch(&text).map(Known::Bool), "true or false"),
        };
        if value.is_none() {
            let message = format!("--{name} is `{text}` on the command line, not {wanted}");
            self.sink.push(Diagnostic::error(codes::USAGE, message).at(span, "asked for here"));
        }
        value
    }

    /// Refuses parameters of the command line that the script does not ask for.
    pub(super) fn check_named(&mut self) {
        for (name, _) in &self.options.named {
            if self.parameters.iter().any(|known| known.name == *name) {
                continue;
            }
            let message = format!("the script has no parameter --{name}");
            let error = Diagnostic::error(codes::USAGE, message);
            let names = self.parameters.iter().map(|known| known.name.as_str());
            self.sink.push(match suggest::nearest(name, names) {
                Some(near) => error.help(format!("did you mean --{near}?")),
                None => error.help("`-- --help` tells which it has"),
            });
        }
    }

    /// Notes what a script asks for; says so when it asks for one name in two ways.
    fn remember(&mut self, name: &str, default: Option<&Known>, (description, span): (Vec<u8>, Span)) {
        let quoted = default.map(|value| match value {
            Known::Int(value) => value.to_string(),
            Known::Bool(value) => value.to_string(),
            Known::Str(text) => format!("\"{}\"", String::from_utf8_lossy(text)),
        });
        match self.asked.entry(name.to_owned()) {
            Entry::Vacant(place) => _ = place.insert((quoted, span)),
            Entry::Occupied(place) => {
                let (first, at) = place.get();
                let said = |default: &Option<String>| default.clone().unwrap_or_else(|| "false".into());
                if said(first) != said(&quoted) {
                    let message = format!("parameter `{name}` has two defaults");
                    let error = Diagnostic::error(codes::BAD_ARGUMENT, message);
                    let error = error.at(span, format!("{} here", said(&quoted)));
                    self.sink.push(error.because(*at, format!("{} here", said(first))));
                }
            }
        }
        let default = default.map(|value| match value {
            Known::Int(value) => value.to_string(),
            Known::Bool(value) => value.to_string(),
            Known::Str(text) => String::from_utf8_lossy(text).into_owned(),
        });
        let description = String::from_utf8_lossy(&description).into_owned();
        match self.parameters.iter_mut().find(|known| known.name == name) {
            Some(known) if known.description.is_empty() => known.description = description,
            Some(_) => {}
            None => self.parameters.push(Parameter { name: name.to_owned(), default, description }),
        }
    }

    /// `$1` and `$#` in an attach point are the parameter's text.
    pub(super) fn attach(&mut self, point: &mut AttachPoint) {
        for part in point.parts.iter_mut().filter(|part| part.text.contains('$')) {
            let mut out = String::new();
            let mut rest = part.text.as_str();
            while let Some(at) = rest.find('$') {
                out.push_str(&rest[..at]);
                rest = &rest[at + 1..];
                let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
                match rest[..digits].parse::<u32>() {
                    Ok(number) if number > 0 => out.push_str(self.param(number)),
                    _ if rest.starts_with('#') => out.push_str(&self.options.params.len().to_string()),
                    _ => out.push_str(&part.text[part.text.len() - rest.len() - 1..][..1 + digits]),
                }
                rest = &rest[if digits == 0 && rest.starts_with('#') { 1 } else { digits }..];
            }
            out.push_str(rest);
            part.text = out;
        }
    }
}

/// The value of a parameter that reads as a number: as a literal of the language does, with a sign before it.
fn number_of(text: &str) -> Option<i128> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let value = i128::from(syntax::number(digits)?);
    if negative { Some(-value).filter(|v| i64::try_from(*v).is_ok()) } else { Some(value) }
}
