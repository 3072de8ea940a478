//! Expressions and types as text.

use std::fmt::Write as _;

use super::block_expr;
use crate::syntax::ast::{
    BinaryOp, Expr, ExprKind, RecordField, TypeBase, TypeName, TypeOrExpr, TypeSuffix, UnaryOp,
};

/// The expression, in as few parentheses as its tree allows.
pub fn expr(expr: &Expr) -> String {
    let mut out = String::new();
    write(&mut out, expr, TERNARY);
    out
}

/// The type, as in a cast.
pub fn type_name(ty: &TypeName) -> String {
    let mut out = match &ty.base {
        TypeBase::Named(name) => name.clone(),
        TypeBase::Struct(name) => format!("struct {name}"),
        TypeBase::Union(name) => format!("union {name}"),
        TypeBase::Enum(name) => format!("enum {name}"),
        TypeBase::Typeof(of) => format!("typeof({})", type_or_expr(of)),
    };
    for (index, suffix) in ty.suffixes.iter().enumerate() {
        match suffix {
            TypeSuffix::Pointer if index == 0 => out.push_str(" *"),
            TypeSuffix::Pointer => out.push('*'),
            TypeSuffix::Array(None) => out.push_str("[]"),
            TypeSuffix::Array(Some(length)) => out.push_str(&format!("[{length}]")),
        }
    }
    out
}

/// How tightly the parts of an expression hold together.
type Binding = u8;

const TERNARY: Binding = 0;
const OR: Binding = 1;
const PREFIX: Binding = 11;
const POSTFIX: Binding = 12;
const PRIMARY: Binding = 13;

fn binary_binding(op: BinaryOp) -> Binding {
    use BinaryOp::*;
    match op {
        Or => OR,
        And => 2,
        BitOr => 3,
        BitXor => 4,
        BitAnd => 5,
        Eq | Ne => 6,
        Lt | Le | Gt | Ge => 7,
        Shl | Shr => 8,
        Add | Sub => 9,
        Mul | Div | Mod => 10,
    }
}

fn binding(expr: &Expr) -> Binding {
    match &expr.kind {
        ExprKind::Ternary { .. } => TERNARY,
        ExprKind::Binary { op, .. } => binary_binding(*op),
        ExprKind::Unary { .. }
        | ExprKind::Cast { .. }
        | ExprKind::Comptime(_)
        | ExprKind::Step { prefix: true, .. } => PREFIX,
        ExprKind::Field { .. }
        | ExprKind::TupleField { .. }
        | ExprKind::Index { .. }
        | ExprKind::Step { prefix: false, .. } => POSTFIX,
        _ => PRIMARY,
    }
}

/// Appends `expr`, in parentheses if it holds less tightly than `least`.
fn write(out: &mut String, expr: &Expr, least: Binding) {
    if binding(expr) < least {
        return parenthesised(out, expr);
    }
    match &expr.kind {
        ExprKind::Int { value, suffix } => out.push_str(&format!("{value}{suffix}")),
        ExprKind::Str(bytes) => string(out, bytes),
        ExprKind::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
        ExprKind::Name(name) => out.push_str(name),
        ExprKind::Variable(name) => {
            out.push('$');
            out.push_str(name);
        }
        ExprKind::Map { name, key } => map(out, name, key.as_deref()),
        ExprKind::Call { name, args, .. } => {
            out.push_str(name);
            list(out, '(', args, ')');
        }
        ExprKind::Tuple(items) => match items.as_slice() {
            [only] => {
                out.push('(');
                write(out, only, TERNARY);
                out.push_str(",)");
            }
            _ => list(out, '(', items, ')'),
        },
        ExprKind::SizeofType(ty) => out.push_str(&format!("sizeof({})", type_name(ty))),
        ExprKind::SizeofExpr(inner) => out.push_str(&format!("sizeof({})", of_expr(inner))),
        ExprKind::Typeinfo(of) => out.push_str(&format!("typeinfo({})", type_or_expr(of))),
        ExprKind::Offsetof { of, path } => {
            let path: Vec<&str> = path.iter().map(|(name, _)| name.as_str()).collect();
            out.push_str(&format!("offsetof({}, {})", type_or_expr(of), path.join(".")));
        }
        ExprKind::Type(ty) => out.push_str(&type_name(ty)),
        ExprKind::Positional(number) => out.push_str(&format!("${number}")),
        ExprKind::PositionalCount => out.push_str("$#"),
        _ => compound(out, expr),
    }
}

