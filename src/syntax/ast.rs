//! The syntax tree: what the script says, nothing resolved. (contract)
//!
//! Every node carries its span. Names are as written (without `$` and `@`), strings are unescaped bytes.
//! What the parser yields is at most `syntax::MAX_DEPTH` levels deep, blocks and expressions together, so that it may
//! be walked recursively. Parentheses are not nodes: the tree says what they said.
//! Deliberately absent: types, scopes, meaning.

use crate::source::Span;

/// A whole script.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Script {
    /// Probes in order.
    pub probes: Vec<Probe>,
    /// Comments and the `#!` line, in order, for the formatter.
    pub comments: Vec<Comment>,
}

/// A comment, delimiters included.
#[derive(Clone, Debug, PartialEq)]
pub struct Comment {
    /// Where.
    pub span: Span,
    /// As written.
    pub text: String,
}

/// `attach, attach / predicate / { body }`
#[derive(Clone, Debug, PartialEq)]
pub struct Probe {
    /// The whole.
    pub span: Span,
    /// At least one.
    pub attach: Vec<AttachPoint>,
    /// The condition between slashes.
    pub predicate: Option<Expr>,
    /// What runs.
    pub body: Block,
}

/// `kind:part:part`, parts as written; a quoted part without its quotes.
#[derive(Clone, Debug, PartialEq)]
pub struct AttachPoint {
    /// The whole.
    pub span: Span,
    /// The parts between colons, at least one.
    pub parts: Vec<Part>,
}

/// One part of an attach point; wildcards are in the text.
#[derive(Clone, Debug, PartialEq)]
pub struct Part {
    /// Where.
    pub span: Span,
    /// As written; empty between two colons.
    pub text: String,
}

/// Statements between braces.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Block {
    /// Braces included.
    pub span: Span,
    /// In order.
    pub statements: Vec<Statement>,
}

/// A statement.
#[derive(Clone, Debug, PartialEq)]
pub struct Statement {
    /// Without the semicolon.
    pub span: Span,
    /// What it is.
    pub kind: StatementKind,
}

/// Kinds of statements.
#[derive(Clone, Debug, PartialEq)]
pub enum StatementKind {
    /// An expression for its effect: a call, `@x++`.
    Expr(Expr),
    /// `target = value`, `target op= value`. The target is a variable or a map.
    Assign {
        /// Variable or Map expression.
        target: Expr,
        /// The operator of a compound assignment.
        op: Option<BinaryOp>,
        /// The right side.
        value: Expr,
    },
    /// `let $x: type = value`
    Let {
        /// Name without `$`.
        name: String,
        /// Where the name stands.
        name_span: Span,
        /// The declared type.
        ty: Option<TypeName>,
        /// The initial value.
        value: Option<Expr>,
    },
    /// `if cond {} else …`
    If {
        /// The condition.
        cond: Expr,
        /// When it holds.
        then: Block,
        /// Otherwise; `else if` is a block of one `If`.
        otherwise: Option<Block>,
    },
    /// `return`, with a value where allowed.
    Return(Option<Expr>),
    /// A bare block.
    Block(Block),
}

/// An expression.
#[derive(Clone, Debug, PartialEq)]
pub struct Expr {
    /// The whole, parentheses not included.
    pub span: Span,
    /// What it is.
    pub kind: ExprKind,
}

