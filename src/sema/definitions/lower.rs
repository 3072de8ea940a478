//! Declarations to types.

use super::constants::Answers;
use super::layout::{Slot, layout};
use super::{Definitions, MAX_CHAIN};
use crate::diag::{Diagnostic, Sink, codes, suggest};
use crate::host::{Btf, BtfKind, BtfType, TypeId};
use crate::sema::ctypes;
use crate::sema::ty::Ty;
use crate::source::Span;
use crate::syntax::cdecl::ast::{
    Attributes, Base, BaseKind, CType, Composite, Declaration, Enum, Expr, Field,
};
use crate::syntax::cdecl::eval::{Number, eval};

/// The alignment of `__attribute__((aligned))`.
const LARGEST: u64 = 16;

/// Takes in one declaration. What is wrong in a header that is not the user's is not said.
pub(super) fn declaration(types: &mut Definitions, declaration: &Declaration, sink: &mut Sink) {
    let mut own = Sink::default();
    let base = self::base(types, &declaration.base, &mut own);
    for name in &declaration.names {
        let key = (BtfKind::Typedef, name.name.clone());
        let Some(ty) = wrap(types, base, &name.ty, &mut own) else { continue };
        if let (Some(known), false) = (types.places.get(&key), declaration.system) {
            let same = types.names.get(&key).is_some_and(|id| types.resolve(*id).0 == types.resolve(ty).0);
            if !same {
                own.push(redefined(&format!("the type `{}`", name.name), name.span, *known));
            }
            continue;
        }
        let made = types.add(BtfType::Typedef { name: name.name.clone(), ty });
        types.link(made, ty, name.span, &mut own);
        let attributes = &declaration.base.attributes;
        let whole = matches!(&declaration.base.kind, BaseKind::Composite(c) if c.fields.is_some());
        if let (Some(by), false) = (aligned(types, attributes, &mut own), whole) {
            types.aligned.insert(made, by);
        }
        types.names.insert(key.clone(), made);
        types.places.insert(key, name.span);
    }
    if !declaration.system {
        own.take().into_iter().for_each(|diagnostic| sink.push(diagnostic));
    }
}

fn redefined(what: &str, span: Span, known: Span) -> Diagnostic {
    let error = Diagnostic::error(codes::REDEFINED, format!("{what} is defined twice"));
    error.at(span, "again here").because(known, "first defined here")
}

/// The type as it stands; None when something in it is wrong, which has been said.
pub(super) fn ctype(types: &mut Definitions, ty: &CType, sink: &mut Sink) -> Option<TypeId> {
    // What a function gives back does not matter.
    let base = innermost(ty).map_or(Some(TypeId(0)), |inner| base(types, inner, sink));
    wrap(types, base, ty, sink)
}

fn innermost(mut ty: &CType) -> Option<&Base> {
    loop {
        match ty {
            CType::Base(base) => return Some(base),
            CType::Pointer(inner) | CType::Array(inner, _) => ty = inner,
            CType::Function => return None,
        }
    }
}

/// Pointers and arrays around the type `base`.
fn wrap(types: &mut Definitions, base: Option<TypeId>, ty: &CType, sink: &mut Sink) -> Option<TypeId> {
    match ty {
        CType::Base(_) => base,
        CType::Function => Some(types.add(BtfType::FuncProto { ret: TypeId(0), params: Vec::new() })),
        CType::Pointer(inner) => {
            let to = wrap(types, base, inner, sink)?;
            let made = types.add(BtfType::Pointer(to));
            types.link(made, to, span_of(ty), sink)
        }
        CType::Array(inner, count) => {
            let element = wrap(types, base, inner, sink)?;
            let count = match count {
                None => 0,
                Some(expr) => length(types, expr, sink)?,
            };
            if types.size_of(element).is_none() {
                let error = Diagnostic::error(codes::BAD_LAYOUT, "the elements of this array have no size");
                sink.push(error.at(span_of(ty), "not a complete type"));
                return None;
            }
            let made = types.add(BtfType::Array { element, count });
            types.link(made, element, span_of(ty), sink)
        }
    }
}

fn span_of(ty: &CType) -> Span {
    innermost(ty).map(|base| base.span).unwrap_or_default()
}

fn length(types: &mut Definitions, expr: &Expr, sink: &mut Sink) -> Option<u32> {
    let value = number(types, expr, sink)?.value();
    let most = 1 << 30;
    if (0..=most).contains(&value) {
        return Some(value as u32);
    }
    let error = Diagnostic::error(codes::BAD_LAYOUT, format!("an array of {value} elements"));
    sink.push(error.at(expr.span, format!("0 to {most}")));
    None
}

