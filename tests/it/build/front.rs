//! Front tables, and the task's name read from the task, in the interpreter.

use super::tree::*;
use super::{compiles, module};
use beetrace::ir::build::Facts;
use beetrace::ir::entities::MapRef;
use beetrace::ir::interp::{self, Area, World};
use beetrace::ir::{Module, print};
use beetrace::sema::tree::*;
use beetrace::sema::types::{Space, Type};
use beetrace::wire::ledger::{self, Cause};
use beetrace::wire::map::MapRole;
use std::collections::BTreeMap;

const USER: u64 = 0x7000_0000;

struct Ran {
    module: Module,
    world: World,
}

/// What keys have: in the hash, and in front of it.
type Found = BTreeMap<Vec<u8>, (Vec<u64>, Vec<u64>)>;

impl Ran {
    /// `@[key] = aggregation` with everything that this is about.
    fn new(key: (Type, Expr), kind: Aggregate, value: Option<Expr>, entries: u32) -> Ran {
        let maps = vec![Map { max_entries: entries, ..map("@", Some(key.0), MapValue::Aggregate(kind)) }];
        let body = vec![stmt(StmtKind::Aggregate { map: MapId(0), key: Some(key.1), value })];
        let facts = Facts { fronts: true, comm_offset: Some(1752), ..Facts::default() };
        let module = module(&program(ProbeKind::Kprobe, maps, vec![], body), &facts);
        compiles(&module);
        let mut world = World::new(&module.maps);
        world.user.push(Area { base: USER, bytes: vec![0; 128] });
        Ran { module, world }
    }

    /// Runs with these first arguments.
    fn run(&mut self, arguments: &[u64]) -> &mut Ran {
        for argument in arguments {
            self.world.context[112..120].copy_from_slice(&argument.to_le_bytes());
            let function = &self.module.programs[0].function;
            let result = interp::run(&self.module.maps, function, &mut self.world);
            assert_eq!(result, Ok(0), "{}", print::module(&self.module, print::Options { spans: false }));
        }
        self
    }

    fn with_text(&mut self, text: &str) -> &mut Ran {
        self.world.user[0].bytes.fill(0);
        self.world.user[0].bytes[..text.len()].copy_from_slice(text.as_bytes());
        self.run(&[USER])
    }

    fn found(&self) -> Found {
        let words = |bytes: &[u8]| -> Vec<u64> {
            bytes.chunks_exact(8).map(|word| u64::from_le_bytes(word.try_into().expect("8 bytes"))).collect()
        };
        let hash = &self.world.maps[&MapRef::from_u32(0)];
        let mut found = Found::new();
        for (front, spec) in self.module.maps.iter() {
            let MapRole::Front { of: 0, layout } = spec.role else { continue };
            let table = self.world.maps[&front].get(&[0; 4]).expect("its one value");
            layout.each(table, |key, values| {
                let mut whole = key.to_vec();
                whole.resize(self.module.maps[MapRef::from_u32(0)].key_size as usize, 0);
                let behind = hash.get(&whole).expect("keys in front are in the hash");
                found.insert(whole, (words(behind), values.to_vec()));
            });
        }
        found
    }

    fn lost(&self, cause: Cause) -> u64 {
        let mut maps = self.module.maps.iter();
        let ledger = maps.find(|(_, spec)| spec.role == MapRole::Ledger).expect("a ledger").0;
        let at = ledger::offset(0, cause) as usize;
        let bytes = self.world.maps[&ledger].get(&[0; 4]).expect("its one value");
        u64::from_le_bytes(bytes[at..at + 8].try_into().expect("8 bytes"))
    }
}

fn key(number: u64) -> Vec<u8> {
    number.to_le_bytes().to_vec()
}

fn text_key(text: &str, size: usize) -> Vec<u8> {
    let mut bytes = text.as_bytes().to_vec();
    bytes.resize(size, 0);
    bytes
}

