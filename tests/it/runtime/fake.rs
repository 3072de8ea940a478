//! A kernel in memory: maps, a ring, shared words. A "program" of the test runs before every call that the runtime makes,
//! as programs on other CPUs do, and between the records that it takes.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::os::fd::RawFd;
use std::sync::atomic::{AtomicU64, Ordering};

use beetrace::object::artifact::{Artifact, AttachPoint, Program};
use beetrace::runtime::failure::Failure;
use beetrace::runtime::kernel::{Batch, Cursor, Kernel, KernelMaps, Missed, Records, Shared, Table, Update};
use beetrace::sema::tree::{Attach, ProbeKind};
use beetrace::wire::map::{GLOBALS, MapKind, MapRole, MapSpec, ValueKind};
use beetrace::wire::record::{self, Action};
use beetrace::wire::types::DataType;

/// Keys and values.
pub type Entries = BTreeMap<Vec<u8>, Vec<u8>>;

/// The part that programs see.
pub struct World {
    /// Maps, by the artifact's index: for `Swapped` maps the one in the slot.
    pub maps: Vec<Entries>,
    /// Zero-initialised value of array maps; None for hashes.
    zeros: Vec<Option<Vec<u8>>>,
    /// Records that were submitted.
    pub ring: VecDeque<Vec<u8>>,
    /// Records that the ring holds.
    pub room: usize,
    /// The control words.
    pub control: Vec<AtomicU64>,
    /// The global words.
    pub globals: Vec<AtomicU64>,
    actions: u32,
}

impl World {
    /// A record of `action` with this payload; false when the ring is full. Control actions are counted then.
    pub fn submit(&mut self, action: usize, clause: u32, payload: &[u8], control: bool) -> bool {
        if self.ring.len() >= self.room {
            if control {
                self.control[action].fetch_add(1, Ordering::Relaxed);
            }
            return false;
        }
        let header = [(action as u32).to_le_bytes(), clause.to_le_bytes()].concat();
        self.ring.push_back([header, payload.to_vec()].concat());
        true
    }

    /// `exit(status)` with the action's index.
    pub fn exit(&mut self, action: usize, status: u64) {
        self.control[record::exit_code(self.actions) as usize / 8].store(status, Ordering::Relaxed);
        self.control[record::exit_flag(self.actions) as usize / 8].store(1, Ordering::Relaxed);
        self.submit(action, 0, &[], true);
    }

    /// Adds to the first word of a value; true when the key is new.
    pub fn add(&mut self, map: usize, key: &[u8], amount: u64) -> bool {
        let new = !self.maps[map].contains_key(key);
        let value = self.maps[map].entry(key.to_vec()).or_insert_with(|| vec![0; 8]);
        let sum = u64::from_le_bytes(value[..8].try_into().unwrap()) + amount;
        value[..8].copy_from_slice(&sum.to_le_bytes());
        new
    }
}

/// Code of a program.
pub type Hook<'a> = Box<dyn FnMut(&mut World) + 'a>;

/// What programs do, and when.
#[derive(Default)]
pub struct Hooks<'a> {
    /// Before every call while attached.
    pub step: Option<Hook<'a>>,
    /// Before a record is taken while attached.
    pub record: Option<Hook<'a>>,
    /// BEGIN.
    pub begin: Option<Hook<'a>>,
    /// END.
    pub end: Option<Hook<'a>>,
}

/// The kernel.
pub struct Fake<'a> {
    /// What programs see.
    pub world: World,
    /// What programs do.
    pub hooks: Hooks<'a>,
    specs: Vec<MapSpec>,
    taken: Vec<Entries>,
    current: Vec<u8>,
    attached: bool,
    /// Attach points to report.
    pub points: usize,
    /// Without batches: all reads walk.
    pub old: bool,
    /// Entries of a bucket of a hash.
    pub bucket: usize,
    /// Maps cannot be read.
    pub broken: bool,
    /// What the iterators give to read, once.
    pub objects: Vec<std::fs::File>,
}

