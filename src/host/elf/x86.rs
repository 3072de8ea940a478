//! Lengths of x86-64 instructions: enough to say where an instruction begins, and no more.
//!
//! A breakpoint in the middle of an instruction damages the traced program, and the kernel cannot tell.

/// The offset of the instruction that holds the byte at `offset` of `code`, which begins with an instruction; None
/// when the bytes before cannot be read as instructions.
pub fn start_of(code: &[u8], offset: usize) -> Option<usize> {
    let mut at = 0;
    while at <= offset {
        let next = at + length(code.get(at..)?)?;
        if offset < next {
            return Some(at);
        }
        at = next;
    }
    None
}

/// Offsets of the instructions that return from the function whose code this is; None when the bytes cannot be read
/// as instructions to the end.
pub fn returns(code: &[u8]) -> Option<Vec<usize>> {
    let (mut at, mut found) = (0, Vec::new());
    while at < code.len() {
        let rest = &code[at..];
        let prefixes = rest.iter().take_while(|byte| matches!(byte, 0xf2 | 0xf3)).count();
        if matches!(rest.get(prefixes), Some(0xc2 | 0xc3)) {
            found.push(at);
        }
        at += length(rest)?;
    }
    Some(found)
}

/// Maps of opcodes.
#[derive(Clone, Copy, PartialEq)]
enum Map {
    One,
    Two,
    ThreeA,
    /// 0F 38, and the maps of AVX-512 without immediates.
    Plain,
}

/// What the prefixes say.
#[derive(Default)]
struct Prefixes {
    /// 66: operands of 16 bits.
    short: bool,
    /// 67: addresses of 32 bits.
    narrow: bool,
    /// REX.W: operands of 64 bits.
    wide: bool,
}

/// Bytes of the instruction at the start of `code`; None for what is no instruction or not whole.
pub fn length(code: &[u8]) -> Option<usize> {
    let mut prefixes = Prefixes::default();
    let mut at = 0;
    loop {
        match code.get(at)? {
            0x66 => prefixes.short = true,
            0x67 => prefixes.narrow = true,
            0x26 | 0x2e | 0x36 | 0x3e | 0x64 | 0x65 | 0xf0 | 0xf2 | 0xf3 => {}
            _ => break,
        }
        at += 1;
    }
    if let rex @ 0x40..=0x4f = code.get(at)? {
        prefixes.wide = rex & 8 != 0;
        at += 1;
    }
    let (map, opcode, vector) = opcode(code, &mut at)?;
    let (modrm, immediate) = match (map, vector) {
        (Map::One, _) => one_byte(opcode, code.get(at).copied(), &prefixes)?,
        (Map::Two, false) => two_byte(opcode)?,
        // vzeroupper is the only one without operands
        (Map::Two, true) => (opcode != 0x77, usize::from(has_byte(opcode))),
        (Map::ThreeA, _) => (true, 1),
        (Map::Plain, _) => (true, 0),
    };
    if modrm {
        at += operand(code.get(at..)?)?;
    }
    at += immediate;
    (at <= code.len() && at <= 15).then_some(at)
}

/// The opcode and its map, behind VEX and its like too.
fn opcode(code: &[u8], at: &mut usize) -> Option<(Map, u8, bool)> {
    let mut next = || {
        *at += 1;
        code.get(*at - 1).copied()
    };
    let numbered = |number: u8| match number {
        1 => Some(Map::Two),
        2 | 5 | 6 => Some(Map::Plain),
        3 => Some(Map::ThreeA),
        _ => None,
    };
    match next()? {
        0x0f => match next()? {
            0x38 => Some((Map::Plain, next()?, false)),
            0x3a => Some((Map::ThreeA, next()?, false)),
            opcode => Some((Map::Two, opcode, false)),
        },
        0xc5 => {
            next()?;
            Some((Map::Two, next()?, true))
        }
        0xc4 => {
            let map = numbered(next()? & 0x1f)?;
            next()?;
            Some((map, next()?, true))
        }
        0x62 => {
            let map = numbered(next()? & 7)?;
            next()?;
            next()?;
            Some((map, next()?, true))
        }
        opcode => Some((Map::One, opcode, false)),
    }
}

/// Whether a ModRM byte follows, and bytes of immediates.
fn one_byte(opcode: u8, modrm: Option<u8>, prefixes: &Prefixes) -> Option<(bool, usize)> {
    let full = if prefixes.short { 2 } else { 4 };
    let test = |size: usize| modrm.map(|byte| if byte >> 3 & 7 < 2 { size } else { 0 });
    Some(match opcode {
        0x00..=0x3f => match opcode & 7 {
            0..=3 => (true, 0),
            4 => (false, 1),
            5 => (false, full),
            _ => return None,
        },
        0x63 | 0x84..=0x8e | 0xd0..=0xd3 | 0xd8..=0xdf | 0xfe | 0xff => (true, 0),
        // with another number in ModRM it is a prefix of AMD's
        0x8f => (modrm.filter(|byte| byte >> 3 & 7 == 0).is_some(), 0),
        0x68 | 0xa9 => (false, full),
        0x69 | 0x81 | 0xc7 => (true, full),
        0x6a | 0x70..=0x7f | 0xa8 | 0xb0..=0xb7 | 0xcd | 0xe0..=0xe7 | 0xeb => (false, 1),
        0x6b | 0x80 | 0x83 | 0xc0 | 0xc1 | 0xc6 => (true, 1),
        0xa0..=0xa3 => (false, if prefixes.narrow { 4 } else { 8 }),
        0xb8..=0xbf => (false, if prefixes.wide { 8 } else { full }),
        0xc2 | 0xca => (false, 2),
        0xc8 => (false, 3),
        0xe8 | 0xe9 => (false, 4),
        0xf6 => (true, test(1)?),
        0xf7 => (true, test(full)?),
        0x60 | 0x61 | 0x82 | 0x9a | 0xce | 0xd4..=0xd6 | 0xea => return None,
        _ => (false, 0),
    })
}

