//! Programs and libraries of this machine: opened once, asked as often as needed.

use std::cell::{OnceCell, RefCell};
use std::collections::HashMap;
use std::io::ErrorKind;
use std::rc::Rc;

use super::super::dwarf::types::{DebugFile, UserTypes};
use super::super::dwarf::{NoLine, Signature, lines};
use super::super::elf::read::{Elf, Segment};
use super::super::elf::{Binaries, Binary, Function, Machine, Note, zip};
use super::super::{Btf, HostError};
use super::debug::{self, Sections};
use super::image::Image;
use super::libraries;

/// See the module.
#[derive(Default)]
pub struct SystemBinaries {
    /// Where else debug information may be.
    pub folders: Vec<String>,
    types: Rc<UserTypes>,
    open: RefCell<HashMap<String, Result<Rc<MappedBinary>, HostError>>>,
}

impl Binaries for SystemBinaries {
    fn resolve(&self, target: &str, pid: Option<u32>) -> Result<Vec<String>, HostError> {
        libraries::resolve(target, pid)
    }

    fn open(&self, path: &str) -> Result<Rc<dyn Binary>, HostError> {
        let mut open = self.open.borrow_mut();
        let found = open.entry(path.to_string()).or_insert_with(|| {
            let opened = MappedBinary::open(path, self.folders.clone(), self.types.clone());
            opened.map(Rc::new)
        });
        found.clone().map(|binary| binary as Rc<dyn Binary>)
    }

    fn mapped(&self, pid: Option<u32>) -> Result<Vec<String>, HostError> {
        libraries::mapped(pid)
    }

    fn executable(&self, pid: u32) -> Result<String, HostError> {
        libraries::executable(pid)
    }

    fn types(&self) -> &dyn Btf {
        &*self.types
    }
}

impl SystemBinaries {
    /// Types of all binaries that debug information was read of.
    pub fn user_types(&self) -> Rc<UserTypes> {
        self.types.clone()
    }
}

/// The debug file of a binary, with the symbols that were stripped; looked for when first asked.
struct Separate {
    path: String,
    image: Rc<Image>,
    /// Where else it may be.
    folders: Vec<String>,
    found: OnceCell<Option<Rc<Image>>>,
}

impl Separate {
    fn image(&self) -> Option<&Rc<Image>> {
        let find = || debug::separate(&self.path, &self.image, &self.folders).map(Rc::new);
        self.found.get_or_init(find).as_ref()
    }
}

/// A binary in memory.
pub struct MappedBinary {
    image: Rc<Image>,
    /// Where it begins in its file: not at 0 within an archive.
    base: u64,
    separate: Rc<Separate>,
    types: Rc<UserTypes>,
    /// Its number among all binaries with types.
    number: usize,
    machine: Machine,
    segments: Vec<Segment>,
    functions: OnceCell<Vec<Function>>,
    notes: OnceCell<Vec<Note>>,
}

impl MappedBinary {
    fn open(path: &str, folders: Vec<String>, types: Rc<UserTypes>) -> Result<MappedBinary, HostError> {
        let within = libraries::archive(path);
        let file = within.map_or(path, |(archive, _)| archive);
        let mut image = Image::open(file).map_err(|error| match error.kind() {
            ErrorKind::NotFound => HostError::Missing(file.to_string()),
            ErrorKind::PermissionDenied => HostError::Denied(file.to_string()),
            _ => HostError::Other(error.to_string()),
        })?;
        let mut base = 0;
        if let Some((archive, name)) = within {
            let part = zip::find(&image, name).map_err(|why| match why {
                zip::Failure::NoArchive => HostError::Other(format!("{archive} is no ZIP archive")),
                zip::Failure::Missing => HostError::Missing(format!("{name} in {archive}")),
                zip::Failure::Compressed => {
                    HostError::Other("compressed in the archive: it cannot be mapped".into())
                }
            })?;
            base = part.start as u64;
            image = image.part(part);
        }
        let elf = Elf::parse(&image)?;
        let (machine, segments) = (elf.machine(), elf.segments());
        let image = Rc::new(image);
        let found = OnceCell::new();
        let separate = Rc::new(Separate { path: path.to_string(), image: image.clone(), folders, found });
        let (own, other) = (image.clone(), separate.clone());
        let find = move || {
            let sections = Sections::of(own.clone()).or_else(|| Sections::of(other.image()?.clone()))?;
            Some(Rc::new(sections) as Rc<dyn DebugFile>)
        };
        Ok(MappedBinary {
            image,
            base,
            separate,
            number: types.add(Box::new(find)),
            types,
            machine,
            segments,
            functions: OnceCell::new(),
            notes: OnceCell::new(),
        })
    }

