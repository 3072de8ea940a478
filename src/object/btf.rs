//! A writer of BTF, the kernel's format for types, and of the `.BTF.ext` section that ties instructions to functions
//! and source lines. The format: Documentation/bpf/btf.rst in the kernel.
//!
//! Only what our objects need: integers, pointers, arrays, structs, functions, variables, data sections. All of
//! these are older than any supported kernel; so are the names of types that functions of imported objects take, but for
//! enums of 8 bytes, which libbpf takes out where the kernel does not know them. The same type asked for twice is written once.
//!
//! Invariants: the names of structs, members, functions and variables are identifiers (the caller sanitises them); an
//! id is only used after the type was added, so that types never point forward.

use std::collections::HashMap;

const MAGIC: u16 = 0xeb9f;
const VERSION: u8 = 1;

const INT: u32 = 1;
const PTR: u32 = 2;
const ARRAY: u32 = 3;
const STRUCT: u32 = 4;
const UNION: u32 = 5;
const ENUM: u32 = 6;
const FWD: u32 = 7;
const FUNC: u32 = 12;
const FUNC_PROTO: u32 = 13;
const VAR: u32 = 14;
const DATASEC: u32 = 15;
const ENUM64: u32 = 19;

/// Linkage of functions and variables that other objects may name.
const STATIC: u32 = 0;
const GLOBAL: u32 = 1;
const EXTERN: u32 = 2;

/// Index of a type; 0 is void.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Id(pub u32);

/// How an integer is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u32)]
pub enum Encoding {
    /// Unsigned number.
    Unsigned = 0,
    /// Signed number.
    Signed = 1,
    /// Text.
    Char = 2,
    /// true or false.
    Bool = 4,
}

/// A member of a struct.
#[derive(Clone, Debug)]
pub struct Member {
    /// An identifier.
    pub name: String,
    /// Its type.
    pub ty: Id,
    /// Bytes from the struct's start.
    pub offset: u32,
}

/// A variable in a data section.
#[derive(Clone, Copy, Debug)]
pub struct Placed {
    /// The variable.
    pub var: Id,
    /// Bytes from the section's start.
    pub offset: u32,
    /// Bytes.
    pub size: u32,
}

/// Types under construction.
#[derive(Clone, Debug, Default)]
pub struct Btf {
    strings: Vec<u8>,
    string_at: HashMap<String, u32>,
    types: Vec<u8>,
    type_at: HashMap<Vec<u8>, Id>,
    count: u32,
}

impl Btf {
    /// No types yet.
    pub fn new() -> Btf {
        Btf { strings: vec![0], ..Btf::default() }
    }

    /// The offset of `text` in the table of strings. It must hold no NUL; what follows one is dropped.
    pub fn string(&mut self, text: &str) -> u32 {
        let text = text.split('\0').next().unwrap_or("");
        if text.is_empty() {
            return 0;
        }
        if let Some(at) = self.string_at.get(text) {
            return *at;
        }
        let at = self.strings.len() as u32;
        self.strings.extend_from_slice(text.as_bytes());
        self.strings.push(0);
        self.string_at.insert(text.to_owned(), at);
        at
    }

    /// An integer of `size` bytes.
    pub fn int(&mut self, name: &str, size: u32, encoding: Encoding) -> Id {
        self.add(INT, name, 0, size, &[((encoding as u32) << 24) | (size * 8)])
    }

    /// A pointer.
    pub fn pointer(&mut self, to: Id) -> Id {
        self.add(PTR, "", 0, to.0, &[])
    }

    /// An array of `count` elements; `index` is any integer type.
    pub fn array(&mut self, element: Id, index: Id, count: u32) -> Id {
        self.add(ARRAY, "", 0, 0, &[element.0, index.0, count])
    }

    /// A struct of `size` bytes; an empty name makes it anonymous. Members ascend by offset.
    pub fn structure(&mut self, name: &str, size: u32, members: &[Member]) -> Id {
        let words: Vec<u32> =
            members.iter().flat_map(|m| [self.string(&m.name), m.ty.0, m.offset * 8]).collect();
        self.add(STRUCT, name, members.len() as u32, size, &words)
    }

    /// A global function without parameters that returns `ret`.
    pub fn function(&mut self, name: &str, ret: Id) -> Id {
        let proto = self.add(FUNC_PROTO, "", 0, ret.0, &[]);
        self.add(FUNC, name, GLOBAL, proto.0, &[])
    }

    /// A function that other files do not see, without parameters, that returns `ret`.
    pub fn static_function(&mut self, name: &str, ret: Id) -> Id {
        let proto = self.add(FUNC_PROTO, "", 0, ret.0, &[]);
        self.add(FUNC, name, STATIC, proto.0, &[])
    }

    /// A function of another object.
    pub fn extern_function(&mut self, name: &str, proto: Id) -> Id {
        self.add(FUNC, name, EXTERN, proto.0, &[])
    }

    /// What a function takes and returns; its parameters have no names.
    pub fn prototype(&mut self, ret: Id, params: &[Id]) -> Id {
        let words: Vec<u32> = params.iter().flat_map(|param| [0, param.0]).collect();
        self.add(FUNC_PROTO, "", params.len() as u32, ret.0, &words)
    }

