//! Casts, and types as a script writes them.

use std::sync::Arc;

use crate::diag::{Diagnostic, codes, suggest};
use crate::host::BtfKind;
use crate::source::Span;
use crate::syntax::ast::{self, TypeBase, TypeName, TypeSuffix};

use super::super::check::Checker;
use super::super::constant::Const;
use super::super::ctypes;
use super::super::signatures;
use super::super::tree::ExprKind;
use super::super::ty::Ty;
use super::super::value::{Kind, Place, Val};

impl Checker<'_, '_> {
    /// `(type)operand`
    pub(super) fn cast(&mut self, span: Span, ty: &TypeName, operand: &ast::Expr) -> Option<Val> {
        let (target, val) = (self.type_name(ty), self.value(operand));
        let (target, val) = (target?, val?);
        let number = |ty: &Ty| ty.is_int() || matches!(ty, Ty::Bool | Ty::Pointer { .. });
        match &target {
            Ty::Enum { .. } if number(&val.ty) => self.cast_enum(span, ty.span, target, val),
            Ty::Int { .. } if number(&val.ty) => {
                self.warn_redundant(ty.span, &target, &val);
                let space = val.ty.space();
                Some(Val { span, ..val.cast(target.in_space(space)) })
            }
            Ty::Bool if number(&val.ty) => Some(Val { span, ..truth(val) }),
            Ty::Bool if val.ty.is_str() => Some(not_empty(span, val)),
            Ty::Pointer { to, .. } if number(&val.ty) && val.ty != Ty::Bool => {
                let space = val.ty.space().unwrap_or(self.body().space);
                let target = Ty::Pointer { to: to.clone(), space: Some(space) };
                // an address has no sign: a narrow integer is not extended by its own
                let val = match val.ty.as_int() {
                    Some(int) if int.signed && int.size < 8 => val.cast(Ty::fixed(int.size, false)),
                    _ => val,
                };
                Some(Val { span, ..val.cast(target) })
            }
            Ty::Int { int, .. } if matches!(val.ty, Ty::Array { .. }) => {
                if self.types.size_of(&val.ty) != Some(u32::from(int.size)) {
                    return self.report_sizes(span, &target, &val);
                }
                Some(Place::of(val).into_scalar(span, target, None))
            }
            Ty::Array { .. } => self.cast_array(span, target, val),
            Ty::Str { size } if val.ty.is_str() => match val.ty {
                Ty::Str { size: own } if *size == 0 || own == *size => Some(Val { span, ..val }),
                Ty::Str { size: own } if own < *size => {
                    let kind = ExprKind::Cast(Box::new(val.into_expr()));
                    Some(Val::new(target, span, kind))
                }
                _ => self.report_cast(span, &target, &val),
            },
            _ => self.report_cast(span, &target, &val),
        }
    }

    /// An integer or text as the array of what its bytes are. Without a size the array is as long as the value.
    fn cast_array(&mut self, span: Span, target: Ty, val: Val) -> Option<Val> {
        let Ty::Array { element, count, .. } = &target else { return None };
        let (Some(own), Some(one)) = (self.types.size_of(&val.ty), self.types.size_of(element)) else {
            return self.report_cast(span, &target, &val);
        };
        if !matches!(**element, Ty::Int { .. } | Ty::Bool)
            || !(val.ty.is_int() || val.ty.is_str() || val.ty == Ty::Bool)
        {
            return self.report_cast(span, &target, &val);
        }
        let count = if *count == 0 && own.is_multiple_of(one) { own / one } else { *count };
        let target = Ty::Array { element: element.clone(), count, space: None };
        let size = one * count;
        let grows = val.ty.is_int() && size <= 8 && size > own;
        if size != own && !grows || size == 0 {
            return self.report_sizes(span, &target, &val);
        }
        let kind = if val.ty.is_str() {
            ExprKind::Part { base: Box::new(val.into_expr()), offset: 0, bits: None }
        } else {
            let wide = if val.ty.is_signed() { Ty::I64 } else { Ty::U64 };
            ExprKind::Bytes(Box::new(val.cast(wide).into_expr()))
        };
        Some(Val::new(target, span, kind))
    }

