//! What is built once for all programs: maps, actions, names; and the programs one by one.

use std::collections::HashMap;

use super::func::{FuncBuilder, NameSource};
use super::maps::{self, MapInfo};
use super::names::{Names, program_name};
use super::{Facts, walk};
use crate::diag::Sink;
use crate::ir::entities::{Inst, MapRef};
use crate::ir::function::{Function, InstData};
use crate::ir::module::{Module, Program};
use crate::sema::tree::{self, AttachPoint, MapId, Probe, ProbeKind, Stmt};
use crate::source::Span;
use crate::wire::front::Layout;
use crate::wire::map::{GLOBALS, MapKind, MapRole, MapSpec};
use crate::wire::record::{self, Action, Field};
use crate::wire::types::DataType;
use crate::wire::{align_up, ledger, stack};

/// Maps of our own, made when a program first uses them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum System {
    Ring,
    Ledger,
    Control,
    Globals,
    Zeros,
    /// Stacks of so many frames of so many bytes.
    Stacks {
        frame: u32,
        depth: u32,
    },
}

/// Which word of `bt_control` an address stands for; known when all actions are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ControlWord {
    ExitFlag,
    ExitCode,
}

/// The module being built.
pub struct ModuleBuilder<'m> {
    pub program: &'m tree::Program,
    pub facts: &'m Facts,
    pub sink: &'m mut Sink,
    module: Module,
    infos: Vec<MapInfo>,
    system: HashMap<System, MapRef>,
    fronts: HashMap<MapId, MapRef>,
    /// Programs and maps are symbols of one object: they share their names.
    names: Names,
    /// The action of each statement that has one: copies of a program share it.
    actions: HashMap<*const Stmt, u32>,
    /// The action of a process seen for the first time.
    sight: Option<u32>,
    /// Addresses in `bt_control` that lie behind the actions' counters: program, instruction.
    control_words: Vec<(usize, Inst, ControlWord)>,
}

