//! An artifact written by hand, instructions and all: what the object writer and the loader are tested with.
//!
//! Its BEGIN program sends one record through the ring, counts in a hash, a keyless scalar and the map inside a
//! map, and adds to a counter of the ledger in the middle of that map's value. END counts once more.

use beetrace::codegen::inst::{Insn, Reloc};
use beetrace::ir::MapRef;
use beetrace::object::artifact::{Artifact, AttachPoint, Line, Program};
use beetrace::sema::tree::{Attach, ProbeKind};
use beetrace::wire::ledger::{self, Cause};
use beetrace::wire::map::{MapKind, MapRole, MapSpec, ValueKind};
use beetrace::wire::types::DataType;

/// The script that the instructions pretend to come from.
pub const SCRIPT: &str = "begin {\n  printf(\"%d\\n\", 42);\n  @count[7] = count();\n}\nend { @total++; }\n";

/// Indices of the maps.
pub const RING: usize = 0;
/// `@count[7]`, a hash.
pub const COUNT: usize = 1;
/// `@total`, an array of one entry that programs reach without a lookup.
pub const TOTAL: usize = 2;
/// The ledger.
pub const LEDGER: usize = 3;
/// `@swap`, a map in a map.
pub const SWAP: usize = 4;

/// The value that the record of BEGIN carries.
pub const RECORD: u64 = 0x1122_3344_5566_7788;

/// Code with the maps it names.
#[derive(Default)]
pub struct Asm {
    pub insns: Vec<Insn>,
    pub relocs: Vec<Reloc>,
}

impl Asm {
    pub fn op(&mut self, code: u8, dst: u8, src: u8, off: i16, imm: i32) -> &mut Asm {
        self.insns.push(Insn { code, dst, src, off, imm });
        self
    }

    pub fn imm(&mut self, dst: u8, imm: i32) -> &mut Asm {
        self.op(0xb7, dst, 0, 0, imm)
    }

    pub fn imm64(&mut self, dst: u8, value: u64) -> &mut Asm {
        self.op(0x18, dst, 0, 0, value as i32).op(0, 0, 0, 0, (value >> 32) as i32)
    }

    pub fn map(&mut self, dst: u8, map: usize) -> &mut Asm {
        self.load(dst, map, None)
    }

    pub fn map_value(&mut self, dst: u8, map: usize, offset: u32) -> &mut Asm {
        self.load(dst, map, Some(offset))
    }

    fn load(&mut self, dst: u8, map: usize, value_offset: Option<u32>) -> &mut Asm {
        let at = self.insns.len() as u32;
        self.relocs.push(Reloc { at, map: MapRef::from_u32(map as u32), value_offset });
        self.imm64(dst, 0)
    }

    /// `r1 = map; r2 = key on the stack at r10 - 8`
    pub fn key(&mut self, key: i32) -> &mut Asm {
        self.op(0x7a, 10, 0, -8, key).op(0xbf, 2, 10, 0, 0).op(0x07, 2, 0, 0, -8)
    }

    pub fn call(&mut self, helper: i32) -> &mut Asm {
        self.op(0x85, 0, 0, 0, helper)
    }

    /// `r1 = 1; lock *(u64 *)(dst + 0) += r1`
    pub fn add_one(&mut self, dst: u8) -> &mut Asm {
        self.imm(1, 1).op(0xdb, dst, 1, 0, 0)
    }

    pub fn exit(&mut self) -> &mut Asm {
        self.imm(0, 0).op(0x95, 0, 0, 0, 0)
    }
}

/// A record in the ring, with the header of action 0 and clause 0.
fn send(asm: &mut Asm) {
    asm.map(1, RING).imm(2, 16).imm(3, 0).call(131);
    asm.op(0x15, 0, 0, 6, 0);
    asm.op(0x7a, 0, 0, 0, 0).imm64(1, RECORD).op(0x7b, 0, 1, 8, 0);
    asm.op(0xbf, 1, 0, 0, 0).imm(2, 0);
    // the jump above leaves out the submission as well
    asm.insns[5].off += 1;
    asm.call(132);
}

/// `@count[7] = count()`
fn count(asm: &mut Asm) {
    asm.op(0x7a, 10, 0, -16, 1).key(7).map(1, COUNT);
    asm.op(0xbf, 3, 10, 0, 0).op(0x07, 3, 0, 0, -16).imm(4, 1).call(2);
}

/// The counter of the map inside the map.
fn swap(asm: &mut Asm) {
    asm.key(0).map(1, SWAP).call(1);
    asm.op(0x15, 0, 0, 8, 0);
    asm.op(0xbf, 1, 0, 0, 0).key(0).call(1);
    asm.op(0x15, 0, 0, 2, 0);
    asm.add_one(0);
}

/// Slots at which the statements of BEGIN start, then its code.
fn begin() -> (Vec<u32>, Asm) {
    let mut asm = Asm::default();
    send(&mut asm);
    let counts = asm.insns.len() as u32;
    count(&mut asm);
    asm.map_value(6, TOTAL, 0).add_one(6);
    asm.map_value(6, LEDGER, ledger::offset(1, Cause::ReadFault)).add_one(6);
    swap(&mut asm);
    let end = asm.insns.len() as u32;
    asm.exit();
    (vec![0, counts, end], asm)
}