fn two_byte(opcode: u8) -> Option<(bool, usize)> {
    Some(match opcode {
        0x04 | 0x0a | 0x0c | 0x24..=0x27 | 0x36 | 0x39 | 0x3b..=0x3f | 0xa6 | 0xa7 => return None,
        0x05..=0x09 | 0x0b | 0x0e | 0x30..=0x35 | 0x37 | 0x77 | 0xa0..=0xa2 | 0xa8..=0xaa | 0xc8..=0xcf => {
            (false, 0)
        }
        0x80..=0x8f => (false, 4),
        0x0f | 0xa4 | 0xac | 0xba => (true, 1),
        _ => (true, usize::from(has_byte(opcode))),
    })
}

/// Vector instructions of the two-byte map that take a byte.
fn has_byte(opcode: u8) -> bool {
    matches!(opcode, 0x70..=0x73 | 0xc2 | 0xc4..=0xc6)
}

/// Bytes of ModRM and what belongs to it.
fn operand(code: &[u8]) -> Option<usize> {
    let modrm = *code.first()?;
    let (mode, register) = (modrm >> 6, modrm & 7);
    if mode == 3 {
        return Some(1);
    }
    let (mut size, mut base) = (1, register);
    if register == 4 {
        base = code.get(1)? & 7;
        size += 1;
    }
    size += match mode {
        0 if base == 5 => 4,
        0 => 0,
        1 => 1,
        _ => 4,
    };
    Some(size)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_known_instructions() {
        let cases: &[(&[u8], &str)] = &[
            (&[0x55], "push %rbp"),
            (&[0x48, 0x89, 0xe5], "mov %rsp,%rbp"),
            (&[0xf3, 0x0f, 0x1e, 0xfa], "endbr64"),
            (&[0x48, 0xb8, 1, 2, 3, 4, 5, 6, 7, 8], "movabs $…,%rax"),
            (&[0x66, 0xb8, 1, 2], "mov $…,%ax"),
            (&[0xe8, 0, 0, 0, 0], "call"),
            (&[0x48, 0x8b, 0x05, 1, 2, 3, 4], "mov …(%rip),%rax"),
            (&[0x8b, 0x44, 0x24, 0x10], "mov 0x10(%rsp),%eax"),
            (&[0x48, 0x8d, 0x04, 0xc5, 0, 0, 0, 0], "lea 0x0(,%rax,8),%rax"),
            (&[0x66, 0x0f, 0x1f, 0x84, 0, 0, 0, 0, 0], "nopw"),
            (&[0xf6, 0xc1, 0x01], "test $1,%cl"),
            (&[0xf6, 0xd1], "not %cl"),
            (&[0x48, 0xf7, 0x45, 0xf8, 1, 0, 0, 0], "testq $1,-8(%rbp)"),
            (&[0xc5, 0xf8, 0x77], "vzeroupper"),
            (&[0xc4, 0xe2, 0x7d, 0x78, 0xc0], "vpbroadcastb"),
            (&[0x62, 0xf1, 0x7c, 0x48, 0x10, 0x07], "vmovups (%rdi),%zmm0"),
            (&[0x66, 0x0f, 0x3a, 0x63, 0xc1, 0x18], "pcmpistri"),
            (&[0x0f, 0x84, 0, 0, 0, 0], "je"),
        ];
        for (bytes, text) in cases {
            let mut code = bytes.to_vec();
            code.extend([0x90; 8]);
            assert_eq!(length(&code), Some(bytes.len()), "{text}");
            assert_eq!(length(&bytes[..bytes.len() - 1]), None, "{text} cut");
        }
        assert_eq!(length(&[0x06]), None);
    }

    #[test]
    fn boundaries_and_returns() {
        let code = [0x55, 0x48, 0x89, 0xe5, 0x5d, 0xc3, 0x90, 0xf3, 0xc3];
        let starts: Vec<_> = (0..9).map(|at| start_of(&code, at).unwrap()).collect();
        assert_eq!(starts, [0, 1, 1, 1, 4, 5, 6, 7, 7]);
        assert_eq!(start_of(&code, 9), None);
        assert_eq!(returns(&code), Some(vec![5, 7]));
        assert_eq!(returns(&code[..2]), None);
    }
}