/// Kinds of expressions.
#[derive(Clone, Debug, PartialEq)]
pub enum ExprKind {
    /// A non-negative integer literal; `suffix` is a C suffix (`u`, `ll`, …) in lower case or empty; durations
    /// (`1s`, `20ms`) are already nanoseconds.
    Int {
        /// Its value.
        value: u64,
        /// C suffix.
        suffix: String,
    },
    /// `"text"`, escapes replaced.
    Str(Vec<u8>),
    /// `true`, `false`
    Bool(bool),
    /// A builtin, enum constant or macro name.
    Name(String),
    /// `$x`
    Variable(String),
    /// `@x`, `@x[key]`; several keys between the brackets are one tuple.
    Map {
        /// Name without `@`, empty for `@`.
        name: String,
        /// The key.
        key: Option<Box<Expr>>,
    },
    /// `f(a, b)`
    Call {
        /// The function.
        name: String,
        /// Where its name stands.
        name_span: Span,
        /// The arguments.
        args: Vec<Expr>,
    },
    /// `base.field`, `base->field`
    Field {
        /// Left of the dot.
        base: Box<Expr>,
        /// The name.
        name: String,
        /// Where the name stands.
        name_span: Span,
        /// Written with `->`.
        arrow: bool,
    },
    /// `base.0`
    TupleField {
        /// Left of the dot.
        base: Box<Expr>,
        /// The index.
        index: u32,
    },
    /// `base[index]` on anything but a map.
    Index {
        /// What is indexed.
        base: Box<Expr>,
        /// The index.
        index: Box<Expr>,
    },
    /// `-x`, `!x`, `~x`, `*x`, `&x`
    Unary {
        /// The operator.
        op: UnaryOp,
        /// The operand.
        operand: Box<Expr>,
    },
    /// `++x`, `x--`, …
    Step {
        /// Variable or map.
        target: Box<Expr>,
        /// `++` as against `--`.
        increment: bool,
        /// Before the target.
        prefix: bool,
    },
    /// `a op b`
    Binary {
        /// The operator.
        op: BinaryOp,
        /// Where the operator stands.
        op_span: Span,
        /// Left.
        left: Box<Expr>,
        /// Right.
        right: Box<Expr>,
    },
    /// `c ? a : b`; `then` is None in `c ?: b`.
    Ternary {
        /// The condition.
        cond: Box<Expr>,
        /// When it holds.
        then: Option<Box<Expr>>,
        /// Otherwise.
        otherwise: Box<Expr>,
    },
    /// `(type)x`
    Cast {
        /// To what.
        ty: TypeName,
        /// Of what.
        operand: Box<Expr>,
    },
    /// `()`, `(a,)`, `(a, b)`
    Tuple(Vec<Expr>),
    /// `sizeof(type)`
    SizeofType(TypeName),
    /// `sizeof(expr)`; a bare `Name` here may also be a typedef, which only sema can tell.
    SizeofExpr(Box<Expr>),
}

/// A type as written.
#[derive(Clone, Debug, PartialEq)]
pub struct TypeName {
    /// The whole.
    pub span: Span,
    /// The base.
    pub base: TypeBase,
    /// `*` and `[N]` suffixes, left to right.
    pub suffixes: Vec<TypeSuffix>,
}

/// The name that a type begins with.
#[derive(Clone, Debug, PartialEq)]
pub enum TypeBase {
    /// `uint64`, `string`, a typedef, C integer types in one spelling (`unsigned long`).
    Named(String),
    /// `struct name`
    Struct(String),
    /// `union name`
    Union(String),
    /// `enum name`
    Enum(String),
}

/// What follows the base of a type.
#[derive(Clone, Debug, PartialEq)]
pub enum TypeSuffix {
    /// `*`
    Pointer,
    /// `[N]`, `[]`
    Array(Option<u64>),
}

/// Unary operators.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum UnaryOp {
    /// `-`
    Neg,
    /// `!`
    Not,
    /// `~`
    BitNot,
    /// `*`
    Deref,
    /// `&`
    AddressOf,
}

/// Binary operators.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BinaryOp {
    /// `+`
    Add,
    /// `-`
    Sub,
    /// `*`
    Mul,
    /// `/`
    Div,
    /// `%`
    Mod,
    /// `&`
    BitAnd,
    /// `|`
    BitOr,
    /// `^`
    BitXor,
    /// `<<`
    Shl,
    /// `>>`
    Shr,
    /// `==`
    Eq,
    /// `!=`
    Ne,
    /// `<`
    Lt,
    /// `<=`
    Le,
    /// `>`
    Gt,
    /// `>=`
    Ge,
    /// `&&`
    And,
    /// `||`
    Or,
}

impl BinaryOp {
    /// As written.
    pub fn symbol(self) -> &'static str {
        use BinaryOp::*;
        match self {
            Add => "+",
            Sub => "-",
            Mul => "*",
            Div => "/",
            Mod => "%",
            BitAnd => "&",
            BitOr => "|",
            BitXor => "^",
            Shl => "<<",
            Shr => ">>",
            Eq => "==",
            Ne => "!=",
            Lt => "<",
            Le => "<=",
            Gt => ">",
            Ge => ">=",
            And => "&&",
            Or => "||",
        }
    }

    /// `==`, `<` and the like.
    pub fn is_comparison(self) -> bool {
        use BinaryOp::*;
        matches!(self, Eq | Ne | Lt | Le | Gt | Ge)
    }
}
