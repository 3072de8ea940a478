//! Layouts of everything that passes between programs in the kernel and the runtime: ring records, map keys
//! and values, the ledger of losses, the control words. (contract)
//!
//! Defined once here, used by `ir::build` to write and by `runtime` to read. Plain data, independent of the
//! host and of the syntax tree; all integers little endian as in memory.

pub mod codes;
pub mod format;
pub mod front;
pub mod ledger;
pub mod map;
pub mod record;
pub mod stack;
pub mod types;

/// Rounds `n` up to a multiple of `align` (a power of two).
pub const fn align_up(n: u32, align: u32) -> u32 {
    (n + align - 1) & !(align - 1)
}
