//! Artifact → ELF object, in the dialect that libbpf loads.
//!
//! One section per kind and target of program (`kprobe/vfs_read`, `tp/syscalls/sys_enter_openat`, `perf_event`,
//! `raw_tp/begin`): programs of the same target share it, as sections of one name would lose their line info. Maps
//! are variables of the data section `.maps`, described in BTF with the types of their keys and values. `.BTF.ext` ties
//! each program to its function and the script's lines.
//!
//! **Addresses of map values.** A [`Reloc`] with a `value_offset` stands in the file as an ordinary relocation against
//! the map's symbol on a load of kind BPF_PSEUDO_MAP_VALUE whose second slot holds the offset and [`VALUE_MARK`]. libbpf makes such
//! addresses only into its own data sections, which would give the maps names like `.bss.x` and bind their layout;
//! it leaves the second slot alone, so the loader (`load::program`) turns the kind back after libbpf has put in the
//! map. Stock loaders take our files only when they do the same.
//!
//! **Callbacks** are functions of `.text`; a load of kind BPF_PSEUDO_FUNC with a relocation is the address of one. libbpf
//! copies what a program calls behind the program's own code.
//!
//! Invariants: every program's symbol is a global FUNC with its exact size; section names are unique.

use std::collections::HashMap;

use aya_obj::generated as kernel;
use object::elf::RelocationType;
use object::write::{Object, Relocation, SectionId, Symbol, SymbolId, SymbolSection};
use object::{
    Architecture, BinaryFormat, Endianness, RelocationFlags, SectionKind, SymbolFlags, SymbolKind,
    SymbolScope,
};

use super::artifact::{Artifact, Callback, Line, Program};
use super::btf::{self, Btf, Encoding, Id, LineInfo, Member, Placed, SectionInfo};
use super::types;
pub use super::types::MapTypes;
use crate::codegen::callback::{address_of, called, imported};
use crate::codegen::inst::{Insn, Reloc};
use crate::sema::tree::{Attach, ProbeKind};
use crate::wire::map::{MapKind, MapSpec};

/// A finished object.
#[derive(Clone, Debug)]
pub struct Elf {
    /// The file.
    pub bytes: Vec<u8>,
    /// BTF ids of the key and value of each map (of the inner one for a `Swapped` map); None for a ring.
    pub types: Vec<Option<MapTypes>>,
}

/// Writes `artifact` as an ELF object.
pub fn write(artifact: &Artifact) -> Elf {
    let mut writer = Writer::new(artifact);
    // libbpf's linker wants the same license of all, word for word; what programs are under is said when they are loaded
    if artifact.objects.is_empty() {
        let license = writer.section("license", SectionKind::Data);
        let text = [artifact.config.license.as_bytes(), b"\0"].concat();
        writer.object.append_section_data(license, &text, 1);
    }
    let types = writer.maps();
    writer.imports();
    writer.programs();
    writer.finish_btf();
    // writing an object of our own making to memory has no way to fail
    let bytes = writer.object.write().expect("a well-formed object");
    Elf { bytes, types }
}

/// The kernel's number for a kind of map.
pub fn map_type(kind: MapKind) -> u32 {
    use kernel::bpf_map_type as number;
    match kind {
        MapKind::Hash => number::BPF_MAP_TYPE_HASH as u32,
        MapKind::PerCpuHash => number::BPF_MAP_TYPE_PERCPU_HASH as u32,
        MapKind::LruHash => number::BPF_MAP_TYPE_LRU_HASH as u32,
        MapKind::PerCpuLruHash => number::BPF_MAP_TYPE_LRU_PERCPU_HASH as u32,
        MapKind::Array => number::BPF_MAP_TYPE_ARRAY as u32,
        MapKind::PerCpuArray => number::BPF_MAP_TYPE_PERCPU_ARRAY as u32,
        MapKind::LpmTrie => number::BPF_MAP_TYPE_LPM_TRIE as u32,
        MapKind::Queue => number::BPF_MAP_TYPE_QUEUE as u32,
        MapKind::Stack => number::BPF_MAP_TYPE_STACK as u32,
        MapKind::Ring => number::BPF_MAP_TYPE_RINGBUF as u32,
        MapKind::Swapped => number::BPF_MAP_TYPE_ARRAY_OF_MAPS as u32,
    }
}

/// The kernel's flags for a map (for the inner one of a `Swapped` map).
pub fn map_flags(spec: &MapSpec) -> u32 {
    let on_demand = if spec.on_demand { kernel::BPF_F_NO_PREALLOC } else { 0 };
    let mmap = if spec.mmap { kernel::BPF_F_MMAPABLE } else { 0 };
    on_demand | mmap
}

