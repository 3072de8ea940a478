//! Random syntax trees, as the parser could have made them.

use beetrace::source::Span;
use beetrace::syntax::ast::*;

/// A xorshift generator: small, seeded, the same everywhere.
pub struct Random(u64);

impl Random {
    /// Every seed gives its own sequence.
    pub fn new(seed: u64) -> Random {
        Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// A number below `limit`, which is not 0.
    pub fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % limit
    }

    /// One of `items`.
    pub fn pick<T: Clone>(&mut self, items: &[T]) -> T {
        items[self.below(items.len())].clone()
    }
}

/// The script of a seed.
pub fn script(seed: u64) -> Script {
    let mut random = Random::new(seed);
    let probes = (0..1 + random.below(3)).map(|_| probe(&mut random)).collect();
    Script { probes, comments: Vec::new() }
}

fn none() -> Span {
    Span::default()
}

fn probe(random: &mut Random) -> Probe {
    let attach = (0..1 + random.below(3)).map(|_| attach(random)).collect();
    let predicate = (random.below(2) == 0).then(|| expr(random, 3));
    Probe { span: none(), attach, predicate, body: block(random, 3) }
}

fn attach(random: &mut Random) -> AttachPoint {
    let kind = random.pick(&["kprobe", "begin", "uprobe", "u*", "interval", "tracepoint", "a b", "n=usdt"]);
    let mut parts = vec![kind];
    for _ in 0..random.below(4) {
        parts.push(
            random.pick(&["", "f", "/bin/a", "x+0x10", "b c", "q\"t", "a,b", "1s", "a\\b", "*", "{}", "a:b"]),
        );
    }
    let part = |text: &str| Part { span: none(), text: text.to_owned() };
    AttachPoint { span: none(), parts: parts.into_iter().map(part).collect() }
}

fn block(random: &mut Random, depth: usize) -> Block {
    let statements = (0..random.below(5)).map(|_| statement(random, depth)).collect();
    Block { span: none(), statements }
}

fn statement(random: &mut Random, depth: usize) -> Statement {
    let kind = match random.below(if depth == 0 { 6 } else { 9 }) {
        0 | 1 => StatementKind::Expr(expr(random, 3)),
        2 | 3 => {
            let op = (random.below(2) == 0).then(|| random.pick(COMPOUND));
            StatementKind::Assign { target: target(random), op, value: expr(random, 3) }
        }
        4 => StatementKind::Let {
            name: name(random),
            name_span: none(),
            ty: (random.below(2) == 0).then(|| ty(random)),
            value: (random.below(2) == 0).then(|| expr(random, 2)),
        },
        5 => StatementKind::Return((random.below(2) == 0).then(|| expr(random, 2))),
        6 => StatementKind::Block(block(random, depth - 1)),
        _ => StatementKind::If {
            cond: expr(random, 2),
            then: block(random, depth - 1),
            otherwise: (random.below(2) == 0).then(|| block(random, depth - 1)),
        },
    };
    Statement { span: none(), kind }
}

const COMPOUND: &[BinaryOp] = {
    use BinaryOp::*;
    &[Add, Sub, Mul, Div, Mod, BitAnd, BitOr, BitXor, Shl, Shr]
};

const BINARY: &[BinaryOp] = {
    use BinaryOp::*;
    &[Add, Sub, Mul, Div, Mod, BitAnd, BitOr, BitXor, Shl, Shr, Eq, Ne, Lt, Le, Gt, Ge, And, Or]
};

fn name(random: &mut Random) -> String {
    random
        .pick(&["x", "foo", "_a1", "pid", "comm", "arg0", "AF_INET", "iffy", "size_t", "uint8", "u"])
        .to_owned()
}

fn target(random: &mut Random) -> Expr {
    let kind = match random.below(3) {
        0 => ExprKind::Variable(name(random)),
        1 => ExprKind::Map { name: random.pick(&["", "x"]).to_owned(), key: None },
        _ => ExprKind::Map { name: random.pick(&["", "x"]).to_owned(), key: Some(Box::new(expr(random, 1))) },
    };
    Expr { span: none(), kind }
}

