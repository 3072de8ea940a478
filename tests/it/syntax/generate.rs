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
    let mut script = Script { probes, ..Script::default() };
    items(&mut random, &mut script);
    script
}

/// What stands beside probes.
fn items(random: &mut Random, script: &mut Script) {
    for _ in 0..random.below(3) {
        let text = random.pick(&["#include <a.h>", "#define A \\\n 1", "#if X /* {\n */"]).to_owned();
        script.c_items.push(CItem { span: none(), text, kind: CItemKind::Directive });
        let text = random.pick(&["struct s { int x; } __packed;", "typedef int t;", "enum e { A = '}' }"]);
        script.c_items.push(CItem { span: none(), text: text.to_owned(), kind: CItemKind::Definition });
        let value = match random.below(4) {
            0 => SettingValue::Int(random.below(1 << 40) as u64),
            1 => SettingValue::Bool(random.below(2) == 0),
            2 => SettingValue::Str((0..random.below(6)).map(|_| random.below(256) as u8).collect()),
            _ => SettingValue::Word(name(random)),
        };
        let key = name(random);
        script.config.push(Setting { span: none(), key, key_span: none(), value, value_span: none() });
        let path = random.pick(&["a.bt", "b/c", "d \"e"]).to_owned();
        script.imports.push(Import { span: none(), path, path_span: none() });
        let arg = |random: &mut Random| DeclArg {
            name: (random.below(2) == 0).then(|| (name(random), none())),
            value: expr(random, 2),
        };
        script.map_decls.push(MapDecl {
            span: none(),
            name: name(random),
            name_span: none(),
            kind: name(random),
            kind_span: none(),
            args: (0..random.below(3)).map(|_| arg(random)).collect(),
        });
        script.macros.push(macro_def(random));
        script.functions.push(Function {
            span: none(),
            name: name(random),
            name_span: none(),
            params: (0..random.below(3)).map(|_| (name(random), none(), ty(random))).collect(),
            result: ty(random),
            body: block(random, 2),
        });
    }
}

fn macro_def(random: &mut Random) -> Macro {
    let param = |random: &mut Random| MacroParam {
        span: none(),
        name: name(random),
        kind: random.pick(&[ParamKind::Variable, ParamKind::Map, ParamKind::Expr]),
    };
    let params = (0..random.below(3)).map(|_| param(random)).collect();
    let (body, value) = value_block(random, 2);
    Macro { span: none(), name: name(random), name_span: none(), params, body, value }
}

/// A block that ends with a value, as often as not.
fn value_block(random: &mut Random, depth: usize) -> (Block, Option<Box<Expr>>) {
    (block(random, depth), (random.below(2) == 0).then(|| boxed(random, depth)))
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
    let kind = random.pick(&["kprobe", "begin", "uprobe", "u*", "interval", "tracepoint", "a b", "usdt"]);
    let mut parts = vec![kind];
    for _ in 0..random.below(4) {
        parts.push(
            random.pick(&["", "f", "/bin/a", "x+0x10", "b c", "q\"t", "a,b", "1s", "a\\b", "*", "{}", "a:b"]),
        );
    }
    let part = |text: &str| Part { span: none(), text: text.to_owned() };
    let name = (random.below(4) == 0).then(|| name(random));
    AttachPoint { span: none(), name, parts: parts.into_iter().map(part).collect() }
}

fn block(random: &mut Random, depth: usize) -> Block {
    let statements = (0..random.below(5)).map(|_| statement(random, depth)).collect();
    Block { span: none(), statements }
}