/// The section that tells libbpf a program's type, and people its target.
pub fn section_name(program: &Program) -> String {
    let target = match program.attach.as_slice() {
        [one] => match &one.target {
            Attach::Tracepoint { category, event } => format!("/{category}/{event}"),
            Attach::Kprobe { function, offset: 1.., .. } => format!("/{function}+"),
            Attach::Kprobe { function, .. } | Attach::Kretprobe { function, .. } => format!("/{function}"),
            Attach::Uprobe(at) | Attach::Uretprobe(at) | Attach::Usdt(at) => {
                format!("/{}:{:#x}", at.path, at.offset)
            }
            Attach::Rawtracepoint { event, .. } => format!("/{event}"),
            Attach::Fentry(traced) | Attach::Fexit(traced) => format!("/{}", traced.function),
            Attach::Iter { target, .. } => format!("/{target}"),
            _ => String::new(),
        },
        _ => String::new(),
    };
    match program.kind {
        ProbeKind::Begin => "raw_tp/begin".to_owned(),
        ProbeKind::End => "raw_tp/end".to_owned(),
        ProbeKind::SelfSignal | ProbeKind::Test | ProbeKind::Bench => {
            format!("raw_tp/{}", program.kind.name())
        }
        ProbeKind::Interval
        | ProbeKind::Profile
        | ProbeKind::Software
        | ProbeKind::Hardware
        | ProbeKind::Watchpoint => "perf_event".to_owned(),
        ProbeKind::Rawtracepoint => format!("raw_tp{target}"),
        ProbeKind::Fentry | ProbeKind::Fexit | ProbeKind::Iter => {
            // by their own prefix libbpf would read the kernel's types, which the loader does itself
            format!("raw_tp/{}{target}", program.kind.name())
        }
        ProbeKind::Tracepoint => format!("tp{target}"),
        ProbeKind::Kprobe if program.multi => "kprobe.multi".to_owned(),
        ProbeKind::Kretprobe if program.multi => "kretprobe.multi".to_owned(),
        ProbeKind::Kprobe => format!("kprobe{target}"),
        ProbeKind::Kretprobe => format!("kretprobe{target}"),
        ProbeKind::Uprobe | ProbeKind::Usdt if program.multi => "uprobe.multi".to_owned(),
        ProbeKind::Uretprobe if program.multi => "uretprobe.multi".to_owned(),
        ProbeKind::Uprobe | ProbeKind::Usdt => format!("uprobe{target}"),
        ProbeKind::Uretprobe => format!("uretprobe{target}"),
    }
}

/// In the second slot of a load: it is the address of a value, at the offset that the other bits give.
pub const VALUE_MARK: u32 = 1 << 31;

struct Writer<'a> {
    artifact: &'a Artifact,
    object: Object<'static>,
    btf: Btf,
    int: Id,
    maps: Vec<SymbolId>,
    imports: Vec<SymbolId>,
    /// Program sections by name, in the order of `info`.
    sections: HashMap<String, (SectionId, usize)>,
    info: Vec<SectionInfo>,
}