fn ty(random: &mut Random) -> TypeName {
    let word = random.pick(&["foo", "u32", "task_struct"]).to_owned();
    let base = match random.below(5) {
        0 => TypeBase::Struct(word),
        1 => TypeBase::Union(word),
        2 => TypeBase::Enum(word),
        3 => TypeBase::Named(random.pick(&["unsigned long", "char", "long long", "int"]).to_owned()),
        _ => TypeBase::Named(random.pick(&["uint8", "size_t", "string", "foo", "FILE"]).to_owned()),
    };
    let suffix = |random: &mut Random| match random.below(3) {
        0 => TypeSuffix::Array(None),
        1 => TypeSuffix::Array(Some(random.below(100) as u64)),
        _ => TypeSuffix::Pointer,
    };
    TypeName { span: none(), base, suffixes: (0..random.below(3)).map(|_| suffix(random)).collect() }
}

/// A type that `sizeof` knows for one without looking it up.
fn evident_type(random: &mut Random) -> TypeName {
    let mut ty = ty(random);
    if matches!(&ty.base, TypeBase::Named(name) if matches!(name.as_str(), "size_t" | "foo" | "FILE")) {
        ty.suffixes.push(TypeSuffix::Pointer);
    }
    ty
}

fn boxed(random: &mut Random, depth: usize) -> Box<Expr> {
    Box::new(expr(random, depth))
}

fn list(random: &mut Random, depth: usize) -> Vec<Expr> {
    (0..random.below(4)).map(|_| expr(random, depth)).collect()
}

fn expr(random: &mut Random, depth: usize) -> Expr {
    let kind = if depth == 0 { leaf(random) } else { inner(random, depth - 1) };
    Expr { span: none(), kind }
}

fn leaf(random: &mut Random) -> ExprKind {
    match random.below(7) {
        0 => ExprKind::Int { value: random.below(1 << 40) as u64, suffix: String::new() },
        1 => ExprKind::Int {
            value: random.below(100) as u64,
            suffix: random.pick(&["u", "ul", "ll"]).to_owned(),
        },
        2 => ExprKind::Str((0..random.below(6)).map(|_| random.below(256) as u8).collect()),
        3 => ExprKind::Bool(random.below(2) == 0),
        4 => ExprKind::Name(name(random)),
        5 => ExprKind::SizeofType(evident_type(random)),
        _ => target(random).kind,
    }
}

fn inner(random: &mut Random, depth: usize) -> ExprKind {
    use UnaryOp::*;
    match random.below(15) {
        0 => leaf(random),
        1 => ExprKind::Call { name: name(random), name_span: none(), args: list(random, depth) },
        2 => ExprKind::Field {
            base: boxed(random, depth),
            name: random.pick(&["a", "type", "if", "sizeof"]).to_owned(),
            name_span: none(),
            arrow: random.below(2) == 0,
        },
        3 => ExprKind::TupleField { base: boxed(random, depth), index: random.below(20) as u32 },
        4 => ExprKind::Index { base: boxed(random, depth), index: boxed(random, depth) },
        5 => ExprKind::Unary { op: random.pick(&[Neg, Not, BitNot, Deref]), operand: boxed(random, depth) },
        6 => {
            let name = name(random);
            let kind = random.pick(&[ExprKind::Variable(name.clone()), ExprKind::Map { name, key: None }]);
            ExprKind::Unary { op: AddressOf, operand: Box::new(Expr { span: none(), kind }) }
        }
        7 => ExprKind::Step {
            target: Box::new(target(random)),
            increment: random.below(2) == 0,
            prefix: random.below(2) == 0,
        },
        8 => ExprKind::Cast { ty: ty(random), operand: boxed(random, depth) },
        9 => ExprKind::Tuple(list(random, depth)),
        10 => ExprKind::SizeofExpr(boxed(random, depth)),
        11 => ExprKind::Ternary {
            cond: boxed(random, depth),
            then: (random.below(3) > 0).then(|| boxed(random, depth)),
            otherwise: boxed(random, depth),
        },
        _ => ExprKind::Binary {
            op: random.pick(BINARY),
            op_span: none(),
            left: boxed(random, depth),
            right: boxed(random, depth),
        },
    }
}
