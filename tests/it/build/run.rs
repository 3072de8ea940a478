//! What built programs do, in the interpreter.

use super::module;
use super::tree::*;
use beetrace::ir::build::Facts;
use beetrace::ir::interp::{self, Area, World};
use beetrace::ir::{MapRef, Module};
use beetrace::sema::tree::*;
use beetrace::sema::types::{Space, Type};
use beetrace::wire::ledger::{self, Cause};
use beetrace::wire::map::{Global, MapRole, hist_bucket, lhist_bucket};
use beetrace::wire::record::{self, Action, Field};
use beetrace::wire::types::DataType;

/// Where tests put user memory.
const USER: u64 = 0x5000_0000;
/// Where tests put kernel memory.
const KERNEL: u64 = 0xffff_8880_0000_0000;

/// A value of a record.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    Int(i64),
    Text(String),
    Tuple(Vec<Value>),
}

pub fn decode(ty: &DataType, bytes: &[u8]) -> Value {
    let number = |size: u8, signed: bool| {
        let mut word = [0; 8];
        word[..size.into()].copy_from_slice(&bytes[..size.into()]);
        let unused = 64 - 8 * u32::from(size);
        let number = i64::from_le_bytes(word);
        if signed { number << unused >> unused } else { number }
    };
    match ty {
        DataType::Int { size, signed } => Value::Int(number(*size, *signed)),
        DataType::Bool => Value::Int(number(1, false)),
        DataType::Pointer => Value::Int(number(8, false)),
        DataType::Named { size, .. } | DataType::Enum { size, .. } => Value::Int(number(*size, true)),
        DataType::Str { size } => {
            let text = bytes[..*size as usize].split(|byte| *byte == 0).next().unwrap_or_default();
            Value::Text(String::from_utf8_lossy(text).into())
        }
        DataType::Tuple { fields, .. } => {
            Value::Tuple(fields.iter().map(|(at, ty)| decode(ty, &bytes[*at as usize..])).collect())
        }
        other => panic!("no {other:?} in these tests"),
    }
}

/// A module with the world that its programs ran in.
struct Ran {
    module: Module,
    world: World,
}

impl Ran {
    fn new(program: &Program, facts: &Facts) -> Ran {
        let module = module(program, facts);
        let world = World::new(&module.maps);
        Ran { module, world }
    }

    fn run(&mut self) -> &mut Ran {
        for program in &self.module.programs {
            let result = interp::run(&self.module.maps, &program.function, &mut self.world);
            assert_eq!(result, Ok(0), "{}", program.function.name);
        }
        self
    }

    /// The fields of every record, in order; control records have none.
    fn printed(&self) -> Vec<Vec<Value>> {
        let field = |bytes: &[u8], field: &Field| decode(&field.ty, &bytes[field.offset as usize..]);
        let record = |record: &interp::Record| {
            let number = u32::from_le_bytes(record.bytes[..4].try_into().expect("4 bytes"));
            let bytes = &record.bytes;
            match &self.module.actions[number as usize] {
                Action::Printf { args, .. } => args.iter().map(|arg| field(bytes, arg)).collect(),
                Action::PrintValue { value } => vec![field(bytes, value)],
                Action::PrintEntry { key, value, .. } => vec![field(bytes, key), field(bytes, value)],
                _ => Vec::new(),
            }
        };
        self.world.records.iter().map(record).collect()
    }

    fn system(&self, wanted: MapRole) -> Option<MapRef> {
        self.module.maps.iter().find(|(_, spec)| spec.role == wanted).map(|(map, _)| map)
    }

    /// A word of a map with one entry.
    fn word(&self, role: MapRole, offset: u32) -> u64 {
        let map = self.system(role).expect("the map is there");
        word_at(self.world.maps[&map].get(&[0; 4]).expect("its entry"), offset)
    }

    fn lost(&self, cause: Cause) -> u64 {
        self.word(MapRole::Ledger, ledger::offset(0, cause))
    }

    /// The words of the value of a map of the script at a key.
    fn words(&self, map: u32, key: &[u8]) -> Option<Vec<u64>> {
        let value = self.world.maps[&MapRef::from_u32(map)].get(key)?;
        Some((0..value.len() as u32 / 8).map(|i| word_at(value, i * 8)).collect())
    }
}

