//! pest's pairs to declarations.

use std::cell::RefCell;

use super::ast::{
    Attributes, Base, BaseKind, CType, Composite, Declaration, Declarator, Enum, Expr, ExprKind, Field,
};
use super::grammar::Rule;
use super::{MAX_NESTING, expr, words};
use crate::diag::{Diagnostic, codes};
use crate::source::{FileId, Span};

pub(super) type Pair<'i> = pest::iterators::Pair<'i, Rule>;

/// Builds the tree of one text, which begins at byte `base` of the file.
pub(super) struct Builder {
    pub file: FileId,
    pub base: usize,
    pub found: RefCell<Vec<Diagnostic>>,
}

impl Builder {
    pub fn span(&self, pair: &Pair) -> Span {
        let (start, text) = (self.base + pair.as_span().start(), pair.as_str().trim_end());
        Span::new(self.file, start..start + text.len())
    }

    pub fn report(&self, span: Span, message: impl Into<String>, label: &str) {
        self.found.borrow_mut().push(Diagnostic::error(codes::C_DEFINITION, message).at(span, label));
    }

    /// Rule `declaration`.
    pub fn declaration(&self, pair: Pair) -> Declaration {
        let span = self.span(&pair);
        let mut parts = pair.into_inner();
        let (mut base, typedef) = self.specifiers(parts.next().expect("a declaration has specifiers"));
        let mut names = Vec::new();
        for item in parts.filter(|p| p.as_rule() == Rule::declarator_item && typedef) {
            for part in item.into_inner() {
                match part.as_rule() {
                    Rule::declarator => {
                        let (name, span, ty) = self.declarator(part, CType::Base(Box::new(base.clone())));
                        names.push(Declarator { span, name, ty });
                    }
                    // Behind the name of a typedef it changes the alignment of that name alone, which is rare: it is
                    // taken as the type's.
                    _ => base.attributes.join(self.attribute(part)),
                }
            }
        }
        Declaration { span, system: false, base, names }
    }

    /// Rule `specifiers`; true with `typedef` among them.
    pub fn specifiers(&self, pair: Pair) -> (Base, bool) {
        let span = self.span(&pair);
        let (mut typedef, mut words, mut kind) = (false, Vec::new(), None);
        let mut attributes = Attributes::default();
        for part in pair.into_inner() {
            match part.as_rule() {
                Rule::typedef_word => typedef = true,
                Rule::attribute => attributes.join(self.attribute(part)),
                Rule::c_word => words.push(part.as_str().trim_end().to_owned()),
                Rule::named => kind = Some(BaseKind::Named(part.as_str().trim_end().to_owned())),
                Rule::composite => kind = Some(self.composite(part, &mut attributes)),
                Rule::enumeration => kind = Some(self.enumeration(part, &mut attributes)),
                _ => {}
            }
        }
        let kind = kind.unwrap_or_else(|| {
            words::base(&words).unwrap_or_else(|| {
                self.report(span, "these words make no type", "not a type of C");
                BaseKind::Void
            })
        });
        (Base { span, kind, attributes }, typedef)
    }

    fn composite(&self, pair: Pair, attributes: &mut Attributes) -> BaseKind {
        let mut made = Composite { union: false, tag: None, fields: None };
        for part in pair.into_inner() {
            match part.as_rule() {
                Rule::composite_tag => made.union = part.as_str() == "union",
                Rule::attribute => attributes.join(self.attribute(part)),
                Rule::word => made.tag = Some((part.as_str().to_owned(), self.span(&part))),
                Rule::fields => {
                    let fields = part.into_inner().filter(|p| p.as_rule() == Rule::field);
                    made.fields = Some(fields.flat_map(|field| self.field(field)).collect());
                }
                _ => {}
            }
        }
        BaseKind::Composite(Box::new(made))
    }

    fn field(&self, pair: Pair) -> Vec<Field> {
        let mut out = Vec::new();
        let mut base = None;
        for part in pair.into_inner() {
            match part.as_rule() {
                Rule::specifiers => base = Some(self.specifiers(part).0),
                Rule::field_item => {
                    let Some(base) = &base else { continue };
                    out.push(self.field_item(part, base));
                }
                _ => {}
            }
        }
        let Some(base) = base else { return out };
        // `struct { … };` without a name gives its members; `struct tag { … };` only the type, and so does `int;`.
        let inner = matches!(&base.kind, BaseKind::Composite(c) if c.fields.is_some());
        if out.is_empty() && inner {
            let ty = CType::Base(Box::new(base.clone()));
            out.push(Field {
                span: base.span,
                name: None,
                ty,
                bits: None,
                attributes: Attributes::default(),
            });
        }
        out
    }

    fn field_item(&self, pair: Pair, base: &Base) -> Field {
        let whole = self.span(&pair);
        let ty = CType::Base(Box::new(base.clone()));
        let mut field = Field { span: whole, name: None, ty, bits: None, attributes: Attributes::default() };
        for part in pair.into_inner() {
            match part.as_rule() {
                Rule::declarator => {
                    let (name, span, ty) = self.declarator(part, field.ty.clone());
                    (field.name, field.span, field.ty) = (Some(name), span, ty);
                }
                Rule::attribute => field.attributes.join(self.attribute(part)),
                Rule::bits => field.bits = part.into_inner().next().map(|e| expr::expr(self, e)),
                _ => {}
            }
        }
        field
    }