fn number(types: &mut Definitions, expr: &Expr, sink: &mut Sink) -> Option<Number> {
    let value = eval(expr, &mut Answers { types, sink });
    value
        .map_err(|wrong| {
            let error = Diagnostic::error(codes::C_DEFINITION, wrong.message);
            sink.push(error.at(wrong.span, "not a constant"));
        })
        .ok()
}

/// The alignment that attributes ask for; the largest of several.
fn aligned(types: &mut Definitions, attributes: &Attributes, sink: &mut Sink) -> Option<u64> {
    let mut most = None;
    for wanted in &attributes.aligned {
        let by = match wanted {
            None => LARGEST,
            Some(expr) => {
                let value = number(types, expr, sink)?.value();
                match u64::try_from(value).ok().filter(|by| by.is_power_of_two() && *by <= 1 << 28) {
                    Some(by) => by,
                    None => {
                        let error = Diagnostic::error(codes::BAD_LAYOUT, format!("an alignment of {value}"));
                        sink.push(error.at(expr.span, "not a power of two up to 2^28"));
                        return None;
                    }
                }
            }
        };
        most = most.max(Some(by));
    }
    most
}

/// The type that specifiers name; takes it in when it has a body here.
fn base(types: &mut Definitions, base: &Base, sink: &mut Sink) -> Option<TypeId> {
    match &base.kind {
        BaseKind::Void => Some(TypeId(0)),
        BaseKind::Int { size, signed, name } => Some(types.int(name, *size, *signed)),
        BaseKind::Float(size) => {
            let name = if *size == 4 { "float" } else { "double" }.to_string();
            let made = types.add(BtfType::Composite { union: false, name, size: *size, members: Vec::new() });
            types.aligned.insert(made, u64::from(*size));
            Some(made)
        }
        BaseKind::Named(name) => named(types, name, base.span, sink),
        BaseKind::Composite(composite) => self::composite(types, composite, base, sink),
        BaseKind::Enum(made) => enumeration(types, made, base, sink),
    }
}

fn named(types: &mut Definitions, name: &str, span: Span, sink: &mut Sink) -> Option<TypeId> {
    if let Some(known) = types.find(BtfKind::Typedef, name) {
        return Some(known);
    }
    match ctypes::language_type(name).or_else(|| ctypes::c_integer(name)) {
        Some(Ty::Int { int, .. }) => return Some(types.int(name, u32::from(int.size), int.signed)),
        Some(Ty::Bool) => return Some(types.int("_Bool", 1, false)),
        _ => {}
    }
    if let Some(int) = ["__be", "__le"]
        .iter()
        .find_map(|prefix| ctypes::c_integer(&format!("u{}", name.strip_prefix(prefix)?)))
        && let Ty::Int { int, .. } = int
    {
        return Some(types.int(name, u32::from(int.size), false));
    }
    let error = Diagnostic::error(codes::UNKNOWN_TYPE, format!("unknown type `{name}`"));
    let error = error.at(span, "neither C's, nor the script's, nor the kernel's");
    let tags = [(BtfKind::Struct, "struct"), (BtfKind::Union, "union"), (BtfKind::Enum, "enum")];
    if let Some((_, tag)) = tags.iter().find(|(kind, _)| types.find(*kind, name).is_some()) {
        sink.push(error.help(format!("did you mean `{tag} {name}`?")));
        return None;
    }
    let known = types.names(BtfKind::Typedef);
    let near = suggest::nearest(name, known.iter().map(String::as_str)).map(str::to_string);
    sink.push(match near {
        Some(near) => error.help(format!("did you mean `{near}`?")),
        None => error,
    });
    None
}

fn composite(types: &mut Definitions, made: &Composite, base: &Base, sink: &mut Sink) -> Option<TypeId> {
    let kind = if made.union { BtfKind::Union } else { BtfKind::Struct };
    let Some(fields) = &made.fields else { return Some(types.tag(kind, made.tag.as_ref())) };
    let id = types.begin(kind, made.tag.as_ref(), sink)?;
    let (mut slots, mut good) = (Vec::new(), true);
    let mut names: Vec<(String, Span)> = Vec::new();
    for (at, field) in fields.iter().enumerate() {
        let Some(slot) = slot(types, field, at + 1 == fields.len() || made.union, sink) else {
            good = false;
            continue;
        };
        if let Some(name) = &field.name {
            if let Some((_, first)) =
                names.iter().find(|(known, _)| known == name).filter(|_| names.len() < 512)
            {
                sink.push(redefined(&format!("the field `{name}`"), field.span, *first));
                good = false;
            }
            names.push((name.clone(), field.span));
        }
        slots.push(slot);
    }
    let by = aligned(types, &base.attributes, sink);
    if !good {
        return None;
    }
    let Some(laid) = layout(slots, made.union, base.attributes.packed, by) else {
        let error = Diagnostic::error(codes::BAD_LAYOUT, "this type is too large");
        sink.push(error.at(base.span, "more than 512 MiB"));
        return None;
    };
    let name = made.tag.as_ref().map_or(String::new(), |(name, _)| name.clone());
    let size = laid.size as u32;
    types.set(id, BtfType::Composite { union: made.union, name, size, members: laid.members });
    types.aligned.insert(id, laid.align);
    Some(id)
}

