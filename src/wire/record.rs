//! Ring records and what they ask of the runtime. (contract)
//!
//! A record is a header of 8 bytes, `u32 action` (index into the artifact's actions) and `u32 clause` (the probe
//! block that wrote it), followed by the action's payload. Records are reserved in the ring and written in
//! place; their size is fixed per action and a multiple of 8.
//!
//! **Control** actions (`exit`, `clear`, `zero`, printing of a whole map) must not be lost. They take the same
//! ring as all else, which keeps the order of what one CPU printed. When there is no room, the program adds 1 to
//! the action's counter in the array map `bt_control` (one value of `u64` per action) and the runtime, having
//! drained the ring, carries the action out that many times. `exit`'s code travels in the control map's last
//! words, see [`EXIT_FLAG`], so that it needs no payload. A control record forces a wakeup, others do so only while the
//! runtime sleeps, see [`super::map::Global::Asleep`].

use serde::{Deserialize, Serialize};

use super::format::Format;
use super::types::DataType;

/// Bytes before the payload.
pub const HEADER: u32 = 8;
/// Offset of the action's index in a record.
pub const ACTION: u32 = 0;
/// Offset of the clause's index in a record.
pub const CLAUSE: u32 = 4;

/// Offset in `bt_control`, after the counters of `actions` actions: 1 when `exit()` ran.
pub const fn exit_flag(actions: u32) -> u32 {
    actions * 8
}

/// Offset in `bt_control` of the exit status (`u64`), written before the flag.
pub const fn exit_code(actions: u32) -> u32 {
    actions * 8 + 8
}

/// Size of the value of `bt_control`.
pub const fn control_size(actions: u32) -> u32 {
    actions * 8 + 16
}

/// A value in a record: its offset from the record's start, and its shape.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Field {
    /// Bytes from the record's start, the header included.
    pub offset: u32,
    /// Its shape.
    pub ty: DataType,
}

/// What the runtime does on a record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Action {
    /// `printf`: prints the arguments by the format.
    Printf {
        /// The parsed format.
        format: Format,
        /// One field an argument.
        args: Vec<Field>,
    },
    /// `print(value)`.
    PrintValue {
        /// The value.
        value: Field,
    },
    /// `print(@m[key])`: prints the value alone, as bpftrace does; the key is for other forms of output.
    PrintEntry {
        /// Index of the map.
        map: usize,
        /// The key.
        key: Field,
        /// The value, of the map's value shape.
        value: Field,
    },
    /// `print(@m)`, `print(@m, top, div)`. Control.
    PrintMap {
        /// Index of the map.
        map: usize,
        /// The clause of the script that it stands in.
        clause: u32,
        /// Only the largest so many, of a queue or stack the next so many; 0 = all.
        top: u64,
        /// Divide values by; 0 and 1 = as they are.
        div: u64,
        /// A `clear` of the same map follows in the same run of this clause: take the contents out as they are
        /// printed, so that nothing is lost in between.
        drains: Option<u32>,
    },
    /// `clear(@m)`. Control.
    Clear {
        /// Index of the map.
        map: usize,
        /// The clause of the script that it stands in.
        clause: u32,
    },
    /// `zero(@m)`. Control.
    Zero {
        /// Index of the map.
        map: usize,
    },
    /// `exit(code)`. Control; the status is in `bt_control`.
    Exit,
    /// `time(format)`: prints wall-clock time.
    Time {
        /// strftime format.
        format: String,
    },
    /// A format with its arguments that is not simply printed. Where the script asks for it stands in the artifact.
    Formatted {
        /// What becomes of the text.
        what: Formatted,
        /// The parsed format.
        format: Format,
        /// One field an argument.
        args: Vec<Field>,
    },
    /// `join(array, separator)`: prints texts, a newline behind them.
    Join {
        /// Number of texts, u64.
        count: Field,
        /// Room for texts, an array of them.
        texts: Field,
        /// What stands between them.
        separator: String,
    },
    /// A user stack was seen for the first time: where the process has its files mapped should be looked at before it
    /// ends. Prints nothing; nobody counts one that is lost.
    Sight {
        /// The process id, u32.
        pid: Field,
    },
}

/// What becomes of formatted text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Formatted {
    /// `errorf`: an error message on standard error.
    Error,
    /// `warnf`: a warning there.
    Warning,
    /// `cat`: the path of a file to print.
    Cat,
    /// `system`: a command to run, whose output is printed.
    System,
}

/// Texts that `join` takes at most, and bytes of each with its NUL.
pub const JOIN_TEXTS: u32 = 16;
/// Bytes of each text of `join`, its NUL included.
pub const JOIN_SIZE: u32 = 1024;

impl Action {
    /// True when the action must not be lost.
    pub fn is_control(&self) -> bool {
        matches!(self, Action::PrintMap { .. } | Action::Clear { .. } | Action::Zero { .. } | Action::Exit)
    }
}
