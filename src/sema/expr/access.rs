//! Reading memory: fields, elements, and what pointers lead to.

use std::sync::Arc;

use crate::diag::{Diagnostic, codes, suggest};
use crate::host::{BtfKind, BtfType};
use crate::source::Span;
use crate::syntax::ast;

use super::super::check::Checker;
use super::super::constant::Const;
use super::super::ctypes::{self, Member};
use super::super::fields::{COMMON, Field, RESULT, Shape};
use super::super::registers;
use super::super::tree::{Expr, ExprKind, ProbeKind};
use super::super::ty::Ty;
use super::super::types::{IntType, Space, StructId, Type};
use super::super::value::{Base, Kind, Place, Val};

/// `x.y` of `args.x.y`.
fn path_of_args(expr: &ast::Expr) -> Option<String> {
    let ast::ExprKind::Field { base, name, .. } = &expr.kind else { return None };
    match &base.kind {
        ast::ExprKind::Name(args) if args == "args" => Some(name.clone()),
        _ => path_of_args(base).map(|path| format!("{path}.{name}")),
    }
}

impl Checker<'_, '_> {
    /// `base.name` and `base->name`, which mean the same: pointers are followed as needed.
    pub(super) fn field(&mut self, expr: &ast::Expr) -> Option<Val> {
        let ast::ExprKind::Field { base, name, name_span, .. } = &expr.kind else { return None };
        if let ast::ExprKind::Typeinfo(of) = &base.kind
            && super::introspect::TYPEINFO.contains(&name.as_str())
        {
            self.unstable("typeinfo", "unstable_typeinfo", self.options.unstable.typeinfo, expr.span);
            return self.typeinfo_field(expr.span, of, name);
        }
        if let Some(path) = path_of_args(expr).filter(|path| path.contains('.'))
            && let Some(field) = self.body().record.as_ref().and_then(|record| record.find(&path)).cloned()
        {
            // a part of an argument that is nowhere as a whole
            return self.read_argument(expr.span, field, *name_span);
        }
        let mut val = self.expr(base)?;
        if matches!(val.kind, Kind::Args) {
            return self.argument(expr.span, name, *name_span);
        }
        while let Ty::Pointer { to, .. } = &val.ty {
            let (to, span) = (to.clone(), val.span);
            if *to == Ty::Void {
                break;
            }
            let place = self.place_at(val);
            val = self.load(span, (*to).clone(), place)?;
        }
        match &val.ty {
            Ty::Struct { id, .. } => {
                let id = *id;
                self.member(expr.span, id, Place::of(val), name, *name_span)
            }
            Ty::Record { .. } => self.record_field(expr.span, val, name, *name_span),
            ty => {
                let message = format!("{} has no fields", self.name(ty));
                let error = Diagnostic::error(codes::NOT_A_STRUCT, message).at(*name_span, "field asked for");
                let error = error.because(base.span, format!("this is {}", self.name(ty)));
                let cast = matches!(ty, Ty::Int { .. } | Ty::Pointer { .. });
                let help = "cast it to a pointer to a struct first: `((struct name *)...).field`";
                self.report(if cast { error.help(help) } else { error });
                None
            }
        }
    }

    fn record_field(&mut self, span: Span, val: Val, name: &str, name_span: Span) -> Option<Val> {
        let Some((index, ty)) = val.ty.record_item(name).map(|(at, ty)| (at as u32, ty.clone())) else {
            let Ty::Record { names, .. } = &val.ty else { return None };
            let names: Vec<String> = names.iter().map(|name| name.to_string()).collect();
            return self.report_field("the record", &names, name, name_span);
        };
        if let Kind::Expr(ExprKind::Tuple(items)) = &val.kind
            && let Some(known) = constant_item(&items[index as usize], &ty, span)
        {
            return Some(known);
        }
        let base = Box::new(val.into_expr());
        Some(Val::new(ty, span, ExprKind::TupleField { base, index }))
    }

    fn member(&mut self, span: Span, id: StructId, place: Place, name: &str, name_span: Span) -> Option<Val> {
        let (member, ty) = self.find_member(id, name, name_span)?;
        match member.bit_size {
            Some(width) => self.bit_field(span, ty, place, member, width),
            None => {
                let offset = place.offset + i64::from(member.bit_offset / 8);
                self.load(span, ty, Place { offset, ..place })
            }
        }
    }