/// A member and what its layout depends on.
fn slot(types: &mut Definitions, field: &Field, last: bool, sink: &mut Sink) -> Option<Slot> {
    let ty = ctype(types, &field.ty, sink);
    let mut attributes = field.attributes.clone();
    if let Some(base) = innermost(&field.ty).filter(|base| !defines(base)) {
        attributes.join(base.attributes.clone());
    }
    let by = aligned(types, &attributes, sink);
    let bits = field.bits.as_ref().map(|expr| (expr.span, number(types, expr, sink)));
    let ty = ty?;
    let flexible = matches!(&field.ty, CType::Array(_, None));
    if matches!(field.ty, CType::Function) {
        sink.push(bad(field.span, "a field cannot be a function", "make it a pointer: `(*name)(...)`"));
        return None;
    }
    let Some(size) = types.size_of(ty) else {
        let name = field.name.as_deref().unwrap_or("it");
        sink.push(bad(field.span, &format!("the type of `{name}` has no size"), "not a complete type"));
        return None;
    };
    if flexible && !last {
        sink.push(bad(field.span, "an array without a size must be the last field", "more fields follow"));
        return None;
    }
    let bits = match bits {
        None => None,
        Some((_, None)) => return None,
        Some((span, Some(width))) => Some(bit_width(types, ty, field, width, span, sink)?),
    };
    let align = types.align_of(ty);
    Some(Slot { name: field.name.clone(), ty, size, align, aligned: by, packed: attributes.packed, bits })
}

fn bad(span: Span, message: &str, label: &str) -> Diagnostic {
    Diagnostic::error(codes::BAD_LAYOUT, message).at(span, label)
}

/// The specifiers give a body: their attributes are the type's own.
fn defines(base: &Base) -> bool {
    match &base.kind {
        BaseKind::Composite(made) => made.fields.is_some(),
        BaseKind::Enum(made) => made.values.is_some(),
        _ => false,
    }
}

fn bit_width(
    types: &Definitions,
    ty: TypeId,
    field: &Field,
    width: Number,
    span: Span,
    sink: &mut Sink,
) -> Option<u64> {
    let (most, bool) = match types.resolve(ty).1 {
        BtfType::Int { size, is_bool, .. } => (u64::from(size) * 8, is_bool),
        BtfType::Enum { size, .. } => (u64::from(size) * 8, false),
        _ => {
            sink.push(bad(field.span, "a bit field must be an integer", "this is none"));
            return None;
        }
    };
    let most = if bool { 1 } else { most.min(64) };
    let least = u64::from(field.name.is_some());
    let value = width.value();
    match u64::try_from(value) {
        Ok(width) if (least..=most).contains(&width) => Some(width),
        _ => {
            sink.push(bad(span, &format!("a bit field of {value} bits"), &format!("{least} to {most} here")));
            None
        }
    }
}

fn enumeration(types: &mut Definitions, made: &Enum, base: &Base, sink: &mut Sink) -> Option<TypeId> {
    let Some(list) = &made.values else { return Some(types.tag(BtfKind::Enum, made.tag.as_ref())) };
    let id = types.begin(BtfKind::Enum, made.tag.as_ref(), sink)?;
    let (mut values, mut next) = (Vec::with_capacity(list.len()), 0i128);
    for (name, span, value) in list {
        if let Some(expr) = value {
            next = number(types, expr, sink).map_or(next, Number::value);
        }
        if let Some(known) = types.constant_places.get(name) {
            sink.push(redefined(&format!("the constant `{name}`"), *span, *known));
        }
        let bits = next as i64;
        values.push((name.clone(), bits));
        types.constants.insert(name.clone(), (bits, id));
        types.constant_places.insert(name.clone(), *span);
        next += 1;
    }
    let signed = values.iter().any(|(_, value)| *value < 0) && next <= i128::from(i64::MAX) + 1;
    let fits = |(_, value): &(String, i64)| match signed {
        true => i32::try_from(*value).is_ok(),
        false => u32::try_from(*value).is_ok(),
    };
    let smallest = |signed: bool| {
        let within = |bits: u32| {
            values.iter().all(|(_, v)| {
                if signed { *v >= -(1 << (bits - 1)) && *v < 1 << (bits - 1) } else { *v >> bits == 0 }
            })
        };
        if within(8) {
            1
        } else if within(16) {
            2
        } else {
            4
        }
    };
    let (size, signed) = match &made.underlying {
        Some(BaseKind::Int { size, signed, .. }) => (*size, *signed),
        Some(BaseKind::Named(name)) => {
            match named(types, name, base.span, sink).map(|id| types.resolve(id).1) {
                Some(BtfType::Int { size, signed, .. }) => (size, signed),
                _ => (4, signed),
            }
        }
        _ if !values.iter().all(fits) => (8, signed),
        _ if base.attributes.packed => (smallest(signed), signed),
        _ => (4, signed),
    };
    let name = made.tag.as_ref().map_or(String::new(), |(name, _)| name.clone());
    types.set(id, BtfType::Enum { name, size, signed, values });
    Some(id)
}