impl<'a> Writer<'a> {
    fn new(artifact: &'a Artifact) -> Writer<'a> {
        let mut btf = Btf::new();
        let int = btf.int("int", 4, Encoding::Signed);
        Writer {
            artifact,
            object: Object::new(BinaryFormat::Elf, Architecture::Bpf, Endianness::Little),
            btf,
            int,
            maps: Vec::new(),
            imports: Vec::new(),
            sections: HashMap::new(),
            info: Vec::new(),
        }
    }

    fn section(&mut self, name: &str, kind: SectionKind) -> SectionId {
        self.object.add_section(Vec::new(), name.as_bytes().to_vec(), kind)
    }

    fn symbol(
        &mut self,
        name: &str,
        kind: SymbolKind,
        section: SectionId,
        value: u64,
        size: u64,
    ) -> SymbolId {
        self.scoped_symbol((name, kind, SymbolScope::Dynamic), section, value, size)
    }

    fn scoped_symbol(
        &mut self,
        (name, kind, scope): (&str, SymbolKind, SymbolScope),
        section: SectionId,
        value: u64,
        size: u64,
    ) -> SymbolId {
        self.object.add_symbol(Symbol {
            name: name.as_bytes().to_vec(),
            value,
            size,
            kind,
            scope,
            weak: false,
            section: SymbolSection::Section(section),
            flags: SymbolFlags::None,
        })
    }

    /// `.maps`, its symbols and its types.
    fn maps(&mut self) -> Vec<Option<MapTypes>> {
        let artifact = self.artifact;
        if artifact.maps.is_empty() {
            return Vec::new();
        }
        let section = self.section(".maps", SectionKind::Data);
        let mut placed = Vec::new();
        let mut types = Vec::new();
        for spec in &artifact.maps {
            let key_value = types::of_map(&mut self.btf, spec);
            let (definition, size) = self.definition(spec, key_value);
            let var = self.btf.variable(&spec.name, definition);
            let offset = self.object.append_section_data(section, &vec![0; size as usize], 8);
            let symbol = self.symbol(&spec.name, SymbolKind::Data, section, offset, size.into());
            self.maps.push(symbol);
            placed.push(Placed { var, offset: offset as u32, size });
            types.push(key_value);
        }
        let end = placed.last().map_or(0, |last| last.offset + last.size);
        self.btf.section(".maps", end, &placed);
        types
    }

    /// The struct that describes a map to libbpf, and its size.
    fn definition(&mut self, spec: &MapSpec, types: Option<MapTypes>) -> (Id, u32) {
        let Some(inner) = spec.inner else { return self.plain_definition(spec.kind, spec, types) };
        let (inside, _) = self.plain_definition(inner, spec, types);
        let pointer = self.btf.pointer(inside);
        let values = self.btf.array(pointer, self.int, 0);
        let mut members = vec![
            self.number("type", map_type(spec.kind)),
            self.number("max_entries", 1),
            self.number("key_size", 4),
        ];
        members.push(("values", values));
        let size = 8 * (members.len() as u32 - 1);
        (self.members(size, &members), size)
    }

    fn plain_definition(&mut self, kind: MapKind, spec: &MapSpec, types: Option<MapTypes>) -> (Id, u32) {
        let mut members =
            vec![self.number("type", map_type(kind)), self.number("max_entries", spec.max_entries)];
        if map_flags(spec) != 0 {
            members.push(self.number("map_flags", map_flags(spec)));
        }
        // the kernel takes no type of a value without one of a key
        if kind.is_sequence() {
            members.push(self.number("value_size", spec.value_size));
        }
        if let Some(types) = types {
            members.push(("key", self.btf.pointer(types.key)));
            members.push(("value", self.btf.pointer(types.value)));
        }
        let size = 8 * members.len() as u32;
        (self.members(size, &members), size)
    }

    /// A number in a type: a pointer to an array of so many elements; of bytes, as the array's size must fit 32 bits.
    fn number(&mut self, name: &'static str, value: u32) -> (&'static str, Id) {
        let byte = self.btf.int("char", 1, Encoding::Char);
        let array = self.btf.array(byte, self.int, value);
        (name, self.btf.pointer(array))
    }

    fn members(&mut self, size: u32, members: &[(&str, Id)]) -> Id {
        let list: Vec<Member> = members
            .iter()
            .enumerate()
            .map(|(i, (name, ty))| Member { name: (*name).to_owned(), ty: *ty, offset: i as u32 * 8 })
            .collect();
        self.btf.structure("", size, &list)
    }

    /// The functions of other objects. Hidden: once they are linked, the verifier takes them as part of the programs that
    /// call them, with what it knows of the arguments.
    fn imports(&mut self) {
        for import in &self.artifact.imports {
            let proto = types::of_shape(&mut self.btf, &import.shape);
            self.btf.extern_function(&import.name, proto);
            let symbol = self.object.add_symbol(Symbol {
                name: import.name.as_bytes().to_vec(),
                value: 0,
                size: 0,
                kind: SymbolKind::Unknown,
                scope: SymbolScope::Unknown,
                weak: false,
                section: SymbolSection::Undefined,
                flags: SymbolFlags::Elf {
                    st_info: object::elf::SymbolInfo::new(object::elf::STB_GLOBAL, object::elf::STT_NOTYPE),
                    st_other: object::elf::STV_HIDDEN.into(),
                },
            });
            self.imports.push(symbol);
        }
    }

    fn programs(&mut self) {
        let artifact = self.artifact;
        let files: Vec<u32> = artifact.files.iter().map(|file| self.btf.string(file)).collect();
        for program in &artifact.programs {
            let (section, index) = self.program_section(&section_name(program));
            let code = ready(&program.insns, &program.relocs);
            let offset = self.object.append_section_data(section, &code, 8);
            self.symbol(&program.name, SymbolKind::Text, section, offset, code.len() as u64);
            self.relocations(section, offset, &program.relocs);
            self.callbacks((&program.name, &program.insns, &program.callbacks), (section, offset), &files);
            let function = self.btf.function(&program.name, self.int);
            self.info[index].functions.push((offset as u32, function));
            self.lines(index, offset, &program.lines, &files);
        }
        self.sort_text();
    }

    /// The records of `.text` ascend, though functions inside others were written before those others ended.
    fn sort_text(&mut self) {
        if let Some((_, index)) = self.sections.get(".text").copied() {
            self.info[index].functions.sort_by_key(|(offset, _)| *offset);
            self.info[index].lines.sort_by_key(|line| line.offset);
        }
    }

    /// Functions of a program, or of such a function, and where its code at `start` of `section` names them.
    fn callbacks(
        &mut self,
        (name, insns, callbacks): (&str, &[Insn], &[Callback]),
        (section, start): (SectionId, u64),
        files: &[u32],
    ) {
        let mut symbols = Vec::new();
        for (number, callback) in callbacks.iter().enumerate() {
            let (text, index) = self.program_section(".text");
            let code = ready(&callback.insns, &callback.relocs);
            let offset = self.object.append_section_data(text, &code, 8);
            let name = format!("{name}_f{number}");
            let linked = !self.artifact.objects.is_empty();
            let scope = if linked && !callback.called { SymbolScope::Linkage } else { SymbolScope::Dynamic };
            symbols.push(self.scoped_symbol(
                (&name, SymbolKind::Text, scope),
                text,
                offset,
                code.len() as u64,
            ));
            self.relocations(text, offset, &callback.relocs);
            // the linker wants a global function behind a global symbol; that it is hidden makes it static again
            let function = match callback.called || linked {
                true => self.btf.function(&name, self.int),
                false => self.btf.static_function(&name, self.int),
            };
            self.info[index].functions.push((offset as u32, function));
            self.lines(index, offset, &callback.lines, files);
            self.callbacks((&name, &callback.insns, &callback.callbacks), (text, offset), files);
        }
        for (at, insn) in insns.iter().enumerate() {
            let (symbols, number, kind) = match (address_of(*insn), called(*insn), imported(*insn)) {
                (Some(number), ..) => (&symbols, number, object::elf::R_BPF_64_64),
                (_, Some(number), _) => (&symbols, number, object::elf::R_BPF_64_32),
                (.., Some(number)) => (&self.imports, number, object::elf::R_BPF_64_32),
                _ => continue,
            };
            if let Some(symbol) = symbols.get(number as usize) {
                self.relocation(section, start + at as u64 * 8, *symbol, kind);
            }
        }
    }

    fn lines(&mut self, index: usize, offset: u64, lines: &[Line], files: &[u32]) {
        for line in lines {
            let text = self.btf.string(&line.text);
            self.info[index].lines.push(LineInfo {
                offset: offset as u32 + line.slot * 8,
                file: files.get(line.file as usize).copied().unwrap_or(0),
                text,
                line: line.line,
                column: line.column,
            });
        }
    }

    fn program_section(&mut self, name: &str) -> (SectionId, usize) {
        if let Some(found) = self.sections.get(name) {
            return *found;
        }
        let section = self.section(name, SectionKind::Text);
        let name_at = self.btf.string(name);
        self.info.push(SectionInfo { name: name_at, ..SectionInfo::default() });
        let entry = (section, self.info.len() - 1);
        self.sections.insert(name.to_owned(), entry);
        entry
    }

    fn relocations(&mut self, section: SectionId, start: u64, relocs: &[Reloc]) {
        for reloc in relocs {
            let symbol = self.maps[reloc.map.as_u32() as usize];
            self.relocation(section, start + u64::from(reloc.at) * 8, symbol, object::elf::R_BPF_64_64);
        }
    }

    fn relocation(&mut self, section: SectionId, offset: u64, symbol: SymbolId, kind: RelocationType) {
        let flags = RelocationFlags::Elf { r_type: kind };
        let relocation = Relocation { offset, symbol, addend: 0, flags };
        // fails only for addends and kinds that the format has no room for
        self.object.add_relocation(section, relocation).expect("a relocation that BPF has");
    }

    fn finish_btf(&mut self) {
        let types = self.section(".BTF", SectionKind::Other);
        self.object.append_section_data(types, &self.btf.bytes(), 8);
        let info = self.section(".BTF.ext", SectionKind::Other);
        self.object.append_section_data(info, &btf::ext(&self.info), 8);
    }
}

/// The code with its map loads made ready for relocation.
fn ready(insns: &[Insn], relocs: &[Reloc]) -> Vec<u8> {
    let mut insns = insns.to_vec();
    for insn in &mut insns {
        if address_of(*insn).is_some() {
            insn.imm = 0;
        } else if called(*insn).or(imported(*insn)).is_some() {
            insn.imm = -1;
        }
    }
    for reloc in relocs {
        let at = reloc.at as usize;
        insns[at].src = map_load(reloc);
        insns[at].imm = 0;
        insns[at + 1].imm = reloc.value_offset.map_or(0, |offset| (offset | VALUE_MARK) as i32);
    }
    insns.iter().flat_map(|insn| insn.bytes()).collect()
}

/// The pseudo kind of the load that `reloc` is on.
pub fn map_load(reloc: &Reloc) -> u8 {
    let kind =
        if reloc.value_offset.is_some() { kernel::BPF_PSEUDO_MAP_VALUE } else { kernel::BPF_PSEUDO_MAP_FD };
    kind as u8
}