impl<'a> Fake<'a> {
    /// For the maps and actions of an artifact.
    pub fn new(artifact: &Artifact, hooks: Hooks<'a>) -> Fake<'a> {
        let words = |count: u32| (0..count).map(|_| AtomicU64::new(0)).collect::<Vec<_>>();
        let actions = artifact.actions.len() as u32;
        let array = |spec: &MapSpec| {
            let kind = spec.inner.unwrap_or(spec.kind);
            matches!(kind, MapKind::Array | MapKind::PerCpuArray).then(|| vec![0; spec.value_size as usize])
        };
        let zeros: Vec<Option<Vec<u8>>> = artifact.maps.iter().map(array).collect();
        let fresh = |zero: &Option<Vec<u8>>| zero.iter().map(|z| (vec![0; 4], z.clone())).collect();
        let world = World {
            maps: zeros.iter().map(fresh).collect(),
            zeros,
            ring: VecDeque::new(),
            room: 64,
            control: words(record::control_size(actions) / 8),
            globals: words(GLOBALS + 8),
            actions,
        };
        let taken = vec![Entries::new(); artifact.maps.len()];
        let specs = artifact.maps.clone();
        Fake {
            world,
            hooks,
            specs,
            taken,
            current: Vec::new(),
            attached: true,
            points: 1,
            old: false,
            bucket: 3,
            broken: false,
            objects: Vec::new(),
        }
    }

    fn step(&mut self) {
        if self.attached
            && let Some(step) = &mut self.hooks.step
        {
            step(&mut self.world);
        }
    }

    fn check(&self) -> io::Result<()> {
        if self.broken { Err(io::Error::from_raw_os_error(libc::EIO)) } else { Ok(()) }
    }

    fn entries(&mut self, table: Table) -> &mut Entries {
        match table {
            Table::Live(map) => &mut self.world.maps[map],
            Table::Taken(map) => &mut self.taken[map],
        }
    }
}

impl KernelMaps for Fake<'_> {
    fn cpus(&self) -> usize {
        1
    }

    fn lookup(&mut self, table: Table, key: &[u8], value: &mut [u8]) -> io::Result<bool> {
        self.step();
        self.check()?;
        Ok(self.entries(table).get(key).map(|found| value.copy_from_slice(found)).is_some())
    }

    fn update(&mut self, table: Table, key: &[u8], value: &[u8], update: Update) -> io::Result<bool> {
        self.step();
        let there = self.entries(table).contains_key(key);
        let allowed = match update {
            Update::Any => true,
            Update::New => !there,
            Update::Existing => there,
        };
        if allowed {
            self.entries(table).insert(key.to_vec(), value.to_vec());
        }
        Ok(allowed)
    }

    fn pop(&mut self, table: Table, value: &mut [u8]) -> io::Result<bool> {
        self.step();
        let next = self.entries(table).pop_first();
        Ok(next.map(|(_, next)| value.copy_from_slice(&next)).is_some())
    }

    fn delete(&mut self, table: Table, key: &[u8]) -> io::Result<bool> {
        self.step();
        Ok(self.entries(table).remove(key).is_some())
    }

    fn next_key(&mut self, table: Table, key: Option<&[u8]>, next: &mut [u8]) -> io::Result<bool> {
        self.step();
        self.check()?;
        let entries = self.entries(table);
        let found = match key.filter(|key| entries.contains_key(*key)) {
            Some(key) => entries.range(key.to_vec()..).nth(1),
            None => entries.iter().next(),
        };
        Ok(found.map(|(key, _)| next.copy_from_slice(key)).is_some())
    }

    fn batch(
        &mut self,
        table: Table,
        cursor: &mut Cursor,
        keys: &mut [u8],
        values: &mut [u8],
    ) -> io::Result<Batch> {
        self.step();
        self.check()?;
        if self.old {
            return Err(io::Error::from_raw_os_error(524));
        }
        let (Table::Live(map) | Table::Taken(map)) = table;
        let (key_size, value_size) = (self.specs[map].key_size as usize, self.specs[map].value_size as usize);
        let (room, bucket) = (keys.len() / key_size, self.bucket);
        // a bucket holds the keys of one residue, so that it does not change when other keys come and go
        let buckets = 16;
        let of = |key: &[u8]| usize::from(key[0]) % buckets / bucket;
        let (mut count, mut at) = (0, cursor.map_or(0, |c| u64::from_le_bytes(c) as usize));
        while at < buckets {
            let found: Vec<(Vec<u8>, Vec<u8>)> = self
                .entries(table)
                .iter()
                .filter(|(key, _)| of(key) == at)
                .map(|(key, value)| (key.clone(), value.clone()))
                .collect();
            if count + found.len() > room {
                if count == 0 {
                    return Err(io::Error::from_raw_os_error(libc::ENOSPC));
                }
                break;
            }
            for (key, value) in found {
                keys[count * key_size..][..key_size].copy_from_slice(&key);
                values[count * value_size..][..value_size].copy_from_slice(&value);
                count += 1;
            }
            at += 1;
            // few at a time, so that programs run in between
            if count > 0 && at < buckets {
                break;
            }
        }
        *cursor = Some((at as u64).to_le_bytes());
        Ok(Batch { count, end: at == buckets })
    }