    /// Where a member is, and its type.
    pub(super) fn find_member(&mut self, id: StructId, name: &str, name_span: Span) -> Option<(Member, Ty)> {
        let btf = self.btf(name_span, "a field of a struct")?;
        let Some(member) = self.types.member(btf, id, name) else {
            let owner = self.types.structs[id.0 as usize].name.clone();
            let names = self.types.member_names(btf, id);
            self.report_field(&owner, &names, name, name_span);
            return None;
        };
        Some((member, self.types.of(btf, member.ty)))
    }

    fn report_field(&mut self, owner: &str, names: &[String], name: &str, span: Span) -> Option<Val> {
        let message = format!("{owner} has no field `{name}`");
        let error = Diagnostic::error(codes::UNKNOWN_FIELD, message).at(span, "no such field");
        let near = suggest::nearest(name, names.iter().map(String::as_str));
        self.report(match near {
            Some(near) => error.help(format!("did you mean `{near}`?")),
            None if names.is_empty() => error.note(format!("the kernel does not tell the fields of {owner}")),
            None if names.len() <= 24 => error.note(format!("its fields: {}", names.join(", "))),
            None => error,
        });
        None
    }

    /// The storage unit is as wide as the type; one that crosses it is read as 64 bits from its first byte.
    fn bit_field(&mut self, span: Span, ty: Ty, place: Place, member: Member, width: u32) -> Option<Val> {
        let Some(int) = ty.to_type().as_int() else { return self.load(span, ty, place) };
        let unit = u32::from(int.size) * 8;
        let (start, first) = (member.bit_offset / unit * unit, member.bit_offset % unit);
        let (read, start, first) = match first + width <= unit {
            true => (ty.clone(), start, first),
            false => (Ty::fixed(8, int.signed), member.bit_offset / 8 * 8, member.bit_offset % 8),
        };
        let place = Place { offset: place.offset + i64::from(start / 8), ..place };
        Some(place.into_scalar(span, read, Some((first as u8, width as u8))).cast(ty))
    }

    /// `ctx` of an iterator.
    pub(super) fn iterator_context(&mut self, span: Span) -> Option<Val> {
        let whole = self.body().record.as_ref()?.fields.first()?.clone();
        self.read_argument(span, whole, span)
    }

    /// `args.name` in a tracepoint or a function with types.
    pub(super) fn argument(&mut self, span: Span, name: &str, name_span: Span) -> Option<Val> {
        let record = self.body().record.as_ref()?;
        let Some(field) = record.find(name).cloned() else {
            if self.quiet || !self.missing.insert(name_span) {
                return None;
            }
            let record = self.body().record.as_ref()?;
            let names: Vec<String> = record.names().map(str::to_string).collect();
            let owner = self.body().attach[0].name.clone();
            return self.report_field(&owner, &names, name, name_span);
        };
        if field.offset < COMMON && !field.is_typed() {
            let message = format!("programs may not read `{name}`, which is common to all tracepoints");
            let error = Diagnostic::error(codes::UNKNOWN_FIELD, message).at(name_span, "not readable");
            let pid = name == "common_pid";
            self.report(if pid { error.help("use the builtin `tid`") } else { error });
            return None;
        }
        self.read_argument(span, field, name_span)
    }

    /// `args` as a value: a record of all fields that programs may read.
    pub(in super::super) fn arguments(&mut self, span: Span) -> Option<Val> {
        let fields: Vec<Field> = {
            let record = self.body().record.as_ref()?;
            let listed = |field: &&Field| field.is_typed() || field.offset >= COMMON;
            let returned = self.body().kind == ProbeKind::Fexit;
            let there = |field: &&Field| returned || field.name != RESULT;
            record.fields.iter().filter(listed).filter(there).cloned().collect()
        };
        // as the reference calls it: no name of C
        let named =
            |field: &Field| if field.name == RESULT { "$retval".into() } else { field.name.as_str().into() };
        let names: Arc<[Arc<str>]> = fields.iter().map(named).collect();
        let mut items = Vec::new();
        for field in fields {
            let val = self.read_argument(span, field, span)?;
            items.push(self.as_value(val)?);
        }
        let ty = Ty::Record { names, items: items.iter().map(|item| item.ty.clone()).collect() };
        Some(Val::new(ty, span, ExprKind::Tuple(items.into_iter().map(Val::into_expr).collect())))
    }