fn word_at(bytes: &[u8], offset: u32) -> u64 {
    let at = offset as usize;
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("8 bytes"))
}

fn ran(program: &Program) -> Ran {
    let mut ran = Ran::new(program, &Facts::default());
    ran.run();
    ran
}

/// `print(value)` of each.
fn prints(values: Vec<Expr>) -> Vec<Stmt> {
    values.into_iter().map(|value| stmt(StmtKind::PrintValue { value })).collect()
}

fn printed(values: Vec<Expr>) -> Vec<Value> {
    ran(&program(ProbeKind::Kprobe, vec![], vec![], prints(values))).printed().into_iter().flatten().collect()
}

fn typed(value: i64, size: u8, signed: bool) -> Expr {
    expr(int_type(size, signed), ExprKind::Int(value))
}

fn texts(words: &[&str]) -> Vec<Value> {
    words.iter().map(|word| Value::Text((*word).into())).collect()
}

fn ints(numbers: &[i64]) -> Vec<Value> {
    numbers.iter().copied().map(Value::Int).collect()
}

#[test]
fn narrow_numbers_wrap_at_their_type() {
    use BinaryOp::*;
    let i8_ = |op, a, b| binary(op, typed(a, 1, true), typed(b, 1, true));
    let u8_ = |op, a, b| binary(op, typed(a, 1, false), typed(b, 1, false));
    let cast = |value, size, signed| expr(int_type(size, signed), ExprKind::Cast(Box::new(value)));
    let not = |value: Expr| expr(value.ty.clone(), ExprKind::BitNot(Box::new(value)));
    let neg = |value: Expr| expr(value.ty.clone(), ExprKind::Neg(Box::new(value)));
    let found = printed(vec![
        i8_(Add, 127, 1),
        u8_(Add, 255, 1),
        u8_(Sub, 0, 1),
        i8_(Mul, 100, 3),
        u8_(Div, 200, 7),
        u8_(Mod, 200, 7),
        u8_(Shl, 255, 4),
        u8_(Shr, 240, 2),
        u8_(Lt, 200, 100),
        i8_(Lt, -56, 100),
        cast(typed(-1, 4, true), 2, false),
        cast(typed(-1, 4, true), 8, false),
        cast(typed(200, 1, false), 1, true),
        not(typed(0, 1, false)),
        not(typed(5, 4, true)),
        neg(typed(-128, 1, true)),
        binary(Div, int(7), int(0)),
        binary(Mod, int(7), builtin(Builtin::Arg(3))),
    ]);
    let wanted = [-128, 0, 255, 44, 28, 4, 240, 60, 0, 1, 65535, -1, -56, 255, -6, -128, 1, 1];
    assert_eq!(found, ints(&wanted));
}

#[test]
fn logic_computes_what_it_needs() {
    let var = || expr(I64, ExprKind::Var(VarId(0)));
    let step = || expr(I64, ExprKind::StepVar { var: VarId(0), delta: 1, prefix: true });
    let logic = |and, left, right| {
        expr(Type::Bool, ExprKind::Logical { and, left: Box::new(left), right: Box::new(right) })
    };
    let choose = |cond, then, otherwise| {
        let [cond, then, otherwise] = [cond, then, otherwise].map(Box::new);
        expr(I64, ExprKind::Ternary { cond, then, otherwise })
    };
    let mut body = vec![stmt(StmtKind::SetVar { var: VarId(0), value: int(0) })];
    body.extend(prints(vec![
        logic(true, int(0), step()),
        var(),
        logic(true, int(5), step()),
        var(),
        logic(false, int(5), step()),
        logic(false, int(0), logic(true, step(), int(0))),
        var(),
        choose(var(), step(), int(9)),
        choose(logic(true, var(), int(0)), step(), var()),
        expr(Type::Bool, ExprKind::Not(Box::new(logic(true, int(1), int(2))))),
    ]));
    let ran = ran(&program(ProbeKind::Kprobe, vec![], vec![I64], body));
    let found: Vec<Value> = ran.printed().into_iter().flatten().collect();
    assert_eq!(found, ints(&[0, 0, 1, 1, 1, 0, 2, 3, 3, 0]));
}

