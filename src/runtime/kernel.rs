//! What the runtime asks of the kernel, as traits: `libbpf` answers for a loaded artifact, `fake` in tests.
//!
//! The traits are as low as the system calls are: what must be right about restarts, races and full buffers is in
//! code that the fake can put to the test.

use std::io;
use std::os::fd::RawFd;
use std::sync::atomic::AtomicU64;

use super::failure::Failure;

/// A table of keys and values that can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Table {
    /// The map with this index, as programs use it now. For a `Swapped` map: the one in its slot.
    Live(usize),
    /// What [`KernelMaps::take`] took out of this `Swapped` map last: no program uses it any more.
    Taken(usize),
}

/// Which keys an update may touch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Update {
    /// Any.
    Any,
    /// Only keys that are not there (BPF_NOEXIST).
    New,
    /// Only keys that are there (BPF_EXIST).
    Existing,
}

/// Where a batch read goes on: what the kernel gave after the last one, None at the start.
pub type Cursor = Option<[u8; 8]>;

/// What a batch read gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Batch {
    /// Entries written to the buffers.
    pub count: usize,
    /// There are no more.
    pub end: bool,
}

/// The maps of a running script, by the artifact's index.
///
/// Keys and values are as in the kernel: a value of a per-CPU map has one slot for each possible CPU, each rounded up
/// to 8 bytes.
pub trait KernelMaps {
    /// Possible CPUs: slots of a per-CPU value.
    fn cpus(&self) -> usize;

    /// Copies the value of `key`; false when there is none.
    ///
    /// # Errors
    /// The system call's.
    fn lookup(&mut self, table: Table, key: &[u8], value: &mut [u8]) -> io::Result<bool>;

    /// Sets the value of `key`; false when `update` forbids it.
    ///
    /// # Errors
    /// The system call's.
    fn update(&mut self, table: Table, key: &[u8], value: &[u8], update: Update) -> io::Result<bool>;

    /// Takes the next value out of a queue or a stack; false when there is none. Values are put into one by
    /// [`KernelMaps::update`] with an empty key.
    ///
    /// # Errors
    /// The system call's.
    fn pop(&mut self, table: Table, value: &mut [u8]) -> io::Result<bool>;

    /// Removes `key`; false when there was none.
    ///
    /// # Errors
    /// The system call's.
    fn delete(&mut self, table: Table, key: &[u8]) -> io::Result<bool>;

    /// Copies the key after `key` to `next`; false at the end. Begins anew when `key` is not there any more.
    ///
    /// # Errors
    /// The system call's.
    fn next_key(&mut self, table: Table, key: Option<&[u8]>, next: &mut [u8]) -> io::Result<bool>;

    /// Copies as many entries of a hash as the buffers hold, from `cursor` on, which is moved.
    ///
    /// # Errors
    /// ENOSPC when the buffers do not hold the next bucket: again, with more room. EINVAL, EOPNOTSUPP or 524 where
    /// the kernel cannot do it.
    fn batch(
        &mut self,
        table: Table,
        cursor: &mut Cursor,
        keys: &mut [u8],
        values: &mut [u8],
    ) -> io::Result<Batch>;

    /// Puts an empty map into the slot of a `Swapped` map and returns when no program uses the old one any more:
    /// it is then [`Table::Taken`].
    ///
    /// # Errors
    /// The system call's; the old map stays in place then.
    fn take(&mut self, map: usize) -> io::Result<()>;

    /// Frees what was taken.
    fn release(&mut self, map: usize);
}

/// Memory that programs and the runtime share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shared {
    /// See [`crate::wire::ledger`].
    Ledger,
    /// See [`crate::wire::record`].
    Control,
    /// See [`crate::wire::map::Global`].
    Globals,
}

/// Records in the order in which programs reserved them.
pub trait Records {
    /// Readable when a program forced a wakeup; None for a fake.
    fn fd(&self) -> Option<RawFd>;

    /// Bytes that programs have reserved and nobody has taken.
    fn fill(&self) -> u64;

    /// The next finished record. The room of the one before is given back.
    fn next(&mut self) -> Option<&[u8]>;
}

/// A stack that a program kept, see [`crate::wire::stack`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stack {
    /// The process, 0 for the kernel's.
    pub pid: u32,
    /// Bytes of a frame.
    pub frame: u32,
    /// The frames, one after the other, the innermost first.
    pub frames: Vec<u8>,
}

impl Stack {
    /// The frames as addresses.
    pub fn addresses(&self) -> impl Iterator<Item = u64> + '_ {
        self.frames.chunks_exact(8).map(|word| super::value::unsigned(word, 8))
    }
}

/// The stacks of a running script. Apart from [`Kernel`], so that they can be read while a record is.
pub trait Stacks {
    /// The stack with this id; None when it was not kept.
    fn find(&mut self, id: u64) -> Option<Stack>;
}

/// Runs that a program missed because the kernel left them out (a probe that fires inside a probe).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Missed {
    /// Index of the program.
    pub program: usize,
    /// How many the kernel counted; None where it does not count.
    pub runs: Option<u64>,
}

/// A script in the kernel.
pub trait Kernel: KernelMaps {
    /// Runs the BEGIN programs.
    ///
    /// # Errors
    /// When the kernel does not run one.
    fn begin(&mut self) -> Result<(), Failure>;

    /// Attaches all but BEGIN and END; the number of attach points.
    ///
    /// # Errors
    /// When one could not be attached.
    fn attach(&mut self) -> Result<usize, Failure>;

    /// Detaches everything; no program runs any more when it returns.
    fn detach(&mut self);

    /// Runs the END programs.
    ///
    /// # Errors
    /// When the kernel does not run one.
    fn end(&mut self) -> Result<(), Failure>;

    /// The stacks; None when the script takes none.
    fn stacks(&self) -> Option<Box<dyn Stacks>> {
        None
    }

    /// The ring; None when the script writes no records.
    fn records(&mut self) -> Option<&mut dyn Records>;

    /// Shared words, by 8 bytes; empty when the script has none.
    fn shared(&self, shared: Shared) -> &[AtomicU64];

    /// Nanoseconds and runs that the kernel has counted of a program since it was first asked; from the first call on
    /// it counts.
    ///
    /// # Errors
    /// When it does not count.
    fn run_time(&mut self, program: usize) -> Result<(u64, u64), Failure> {
        let _ = program;
        Err(Failure::system("measure programs", &io::ErrorKind::Unsupported.into()))
    }

    /// What programs missed, so far. Stays known when all is detached.
    fn missed(&mut self) -> Vec<Missed>;

    /// Runs a program that is run by hand, by the artifact's index; gives what it returned.
    ///
    /// # Errors
    /// When the kernel does not run it.
    fn run(&mut self, program: usize) -> Result<u32, Failure>;

    /// Files over the objects of the script's iterators: reading one to its end runs the program for every object.
    ///
    /// # Errors
    /// When the kernel does not open one.
    fn iterators(&mut self) -> Result<Vec<std::fs::File>, Failure>;

    /// Pins the iterators that are to be pinned, instead of reading them; gives the paths.
    ///
    /// # Errors
    /// When the kernel does not pin one.
    fn pin(&mut self) -> Result<Vec<String>, Failure> {
        Ok(Vec::new())
    }
}
