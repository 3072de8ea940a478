//! Queues and stacks: their values are read by taking them out.
//!
//! To print one, all values are taken out and put back in their order. What programs push meanwhile comes before what is
//! put back, and where it takes the room, values find none: how many is told, so that they can be counted as lost.

use std::io;

use super::Contents;
use super::read::value_kind;
use crate::runtime::kernel::{KernelMaps, Table, Update};
use crate::wire::map::{MapKind, MapSpec};

/// Takes all values out. Keys are places: 0 left first.
///
/// # Errors
/// The system calls'.
pub fn take(kernel: &mut dyn KernelMaps, map: usize, spec: &MapSpec) -> io::Result<Contents> {
    let mut contents = Contents::new(4, value_kind(spec).size());
    let mut value = vec![0; spec.value_size as usize];
    // programs that push all the time do not keep this going for ever
    for place in 0..spec.max_entries {
        if !kernel.pop(Table::Live(map), &mut value)? {
            break;
        }
        contents.keys.extend_from_slice(&place.to_le_bytes());
        contents.values.extend_from_slice(&value[..contents.value_size]);
        contents.len += 1;
    }
    Ok(contents)
}

/// Puts values back that were taken out; how many found no room.
///
/// # Errors
/// The system calls'.
pub fn put_back(
    kernel: &mut dyn KernelMaps,
    map: usize,
    spec: &MapSpec,
    contents: &Contents,
) -> io::Result<u64> {
    let mut lost = 0;
    for row in 0..contents.len {
        // what leaves a stack first was put into it last
        let row = if spec.kind == MapKind::Stack { contents.len - 1 - row } else { row };
        match kernel.update(Table::Live(map), &[], contents.value(row), Update::Any) {
            Ok(_) => {}
            Err(error) if error.raw_os_error() == Some(libc::E2BIG) => lost += 1,
            Err(error) => return Err(error),
        }
    }
    Ok(lost)
}