    /// True for an argument that the kernel lets no program load: a pointer to what is neither a struct, nor `char`, nor
    /// unknown (before 5.17; pointers to pointers and enums later, too). It is read as memory instead.
    fn is_refused(&self, field: &Field) -> bool {
        let Shape::Typed(id) = field.shape else { return false };
        if !matches!(self.body().kind, ProbeKind::Fentry | ProbeKind::Fexit) {
            return false;
        }
        let Ok(btf) = self.host.btf() else { return false };
        let BtfType::Pointer(to) = btf.resolve(id).1 else { return false };
        match btf.resolve(to).1 {
            BtfType::Void | BtfType::Composite { .. } => false,
            BtfType::Int { name, .. } => name != "char",
            _ => true,
        }
    }

    fn read_argument(&mut self, span: Span, field: Field, name_span: Span) -> Option<Val> {
        let space = self.body().space;
        let address = Expr {
            span,
            ty: Type::Pointer { to: Arc::new(Type::None), space: Space::Context },
            kind: ExprKind::Context,
        };
        let through = if self.is_refused(&field) { Space::Kernel } else { Space::Context };
        let base = Base::Memory { address, space: through };
        let place = Place { base, offset: i64::from(field.offset), leads_to: Some(space) };
        let place = if field.on_stack { self.on_stack(span, i64::from(field.offset)) } else { place };
        let integer = |size: u32| Ty::fixed(size as u8, field.signed);
        let ty = match &field.shape {
            Shape::Int => integer(field.size),
            Shape::Bool => Ty::Bool,
            Shape::Enum(name) => self.argument_enum(name).unwrap_or_else(|| integer(field.size)),
            Shape::Pointer(to) => Ty::Pointer { to: Arc::new(self.pointee(to)), space: Some(space) },
            Shape::Chars => Ty::Str { size: field.size },
            Shape::Array { count } => {
                Ty::Array { element: Arc::new(integer(field.size / count)), count: *count, space: None }
            }
            Shape::Text => {
                let kind = ExprKind::DataLoc { offset: i64::from(field.offset) };
                return Some(Val::new(Ty::Str { size: self.options.max_strlen }, span, kind));
            }
            Shape::Counted { length } => return Some(self.counted_text(span, field.offset, *length)),
            Shape::Typed(id) => {
                let btf = self.btf(name_span, "an argument")?;
                self.types.of(btf, *id)
            }
            Shape::Other(ty) if field.is_typed() => {
                let message = format!("`{}` cannot be read: it is {ty}", field.name);
                return self.error(codes::TYPE_MISMATCH, name_span, message, "this argument");
            }
            Shape::Other(ty) => {
                let message = format!("fields of type `{ty}` cannot be read yet");
                return self.error(codes::TYPE_MISMATCH, name_span, message, "this field");
            }
        };
        self.load(span, ty, place)
    }

    /// Text whose address and length are words of the context.
    fn counted_text(&self, span: Span, address: u32, length: u32) -> Val {
        let word = |offset: u32| registers::word(span, offset as u16);
        // what is read includes a NUL that is not there
        let left = Box::new(word(length).into_expr());
        let right = Box::new(Expr { span, ty: Type::Int(IntType::U64), kind: ExprKind::Int(1) });
        let kind = ExprKind::Binary { op: ast::BinaryOp::Add, left, right };
        let length = Expr { span, ty: Type::Int(IntType::U64), kind };
        let kind = ExprKind::LoadStr {
            address: Box::new(word(address).into_expr()),
            offset: 0,
            space: Space::User,
            length: Some(Box::new(length)),
            array: false,
        };
        Val::new(Ty::Str { size: self.options.max_strlen }, span, kind)
    }

    fn argument_enum(&mut self, name: &str) -> Option<Ty> {
        let btf = self.host.btf().ok()?;
        let id = btf.find(BtfKind::Enum, name)?;
        Some(self.types.of(btf, id))
    }

    /// The type of that C name, as far as it is known: what cannot be found is `void`.
    fn pointee(&mut self, name: &str) -> Ty {
        if let Some(inner) = name.strip_suffix(" *") {
            let to = Arc::new(self.pointee(inner));
            return Ty::Pointer { to, space: Some(self.body().space) };
        }
        if let Some(ty) = ctypes::c_integer(name) {
            return ty;
        }
        let Ok(btf) = self.host.btf() else { return Ty::Void };
        let (kind, name) = match name.split_once(' ') {
            Some(("struct", name)) => (BtfKind::Struct, name),
            Some(("union", name)) => (BtfKind::Union, name),
            Some(("enum", name)) => (BtfKind::Enum, name),
            _ => (BtfKind::Typedef, name),
        };
        btf.find(kind, name).map_or(Ty::Void, |id| self.types.of(btf, id))
    }

