//! Functions that do more than print: messages, files, commands, assertions.

use crate::diag::{Diagnostic, codes};
use crate::syntax::ast::Expr;
use crate::wire::format::{Format, Piece};
use crate::wire::record::Formatted;

use super::super::check::Checker;
use super::super::format;
use super::super::tree::{ExprKind, Stmt, StmtKind};
use super::super::ty::Ty;
use super::super::types::Space;
use super::super::value::Val;
use super::Call;

impl Checker<'_, '_> {
    /// `errorf`, `warnf`, `cat`, `system`
    pub(super) fn formatted(&mut self, call: Call, what: Formatted) -> Option<StmtKind> {
        if what == Formatted::System {
            self.check_safe(call)?;
        }
        let (format, args) = self.format_call(call)?;
        Some(StmtKind::Formatted { what, format, args })
    }

    /// `join(array)`, `join(array, separator)`
    pub(super) fn join(&mut self, call: Call) -> Option<StmtKind> {
        let array = self.value(&call.args[0])?;
        let separator = match call.args.get(1) {
            Some(arg) => self.literal_text(call, arg)?,
            None => " ".to_owned(),
        };
        if !array.ty.is_int() && !array.ty.is_pointer() {
            let message = "join() takes the address of an array of texts";
            let label = format!("this is {}", self.name(&array.ty));
            return self.error(codes::BAD_ARGUMENT, array.span, message, label);
        }
        let space = array.ty.space().unwrap_or(self.body().space);
        let space = if space == Space::Context { Space::Kernel } else { space };
        Some(StmtKind::Join { array: array.cast(Ty::U64).into_expr(), space, separator })
    }

    /// `fail(format, ...)`: the script is wrong, in its own words. Arguments must be constants.
    pub(super) fn fail(&mut self, call: Call) -> Option<StmtKind> {
        let mut text = self.literal_text(call, &call.args[0])?;
        if call.args.len() > 1 {
            let values: Vec<Option<Val>> = call.args[1..].iter().map(|arg| self.value(arg)).collect();
            let values: Vec<Val> = values.into_iter().collect::<Option<_>>()?;
            text = fill_in(&format::parse(&text), &values);
        }
        self.error(codes::SCRIPT_FAILED, call.span, text, "the script says so")
    }

    /// `assert(condition, message)`: tells and ends the script with status 1.
    pub(super) fn assert(&mut self, call: Call) -> Option<StmtKind> {
        let message = self.literal_text(call, &call.args[1]);
        let cond = self.condition(&call.args[0])?.into_expr();
        let text = format!("assert failed: {}", message?);
        let format = Format { pieces: vec![Piece::Text(text)] };
        let statement = |kind| Stmt { span: call.span, kind };
        let tell = StmtKind::Formatted { what: Formatted::Error, format, args: Vec::new() };
        let status = Val::int(1, Ty::I64, call.span).into_expr();
        let otherwise = vec![statement(tell), statement(StmtKind::Exit { code: Some(status) })];
        Some(StmtKind::If { cond, then: Vec::new(), otherwise })
    }

    /// `static_assert(condition, message)`: nothing, or a mistake of the script.
    pub(super) fn static_assert(&mut self, call: Call) -> Option<StmtKind> {
        let message = self.literal_text(call, &call.args[1])?;
        let cond = self.condition(&call.args[0])?;
        let truth = match (cond.as_const(), &cond.kind) {
            (Some(value), _) => Some(value.truth()),
            (None, super::super::value::Kind::Expr(ExprKind::Int(value))) => Some(*value != 0),
            _ => None,
        };
        match truth {
            Some(true) => {
                Some(StmtKind::If { cond: cond.into_expr(), then: Vec::new(), otherwise: Vec::new() })
            }
            Some(false) => self.error(codes::SCRIPT_FAILED, call.span, message, "does not hold"),
            None => self.report_not_constant(&call.args[0]),
        }
    }

    fn report_not_constant<T>(&mut self, cond: &Expr) -> Option<T> {
        let message = "static_assert() wants something that is known while compiling";
        let error =
            Diagnostic::error(codes::BAD_ARGUMENT, message).at(cond.span, "known only when the probe runs");
        self.report(error.help("use assert()"));
        None
    }
}

/// The format with constants in place of its conversions, each as it is.
fn fill_in(format: &Format, values: &[Val]) -> String {
    let mut values = values.iter();
    let mut text = String::new();
    for piece in &format.pieces {
        match piece {
            Piece::Text(literal) => text.push_str(literal),
            Piece::Conversion(_) => {
                let value = values.next().and_then(Val::as_const);
                text.push_str(&value.map_or("?".to_owned(), super::super::constant::Const::text));
            }
        }
    }
    text
}
