//! Programs and libraries of this machine: opened once, asked as often as needed.

use std::cell::{OnceCell, RefCell};
use std::collections::HashMap;
use std::io::ErrorKind;
use std::rc::Rc;

use super::super::HostError;
use super::super::elf::read::{Elf, Segment};
use super::super::elf::{Binaries, Binary, Function, Machine, Note};
use super::image::Image;
use super::libraries;

/// See the module.
#[derive(Default)]
pub struct SystemBinaries {
    open: RefCell<HashMap<String, Result<Rc<MappedBinary>, HostError>>>,
}

impl Binaries for SystemBinaries {
    fn resolve(&self, target: &str, pid: Option<u32>) -> Result<Vec<String>, HostError> {
        libraries::resolve(target, pid)
    }

    fn open(&self, path: &str) -> Result<Rc<dyn Binary>, HostError> {
        let mut open = self.open.borrow_mut();
        let found = open.entry(path.to_string()).or_insert_with(|| MappedBinary::open(path).map(Rc::new));
        found.clone().map(|binary| binary as Rc<dyn Binary>)
    }

    fn mapped(&self, pid: Option<u32>) -> Result<Vec<String>, HostError> {
        libraries::mapped(pid)
    }

    fn executable(&self, pid: u32) -> Result<String, HostError> {
        libraries::executable(pid)
    }
}

/// A binary in memory.
pub struct MappedBinary {
    image: Image,
    machine: Machine,
    segments: Vec<Segment>,
    functions: OnceCell<Vec<Function>>,
    notes: OnceCell<Vec<Note>>,
}

impl MappedBinary {
    fn open(path: &str) -> Result<MappedBinary, HostError> {
        let image = Image::open(path).map_err(|error| match error.kind() {
            ErrorKind::NotFound => HostError::Missing(path.to_string()),
            ErrorKind::PermissionDenied => HostError::Denied(path.to_string()),
            _ => HostError::Other(error.to_string()),
        })?;
        let elf = Elf::parse(&image)?;
        let (machine, segments) = (elf.machine(), elf.segments());
        Ok(MappedBinary { image, machine, segments, functions: OnceCell::new(), notes: OnceCell::new() })
    }

    fn elf(&self) -> Elf<'_> {
        Elf::parse(&self.image).expect("it was read before")
    }

    /// The functions that `wanted` picks by name, one an address and name.
    fn collect(&self, wanted: impl Fn(&[u8]) -> bool) -> Vec<Function> {
        let mut found = Vec::new();
        self.elf().functions(|name, symbol| {
            if wanted(name) {
                found.push(symbol.function(name));
            }
        });
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

    fn around(&self, address: u64) -> Option<Function> {
        let holds = |f: &&Function| f.address <= address && address - f.address < f.size.max(1);
        self.functions().iter().filter(holds).max_by_key(|f| f.address).cloned()
    }

    fn offset_of(&self, address: u64) -> Option<u64> {
        self.segment(address).filter(|segment| segment.code)?.offset_of(address)
    }

    fn address_of(&self, offset: u64) -> Option<u64> {
        self.segments.iter().filter(|segment| segment.code).find_map(|segment| segment.address_of(offset))
    }

    fn data_offset(&self, address: u64) -> Option<u64> {
        self.segment(address)?.offset_of(address)
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

    #[test]
    fn what_is_no_binary_is_told() {
        let open = |path: &str| SystemBinaries::default().open(path).map(drop).unwrap_err();
        assert_eq!(open("/no/such"), HostError::Missing("/no/such".into()));
        assert_eq!(open("/etc/passwd"), HostError::Other("not an ELF file".into()));
    }
}