#[test]
fn builtins_and_registers() {
    use Builtin::*;
    let tree = program(
        ProbeKind::Kprobe,
        vec![],
        vec![],
        prints(
            [Pid, Tid, Uid, Gid, Comm, Cpu, Nsecs, Curtask, Cgroup, Arg(0), Arg(6), Elapsed]
                .map(builtin)
                .into(),
        ),
    );
    let mut ran = Ran::new(&tree, &Facts::default());
    ran.world.context[112..120].copy_from_slice(&11_u64.to_le_bytes());
    ran.world.context[152..160].copy_from_slice(&KERNEL.to_le_bytes());
    ran.world.kernel.push(Area { base: KERNEL, bytes: [0, 66].map(u64::to_le_bytes).concat() });
    ran.run();
    let found: Vec<Value> = ran.printed().into_iter().flatten().collect();
    let mut wanted = ints(&[1234, 1235, 1000, 100]);
    wanted.push(Value::Text("bash".into()));
    let task = 0xffff_8880_0000_1000_u64 as i64;
    wanted.extend(ints(&[3, 2_000_000_000, task, 77, 11, 66, 2_000_000_000]));
    assert_eq!(found, wanted);
}

/// A kprobe whose first argument points to `bytes` of user memory.
fn with_user_memory(body: Vec<Stmt>, vars: Vec<Type>, maps: Vec<Map>, bytes: &[u8]) -> Ran {
    let mut ran = Ran::new(&program(ProbeKind::Kprobe, maps, vars, body), &Facts::default());
    ran.world.context[112..120].copy_from_slice(&USER.to_le_bytes());
    ran.world.user.push(Area { base: USER, bytes: bytes.to_vec() });
    ran.run();
    ran
}

#[test]
fn text_is_read_cut_and_compared() {
    let arg = || builtin(Builtin::Arg(0));
    let short = || user_text(arg(), 8, None);
    let equal = |left, right| {
        let [left, right] = [left, right].map(Box::new);
        expr(Type::Bool, ExprKind::Equal { negated: false, left, right })
    };
    let body = prints(vec![
        user_text(arg(), 64, None),
        short(),
        user_text(arg(), 64, Some(int(4))),
        user_text(arg(), 64, Some(builtin(Builtin::Cpu))),
        user_text(arg(), 64, Some(binary(BinaryOp::Sub, builtin(Builtin::Arg(1)), int(1)))),
        equal(user_text(arg(), 64, None), text("/etc/passwd")),
        equal(user_text(arg(), 64, None), text("/etc/passw")),
        equal(text("/etc/passwd!"), user_text(arg(), 64, None)),
        equal(short(), text("/etc/pas")),
        equal(short(), user_text(arg(), 64, None)),
        equal(user_text(arg(), 64, None), user_text(arg(), 32, None)),
        equal(builtin(Builtin::Comm), text("bash")),
        equal(tuple(vec![int(1), text("ab")]), tuple(vec![int(1), text("ab\0\0\0")])),
        tuple(vec![builtin(Builtin::Pid), short(), int(-1)]),
    ]);
    let ran = with_user_memory(body, vec![], vec![], b"/etc/passwd\0garbage");
    let mut found: Vec<Value> = ran.printed().into_iter().flatten().collect();
    let wanted = Value::Tuple(vec![Value::Int(1234), Value::Text("/etc/pas".into()), Value::Int(-1)]);
    assert_eq!(found.pop(), Some(wanted));
    let numbers = found.split_off(5);
    assert_eq!(found, texts(&["/etc/passwd", "/etc/pas", "/et", "/e", "/etc/passwd"]));
    assert_eq!(numbers, ints(&[1, 0, 0, 1, 0, 1, 1, 1]));
    assert_eq!((ran.lost(Cause::Truncated), ran.lost(Cause::ReadFault)), (3, 0));
}