fn map(name: &str, kind: MapKind, sizes: (u32, u32), entries: u32, role: MapRole) -> MapSpec {
    MapSpec {
        name: name.into(),
        kind,
        inner: None,
        key_size: sizes.0,
        value_size: sizes.1,
        max_entries: entries,
        on_demand: false,
        mmap: matches!(role, MapRole::Ledger | MapRole::Control | MapRole::Globals),
        role,
        len_counter: None,
    }
}

fn user(name: &str, key: Option<DataType>, value: ValueKind) -> MapRole {
    MapRole::User { name: name.into(), key, value }
}

fn maps() -> Vec<MapSpec> {
    let u64 = DataType::Int { size: 8, signed: false };
    let tuple = DataType::tuple([DataType::Int { size: 4, signed: true }, DataType::Str { size: 16 }]);
    let mut list = vec![
        map("bt_ring", MapKind::Ring, (0, 0), 65536, MapRole::Ring),
        map("AT_count", MapKind::Hash, (8, 8), 64, user("@count", Some(u64.clone()), ValueKind::Count)),
        map("AT_total", MapKind::Array, (4, 8), 1, user("@total", None, ValueKind::Plain(u64))),
        map("bt_ledger", MapKind::Array, (4, ledger::size(2)), 1, MapRole::Ledger),
        map("AT_swap", MapKind::Swapped, (4, 8), 1, user("@swap", None, ValueKind::Sum { signed: true })),
        map(
            "AT_tuple",
            MapKind::PerCpuHash,
            (tuple.size(), 16),
            32,
            user("@tuple", Some(tuple), ValueKind::Avg { signed: true }),
        ),
    ];
    list[SWAP].inner = Some(MapKind::Array);
    list
}

/// The record that code from `slot` on comes from line `line` of the script.
pub fn line(slot: u32, line: u32) -> Line {
    let text = SCRIPT.lines().nth(line as usize - 1).unwrap_or("").to_owned();
    Line { slot, file: 0, line, column: 3, text }
}

/// A program that attaches to `target`.
pub fn program(name: &str, kind: ProbeKind, attach: (&str, Attach), asm: Asm, lines: Vec<Line>) -> Program {
    Program {
        name: name.into(),
        kind,
        clause: 0,
        insns: asm.insns,
        relocs: asm.relocs,
        callbacks: Vec::new(),
        lines,
        attach: vec![AttachPoint { name: attach.0.into(), target: attach.1, cookie: 0, place: (0, 1, 1) }],
        cookies: false,
        multi: false,
    }
}

/// A program that adds 1 to `@total`.
pub fn counting(name: &str, kind: ProbeKind, attach: (&str, Attach)) -> Program {
    let mut asm = Asm::default();
    asm.map_value(6, TOTAL, 0).add_one(6).exit();
    program(name, kind, attach, asm, vec![line(0, 5)])
}

/// The artifact, with BEGIN and END.
pub fn artifact() -> Artifact {
    let (starts, asm) = begin();
    let lines = starts.iter().zip([2, 3, 4]).map(|(slot, number)| line(*slot, number)).collect();
    Artifact {
        programs: vec![
            program("BEGIN", ProbeKind::Begin, ("begin", Attach::Begin), asm, lines),
            counting("END", ProbeKind::End, ("end", Attach::End)),
        ],
        maps: maps(),
        clauses: vec!["begin".into(), "end".into()],
        files: vec!["handmade.bt".into()],
        ..Artifact::default()
    }
}

/// Writes the code of a statement.
type Statement = fn(&mut Asm) -> &mut Asm;

/// Programs that no kernel takes, by name: what BEGIN does at the statement of line 3, and a part of the complaint.
pub const REFUSED: &[(&str, Statement, &str)] = &[
    ("unchecked", |asm| asm.op(0x79, 0, 0, 0, 0), "R0 invalid mem access 'map_value_or_null'"),
    ("unset", |asm| asm.op(0xbf, 0, 3, 0, 0), "R3 !read_ok"),
    ("outside", |asm| asm.op(0x15, 0, 0, 1, 0).op(0x79, 0, 0, 8, 0), "outside of the allowed memory range"),
    ("stack", |asm| asm.op(0x7a, 10, 0, -520, 0), "invalid"),
    ("leak", |asm| asm.map(1, RING).imm(2, 16).imm(3, 0).call(131), "Unreleased reference"),
    ("endless", |asm| asm.imm(0, 0).op(0x55, 0, 0, -1, 1), "infinite loop detected"),
    ("dead", |asm| asm.op(0x05, 0, 0, 1, 0).op(0xb7, 1, 0, 0, 0), "unreachable insn 8"),
    ("helper", |asm| asm.call(9999), "invalid func unknown#9999"),
    (
        "branches",
        |asm| asm.imm(1, 0).op(0x15, 0, 0, 1, 0).imm(1, 1).op(0x79, 2, 1, 0, 0),
        "R1 invalid mem access",
    ),
];

/// The artifact with one of [`REFUSED`] as BEGIN: a lookup on line 2, the bad statement on line 3.
pub fn refused(name: &str) -> Artifact {
    let (_, bad, _) = REFUSED.iter().find(|(known, ..)| *known == name).expect("a known name");
    let mut artifact = artifact();
    let mut asm = Asm::default();
    asm.imm(0, 0).key(7).map(1, COUNT).call(1);
    let starts = asm.insns.len() as u32;
    bad(&mut asm);
    let ends = asm.insns.len() as u32;
    asm.exit();
    let lines = vec![line(0, 2), line(starts, 3), line(ends, 4)];
    artifact.programs[0] = program("BEGIN", ProbeKind::Begin, ("begin", Attach::Begin), asm, lines);
    artifact
}
