//! What the machine is like decides some of the code: features with their fallbacks, and limits.

use super::tree::*;
use super::{ir, module};
use beetrace::diag::{Sink, codes};
use beetrace::ir::build::{Facts, build};
use beetrace::ir::{Module, print};
use beetrace::sema::tree::*;
use beetrace::sema::types::Type;
use beetrace::wire::map::MapKind;

fn text_of(module: &Module) -> String {
    print::module(module, print::Options { spans: false })
}

fn print_value(value: Expr) -> Vec<Stmt> {
    vec![stmt(StmtKind::PrintValue { value })]
}

/// Two attach points for the only probe.
fn attach_twice(program: &mut Program) {
    let first = program.probes[0].attach[0].clone();
    let second = AttachPoint { name: "kprobe:vfs_write".into(), name_index: 1, ..first };
    program.probes[0].attach.push(second);
    program.probe_names.push("kprobe:vfs_write".into());
}

#[test]
fn one_program_asks_for_its_cookie_or_each_attach_point_has_its_own() {
    let mut asking = program(ProbeKind::Kprobe, vec![], vec![], print_value(builtin(Builtin::Probe)));
    let alone = module(&asking, &Facts::default());
    assert!(!alone.programs[0].cookies && !text_of(&alone).contains("get_attach_cookie"));

    attach_twice(&mut asking);
    let with = module(&asking, &Facts::default());
    assert_eq!((with.programs.len(), with.programs[0].cookies), (1, true));
    assert!(text_of(&with).contains("get_attach_cookie"));

    let without = module(&asking, &Facts { cookies: false, ..Facts::default() });
    assert_eq!(without.programs.iter().map(|p| p.attach[0].name_index).collect::<Vec<_>>(), [0, 1]);
    assert_eq!(without.programs[1].function.name, "vfs_write");
    assert_eq!(without.actions.len(), 1, "copies of a program share their actions");

    let mut silent = program(ProbeKind::Kprobe, vec![], vec![], print_value(int(1)));
    attach_twice(&mut silent);
    assert_eq!(module(&silent, &Facts { cookies: false, ..Facts::default() }).programs.len(), 1);
}

#[test]
fn the_function_comes_from_the_kernel_or_the_instruction_pointer() {
    let mut tree = program(ProbeKind::Kprobe, vec![], vec![], print_value(builtin(Builtin::Func)));
    assert!(ir(&tree).contains("get_func_ip"));
    let without = Facts { get_func_ip: false, ..Facts::default() };
    assert!(!text_of(&module(&tree, &without)).contains("get_func_ip"));

    tree.probes[0].kind = ProbeKind::Kretprobe;
    assert!(ir(&tree).contains("get_func_ip"));
    let mut sink = Sink::default();
    build(&tree, &without, &mut sink);
    assert_eq!(sink.all()[0].code, codes::MISSING_FEATURE);
}

#[test]
fn old_values_are_fetched_atomically_where_the_kernel_can() {
    let step = ExprKind::StepMap { map: MapId(0), key: None, delta: 1, prefix: true };
    let maps = vec![map("@", None, MapValue::Plain(I64))];
    let tree = program(ProbeKind::Kprobe, maps, vec![], print_value(expr(I64, step)));
    assert!(ir(&tree).contains("atomic_fetch_add"));
    let old = text_of(&module(&tree, &Facts { atomic_fetch: false, ..Facts::default() }));
    assert!(!old.contains("atomic_fetch_add") && old.contains("atomic_add"));
}