#[test]
fn the_first_of_a_key_goes_to_the_hash_and_the_others_in_front() {
    let arg = || builtin(Builtin::Arg(0));
    let mut ran = Ran::new((I64, arg()), Aggregate::Count, None, 4096);
    let found = ran.run(&[5, 5, 7, 5]).found();
    assert_eq!(found[&key(5)], (vec![1], vec![2]));
    assert_eq!(found[&key(7)], (vec![1], vec![0]));
    let mut ran = Ran::new((I64, int(0)), Aggregate::Stats { signed: true }, Some(arg()), 4096);
    assert_eq!(ran.run(&[5, 7, 9, 11]).found()[&key(0)], (vec![5, 1], vec![27, 3]));
}

#[test]
fn keys_share_slots_without_being_mixed_up() {
    let mut ran = Ran::new((I64, builtin(Builtin::Arg(0))), Aggregate::Count, None, 4096);
    let rounds: Vec<u64> = (0..3).flat_map(|_| 0..1000).collect();
    let found = ran.run(&rounds).found();
    assert!((100..=256).contains(&found.len()), "{} of 256 slots are taken", found.len());
    assert!(found.values().all(|value| *value == (vec![1], vec![2])), "{found:?}");
    let hash = &ran.world.maps[&MapRef::from_u32(0)];
    for number in 0..1000 {
        let behind = if found.contains_key(&key(number)) { 1_u64 } else { 3 };
        assert_eq!(hash.get(&key(number)), Some(&behind.to_le_bytes()[..]), "{number}");
    }
}

#[test]
fn a_key_that_has_no_room_in_the_hash_has_none_in_front() {
    let mut ran = Ran::new((I64, builtin(Builtin::Arg(0))), Aggregate::Count, None, 1);
    let found = ran.run(&[5, 6, 6, 5]).found();
    assert_eq!(found, Found::from([(key(5), (vec![1], vec![1]))]));
    assert_eq!(ran.lost(Cause::MapFull), 2);
}

#[test]
fn texts_are_counted_in_front_when_they_are_short() {
    let source = ExprKind::LoadStr {
        address: Box::new(builtin(Builtin::Arg(0))),
        offset: 0,
        space: Space::User,
        length: None,
        array: false,
    };
    let ty = Type::Str { size: 100 };
    let mut ran = Ran::new((ty.clone(), expr(ty, source)), Aggregate::Count, None, 4096);
    let (short, fits, long) = ("/etc/passwd", "x".repeat(62), "x".repeat(64));
    for text in [short, &fits, &long, short, &long, &fits, short, ""] {
        ran.with_text(text);
    }
    // memory that cannot be read is "" and is counted as a fault
    ran.run(&[1, 1]);
    let found = ran.found();
    assert_eq!(found[&text_key(short, 100)], (vec![1], vec![2]));
    assert_eq!(found[&text_key(&fits, 100)], (vec![1], vec![1]));
    assert_eq!(found.get(&text_key(&long, 100)), None, "too long for a slot");
    let hash = &ran.world.maps[&MapRef::from_u32(0)];
    assert_eq!(hash.get(&text_key(&long, 100)), Some(&2_u64.to_le_bytes()[..]));
    assert_eq!(found[&text_key("", 100)], (vec![3], vec![0]));
    assert_eq!((ran.lost(Cause::ReadFault), ran.lost(Cause::Truncated)), (2, 0));
}

#[test]
fn the_name_of_a_task_ends_at_its_nul() {
    let ty = Type::Str { size: 16 };
    let mut ran =
        Ran::new((ty.clone(), expr(ty, ExprKind::Builtin(Builtin::Comm))), Aggregate::Count, None, 4096);
    for comm in
        [b"ba\0garbage\0more!", b"eightlet\0garbage", b"fifteen_letters\0", b"seven_l\0garbage!", &[0; 16]]
    {
        ran.world.builtins.comm = *comm;
        ran.run(&[0, 0]);
    }
    let names: Vec<_> = ran.found().into_keys().collect();
    let wanted = ["", "ba", "eightlet", "fifteen_letters", "seven_l"].map(|name| text_key(name, 16));
    assert_eq!(names, wanted);
}
