//! A whole run in the running kernel, with a hand-made artifact: its BEGIN and END only. Needs root.

use std::sync::atomic::AtomicBool;

use beetrace::config::Missing;
use beetrace::load::{Loaded, Options};
use beetrace::object::artifact::Artifact;
use beetrace::runtime::kernel::{KernelMaps, Table, Update};
use beetrace::runtime::libbpf::{LoadedKernel, Surroundings};
use beetrace::runtime::maps::read::read;
use beetrace::runtime::output::sink::Memory;
use beetrace::runtime::output::text::Text;
use beetrace::runtime::output::writer::{Buffering, Writer};
use beetrace::runtime::run::{Outlets, Processes, RunOptions, run};
use beetrace::runtime::signals::Signals;
use beetrace::source::SourceMap;
use beetrace::wire::format::{Conversion, Format, Piece};
use beetrace::wire::record::{Action, Field};
use beetrace::wire::types::DataType;

use crate::handmade::{self, COUNT, SWAP};

static NEVER: AtomicBool = AtomicBool::new(false);

fn artifact() -> Artifact {
    let conversion = Conversion { kind: 'x', length: Some(8), ..Conversion::default() };
    let pieces = vec![Piece::Conversion(conversion), Piece::Text("\n".into())];
    let args = vec![Field { offset: 8, ty: DataType::Int { size: 8, signed: false } }];
    Artifact { actions: vec![Action::Printf { format: Format { pieces }, args }], ..handmade::artifact() }
}

fn with_kernel<R>(artifact: &Artifact, test: impl FnOnce(&mut LoadedKernel) -> R) -> R {
    let (sources, options) =
        (SourceMap::default(), Options { target: None, cancel: &NEVER, missing: Missing::Error, log: false });
    let mut loaded = Loaded::open(artifact, &options).expect("the kernel takes the artifact");
    let about = Surroundings { artifact, sources: &sources, options, verbose: false };
    test(&mut LoadedKernel::new(&mut loaded, about).expect("the ring is mapped"))
}

#[test]
fn a_run_prints_records_maps_and_losses() {
    let artifact = artifact();
    let memory = Memory::default();
    let mut messages = Vec::new();
    let status = with_kernel(&artifact, |kernel| {
        let mut results = Text::new(Writer::new(Box::new(memory.clone()), Buffering::Auto), false);
        let options = RunOptions { quiet: false, verbose: false, print_maps: true, trials: false };
        let outlets = Outlets { results: &mut results, messages: &mut messages };
        run(&artifact, kernel, &options, &mut Processes::default(), outlets, Signals::install().unwrap())
            .unwrap()
    });
    let written = String::from_utf8(memory.0.borrow().clone()).unwrap();
    assert_eq!((status, written.as_str()), (0, "1122334455667788\n\n\n@count[7]: 1\n@swap: 1\n@total: 2\n"));
    let messages = String::from_utf8(messages).unwrap();
    assert!(
        messages
            .starts_with("Attached 2 probes\nNot everything was seen:\n  end\n           1 reads faulted\n")
    );
}

#[test]
fn maps_are_read_changed_and_taken_out() {
    let artifact = artifact();
    with_kernel(&artifact, |kernel| {
        let spec = &artifact.maps[COUNT];
        for key in 0..60u64 {
            let done = kernel.update(Table::Live(COUNT), &key.to_le_bytes(), &key.to_le_bytes(), Update::New);
            assert!(done.unwrap());
        }
        let key = 7u64.to_le_bytes();
        assert!(!kernel.update(Table::Live(COUNT), &key, &key, Update::New).unwrap(), "it is there");
        assert!(kernel.delete(Table::Live(COUNT), &key).unwrap());
        assert!(!kernel.delete(Table::Live(COUNT), &key).unwrap(), "it is gone");
        assert!(!kernel.update(Table::Live(COUNT), &key, &key, Update::Existing).unwrap());
        let contents = read(kernel, Table::Live(COUNT), spec).unwrap();
        assert_eq!(contents.len, 59);
        assert!((0..59).all(|row| contents.key(row) == contents.value(row)));

        let five = 5u64.to_le_bytes();
        kernel.update(Table::Live(SWAP), &[0; 4], &five, Update::Any).unwrap();
        kernel.take(SWAP).unwrap();
        let mut value = [0; 8];
        assert!(kernel.lookup(Table::Taken(SWAP), &[0; 4], &mut value).unwrap());
        assert_eq!(value, five);
        assert!(kernel.lookup(Table::Live(SWAP), &[0; 4], &mut value).unwrap());
        assert_eq!(value, [0; 8]);
        kernel.release(SWAP);
        assert!(kernel.lookup(Table::Taken(SWAP), &[0; 4], &mut value).is_err());
    });
}
