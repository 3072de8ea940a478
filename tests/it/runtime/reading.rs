//! Reading maps: batches, buckets that do not fit, kernels without batches, keys that come and go.

use beetrace::fuzz::rng::Rng;
use beetrace::object::artifact::Artifact;
use beetrace::runtime::kernel::Table;
use beetrace::runtime::maps::Contents;
use beetrace::runtime::maps::read::read;
use beetrace::wire::map::{MapKind, MapSpec, ValueKind};

use super::fake::{self, Fake, Hooks, World};

fn script() -> Artifact {
    let map = fake::map("@x", MapKind::Hash, None, ValueKind::Count, false);
    fake::artifact(vec![MapSpec { max_entries: 1000, ..map }], Vec::new())
}

fn fill(kernel: &mut Fake, keys: u64) {
    for key in 0..keys {
        kernel.world.add(0, &key.to_le_bytes(), key + 1);
    }
}

fn sorted(contents: &Contents) -> Vec<(u64, u64)> {
    let word = |bytes: &[u8]| u64::from_le_bytes(bytes.try_into().unwrap());
    let mut rows: Vec<(u64, u64)> =
        (0..contents.len).map(|row| (word(contents.key(row)), word(contents.value(row)))).collect();
    rows.sort_unstable();
    rows
}

#[test]
fn all_entries_come_once_whatever_the_kernel_can_do() {
    let artifact = script();
    // more keys in a bucket than are asked for at first, too
    for (keys, old) in [(0, false), (1, false), (100, false), (20_000, false), (0, true), (500, true)] {
        let mut kernel = Fake::new(&artifact, Hooks::default());
        kernel.old = old;
        fill(&mut kernel, keys);
        let contents = read(&mut kernel, Table::Live(0), &artifact.maps[0]).unwrap();
        assert_eq!(
            sorted(&contents),
            (0..keys).map(|key| (key, key + 1)).collect::<Vec<_>>(),
            "{keys} {old}"
        );
    }
}

/// Keys that stay are read once, with their value, while others come and go.
#[test]
fn keys_that_stay_are_read_while_others_come_and_go() {
    let artifact = script();
    for seed in 0..40 {
        let mut rng = Rng::new(seed);
        let step = |world: &mut World| {
            for _ in 0..rng.below(5) {
                let key = (1000 + rng.below(50) as u64).to_le_bytes();
                if rng.one_in(2) {
                    world.maps[0].remove(&key[..]);
                } else {
                    world.add(0, &key, 7);
                }
            }
        };
        let mut kernel = Fake::new(&artifact, Hooks { step: Some(Box::new(step)), ..Hooks::default() });
        kernel.old = seed % 2 == 0;
        fill(&mut kernel, 300);
        let contents = read(&mut kernel, Table::Live(0), &artifact.maps[0]).unwrap();
        let rows = sorted(&contents);
        let stayed: Vec<(u64, u64)> = rows.iter().copied().filter(|(key, _)| *key < 1000).collect();
        assert_eq!(stayed, (0..300).map(|key| (key, key + 1)).collect::<Vec<_>>(), "seed {seed}");
        assert!(rows.windows(2).all(|pair| pair[0].0 != pair[1].0), "seed {seed}: a key came twice");
    }
}

#[test]
fn reading_ends_although_programs_never_rest() {
    let artifact = script();
    let mut next = 1000u64;
    let step = |world: &mut World| {
        // every key is deleted before it can be walked from
        world.maps[0].clear();
        world.add(0, &next.to_le_bytes(), 1);
        next += 1;
    };
    let mut kernel = Fake::new(&artifact, Hooks { step: Some(Box::new(step)), ..Hooks::default() });
    kernel.old = true;
    read(&mut kernel, Table::Live(0), &artifact.maps[0]).unwrap();
}
