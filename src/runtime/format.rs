//! `printf`: a parsed format and the bytes of its arguments to text.
//!
//! Conversions mean what they mean in C: the length modifier cuts an integer (32 bits without one), then the kind
//! decides its sign and base. `%s` prints any value as `print` does; `%p` of 0 is `0`.
//!
//! The reference formats through C++ streams, which ignore the blank flag and the precision of integers and strings,
//! put zeros before a sign or `0x`, pad with zeros on the right, and pad only the first part of a tuple. Those are
//! taken as defects: here C's rules hold, and a value is padded as a whole. Where C leaves the meaning open, the
//! reference is followed: `%05s` and `%05c` pad with zeros.
//!
//! Invariants: arguments stand in the order in which C would take them (`*` before the value); a missing argument
//! prints as zero; no allocation but growth of the output.

use super::escape::escape_byte;
use super::value::{self, Context, Hex};
use crate::wire::format::{Conversion, Count, Format, Piece};
use crate::wire::record::Field;
use crate::wire::types::DataType;

/// Appends `format` with the arguments that `args` finds in `record`.
pub fn write(out: &mut Vec<u8>, format: &Format, args: &[Field], record: &[u8], context: &mut Context) {
    let mut args = Arguments { fields: args.iter(), record };
    for piece in &format.pieces {
        match piece {
            Piece::Text(text) => out.extend_from_slice(text.as_bytes()),
            Piece::Conversion(conversion) => {
                let shape = Shape::new(conversion, &mut args);
                let (ty, bytes) = args.next();
                convert(out, &shape, ty, bytes, context);
            }
        }
    }
}

/// The arguments not yet taken.
struct Arguments<'a> {
    fields: std::slice::Iter<'a, Field>,
    record: &'a [u8],
}

const NOTHING: &DataType = &DataType::Int { size: 8, signed: true };

impl<'a> Arguments<'a> {
    fn next(&mut self) -> (&'a DataType, &'a [u8]) {
        match self.fields.next() {
            Some(field) => (&field.ty, value::tail(self.record, field.offset)),
            None => (NOTHING, &[]),
        }
    }

    /// The argument of a `*`.
    fn count(&mut self) -> i64 {
        let (ty, bytes) = self.next();
        i64::from(number(ty, bytes) as i32)
    }
}

/// A conversion with its `*` filled in.
struct Shape<'a> {
    conversion: &'a Conversion,
    left: bool,
    width: usize,
    precision: Option<usize>,
}

/// The widest field and the most digits: what a traced value can ask for through `*` is bounded.
const LIMIT: i64 = 4096;

