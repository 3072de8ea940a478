//! Typed trees to SSA.

mod differ;
mod facts;
mod front;
mod run;
mod tree;
mod values;

use beetrace::codegen::{self, inst::Target};
use beetrace::diag::Sink;
use beetrace::ir::build::{Facts, build};
use beetrace::ir::{Module, print, verify};
use beetrace::sema::tree::*;
use beetrace::sema::types::{Space, Type};
use tree::*;

/// Builds a program, which must give no diagnostics, and verifies what comes out.
fn module(program: &Program, facts: &Facts) -> Module {
    let mut sink = Sink::default();
    let module = build(program, facts, &mut sink);
    assert_eq!(sink.all(), []);
    if let Err(errors) = verify::verify_module(&module) {
        panic!("{errors}\n{}", print::module(&module, print::Options { spans: false }));
    }
    module
}

/// Machine code can be made of it, in scratch memory where the frame is too small.
fn compiles(module: &Module) {
    let scratch = Some((cranelift_entity::EntityRef::new(0), 0));
    let target = Target {
        v4: true,
        gotol: true,
        registers: 10,
        stack: beetrace::codegen::frame::STACK,
        check: true,
        scratch,
        on_stack: beetrace::codegen::frame::LARGE,
    };
    for program in &module.programs {
        codegen::compile(&program.function, &module.maps, &target).unwrap_or_else(|error| panic!("{error}"));
    }
}

fn ir(program: &Program) -> String {
    let module = module(program, &Facts::default());
    compiles(&module);
    print::module(&module, print::Options { spans: false })
}

fn all_aggregates() -> Vec<Aggregate> {
    let signed = true;
    vec![
        Aggregate::Count,
        Aggregate::Sum { signed },
        Aggregate::Min { signed },
        Aggregate::Max { signed: false },
        Aggregate::Avg { signed },
        Aggregate::Stats { signed },
        Aggregate::Hist { bits: 0 },
        Aggregate::Hist { bits: 5 },
        Aggregate::Lhist { min: 0, max: 100, step: 7 },
    ]
}

#[test]
fn every_aggregation_in_every_representation() {
    for aggregate in all_aggregates() {
        for (key, deleted, cleared) in [
            (None, false, false),
            (None, true, false),
            (None, false, true),
            (Some(I64), true, true),
            (Some(Type::Str { size: 16 }), true, false),
        ] {
            let mut map = map("@", key.clone(), MapValue::Aggregate(aggregate.clone()));
            (map.cleared, map.measured) = (cleared, key.is_some());
            let key = || match &key {
                Some(Type::Str { .. }) => Some(builtin(Builtin::Comm)),
                Some(_) => Some(int(1)),
                None => None,
            };
            let mut body = vec![stmt(StmtKind::Aggregate {
                map: MapId(0),
                key: key(),
                value: (aggregate != Aggregate::Count).then(|| builtin(Builtin::Nsecs)),
            })];
            if deleted {
                let kind = ExprKind::Delete { map: MapId(0), key: key().map(Box::new) };
                body.push(stmt(StmtKind::Expr(expr(Type::Bool, kind))));
            }
            ir(&program(ProbeKind::Kprobe, vec![map], vec![], body));
        }
    }
}

#[test]
fn every_statement_on_plain_maps() {
    let values = [I64, Type::Str { size: 64 }, Type::Tuple([I64, Type::Str { size: 5 }].into())];
    for (ty, (key, cleared)) in values.iter().flat_map(|ty| {
        [(None, false), (None, true), (Some(I64), false), (Some(I64), true)].map(|variant| (ty, variant))
    }) {
        let mut map = map("@", key.clone(), MapValue::Plain(ty.clone()));
        (map.cleared, map.measured) = (cleared, key.is_some() && cleared);
        let key = || key.as_ref().map(|_| int(7));
        let value = match ty {
            Type::Int(_) => int(5),
            Type::Str { .. } => user_text(builtin(Builtin::Arg(1)), 64, None),
            _ => tuple(vec![int(1), text("abc")]),
        };
        let id = MapId(0);
        let get = || map_get(0, key(), ty.clone());
        let mut body = vec![
            stmt(StmtKind::SetMap { map: id, key: key(), value }),
            stmt(StmtKind::SetMap { map: id, key: key(), value: get() }),
            stmt(StmtKind::PrintValue { value: get() }),
            stmt(StmtKind::Clear(id)),
            stmt(StmtKind::SetVar { var: VarId(0), value: get() }),
        ];
        if let Some(key) = key() {
            body.push(stmt(StmtKind::PrintEntry { map: id, key: key.clone() }));
            let has = ExprKind::HasKey { map: id, key: Box::new(key) };
            body.push(stmt(StmtKind::PrintValue { value: expr(Type::Bool, has) }));
        }
        if ty == &I64 {
            for op in [BinaryOp::Add, BinaryOp::Sub, BinaryOp::Mul] {
                body.push(stmt(StmtKind::UpdateMap { map: id, key: key(), op, value: int(3) }));
            }
            let step = ExprKind::StepMap { map: id, key: key().map(Box::new), delta: 1, prefix: false };
            body.push(stmt(StmtKind::Expr(expr(I64, step.clone()))));
            body.push(stmt(StmtKind::PrintValue { value: expr(I64, step) }));
        }
        let kind = ExprKind::Delete { map: id, key: key().map(Box::new) };
        body.push(stmt(StmtKind::PrintValue { value: expr(Type::Bool, kind) }));
        ir(&program(ProbeKind::Kprobe, vec![map], vec![ty.clone()], body));
    }
}

