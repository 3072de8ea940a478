//! Rust to be probed: `probed-rust COUNT` calls each function COUNT times, i = 0 ... COUNT-1.

use std::hint::black_box;

mod shapes {
    pub struct Square {
        pub side: u32,
    }

    impl Square {
        #[inline(never)]
        pub fn area(&self, scale: u32) -> u32 {
            std::hint::black_box(self.side * self.side * scale)
        }
    }

    #[inline(never)]
    pub fn count(number: u64) -> u64 {
        std::hint::black_box(number + 1)
    }
}

fn main() {
    let count: u64 = std::env::args().nth(1).and_then(|word| word.parse().ok()).unwrap_or(1);
    for i in 0..count {
        black_box(shapes::count(i));
        black_box(shapes::Square { side: i as u32 }.area(2));
    }
}
