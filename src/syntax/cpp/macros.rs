//! Macros: what a `#define` says.

use std::collections::HashMap;
use std::rc::Rc;

use super::token::{Kind, Token};
use crate::source::Span;

/// A macro.
#[derive(Clone, Debug)]
pub(super) struct Macro {
    /// Its number: definitions are counted, so that one that took the name of another is not mistaken for it.
    pub id: u32,
    pub name: Rc<str>,
    /// Where its name stands in the definition.
    pub span: Span,
    /// None for one without parentheses.
    pub params: Option<Params>,
    pub body: Vec<Token>,
    /// Comes from a header, not from the script: the language's own names stay what they are.
    pub foreign: bool,
}

/// What stands between the parentheses of a definition.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Params {
    pub names: Vec<Rc<str>>,
    /// The last takes all arguments that are left.
    pub variadic: bool,
}

impl Params {
    /// The place of a parameter.
    pub fn index(&self, token: &Token) -> Option<usize> {
        let word = token.kind == Kind::Word;
        self.names.iter().position(|name| word && **name == *token.text)
    }
}

/// The macros that are defined at a place.
#[derive(Debug, Default)]
pub(super) struct Macros {
    list: HashMap<Rc<str>, Rc<Macro>>,
    count: u32,
}

/// Why a definition is none: what is wrong, and with what.
pub(super) type Wrong = (Span, String, &'static str);

impl Macros {
    pub fn get(&self, name: &str) -> Option<&Rc<Macro>> {
        self.list.get(name)
    }

    pub fn remove(&mut self, name: &str) {
        self.list.remove(name);
    }

    /// Takes in what stands behind `#define`. Gives the macro of that name that was another, if there was.
    pub fn define(
        &mut self,
        line: &[Token],
        directive: Span,
        foreign: bool,
    ) -> Result<Option<Rc<Macro>>, Wrong> {
        let Some(name) = line.first() else {
            return Err((directive, "`#define` without a name".into(), "a name must follow"));
        };
        if name.kind != Kind::Word || name.is("defined") {
            let message = format!("`{}` cannot be the name of a macro", name.text);
            return Err((name.span, message, "expected a name"));
        }
        let (params, body) = match line.get(1) {
            Some(open) if open.is("(") && !open.space => {
                let (params, used) = parameters(&line[1..])?;
                (Some(params), &line[1 + used..])
            }
            _ => (None, &line[1..]),
        };
        self.count += 1;
        let mut body = body.to_vec();
        if let Some(first) = body.first_mut() {
            first.space = false;
        }
        let made = Macro { id: self.count, name: name.text.clone(), span: name.span, params, body, foreign };
        let old = self.list.insert(name.text.clone(), Rc::new(made.clone()));
        Ok(old.filter(|old| !same(old, &made)))
    }
}

fn same(a: &Macro, b: &Macro) -> bool {
    let text = |m: &Macro| m.body.iter().map(|t| (t.text.clone(), t.space)).collect::<Vec<_>>();
    a.params == b.params && text(a) == text(b)
}

/// The parameters in parentheses that `line` begins with, and how many tokens they take.
fn parameters(line: &[Token]) -> Result<(Params, usize), Wrong> {
    let mut params = Params::default();
    let mut at = 1;
    loop {
        let Some(token) = line.get(at) else {
            let message = "the parameters of this macro do not end".to_string();
            return Err((line[0].span, message, "expected `)` on this line"));
        };
        let dots = line[at..].iter().take(3).filter(|t| t.is(".")).count() == 3;
        if token.is(")") && (params.names.is_empty() || params.variadic) {
            return Ok((params, at + 1));
        } else if dots && !params.variadic {
            params.names.push("__VA_ARGS__".into());
            params.variadic = true;
            at += 3;
            continue;
        } else if token.kind == Kind::Word && !params.variadic {
            if params.index(token).is_some() {
                return Err((
                    token.span,
                    format!("two parameters are called `{}`", token.text),
                    "again here",
                ));
            }
            params.names.push(token.text.clone());
            at += 1;
        } else {
            let message = "malformed parameters of a macro".to_string();
            return Err((token.span, message, "expected a name or `)`"));
        }
        match line.get(at) {
            Some(t) if t.is(",") => at += 1,
            Some(t) if t.is(")") => return Ok((params, at + 1)),
            // `args...`
            Some(t) if t.is(".") && line[at..].iter().take(3).filter(|t| t.is(".")).count() == 3 => {
                params.variadic = true;
                at += 3;
            }
            Some(t) => {
                let message = "malformed parameters of a macro".to_string();
                return Err((t.span, message, "expected `,` or `)`"));
            }
            None => {}
        }
    }
}