#[test]
fn texts_and_tuples_in_records_and_comparisons() {
    let arg = || builtin(Builtin::Arg(0));
    let whole = || user_text(arg(), 64, None);
    let equal = |left: Expr, right: Expr| {
        expr(Type::Bool, ExprKind::Equal { negated: false, left: Box::new(left), right: Box::new(right) })
    };
    let values = vec![
        whole(),
        user_text(arg(), 64, Some(builtin(Builtin::Arg(1)))),
        user_text(arg(), 64, Some(int(5))),
        builtin(Builtin::Comm),
        text("literal"),
        tuple(vec![builtin(Builtin::Pid), whole(), int(1)]),
        tuple(vec![int(1), whole()]),
        expr(
            Type::Str { size: 64 },
            ExprKind::Ternary {
                cond: Box::new(equal(builtin(Builtin::Comm), text("bash"))),
                then: Box::new(whole()),
                otherwise: Box::new(text("no")),
            },
        ),
        equal(whole(), text("/etc/passwd")),
        equal(whole(), builtin(Builtin::Comm)),
        equal(builtin(Builtin::Comm), text("a name that is too long")),
        equal(tuple(vec![int(1), text("a")]), tuple(vec![int(1), text("abc")])),
    ];
    let body = values.into_iter().map(|value| stmt(StmtKind::PrintValue { value })).collect();
    ir(&program(ProbeKind::Kprobe, vec![], vec![], body));
}

#[test]
fn memory_of_the_traced_system() {
    let load = |space, bits, ty| {
        let address = Box::new(match space {
            Space::Context => expr(U64, ExprKind::Context),
            _ => builtin(Builtin::Curtask),
        });
        expr(ty, ExprKind::Load { address, offset: 16, space, bits })
    };
    let mut body = Vec::new();
    for space in [Space::Kernel, Space::User, Space::Context] {
        for ty in [I64, int_type(4, true), int_type(2, false), Type::Bool] {
            body.push(stmt(StmtKind::PrintValue { value: load(space, None, ty) }));
        }
        body.push(stmt(StmtKind::PrintValue { value: load(space, Some((3, 5)), int_type(4, true)) }));
        body.push(stmt(StmtKind::PrintValue { value: load(space, Some((3, 5)), int_type(4, false)) }));
    }
    let data_loc = expr(Type::Str { size: 64 }, ExprKind::DataLoc { offset: 8 });
    body.push(stmt(StmtKind::PrintValue { value: data_loc }));
    ir(&program(ProbeKind::Tracepoint, vec![], vec![], body));
}

#[test]
fn variables_meet_behind_conditions() {
    let var = || expr(I64, ExprKind::Var(VarId(0)));
    let step = |prefix| expr(I64, ExprKind::StepVar { var: VarId(0), delta: 1, prefix });
    let set = |value| stmt(StmtKind::SetVar { var: VarId(0), value });
    let or = ExprKind::Logical { and: false, left: Box::new(var()), right: Box::new(step(true)) };
    let body = vec![
        set(int(1)),
        stmt(StmtKind::If {
            cond: binary(BinaryOp::Lt, builtin(Builtin::Arg(0)), builtin(Builtin::Arg(1))),
            then: vec![
                set(int(2)),
                stmt(StmtKind::If { cond: var(), then: vec![set(int(3))], otherwise: vec![] }),
            ],
            otherwise: vec![stmt(StmtKind::Return(None))],
        }),
        stmt(StmtKind::If { cond: expr(Type::Bool, or), then: vec![], otherwise: vec![set(int(9))] }),
        stmt(StmtKind::PrintValue { value: var() }),
        stmt(StmtKind::Exit { code: Some(step(false)) }),
        set(int(4)),
    ];
    let text = ir(&program(ProbeKind::Kprobe, vec![], vec![I64], body));
    assert!(text.contains("(v"), "{text}");
}

#[test]
fn scripts_become_ssa() {
    crate::golden::check("build", |text| ir(&differ::typed(text)));
}
