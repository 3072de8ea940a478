//! What is replaced before anything is typed: macros, parameters of the command line, `comptime`, and branches whose
//! condition these make known.
//!
//! A macro call becomes a copy of the macro's body (see `subst`): a block, or just its value when the body is
//! nothing else. What is put in is expanded in turn. A branch that cannot be taken is dropped and so never typed.
//!
//! Invariants: what is left holds no macro, no `$1`, no `getopt`; the tree stays within [`MAX_DEPTH`] levels; only a
//! script that needs it is copied.
//!
//! Deliberately absent: C's macros, which are replaced with the definitions of C.

mod edit;
mod fold;
mod library;
mod params;
mod subst;

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

use self::edit::{Edit, walk_expr, walk_statement};
use self::fold::known;
use self::subst::Subst;
use super::{Options, walk};
use crate::diag::{Diagnostic, Sink, codes};
use crate::source::Span;
use crate::syntax::MAX_DEPTH;
use crate::syntax::ast::{Block, Expr, ExprKind, Macro, ParamKind, Script, Statement, StatementKind};

pub use self::params::Parameter;

/// Copies of macros in a script at most: macros that call each other twice grow without bound.
const MAX_COPIES: u32 = 10_000;

/// Macros that may be inside each other.
const MAX_INSIDE: usize = 64;

/// What expanding has found.
#[derive(Default)]
pub(crate) struct Expansion {
    /// Macros' places with the places of their calls, in order.
    calls: Vec<(Span, Span)>,
    /// Calls of the library's macros.
    foreign: Vec<Span>,
    /// What `getopt` was asked for.
    pub(super) parameters: Vec<Parameter>,
}

impl Expansion {
    /// Adds to messages about a macro's body from where it was called. How the library writes its own is not the
    /// script's concern.
    pub(super) fn explain(&self, messages: &mut Vec<Diagnostic>) {
        let style = [codes::REDUNDANT_CAST, codes::SIGN_MISMATCH, codes::LOSSY];
        messages.retain(|message| {
            let place = message.labels.iter().find(|label| label.primary).map(|label| label.span);
            !(style.contains(&message.code) && place.is_some_and(|span| self.foreign.contains(&span)))
        });
        for message in messages {
            let primary = message.labels.iter().find(|label| label.primary).map(|label| label.span);
            let Some(mut span) = primary else { continue };
            // A call may stand in another macro; the chain ends, for a macro does not call itself.
            for _ in 0..4 {
                let inside = |of: Span| of.file == span.file && of.start <= span.start && span.end <= of.end;
                let Some((_, call)) = self.calls.iter().find(|(of, _)| inside(*of)) else { break };
                if !message.labels.iter().any(|label| label.span == *call) {
                    message.labels.push(crate::diag::Label {
                        span: *call,
                        text: "expanded here".to_owned(),
                        primary: false,
                    });
                }
                span = *call;
            }
        }
    }
}

/// Replaces what there is to replace in `script`.
pub(super) fn expand<'s>(
    script: &'s Script,
    options: &Options,
    sink: &mut Sink,
) -> (Cow<'s, Script>, Expansion) {
    if options.named.is_empty() && !is_needed(script) {
        return (Cow::Borrowed(script), Expansion::default());
    }
    let mut script = script.clone();
    let mut expander = Expander {
        own: HashMap::new(),
        library: HashMap::new(),
        options,
        sink,
        stack: Vec::new(),
        copies: 0,
        depth: 0,
        calls: Vec::new(),
        foreign: Vec::new(),
        parameters: Vec::new(),
        asked: BTreeMap::new(),
    };
    for definition in std::mem::take(&mut script.macros) {
        expander.define(definition);
    }
    for probe in &mut script.probes {
        probe.attach.iter_mut().for_each(|point| expander.attach(point));
        probe.predicate.iter_mut().for_each(|predicate| expander.expr(predicate));
        expander.block(&mut probe.body);
    }
    expander.check_named();
    let Expander { calls, foreign, parameters, .. } = expander;
    let expansion = Expansion { calls, foreign, parameters };
    (Cow::Owned(script), expansion)
}

