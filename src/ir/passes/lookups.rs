//! A key that was looked up is not looked up again.
//!
//! Along a straight line of code, a second lookup in the same map with the same key gives the first one's result, when
//! nothing was put into the map or taken out of it in between. Keys are compared by what is known of their bytes, so
//! that a key that was written anew, as statements do, is the same key. Writes to map values do not matter: they do
//! not move values.

use smallvec::SmallVec;

use crate::ir::contents::{Atom, Here, walk};
use crate::ir::edit::Cursor;
use crate::ir::entities::{Inst, MapRef, Value};
use crate::ir::function::{Function, InstData};
use crate::ir::helper::Helper;
use crate::ir::typing::{MapTarget, Maps};

/// Lookups that are remembered.
const MOST: usize = 8;

/// A lookup whose result still holds.
#[derive(Clone)]
struct Lookup {
    map: MapRef,
    /// What leads to the map: an inner map is not the one of another lookup.
    address: Value,
    key: SmallVec<[Atom; 16]>,
    result: Value,
}

pub(super) fn run(maps: &Maps, func: &mut Function) {
    walk::<Vec<Lookup>>(maps, func, |cursor, inst, here| {
        let InstData::Call { helper, args } = &cursor.func.insts[inst] else { return true };
        match helper {
            Helper::MapLookup => {
                let args = args.clone();
                lookup(cursor, inst, &args, here)
            }
            Helper::MapUpdate | Helper::MapDelete => {
                let target = MapTarget::of(maps, cursor.func, args[0]);
                here.state.retain(|lookup| Some(lookup.map) != target.map(|target| target.map));
                true
            }
            _ => true,
        }
    });
}

/// False when the lookup is not needed.
fn lookup(cursor: &mut Cursor<'_>, inst: Inst, args: &[Value], here: Here<'_, Vec<Lookup>>) -> bool {
    let func: &mut Function = cursor.func;
    let (Some(target), Some(result)) = (MapTarget::of(here.maps, func, args[0]), func.result(inst)) else {
        return true;
    };
    let access = here.places.access(func, args[1], 0, target.key_size);
    let Some(key) = access.and_then(|access| here.contents.atoms(&access)) else { return true };
    let address = func.resolve(args[0]);
    let is_same = |lookup: &&Lookup| {
        let address = lookup.address == address || is_outer(func, lookup.address) && is_outer(func, address);
        lookup.map == target.map && address && lookup.key == key
    };
    if let Some(found) = here.state.iter().find(is_same) {
        let earlier = found.result;
        func.replace(result, earlier);
        return false;
    }
    if here.state.len() == MOST {
        here.state.remove(0);
    }
    here.state.push(Lookup { map: target.map, address, key, result });
    true
}

/// The address is of the module's own map, not of one inside another.
fn is_outer(func: &Function, address: Value) -> bool {
    matches!(func.def_data(address), Some(InstData::MapAddr { .. }))
}
