//! Meaning: names, probes, types. Syntax tree in, typed tree or diagnostics out.

pub mod tree;
pub mod types;

/// What the command line says about the run, as far as it changes the meaning of a script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Trace only this process (`-p`), where the kind of probe can tell.
    pub pid: Option<u32>,
    /// Pid of the command started by `-c`, 0 when there is none: the builtin `cpid`.
    pub cpid: u32,
    /// Bytes of a string, NUL included (`max_strlen`).
    pub max_strlen: u32,
    /// Entries of a map at most, unless it says otherwise (`max_map_keys`).
    pub max_map_keys: u32,
    /// Attach points at most (`max_probes`).
    pub max_probes: u32,
}

impl Default for Options {
    fn default() -> Options {
        Options { pid: None, cpid: 0, max_strlen: 1024, max_map_keys: 4096, max_probes: 1024 }
    }
}