/// What `script` asks for with `getopt`.
pub fn parameters(script: &Script, options: &Options) -> Vec<Parameter> {
    expand(script, options, &mut Sink::default()).1.parameters
}

fn is_needed(script: &Script) -> bool {
    let mut needed = !script.macros.is_empty();
    for probe in &script.probes {
        needed |= probe.attach.iter().any(|point| point.parts.iter().any(|part| part.text.contains('$')));
        walk::probe(probe, &mut |expr| {
            needed |= match &expr.kind {
                ExprKind::Positional(_) | ExprKind::PositionalCount | ExprKind::Comptime(_) => true,
                ExprKind::Name(name) => library::has(name),
                ExprKind::Call { name, .. } => name == "getopt" || library::has(name),
                _ => false,
            };
        });
    }
    needed
}

/// The macro that a call means.
struct Found {
    definition: Rc<Macro>,
    library: bool,
}

struct Expander<'a, 's> {
    /// The script's macros.
    own: HashMap<String, Vec<Rc<Macro>>>,
    /// Those of the library that were asked for.
    library: HashMap<String, Vec<Rc<Macro>>>,
    options: &'a Options,
    sink: &'s mut Sink,
    /// Macros being expanded: name, number of arguments, whether it is the library's.
    stack: Vec<(String, usize, bool)>,
    copies: u32,
    /// Levels of the tree around the present place.
    depth: usize,
    calls: Vec<(Span, Span)>,
    foreign: Vec<Span>,
    parameters: Vec<Parameter>,
    /// The defaults of named parameters as first asked for, and where.
    asked: BTreeMap<String, (Option<String>, Span)>,
}

impl Expander<'_, '_> {
    fn define(&mut self, definition: Macro) {
        let same = self.own.entry(definition.name.clone()).or_default();
        if let Some(first) = same.iter().find(|m| m.params.len() == definition.params.len()) {
            let message = format!("macro `{}` is defined twice", definition.name);
            let error = Diagnostic::error(codes::MACRO, message).at(definition.name_span, "again here");
            let error = error.because(first.name_span, "first here");
            return self
                .sink
                .push(error.help("macros of one name must differ in their number of parameters"));
        }
        same.push(Rc::new(definition));
    }

    /// The macro that a call of `name` means; within the library only its own macros are seen. `Some(None)` when
    /// there is none with so many parameters, which has been said.
    fn find(&mut self, name: &str, args: usize, called: bool, span: Span) -> Option<Option<Found>> {
        let fits = |list: &Vec<Rc<Macro>>| list.iter().find(|m| m.params.len() == args).cloned();
        let inside = self.stack.last().is_some_and(|(_, _, library)| *library);
        let own = self.own.get(name).filter(|_| !inside);
        if let Some(found) = own.and_then(fits) {
            return Some(Some(Found { definition: found, library: false }));
        }
        let own = own.map(|list| list[0].clone());
        if library::has(name) {
            let known = self.library.entry(name.to_owned());
            let list = known.or_insert_with(|| library::find(name).into_iter().map(Rc::new).collect());
            if let Some(found) = fits(list) {
                return Some(Some(Found { definition: found, library: true }));
            }
        }
        let definition = own?;
        if !called || super::signatures::find(name).is_some() {
            return None;
        }
        let message = format!("no macro `{name}` takes {args} arguments");
        let error = Diagnostic::error(codes::ARITY, message).at(span, "called here");
        self.sink.push(error.because(definition.name_span, "this one does not"));
        Some(None)
    }

    /// One level down; false, with a message, when that is one too many.
    fn descend(&mut self, span: Span) -> bool {
        self.depth += 1;
        if self.depth <= MAX_DEPTH {
            return true;
        }
        let message =
            format!("more than {MAX_DEPTH} levels of operators and blocks once macros are expanded");
        if self.sink.all().iter().all(|d| d.code != codes::TOO_DEEP) {
            self.sink.push(Diagnostic::error(codes::TOO_DEEP, message).at(span, "split this"));
        }
        false
    }

