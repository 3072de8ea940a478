//! Stacks: kept once each in a map of their own and named by an id everywhere else. (contract)
//!
//! The id is a hash of the frames (and of the process, for user stacks), 0 for a stack that could not be taken. The
//! map has the id as its key and as its value a header of 8 bytes, `u32 frames` and `u32 pid` (0 for kernel stacks),
//! followed by the frames: addresses of 8 bytes, or [`BuildId`] entries in a map of those. Entries are never removed:
//! a run knows at most [`ENTRIES`] different stacks ([`FEW_ENTRIES`] where the kernel must allocate them all at
//! once), what comes beyond is counted in the ledger as a full map and has id 0.

/// Bytes before the frames.
pub const HEADER: u32 = 8;
/// Offset of the number of frames.
pub const FRAMES: u32 = 0;
/// Offset of the process id.
pub const PID: u32 = 4;

/// Bytes of a frame that is an address.
pub const ADDRESS: u32 = 8;
/// Bytes of a frame in the kernel's `struct bpf_stack_build_id`: `s32 status`, 20 bytes of build id, then `u64` offset
/// in the file or address, by the status.
pub const BUILD_ID: u32 = 32;

/// `status` of a frame whose build id is known.
pub const BUILD_ID_VALID: u32 = 1;

/// Frames without a limit of the script: as many as the kernel takes unless it was told otherwise.
pub const DEPTH: u32 = 127;
/// The deepest limit a script may ask for; where the kernel takes less, the stack ends there.
pub const MOST: u32 = 1024;

/// Different stacks of a run.
pub const ENTRIES: u32 = 1 << 17;
/// The same where a hash cannot allocate on demand.
pub const FEW_ENTRIES: u32 = 1 << 13;

/// Bytes of a map's value for stacks of `depth` frames.
pub const fn value_size(frame: u32, depth: u32) -> u32 {
    HEADER + frame * depth
}