impl<'a> Shape<'a> {
    fn new(conversion: &'a Conversion, args: &mut Arguments) -> Shape<'a> {
        let mut resolve = |count: Option<Count>| {
            count.map(|count| match count {
                Count::Fixed(n) => i64::from(n),
                Count::Argument => args.count(),
            })
        };
        let width = resolve(conversion.width).unwrap_or(0);
        let precision = resolve(conversion.precision).filter(|p| *p >= 0);
        Shape {
            conversion,
            left: conversion.left || width < 0,
            width: width.abs().min(LIMIT) as usize,
            precision: precision.map(|p| p.min(LIMIT) as usize),
        }
    }

    /// Pads what was appended from `start` on to the width.
    fn pad(&self, out: &mut Vec<u8>, start: usize) {
        let missing = self.width.saturating_sub(out.len() - start);
        if missing == 0 {
            return;
        }
        let end = out.len();
        if self.left {
            out.resize(end + missing, b' ');
        } else {
            out.resize(end + missing, if self.conversion.zero { b'0' } else { b' ' });
            out[start..].rotate_right(missing);
        }
    }
}

fn convert(out: &mut Vec<u8>, shape: &Shape, ty: &DataType, bytes: &[u8], context: &mut Context) {
    let start = out.len();
    match shape.conversion.kind {
        'd' | 'i' => write_int(out, shape, Int::signed(number(ty, bytes), shape.conversion.length)),
        'u' => {
            write_int(out, shape, Int::unsigned(number(ty, bytes), shape.conversion.length, Base::Decimal))
        }
        'x' => write_int(out, shape, Int::unsigned(number(ty, bytes), shape.conversion.length, Base::Hex)),
        'X' => {
            write_int(out, shape, Int::unsigned(number(ty, bytes), shape.conversion.length, Base::UpperHex))
        }
        'o' => write_int(out, shape, Int::unsigned(number(ty, bytes), shape.conversion.length, Base::Octal)),
        'p' => write_int(out, shape, Int::unsigned(number(ty, bytes), Some(8), Base::Pointer)),
        'c' => {
            let byte = number(ty, bytes) as u8;
            if context.raw {
                out.push(byte)
            } else {
                escape_byte(out, byte)
            }
            shape.pad(out, start);
        }
        'r' => write_buffer(out, shape, ty, bytes, Hex::Readable, context),
        'R' => write_buffer(out, shape, ty, bytes, Hex::Escaped, context),
        'H' => write_buffer(out, shape, ty, bytes, Hex::Plain, context),
        _ => write_value(out, shape, ty, bytes, context),
    }
}

/// `%s`.
fn write_value(out: &mut Vec<u8>, shape: &Shape, ty: &DataType, bytes: &[u8], context: &mut Context) {
    let start = out.len();
    match (ty, shape.precision) {
        (DataType::Int { size, signed }, _) if shape.width > 0 || shape.conversion.plus => {
            let shape = Shape { precision: None, ..*shape };
            let number = number(ty, bytes);
            let int = match signed {
                true => Int::signed(number, Some(*size)),
                false => Int::unsigned(number, Some(*size), Base::Decimal),
            };
            return write_int(out, &shape, int);
        }
        (DataType::Str { size }, Some(precision)) => {
            let (text, cut) = value::text(bytes, *size);
            let shown = &text[..text.len().min(precision)];
            context.text(out, shown);
            if cut {
                let trailer = context.names.trailer();
                let room = (precision - shown.len()).min(trailer.len());
                out.extend_from_slice(&trailer[..room]);
            }
        }
        _ => value::write(out, ty, bytes, 1, context),
    }
    shape.pad(out, start);
}

fn write_buffer(
    out: &mut Vec<u8>,
    shape: &Shape,
    ty: &DataType,
    bytes: &[u8],
    form: Hex,
    context: &mut Context,
) {
    let start = out.len();
    match ty {
        DataType::Bytes { size } => {
            value::write_hex(out, &bytes[..bytes.len().min(*size as usize)], form);
            shape.pad(out, start);
        }
        DataType::Buffer { size } => {
            value::write_hex(out, value::buffer(bytes, *size), form);
            shape.pad(out, start);
        }
        _ => write_value(out, shape, ty, bytes, context),
    }
}

/// A value as 64 bits, extended by its own sign. What is no scalar counts as 0.
fn number(ty: &DataType, bytes: &[u8]) -> u64 {
    match ty {
        DataType::Int { size, signed: true } => value::signed(bytes, *size) as u64,
        DataType::Int { size, .. } | DataType::Named { size, .. } | DataType::Enum { size, .. } => {
            value::unsigned(bytes, *size)
        }
        DataType::Bool => u64::from(value::unsigned(bytes, 1) != 0),
        DataType::Pointer => value::unsigned(bytes, 8),
        _ => 0,
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Base {
    Decimal,
    Octal,
    Hex,
    UpperHex,
    /// Hex, always with its prefix.
    Pointer,
}

/// An integer about to be printed.
struct Int {
    magnitude: u64,
    negative: bool,
    /// May show a plus or a blank in place of a sign.
    has_sign: bool,
    base: Base,
}

impl Int {
    fn signed(bits: u64, length: Option<u8>) -> Int {
        let value = value::signed(&bits.to_le_bytes(), length.unwrap_or(4));
        Int { magnitude: value.unsigned_abs(), negative: value < 0, has_sign: true, base: Base::Decimal }
    }

    fn unsigned(bits: u64, length: Option<u8>, base: Base) -> Int {
        let magnitude = value::unsigned(&bits.to_le_bytes(), length.unwrap_or(4));
        Int { magnitude, negative: false, has_sign: false, base }
    }

    /// The digits, at the end of `buffer`.
    fn digits<'a>(&self, buffer: &'a mut [u8; 24]) -> &'a [u8] {
        let (shift, letters) = match self.base {
            Base::Decimal => {
                let tail: &mut [u8; 20] = (&mut buffer[4..]).try_into().expect("20 of 24");
                return value::decimal(self.magnitude, tail);
            }
            Base::Octal => (3, b"0123456789abcdef"),
            Base::Hex | Base::Pointer => (4, b"0123456789abcdef"),
            Base::UpperHex => (4, b"0123456789ABCDEF"),
        };
        let (mut rest, mut at) = (self.magnitude, buffer.len());
        loop {
            at -= 1;
            buffer[at] = letters[(rest & ((1 << shift) - 1)) as usize];
            rest >>= shift;
            if rest == 0 {
                return &buffer[at..];
            }
        }
    }

    /// Sign or base in front of the digits.
    fn prefix(&self, conversion: &Conversion) -> &'static [u8] {
        match self.base {
            Base::Decimal if self.negative => b"-",
            Base::Decimal if self.has_sign && conversion.plus => b"+",
            Base::Decimal if self.has_sign && conversion.space => b" ",
            Base::Hex if conversion.alternate && self.magnitude != 0 => b"0x",
            Base::UpperHex if conversion.alternate && self.magnitude != 0 => b"0X",
            Base::Pointer if self.magnitude != 0 => b"0x",
            _ => b"",
        }
    }
}

fn write_int(out: &mut Vec<u8>, shape: &Shape, int: Int) {
    let mut buffer = [0; 24];
    let digits = match int.digits(&mut buffer) {
        // C: no digit at all for 0 with a precision of 0
        [b'0'] if shape.precision == Some(0) => b"",
        digits => digits,
    };
    let prefix = int.prefix(shape.conversion);
    let mut zeros = shape.precision.unwrap_or(0).saturating_sub(digits.len());
    if int.base == Base::Octal && shape.conversion.alternate && zeros == 0 && digits.first() != Some(&b'0') {
        zeros = 1;
    }
    let mut blanks = shape.width.saturating_sub(prefix.len() + zeros + digits.len());
    if shape.conversion.zero && !shape.left && shape.precision.is_none() {
        zeros += std::mem::take(&mut blanks);
    }
    if !shape.left {
        out.resize(out.len() + blanks, b' ');
    }
    out.extend_from_slice(prefix);
    out.resize(out.len() + zeros, b'0');
    out.extend_from_slice(digits);
    if shape.left {
        out.resize(out.len() + blanks, b' ');
    }
}