    /// The call that `expr` is, if of a macro: the macro and its arguments.
    fn called(&mut self, expr: &mut Expr) -> Option<(Option<Found>, Vec<Expr>)> {
        let span = expr.span;
        match &mut expr.kind {
            ExprKind::Name(name) => Some((self.find(name, 0, false, span)?, Vec::new())),
            ExprKind::Call { name, args, .. } => {
                let found = self.find(name, args.len(), true, span)?;
                Some((found, std::mem::take(args)))
            }
            _ => None,
        }
    }

    /// A copy of a macro's body for a call, itself expanded.
    fn copy(
        &mut self,
        found: Option<Found>,
        mut args: Vec<Expr>,
        span: Span,
    ) -> Option<(Block, Option<Box<Expr>>)> {
        let Found { definition, library } = found?;
        let definition = definition.as_ref();
        let key = (definition.name.clone(), args.len(), library);
        if self.stack.contains(&key) || self.stack.len() >= MAX_INSIDE {
            let message = format!("macro `{}` calls itself", definition.name);
            let error =
                Diagnostic::error(codes::MACRO, message).at(span, "called again while it is expanded");
            self.sink.push(error.because(definition.name_span, "the macro"));
            return None;
        }
        self.copies += 1;
        if self.copies > MAX_COPIES {
            let message = format!("more than {MAX_COPIES} calls of macros");
            self.sink
                .push(Diagnostic::error(codes::TOO_LARGE, message).at(definition.name_span, "one of them"));
            return None;
        }
        args.iter_mut().for_each(|arg| self.expr(arg));
        let fitting =
            definition.params.iter().zip(&args).all(|(param, arg)| self.check(definition, param, arg));
        if !fitting {
            return None;
        }
        match library {
            true => self.foreign.push(span),
            false => self.calls.push((definition.span, span)),
        }
        let params = definition.params.iter().map(|param| param.name.as_str());
        let kinds = definition.params.iter().map(|param| param.kind);
        let (mut body, mut value) = (definition.body.clone(), definition.value.clone());
        let mut subst = Subst {
            args: params.zip(kinds.zip(args)).collect(),
            copy: self.copies,
            place: library.then_some(span),
            definition,
            sink: self.sink,
        };
        subst.block(&mut body);
        value.iter_mut().for_each(|value| subst.expr(value));
        self.stack.push(key);
        self.block(&mut body);
        value.iter_mut().for_each(|value| self.expr(value));
        self.stack.pop();
        Some((body, value))
    }

    fn check(&mut self, definition: &Macro, param: &crate::syntax::ast::MacroParam, arg: &Expr) -> bool {
        let (fits, wanted, sign) = match param.kind {
            ParamKind::Variable => (matches!(arg.kind, ExprKind::Variable(_)), "a variable", "$"),
            ParamKind::Map => (matches!(arg.kind, ExprKind::Map { key: None, .. }), "a map", "@"),
            ParamKind::Expr => (true, "", ""),
        };
        if !fits {
            let name = &definition.name;
            let message = format!("macro `{name}` wants {wanted} for `{sign}{}`", param.name);
            let error = Diagnostic::error(codes::MACRO, message).at(arg.span, format!("not {wanted}"));
            self.sink.push(error.because(param.span, "the parameter"));
        }
        fits
    }

    /// Replaces a call of a macro by its value.
    fn call_value(&mut self, expr: &mut Expr) -> bool {
        let Some((found, args)) = self.called(expr) else { return false };
        let span = expr.span;
        *expr = match self.copy(found, args, span) {
            Some((body, Some(value))) if body.statements.is_empty() => *value,
            Some((body, value)) => Expr { span, kind: ExprKind::Block { body, value } },
            None => Expr { span, kind: ExprKind::Bool(false) },
        };
        true
    }