    fn enumeration(&self, pair: Pair, attributes: &mut Attributes) -> BaseKind {
        let mut made = Enum { tag: None, underlying: None, values: None };
        for part in pair.into_inner() {
            match part.as_rule() {
                Rule::attribute => attributes.join(self.attribute(part)),
                Rule::word => made.tag = Some((part.as_str().to_owned(), self.span(&part))),
                Rule::underlying => made.underlying = self.underlying(part),
                Rule::enumerators => {
                    let values = part.into_inner().filter(|p| p.as_rule() == Rule::enumerator);
                    made.values = Some(values.map(|value| self.enumerator(value)).collect());
                }
                _ => {}
            }
        }
        BaseKind::Enum(Box::new(made))
    }

    fn underlying(&self, pair: Pair) -> Option<BaseKind> {
        let mut list = Vec::new();
        for part in pair.into_inner() {
            match part.as_rule() {
                Rule::named => return Some(BaseKind::Named(part.as_str().trim_end().to_owned())),
                Rule::c_word => list.push(part.as_str().to_owned()),
                _ => {}
            }
        }
        words::base(&list)
    }

    fn enumerator(&self, pair: Pair) -> (String, Span, Option<Expr>) {
        let (mut name, mut span, mut value) = (String::new(), self.span(&pair), None);
        for part in pair.into_inner() {
            match part.as_rule() {
                Rule::word => (name, span) = (part.as_str().to_owned(), self.span(&part)),
                Rule::expr => value = Some(expr::expr(self, part)),
                _ => {}
            }
        }
        (name, span, value)
    }

    /// Rule `declarator` around `ty`: C reads from the name outwards.
    fn declarator(&self, pair: Pair, ty: CType) -> (String, Span, CType) {
        let (mut ty, mut suffixes, mut core) = (ty, Vec::new(), None);
        for part in self.links(pair) {
            match part.as_rule() {
                Rule::pointer => ty = CType::Pointer(Box::new(ty)),
                Rule::array | Rule::params => suffixes.push(part),
                Rule::word | Rule::inner => core = Some(part),
                _ => {}
            }
        }
        let ty = self.suffixes(suffixes, ty);
        let core = core.expect("a declarator has a name");
        if core.as_rule() == Rule::word {
            return (core.as_str().to_owned(), self.span(&core), ty);
        }
        let inner = core.into_inner().find(|p| p.as_rule() == Rule::declarator);
        self.declarator(inner.expect("parentheses hold a declarator"), ty)
    }

    /// The parts of a declarator; of too many pointers and arrays none are kept.
    fn links<'i>(&self, pair: Pair<'i>) -> Vec<Pair<'i>> {
        let span = self.span(&pair);
        let mut parts: Vec<Pair> = pair.into_inner().collect();
        if parts.len() > MAX_NESTING {
            self.report(span, format!("more than {MAX_NESTING} pointers and arrays in a row"), "too many");
            parts.retain(|part| !matches!(part.as_rule(), Rule::pointer | Rule::array | Rule::params));
        }
        parts
    }

    /// `[2][3]` is two times three: the last one is the innermost.
    fn suffixes(&self, suffixes: Vec<Pair>, mut ty: CType) -> CType {
        for suffix in suffixes.into_iter().rev() {
            ty = match suffix.as_rule() {
                Rule::params => CType::Function,
                _ => {
                    let count = suffix.into_inner().find(|p| p.as_rule() == Rule::expr);
                    CType::Array(Box::new(ty), count.map(|e| Box::new(expr::expr(self, e))))
                }
            };
        }
        ty
    }

    /// Rule `type_name`.
    pub fn type_name(&self, pair: Pair) -> CType {
        let mut ty = CType::Base(Box::new(Base {
            span: self.span(&pair),
            kind: BaseKind::Void,
            attributes: Attributes::default(),
        }));
        for part in pair.into_inner() {
            match part.as_rule() {
                Rule::specifiers => ty = CType::Base(Box::new(self.specifiers(part).0)),
                Rule::abstract_declarator => ty = self.abstract_declarator(part, ty),
                _ => {}
            }
        }
        ty
    }

    fn abstract_declarator(&self, pair: Pair, mut ty: CType) -> CType {
        let (mut suffixes, mut inner) = (Vec::new(), None);
        for part in self.links(pair) {
            match part.as_rule() {
                Rule::pointer => ty = CType::Pointer(Box::new(ty)),
                Rule::abstract_inner => inner = part.into_inner().next(),
                _ => suffixes.push(part),
            }
        }
        let ty = self.suffixes(suffixes, ty);
        match inner {
            Some(inner) => self.abstract_declarator(inner, ty),
            None => ty,
        }
    }

    /// Rule `attribute`.
    fn attribute(&self, pair: Pair) -> Attributes {
        let mut out = Attributes::default();
        for part in pair.into_inner() {
            match part.as_rule() {
                Rule::attr => out.join(self.attribute(part)),
                Rule::packed => out.packed = true,
                Rule::aligned | Rule::attribute_alignas => {
                    let by = part.into_inner().find(|p| p.as_rule() == Rule::expr);
                    out.aligned.push(by.map(|e| expr::expr(self, e)));
                }
                _ => {}
            }
        }
        out
    }

    /// A number of one's own, where the real one is wrong and that has been said.
    pub fn nothing(&self, span: Span) -> Expr {
        Expr { span, kind: ExprKind::Number(super::eval::Number::signed(1)) }
    }
}