    fn elf(&self) -> Elf<'_> {
        Elf::parse(&self.image).expect("it was read before")
    }

    /// The functions that `wanted` picks by name, one an address and name.
    fn collect(&self, wanted: impl Fn(&[u8]) -> bool) -> Vec<Function> {
        let mut found = Vec::new();
        let mut see = |elf: &Elf| {
            elf.functions(|name, symbol| {
                if wanted(name) {
                    found.push(symbol.function(name));
                }
            });
        };
        let own = self.elf();
        see(&own);
        if own.is_stripped()
            && let Some(separate) = self.separate.image()
            && let Ok(elf) = Elf::parse(separate)
        {
            see(&elf);
        }
        // of equal ones the dynamic symbol, which knows its version, is kept
        found.sort_by(|a: &Function, b| {
            (&a.name, a.address, b.version.is_some()).cmp(&(&b.name, b.address, a.version.is_some()))
        });
        found.dedup_by(|later, kept| later.name == kept.name && later.address == kept.address);
        found
    }

    fn segment(&self, address: u64) -> Option<&Segment> {
        self.segments.iter().find(|segment| segment.offset_of(address).is_some())
    }
}

impl Binary for MappedBinary {
    fn machine(&self) -> Machine {
        self.machine
    }

    fn named(&self, name: &str) -> Vec<Function> {
        let bytes = name.as_bytes();
        let fits = |symbol: &[u8]| {
            symbol.strip_prefix(bytes).is_some_and(|rest| matches!(rest.first(), None | Some(b'@')))
        };
        self.collect(fits)
    }

    fn functions(&self) -> &[Function] {
        self.functions.get_or_init(|| self.collect(|_| true))
    }

    fn variable(&self, name: &str) -> Option<u64> {
        self.elf().variable(name)
    }

    fn around(&self, address: u64) -> Option<Function> {
        let holds = |f: &&Function| f.address <= address && address - f.address < f.size.max(1);
        self.functions().iter().filter(holds).max_by_key(|f| f.address).cloned()
    }

    fn offset_of(&self, address: u64) -> Option<u64> {
        Some(self.segment(address).filter(|segment| segment.code)?.offset_of(address)? + self.base)
    }

    fn address_of(&self, offset: u64) -> Option<u64> {
        let offset = offset.checked_sub(self.base)?;
        self.segments.iter().filter(|segment| segment.code).find_map(|segment| segment.address_of(offset))
    }

    fn data_offset(&self, address: u64) -> Option<u64> {
        Some(self.segment(address)?.offset_of(address)? + self.base)
    }

    fn code(&self, address: u64, length: u64) -> Vec<u8> {
        let Some(segment) = self.segment(address) else { return Vec::new() };
        let left = segment.size - (address - segment.address);
        let start = segment.offset_of(address).unwrap_or(u64::MAX) as usize;
        let end = start.saturating_add(length.min(left) as usize).min(self.image.len());
        self.image.get(start..end).unwrap_or_default().to_vec()
    }

    fn notes(&self) -> &[Note] {
        self.notes.get_or_init(|| self.elf().notes())
    }

    fn is_go(&self) -> bool {
        let elf = self.elf();
        elf.has_section(".go.buildinfo") || elf.has_section(".gopclntab")
    }

    fn signature(&self, address: u64) -> Option<Signature> {
        self.types.signature(self.number, address)
    }