    /// `$1` and the like; true if `expr` was one.
    fn given(&mut self, expr: &mut Expr) -> bool {
        let span = expr.span;
        match &mut expr.kind {
            ExprKind::Positional(number) => {
                let number = *number;
                *expr = self.positional(number, expr);
            }
            ExprKind::PositionalCount => {
                let value = self.options.params.len() as u64;
                expr.kind = ExprKind::Int { value, suffix: String::new() };
            }
            ExprKind::Call { name, args, .. } if name == "str" => {
                let given = std::mem::take(args);
                match self.text_of(&given) {
                    Some(text) => expr.kind = text,
                    None => {
                        *args = given;
                        return false;
                    }
                }
            }
            ExprKind::Call { name, args, .. } if name == "getopt" => {
                let mut args = std::mem::take(args);
                args.iter_mut().for_each(|arg| self.expr(arg));
                let failed = Expr { span, kind: ExprKind::Bool(false) };
                *expr = self.getopt(&args, span).unwrap_or(failed);
            }
            _ => return false,
        }
        true
    }

    /// `comptime x` becomes its value, if the tree says it; else those who know types must tell.
    fn comptime(&mut self, expr: &mut Expr) {
        walk_expr(self, expr);
        if let Some(value) = known(expr) {
            *expr = value.literal(expr);
        }
    }
}

impl Edit for Expander<'_, '_> {
    fn expr(&mut self, expr: &mut Expr) {
        if !self.descend(expr.span) {
            self.depth -= 1;
            expr.kind = ExprKind::Bool(false);
            return;
        }
        if matches!(expr.kind, ExprKind::Comptime(_)) {
            self.comptime(expr);
        } else if !self.given(expr) && !self.call_value(expr) {
            walk_expr(self, expr);
            if let ExprKind::If { cond, then, otherwise } = &mut expr.kind
                && let Some(holds) = known(cond).and_then(|value| value.truth())
                && let Some(taken) = if holds { Some(then) } else { otherwise.as_mut() }
            {
                *expr = std::mem::replace(taken, Expr { span: expr.span, kind: ExprKind::Bool(false) });
            }
        }
        self.depth -= 1;
    }

    fn statement(&mut self, statement: &mut Statement) {
        let span = statement.span;
        if !self.descend(span) {
            self.depth -= 1;
            statement.kind = StatementKind::Block(Block { span, statements: Vec::new() });
            return;
        }
        match &mut statement.kind {
            StatementKind::Expr(expr) => {
                if let Some((found, args)) = self.called(expr) {
                    let copy = self.copy(found, args, expr.span);
                    statement.kind = StatementKind::Block(effects(span, copy));
                } else {
                    self.expr(expr);
                }
            }
            StatementKind::If { cond, then, otherwise } => {
                self.expr(cond);
                match known(cond).and_then(|value| value.truth()) {
                    Some(holds) => {
                        let taken = if holds { Some(std::mem::take(then)) } else { otherwise.take() };
                        let mut taken = taken.unwrap_or(Block { span, statements: Vec::new() });
                        self.block(&mut taken);
                        statement.kind = StatementKind::Block(taken);
                    }
                    None => {
                        self.block(then);
                        otherwise.iter_mut().for_each(|block| self.block(block));
                    }
                }
            }
            _ => walk_statement(self, statement),
        }
        self.depth -= 1;
    }
}

/// A macro's body where only its effects count.
fn effects(span: Span, copy: Option<(Block, Option<Box<Expr>>)>) -> Block {
    let (mut body, value) = copy.unwrap_or((Block { span, statements: Vec::new() }, None));
    body.statements.extend(value.map(|value| as_statement(*value)));
    body
}

/// An expression whose value is dropped.
fn as_statement(expr: Expr) -> Statement {
    let Expr { span, kind } = expr;
    let block = |expr: Expr| match expr.kind {
        ExprKind::Block { body, value } => effects(body.span, Some((body, value))),
        _ => Block { span: expr.span, statements: vec![as_statement(expr)] },
    };
    let kind = match kind {
        ExprKind::Block { body, value } => StatementKind::Block(effects(span, Some((body, value)))),
        ExprKind::If { cond, then, otherwise } => StatementKind::If {
            cond: *cond,
            then: block(*then),
            otherwise: otherwise.map(|otherwise| block(*otherwise)),
        },
        kind => StatementKind::Expr(Expr { span, kind }),
    };
    Statement { span, kind }
}
