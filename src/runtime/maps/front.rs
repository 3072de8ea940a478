//! Adds what programs keep in front of a map, see [`crate::wire::front`], to what was read of the map itself.

use std::io;

use rustc_hash::FxHashMap;

use super::Contents;
use crate::runtime::kernel::{KernelMaps, Table};
use crate::wire::front::Layout;
use crate::wire::map::{MapRole, MapSpec};

/// The front table of the map with this index, and how it lies.
fn of(maps: &[MapSpec], map: usize) -> Option<(usize, Layout)> {
    maps.iter().enumerate().find_map(|(index, spec)| match spec.role {
        MapRole::Front { of, layout } if of as usize == map => Some((index, layout)),
        _ => None,
    })
}

/// Adds the slots of the map's front table, if it has one, to its `contents`. Keys that came to the table after the
/// map was read are left for the next time.
///
/// # Errors
/// The system call's.
pub fn add(
    kernel: &mut dyn KernelMaps,
    maps: &[MapSpec],
    map: usize,
    contents: &mut Contents,
) -> io::Result<()> {
    let Some((index, layout)) = of(maps, map) else { return Ok(()) };
    let mut table = vec![0; maps[index].value_size as usize];
    if contents.len == 0 || !kernel.lookup(Table::Live(index), &[0; 4], &mut table)? {
        return Ok(());
    }
    let mut sums: FxHashMap<Vec<u8>, Vec<u64>> = FxHashMap::default();
    layout.each(&table, |key, values| {
        // short text has zeros behind it in the hash
        let mut whole = key.to_vec();
        whole.resize(contents.key_size, 0);
        let sum = sums.entry(whole).or_insert_with(|| vec![0; values.len()]);
        sum.iter_mut().zip(values).for_each(|(sum, value)| *sum = sum.wrapping_add(*value));
    });
    for row in 0..contents.len {
        let Some(sum) = sums.get(contents.key(row)) else { continue };
        let value = &mut contents.values[row * contents.value_size..][..contents.value_size];
        for (word, more) in value.chunks_exact_mut(8).zip(sum) {
            let old = u64::from_le_bytes((&*word).try_into().expect("8 bytes"));
            word.copy_from_slice(&old.wrapping_add(*more).to_le_bytes());
        }
    }
    Ok(())
}
