//! Bytes of a known shape to text, as bpftrace 0.27 prints values.
//!
//! Invariants: never fails and never reads past the given bytes: bytes that are missing count as zero (a record is as
//! long as its action says, so this only keeps a damaged one from ending the run); text of traced processes is
//! escaped unless [`Context::raw`] is set.
//!
//! Two deliberate differences to the reference: bit fields of signed types are extended by their sign, and an
//! unknown enumerator is printed as a number of the enum's own width.

use std::io::Write;

use super::escape::escape;
use super::names::{Names, unknown};
use crate::wire::types::{DataType, Name, StructField};

/// Printed after text that was cut, unless a setting says otherwise.
pub const TRAILER: &[u8] = b"..";

/// What values need besides their bytes.
pub struct Context<'a> {
    /// Names for addresses and probes.
    pub names: &'a mut dyn Names,
    /// Print bytes of traced processes as they are.
    pub raw: bool,
}

impl Context<'_> {
    /// Appends bytes of a traced process.
    pub fn text(&self, out: &mut Vec<u8>, bytes: &[u8]) {
        if self.raw { out.extend_from_slice(bytes) } else { escape(out, bytes) }
    }
}

/// Appends the value of shape `ty` at the start of `bytes`. Integers within it are divided by `div` (0 and 1: as
/// they are).
pub fn write(out: &mut Vec<u8>, ty: &DataType, bytes: &[u8], div: u64, context: &mut Context) {
    match ty {
        DataType::Int { size, signed: true } => write_signed(out, divide(signed(bytes, *size), div)),
        DataType::Int { size, signed: false } => write_unsigned(out, unsigned(bytes, *size) / div.max(1)),
        DataType::Bool => out.extend_from_slice(if unsigned(bytes, 1) != 0 { b"true" } else { b"false" }),
        DataType::Str { size } => {
            let (text, cut) = text(bytes, *size);
            context.text(out, text);
            out.extend_from_slice(if cut { context.names.trailer() } else { b"" });
        }
        DataType::Bytes { size } => write_hex(out, head(bytes, *size), Hex::Readable),
        DataType::Buffer { size } => write_hex(out, buffer(bytes, *size), Hex::Readable),
        DataType::Inet => write_inet(out, bytes),
        DataType::Prefix => write_prefix(out, bytes),
        DataType::Mac => write_mac(out, bytes),
        DataType::Pointer => write!(out, "{:#x}", unsigned(bytes, 8)).expect("writing to memory"),
        DataType::Named { size, name } => write_name(out, unsigned(bytes, *size), *name, context),
        DataType::Enum { size, names } => write_enum(out, bytes, *size, names),
        DataType::Tuple { fields, .. } => {
            out.push(b'(');
            write_fields(out, fields, bytes, div, context);
            out.push(b')');
        }
        DataType::Struct { fields, .. } if fields.is_empty() => out.extend_from_slice(b"{}"),
        DataType::Struct { fields, .. } => {
            out.extend_from_slice(b"{ ");
            write_members(out, fields, bytes, div, context);
            out.extend_from_slice(b" }");
        }
        DataType::Array { element, count } => write_array(out, element, *count, bytes, div, context),
    }
}

/// Appends the fields of a tuple without the parentheses: `a, b`. Keys are printed so.
pub fn write_fields(
    out: &mut Vec<u8>,
    fields: &[(u32, DataType)],
    bytes: &[u8],
    div: u64,
    context: &mut Context,
) {
    for (i, (offset, ty)) in fields.iter().enumerate() {
        out.extend_from_slice(if i == 0 { b"" } else { b", " });
        write(out, ty, tail(bytes, *offset), div, context);
    }
}

fn write_members(out: &mut Vec<u8>, fields: &[StructField], bytes: &[u8], div: u64, context: &mut Context) {
    for (i, field) in fields.iter().enumerate() {
        out.extend_from_slice(if i == 0 { b"" } else { b", " });
        let bytes = tail(bytes, field.offset);
        match (&field.ty, field.bits) {
            // members of an anonymous struct or union belong to the struct around it
            (DataType::Struct { fields, .. }, _) if field.name.is_empty() => {
                write_members(out, fields, bytes, div, context);
            }
            (ty, bits) => {
                write!(out, ".{} = ", field.name).expect("writing to memory");
                match bits {
                    Some(bits) => write(out, ty, &bit_field(bytes, ty, bits), div, context),
                    None => write(out, ty, bytes, div, context),
                }
            }
        }
    }
}

