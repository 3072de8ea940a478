//! Two programs and a library that are not there: their functions and static probes as tables.

use std::rc::Rc;

use super::super::dwarf::{Convention, FIRST_TYPE, NoLine, Signature};
use super::super::elf::{Binaries, Binary, Function, Machine, Note};
use super::super::{Btf, BtfKind, BtfMember, BtfType, HostError, TypeId};

/// Files of a machine that is not there.
#[derive(Clone, Debug)]
pub struct FakeBinaries {
    files: Vec<(&'static str, FakeBinary)>,
}

/// A binary as tables. It is loaded 0x1000 above where it lies in the file.
#[derive(Clone, Debug, Default)]
pub struct FakeBinary {
    functions: Vec<Function>,
    notes: Vec<Note>,
    go: bool,
}

/// How much higher addresses are than offsets.
const SHIFT: u64 = 0x1000;
/// Addresses of code and data.
const CODE: std::ops::Range<u64> = 0x2000..0x9000;
const DATA: std::ops::Range<u64> = 0x9000..0xa000;

fn function(name: &str, address: u64, size: u64) -> Function {
    Function { name: name.into(), address, size, version: None, hidden: false }
}

fn versioned(name: &str, address: u64, version: &str, hidden: bool) -> Function {
    Function { version: Some(version.into()), hidden, ..function(name, address, 16) }
}

fn note(provider: &str, name: &str, address: u64, semaphore: u64, arguments: &str) -> Note {
    let (provider, name, arguments) = (provider.into(), name.into(), arguments.into());
    Note { provider, name, address, semaphore, arguments }
}

impl Default for FakeBinaries {
    fn default() -> FakeBinaries {
        let app = FakeBinary {
            functions: vec![
                function("_ZN3App5Point3lenEv", 0x2400, 16),
                function("_ZN3App5startERKNS_5PointE", 0x2410, 16),
                function("_ZN3App5startEi", 0x2420, 16),
                function("_ZN4core3fmt5write17h0123456789abcdefE", 0x2430, 16),
                function("add", 0x2000, 32),
                function("add_alias", 0x2000, 32),
                function("main", 0x2100, 64),
                function("same", 0x2200, 16),
                function("same", 0x2300, 16),
            ],
            notes: vec![
                note("app", "begin", 0x2108, 0x9000, "-4@%edi 8@%rsi 4@$7"),
                note("app", "step", 0x2110, 0, "8@-16(%rbp)"),
                note("app", "step", 0x2118, 0, "8@%rax"),
                note("app", "variable", 0x2120, 0, "4@counter(%rip) -8@8+counter(%rip) 4@nobody(%rip)"),
                note("other", "begin", 0x2120, 0, ""),
            ],
            go: false,
        };
        let libc = FakeBinary {
            functions: vec![
                function("free", 0x3000, 64),
                function("malloc", 0x3100, 64),
                versioned("memcpy", 0x3200, "GLIBC_2.2.5", true),
                versioned("memcpy", 0x3300, "GLIBC_2.14", false),
            ],
            notes: vec![note("libc", "setjmp", 0x3108, 0, "8@%rdi -4@%esi 8@%rax")],
            go: false,
        };
        let go =
            FakeBinary { functions: vec![function("main.add", 0x2000, 32)], notes: Vec::new(), go: true };
        let files = vec![
            ("/usr/bin/app", app),
            ("/usr/bin/gone", go),
            ("/usr/bin/stripped", FakeBinary::default()),
            ("/usr/lib/libc.so.6", libc),
        ];
        FakeBinaries { files }
    }
}

impl Binaries for FakeBinaries {
    fn resolve(&self, target: &str, _pid: Option<u32>) -> Result<Vec<String>, HostError> {
        let name = |path: &str| path.rsplit('/').next().unwrap_or_default().to_string();
        let front = target.trim_end_matches('*');
        let fits = |path: &str| match (target.ends_with('*'), target.contains('/')) {
            (true, _) => path.starts_with(front),
            (false, true) => path == target,
            (false, false) => name(path) == target || name(path).starts_with(&format!("{target}.so")),
        };
        let extra = ["/etc/hosts", "/usr/bin/small"].into_iter();
        let paths = self.files.iter().map(|(path, _)| *path).chain(extra);
        let found: Vec<String> = paths.filter(|path| fits(path)).map(str::to_string).collect();
        if found.is_empty() { Err(HostError::Missing(target.into())) } else { Ok(found) }
    }

    fn open(&self, path: &str) -> Result<Rc<dyn Binary>, HostError> {
        match path {
            "/etc/hosts" => return Err(HostError::Other("not an ELF file".into())),
            "/usr/bin/small" => {
                return Err(HostError::Other("a 32-bit program: only 64-bit ones can be traced".into()));
            }
            _ => {}
        }
        let found = self.files.iter().find(|(known, _)| *known == path);
        let missing = || HostError::Missing(path.to_string());
        found.map(|(_, binary)| Rc::new(binary.clone()) as Rc<dyn Binary>).ok_or_else(missing)
    }

