//! The syntax tree: what the script says, nothing resolved. (contract)
//!
//! Every node carries its span. Names are as written (without `$` and `@`), strings are unescaped bytes.
//! What the parser yields is at most `syntax::MAX_DEPTH` levels deep, blocks and expressions together, so that it may
//! be walked recursively. Parentheses are not nodes: the tree says what they said.
//! Deliberately absent: types, scopes, meaning.

use std::sync::Arc;

use crate::source::Span;

/// A whole script.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Script {
    /// C definitions and preprocessor lines in order, as text.
    pub c_items: Vec<CItem>,
    /// What the `config` blocks set, in order.
    pub config: Vec<Setting>,
    /// Imports in order.
    pub imports: Vec<Import>,
    /// Declarations of maps in order.
    pub map_decls: Vec<MapDecl>,
    /// Macros in order.
    pub macros: Vec<Macro>,
    /// Functions in order.
    pub functions: Vec<Function>,
    /// C types that the script and its headers define, in order; what `syntax::cpp` found.
    pub declarations: Vec<super::cdecl::ast::Declaration>,
    /// Compiled objects that the script imports, in order; what `syntax::cpp` found.
    pub objects: Vec<Object>,
    /// Probes in order.
    pub probes: Vec<Probe>,
    /// Comments and the `#!` line, in order, for the formatter.
    pub comments: Vec<Comment>,
}

/// A compiled BPF object.
#[derive(Clone, Debug, PartialEq)]
pub struct Object {
    /// As the import names it.
    pub name: String,
    /// The import.
    pub span: Span,
    /// The file.
    pub bytes: Arc<[u8]>,
}

/// A comment, delimiters included.
#[derive(Clone, Debug, PartialEq)]
pub struct Comment {
    /// Where.
    pub span: Span,
    /// As written.
    pub text: String,
}

/// A piece of C: its text and nothing more.
#[derive(Clone, Debug, PartialEq)]
pub struct CItem {
    /// Where.
    pub span: Span,
    /// As written, comments and continued lines included, without blanks around it.
    pub text: String,
    /// What it looks like.
    pub kind: CItemKind,
}

/// Kinds of C.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CItemKind {
    /// A line `#…`, with the lines that continue it.
    Directive,
    /// `struct`, `union`, `enum`, `typedef`; a struct may lack its last semicolon.
    Definition,
}

/// `key = value` in a `config` block.
#[derive(Clone, Debug, PartialEq)]
pub struct Setting {
    /// The whole, without the semicolon.
    pub span: Span,
    /// As written, in either case and with or without a prefix.
    pub key: String,
    /// Where the key stands.
    pub key_span: Span,
    /// The value.
    pub value: SettingValue,
    /// Where the value stands.
    pub value_span: Span,
}

/// The value of a setting.
#[derive(Clone, Debug, PartialEq)]
pub enum SettingValue {
    /// A number; durations are nanoseconds.
    Int(u64),
    /// `true`, `false`
    Bool(bool),
    /// `"text"`, escapes replaced.
    Str(Vec<u8>),
    /// A bare word.
    Word(String),
}

/// `import "path"`
#[derive(Clone, Debug, PartialEq)]
pub struct Import {
    /// The whole, without the semicolon.
    pub span: Span,
    /// The path as written, without quotes.
    pub path: String,
    /// Where the path stands, quotes included.
    pub path_span: Span,
}

/// `let @name = kind(arguments)`
#[derive(Clone, Debug, PartialEq)]
pub struct MapDecl {
    /// The whole, without the semicolon.
    pub span: Span,
    /// Name without `@`, empty for `@`.
    pub name: String,
    /// Where the name stands.
    pub name_span: Span,
    /// `hash`, `lruhash`, …
    pub kind: String,
    /// Where the kind stands.
    pub kind_span: Span,
    /// What stands in the parentheses.
    pub args: Vec<DeclArg>,
}

/// An argument of a map's declaration: `100`, `pin="x"`.
#[derive(Clone, Debug, PartialEq)]
pub struct DeclArg {
    /// The name before `=`, with its place.
    pub name: Option<(String, Span)>,
    /// The value.
    pub value: Expr,
}

