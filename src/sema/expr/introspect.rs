//! Questions about types, answered while compiling: `typeof`, `typeinfo`, `offsetof`, `container_of`, `is_…`.
//!
//! What is asked about is typed and dropped: nothing of it runs.

use std::sync::Arc;

use crate::diag::codes;
use crate::source::Span;
use crate::syntax::ast::{self, TypeOrExpr};

use super::super::calls::Call;
use super::super::check::Checker;
use super::super::constant::Const;
use super::super::names;
use super::super::signatures::Question;
use super::super::tree::ExprKind;
use super::super::ty::Ty;
use super::super::value::{Kind, Val};

/// What `typeinfo` tells.
pub(super) const TYPEINFO: [&str; 3] = ["btf_id", "base_type", "full_type"];

impl Checker<'_, '_> {
    /// The type that is asked about: a map as a whole stands for its keys, where it has some.
    pub(super) fn type_of(&mut self, of: &TypeOrExpr) -> Option<Ty> {
        let expr = match of {
            TypeOrExpr::Type(ty) => return self.type_name(ty),
            TypeOrExpr::Expr(expr) => expr,
        };
        match &expr.kind {
            ast::ExprKind::Name(name) => {
                if let Some(ty) = self.typedef(name) {
                    return Some(ty);
                }
            }
            ast::ExprKind::Type(ty) => return self.type_name(ty),
            ast::ExprKind::Map { name, key: None } => {
                let at = self.maps.find(name)?;
                if self.maps.list[at].keyed.is_some_and(|(keyed, _)| keyed) {
                    return self.maps.list[at].key.ty.clone();
                }
            }
            _ => {}
        }
        Some(self.expr(expr)?.ty)
    }

    /// `typeinfo(x)`: a record of constants.
    pub(super) fn typeinfo(&mut self, span: Span, of: &TypeOrExpr) -> Option<Val> {
        let fields = TYPEINFO;
        let items = fields.map(|name| self.typeinfo_field(span, of, name));
        let [Some(id), Some(base), Some(full)] = items else { return None };
        let items = [id.cast(Ty::U64), base, full];
        let names: Arc<[Arc<str>]> = fields.map(Arc::from).into();
        let ty = Ty::Record { names, items: items.iter().map(|item| item.ty.clone()).collect() };
        Some(Val::new(ty, span, ExprKind::Tuple(items.into_iter().map(Val::into_expr).collect())))
    }

    /// `typeinfo(x).name`: known while compiling, so that it can be compared then.
    pub(super) fn typeinfo_field(&mut self, span: Span, of: &TypeOrExpr, name: &str) -> Option<Val> {
        let ty = self.type_of(of)?;
        let text = match name {
            "base_type" => names::base(&ty).to_string(),
            "full_type" => names::full(&ty, &self.types.structs),
            _ => return Some(Val::constant(Const::Int(0), span)),
        };
        Some(Val::constant(Const::Str(text.into_bytes()), span))
    }

    /// `offsetof(type, a.b)`
    pub(super) fn offsetof(&mut self, span: Span, of: &TypeOrExpr, path: &[(String, Span)]) -> Option<Val> {
        let (mut ty, mut offset) = (self.type_of(of)?, 0);
        while let Ty::Pointer { to, .. } = &ty {
            ty = (**to).clone();
        }
        for (name, name_span) in path {
            let Ty::Struct { id, .. } = ty else {
                let message = format!("{} has no fields", self.name(&ty));
                return self.error(codes::NOT_A_STRUCT, *name_span, message, "field asked for");
            };
            let (member, inner) = self.find_member(id, name, *name_span)?;
            offset += member.bit_offset / 8;
            ty = inner;
        }
        Some(Val::constant(Const::Int(u64::from(offset)), span))
    }

    /// `container_of(pointer, type, member)`
    pub(in super::super) fn container_of(&mut self, call: Call) -> Option<Val> {
        let [pointer, ty, member] = call.args else { return None };
        let pointer = self.value(pointer)?;
        if !pointer.ty.is_pointer() && !pointer.ty.is_int() {
            let message = "container_of() takes a pointer to a member";
            let label = format!("this is {}", self.name(&pointer.ty));
            return self.error(codes::BAD_ARGUMENT, pointer.span, message, label);
        }
        let of = TypeOrExpr::Expr(Box::new(ty.clone()));
        let container = self.type_of(&of)?;
        let Some(path) = member_path(member) else {
            let message = "the last argument of container_of() names a member";
            return self.error(codes::BAD_ARGUMENT, member.span, message, "no name");
        };
        let offset = self.offsetof(call.span, &of, &path)?.as_integer()?;
        let space = pointer.ty.space();
        let address = super::binary::add(pointer.cast(Ty::U64).into_expr(), -(offset as i64), call.span);
        let target = Ty::Pointer { to: Arc::new(container), space };
        Some(Val::new(target, call.span, ExprKind::Cast(Box::new(address))))
    }

    /// `is_ptr(x)` and the like.
    pub(in super::super) fn question(&mut self, call: Call, question: Question) -> Option<Val> {
        let arg = &call.args[0];
        let (ty, literal) = match &arg.kind {
            ast::ExprKind::Type(_) | ast::ExprKind::Name(_) => {
                (self.type_of(&TypeOrExpr::Expr(Box::new(arg.clone())))?, false)
            }
            _ => {
                let val = self.expr(arg)?;
                let literal =
                    matches!(val.kind, Kind::Const(_)) || matches!(arg.kind, ast::ExprKind::Tuple(_));
                (val.ty, literal)
            }
        };
        let answer = match question {
            Question::Pointer => ty.is_pointer(),
            Question::Array => matches!(ty, Ty::Array { .. }),
            Question::Text => ty.is_str(),
            Question::Integer => ty.is_int(),
            Question::Unsigned => ty.is_int() && !ty.is_signed(),
            Question::Literal => literal,
        };
        Some(Val::constant(Const::Bool(answer), call.span))
    }
}

/// `a.b.c` as names.
fn member_path(expr: &ast::Expr) -> Option<Vec<(String, Span)>> {
    match &expr.kind {
        ast::ExprKind::Name(name) => Some(vec![(name.clone(), expr.span)]),
        ast::ExprKind::Field { base, name, name_span, .. } => {
            let mut path = member_path(base)?;
            path.push((name.clone(), *name_span));
            Some(path)
        }
        _ => None,
    }
}
