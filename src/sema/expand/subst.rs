//! One copy of a macro's body, with its arguments in place of its parameters.
//!
//! Hygiene: the body's own variables get names that no script can write (`$x` becomes `$x#3`), and it reaches only
//! the maps and variables that it was given. The arguments are put in as they are.

use std::collections::HashMap;

use super::edit::{Edit, walk_expr, walk_statement, walk_type};
use crate::diag::{Diagnostic, Sink, codes};
use crate::source::Span;
use crate::syntax::ast::{
    Block, Expr, ExprKind, Macro, ParamKind, Statement, StatementKind, TypeBase, TypeName, TypeOrExpr,
};

/// Puts arguments in the place of parameters.
pub(super) struct Subst<'m, 's> {
    /// Arguments by the names of their parameters.
    pub args: HashMap<&'m str, (ParamKind, Expr)>,
    /// What tells this copy's variables from all others.
    pub copy: u32,
    /// Where the copy is to be: set for macros whose text is not the script's.
    pub place: Option<Span>,
    /// The macro.
    pub definition: &'m Macro,
    /// For mistakes.
    pub sink: &'s mut Sink,
}

impl Subst<'_, '_> {
    fn arg(&self, name: &str, kind: ParamKind) -> Option<&Expr> {
        self.args.get(name).filter(|(of, _)| *of == kind).map(|(_, arg)| arg)
    }

    fn own(&self, name: &mut String) {
        *name = format!("{name}#{}", self.copy);
    }

    fn moved(&self, span: &mut Span) {
        if let Some(place) = self.place {
            *span = place;
        }
    }

    /// The type that is passed for the parameter `name`.
    fn type_arg(&self, name: &str) -> Option<TypeName> {
        match &self.arg(name, ParamKind::Expr)?.kind {
            ExprKind::Type(ty) => Some(ty.clone()),
            _ => None,
        }
    }

    /// `sizeof(a)` and the like, where `a` is a parameter that got a type.
    fn typed(&self, of: &TypeOrExpr) -> Option<TypeName> {
        match of {
            TypeOrExpr::Expr(expr) => match &expr.kind {
                ExprKind::Name(name) => self.type_arg(name),
                _ => None,
            },
            TypeOrExpr::Type(_) => None,
        }
    }

    fn foreign_map(&mut self, name: &str, span: Span) {
        let message = format!("macro `{}` uses @{name}, which it was not given", self.definition.name);
        let error = Diagnostic::error(codes::MACRO, message).at(span, "not a parameter");
        let error = error.because(self.definition.name_span, "the macro");
        self.sink.push(error.help(format!("pass it: `macro {}(@{name}, …)`", self.definition.name)));
    }
}

impl Edit for Subst<'_, '_> {
    fn expr(&mut self, expr: &mut Expr) {
        match &mut expr.kind {
            ExprKind::Name(name) => {
                if let Some(arg) = self.arg(name, ParamKind::Expr) {
                    *expr = as_value(arg);
                    return;
                }
            }
            ExprKind::Variable(name) => match self.arg(name, ParamKind::Variable) {
                Some(arg) => {
                    *expr = arg.clone();
                    return;
                }
                None => self.own(name),
            },
            ExprKind::Map { name, .. } => match self.arg(name, ParamKind::Map).map(|arg| &arg.kind) {
                Some(ExprKind::Map { name: given, .. }) => *name = given.clone(),
                _ => {
                    let name = name.clone();
                    self.foreign_map(&name, expr.span);
                }
            },
            ExprKind::SizeofExpr(operand) => {
                if let ExprKind::Name(name) = &operand.kind
                    && let Some(ty) = self.type_arg(name)
                {
                    expr.kind = ExprKind::SizeofType(ty);
                    return self.moved(&mut expr.span);
                }
            }
            ExprKind::Typeinfo(of) | ExprKind::Offsetof { of, .. } => {
                if let Some(ty) = self.typed(of) {
                    *of = TypeOrExpr::Type(ty);
                    return self.moved(&mut expr.span);
                }
            }
            ExprKind::Call { name_span, .. } | ExprKind::Field { name_span, .. } => self.moved(name_span),
            ExprKind::Binary { op_span, .. } => self.moved(op_span),
            _ => {}
        }
        self.moved(&mut expr.span);
        walk_expr(self, expr);
    }

    fn statement(&mut self, statement: &mut Statement) {
        self.moved(&mut statement.span);
        if let StatementKind::Let { name, name_span, .. } | StatementKind::For { name, name_span, .. } =
            &mut statement.kind
        {
            self.own(name);
            self.moved(name_span);
        }
        walk_statement(self, statement);
    }

    fn type_name(&mut self, ty: &mut TypeName) {
        self.moved(&mut ty.span);
        if let TypeBase::Named(name) = &ty.base
            && let Some(given) = self.type_arg(name)
        {
            let suffixes = std::mem::take(&mut ty.suffixes);
            *ty = given;
            ty.suffixes.extend(suffixes);
            return;
        }
        walk_type(self, ty);
    }
}

/// What stands for an expression is a value, and so is a map as a whole: `print(x)` prints no map.
fn as_value(arg: &Expr) -> Expr {
    match &arg.kind {
        ExprKind::Map { key: None, .. } => {
            let body = Block { span: arg.span, statements: Vec::new() };
            Expr { span: arg.span, kind: ExprKind::Block { body, value: Some(Box::new(arg.clone())) } }
        }
        _ => arg.clone(),
    }
}