    /// An array and what it is cast from or to take different numbers of bytes.
    fn report_sizes(&mut self, span: Span, target: &Ty, val: &Val) -> Option<Val> {
        let size = |ty: &Ty| self.types.size_of(ty).unwrap_or(0);
        let (own, wanted) = (size(&val.ty), size(target));
        let message = format!("{} cannot be cast to {}", self.name(&val.ty), self.name(target));
        let error = Diagnostic::error(codes::BAD_CAST, message);
        let error = match wanted {
            0 => error.at(span, "elements of this size do not fill it"),
            _ => error.at(span, format!("{wanted} bytes expected")),
        };
        let error = error.because(val.span, format!("this has {own}"));
        let help = match target {
            Ty::Array { .. } if wanted == 0 => "cast to an array of smaller elements",
            Ty::Array { .. } => "leave the size out: `[]` takes what is there",
            _ => "an array and the integer must have the same size",
        };
        self.report(error.help(help));
        None
    }

    fn report_cast(&mut self, span: Span, target: &Ty, val: &Val) -> Option<Val> {
        let message = format!("{} cannot be cast to {}", self.name(&val.ty), self.name(target));
        let error = Diagnostic::error(codes::BAD_CAST, message).at(span, "impossible cast");
        let error = error.because(val.span, format!("this is {}", self.name(&val.ty)));
        let help = match (target, &val.ty) {
            (Ty::Str { .. }, Ty::Int { .. } | Ty::Pointer { .. }) => {
                Some("read the text there: `str(...)`".into())
            }
            (Ty::Struct { .. }, _) => Some(format!("cast to a pointer: `({} *)...`", self.name(target))),
            _ => None,
        };
        self.report(match help {
            Some(help) => error.help(help),
            None => error,
        });
        None
    }

    fn warn_redundant(&mut self, span: Span, target: &Ty, val: &Val) {
        if val.as_const().is_none() && val.ty.same(target) && !self.adds_up(val) {
            let message = format!("this is {} already", self.name(target));
            let warning =
                Diagnostic::warning(codes::REDUNDANT_CAST, message).at(span, "the cast does nothing");
            self.report(warning.because(val.span, ""));
        }
    }

    /// The value is that of an aggregation: a cast says that it is to be read.
    fn adds_up(&self, val: &Val) -> bool {
        match &val.kind {
            Kind::Expr(ExprKind::MapGet { map, .. }) => {
                matches!(self.maps.list[map.0 as usize].value.ty, Some(Ty::Aggregate(_)))
            }
            _ => false,
        }
    }

    fn cast_enum(&mut self, span: Span, ty_span: Span, target: Ty, val: Val) -> Option<Val> {
        if let (Ty::Enum { values, .. }, Some(value)) = (&target, val.as_integer())
            && !values.iter().any(|(known, _)| i128::from(*known) == value)
        {
            let message = format!("{} has no constant of value {value}", self.name(&target));
            let error = Diagnostic::error(codes::OUT_OF_RANGE, message).at(val.span, "not among them");
            self.report(error.because(ty_span, "of this enum"));
            return None;
        }
        Some(Val { span, ..val.cast(target) })
    }

    /// A type as written. `string` without a size has size 0.
    pub(in super::super) fn type_name(&mut self, written: &TypeName) -> Option<Ty> {
        let mut ty = self.base_type(written)?;
        for suffix in &written.suffixes {
            ty = match (suffix, ty) {
                (TypeSuffix::Pointer, ty) => Ty::Pointer { to: Arc::new(ty), space: None },
                (TypeSuffix::Array(Some(size)), Ty::Str { size: 0 }) => {
                    self.sized_string(written.span, *size)?
                }
                (TypeSuffix::Array(Some(size)), Ty::Buffer { size: 0 }) => {
                    Ty::Buffer { size: u32::try_from(*size).unwrap_or(u32::MAX >> 1) }
                }
                (TypeSuffix::Array(count), ty) => {
                    let count = u32::try_from(count.unwrap_or(0)).unwrap_or(u32::MAX);
                    Ty::Array { element: Arc::new(ty), count, space: None }
                }
            };
        }
        Some(if ty == Ty::Char { self.char_type() } else { ty })
    }

