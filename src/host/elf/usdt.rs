//! Static probes (USDT): the notes that `sys/sdt.h` leaves in a binary.
//!
//! A note of the owner `stapsdt`, type 3, in `.note.stapsdt` holds three addresses (the probe's, the base that the
//! linker saw, the semaphore's) and three texts: provider, name, arguments. When the file was changed after linking
//! (prelink), the section `.stapsdt.base` moved, and by as much the addresses.

/// A static probe of a binary. One probe may have many, at different places.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// Who defined it, e.g. `libc`.
    pub provider: String,
    /// Its name.
    pub name: String,
    /// Address of the instruction.
    pub address: u64,
    /// Address of the counter that tells the program whether anybody looks; 0 when there is none.
    pub semaphore: u64,
    /// Where the arguments are: `-4@%edi 8@-16(%rbp)`.
    pub arguments: String,
}

const OWNER: &[u8] = b"stapsdt";
const TYPE: u32 = 3;

/// Reads the contents of `.note.stapsdt`; `base` is the address of `.stapsdt.base` in the file. What is malformed is
/// left out.
pub fn parse(mut data: &[u8], base: Option<u64>) -> Vec<Note> {
    let mut notes = Vec::new();
    while data.len() >= 12 {
        let word = |at: usize| u32::from_le_bytes(data[at..at + 4].try_into().expect("4 bytes"));
        let (name_size, size, kind) = (word(0) as usize, word(4) as usize, word(8));
        let start = 12 + name_size.next_multiple_of(4);
        let (Some(owner), Some(contents)) = (data.get(12..12 + name_size), data.get(start..start + size))
        else {
            break;
        };
        if kind == TYPE && owner.strip_suffix(b"\0") == Some(OWNER) {
            notes.extend(note(contents, base));
        }
        data = data.get(start + size.next_multiple_of(4)..).unwrap_or_default();
    }
    notes
}

fn note(contents: &[u8], base: Option<u64>) -> Option<Note> {
    let word = |at: usize| Some(u64::from_le_bytes(contents.get(at..at + 8)?.try_into().ok()?));
    let (address, linked, semaphore) = (word(0)?, word(8)?, word(16)?);
    let moved = base.map_or(0, |base| base.wrapping_sub(linked));
    let mut texts =
        contents[24..].split(|byte| *byte == 0).map(|text| String::from_utf8_lossy(text).into_owned());
    let (provider, name) = (texts.next()?, texts.next().filter(|name| !name.is_empty())?);
    Some(Note {
        provider,
        name,
        address: address.wrapping_add(moved),
        semaphore: if semaphore == 0 { 0 } else { semaphore.wrapping_add(moved) },
        arguments: texts.next().unwrap_or_default(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(owner: &[u8], kind: u32, words: [u64; 3], texts: &[u8]) -> Vec<u8> {
        let contents: Vec<u8> =
            words.iter().flat_map(|w| w.to_le_bytes()).chain(texts.iter().copied()).collect();
        let mut out = Vec::new();
        for word in [owner.len() as u32, contents.len() as u32, kind] {
            out.extend(word.to_le_bytes());
        }
        for part in [owner, &contents] {
            out.extend(part);
            out.resize(out.len().next_multiple_of(4), 0);
        }
        out
    }

    #[test]
    fn notes_are_read_and_moved() {
        let mut data = raw(b"stapsdt\0", 3, [0x1100, 0x2000, 0x3000], b"libc\0setjmp\0-4@%edi 8@%rsi\0");
        data.extend(raw(b"GNU\0", 3, [0; 3], b"a\0b\0\0"));
        data.extend(raw(b"stapsdt\0", 3, [0x1200, 0x2000, 0], b"libc\0longjmp\0\0"));
        let notes = parse(&data, Some(0x2010));
        assert_eq!(notes.len(), 2);
        assert_eq!((notes[0].address, notes[0].semaphore), (0x1110, 0x3010));
        assert_eq!((&*notes[0].provider, &*notes[0].name), ("libc", "setjmp"));
        assert_eq!(notes[0].arguments, "-4@%edi 8@%rsi");
        assert_eq!((notes[1].address, notes[1].semaphore, &*notes[1].arguments), (0x1210, 0, ""));
    }

    #[test]
    fn damaged_notes_end_nothing_but_themselves() {
        let good = raw(b"stapsdt\0", 3, [1, 0, 0], b"p\0n\0\0");
        for cut in 0..good.len() {
            assert!(parse(&good[..cut], None).len() <= 1);
        }
        assert_eq!(parse(&raw(b"stapsdt\0", 3, [1, 0, 0], b"p\0\0\0"), None), []);
    }
}