fn write_array(
    out: &mut Vec<u8>,
    element: &DataType,
    count: u32,
    bytes: &[u8],
    div: u64,
    context: &mut Context,
) {
    out.push(b'[');
    for i in 0..count {
        out.extend_from_slice(if i == 0 { b"" } else { b"," });
        write(out, element, tail(bytes, i * element.size()), div, context);
    }
    out.push(b']');
}

/// An internet address by its family; "" for another family, as the reference prints.
fn write_inet(out: &mut Vec<u8>, bytes: &[u8]) {
    use std::net::{Ipv4Addr, Ipv6Addr};
    let mut address = [0; 16];
    let found = head(tail(bytes, 4), 16);
    address[..found.len()].copy_from_slice(found);
    let [a, b, c, d, ..] = address;
    match unsigned(bytes, 4) {
        AF_INET => write!(out, "{}", Ipv4Addr::new(a, b, c, d)),
        AF_INET6 => write!(out, "{}", Ipv6Addr::from(address)),
        _ => Ok(()),
    }
    .expect("writing to memory");
}

/// Appends a prefix as `10.0.0.0/8`.
fn write_prefix(out: &mut Vec<u8>, bytes: &[u8]) {
    let (inet, bits) = (tail(bytes, 4), unsigned(bytes, 4));
    write_inet(out, inet);
    let most = if unsigned(inet, 4) == AF_INET { 32 } else { 128 };
    write!(out, "/{}", bits.saturating_sub(32).min(most)).expect("writing to memory");
}

/// Families of addresses in the kernel's user API.
const AF_INET: u64 = 2;
const AF_INET6: u64 = 10;

fn write_mac(out: &mut Vec<u8>, bytes: &[u8]) {
    for i in 0..6 {
        let byte = bytes.get(i).copied().unwrap_or(0);
        let colon = if i == 0 { "" } else { ":" };
        write!(out, "{colon}{byte:02X}").expect("writing to memory");
    }
}

fn write_name(out: &mut Vec<u8>, number: u64, name: Name, context: &mut Context) {
    let known = match name {
        Name::KernelSymbol => context.names.symbol(number),
        Name::Probe => context.names.probe(number),
        Name::Function => context.names.function(number),
        _ => {
            // names in files of processes are theirs
            let text = context.names.text(name, number);
            return context.text(out, text.as_bytes());
        }
    };
    match known {
        Some(text) => out.extend_from_slice(text.as_bytes()),
        None => out.extend_from_slice(unknown(number).as_bytes()),
    }
}

fn write_enum(out: &mut Vec<u8>, bytes: &[u8], size: u8, names: &[(i64, String)]) {
    let (zero_extended, sign_extended) = (unsigned(bytes, size), signed(bytes, size));
    let known = names.iter().find(|(value, _)| *value == sign_extended || *value as u64 == zero_extended);
    match known {
        Some((_, name)) => out.extend_from_slice(name.as_bytes()),
        None => write_unsigned(out, zero_extended),
    }
}

/// The value of a bit field as the bytes of a whole integer of its type.
pub fn bit_field(bytes: &[u8], ty: &DataType, (first, width): (u8, u8)) -> [u8; 8] {
    let size = ty.size().min(8) as u8;
    let up = 64u32.saturating_sub(u32::from(first) + u32::from(width));
    let down = 64u32.saturating_sub(u32::from(width)).min(63);
    let raised = unsigned(bytes, size).checked_shl(up).unwrap_or(0);
    match ty {
        DataType::Int { signed: true, .. } => ((raised as i64) >> down).to_le_bytes(),
        _ => (raised >> down).to_le_bytes(),
    }
}

/// How raw bytes are spelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hex {
    /// Printable ASCII as it is, the rest as `\xNN` (`%r`).
    Readable,
    /// All as `\xNN` (`%rx`).
    Escaped,
    /// `NN NN` (`%rh`).
    Plain,
}

