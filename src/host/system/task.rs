//! Where the name of a task is in `task_struct`, found without reading all of the kernel's types.
//!
//! Parsing BTF takes longer than compiling a short script, and one offset needs little of it: the strings are searched for
//! two names, then the types are walked once, in their binary form, without an index.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use memchr::memmem;

use super::btf::PATH;

const MAGIC: u16 = 0xeb9f;
/// Bytes read at once.
const CHUNK: usize = 1 << 18;

const ARRAY: u32 = 3;
const STRUCT: u32 = 4;
/// TASK_COMM_LEN
const COMM: u32 = 16;

/// The offset of `comm` in `struct task_struct`, in bytes; None where there is no BTF, or where it is not a direct member
/// that is an array of 16 bytes.
pub fn comm_offset() -> Option<u32> {
    let file = File::open(PATH).ok()?;
    let mut header = [0; 24];
    file.read_exact_at(&mut header, 0).ok()?;
    let word = |at: usize| u32::from_le_bytes(header[at..at + 4].try_into().expect("4 bytes"));
    if u16::from_le_bytes([header[0], header[1]]) != MAGIC {
        return None;
    }
    let [types, types_len, strings, strings_len] = [8, 12, 16, 20].map(word);
    let start = u64::from(word(4));
    let part =
        |offset: u32, len: u32| Part { file: &file, start: start + u64::from(offset), len: u64::from(len) };
    let [task, comm] = part(strings, strings_len).offsets(["task_struct", "comm"]).ok()?;
    let types = part(types, types_len);
    let member = types.member(task?, comm?).ok()??;
    (types.array_length(member.ty).ok()? == Some(COMM)).then_some(member.offset)
}

/// A member of a struct: its type, and where it is, in bytes.
struct Member {
    ty: u32,
    offset: u32,
}

/// A section of the file.
struct Part<'a> {
    file: &'a File,
    start: u64,
    len: u64,
}

impl Part<'_> {
    /// Calls `f` with what is left of the last piece and the next one behind it; `f` tells how much of that it took, or None to
    /// stop.
    fn pieces(&self, mut f: impl FnMut(&[u8]) -> Option<usize>) -> io::Result<()> {
        let (mut buffer, mut filled, mut at) = (vec![0; CHUNK], 0, 0);
        while at < self.len {
            if filled == buffer.len() {
                buffer.resize(2 * filled, 0);
            }
            let most = (buffer.len() - filled).min((self.len - at) as usize);
            let count = self.file.read_at(&mut buffer[filled..filled + most], self.start + at)?;
            if count == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            (filled, at) = (filled + count, at + count as u64);
            let Some(taken) = f(&buffer[..filled]) else { return Ok(()) };
            buffer.copy_within(taken..filled, 0);
            filled -= taken;
        }
        Ok(())
    }

    /// Where these names are in the strings.
    fn offsets(&self, names: [&str; 2]) -> io::Result<[Option<u32>; 2]> {
        let wanted = names.map(|name| format!("\0{name}\0"));
        let finders = [0, 1].map(|i| memmem::Finder::new(wanted[i].as_bytes()));
        let (mut found, mut passed) = ([None; 2], 0);
        // a name may begin in one piece and end in the next
        let kept = wanted.iter().map(String::len).max().unwrap_or(0);
        self.pieces(|piece| {
            for (found, finder) in found.iter_mut().zip(&finders) {
                *found = found.or_else(|| finder.find(piece).map(|at| (passed + at + 1) as u32));
            }
            let taken = piece.len().saturating_sub(kept);
            passed += taken;
            found.iter().any(Option::is_none).then_some(taken)
        })?;
        Ok(found)
    }

    /// Calls `f` with each type until it gives something: its number, its first three words and what follows them.
    fn each<T>(&self, mut f: impl FnMut(u32, [u32; 3], &[u8]) -> Option<T>) -> io::Result<Option<T>> {
        let (mut number, mut found) = (0, None);
        self.pieces(|piece| {
            let mut at = 0;
            while let Some(head) = piece.get(at..at + 12) {
                let head = words::<3>(head);
                let Some(extra) = extra(head[1]).and_then(|len| piece.get(at + 12..at + 12 + len)) else {
                    break;
                };
                number += 1;
                found = f(number, head, extra);
                if found.is_some() {
                    return None;
                }
                at += 12 + extra.len();
            }
            Some(at)
        })?;
        Ok(found)
    }

    fn member(&self, of: u32, name: u32) -> io::Result<Option<Member>> {
        let structure = |_, [own, info, _]: [u32; 3], members: &[u8]| {
            if own != of || kind(info) != STRUCT {
                return None;
            }
            // with the flag, the upper bits say how wide a bit field is
            let offset = |bits: u32| if info >> 31 == 1 { bits & 0xff_ffff } else { bits };
            let member = members.chunks_exact(12).map(words::<3>).find(|member| member[0] == name);
            Some(member.map(|[_, ty, bits]| Member { ty, offset: offset(bits) / 8 }))
        };
        Ok(self.each(structure)?.flatten())
    }

    /// Elements of a type that is an array.
    fn array_length(&self, ty: u32) -> io::Result<Option<u32>> {
        self.each(|number, [_, info, _], extra| {
            (number == ty).then(|| (kind(info) == ARRAY).then(|| words::<3>(extra)[2]))
        })
        .map(Option::flatten)
    }
}

fn words<const N: usize>(bytes: &[u8]) -> [u32; N] {
    std::array::from_fn(|i| u32::from_le_bytes(bytes[4 * i..4 * i + 4].try_into().expect("4 bytes")))
}

fn kind(info: u32) -> u32 {
    info >> 24 & 0x1f
}

/// Bytes that follow the first three words of a type; None for a kind that is not known, whose length is not either.
fn extra(info: u32) -> Option<usize> {
    let count = (info & 0xffff) as usize;
    Some(match kind(info) {
        // pointers, declarations, typedefs, qualifiers, functions, floats, type tags
        2 | 7..=12 | 16 | 18 => 0,
        // integers, variables, declaration tags
        1 | 14 | 17 => 4,
        ARRAY => 12,
        // structs and unions, sections, enums of 64 bits
        STRUCT | 5 | 15 | 19 => 12 * count,
        // enums, prototypes
        6 | 13 => 8 * count,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::system::System;
    use crate::host::{BtfKind, BtfType, Host};

    #[test]
    fn the_short_way_finds_what_the_long_one_does() {
        let system = System::new();
        let Ok(btf) = system.btf() else {
            assert_eq!(comm_offset(), None, "no BTF, so no offset");
            return;
        };
        let task = btf.find(BtfKind::Struct, "task_struct").expect("every kernel has tasks");
        let BtfType::Composite { members, .. } = btf.get(task) else { panic!("a struct") };
        let comm = members.iter().find(|member| member.name == "comm").map(|member| member.bit_offset / 8);
        assert_eq!(comm_offset(), comm);
    }

    #[test]
    fn kinds_that_are_not_known_end_the_walk() {
        assert_eq!(extra(31 << 24), None);
        assert_eq!(extra(STRUCT << 24 | 3), Some(36));
    }
}