    fn line(&self, file: &str, line: u64, column: Option<u64>) -> Result<u64, NoLine> {
        let Some(debug) = self.types.file(self.number) else { return Err(NoLine::NoDebugInfo) };
        lines::address(&debug.dwarf(), file, line, column)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // A static probe in the test program itself.
    #[cfg(target_arch = "x86_64")]
    std::arch::global_asm!(
        ".pushsection .text.bt_usdt,\"ax\",@progbits",
        ".globl bt_usdt_here",
        ".type bt_usdt_here,@function",
        "bt_usdt_here: nop",
        "990: nop",
        "ret",
        ".size bt_usdt_here, .-bt_usdt_here",
        ".popsection",
        ".pushsection .note.stapsdt,\"\",\"note\"",
        ".balign 4",
        ".4byte 992f-991f, 994f-993f, 3",
        "991: .asciz \"stapsdt\"",
        "992: .balign 4",
        "993: .8byte 990b, 0, 0",
        ".asciz \"bt\"",
        ".asciz \"here\"",
        ".asciz \"-4@%edi\"",
        "994: .balign 4",
        ".popsection",
    );

    #[cfg(target_arch = "x86_64")]
    unsafe extern "C" {
        fn bt_usdt_here();
    }

    #[test]
    #[cfg(target_arch = "x86_64")]
    fn reads_functions_and_static_probes() {
        // SAFETY: a function that does nothing.
        unsafe { bt_usdt_here() };
        let path = std::env::current_exe().unwrap();
        let binaries = SystemBinaries::default();
        let own = binaries.open(path.to_str().unwrap()).unwrap();
        assert_eq!(own.machine(), Machine::X86_64);
        let [here] = &own.named("bt_usdt_here")[..] else { panic!("one function") };
        assert_eq!(own.code(here.address, here.size), [0x90, 0x90, 0xc3]);
        assert_eq!(own.around(here.address + 2).unwrap().name, "bt_usdt_here");
        let offset = own.offset_of(here.address).unwrap();
        assert_eq!(own.address_of(offset), Some(here.address));
        let note = own.notes().iter().find(|note| note.provider == "bt").unwrap();
        assert_eq!((note.address, &*note.arguments), (here.address + 1, "-4@%edi"));
        assert!(own.named("bt_usdt_her").is_empty() && !own.is_go());
        assert!(own.functions().is_sorted_by_key(|f| &f.name));
    }

    /// Compilers leave few bytes in functions that are no instructions.
    #[test]
    #[cfg(target_arch = "x86_64")]
    fn functions_are_made_of_whole_instructions() {
        use super::super::super::elf::x86;
        let path = std::env::current_exe().unwrap();
        let own = SystemBinaries::default().open(path.to_str().unwrap()).unwrap();
        let functions = || own.functions().iter().filter(|f| f.size > 0);
        let whole = |f: &&Function| x86::returns(&own.code(f.address, f.size)).is_some();
        let (good, all) = (functions().filter(whole).count(), functions().count());
        assert!(all > 1000 && good * 1000 >= all * 999, "{good} of {all}");
    }

    #[inline(never)]
    fn hidden(line: u32) -> u64 {
        std::hint::black_box(u64::from(line))
    }

    // The call and the addition are instructions of their lines, however the code is optimised.
    #[inline(never)]
    fn marked() -> u64 {
        let line = hidden(line!());
        hidden(0) + line
    }

    #[test]
    fn lines_of_the_source_have_addresses() {
        let path = std::env::current_exe().unwrap();
        let own = SystemBinaries::default().open(path.to_str().unwrap()).unwrap();
        let address = own.line("host/system/binaries.rs", marked(), None).unwrap();
        assert!(own.around(address).unwrap().name.contains("marked"));
        assert!(own.offset_of(address).is_some());
        assert_eq!(own.line("system/binaries.rs", 1, None), Err(NoLine::NoStatement(own_next(&*own, 1))));
        let missing = own.line("no/such/file.rs", 1, None);
        assert!(matches!(missing, Err(NoLine::NoFile(files)) if files.contains(&"binaries.rs".into())));
    }

    /// The first line behind `line` of this file that has a statement, found by trying.
    fn own_next(own: &dyn Binary, line: u64) -> Option<u64> {
        (line + 1..2000).find(|line| own.line("system/binaries.rs", *line, None).is_ok())
    }

    #[test]
    fn what_is_no_binary_is_told() {
        let open = |path: &str| SystemBinaries::default().open(path).map(drop).unwrap_err();
        assert_eq!(open("/no/such"), HostError::Missing("/no/such".into()));
        assert_eq!(open("/etc/passwd"), HostError::Other("not an ELF file".into()));
    }
}
