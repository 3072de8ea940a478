//! Work on many items that mostly waits for the kernel.

use std::sync::Mutex;

/// Threads at most: the kernel's own locks make more of them useless.
const MOST: usize = 32;

/// Items that are not worth a thread of their own.
const FEW: usize = 8;

/// Gives `work` each of `items`, in several threads when there are many. Results come in no particular order when
/// they do, in the order of the items else.
pub fn map<T: Send, R: Send>(items: Vec<T>, work: impl Fn(T) -> R + Sync) -> Vec<R> {
    let threads = (items.len() / FEW).min(MOST);
    if threads < 2 {
        return items.into_iter().map(work).collect();
    }
    let results = Mutex::new(Vec::with_capacity(items.len()));
    let queue = Mutex::new(items.into_iter());
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let next = queue.lock().expect("nothing panics with the lock").next();
                    let Some(item) = next else { break };
                    let result = work(item);
                    results.lock().expect("nothing panics with the lock").push(result);
                }
            });
        }
    });
    results.into_inner().expect("nothing panics with the lock")
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_item_once() {
        for count in [0, 1, 15, 16, 1000] {
            let mut got = super::map((0..count).collect(), |i: u32| i * 2);
            got.sort_unstable();
            assert_eq!(got, (0..count).map(|i| i * 2).collect::<Vec<_>>());
        }
    }
}