/// Appends raw bytes.
pub fn write_hex(out: &mut Vec<u8>, bytes: &[u8], form: Hex) {
    for (i, byte) in bytes.iter().enumerate() {
        match form {
            Hex::Readable if matches!(byte, b' '..=b'~') => out.push(*byte),
            Hex::Readable | Hex::Escaped => write!(out, "\\x{byte:02x}").expect("writing to memory"),
            Hex::Plain => {
                out.extend_from_slice(if i == 0 { b"" } else { b" " });
                write!(out, "{byte:02x}").expect("writing to memory");
            }
        }
    }
}

/// The text in a string buffer of `size` bytes, and whether it was cut (no NUL within).
pub fn text(bytes: &[u8], size: u32) -> (&[u8], bool) {
    let bytes = head(bytes, size);
    match bytes.iter().position(|b| *b == 0) {
        Some(end) => (&bytes[..end], false),
        None => (bytes, bytes.len() == size as usize && size > 0),
    }
}

/// The bytes of a buffer with room for `size` of them.
pub fn buffer(bytes: &[u8], size: u32) -> &[u8] {
    let length = unsigned(bytes, 4).min(u64::from(size)) as u32;
    head(tail(bytes, 4), length)
}

/// The unsigned integer of `size` bytes (at most 8) at the start of `bytes`.
pub fn unsigned(bytes: &[u8], size: u8) -> u64 {
    match (size, bytes) {
        (8, [a, b, c, d, e, f, g, h, ..]) => u64::from_le_bytes([*a, *b, *c, *d, *e, *f, *g, *h]),
        (4, [a, b, c, d, ..]) => u64::from(u32::from_le_bytes([*a, *b, *c, *d])),
        _ => {
            let mut whole = [0; 8];
            let count = usize::from(size).min(bytes.len()).min(8);
            whole[..count].copy_from_slice(&bytes[..count]);
            u64::from_le_bytes(whole)
        }
    }
}

/// As [`unsigned`], extended by its sign.
pub fn signed(bytes: &[u8], size: u8) -> i64 {
    let unused = 64 - 8 * u32::from(size.clamp(1, 8));
    ((unsigned(bytes, size) << unused) as i64) >> unused
}

/// C's signed division (towards zero); a divisor of 0 counts as 1.
pub fn divide(value: i64, div: u64) -> i64 {
    match i64::try_from(div) {
        Ok(div) => value.wrapping_div(div.max(1)),
        Err(_) => 0,
    }
}

/// Appends a signed decimal.
pub fn write_signed(out: &mut Vec<u8>, value: i64) {
    if value < 0 {
        out.push(b'-');
    }
    write_unsigned(out, value.unsigned_abs());
}

/// Appends an unsigned decimal.
pub fn write_unsigned(out: &mut Vec<u8>, value: u64) {
    let mut digits = [0; 20];
    out.extend_from_slice(decimal(value, &mut digits));
}

/// The decimal digits of `value`, at the end of `buffer`.
pub fn decimal(mut value: u64, buffer: &mut [u8; 20]) -> &[u8] {
    const PAIRS: &[u8; 200] = b"00010203040506070809101112131415161718192021222324\
        2526272829303132333435363738394041424344454647484950515253545556575859606162636465666768697071727374\
        75767778798081828384858687888990919293949596979899";
    let mut at = buffer.len();
    while value >= 100 {
        let pair = (value % 100) as usize * 2;
        value /= 100;
        at -= 2;
        buffer[at..at + 2].copy_from_slice(&PAIRS[pair..pair + 2]);
    }
    if value >= 10 {
        let pair = value as usize * 2;
        at -= 2;
        buffer[at..at + 2].copy_from_slice(&PAIRS[pair..pair + 2]);
    } else {
        at -= 1;
        buffer[at] = b'0' + value as u8;
    }
    &buffer[at..]
}

fn head(bytes: &[u8], size: u32) -> &[u8] {
    &bytes[..bytes.len().min(size as usize)]
}

/// The bytes from `offset` on, none when there are not so many.
pub fn tail(bytes: &[u8], offset: u32) -> &[u8] {
    bytes.get(offset as usize..).unwrap_or_default()
}
