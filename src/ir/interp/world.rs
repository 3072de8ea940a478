//! What a program can see and change.

use std::collections::BTreeMap;

use super::maps::MapState;
use crate::ir::entities::MapRef;
use crate::ir::fuzz::Random;
use crate::ir::helper::Helper;
use crate::ir::typing::Maps;
use crate::wire::map::MapKind;

/// Values of builtins, as the helpers give them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Builtins {
    /// tgid << 32 | tid
    pub pid_tgid: u64,
    /// gid << 32 | uid
    pub uid_gid: u64,
    /// The task's name, zero-padded.
    pub comm: [u8; 16],
    /// CLOCK_MONOTONIC in ns.
    pub ktime: u64,
    /// CLOCK_BOOTTIME in ns.
    pub ktime_boot: u64,
    /// What both clocks advance by at each reading.
    pub tick: u64,
    /// Seed of the random numbers.
    pub random: u64,
    /// The CPU.
    pub cpu: u32,
    /// Address of the task_struct.
    pub task: u64,
    /// Cgroup id.
    pub cgroup: u64,
    /// Address of the traced function.
    pub func_ip: u64,
    /// The link's cookie.
    pub cookie: u64,
}

impl Default for Builtins {
    fn default() -> Builtins {
        let mut comm = [0; 16];
        comm[..4].copy_from_slice(b"bash");
        Builtins {
            pid_tgid: 1234 << 32 | 1235,
            uid_gid: 100 << 32 | 1000,
            comm,
            ktime: 1_000_000_000,
            ktime_boot: 2_000_000_000,
            tick: 0,
            random: 1,
            cpu: 3,
            task: 0xffff_8880_0000_1000,
            cgroup: 77,
            func_ip: 0xffff_ffff_8100_0000,
            cookie: 5,
        }
    }
}

impl Builtins {
    /// The result of a helper that gives a builtin; None for every other. Reading a clock or a random number moves it on.
    pub fn call(&mut self, helper: Helper) -> Option<u64> {
        Some(match helper {
            Helper::KtimeNs => {
                self.ktime = self.ktime.wrapping_add(self.tick);
                self.ktime
            }
            Helper::KtimeBootNs => {
                self.ktime_boot = self.ktime_boot.wrapping_add(self.tick);
                self.ktime_boot
            }
            Helper::Random => {
                self.random = Random::new(self.random).bits();
                self.random & u64::from(u32::MAX)
            }
            Helper::Cpu => self.cpu.into(),
            Helper::PidTgid => self.pid_tgid,
            Helper::UidGid => self.uid_gid,
            Helper::CurrentTask | Helper::CurrentTaskBtf => self.task,
            Helper::CgroupId => self.cgroup,
            Helper::FuncIp => self.func_ip,
            Helper::AttachCookie => self.cookie,
            Helper::KtimeTaiNs => {
                self.ktime = self.ktime.wrapping_add(self.tick);
                self.ktime + 37_000_000_000
            }
            Helper::Jiffies => self.ktime / 4_000_000,
            Helper::NumaNode | Helper::OverrideReturn => 0,
            Helper::SendSignal | Helper::SendSignalThread => 0,
            _ => return None,
        })
    }
}

impl Builtins {
    /// What bpf_get_stack writes, zeros behind it, and how many bytes of it are the stack: three frames, of the kernel
    /// or of the process.
    pub(crate) fn stack(&self, size: usize, flags: u64) -> (Vec<u8>, i64) {
        let base: u64 = if flags & 256 != 0 { 0x40_1000 } else { 0xffff_ffff_8100_1000 };
        let mut bytes: Vec<u8> = (0..3).flat_map(|frame| (base + frame * 64).to_le_bytes()).collect();
        bytes.truncate(size / 8 * 8);
        let length = bytes.len() as i64;
        bytes.resize(size, 0);
        (bytes, length)
    }
}

/// A piece of kernel or user memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Area {
    /// Address of the first byte.
    pub base: u64,
    /// The bytes.
    pub bytes: Vec<u8>,
}

/// A record that was submitted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// To which ring.
    pub ring: MapRef,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// The flags of the submission.
    pub flags: u64,
}

/// The model of the kernel. Reading outside of every area is a fault, as of an address that is not mapped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct World {
    /// Values of builtins.
    pub builtins: Builtins,
    /// The context's bytes; as numbers they are at [`World::CONTEXT`].
    pub context: Vec<u8>,
    /// Kernel memory.
    pub kernel: Vec<Area>,
    /// User memory.
    pub user: Vec<Area>,
    /// Maps; of a map of maps the inner one. Rings are empty here.
    pub maps: BTreeMap<MapRef, MapState>,
    /// Bytes left in each ring.
    pub ring_room: BTreeMap<MapRef, u64>,
    /// What was submitted, in order.
    pub records: Vec<Record>,
    /// Instructions that may still run.
    pub fuel: u64,
    /// Rounds of loops that the kernel still allows.
    pub rounds: u64,
}

impl World {
    /// Address of the context as a number.
    pub const CONTEXT: u64 = 0xffff_c900_0000_0000;

    /// A world with empty maps, a context of 512 zero bytes, and fuel for a million instructions.
    pub fn new(maps: &Maps) -> World {
        let rings = maps.iter().filter(|(_, spec)| spec.kind == MapKind::Ring);
        World {
            builtins: Builtins::default(),
            context: vec![0; 512],
            kernel: Vec::new(),
            user: Vec::new(),
            maps: maps.iter().map(|(map, spec)| (map, MapState::new(spec))).collect(),
            ring_room: rings.map(|(map, spec)| (map, spec.max_entries.into())).collect(),
            records: Vec::new(),
            fuel: 1_000_000,
            rounds: 1 << 23,
        }
    }

    /// Takes one round of those that the kernel allows; false when there are none left.
    pub(crate) fn another_round(&mut self) -> bool {
        let left = self.rounds > 0;
        self.rounds = self.rounds.saturating_sub(1);
        left
    }

    /// Writes the keys of `map` to the array `into`, as [`crate::ir::InstData::Collect`] says; gives the new count.
    pub(crate) fn collect(
        &mut self,
        map: MapRef,
        into: MapRef,
        (mut count, first): (u64, u64),
        capacity: u64,
    ) -> u64 {
        let keys: Vec<Vec<u8>> = self
            .maps
            .get(&map)
            .map(|state| state.iter().map(|(key, _)| key.to_vec()).collect())
            .unwrap_or_default();
        let Some(array) = self.maps.get_mut(&into) else { return count };
        for key in keys {
            let at = count;
            count = count.wrapping_add(1);
            if at >= capacity {
                break;
            }
            let index = (first.wrapping_add(at) as u32).to_le_bytes();
            let Some(number) = array.find(&index) else { break };
            array.value_mut(number)[..key.len()].copy_from_slice(&key);
        }
        count
    }

    /// The bytes from an address up to the end of its area; None where nothing is mapped.
    pub(crate) fn mapped(&self, user: bool, address: u64) -> Option<&[u8]> {
        let inside = |base: u64, bytes: &'_ [u8]| {
            let at = address.checked_sub(base)?;
            (at < bytes.len() as u64).then_some(at as usize)
        };
        if let (false, Some(at)) = (user, inside(World::CONTEXT, &self.context)) {
            return Some(&self.context[at..]);
        }
        let areas = if user { &self.user } else { &self.kernel };
        areas.iter().find_map(|area| inside(area.base, &area.bytes).map(|at| &area.bytes[at..]))
    }
}