#[test]
fn faults_give_nothing_and_are_counted_once_a_statement() {
    let load = |at: i64| {
        let address = Box::new(int(at));
        expr(I64, ExprKind::Load { address, offset: 8, space: Space::User, bits: None })
    };
    let body = prints(vec![
        binary(BinaryOp::Add, load(16), load(32)),
        user_text(int(64), 16, None),
        expr(
            I64,
            ExprKind::Ternary {
                cond: Box::new(int(0)),
                then: Box::new(load(16)),
                otherwise: Box::new(load(USER as i64)),
            },
        ),
    ]);
    let ran = with_user_memory(body, vec![], vec![], &[7; 64]);
    let found: Vec<Value> = ran.printed().into_iter().flatten().collect();
    let mut wanted = ints(&[0]);
    wanted.extend(texts(&[""]));
    wanted.extend(ints(&[0x0707_0707_0707_0707]));
    assert_eq!(found, wanted);
    assert_eq!(ran.lost(Cause::ReadFault), 2);
}

#[test]
fn fields_of_memory_and_context() {
    let load = |space, offset, bits, ty| {
        let address = Box::new(match space {
            Space::Context => expr(U64, ExprKind::Context),
            _ => int(USER as i64),
        });
        expr(ty, ExprKind::Load { address, offset, space, bits })
    };
    let values = vec![
        load(Space::User, 0, None, int_type(2, true)),
        load(Space::User, 0, None, int_type(2, false)),
        load(Space::User, 0, Some((4, 8)), int_type(2, false)),
        load(Space::User, 0, Some((4, 8)), int_type(2, true)),
        load(Space::Context, 112, None, I64),
        load(Space::Context, 114, None, int_type(4, false)),
        load(Space::User, 2, None, Type::Bool),
        expr(Type::Str { size: 4 }, ExprKind::DataLoc { offset: 200 }),
    ];
    let mut ran =
        Ran::new(&program(ProbeKind::Tracepoint, vec![], vec![], prints(values)), &Facts::default());
    ran.world.user.push(Area { base: USER, bytes: vec![0xfe, 0xfe, 5, 0] });
    ran.world.context[112..120].copy_from_slice(&0x8877_6655_4433_2211_u64.to_le_bytes());
    ran.world.context[200..204].copy_from_slice(&(3 << 16 | 300_u32).to_le_bytes());
    ran.world.context[300..303].copy_from_slice(b"xy\0");
    ran.run();
    let mut found: Vec<Value> = ran.printed().into_iter().flatten().collect();
    assert_eq!(found.pop(), Some(Value::Text("xy".into())));
    let whole = 0x8877_6655_4433_2211_u64 as i64;
    assert_eq!(found, ints(&[-258, 0xfefe, 0xef, -17, whole, 0x6655_4433, 1]));
}

#[test]
fn plain_maps_keep_what_they_are_told() {
    let id = MapId;
    let set = |map, key, value| stmt(StmtKind::SetMap { map: id(map), key, value });
    let step = |map, key: Option<Expr>, delta, prefix| {
        expr(I64, ExprKind::StepMap { map: id(map), key: key.map(Box::new), delta, prefix })
    };
    let update = |op, key, value| stmt(StmtKind::UpdateMap { map: id(1), key: Some(int(key)), op, value });
    let delete =
        |map, key: Option<Expr>| expr(Type::Bool, ExprKind::Delete { map: id(map), key: key.map(Box::new) });
    let pair = || Type::Tuple([I64, Type::Str { size: 8 }].into());
    let maps = |cleared| {
        let keyless = map("@a", None, MapValue::Plain(I64));
        let keyed = map("@b", Some(I64), MapValue::Plain(I64));
        let pairs = map("@c", Some(pair()), MapValue::Plain(pair()));
        [keyless, keyed, pairs].map(|map| Map { cleared, measured: map.key.is_some(), ..map }).to_vec()
    };
    let mut body = vec![
        set(0, None, int(5)),
        update(BinaryOp::Add, 1, int(10)),
        update(BinaryOp::Sub, 1, int(4)),
        update(BinaryOp::Mul, 1, int(3)),
        update(BinaryOp::Sub, 2, int(4)),
        set(1, Some(int(3)), int(33)),
        set(1, Some(int(3)), int(34)),
        set(2, Some(tuple(vec![int(1), text("x")])), tuple(vec![int(7), text("seven")])),
    ];
    let third =
        |tuple: Expr| expr(Type::Str { size: 8 }, ExprKind::TupleField { base: Box::new(tuple), index: 1 });
    body.extend(prints(vec![
        step(0, None, 1, false),
        step(0, None, 1, true),
        map_get(1, Some(int(1)), I64),
        map_get(1, Some(int(2)), I64),
        map_get(1, Some(int(3)), I64),
        map_get(1, Some(int(4)), I64),
        step(1, Some(int(9)), -1, false),
        step(1, Some(int(9)), -1, true),
        expr(Type::Bool, ExprKind::HasKey { map: id(1), key: Box::new(int(9)) }),
        delete(1, Some(int(9))),
        delete(1, Some(int(9))),
        expr(Type::Bool, ExprKind::HasKey { map: id(1), key: Box::new(int(9)) }),
        expr(I64, ExprKind::Len(id(1))),
        delete(0, None),
        delete(0, None),
        map_get(0, None, I64),
        third(map_get(2, Some(tuple(vec![int(1), text("x")])), pair())),
        third(map_get(2, Some(tuple(vec![int(2), text("x")])), pair())),
    ]));
    body.push(stmt(StmtKind::PrintEntry { map: id(1), key: int(3) }));
    for (cleared, atomic_fetch) in [(false, true), (true, false)] {
        let tree = program(ProbeKind::Kprobe, maps(cleared), vec![], body.clone());
        let mut ran = Ran::new(&tree, &Facts { atomic_fetch, ..Facts::default() });
        ran.run();
        let mut found: Vec<Value> = ran.printed().into_iter().flatten().collect();
        assert_eq!(found.split_off(18), ints(&[3, 34]));
        assert_eq!(found.split_off(16), texts(&["seven", ""]));
        assert_eq!(found, ints(&[5, 7, 18, -4, 34, 0, 0, -2, 1, 1, 0, 0, 3, 1, 0, 0]));
    }
}

