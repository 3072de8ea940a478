//! The maps and the world of random functions.

use super::Random;
use crate::ir::entities::MapRef;
use crate::ir::interp::{Area, World};
use crate::ir::typing::Maps;
use crate::wire::map::{MapKind, MapRole, MapSpec, ValueKind};
use crate::wire::types::DataType;

/// A hash that is soon full: keys of 8 bytes, values of 16.
pub(super) const HASH: u32 = 0;
/// An array of one entry of 32 bytes.
pub(super) const GLOBALS: u32 = 1;
/// A per-CPU array of four entries of 16 bytes.
pub(super) const ARRAY: u32 = 2;
/// A ring.
pub(super) const RING: u32 = 3;
/// A map of maps with a hash inside: keys of 8 bytes, values of 8.
pub(super) const SWAPPED: u32 = 4;

/// The maps, by the numbers above.
pub(super) fn maps() -> Maps {
    let spec = |name: &str, kind, (key_size, value_size, max_entries): (u32, u32, u32)| MapSpec {
        name: name.to_owned(),
        kind,
        inner: None,
        key_size,
        value_size,
        max_entries,
        on_demand: false,
        mmap: false,
        role: MapRole::User {
            name: format!("@{name}"),
            key: Some(DataType::Bytes { size: key_size }),
            value: ValueKind::Plain(DataType::Bytes { size: value_size }),
        },
        len_counter: None,
    };
    let mut maps = Maps::new();
    maps.push(spec("hash", MapKind::Hash, (8, 16, 4)));
    maps.push(MapSpec { role: MapRole::Globals, ..spec("globals", MapKind::Array, (4, 32, 1)) });
    maps.push(spec("array", MapKind::PerCpuArray, (4, 16, 4)));
    maps.push(MapSpec { role: MapRole::Ring, ..spec("ring", MapKind::Ring, (0, 0, 4096)) });
    maps.push(MapSpec { inner: Some(MapKind::Hash), ..spec("swapped", MapKind::Swapped, (8, 8, 8)) });
    maps
}

/// Where some kernel and user memory is.
pub(super) const KERNEL: u64 = 0xffff_8880_0000_0000;
pub(super) const USER: u64 = 0x7fff_0000_1000;
/// Bytes there are at each.
pub(super) const AREA: u64 = 64;

/// A world for the function of a seed: a context, memory and builtins of random bytes, some entries in the hash, a ring
/// that now and then has no room.
pub fn world(seed: u64, maps: &Maps) -> World {
    let mut random = Random::new(!seed);
    let mut world = World::new(maps);
    world.context.iter_mut().for_each(|byte| *byte = random.bits() as u8);
    let mut bytes = |len: u64| (0..len).map(|_| random.bits() as u8 % 8).collect::<Vec<_>>();
    world.kernel.push(Area { base: KERNEL, bytes: bytes(AREA) });
    world.user.push(Area { base: USER, bytes: bytes(AREA) });
    world.builtins.pid_tgid = random.bits();
    world.builtins.uid_gid = random.bits();
    world.builtins.random = random.bits();
    world.builtins.cpu = random.below(8) as u32;
    if let Some(map) = world.maps.get_mut(&MapRef::from_u32(HASH)) {
        for key in 0..random.below(4) {
            map.update(&(key * 3).to_le_bytes(), &[random.bits() as u8; 16], 0);
        }
    }
    if let Some(room) = world.ring_room.get_mut(&MapRef::from_u32(RING)) {
        *room = random.below(200);
    }
    world
}
