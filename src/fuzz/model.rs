//! What a module prints when its programs run in the interpreter's model of the kernel.
//!
//! Carries out the actions that random scripts have: printf, printing of keyless aggregations, clear. Formatting is
//! the runtime's own; a mistake there shows against `meaning`, which formats by itself.

use crate::codegen::inst::Code;
use crate::codegen::sim;
use crate::ir::interp::{self, MapState, World};
use crate::ir::{MapRef, Module};
use crate::runtime::names::SystemNames;
use crate::runtime::value::Context;
use crate::runtime::{format, value};
use crate::wire::map::{MapRole, ValueKind};
use crate::wire::record::{self, Action};

/// Runs every function once in the IR's interpreter, in order, and gives what was printed.
///
/// # Errors
/// When the interpreter traps, or a record asks for what this model does not do.
pub fn run(module: &Module) -> Result<String, String> {
    all(module, |index, world| {
        let function = &module.programs[index].function;
        interp::run(&module.maps, function, world).map(drop).map_err(|trap| trap.to_string())
    })
}

/// The same for the finished instructions.
///
/// # Errors
/// As [`run`].
pub fn run_code(module: &Module, codes: &[Code]) -> Result<String, String> {
    all(module, |index, world| {
        sim::run(&module.maps, &codes[index], world).map(drop).map_err(|fault| fault.to_string())
    })
}

fn all(
    module: &Module,
    mut execute: impl FnMut(usize, &mut World) -> Result<(), String>,
) -> Result<String, String> {
    let mut world = World::new(&module.maps);
    world.fuel = 100_000_000;
    let mut out = Vec::new();
    for index in 0..module.programs.len() {
        execute(index, &mut world)?;
        for taken in std::mem::take(&mut world.records) {
            act(module, &mut world, &taken.bytes, &mut out)?;
        }
    }
    String::from_utf8(out).map_err(|e| e.to_string())
}

fn act(module: &Module, world: &mut World, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), String> {
    let index = value::unsigned(&bytes[record::ACTION as usize..], 4) as usize;
    match &module.actions[index] {
        Action::Printf { format, args } => {
            let mut names = SystemNames::new(&module.probe_names, &module.texts, None);
            let mut context = Context { names: &mut names, raw: true };
            format::write(out, format, args, bytes, &mut context);
        }
        Action::PrintMap { map, .. } => print_map(module, world, *map, out)?,
        Action::Clear { map, .. } => {
            let map = MapRef::from_u32(*map as u32);
            world.maps.insert(map, MapState::new(&module.maps[map]));
        }
        other => return Err(format!("action {other:?}")),
    }
    Ok(())
}

/// `@name: value` of a keyless aggregation, nothing when nothing was put in.
fn print_map(module: &Module, world: &World, map: usize, out: &mut Vec<u8>) -> Result<(), String> {
    let map = MapRef::from_u32(map as u32);
    let MapRole::User { name, value, .. } = &module.maps[map].role else {
        return Err("printing a map that is not the script's".into());
    };
    let bytes = world.maps[&map].get(&[0; 4]).ok_or("a keyless map without its entry")?;
    let (first, second) = (value::signed(bytes, 8), bytes.get(8..).map(|b| value::signed(b, 8)));
    let shown = match value {
        ValueKind::Count | ValueKind::Sum { signed: true } => first.to_string(),
        ValueKind::Sum { signed: false } => (first as u64).to_string(),
        ValueKind::Min { .. } | ValueKind::Max { .. } if second == Some(0) => return Ok(()),
        ValueKind::Min { signed: true } | ValueKind::Max { signed: true } => first.to_string(),
        ValueKind::Min { .. } | ValueKind::Max { .. } => (first as u64).to_string(),
        other => return Err(format!("printing {other:?}")),
    };
    out.extend_from_slice(format!("{name}: {shown}\n").as_bytes());
    Ok(())
}
