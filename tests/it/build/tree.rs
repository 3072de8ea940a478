//! Typed trees by hand: what the builder's tests are made of where no script gives them.

use beetrace::sema::tree::*;
use beetrace::sema::types::{IntType, Space, Type};
use beetrace::source::Span;

pub const I64: Type = Type::Int(IntType::I64);
pub const U64: Type = Type::Int(IntType::U64);

/// An integer type of so many bytes.
pub fn int_type(size: u8, signed: bool) -> Type {
    Type::Int(IntType { size, signed })
}

/// An expression.
pub fn expr(ty: Type, kind: ExprKind) -> Expr {
    Expr { span: Span::default(), ty, kind }
}

/// An i64 constant.
pub fn int(value: i64) -> Expr {
    expr(I64, ExprKind::Int(value))
}

/// A text constant.
pub fn text(value: &str) -> Expr {
    expr(Type::Str { size: value.len() as u32 + 1 }, ExprKind::Str(value.into()))
}

/// A builtin.
pub fn builtin(builtin: Builtin) -> Expr {
    let ty = match builtin {
        Builtin::Comm => Type::Str { size: 16 },
        Builtin::Pid | Builtin::Tid | Builtin::Uid | Builtin::Gid | Builtin::Cpu | Builtin::Rand => {
            Type::Int(IntType::U32)
        }
        Builtin::Probe => Type::Named(beetrace::wire::types::Name::Probe),
        Builtin::Func => Type::Named(beetrace::wire::types::Name::KernelSymbol),
        _ => U64,
    };
    expr(ty, ExprKind::Builtin(builtin))
}

/// `str(address)`: text of `size` bytes in user memory.
pub fn user_text(address: Expr, size: u32, length: Option<Expr>) -> Expr {
    let (address, length) = (Box::new(address), length.map(Box::new));
    let kind = ExprKind::LoadStr { address, offset: 0, space: Space::User, length, array: false };
    expr(Type::Str { size }, kind)
}

/// A tuple of the items' types.
pub fn tuple(items: Vec<Expr>) -> Expr {
    expr(Type::Tuple(items.iter().map(|item| item.ty.clone()).collect()), ExprKind::Tuple(items))
}

/// `@m[key]`
pub fn map_get(map: u32, key: Option<Expr>, ty: Type) -> Expr {
    expr(ty, ExprKind::MapGet { map: MapId(map), key: key.map(Box::new) })
}

/// `left op right`, of the left side's type, or Bool.
pub fn binary(op: BinaryOp, left: Expr, right: Expr) -> Expr {
    let ty = if op.is_comparison() { Type::Bool } else { left.ty.clone() };
    expr(ty, ExprKind::Binary { op, left: Box::new(left), right: Box::new(right) })
}

/// A statement.
pub fn stmt(kind: StmtKind) -> Stmt {
    Stmt { span: Span::default(), kind }
}

/// A map.
pub fn map(name: &str, key: Option<Type>, value: MapValue) -> Map {
    let (cleared, measured) = (false, false);
    Map {
        name: name.into(),
        span: Span::default(),
        key,
        value,
        cleared,
        measured,
        max_entries: 4096,
        storage: None,
        pin: None,
    }
}

/// A program of one probe.
pub fn program(kind: ProbeKind, maps: Vec<Map>, vars: Vec<Type>, body: Vec<Stmt>) -> Program {
    let vars = vars.into_iter().enumerate();
    let vars = vars.map(|(i, ty)| Var { name: format!("$v{i}"), ty }).collect();
    let (name, target) = match kind {
        ProbeKind::Kprobe => ("kprobe:vfs_read", kprobe("vfs_read")),
        ProbeKind::Tracepoint => ("tracepoint:syscalls:sys_enter_openat", tracepoint()),
        _ => ("begin", Attach::Begin),
    };
    let span = Span::default();
    let attach = vec![AttachPoint { name: name.into(), name_index: 0, span, target }];
    Program {
        probes: vec![Probe { clause: 0, span, kind, attach, predicate: None, body, vars }],
        clauses: vec![name.into()],
        maps,
        structs: Vec::new(),
        probe_names: vec![name.into()],
        texts: Vec::new(),
        imports: Vec::new(),
        taken: Vec::new(),
    }
}

fn kprobe(function: &str) -> Attach {
    Attach::Kprobe { function: function.into(), module: None, offset: 0 }
}

fn tracepoint() -> Attach {
    Attach::Tracepoint { category: "syscalls".into(), event: "sys_enter_openat".into() }
}