    /// `char` of this kernel: newer ones are built with unsigned ones.
    pub(super) fn char_type(&mut self) -> Ty {
        let Ok(btf) = self.host.btf() else { return Ty::I8 };
        btf.find(BtfKind::Int, "char").map_or(Ty::I8, |id| self.types.of(btf, id))
    }

    fn sized_string(&mut self, span: Span, size: u64) -> Option<Ty> {
        match u32::try_from(size) {
            Ok(size @ 1..=0xffff) => Some(Ty::Str { size }),
            _ => {
                let message = format!("text of {size} bytes");
                self.error(codes::TOO_LARGE, span, message, "1 to 65535 bytes, the NUL included")
            }
        }
    }

    fn base_type(&mut self, written: &TypeName) -> Option<Ty> {
        let (kind, name) = match &written.base {
            TypeBase::Named(name) => {
                let known = ctypes::language_type(name).or_else(|| ctypes::c_integer(name));
                if known.is_some() {
                    return known;
                }
                (BtfKind::Typedef, name)
            }
            TypeBase::Struct(name) => (BtfKind::Struct, name),
            TypeBase::Union(name) => (BtfKind::Union, name),
            TypeBase::Enum(name) => (BtfKind::Enum, name),
            TypeBase::Typeof(of) => return self.type_of(of),
        };
        let btf = self.btf(written.span, "this type")?;
        if let Some(id) = btf.find(kind, name) {
            return Some(self.types.of(btf, id));
        }
        self.report_unknown_type(written.span, kind, name)
    }

    /// The type of that name alone, when there is one.
    pub(super) fn typedef(&mut self, name: &str) -> Option<Ty> {
        if signatures::find(name).is_some() {
            return None;
        }
        if name == "char" {
            return Some(self.char_type());
        }
        let known = ctypes::language_type(name).or_else(|| ctypes::c_integer(name));
        known.or_else(|| {
            let btf = self.host.btf().ok()?;
            Some(self.types.of(btf, btf.find(BtfKind::Typedef, name)?))
        })
    }

    fn report_unknown_type(&mut self, span: Span, kind: BtfKind, name: &str) -> Option<Ty> {
        if self.quiet {
            return None;
        }
        let word = match kind {
            BtfKind::Struct => "struct ",
            BtfKind::Union => "union ",
            BtfKind::Enum => "enum ",
            _ => "",
        };
        let message = format!("unknown type `{word}{name}`");
        let mut error =
            Diagnostic::error(codes::UNKNOWN_TYPE, message).at(span, "not among the kernel's types");
        let btf = self.host.btf().ok()?;
        let own =
            ["bool", "string", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"];
        let others = [(BtfKind::Struct, "struct "), (BtfKind::Union, "union "), (BtfKind::Enum, "enum ")];
        if let Some((_, word)) = others.iter().find(|(k, _)| *k != kind && btf.find(*k, name).is_some()) {
            error = error.help(format!("did you mean `{word}{name}`?"));
        } else if let Some(near) =
            own.iter().copied().find(|_| word.is_empty()).and_then(|_| suggest::nearest(name, own))
        {
            error = error.help(format!("did you mean `{near}`?"));
        } else if let Some(near) = suggest::nearest(name, btf.names(kind).iter().map(String::as_str)) {
            error = error.help(format!("did you mean `{word}{near}`?"));
        }
        self.report(error);
        None
    }
}

fn truth(val: Val) -> Val {
    match val.as_const() {
        Some(value) => Val::constant(Const::Bool(value.truth()), val.span),
        None => val.cast(Ty::Bool),
    }
}

/// Text is true when it is not empty.
fn not_empty(span: Span, val: Val) -> Val {
    if let Some(value) = val.as_const() {
        return Val::constant(Const::Bool(value.truth()), span);
    }
    let empty = Val::constant(Const::Str(Vec::new()), span).into_expr();
    let kind = ExprKind::Equal { negated: true, left: Box::new(val.into_expr()), right: Box::new(empty) };
    Val::new(Ty::Bool, span, kind)
}