impl<'m> ModuleBuilder<'m> {
    pub fn new(program: &'m tree::Program, facts: &'m Facts, sink: &'m mut Sink) -> ModuleBuilder<'m> {
        let mut names = Names::default();
        let (infos, specs) = maps::plan(program, facts, &mut names, sink);
        let module = Module {
            maps: specs.into_iter().collect(),
            clauses: program.clauses.clone(),
            probe_names: program.probe_names.clone(),
            texts: program.texts.clone(),
            import_stack: program.imports.iter().map(|import| import.stack).max().unwrap_or(0),
            taken: program.taken.clone(),
            imports: program.imports.iter().map(|import| import.name.clone()).collect(),
            ..Module::default()
        };
        ModuleBuilder {
            program,
            facts,
            sink,
            module,
            infos,
            system: HashMap::new(),
            fronts: HashMap::new(),
            names,
            actions: HashMap::new(),
            sight: None,
            control_words: Vec::new(),
        }
    }

    /// Builds the programs of one probe: one, or one an attach point where the body asks which it is and the
    /// kernel cannot say.
    pub fn probe(&mut self, probe: &'m Probe) {
        let asks = walk::uses_probe_name(probe);
        let cookies = self.facts.cookies
            && (matches!(probe.kind, ProbeKind::Kprobe | ProbeKind::Kretprobe | ProbeKind::Tracepoint)
                || probe.kind.in_user_space());
        if probe.kind.is_bound_to_target() {
            for attach in probe.attach.chunks(1) {
                let name = NameSource::Constant(attach[0].name_index);
                self.program(probe, attach, if asks { name } else { NameSource::Unused });
            }
            return;
        }
        match probe.attach.as_slice() {
            [only] if asks => self.program(probe, &probe.attach, NameSource::Constant(only.name_index)),
            [] | [_] => self.program(probe, &probe.attach, NameSource::Unused),
            _ if !asks => self.program(probe, &probe.attach, NameSource::Unused),
            _ if cookies => self.program(probe, &probe.attach, NameSource::Cookie),
            several => {
                for attach in several.chunks(1) {
                    self.program(probe, attach, NameSource::Constant(attach[0].name_index));
                }
            }
        }
    }

    fn program(&mut self, probe: &'m Probe, attach: &'m [AttachPoint], source: NameSource) {
        let wanted = attach.first().map_or("program", |attach| program_name(&attach.name));
        let name = self.names.unique(wanted);
        let function = Function::new(name, probe.kind, probe.clause, probe.span);
        let function = FuncBuilder::new(self, probe, attach, source, function).build();
        let cookies = source == NameSource::Cookie;
        let rounds = walk::rounds(&probe.body, self.program);
        self.module.programs.push(Program { function, attach: attach.to_vec(), cookies, rounds });
    }

    /// The finished module.
    pub fn finish(mut self) -> Module {
        let actions = self.module.actions.len() as u32;
        if let Some(control) = self.system.get(&System::Control) {
            self.module.maps[*control].value_size = record::control_size(actions);
        }
        for (program, inst, word) in &self.control_words {
            if let InstData::MapValueAddr { offset, .. } =
                &mut self.module.programs[*program].function.insts[*inst]
            {
                *offset = match word {
                    ControlWord::ExitFlag => record::exit_flag(actions),
                    ControlWord::ExitCode => record::exit_code(actions),
                };
            }
        }
        self.module
    }

    /// How a map of the script is kept.
    pub fn info(&self, map: MapId) -> &MapInfo {
        &self.infos[map.0 as usize]
    }

    /// What the module has to say of a map.
    pub fn spec(&self, map: MapRef) -> &MapSpec {
        &self.module.maps[map]
    }

    /// The number of the action that `statement` asks for.
    pub fn action(&mut self, statement: &'m Stmt, action: impl FnOnce() -> Action) -> u32 {
        let (list, spans) = (&mut self.module.actions, &mut self.module.action_spans);
        *self.actions.entry(statement).or_insert_with(|| {
            list.push(action());
            spans.push(statement.span);
            list.len() as u32 - 1
        })
    }

    /// The number of the action that tells of a process.
    pub fn sight(&mut self, span: Span) -> u32 {
        let (list, spans) = (&mut self.module.actions, &mut self.module.action_spans);
        *self.sight.get_or_insert_with(|| {
            let pid = Field { offset: record::HEADER, ty: DataType::Int { size: 4, signed: false } };
            list.push(Action::Sight { pid });
            spans.push(span);
            list.len() as u32 - 1
        })
    }

    /// The instruction `inst` of the program that is being built is an address of that word.
    pub fn control_word(&mut self, inst: Inst, word: ControlWord) {
        self.control_words.push((self.module.programs.len(), inst, word));
    }

    /// One of our own maps.
    pub fn system(&mut self, which: System) -> MapRef {
        if let Some(map) = self.system.get(&which) {
            return *map;
        }
        let spec = self.system_spec(which);
        let map = self.module.maps.push(spec);
        self.system.insert(which, map);
        map
    }

    /// An array for keys of so many bytes.
    pub fn keys(&mut self, key_size: u32, entries: u32) -> MapRef {
        let name = self.names.unique("bt_keys");
        self.module.maps.push(MapSpec {
            name,
            kind: MapKind::Array,
            inner: None,
            key_size: 4,
            value_size: align_up(key_size, 8),
            max_entries: entries,
            on_demand: false,
            mmap: false,
            role: MapRole::Keys,
            len_counter: None,
        })
    }

    /// The front table of a map, with so many slots.
    pub fn front(&mut self, map: MapId, layout: Layout, slots: u32) -> MapRef {
        if let Some(front) = self.fronts.get(&map) {
            return *front;
        }
        let front = self.module.maps.push(MapSpec {
            name: self.names.unique("bt_front"),
            kind: MapKind::Array,
            inner: None,
            key_size: 4,
            value_size: slots * layout.slot(),
            max_entries: 1,
            on_demand: false,
            mmap: false,
            role: MapRole::Front { of: map.0, layout },
            len_counter: None,
        });
        self.fronts.insert(map, front);
        front
    }

    /// The map of zeros, with room for `size` bytes.
    pub fn zeros(&mut self, size: u32) -> MapRef {
        let map = self.system(System::Zeros);
        let spec = &mut self.module.maps[map];
        spec.value_size = spec.value_size.max(align_up(size, 8));
        map
    }

    fn stacks_spec(&self, frame: u32, depth: u32) -> MapSpec {
        let on_demand = self.facts.on_demand_hash;
        let kind = if frame == stack::ADDRESS { "stacks" } else { "builds" };
        MapSpec {
            name: format!("bt_{kind}_{depth}"),
            kind: MapKind::Hash,
            inner: None,
            key_size: 8,
            value_size: stack::value_size(frame, depth),
            max_entries: if on_demand { stack::ENTRIES } else { stack::FEW_ENTRIES },
            on_demand,
            mmap: false,
            role: MapRole::Stacks { frame },
            len_counter: None,
        }
    }

    fn system_spec(&self, which: System) -> MapSpec {
        let counters = self.infos.iter().filter(|info| info.len_counter.is_some()).count() as u32;
        let (name, role, value_size, mmap) = match which {
            System::Ring => ("bt_ring", MapRole::Ring, 0, false),
            System::Ledger => {
                ("bt_ledger", MapRole::Ledger, ledger::size(self.program.clauses.len() as u32), true)
            }
            System::Control => ("bt_control", MapRole::Control, 0, true),
            System::Globals => ("bt_globals", MapRole::Globals, (GLOBALS + counters) * 8, true),
            System::Zeros => ("bt_zeros", MapRole::Zeros, 8, false),
            System::Stacks { frame, depth } => return self.stacks_spec(frame, depth),
        };
        let ring = which == System::Ring;
        MapSpec {
            name: name.into(),
            kind: if ring { MapKind::Ring } else { MapKind::Array },
            inner: None,
            key_size: if ring { 0 } else { 4 },
            value_size,
            max_entries: if ring { self.facts.ring_bytes() } else { 1 },
            on_demand: false,
            mmap,
            role,
            len_counter: None,
        }
    }
}
