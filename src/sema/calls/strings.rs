//! Functions of texts.

use crate::diag::codes;

use super::super::check::Checker;
use super::super::constant::Const;
use super::super::tree::{BinaryOp, Expr, ExprKind, Function};
use super::super::ty::Ty;
use super::super::value::Val;
use super::Call;

impl Checker<'_, '_> {
    /// The argument as text; at a pointer it is read as `str` reads it.
    fn text_argument(&mut self, call: Call, at: usize) -> Option<Val> {
        let val = self.value(&call.args[at])?;
        match &val.ty {
            Ty::Str { .. } => Some(val),
            Ty::Pointer { .. } => {
                let most = self.options.max_strlen;
                let space = val.ty.space().unwrap_or(self.body().space);
                let kind = ExprKind::LoadStr {
                    address: Box::new(val.into_expr()),
                    offset: 0,
                    space,
                    length: None,
                    array: false,
                };
                Some(Val::new(Ty::Str { size: most }, call.args[at].span, kind))
            }
            ty => {
                let message = format!("{}() takes text", call.name);
                let label = format!("this is {}", self.name(ty));
                self.error(codes::BAD_ARGUMENT, val.span, message, label)
            }
        }
    }

    /// `strlen(text)`
    pub(super) fn strlen(&mut self, call: Call) -> Option<Val> {
        let text = self.text_argument(call, 0)?;
        if let Some(Const::Str(text)) = text.as_const() {
            return Some(Val::int(text.len() as i64, Ty::U64, call.span));
        }
        Some(text_call(call, Function::StrLen, vec![text.into_expr()], Ty::U64))
    }

    /// `strncmp(a, b, n)`
    pub(super) fn strncmp(&mut self, call: Call) -> Option<Val> {
        let (left, right) = (self.text_argument(call, 0), self.text_argument(call, 1));
        let count = self.literal_count(call, &call.args[2])?;
        let (left, right) = (left?, right?);
        if let (Some(Const::Str(a)), Some(Const::Str(b))) = (left.as_const(), right.as_const()) {
            let start = |text: &[u8]| text[..text.len().min(count as usize)].to_vec();
            return Some(Val::int(i64::from(start(a) != start(b)), Ty::I64, call.span));
        }
        // Behind its end text is zero: more than the longer one's bytes say nothing new.
        let most = size(&left).max(size(&right));
        let count = u32::try_from(count).unwrap_or(u32::MAX).min(most);
        if count == 0 {
            return Some(Val::int(0, Ty::I64, call.span));
        }
        let args = vec![left.into_expr(), right.into_expr()];
        Some(text_call(call, Function::DifferWithin(count), args, Ty::I64))
    }

    /// `strstr(text, literal)`
    pub(super) fn strstr(&mut self, call: Call) -> Option<Val> {
        let text = self.text_argument(call, 0);
        let part = self.text_argument(call, 1)?;
        let Some(Const::Str(wanted)) = part.as_const() else {
            let message = format!("{}() looks for text that is a literal", call.name);
            return self.error(codes::BAD_ARGUMENT, part.span, message, "known only when the probe runs");
        };
        let text = text?;
        if let Some(Const::Str(text)) = text.as_const() {
            let found = (0..=text.len()).find(|at| text[*at..].starts_with(wanted));
            return Some(Val::int(found.map_or(-1, |at| at as i64), Ty::I64, call.span));
        }
        let args = vec![text.into_expr(), part.into_expr()];
        Some(text_call(call, Function::Find, args, Ty::I64))
    }

    /// `strcontains(text, literal)`
    pub(super) fn strcontains(&mut self, call: Call) -> Option<Val> {
        let found = self.strstr(call)?.into_expr();
        let (left, right) = (Box::new(found), Box::new(Expr::int(0, Ty::I64.to_type(), call.span)));
        Some(Val::new(Ty::Bool, call.span, ExprKind::Binary { op: BinaryOp::Ge, left, right }))
    }

    /// `str_concat(a, b)`
    pub(super) fn str_concat(&mut self, call: Call) -> Option<Val> {
        let (left, right) = (self.text_argument(call, 0), self.text_argument(call, 1));
        let (left, right) = (left?, right?);
        if let (Some(Const::Str(a)), Some(Const::Str(b))) = (left.as_const(), right.as_const()) {
            return Some(Val::constant(Const::Str([&a[..], b].concat()), call.span));
        }
        let (a, b) = (size(&left), size(&right));
        let size = (a + b).saturating_sub(1).min(self.options.max_strlen.max(a).max(b));
        let args = vec![left.into_expr(), right.into_expr()];
        Some(text_call(call, Function::Concat, args, Ty::Str { size }))
    }
}

/// Bytes of a text's type.
fn size(val: &Val) -> u32 {
    match val.ty {
        Ty::Str { size } => size,
        _ => 0,
    }
}

fn text_call(call: Call, function: Function, args: Vec<Expr>, ty: Ty) -> Val {
    Val::new(ty, call.span, ExprKind::Call { function, args })
}