    /// A struct or union of this name that is defined elsewhere.
    pub fn forward(&mut self, name: &str, union: bool) -> Id {
        self.add(FWD, name, u32::from(union) << 31, 0, &[])
    }

    /// A struct or union without a name of which nothing is said.
    pub fn anonymous(&mut self, union: bool) -> Id {
        self.add(if union { UNION } else { STRUCT }, "", 0, 0, &[])
    }

    /// An enum of `size` bytes whose constants are not told; `wide` for the kind for 8 bytes.
    pub fn enumeration(&mut self, name: &str, size: u32, wide: bool) -> Id {
        self.add(if wide { ENUM64 } else { ENUM }, name, 0, size, &[])
    }

    /// A global variable.
    pub fn variable(&mut self, name: &str, ty: Id) -> Id {
        self.add(VAR, name, 0, ty.0, &[GLOBAL])
    }

    /// A section of `size` bytes with its variables.
    pub fn section(&mut self, name: &str, size: u32, variables: &[Placed]) -> Id {
        let words: Vec<u32> = variables.iter().flat_map(|v| [v.var.0, v.offset, v.size]).collect();
        self.add(DATASEC, name, variables.len() as u32, size, &words)
    }

    fn add(&mut self, kind: u32, name: &str, vlen: u32, size_or_type: u32, rest: &[u32]) -> Id {
        let head = [self.string(name), (kind << 24) | vlen, size_or_type];
        let bytes: Vec<u8> = head.iter().chain(rest).flat_map(|word| word.to_le_bytes()).collect();
        if let Some(id) = self.type_at.get(&bytes) {
            return *id;
        }
        self.types.extend_from_slice(&bytes);
        self.count += 1;
        self.type_at.insert(bytes, Id(self.count));
        Id(self.count)
    }

    /// The contents of a `.BTF` section.
    pub fn bytes(&self) -> Vec<u8> {
        let (types, strings) = (self.types.len() as u32, self.strings.len() as u32);
        let mut out = preamble(24);
        push(&mut out, &[0, types, types, strings]);
        out.extend_from_slice(&self.types);
        out.extend_from_slice(&self.strings);
        out
    }
}

/// A source line of an instruction. Strings are offsets that [`Btf::string`] gave.
#[derive(Clone, Copy, Debug)]
pub struct LineInfo {
    /// Bytes of code from the ELF section's start.
    pub offset: u32,
    /// File name.
    pub file: u32,
    /// The line's text.
    pub text: u32,
    /// 1-based.
    pub line: u32,
    /// 1-based, at most 1023.
    pub column: u32,
}

/// What `.BTF.ext` says of one ELF section.
#[derive(Clone, Debug, Default)]
pub struct SectionInfo {
    /// The section's name, as an offset that [`Btf::string`] gave.
    pub name: u32,
    /// Functions by byte offset.
    pub functions: Vec<(u32, Id)>,
    /// Lines, ascending by offset.
    pub lines: Vec<LineInfo>,
}

/// The contents of a `.BTF.ext` section.
pub fn ext(sections: &[SectionInfo]) -> Vec<u8> {
    let mut functions = Vec::new();
    let mut lines = Vec::new();
    push(&mut functions, &[8]);
    push(&mut lines, &[16]);
    for section in sections {
        push(&mut functions, &[section.name, section.functions.len() as u32]);
        for (offset, id) in &section.functions {
            push(&mut functions, &[*offset, id.0]);
        }
        push(&mut lines, &[section.name, section.lines.len() as u32]);
        for l in &section.lines {
            push(&mut lines, &[l.offset, l.file, l.text, (l.line << 10) | l.column]);
        }
    }
    let mut out = preamble(24);
    let split = functions.len() as u32;
    push(&mut out, &[0, split, split, lines.len() as u32]);
    out.append(&mut functions);
    out.append(&mut lines);
    out
}

/// Magic number, version, flags and the header's length.
fn preamble(header: u32) -> Vec<u8> {
    let mut out = MAGIC.to_le_bytes().to_vec();
    out.extend_from_slice(&[VERSION, 0]);
    push(&mut out, &[header]);
    out
}

fn push(out: &mut Vec<u8>, words: &[u32]) {
    out.extend(words.iter().flat_map(|word| word.to_le_bytes()));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_types_are_written_once() {
        let mut btf = Btf::new();
        let a = btf.int("u64", 8, Encoding::Unsigned);
        let b = btf.int("u64", 8, Encoding::Unsigned);
        let c = btf.int("s64", 8, Encoding::Signed);
        assert_eq!((a, b, c), (Id(1), Id(1), Id(2)));
        assert_eq!(btf.pointer(a), btf.pointer(b));
        assert_eq!(btf.string("u64"), btf.string("u64"));
    }

    #[test]
    fn the_header_tells_where_things_are() {
        let mut btf = Btf::new();
        btf.int("x", 4, Encoding::Signed);
        let bytes = btf.bytes();
        let word = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
        assert_eq!(&bytes[..4], [0x9f, 0xeb, 1, 0]);
        assert_eq!([word(4), word(8), word(12), word(16), word(20)], [24, 0, 16, 16, 3]);
        assert_eq!(word(24 + 12), (1 << 24) | 32);
        assert_eq!(&bytes[40..], b"\0x\0");
    }
}
