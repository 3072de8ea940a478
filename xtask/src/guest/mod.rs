//! Throwaway guests: a Debian kernel under QEMU's software emulation, an initramfs made on the spot, and an agent
//! that runs a list of steps and reports over a serial port.
//!
//! A guest has no disk and no network. Everything goes in with the initramfs (`image`), everything comes out as
//! frames (`wire`) on the second serial port, which needs no module on any kernel; the first one is the console.

pub mod agent;
pub mod cpio;
pub mod image;
pub mod kernel;
pub mod qemu;
pub mod wire;

/// The name under which this executable runs as the agent inside a guest.
pub const AGENT: &str = "guest-agent";