#[test]
fn aggregations_add_up() {
    let samples = [-5_i64, 0, 1, 3, 1000, i64::MAX, -5];
    let arg = || builtin(Builtin::Arg(0));
    let signed = true;
    let kinds = [
        (Aggregate::Count, vec![7]),
        (Aggregate::Sum { signed }, vec![samples.iter().fold(0_u64, |sum, n| sum.wrapping_add(*n as u64))]),
        (Aggregate::Min { signed }, vec![-5_i64 as u64, 1]),
        (Aggregate::Max { signed }, vec![i64::MAX as u64, 1]),
        (Aggregate::Max { signed: false }, vec![-5_i64 as u64, 1]),
        (Aggregate::Min { signed: false }, vec![0, 1]),
        (
            Aggregate::Avg { signed },
            vec![samples.iter().fold(0_u64, |sum, n| sum.wrapping_add(*n as u64)), 7],
        ),
    ];
    for (kind, wanted) in kinds {
        for (key, cleared) in [(None, false), (None, true), (Some(I64), false), (Some(I64), true)] {
            let value = (kind != Aggregate::Count).then(arg);
            let at = key.is_some().then(|| int(1));
            let body = vec![stmt(StmtKind::Aggregate { map: MapId(0), key: at, value })];
            let map = Map { cleared, ..map("@", key.clone(), MapValue::Aggregate(kind.clone())) };
            let mut ran = Ran::new(&program(ProbeKind::Kprobe, vec![map], vec![], body), &Facts::default());
            for sample in samples {
                ran.world.context[112..120].copy_from_slice(&sample.to_le_bytes());
                ran.run();
            }
            let key: &[u8] = if key.is_some() { &[1, 0, 0, 0, 0, 0, 0, 0] } else { &[0; 4] };
            let mut found = ran.words(0, key).expect("a value");
            if found.len() > wanted.len() {
                assert_eq!(found.pop(), Some(1), "a keyless sum says that it was assigned");
            }
            assert_eq!(found, wanted, "{kind:?}");
        }
    }
}