impl Definitions<'_> {
    /// Notes which tags have a body, so that a mention before it is one of the script's own.
    pub(super) fn collect_tags(&mut self, base: &Base) {
        match &base.kind {
            BaseKind::Composite(made) => {
                let Some(fields) = &made.fields else { return };
                let kind = if made.union { BtfKind::Union } else { BtfKind::Struct };
                self.tags.extend(made.tag.iter().map(|(name, _)| (kind, name.clone())));
                for field in fields {
                    if let Some(inner) = innermost(&field.ty) {
                        self.collect_tags(inner);
                    }
                }
            }
            BaseKind::Enum(made) if made.values.is_some() => {
                self.tags.extend(made.tag.iter().map(|(name, _)| (BtfKind::Enum, name.clone())));
            }
            _ => {}
        }
    }

    fn int(&mut self, name: &str, size: u32, signed: bool) -> TypeId {
        let key = (BtfKind::Int, name.to_string());
        if let Some(known) = self.names.get(&key) {
            return *known;
        }
        let (is_bool, is_char) = (name == "_Bool", name == "char");
        let made = self.add(BtfType::Int { name: name.into(), size, signed, is_bool, is_char });
        self.names.insert(key, made);
        made
    }

    /// The type of a tag without a body: the script's own, the kernel's, or one that nobody knows more about.
    fn tag(&mut self, kind: BtfKind, tag: Option<&(String, Span)>) -> TypeId {
        let name = tag.map_or(String::new(), |(name, _)| name.clone());
        let key = (kind, name.clone());
        if let Some(own) = self.names.get(&key) {
            return *own;
        }
        let of_kernel =
            self.kernel.filter(|_| !self.tags.contains(&key)).and_then(|kernel| kernel.find(kind, &name));
        of_kernel.unwrap_or_else(|| {
            let made = self.add(BtfType::Forward { name });
            self.names.insert(key, made);
            made
        })
    }

    /// The id of a type whose body begins here.
    fn begin(&mut self, kind: BtfKind, tag: Option<&(String, Span)>, sink: &mut Sink) -> Option<TypeId> {
        let Some((name, tag_span)) = tag else {
            return Some(self.add(BtfType::Forward { name: String::new() }));
        };
        let key = (kind, name.clone());
        let word = match kind {
            BtfKind::Struct => "struct",
            BtfKind::Union => "union",
            _ => "enum",
        };
        if let Some(known) = self.places.get(&key) {
            sink.push(redefined(&format!("`{word} {name}`"), *tag_span, *known));
            return None;
        }
        if self.kernel.is_some_and(|kernel| kernel.find(kind, name).is_some()) {
            let note =
                Diagnostic::remark(codes::OVER_KERNEL, format!("`{word} {name}` is the script's own here"));
            sink.push(note.at(*tag_span, "the kernel has one of this name, which is not used"));
        }
        let id = self.tag(kind, tag);
        self.places.insert(key, *tag_span);
        Some(id)
    }

    /// Notes that `outer` leads to `inner`.
    fn link(&mut self, outer: TypeId, inner: TypeId, span: Span, sink: &mut Sink) -> Option<TypeId> {
        let length = self.chains.get(&inner).copied().unwrap_or(0) + 1;
        if length > MAX_CHAIN {
            let message = format!("more than {MAX_CHAIN} pointers, arrays and typedefs in a row");
            sink.push(Diagnostic::error(codes::TOO_DEEP, message).at(span, "one too many"));
            self.set(outer, BtfType::Void);
            return None;
        }
        self.chains.insert(outer, length);
        Some(outer)
    }
}