fn statement(random: &mut Random, depth: usize) -> Statement {
    let kind = match random.below(if depth == 0 { 9 } else { 15 }) {
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
        6 => StatementKind::Discard(expr(random, 2)),
        7 => random.pick(&[StatementKind::Break, StatementKind::Continue]),
        8 => StatementKind::Import(Import { span: none(), path: "x.bt".to_owned(), path_span: none() }),
        9 => StatementKind::Block(block(random, depth - 1)),
        10 => StatementKind::While { cond: expr(random, 2), body: block(random, depth - 1) },
        11 => StatementKind::Unroll { count: expr(random, 2), body: block(random, depth - 1) },
        12 => StatementKind::For {
            name: name(random),
            name_span: none(),
            over: match random.below(2) {
                0 => ForOver::Map(expr(random, 2)),
                _ => ForOver::Range { start: expr(random, 2), end: expr(random, 2) },
            },
            body: block(random, depth - 1),
        },
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
    match random.below(8) {
        0 => ExprKind::Int { value: random.below(1 << 40) as u64, suffix: String::new() },
        1 => ExprKind::Int {
            value: random.below(100) as u64,
            suffix: random.pick(&["u", "ul", "ll"]).to_owned(),
        },
        2 => ExprKind::Str((0..random.below(6)).map(|_| random.below(256) as u8).collect()),
        3 => ExprKind::Bool(random.below(2) == 0),
        4 => ExprKind::Name(name(random)),
        5 => ExprKind::SizeofType(evident_type(random)),
        6 => random.pick(&[ExprKind::Positional(3), ExprKind::PositionalCount]),
        _ => target(random).kind,
    }
}

fn inner(random: &mut Random, depth: usize) -> ExprKind {
    use UnaryOp::*;
    match random.below(22) {
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
        10 => match type_or_expr(random, depth) {
            TypeOrExpr::Type(ty) => ExprKind::SizeofType(ty),
            TypeOrExpr::Expr(expr) => ExprKind::SizeofExpr(expr),
        },
        11 => ExprKind::Ternary {
            cond: boxed(random, depth),
            then: (random.below(3) > 0).then(|| boxed(random, depth)),
            otherwise: boxed(random, depth),
        },
        12 => ExprKind::Record(
            ["a", "b"]
                .iter()
                .map(|name| RecordField {
                    name: name.to_string(),
                    name_span: none(),
                    value: expr(random, depth),
                })
                .collect(),
        ),
        13 => block_value(random, depth).kind,
        14 => ExprKind::If {
            cond: boxed(random, depth),
            then: Box::new(block_value(random, depth)),
            otherwise: (random.below(2) == 0).then(|| Box::new(block_value(random, depth))),
        },
        15 => ExprKind::Comptime(boxed(random, depth)),
        // Types stand among arguments only.
        16 => {
            let mut args = list(random, depth);
            args.push(Expr { span: none(), kind: ExprKind::Type(typeof_type(random, depth)) });
            ExprKind::Call { name: name(random), name_span: none(), args }
        }
        17 => ExprKind::Offsetof {
            of: type_or_expr(random, depth),
            path: (0..1 + random.below(2)).map(|_| (name(random), none())).collect(),
        },
        18 => ExprKind::Typeinfo(type_or_expr(random, depth)),
        19 => ExprKind::Cast { ty: typeof_type(random, depth), operand: boxed(random, depth) },
        _ => ExprKind::Binary {
            op: random.pick(BINARY),
            op_span: none(),
            left: boxed(random, depth),
            right: boxed(random, depth),
        },
    }
}

fn block_value(random: &mut Random, depth: usize) -> Expr {
    let (body, value) = value_block(random, depth.min(1));
    Expr { span: none(), kind: ExprKind::Block { body, value } }
}

fn typeof_type(random: &mut Random, depth: usize) -> TypeName {
    let base = TypeBase::Typeof(Box::new(type_or_expr(random, depth)));
    let suffixes = (0..random.below(2)).map(|_| TypeSuffix::Pointer).collect();
    TypeName { span: none(), base, suffixes }
}

fn type_or_expr(random: &mut Random, depth: usize) -> TypeOrExpr {
    match random.below(3) {
        0 => TypeOrExpr::Expr(boxed(random, depth)),
        1 if depth > 0 => TypeOrExpr::Type(typeof_type(random, depth - 1)),
        _ => TypeOrExpr::Type(evident_type(random)),
    }
}
