//! Instructions that the kernel is known not to probe: it refuses a link that has one of them, and does not say which.
//!
//! A guess, from the tables of `arch/x86/kernel/uprobes.c`: it decides which places are tried alone, never whether a
//! place is tried. A wrong guess costs time.

use std::fs::File;
use std::os::unix::fs::FileExt;

/// Bytes that hold the prefixes and the opcode of any instruction.
const HEAD: usize = 16;

/// For each offset of the file whether the kernel may refuse it; all false where the file cannot be read.
pub fn doubtful(path: &str, offsets: &[u64]) -> Vec<bool> {
    let Ok(file) = File::open(path) else { return vec![false; offsets.len()] };
    let mut head = [0; HEAD];
    let mut at = |offset: &u64| {
        let length = file.read_at(&mut head, *offset).unwrap_or(0);
        cfg!(target_arch = "x86_64") && is_doubtful(&head[..length])
    };
    offsets.iter().map(&mut at).collect()
}

fn is_doubtful(code: &[u8]) -> bool {
    let mut rest = code;
    while let [first, tail @ ..] = rest {
        match first {
            // segments and locks are refused wherever they stand
            0x26 | 0x2e | 0x36 | 0x3e | 0xf0 => return true,
            0x64..=0x67 | 0xf2 | 0xf3 | 0x40..=0x4f => rest = tail,
            // the kernel looks up opcodes of vector instructions among those of one byte
            0xc5 => return tail.get(1).is_none_or(|opcode| is_bad(*opcode)),
            0xc4 => return tail.get(2).is_none_or(|opcode| is_bad(*opcode)),
            0x62 => return tail.get(3).is_none_or(|opcode| is_bad(*opcode)),
            0x0f => {
                return matches!(tail.first(), None | Some(0x00 | 0x01 | 0x06..=0x0a | 0x30 | 0x32 | 0x33));
            }
            opcode => return is_bad(*opcode),
        }
    }
    true
}

/// Opcodes that are privileged, do not exist in 64-bit code, or trap by themselves.
fn is_bad(opcode: u8) -> bool {
    matches!(
        opcode,
        0x06 | 0x07 | 0x0e | 0x0f | 0x16 | 0x17 | 0x1e | 0x1f | 0x26 | 0x27 | 0x2e | 0x2f | 0x36 | 0x37 | 0x3e
            | 0x3f | 0x40..=0x4f | 0x60..=0x62 | 0x66 | 0x67 | 0x6c..=0x6f | 0x82 | 0x9a | 0xc4 | 0xc5
            | 0xcc..=0xcf | 0xd4..=0xd6 | 0xe4..=0xe7 | 0xea | 0xec..=0xf1 | 0xf4 | 0xfa | 0xfb
    )
}

#[cfg(test)]
mod tests {
    use super::is_doubtful;

    #[test]
    fn starts_of_functions() {
        let fine: [&[u8]; 4] = [
            &[0xf3, 0x0f, 0x1e, 0xfa], // endbr64
            &[0x55],                   // push %rbp
            &[0x48, 0x83, 0xec, 0x10], // sub $16,%rsp
            &[0x41, 0x57],             // push %r15
        ];
        for code in fine {
            assert!(!is_doubtful(code), "{code:x?}");
        }
        assert!(is_doubtful(&[0xc5, 0xf9, 0x6e, 0xc6]), "vmovd %esi,%xmm0");
        assert!(is_doubtful(&[0xf0, 0x48, 0x0f, 0xb1, 0x37]), "lock cmpxchg");
        assert!(is_doubtful(&[0xf4]) && is_doubtful(&[]), "hlt, nothing");
    }
}