    /// Reads what is at `place`. Structs and arrays stay places.
    pub(in super::super) fn load(&mut self, span: Span, ty: Ty, place: Place) -> Option<Val> {
        match ty {
            Ty::Struct { .. } | Ty::Array { .. } => {
                Some(Val::place(ty.in_space(place.leads_to), span, place))
            }
            Ty::Str { size } => Some(self.load_text(span, size, place)),
            Ty::Char => {
                let char = self.char_type();
                self.load(span, char, place)
            }
            Ty::Void => {
                let message = "what a `void *` points to has no type";
                self.error(codes::TYPE_MISMATCH, span, message, "cast the pointer first: `(uint64 *)...`")
            }
            whole @ (Ty::Tuple(_) | Ty::Record { .. } | Ty::Buffer { .. } | Ty::Inet | Ty::Mac) => {
                let expr = Val::place(whole.clone(), span, place).into_expr();
                Some(Val::new(whole, span, expr.kind))
            }
            Ty::Aggregate(_) => None,
            scalar => {
                let ty = scalar.in_space(place.leads_to);
                Some(place.into_scalar(span, ty, None))
            }
        }
    }

    /// A char array; one without a size is read to its NUL.
    fn load_text(&self, span: Span, size: u32, place: Place) -> Val {
        let array = size > 0;
        let size = if array { size } else { self.options.max_strlen };
        let kind = match place.base {
            Base::Memory { address, space } => ExprKind::LoadStr {
                address: Box::new(address),
                offset: place.offset,
                space,
                length: None,
                array,
            },
            Base::Value(base) => {
                ExprKind::Part { base: Box::new(base), offset: place.offset as u32, bits: None }
            }
        };
        Val::new(Ty::Str { size }, span, kind)
    }

    /// `base.0`
    pub(super) fn tuple_field(&mut self, span: Span, base: &ast::Expr, index: u32) -> Option<Val> {
        let val = self.value(base)?;
        self.tuple_item(span, val, u64::from(index))
    }

    fn tuple_item(&mut self, span: Span, val: Val, index: u64) -> Option<Val> {
        let Ty::Tuple(items) = &val.ty else {
            let message = format!("{} is no tuple", self.name(&val.ty));
            let error = Diagnostic::error(codes::NOT_A_STRUCT, message).at(span, "item asked for");
            self.report(error.because(val.span, format!("this is {}", self.name(&val.ty))));
            return None;
        };
        let Some(ty) = items.get(index as usize).cloned() else {
            let message = format!("the tuple has no item {index}");
            let label = format!("items 0 to {}", items.len() - 1);
            return self.error(codes::OUT_OF_BOUNDS, span, message, label);
        };
        let base = Box::new(val.into_expr());
        Some(Val::new(ty, span, ExprKind::TupleField { base, index: index as u32 }))
    }

    /// `base[index]` on an array, a pointer or a tuple.
    pub(super) fn index(&mut self, span: Span, base: &ast::Expr, index: &ast::Expr) -> Option<Val> {
        let (base, index) = (self.expr(base), self.value(index));
        let (base, index) = (base?, index?);
        let constant = index.as_integer();
        match (&base.ty, &base.kind) {
            (Ty::Tuple(_), _) => match constant.and_then(|i| u64::try_from(i).ok()) {
                Some(at) => self.tuple_item(span, base, at),
                None => {
                    let message = "an item of a tuple is chosen by a constant";
                    self.error(codes::OUT_OF_BOUNDS, index.span, message, "not a constant")
                }
            },
            (Ty::Array { .. }, _) => self.array_element(span, base, index),
            (Ty::Pointer { to, .. }, _) => {
                let to = (**to).clone();
                self.index_type(&index, true)?;
                let place = self.place_at(base);
                self.element(span, place, to, index, None)
            }
            (Ty::Str { .. }, _) => self.character(span, base, index),
            _ => {
                let message = format!("{} has no elements", self.name(&base.ty));
                self.error(codes::NOT_A_STRUCT, span, message, "indexed here")
            }
        }
    }

    fn array_element(&mut self, span: Span, base: Val, index: Val) -> Option<Val> {
        let Ty::Array { element, count, .. } = base.ty.clone() else { return None };
        self.index_type(&index, false)?;
        if let Some(at) = index.as_integer()
            && count > 0
            && at >= i128::from(count)
        {
            let message = format!("index {at} is beyond the array");
            return self.error(codes::OUT_OF_BOUNDS, index.span, message, format!("0 to {}", count - 1));
        }
        self.element(span, Place::of(base), (*element).clone(), index, Some(count))
    }