/// What has an operator.
fn compound(out: &mut String, expr: &Expr) {
    match &expr.kind {
        ExprKind::Field { base, name, arrow, .. } => {
            postfix_base(out, base);
            out.push_str(if *arrow { "->" } else { "." });
            out.push_str(name);
        }
        ExprKind::TupleField { base, index } => {
            postfix_base(out, base);
            out.push_str(&format!(".{index}"));
        }
        ExprKind::Index { base, index } => {
            // `@x[1]` is the map's own key.
            match &base.kind {
                ExprKind::Map { key: None, .. } => parenthesised(out, base),
                _ => postfix_base(out, base),
            }
            list(out, '[', std::slice::from_ref(index), ']');
        }
        ExprKind::Unary { op, operand } => unary(out, *op, operand),
        ExprKind::Step { target, increment, prefix } => {
            let symbol = if *increment { "++" } else { "--" };
            if *prefix {
                out.push_str(symbol);
                write(out, target, PREFIX);
            } else {
                write(out, target, POSTFIX);
                out.push_str(symbol);
            }
        }
        ExprKind::Binary { op, left, right, .. } => {
            write(out, left, binary_binding(*op));
            out.push_str(&format!(" {} ", op.symbol()));
            let at = out.len();
            write(out, right, binary_binding(*op) + 1);
            // A slash before `{` would close a predicate.
            if *op == BinaryOp::Div && out[at..].starts_with('{') {
                out.insert(at, '(');
                out.push(')');
            }
        }
        ExprKind::Ternary { cond, then, otherwise } => {
            write(out, cond, OR);
            match then {
                Some(then) => {
                    out.push_str(" ? ");
                    write(out, then, TERNARY);
                    out.push_str(" : ");
                }
                None => out.push_str(" ?: "),
            }
            write(out, otherwise, TERNARY);
        }
        ExprKind::Cast { ty, operand } => cast(out, ty, operand),
        ExprKind::Comptime(operand) => {
            out.push_str("comptime ");
            write(out, operand, PREFIX);
        }
        ExprKind::Record(fields) => record(out, fields),
        ExprKind::Block { body, value } => out.push_str(&block_expr(body, value.as_deref())),
        ExprKind::If { cond, then, otherwise } => {
            out.push_str(&format!("if ({}) ", self::expr(cond)));
            branch(out, then);
            if let Some(otherwise) = otherwise {
                out.push_str(" else ");
                branch(out, otherwise);
            }
        }
        _ => {}
    }
}

/// What follows a condition, or an `else`.
fn branch(out: &mut String, expr: &Expr) {
    match &expr.kind {
        ExprKind::Block { .. } | ExprKind::If { .. } => write(out, expr, TERNARY),
        _ => out.push_str(&format!("{{ {} }}", self::expr(expr))),
    }
}

fn record(out: &mut String, fields: &[RecordField]) {
    let fields: Vec<String> = fields.iter().map(|f| format!("{}={}", f.name, expr(&f.value))).collect();
    out.push_str(&format!("({})", fields.join(", ")));
}

fn type_or_expr(of: &TypeOrExpr) -> String {
    match of {
        TypeOrExpr::Type(ty) => type_name(ty),
        TypeOrExpr::Expr(inner) => of_expr(inner),
    }
}

fn parenthesised(out: &mut String, expr: &Expr) {
    out.push('(');
    write(out, expr, TERNARY);
    out.push(')');
}

fn list(out: &mut String, open: char, items: &[Expr], close: char) {
    out.push(open);
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            out.push_str(", ");
        }
        write(out, item, TERNARY);
    }
    out.push(close);
}

fn map(out: &mut String, name: &str, key: Option<&Expr>) {
    out.push('@');
    out.push_str(name);
    match key.map(|key| (key, &key.kind)) {
        None => {}
        Some((_, ExprKind::Tuple(keys))) if keys.len() > 1 => list(out, '[', keys, ']'),
        Some((key, _)) => list(out, '[', std::slice::from_ref(key), ']'),
    }
}

/// What a field or index is taken of; `1.x` would be read as a number.
fn postfix_base(out: &mut String, base: &Expr) {
    match base.kind {
        ExprKind::Int { .. } => parenthesised(out, base),
        _ => write(out, base, POSTFIX),
    }
}

fn unary(out: &mut String, op: UnaryOp, operand: &Expr) {
    let (symbol, clash) = match op {
        UnaryOp::Neg => ("-", '-'),
        UnaryOp::Not => ("!", '='),
        UnaryOp::BitNot => ("~", '='),
        UnaryOp::Deref => ("*", '='),
        UnaryOp::AddressOf => ("&", '&'),
    };
    out.push_str(symbol);
    let at = out.len();
    write(out, operand, PREFIX);
    if out[at..].starts_with(clash) {
        out.insert(at, ' ');
    }
}

/// A cast takes no operand that begins with `+`; after a name in capitals, `-`, `*` and `&` would be binary operators.
fn cast(out: &mut String, ty: &TypeName, operand: &Expr) {
    out.push_str(&format!("({})", type_name(ty)));
    let at = out.len();
    write(out, operand, PREFIX);
    let constant = matches!(&ty.base, TypeBase::Named(name) if !name.contains(|c: char| c.is_lowercase()));
    let clash = constant && ty.suffixes.is_empty();
    if out[at..].starts_with(['+', '{']) || clash && out[at..].starts_with(['-', '*', '&']) {
        out.insert(at, '(');
        out.push(')');
    }
}

/// Parentheses keep what could be a type an expression.
fn of_expr(inner: &Expr) -> String {
    let mut root = inner;
    while let ExprKind::Index { base, .. } = &root.kind {
        root = base;
    }
    let typed = match &root.kind {
        ExprKind::Name(name) => !std::ptr::eq(root, inner) || crate::syntax::parse::is_type_word(name),
        _ => false,
    };
    let text = expr(inner);
    if typed { format!("({text})") } else { text }
}

/// The literal of these bytes.
pub(super) fn string(out: &mut String, bytes: &[u8]) {
    out.push('"');
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '\n' => out.push_str("\\n"),
                '\t' => out.push_str("\\t"),
                '\r' => out.push_str("\\r"),
                '"' | '\\' => out.extend(['\\', c]),
                // Letters of all scripts stay; what is invisible is escaped.
                c if c.is_ascii_graphic() || c == ' ' || c.is_alphanumeric() => out.push(c),
                c => c.encode_utf8(&mut [0; 4]).bytes().for_each(|b| escaped(out, b)),
            }
        }
        chunk.invalid().iter().for_each(|b| escaped(out, *b));
    }
    out.push('"');
}

fn escaped(out: &mut String, byte: u8) {
    let _ = write!(out, "\\x{byte:02x}");
}
