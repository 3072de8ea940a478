//! Implicit conversions: a value made to fit the type of what it is assigned to or compared with.

use crate::diag::{Diagnostic, codes};

use super::super::check::Checker;
use super::super::constant::Const;
use super::super::tree::{Expr, ExprKind};
use super::super::ty::Ty;
use super::super::types::IntType;
use super::super::value::{Kind, Val};

impl Checker<'_, '_> {
    /// `val` as a value of type `target`. None, without a message, when no implicit conversion does that: literals
    /// must fit, other integers may lose bits with a warning.
    pub(in super::super) fn coerce(&mut self, val: Val, target: &Ty) -> Option<Expr> {
        if let (Some(from), Some(to)) = (val.ty.as_int(), target.as_int()) {
            return self.coerce_int(val, from, to, target);
        }
        match (&val.ty, target) {
            (Ty::Str { size }, Ty::Str { size: most }) => (size <= most).then(|| val.into_expr()),
            (Ty::Buffer { size }, Ty::Buffer { size: most }) => (size <= most).then(|| val.into_expr()),
            (Ty::Tuple(_), Ty::Tuple(_)) | (Ty::Record { .. }, Ty::Record { .. }) => {
                self.coerce_items(val, target)
            }
            (Ty::Pointer { .. }, Ty::Pointer { .. }) => Some(val.cast(target.clone()).into_expr()),
            (from, to) if from.same(to) => Some(val.into_expr()),
            _ => None,
        }
    }

    fn coerce_int(&mut self, val: Val, from: IntType, to: IntType, target: &Ty) -> Option<Expr> {
        if let Some(value) = val.as_integer() {
            return fits(value, to).then(|| val.cast(target.clone()).into_expr());
        }
        if !val.ty.fits(target) {
            self.warn_lossy(&val, from, to);
        }
        Some(val.cast(target.clone()).into_expr())
    }

    fn warn_lossy(&mut self, val: &Val, from: IntType, to: IntType) {
        // What is computed has 64 bits of either sign on purpose; a difference of two times is the usual case.
        if from.size == 8 && to.size == 8 && matches!(val.kind, Kind::Expr(ExprKind::Binary { .. })) {
            return;
        }
        let (from, to_name) = (self.name(&val.ty), super::super::names::int(to));
        let (code, what) = if to.size < val.ty.as_int().map_or(8, |int| int.size) {
            (codes::LOSSY, "loses bits")
        } else {
            (codes::SIGN_MISMATCH, "changes its sign when large")
        };
        let message = format!("{from} is taken as {to_name}");
        let warning = Diagnostic::warning(code, message).at(val.span, what);
        self.report(warning.help(format!("say so: `({to_name})...`")));
    }

    /// Item by item; a tuple or record that needs no conversion stays as it is. Items of records go by their names,
    /// and are computed in the order written.
    fn coerce_items(&mut self, val: Val, target: &Ty) -> Option<Expr> {
        let (from, to) = (val.ty.items()?.clone(), target.items()?.clone());
        if from.len() != to.len() {
            return None;
        }
        if val.ty.same(target) {
            return Some(val.into_expr());
        }
        let (source, span) = (val.ty.clone(), val.span);
        let whole = val.into_expr();
        let mut items = Vec::new();
        for (place, wanted) in to.iter().enumerate() {
            let at = match target {
                Ty::Record { names, .. } => source.record_item(&names[place])?.0,
                _ => place,
            };
            let item = self.item(&whole, at, from[at].clone());
            items.push(self.coerce(item, wanted)?);
        }
        let items_types = items_types(&items, &to);
        let ty = match target {
            Ty::Record { names, .. } => Ty::Record { names: names.clone(), items: items_types },
            _ => Ty::Tuple(items_types),
        };
        Some(Expr { span, ty: ty.to_type(), kind: ExprKind::Tuple(items) })
    }

    /// Item `index` of a tuple; that of a written one is itself.
    fn item(&self, whole: &Expr, index: usize, ty: Ty) -> Val {
        match &whole.kind {
            ExprKind::Tuple(items) => {
                let item = items[index].clone();
                Val { ty, span: item.span, kind: Kind::Expr(item.kind) }
            }
            _ => {
                let base = Box::new(whole.clone());
                Val::new(ty, whole.span, ExprKind::TupleField { base, index: index as u32 })
            }
        }
    }
}

/// Types after conversion: those asked for, but for text, which keeps its own size.
fn items_types(items: &[Expr], to: &[Ty]) -> std::sync::Arc<[Ty]> {
    use super::super::types::Type;
    let own = |item: &Expr, ty: &Ty| match (&item.ty, ty) {
        (Type::Str { size }, Ty::Str { .. }) => Ty::Str { size: *size },
        _ => ty.clone(),
    };
    items.iter().zip(to).map(|(item, ty)| own(item, ty)).collect()
}

/// True when the literal `value` is one of the type.
pub(in super::super) fn fits(value: i128, ty: IntType) -> bool {
    let bits = u32::from(ty.size) * 8;
    if ty.signed {
        (-(1i128 << (bits - 1))..1i128 << (bits - 1)).contains(&value)
    } else {
        (0..1i128 << bits).contains(&value)
    }
}

/// A literal as the number it is in messages.
pub(in super::super) fn literal(value: &Const) -> String {
    match value {
        Const::Int(value) => value.to_string(),
        Const::Negative(value) => value.to_string(),
        Const::Bool(value) => value.to_string(),
        Const::Str(text) => format!("{:?}", String::from_utf8_lossy(text)),
    }
}