#[test]
fn long_keys_are_cut_where_the_kernel_wants_short_ones() {
    let key = || Type::Tuple([Type::Str { size: 1024 }, I64].into());
    let maps = vec![map("@", Some(key()), MapValue::Aggregate(Aggregate::Count))];
    let path = || user_text(builtin(Builtin::Arg(0)), 1024, None);
    let body = vec![
        stmt(StmtKind::Aggregate { map: MapId(0), key: Some(tuple(vec![path(), int(1)])), value: None }),
        stmt(StmtKind::SetVar { var: VarId(0), value: path() }),
        stmt(StmtKind::Aggregate {
            map: MapId(0),
            key: Some(tuple(vec![expr(Type::Str { size: 1024 }, ExprKind::Var(VarId(0))), int(1)])),
            value: None,
        }),
    ];
    let tree = program(ProbeKind::Kprobe, maps, vec![Type::Str { size: 1024 }], body);
    let sizes = |facts: &Facts| module(&tree, facts).maps.values().next().map(|map| map.key_size);
    assert_eq!(sizes(&Facts::default()), Some(1032));
    assert_eq!(sizes(&Facts { long_keys: false, ..Facts::default() }), Some(512));
}

#[test]
fn memory_of_big_machines_decides_the_kind_of_map() {
    let big = |value: Aggregate, facts: &Facts| {
        let maps = vec![map("@", Some(I64), MapValue::Aggregate(value))];
        let value = Some(builtin(Builtin::Nsecs));
        let body = vec![stmt(StmtKind::Aggregate { map: MapId(0), key: Some(int(1)), value })];
        let module = module(&program(ProbeKind::Kprobe, maps, vec![], body), facts);
        let spec = module.maps.values().next().expect("the map");
        (spec.kind, spec.on_demand)
    };
    let hist = || Aggregate::Hist { bits: 0 };
    let cpus = |on_demand_hash| Facts { possible_cpus: 128, on_demand_hash, ..Facts::default() };
    assert_eq!(big(Aggregate::Count, &Facts::default()), (MapKind::PerCpuHash, false));
    assert_eq!(big(hist(), &cpus(true)), (MapKind::PerCpuHash, true));
    assert_eq!(big(hist(), &cpus(false)), (MapKind::Hash, false));
    let huge = Aggregate::Min { signed: true };
    assert_eq!(big(huge, &cpus(false)), (MapKind::PerCpuHash, false));
}

#[test]
fn what_no_kernel_takes_is_refused() {
    let refused = |map: Map| {
        let mut sink = Sink::default();
        build(&program(ProbeKind::Kprobe, vec![map], vec![], vec![]), &Facts::default(), &mut sink);
        assert_eq!(sink.all()[0].code, codes::TOO_LARGE);
    };
    let lhist = Aggregate::Lhist { min: 0, max: 5000, step: 1 };
    refused(map("@", None, MapValue::Aggregate(lhist)));
    refused(map("@", Some(Type::Tuple(vec![I64; 9000].into())), MapValue::Plain(I64)));
}

#[test]
fn the_ring_grows_with_the_machine() {
    let bytes = |possible_cpus| Facts { possible_cpus, ..Facts::default() }.ring_bytes();
    assert_eq!([1, 2, 3, 64, 4096].map(bytes), [256 << 10, 512 << 10, 1 << 20, 16 << 20, 32 << 20]);
}

#[test]
fn a_large_script_takes_more_code_and_no_more_slots() {
    let sizes = |n: i64| {
        let maps = vec![map("@", Some(I64), MapValue::Plain(Type::Str { size: 64 }))];
        let statement = |i| {
            let value = user_text(builtin(Builtin::Arg(0)), 64, None);
            stmt(StmtKind::SetMap { map: MapId(0), key: Some(int(i)), value })
        };
        let tree = program(ProbeKind::Kprobe, maps, vec![], (0..n).map(statement).collect());
        let module = build(&tree, &Facts::default(), &mut Sink::default());
        let function = &module.programs[0].function;
        (function.slots.len(), function.insts.len())
    };
    let ((few_slots, few), (many_slots, many)) = (sizes(10), sizes(5000));
    assert_eq!(few_slots, many_slots);
    assert!(many <= few * 500, "{few} and {many}");
}