    fn take(&mut self, map: usize) -> io::Result<()> {
        assert_eq!(self.specs[map].kind, MapKind::Swapped);
        self.step();
        let fresh = self.world.zeros[map].iter().map(|zero| (vec![0; 4], zero.clone())).collect();
        self.taken[map] = std::mem::replace(&mut self.world.maps[map], fresh);
        self.step();
        Ok(())
    }

    fn release(&mut self, map: usize) {
        self.step();
        self.taken[map].clear();
    }
}

impl Records for Fake<'_> {
    fn fd(&self) -> Option<RawFd> {
        None
    }

    fn fill(&self) -> u64 {
        self.world.ring.len() as u64
    }

    fn next(&mut self) -> Option<&[u8]> {
        self.step();
        if self.attached
            && let Some(record) = &mut self.hooks.record
        {
            record(&mut self.world);
        }
        let next = self.world.ring.pop_front();
        if next.is_none() {
            // programs go on between the runtime's finding the ring empty and what it does then
            (0..20).for_each(|_| self.step());
        }
        self.current = next?;
        Some(&self.current)
    }
}

impl Kernel for Fake<'_> {
    fn begin(&mut self) -> Result<(), Failure> {
        if let Some(begin) = &mut self.hooks.begin {
            begin(&mut self.world);
        }
        Ok(())
    }

    fn attach(&mut self) -> Result<usize, Failure> {
        self.attached = true;
        Ok(self.points)
    }

    fn detach(&mut self) {
        self.attached = false;
    }

    fn end(&mut self) -> Result<(), Failure> {
        if let Some(end) = &mut self.hooks.end {
            end(&mut self.world);
        }
        Ok(())
    }

    fn records(&mut self) -> Option<&mut dyn Records> {
        Some(self)
    }

    fn shared(&self, shared: Shared) -> &[AtomicU64] {
        match shared {
            Shared::Ledger => &[],
            Shared::Control => &self.world.control,
            Shared::Globals => &self.world.globals,
        }
    }

    fn missed(&mut self) -> Vec<Missed> {
        Vec::new()
    }

    fn run(&mut self, _: usize) -> Result<u32, Failure> {
        Ok(0)
    }

    fn iterators(&mut self) -> Result<Vec<std::fs::File>, Failure> {
        Ok(std::mem::take(&mut self.objects))
    }
}

/// A map of the script: keyed by u64 unless `keyless`.
pub fn map(name: &str, kind: MapKind, inner: Option<MapKind>, value: ValueKind, keyless: bool) -> MapSpec {
    let key = DataType::Int { size: 8, signed: false };
    MapSpec {
        name: name.replace('@', "m_"),
        kind,
        inner,
        key_size: if keyless { 4 } else { 8 },
        value_size: value.size(),
        max_entries: 100,
        on_demand: false,
        mmap: false,
        role: MapRole::User { name: name.to_owned(), key: (!keyless).then_some(key), value },
        len_counter: None,
    }
}

/// An artifact of maps and actions, with one clause.
pub fn artifact(maps: Vec<MapSpec>, actions: Vec<Action>) -> Artifact {
    let attach = |name: &str, target| AttachPoint { name: name.into(), target, cookie: 0, place: (0, 1, 1) };
    let program = |name: &str, kind, target| Program {
        name: name.into(),
        kind,
        clause: 0,
        insns: Vec::new(),
        relocs: Vec::new(),
        callbacks: Vec::new(),
        lines: Vec::new(),
        attach: vec![attach(name, target)],
        cookies: false,
        multi: false,
    };
    Artifact {
        programs: vec![program("begin", ProbeKind::Begin, Attach::Begin)],
        maps,
        actions,
        clauses: vec!["begin".into()],
        ..Artifact::default()
    }
}