    fn mapped(&self, pid: Option<u32>) -> Result<Vec<String>, HostError> {
        match pid {
            None | Some(42) => Ok(vec!["/usr/bin/app".into(), "/usr/lib/libc.so.6".into()]),
            Some(pid) => Err(HostError::Missing(format!("process {pid}"))),
        }
    }

    fn executable(&self, pid: u32) -> Result<String, HostError> {
        match pid {
            42 => Ok("/usr/bin/app".into()),
            pid => Err(HostError::Missing(format!("process {pid}"))),
        }
    }

    fn types(&self) -> &dyn Btf {
        &FakeTypes
    }
}

/// Types of the programs that are not there, by their numbers.
pub struct FakeTypes;

impl Btf for FakeTypes {
    fn find(&self, kind: BtfKind, name: &str) -> Option<TypeId> {
        (kind == BtfKind::Struct && name == "point").then_some(TypeId(FIRST_TYPE + 2))
    }

    fn get(&self, id: TypeId) -> BtfType {
        let int = |name: &str, size, signed, is_char| BtfType::Int {
            name: name.into(),
            size,
            signed,
            is_bool: false,
            is_char,
        };
        let member = |name: &str, id: u32, bit_offset, bit_size| BtfMember {
            name: name.into(),
            ty: TypeId(FIRST_TYPE + id),
            bit_offset,
            bit_size,
        };
        let composite =
            |name: &str, size, members| BtfType::Composite { union: false, name: name.into(), size, members };
        match id.0.wrapping_sub(FIRST_TYPE) {
            0 => int("int", 4, true, false),
            1 => BtfType::Pointer(TypeId(FIRST_TYPE + 2)),
            2 => composite("point", 8, vec![member("x", 0, 0, None), member("y", 0, 32, Some(5))]),
            3 => int("unsigned char", 1, false, true),
            4 => BtfType::Pointer(TypeId(FIRST_TYPE + 3)),
            6 => composite("big", 24, vec![member("first", 0, 0, None), member("where", 1, 64, None)]),
            _ => BtfType::Other,
        }
    }

    fn names(&self, _kind: BtfKind) -> Vec<String> {
        Vec::new()
    }

    fn enum_constant(&self, _name: &str) -> Option<(i64, TypeId)> {
        None
    }
}

impl Binary for FakeBinary {
    fn machine(&self) -> Machine {
        Machine::X86_64
    }

    fn named(&self, name: &str) -> Vec<Function> {
        self.functions.iter().filter(|function| function.name == name).cloned().collect()
    }

    fn functions(&self) -> &[Function] {
        &self.functions
    }

    fn variable(&self, name: &str) -> Option<u64> {
        (name == "counter").then_some(DATA.start + 0x10)
    }

    fn around(&self, address: u64) -> Option<Function> {
        let holds = |f: &&Function| (f.address..f.address + f.size).contains(&address);
        self.functions.iter().find(holds).cloned()
    }

    fn offset_of(&self, address: u64) -> Option<u64> {
        CODE.contains(&address).then(|| address - SHIFT)
    }

    fn address_of(&self, offset: u64) -> Option<u64> {
        Some(offset + SHIFT).filter(|address| CODE.contains(address))
    }

    fn data_offset(&self, address: u64) -> Option<u64> {
        self.offset_of(address).or(DATA.contains(&address).then(|| address - SHIFT))
    }

    /// `push %rbp; mov %rsp,%rbp`, then `nop` to the end.
    fn code(&self, address: u64, length: u64) -> Vec<u8> {
        let start = self.around(address).map_or(address, |function| function.address);
        let code = [0x55, 0x48, 0x89, 0xe5].into_iter().chain(std::iter::repeat(0x90));
        code.skip((address - start) as usize).take(length as usize).collect()
    }

    fn notes(&self) -> &[Note] {
        &self.notes
    }

    fn is_go(&self) -> bool {
        self.go
    }

    fn signature(&self, address: u64) -> Option<Signature> {
        let named = |list: &[(&str, u32)]| -> Vec<(String, TypeId)> {
            list.iter().map(|(name, id)| (name.to_string(), TypeId(FIRST_TYPE + id))).collect()
        };
        let parameters = match address {
            // int add(struct point *p, int count, double ratio, unsigned char last)
            0x2000 => named(&[("p", 1), ("count", 0), ("ratio", 5), ("last", 3)]),
            // int main(struct big by_value, int argc, char *argv)
            0x2100 => named(&[("by_value", 6), ("argc", 0), ("argv", 4), ("pair", 2)]),
            _ => return None,
        };
        Some(Signature { parameters, result: TypeId(FIRST_TYPE), convention: Convention::default() })
    }

    fn line(&self, file: &str, line: u64, column: Option<u64>) -> Result<u64, NoLine> {
        match (self.notes.is_empty(), file, line, column) {
            (true, ..) => Err(NoLine::NoDebugInfo),
            (false, "app.c" | "src/app.c", 7, None | Some(3)) => Ok(0x2004),
            (false, "app.c" | "src/app.c", ..) => Err(NoLine::NoStatement((line < 7).then_some(7))),
            _ => Err(NoLine::NoFile(vec!["app.c".into(), "util.c".into()])),
        }
    }
}
