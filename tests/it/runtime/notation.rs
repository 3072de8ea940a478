//! Values in golden files: `i8 -5`, `u64 7`, `bool true`, `str abc`, `str[4] abcd` (a buffer of 4 bytes), `ptr 16`,
//! `(i64 1, str x)`, `[u8 1, u8 2]`, `{a: i32 1, b: str x}`, `buf 610a` (bytes), `sym` and `probe` (numbers with names),
//! `enum 3` of `enum { RED = 3, GREEN = 7 }`.

use beetrace::runtime::names::Names;
use beetrace::wire::types::{DataType, Name, StructField};

/// A shape with the bytes of one value.
pub fn value(text: &str) -> (DataType, Vec<u8>) {
    let mut rest = text;
    // text that stands alone may hold anything
    let value = if text.starts_with("str") { scalar(&mut rest, &[]) } else { parse(&mut rest) };
    assert_eq!(rest, "", "after the value in `{text}`");
    value
}

fn parse(rest: &mut &str) -> (DataType, Vec<u8>) {
    match rest.as_bytes().first() {
        Some(b'(') => tuple(rest),
        Some(b'[') => array(rest),
        Some(b'{') => record(rest),
        _ => scalar(rest, &[',', ')', ']', '}']),
    }
}

fn list<T>(rest: &mut &str, close: char, mut item: impl FnMut(&mut &str) -> T) -> Vec<T> {
    *rest = &rest[1..];
    let mut items = Vec::new();
    while !rest.starts_with(close) {
        items.push(item(rest));
        *rest = rest.strip_prefix(", ").unwrap_or(rest);
    }
    *rest = &rest[1..];
    items
}

fn tuple(rest: &mut &str) -> (DataType, Vec<u8>) {
    let (types, values): (Vec<DataType>, Vec<Vec<u8>>) = list(rest, ')', parse).into_iter().unzip();
    let ty = DataType::tuple(types);
    let DataType::Tuple { size, fields } = &ty else { unreachable!() };
    let mut bytes = vec![0; *size as usize];
    for ((offset, _), value) in fields.iter().zip(values) {
        bytes[*offset as usize..][..value.len()].copy_from_slice(&value);
    }
    (ty, bytes)
}

fn array(rest: &mut &str) -> (DataType, Vec<u8>) {
    let items = list(rest, ']', parse);
    let (element, count) = (items[0].0.clone().into(), items.len() as u32);
    (DataType::Array { element, count }, items.into_iter().flat_map(|(_, bytes)| bytes).collect())
}

fn record(rest: &mut &str) -> (DataType, Vec<u8>) {
    let named = |rest: &mut &str| {
        let (name, after) = rest.split_once(": ").expect("a name");
        *rest = after;
        (name.to_owned(), parse(rest))
    };
    let (mut fields, mut bytes) = (Vec::new(), Vec::new());
    for (name, (ty, value)) in list(rest, '}', named) {
        fields.push(StructField { name, offset: bytes.len() as u32, bits: None, ty });
        bytes.extend(value);
    }
    (DataType::Struct { size: bytes.len() as u32, fields: fields.into() }, bytes)
}

fn scalar(rest: &mut &str, ends: &[char]) -> (DataType, Vec<u8>) {
    let start = if rest.starts_with("str[") { rest.find(']').expect("a size") + 1 } else { 0 };
    let end = rest[start..].find(ends).map_or(rest.len(), |end| start + end);
    let (word, after) = rest.split_at(end);
    let (kind, word) = word.split_once(' ').unwrap_or((word, ""));
    *rest = after;
    let int = |size: u8, signed| {
        let number: i128 = word.parse().unwrap_or_else(|_| panic!("a number, not `{word}`"));
        (DataType::Int { size, signed }, (number as u64).to_le_bytes()[..size as usize].to_vec())
    };
    match kind {
        "i8" => int(1, true),
        "u8" => int(1, false),
        "i16" => int(2, true),
        "u16" => int(2, false),
        "i32" => int(4, true),
        "u32" => int(4, false),
        "i64" => int(8, true),
        "u64" => int(8, false),
        "bool" => (DataType::Bool, vec![u8::from(word == "true")]),
        "ptr" => (DataType::Pointer, int(8, false).1),
        "sym" => (DataType::Named { size: 8, name: Name::KernelSymbol }, int(8, false).1),
        "probe" => (DataType::Named { size: 4, name: Name::Probe }, int(4, false).1),
        "enum" => (DataType::Enum { size: 4, names: colors() }, int(4, false).1),
        "buf" => {
            let byte = |at| u8::from_str_radix(&word[at..at + 2], 16).expect("hex");
            let bytes: Vec<u8> = (0..word.len()).step_by(2).map(byte).collect();
            (DataType::Bytes { size: bytes.len() as u32 }, bytes)
        }
        "str" => (DataType::Str { size: word.len() as u32 + 1 }, [word.as_bytes(), &[0]].concat()),
        sized => {
            let size = sized.strip_prefix("str[").and_then(|s| s.strip_suffix(']')).expect("a kind of value");
            let mut bytes = word.as_bytes().to_vec();
            bytes.resize(size.parse().expect("a size"), 0);
            (DataType::Str { size: bytes.len() as u32 }, bytes)
        }
    }
}

fn colors() -> std::sync::Arc<[(i64, String)]> {
    [(3, "RED".to_owned()), (7, "GREEN".to_owned())].into()
}

/// Names of no machine.
pub struct Fixed;

impl Names for Fixed {
    fn function(&self, index: u64) -> Option<&str> {
        (index == 1).then_some("malloc")
    }

    fn symbol(&mut self, address: u64) -> Option<&str> {
        (address >= 0xffff_0000).then_some("vfs_read")
    }

    fn probe(&self, index: u64) -> Option<&str> {
        ["begin", "kprobe:vfs_read"].get(index as usize).copied()
    }

    fn text(&mut self, _: Name, number: u64) -> String {
        format!("\n        frame+{number}\n")
    }

    fn sight(&mut self, _: u32) {}
}
