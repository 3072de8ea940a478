//! Random scripts: what the built programs print in the interpreter is what the scripts mean.

use super::module;
use super::run::{Value, decode};
use beetrace::diag::{Sink, render};
use beetrace::fuzz::{meaning, script};
use beetrace::host::fake::Fake;
use beetrace::ir::build::Facts;
use beetrace::ir::interp::{self, World};
use beetrace::ir::{MapRef, Module};
use beetrace::sema::{self, Options, tree::Program};
use beetrace::source::SourceMap;
use beetrace::wire::format::{Conversion, Format, Piece};
use beetrace::wire::map::MapRole;
use beetrace::wire::record::Action;

/// The typed tree of a script without mistakes.
pub fn typed(text: &str) -> Program {
    let mut sources = SourceMap::default();
    let file = sources.add("-e", text);
    let mut sink = Sink::default();
    let script = beetrace::syntax::parse(file, text, &mut sink);
    assert!(!sink.has_errors(), "{}", render::to_string(&sources, sink.all()));
    let program = sema::analyse(&script, &Fake::default(), &Options::default(), &mut sink);
    assert!(!sink.has_errors(), "{}", render::to_string(&sources, sink.all()));
    program
}

/// `%lld`, `%llu` and `%s`, as far as the random scripts go.
fn printf(format: &Format, args: &[Value]) -> String {
    let mut args = args.iter();
    let piece = |piece: &Piece| match piece {
        Piece::Text(text) => text.clone(),
        Piece::Conversion(Conversion { kind, .. }) => match (kind, args.next()) {
            ('u', Some(Value::Int(number))) => (*number as u64).to_string(),
            (_, Some(Value::Int(number))) => number.to_string(),
            (_, Some(Value::Text(text))) => text.clone(),
            other => panic!("{other:?}"),
        },
    };
    format.pieces.iter().map(piece).collect()
}

/// Runs every program once; gives what the runtime would print.
fn output(module: &Module) -> String {
    let mut world = World::new(&module.maps);
    let mut out = String::new();
    for program in &module.programs {
        world.records.clear();
        let result = interp::run(&module.maps, &program.function, &mut world);
        assert_eq!(result, Ok(0));
        for record in &world.records {
            let number = u32::from_le_bytes(record.bytes[..4].try_into().expect("4 bytes"));
            match &module.actions[number as usize] {
                Action::Printf { format, args } => {
                    let value = |arg: &beetrace::wire::record::Field| {
                        decode(&arg.ty, &record.bytes[arg.offset as usize..])
                    };
                    out += &printf(format, &args.iter().map(value).collect::<Vec<_>>());
                }
                Action::PrintMap { map, .. } => out += &map_line(module, &world, *map),
                Action::Clear { .. } => {}
                other => panic!("{other:?}"),
            }
        }
    }
    out
}

/// A keyless aggregation: `@name: number`.
fn map_line(module: &Module, world: &World, index: usize) -> String {
    let map = MapRef::from_u32(index as u32);
    let MapRole::User { name, .. } = &module.maps[map].role else { panic!("a map of the script") };
    let value = world.maps[&map].get(&[0; 4]).expect("its entry");
    format!("{name}: {}\n", i64::from_le_bytes(value[..8].try_into().expect("8 bytes")))
}

#[test]
fn random_scripts_do_what_they_mean() {
    for seed in 0..60 {
        let text = script::generate(seed, 2);
        let mut program = typed(&text);
        // Every second one without double-buffered maps: they print before they clear.
        program.maps.iter_mut().for_each(|map| map.cleared &= seed % 2 == 0);
        let wanted = meaning::run(&program).unwrap_or_else(|error| panic!("{error}\n{text}"));
        // The model runs on its CPU number 3.
        let facts = Facts { atomic_fetch: seed % 3 == 0, possible_cpus: 4, ..Facts::default() };
        let found = output(&module(&program, &facts));
        assert_eq!(found, wanted, "seed {seed}\n{text}");
    }
}
