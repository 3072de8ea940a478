//! The fields of a tracepoint, from the text of its `format` file.
//!
//! A line is `field:TYPE NAME; offset:N; size:N; signed:N;`, with TYPE as in C and array brackets after the name.
//! What the file says of size and sign is taken over what the type's name suggests.

use crate::host::TypeId;

/// The record of a tracepoint, or the arguments of a function.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Record {
    pub fields: Vec<Field>,
}

/// A field of a [`Record`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Field {
    pub name: String,
    /// Bytes from the start of the context.
    pub offset: u32,
    /// Bytes.
    pub size: u32,
    pub signed: bool,
    pub shape: Shape,
    /// The offset is from the stack pointer, not from the start of the context.
    pub on_stack: bool,
}

/// What a field holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// An integer of the field's size.
    Int,
    Bool,
    /// `enum` of this name.
    Enum(String),
    /// To the C type of this name; empty for `void`.
    Pointer(String),
    /// Text in the record itself.
    Chars,
    /// Integers side by side; the size of one is the field's by the count.
    Array {
        count: u32,
    },
    /// Offset and length of text that follows the record.
    Text,
    /// Text at the address in the field, as long as the word at that offset says.
    Counted {
        length: u32,
    },
    /// Of a type in BTF, in 8 bytes or several times as many.
    Typed(TypeId),
    /// Anything else, with its type as written.
    Other(String),
}

impl Field {
    /// An argument with a type, as against a field of a tracepoint's record.
    pub fn is_typed(&self) -> bool {
        self.on_stack || matches!(self.shape, Shape::Typed(_) | Shape::Counted { .. })
    }
}

/// The field that is a function's result. No C parameter can have this name.
pub(super) const RESULT: &str = "return";

/// Fields below belong to every tracepoint, and programs may not read them.
pub(super) const COMMON: u32 = 8;

impl Record {
    /// Reads the file; a line that cannot be read is left out.
    pub fn parse(text: &str) -> Record {
        Record { fields: text.lines().filter_map(parse_line).collect() }
    }

    pub fn find(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.name == name)
    }

    /// Names of the fields that programs may read.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let readable = |field: &&Field| field.is_typed() || field.offset >= COMMON;
        self.fields
            .iter()
            .filter(readable)
            .filter(|field| field.name != RESULT)
            .map(|field| field.name.as_str())
    }
}

fn parse_line(line: &str) -> Option<Field> {
    let declaration = section(line, "field:")?;
    let number = |title| section(line, title).and_then(|text| text.trim().parse::<u32>().ok());
    let (offset, size) = (number("offset:")?, number("size:")?);
    let (ty, name, brackets) = split_declaration(declaration)?;
    let shape = shape(&ty, brackets, size);
    Some(Field {
        name: name.to_string(),
        offset,
        size,
        signed: number("signed:")? == 1,
        shape,
        on_stack: false,
    })
}

fn section<'a>(line: &'a str, title: &str) -> Option<&'a str> {
    let start = line.find(title)? + title.len();
    let length = line[start..].find(';')?;
    Some(&line[start..start + length])
}

/// Type, name, and what stands between brackets behind the name.
fn split_declaration(text: &str) -> Option<(String, &str, Option<&str>)> {
    let text = text.trim();
    let (text, brackets) = match text.strip_suffix(']').and_then(|t| t.rsplit_once('[')) {
        Some((head, inside)) if !head.ends_with(char::is_whitespace) => (head, Some(inside)),
        _ => (text, None),
    };
    let at = text.rfind(|c: char| c.is_whitespace() || c == '*')? + 1;
    let (ty, name) = text.split_at(at);
    (!name.is_empty()).then(|| (ty.split_whitespace().collect::<Vec<_>>().join(" "), name, brackets))
}

fn shape(ty: &str, brackets: Option<&str>, size: u32) -> Shape {
    if ty.contains("__data_loc") {
        return if ty.contains("char[]") { Shape::Text } else { Shape::Other(ty.to_string()) };
    }
    match (brackets, size) {
        (Some(_), _) if ty == "char" => Shape::Chars,
        (Some(count), _) => match count.parse() {
            Ok(count @ 1..) if size.is_multiple_of(count) && is_int(size / count) => Shape::Array { count },
            _ => Shape::Other(format!("{ty}[{count}]")),
        },
        (None, 8) if ty.ends_with('*') => Shape::Pointer(pointee(ty)),
        (None, 1) if ty == "bool" => Shape::Bool,
        (None, 4) if ty.starts_with("enum ") => Shape::Enum(ty[5..].to_string()),
        (None, size) if is_int(size) => Shape::Int,
        _ => Shape::Other(ty.to_string()),
    }
}

fn is_int(size: u32) -> bool {
    matches!(size, 1 | 2 | 4 | 8)
}

/// What a pointer type points to, qualifiers dropped: `const char *` → `char`.
fn pointee(ty: &str) -> String {
    let target = ty.trim_end_matches('*').trim_end();
    if ty.matches('*').count() > 1 {
        return format!("{} *", pointee(target.trim_end_matches("const").trim_end()));
    }
    let words = target.split(' ').filter(|word| !matches!(*word, "const" | "volatile" | "__user"));
    match words.collect::<Vec<_>>().join(" ") {
        void if void == "void" => String::new(),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(declaration: &str, size: u32, signed: u32) -> Field {
        parse_line(&format!("\tfield:{declaration};\toffset:16;\tsize:{size};\tsigned:{signed};")).unwrap()
    }

    #[test]
    fn reads_every_shape() {
        assert_eq!(field("int __syscall_nr", 4, 1).shape, Shape::Int);
        assert_eq!(field("const char * filename", 8, 0).shape, Shape::Pointer("char".into()));
        assert_eq!(field("const char *const * argv", 8, 0).shape, Shape::Pointer("char *".into()));
        assert_eq!(field("void *function", 8, 0).shape, Shape::Pointer(String::new()));
        assert_eq!(field("struct sk_buff * skb", 8, 0).shape, Shape::Pointer("struct sk_buff".into()));
        assert_eq!(field("char prev_comm[16]", 16, 0).shape, Shape::Chars);
        assert_eq!(field("char comm[TASK_COMM_LEN]", 16, 0).shape, Shape::Chars);
        assert_eq!(field("unsigned long args[6]", 48, 0).shape, Shape::Array { count: 6 });
        assert_eq!(field("__data_loc char[] filename", 4, 1).shape, Shape::Text);
        assert_eq!(field("enum hrtimer_mode mode", 4, 0).shape, Shape::Enum("hrtimer_mode".into()));
        assert_eq!(field("bool ok", 1, 0).shape, Shape::Bool);
        assert_eq!(field("struct in6_addr addr", 16, 0).shape, Shape::Other("struct in6_addr".into()));
    }

    #[test]
    fn keeps_names_offsets_and_signs() {
        let field = field("unsigned int flags", 4, 0);
        assert_eq!((field.name.as_str(), field.offset, field.size, field.signed), ("flags", 16, 4, false));
        assert!(parse_line("print fmt: \"field:%d;\"").is_none());
    }
}
