//! Maps inside a map: a `Swapped` map has one slot, and what is in it can be exchanged as a whole.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::sync::Mutex;
use std::thread::{Scope, ScopedJoinHandle};

use libbpf_rs::{MapHandle, MapType};
use libbpf_sys as sys;

use super::error::LoadError;
use super::kernel::{check, last_error};
use crate::object::artifact::Artifact;
use crate::object::elf::{self, Elf, MapTypes};
use crate::wire::map::{MapKind, MapSpec};

/// How to make the inner maps of one `Swapped` map, and the one in the slot.
#[derive(Debug)]
pub struct Swap {
    maker: Maker,
    current: Mutex<MapHandle>,
}

impl Swap {
    /// For the map `spec`, whose inner map is of kind `inner` with `types` for key and value. Puts a first, empty
    /// map into the slot of `outer`.
    pub fn new(
        spec: &MapSpec,
        inner: MapKind,
        types: Option<MapTypes>,
        btf: Option<BorrowedFd>,
        outer: BorrowedFd,
    ) -> io::Result<Swap> {
        let btf = btf.map(|fd| fd.try_clone_to_owned()).transpose()?;
        let maker = Maker {
            name: spec.name.clone(),
            kind: elf::map_type(inner),
            key_size: spec.key_size,
            value_size: spec.value_size,
            max_entries: spec.max_entries,
            flags: elf::map_flags(spec),
            btf: btf.zip(types),
        };
        let first = maker.make()?;
        install(outer, &first)?;
        Ok(Swap { maker, current: Mutex::new(first) })
    }

    /// Puts an empty map into the slot of `outer` and gives the one that was there. No program uses that any more.
    pub fn exchange(&self, outer: BorrowedFd) -> io::Result<MapHandle> {
        let fresh = self.maker.make()?;
        let mut current = self.current.lock().expect("nothing panics with the lock");
        install(outer, &fresh)?;
        Ok(std::mem::replace(&mut *current, fresh))
    }

    /// Another handle of the map in the slot.
    pub fn current(&self) -> io::Result<MapHandle> {
        let current = self.current.lock().expect("nothing panics with the lock");
        MapHandle::try_from(&*current).map_err(last_error)
    }
}

/// Swaps being made, each in its own thread, by the map's index in the artifact.
type Started<'scope> = Vec<Option<ScopedJoinHandle<'scope, io::Result<Swap>>>>;

/// Starts to fill every `Swapped` map of `artifact`.
pub fn start<'scope, 'env>(
    scope: &'scope Scope<'scope, 'env>,
    artifact: &'env Artifact,
    maps: &'env [MapHandle],
    elf: &'env Elf,
    btf: Option<BorrowedFd<'env>>,
) -> Started<'scope> {
    let start = |((spec, map), types): ((&'env MapSpec, &'env MapHandle), &'env Option<MapTypes>)| {
        let inner = spec.inner?;
        Some(scope.spawn(move || Swap::new(spec, inner, *types, btf, map.as_fd())))
    };
    artifact.maps.iter().zip(maps).zip(&elf.types).map(start).collect()
}

/// Waits until all are filled.
pub fn finish(started: Started) -> Result<Vec<Option<Swap>>, LoadError> {
    let finish = |(map, thread): (usize, Option<ScopedJoinHandle<io::Result<Swap>>>)| {
        let swap = thread.map(|thread| thread.join().expect("nothing panics in there"));
        swap.transpose().map_err(|error| LoadError::map(map, &error))
    };
    started.into_iter().enumerate().map(finish).collect()
}

/// Makes inner maps. All are alike: the kernel insists.
#[derive(Debug)]
struct Maker {
    name: String,
    kind: u32,
    key_size: u32,
    value_size: u32,
    max_entries: u32,
    flags: u32,
    /// The object's BTF and the types in it.
    btf: Option<(OwnedFd, MapTypes)>,
}

impl Maker {
    fn make(&self) -> io::Result<MapHandle> {
        let mut options = sys::bpf_map_create_opts {
            sz: size_of::<sys::bpf_map_create_opts>() as sys::size_t,
            map_flags: self.flags,
            ..Default::default()
        };
        if let Some((btf, types)) = &self.btf {
            options.btf_fd = btf.as_raw_fd() as u32;
            options.btf_key_type_id = types.key.0;
            options.btf_value_type_id = types.value.0;
        }
        let (kind, name) = (MapType::from(self.kind), Some(self.name.as_str()));
        MapHandle::create(kind, name, self.key_size, self.value_size, self.max_entries, &options)
            .map_err(last_error)
    }
}

/// Puts `inner` into the slot of `outer`; the kernel waits for the programs that still use what was there.
fn install(outer: BorrowedFd, inner: &MapHandle) -> io::Result<()> {
    let (slot, fd) = (0u32, inner.as_fd().as_raw_fd());
    // SAFETY: key and value are 4 bytes each, as the outer map wants.
    let result = unsafe {
        sys::bpf_map_update_elem(outer.as_raw_fd(), (&raw const slot).cast(), (&raw const fd).cast(), 0)
    };
    check(result).map(drop)
}
