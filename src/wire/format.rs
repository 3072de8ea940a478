//! printf formats: parsed once at compile time, obeyed by the runtime. (contract)
//!
//! Deliberately absent: checking against argument types (sema) and printing (runtime).

use serde::{Deserialize, Serialize};

/// A parsed format string.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Format {
    /// Literal text and conversions in order.
    pub pieces: Vec<Piece>,
}

/// A part of a format.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Piece {
    /// Printed as it stands (`%%` is one percent sign here).
    Text(String),
    /// Takes the next argument.
    Conversion(Conversion),
}

/// One `%…` of a format.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Conversion {
    /// `-`: pad on the right.
    pub left: bool,
    /// `0`: pad with zeros.
    pub zero: bool,
    /// `+`: always a sign.
    pub plus: bool,
    /// ` `: a blank for a missing sign.
    pub space: bool,
    /// `#`: 0x, 0 prefixes.
    pub alternate: bool,
    /// Least width; None when not given.
    pub width: Option<Count>,
    /// Precision; None when not given.
    pub precision: Option<Count>,
    /// Length modifier as written (`hh`, `h`, `l`, `ll`, `j`, `z`, `t`) in bytes; None when not given.
    pub length: Option<u8>,
    /// The conversion character: d i u x X o p c s r, `rx` and `rh` as `R` and `H`.
    pub kind: char,
    /// Byte range in the format's value (escapes already replaced).
    pub range: std::ops::Range<usize>,
}

/// A width or precision.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Count {
    /// A number in the format.
    Fixed(u32),
    /// `*`: taken from the arguments.
    Argument,
}
