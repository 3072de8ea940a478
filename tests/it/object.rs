//! The object writer, judged by readers that are not ours: aya-obj's and the object crate's.

use aya_obj::{Map, Object, ProgramSection};
use beetrace::object::elf;
use beetrace::sema::tree::{Attach, ProbeKind};
use object::{Object as _, ObjectSection, ObjectSymbol, SymbolKind};

use crate::handmade::{self, counting};

/// Every kind of program that aya-obj knows.
fn with_every_kind() -> beetrace::object::artifact::Artifact {
    let mut artifact = handmade::artifact();
    let tracepoint = |event: &str| Attach::Tracepoint { category: "syscalls".into(), event: event.into() };
    let kprobe = Attach::Kprobe { function: "vfs_read".into(), module: None, offset: 0 };
    let kretprobe = Attach::Kretprobe { function: "vfs_read".into(), module: None };
    let interval = Attach::Interval { period: 1_000_000_000 };
    let profile = Attach::Profile { period: None, frequency: Some(99) };
    artifact.programs.extend([
        counting("tp_one", ProbeKind::Tracepoint, ("tracepoint:syscalls:a", tracepoint("a"))),
        counting("tp_two", ProbeKind::Tracepoint, ("tracepoint:syscalls:b", tracepoint("b"))),
        counting("kprobe_vfs_read", ProbeKind::Kprobe, ("kprobe:vfs_read", kprobe.clone())),
        counting("kprobe_vfs_read_2", ProbeKind::Kprobe, ("kprobe:vfs_read", kprobe)),
        counting("kretprobe_vfs_read", ProbeKind::Kretprobe, ("kretprobe:vfs_read", kretprobe)),
        counting("interval_s_1", ProbeKind::Interval, ("interval:s:1", interval)),
        counting("profile_hz_99", ProbeKind::Profile, ("profile:hz:99", profile)),
    ]);
    artifact
}

#[test]
fn aya_reads_programs_maps_and_types() {
    let artifact = with_every_kind();
    let bytes = elf::write(&artifact).bytes;
    let read = Object::parse(&bytes).expect("aya-obj takes the object");
    let mut names: Vec<&str> = read.programs.keys().map(String::as_str).collect();
    names.sort_unstable();
    let mut expected: Vec<&str> = artifact.programs.iter().map(|p| p.name.as_str()).collect();
    expected.sort_unstable();
    assert_eq!(names, expected);
    assert!(matches!(read.programs["BEGIN"].section, ProgramSection::RawTracePoint));
    assert!(matches!(read.programs["tp_two"].section, ProgramSection::TracePoint));
    assert!(matches!(read.programs["kprobe_vfs_read_2"].section, ProgramSection::KProbe));
    assert!(matches!(read.programs["interval_s_1"].section, ProgramSection::PerfEvent));
    for (index, spec) in artifact.maps.iter().enumerate() {
        let map = &read.maps[&spec.name];
        assert!(matches!(map, Map::Btf(_)));
        assert_eq!(map.map_type(), elf::map_type(spec.kind), "{}", spec.name);
        if index != handmade::RING && index != handmade::SWAP {
            let sizes = (map.key_size(), map.value_size(), map.max_entries());
            assert_eq!(sizes, (spec.key_size, spec.value_size, spec.max_entries), "{}", spec.name);
        }
    }
    assert_eq!(read.maps["bt_ledger"].map_flags(), 1 << 10);
    assert_eq!(&*read.license.to_string_lossy(), "GPL");
    let btf = read.btf.as_ref().expect("BTF");
    assert!(btf.id_by_type_name_kind("BEGIN", aya_obj::btf::BtfKind::Func).is_ok());
}

#[test]
fn code_lies_where_its_symbol_says_with_line_info_and_relocations() {
    let artifact = with_every_kind();
    let bytes = elf::write(&artifact).bytes;
    let file = object::File::parse(&*bytes).unwrap();
    for program in &artifact.programs {
        let symbol = file.symbols().find(|s| s.name() == Ok(&program.name)).expect("a symbol a program");
        assert_eq!((symbol.kind(), symbol.is_global()), (SymbolKind::Text, true));
        assert_eq!(symbol.size(), program.insns.len() as u64 * 8, "{}", program.name);
        let section = file.section_by_index(symbol.section_index().unwrap()).unwrap();
        assert_eq!(section.name(), Ok(&*elf::section_name(program)));
        let code = &section.data().unwrap()[symbol.address() as usize..];
        let first = program.relocs[0].at as usize;
        assert_eq!(
            code[..first * 8],
            program.insns[..first].iter().flat_map(|i| i.bytes()).collect::<Vec<_>>()
        );
        for reloc in &program.relocs {
            let at = symbol.address() + u64::from(reloc.at) * 8;
            let (_, found) = section.relocations().find(|(offset, _)| *offset == at).expect("a relocation");
            let object::RelocationTarget::Symbol(target) = found.target() else { panic!("not a symbol") };
            let spec = &artifact.maps[reloc.map.as_u32() as usize];
            assert_eq!(file.symbol_by_index(target).unwrap().name(), Ok(&*spec.name));
            let slots = &code[reloc.at as usize * 8..][..16];
            assert_eq!(slots[1] >> 4, if reloc.value_offset.is_some() { 2 } else { 1 });
            let marked = reloc.value_offset.map_or(0, |offset| offset | elf::VALUE_MARK);
            assert_eq!(slots[12..], marked.to_le_bytes());
        }
    }
    let names: Vec<_> = file.sections().filter_map(|s| s.name().ok().map(str::to_owned)).collect();
    let mut unique = names.clone();
    unique.sort_unstable();
    unique.dedup();
    assert_eq!(unique.len(), names.len(), "section names are unique: {names:?}");
}
