//! C's declarations as they are written: nothing laid out, no name looked up.
//!
//! Deliberately absent: functions and variables. They are read over, a script has no use for them.

use crate::source::Span;

/// What one declaration makes known.
#[derive(Clone, Debug, PartialEq)]
pub struct Declaration {
    /// The whole.
    pub span: Span,
    /// Comes from a header of the system: what is wrong in it is not the user's concern.
    pub system: bool,
    /// The type that it begins with, and with it the struct, union or enum that it may define.
    pub base: Base,
    /// New names for types, of a `typedef`.
    pub names: Vec<Declarator>,
}

/// A name with the type that it is declared with.
#[derive(Clone, Debug, PartialEq)]
pub struct Declarator {
    /// Where the name stands.
    pub span: Span,
    /// The name.
    pub name: String,
    /// Its type.
    pub ty: CType,
}

/// A type.
#[derive(Clone, Debug, PartialEq)]
pub enum CType {
    /// What the specifiers name.
    Base(Box<Base>),
    /// `*`
    Pointer(Box<CType>),
    /// `[n]`; no count for `[]`.
    Array(Box<CType>, Option<Box<Expr>>),
    /// A function, of which pointers alone matter.
    Function,
}

/// What the specifiers of a declaration name.
#[derive(Clone, Debug, PartialEq)]
pub struct Base {
    /// Where.
    pub span: Span,
    /// What it is.
    pub kind: BaseKind,
    /// `aligned` and `packed` among the specifiers.
    pub attributes: Attributes,
}

/// Kinds of [`Base`].
#[derive(Clone, Debug, PartialEq)]
pub enum BaseKind {
    /// `void`, or a type that has no meaning here, such as a vector.
    Void,
    /// An integer of the language.
    Int {
        /// Bytes.
        size: u32,
        /// Signed.
        signed: bool,
        /// C's name for it, in one spelling.
        name: &'static str,
    },
    /// A floating point number of so many bytes, of which the size alone matters.
    Float(u32),
    /// A typedef.
    Named(String),
    /// A struct or union.
    Composite(Box<Composite>),
    /// An enum.
    Enum(Box<Enum>),
}

/// A struct or union.
#[derive(Clone, Debug, PartialEq)]
pub struct Composite {
    /// Union as against struct.
    pub union: bool,
    /// Its tag and where it stands.
    pub tag: Option<(String, Span)>,
    /// Its body, when it has one here.
    pub fields: Option<Vec<Field>>,
}

/// A member.
#[derive(Clone, Debug, PartialEq)]
pub struct Field {
    /// Where the name stands, or the type of one without a name.
    pub span: Span,
    /// None for an anonymous struct, union or bit field.
    pub name: Option<String>,
    /// Its type.
    pub ty: CType,
    /// Width of a bit field.
    pub bits: Option<Expr>,
    /// Its own attributes.
    pub attributes: Attributes,
}

/// An enum.
#[derive(Clone, Debug, PartialEq)]
pub struct Enum {
    /// Its tag and where it stands.
    pub tag: Option<(String, Span)>,
    /// The integer that it is said to be.
    pub underlying: Option<BaseKind>,
    /// Name, place and value of each constant, when it has a body here.
    pub values: Option<Vec<(String, Span, Option<Expr>)>>,
}

/// What changes a layout.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Attributes {
    /// No padding.
    pub packed: bool,
    /// At least this alignment, each in bytes; None for the largest there is.
    pub aligned: Vec<Option<Expr>>,
}

impl Attributes {
    /// Takes in those of another list.
    pub fn join(&mut self, other: Attributes) {
        self.packed |= other.packed;
        self.aligned.extend(other.aligned);
    }
}

/// A constant expression.
#[derive(Clone, Debug, PartialEq)]
pub struct Expr {
    /// Where.
    pub span: Span,
    /// What it is.
    pub kind: ExprKind,
}

/// Kinds of constant expressions.
#[derive(Clone, Debug, PartialEq)]
pub enum ExprKind {
    /// A literal.
    Number(super::eval::Number),
    /// The constant of an enum, or whatever else the name may be.
    Name(String),
    /// An operator of one operand: `-`, `+`, `!`, `~`.
    Unary(char, Box<Expr>),
    /// An operator of two operands, as it is written.
    Binary(&'static str, Box<Expr>, Box<Expr>),
    /// `a ? b : c`
    Ternary(Box<Expr>, Box<Expr>, Box<Expr>),
    /// `(type)x`
    Cast(Box<CType>, Box<Expr>),
    /// `sizeof(type)`
    Sizeof(Box<CType>),
    /// `sizeof x`
    SizeofExpr(Box<Expr>),
    /// `_Alignof(type)`
    Alignof(Box<CType>),
    /// `offsetof(type, a.b[1])`
    Offsetof(Box<CType>, Vec<Step>),
    /// `sizeof(((type *)0)->a.b)`
    SizeofMember(Box<CType>, Vec<Step>),
}

/// A step from a type to a part of it.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// `.name`
    Field(String, Span),
    /// `[n]`
    Index(Expr),
}