/// `macro name(params) { body }`
#[derive(Clone, Debug, PartialEq)]
pub struct Macro {
    /// The whole.
    pub span: Span,
    /// Its name.
    pub name: String,
    /// Where the name stands.
    pub name_span: Span,
    /// What it takes.
    pub params: Vec<MacroParam>,
    /// The statements of its body.
    pub body: Block,
    /// The last expression of the body, if no semicolon follows it: the macro's value.
    pub value: Option<Box<Expr>>,
}

/// What a macro takes.
#[derive(Clone, Debug, PartialEq)]
pub struct MacroParam {
    /// Where.
    pub span: Span,
    /// Name without sign.
    pub name: String,
    /// What may be passed.
    pub kind: ParamKind,
}

/// What may be passed for a macro's parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ParamKind {
    /// `$a`: a variable.
    Variable,
    /// `@a`: a map.
    Map,
    /// `a`: any expression, or a type in `typeof`.
    Expr,
}

/// `fn name($a : type) : type { body }`
#[derive(Clone, Debug, PartialEq)]
pub struct Function {
    /// The whole.
    pub span: Span,
    /// Its name.
    pub name: String,
    /// Where the name stands.
    pub name_span: Span,
    /// Names without `$`, their places and types.
    pub params: Vec<(String, Span, TypeName)>,
    /// What it returns.
    pub result: TypeName,
    /// What runs.
    pub body: Block,
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
    /// `name` in `name=kprobe:f`.
    pub name: Option<String>,
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
    /// `_ = value`
    Discard(Expr),
    /// `for ($x : over) {}`
    For {
        /// Name of the variable, without `$`.
        name: String,
        /// Where the name stands.
        name_span: Span,
        /// What it runs over.
        over: ForOver,
        /// What runs.
        body: Block,
    },
    /// `while cond {}`
    While {
        /// The condition.
        cond: Expr,
        /// What runs.
        body: Block,
    },
    /// `unroll (count) {}`
    Unroll {
        /// How often.
        count: Expr,
        /// What runs.
        body: Block,
    },
    /// `break`
    Break,
    /// `continue`
    Continue,
    /// `import "path"` within a body.
    Import(Import),
}

/// What a `for` runs over.
#[derive(Clone, Debug, PartialEq)]
pub enum ForOver {
    /// The entries of a map, or what a macro puts in its place.
    Map(Expr),
    /// `start..end`, the end not included.
    Range {
        /// The first number.
        start: Expr,
        /// One past the last number.
        end: Expr,
    },
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
    /// `(a=1, b="x")`, in order.
    Record(Vec<RecordField>),
    /// `{ statements; value }`
    Block {
        /// The statements.
        body: Block,
        /// The last expression, if no semicolon follows it.
        value: Option<Box<Expr>>,
    },
    /// `if cond { a } else { b }` where a value is expected; the branches are `Block`s, the last may be an `If`.
    If {
        /// The condition.
        cond: Box<Expr>,
        /// When it holds.
        then: Box<Expr>,
        /// Otherwise.
        otherwise: Option<Box<Expr>>,
    },
    /// `comptime x`
    Comptime(Box<Expr>),
    /// `$1`, counted from 1.
    Positional(u32),
    /// `$#`
    PositionalCount,
    /// `typeof(x)` where a value is expected: a type as a macro's argument.
    Type(TypeName),
    /// `offsetof(type, a.b)`
    Offsetof {
        /// Of which struct.
        of: TypeOrExpr,
        /// The fields on the way, at least one, with their places.
        path: Vec<(String, Span)>,
    },
    /// `typeinfo(x)`
    Typeinfo(TypeOrExpr),
    /// `sizeof(type)`
    SizeofType(TypeName),
    /// `sizeof(expr)`; a bare `Name` here may also be a typedef, which only sema can tell.
    SizeofExpr(Box<Expr>),
}

/// `name = value` in a record.
#[derive(Clone, Debug, PartialEq)]
pub struct RecordField {
    /// The name.
    pub name: String,
    /// Where the name stands.
    pub name_span: Span,
    /// The value.
    pub value: Expr,
}

/// What a type is asked of. A bare `Name` as expression may also be a typedef, which only sema can tell.
#[derive(Clone, Debug, PartialEq)]
pub enum TypeOrExpr {
    /// A type.
    Type(TypeName),
    /// A value, of which only the type counts.
    Expr(Box<Expr>),
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
    /// `typeof(x)`
    Typeof(Box<TypeOrExpr>),
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
