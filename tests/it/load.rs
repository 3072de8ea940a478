//! The loader against the running kernel, with a hand-made artifact. Needs root; nothing but our own programs is run.
//!
//! The same tests run in guests: `cargo xtask vm --kernel all --in target/…/deps/it-… -- './it-… load:: --test-threads 1'`.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};

use beetrace::load::{LoadError, Loaded, Options, verifier};
use beetrace::wire::ledger::{self, Cause};
use libbpf_rs::{MapCore, MapFlags, RingBufferBuilder};

use crate::handmade::{self, COUNT, LEDGER, RECORD, RING, SWAP, TOTAL};

static NEVER: AtomicBool = AtomicBool::new(false);
const OPTIONS: Options<'static> = Options { cancel: &NEVER };

fn word(map: &impl MapCore, key: &[u8]) -> Option<u64> {
    let value = map.lookup(key, MapFlags::ANY).expect("a lookup")?;
    Some(u64::from_le_bytes(value[..8].try_into().unwrap()))
}

#[test]
fn begin_writes_to_the_ring_and_to_every_kind_of_map() {
    let loaded = Loaded::open(&handmade::artifact(), &OPTIONS).expect("the kernel takes the artifact");
    loaded.run_begin().unwrap();
    loaded.run_begin().unwrap();
    loaded.run_end().unwrap();

    let records = Rc::new(RefCell::new(Vec::new()));
    let mut builder = RingBufferBuilder::new();
    let sink = records.clone();
    let take = move |data: &[u8]| {
        sink.borrow_mut().push(data.to_vec());
        0
    };
    builder.add(&loaded.maps()[RING], take).unwrap();
    builder.build().unwrap().consume().unwrap();
    let expected: Vec<u8> = [0u64.to_le_bytes(), RECORD.to_le_bytes()].concat();
    assert_eq!(*records.borrow(), [expected.clone(), expected]);

    let zero = 0u32.to_le_bytes();
    assert_eq!(word(&loaded.maps()[COUNT], &7u64.to_le_bytes()), Some(1), "NOEXIST keeps the first");
    assert_eq!(word(&loaded.maps()[TOTAL], &zero), Some(3), "twice in BEGIN, once in END");
    let counter = loaded.ledger().unwrap().at(ledger::offset(1, Cause::ReadFault));
    assert_eq!(counter.load(Ordering::Relaxed), 2);
    let others = loaded.memory(LEDGER).unwrap().words().iter().filter(|w| w.load(Ordering::Relaxed) != 0);
    assert_eq!(others.count(), 1, "nothing else in the ledger changed");

    assert_eq!(word(&loaded.current(SWAP).unwrap(), &zero), Some(2));
    let old = loaded.swap(SWAP).unwrap();
    loaded.run_begin().unwrap();
    assert_eq!(word(&old, &zero), Some(2), "what was taken out does not change any more");
    assert_eq!(word(&loaded.current(SWAP).unwrap(), &zero), Some(1));
}

#[test]
fn a_refused_program_is_told_by_line_and_complaint() {
    let artifact = handmade::unchecked();
    let error = Loaded::open(&artifact, &OPTIONS).expect_err("the verifier refuses it");
    let LoadError::Refused(refusals) = &error else { panic!("{error:?}") };
    assert_eq!((refusals.len(), refusals[0].program), (1, 0), "the other program is not blamed");
    let complaint = verifier::complaint(&refusals[0].log);
    assert_eq!(complaint.text, "R0 invalid mem access 'map_value_or_null'");
    let slot = complaint.slot.expect("an instruction");
    assert_eq!(verifier::line_at(&artifact.programs[0].lines, slot).unwrap().line, 3);
}