#[test]
fn histograms_take_the_buckets_that_user_space_prints() {
    let arg = || Some(builtin(Builtin::Arg(0)));
    let lhist = Aggregate::Lhist { min: -10, max: 100, step: 7 };
    for kind in [Aggregate::Hist { bits: 0 }, Aggregate::Hist { bits: 3 }, Aggregate::Hist { bits: 5 }, lhist]
    {
        let maps = vec![map("@", Some(I64), MapValue::Aggregate(kind.clone()))];
        let body = vec![stmt(StmtKind::Aggregate { map: MapId(0), key: Some(int(1)), value: arg() })];
        let mut ran = Ran::new(&program(ProbeKind::Kprobe, maps, vec![], body), &Facts::default());
        let samples = (0..63).flat_map(|bit| [(1_i64 << bit) - 1, 1 << bit, (1 << bit) + 1, -(1 << bit)]);
        let samples: Vec<i64> = samples.chain([i64::MAX, i64::MIN, 93, 94, 95, 99, 100]).collect();
        let mut wanted = Vec::new();
        for sample in samples {
            ran.world.context[112..120].copy_from_slice(&sample.to_le_bytes());
            ran.run();
            let bucket = match kind {
                Aggregate::Hist { bits } => hist_bucket(sample, bits),
                _ => lhist_bucket(sample, -10, 100, 7),
            } as usize;
            wanted.resize(wanted.len().max(bucket + 1), 0);
            wanted[bucket] += 1;
        }
        let found = ran.words(0, &1_i64.to_le_bytes()).expect("a value");
        wanted.resize(found.len(), 0);
        assert_eq!(found, wanted, "{kind:?}");
    }
}

#[test]
fn what_is_lost_is_counted() {
    let maps = vec![Map { max_entries: 1, ..map("@", Some(U64), MapValue::Aggregate(Aggregate::Count)) }];
    let body = vec![
        stmt(StmtKind::Aggregate { map: MapId(0), key: Some(builtin(Builtin::Arg(0))), value: None }),
        stmt(StmtKind::Printf { format: Default::default(), args: vec![int(1)] }),
        stmt(StmtKind::Clear(MapId(0))),
        stmt(StmtKind::Exit { code: Some(int(3)) }),
        stmt(StmtKind::Printf { format: Default::default(), args: vec![int(2)] }),
    ];
    let mut ran = Ran::new(&program(ProbeKind::Kprobe, maps, vec![], body), &Facts::default());
    ran.run();
    assert_eq!(ran.world.records.iter().map(|record| record.flags).collect::<Vec<_>>(), [1, 2, 2]);
    ran.world.context[112] = 1;
    ran.world.ring_room.values_mut().for_each(|room| *room = 0);
    ran.run();
    assert_eq!((ran.lost(Cause::MapFull), ran.lost(Cause::RingFull)), (1, 1));
    let actions = ran.module.actions.len() as u32;
    let control = |offset| ran.word(MapRole::Control, offset);
    assert_eq!((0..actions).map(|action| control(action * 8)).collect::<Vec<_>>(), [0, 1, 1]);
    assert_eq!((control(record::exit_flag(actions)), control(record::exit_code(actions))), (1, 3));
}

#[test]
fn a_sleeping_runtime_is_woken() {
    let tree = program(ProbeKind::Kprobe, vec![], vec![], prints(vec![int(1), int(2)]));
    let mut ran = Ran::new(&tree, &Facts::default());
    let globals = ran.system(MapRole::Globals).expect("globals");
    let mut words = [0; 16];
    words[Global::Asleep as usize * 8] = 1;
    assert_eq!(ran.world.maps.get_mut(&globals).expect("globals").update(&[0; 4], &words, 0), 0);
    ran.run();
    words[Global::Asleep as usize * 8] = 0;
    assert_eq!(ran.world.maps.get_mut(&globals).expect("globals").update(&[0; 4], &words, 0), 0);
    ran.run();
    assert_eq!(ran.world.records.iter().map(|record| record.flags).collect::<Vec<_>>(), [2, 2, 1, 1]);
}

#[test]
fn side_effects_of_arguments_outlive_a_full_ring() {
    let step = ExprKind::StepMap { map: MapId(0), key: None, delta: 1, prefix: false };
    let maps = vec![map("@", None, MapValue::Plain(I64))];
    let args = vec![user_text(int(0), 8, None), expr(I64, step)];
    let body = vec![stmt(StmtKind::Printf { format: Default::default(), args })];
    let mut ran = Ran::new(&program(ProbeKind::Kprobe, maps, vec![], body), &Facts::default());
    ran.run();
    ran.world.ring_room.values_mut().for_each(|room| *room = 0);
    ran.run();
    assert_eq!(ran.words(0, &[0; 4]), Some(vec![2, 1]));
}