    /// Indices are not negative; behind a pointer a constant may be.
    fn index_type(&mut self, index: &Val, negative: bool) -> Option<()> {
        let constant = index.as_integer();
        let good = match constant {
            Some(value) => value >= 0 || negative,
            None => index.ty.is_int() && (!index.ty.is_signed() || index.ty.is_flexible()),
        };
        if good {
            return Some(());
        }
        let message = "an index must be an integer that cannot be negative";
        let error = Diagnostic::error(codes::TYPE_MISMATCH, message);
        let error = error.at(index.span, format!("this is {}", self.name(&index.ty)));
        let int = constant.is_none() && index.ty.is_int();
        self.report(if int { error.help("cast it: `(uint64)...`") } else { error });
        None
    }

    /// One of elements of type `ty` that begin at `place`; `count` is how many there are, where that is known.
    fn element(&mut self, span: Span, place: Place, ty: Ty, index: Val, count: Option<u32>) -> Option<Val> {
        let Some(size) = self.types.size_of(&ty).filter(|size| *size > 0) else {
            let message = format!("elements of {} have no size", self.name(&ty));
            return self.error(codes::TYPE_MISMATCH, span, message, "indexed here");
        };
        if let Some(at) = index.as_integer() {
            let offset = place.offset + at as i64 * i64::from(size);
            return self.load(span, ty, Place { offset, ..place });
        }
        let leads_to = place.leads_to;
        let (base, offset) = match place.base {
            Base::Memory { address, space } if space != Space::Context => {
                let start = Val::new(Ty::U64, span, ExprKind::Cast(Box::new(address))).into_expr();
                let start =
                    if place.offset == 0 { start } else { super::binary::add(start, place.offset, span) };
                let address = super::binary::element(start, index, size);
                let base = Base::Memory { address, space };
                return self.load(span, ty, Place { base, offset: 0, leads_to });
            }
            // What a program may read at constant offsets only is copied first.
            base @ Base::Memory { .. } => {
                let whole = Ty::Array { element: Arc::new(ty.clone()), count: count?, space: None };
                (Val::place(whole, span, Place { base, ..place }).into_expr(), 0)
            }
            Base::Value(value) => (value, place.offset as u32),
        };
        let Some(count) = count.filter(|count| *count > 0) else {
            let message = "an array without elements has none to choose";
            return self.error(codes::OUT_OF_BOUNDS, span, message, "indexed here");
        };
        let kind = ExprKind::Element {
            base: Box::new(base),
            offset,
            index: Box::new(index.cast(Ty::U64).into_expr()),
            count,
        };
        Some(Val::new(ty.in_space(leads_to), span, kind))
    }

    /// A character of a text, read alone where the text is still in memory.
    fn character(&mut self, span: Span, base: Val, index: Val) -> Option<Val> {
        let Ty::Str { size } = base.ty else { return None };
        if let (Some(super::super::constant::Const::Str(text)), Some(at)) =
            (base.as_const(), index.as_integer())
            && let Ok(at) = usize::try_from(at)
            && at <= text.len()
        {
            let byte = text.get(at).copied().unwrap_or(0);
            return Some(Val::constant(super::super::constant::Const::Int(u64::from(byte)), span));
        }
        self.index_type(&index, false)?;
        if let Some(at) = index.as_integer()
            && at >= i128::from(size)
        {
            let message = format!("index {at} is beyond the text");
            return self.error(codes::OUT_OF_BOUNDS, index.span, message, format!("0 to {}", size - 1));
        }
        let char = Ty::Int { int: IntType { size: 1, signed: true }, flexible: false, space: None };
        let place = match base.kind {
            Kind::Expr(ExprKind::LoadStr { address, offset, space, .. }) => {
                let base = Base::Memory { address: *address, space };
                Place { base, offset, leads_to: Some(space) }
            }
            _ => Place::of(base),
        };
        self.element(span, place, char, index, Some(size))
    }
}

/// An item of a record that is spelled out, when it is a constant.
fn constant_item(item: &Expr, ty: &Ty, span: Span) -> Option<Val> {
    match &item.kind {
        ExprKind::Str(text) => Some(Val::constant(Const::Str(text.clone()), span)),
        ExprKind::Int(value) if *ty == Ty::Bool => Some(Val::constant(Const::Bool(*value != 0), span)),
        ExprKind::Int(value) if *value >= 0 && ty.is_flexible() => {
            Some(Val::constant(Const::Int(*value as u64), span))
        }
        ExprKind::Int(value) => Some(Val::int(*value, ty.clone(), span)),
        _ => None,
    }
}
