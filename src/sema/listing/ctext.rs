//! Types of BTF as C declarations.

use crate::host::{Btf, BtfMember, BtfType, TypeId};

/// Structs without a name nest at most so deep in a text; C itself has no limit.
const DEEPEST: usize = 16;

/// `type name` as C declares it, `name` perhaps empty. A pointer's star stands at the name.
pub fn declaration(btf: &dyn Btf, ty: TypeId, name: &str) -> String {
    Writer { btf }.declare(ty, name, 0)
}

/// As [`declaration`], with blanks around stars, as lists of arguments have it: `struct file * file`.
pub fn argument(btf: &dyn Btf, ty: TypeId, name: &str) -> String {
    let marked = declaration(btf, ty, "\u{1}");
    let Some((before, after)) = marked.split_once('\u{1}') else { return marked };
    let before = before.trim_end();
    match after.is_empty() {
        true => {
            let stars = before.len() - before.trim_end_matches('*').len();
            let base = before.trim_end_matches('*').trim_end();
            let stars = if stars == 0 { String::new() } else { format!(" {}", "*".repeat(stars)) };
            format!("{base}{stars} {name}")
        }
        false if before.ends_with('*') || before.ends_with('(') => format!("{before}{after} {name}"),
        false => format!("{before} {name}{after}"),
    }
}

/// A struct, union or enum with its members; without a newline at the end.
pub fn definition(btf: &dyn Btf, ty: TypeId) -> String {
    Writer { btf }.body(ty, 0)
}

struct Writer<'b> {
    btf: &'b dyn Btf,
}

impl Writer<'_> {
    fn declare(&self, ty: TypeId, name: &str, depth: usize) -> String {
        let join = |base: String| if name.is_empty() { base } else { format!("{base} {name}") };
        match self.btf.get(ty) {
            BtfType::Void => join("void".into()),
            BtfType::Int { name, .. } | BtfType::Typedef { name, .. } => join(name),
            BtfType::Pointer(to) => self.pointer(to, name, depth),
            BtfType::Array { element, count } => {
                let count = if count == 0 { String::new() } else { count.to_string() };
                self.declare(element, &format!("{name}[{count}]"), depth)
            }
            BtfType::Composite { union, name: own, .. } => join(match own.is_empty() {
                true => self.body(ty, depth),
                false => format!("{} {own}", if union { "union" } else { "struct" }),
            }),
            BtfType::Forward { name } => join(format!("struct {name}")),
            BtfType::Enum { name: own, .. } => join(match own.is_empty() {
                true => self.body(ty, depth),
                false => format!("enum {own}"),
            }),
            BtfType::Qualifier(of) if self.btf.is_const(ty) => match self.btf.get(of) {
                BtfType::Pointer(_) => self.declare(of, format!("const {name}").trim_end(), depth),
                _ => format!("const {}", self.declare(of, name, depth)),
            },
            BtfType::Qualifier(of) => self.declare(of, name, depth),
            BtfType::FuncProto { ret, params } => {
                self.declare(ret, &format!("{name}({})", self.parameters(&params)), depth)
            }
            BtfType::Func { .. } | BtfType::Other => join("void".into()),
        }
    }

    fn pointer(&self, to: TypeId, name: &str, depth: usize) -> String {
        let inner = format!("*{name}");
        match self.btf.get(to) {
            BtfType::FuncProto { .. } | BtfType::Array { .. } => {
                self.declare(to, &format!("({inner})"), depth)
            }
            _ => self.declare(to, &inner, depth),
        }
    }

    fn parameters(&self, params: &[(String, TypeId)]) -> String {
        if params.is_empty() {
            return "void".into();
        }
        params.iter().map(|(_, ty)| self.declare(*ty, "", 1)).collect::<Vec<_>>().join(", ")
    }

    fn body(&self, ty: TypeId, depth: usize) -> String {
        let indent = "\t".repeat(depth);
        match self.btf.get(ty) {
            _ if depth > DEEPEST => "...".into(),
            BtfType::Composite { union, name, members, .. } => {
                let word = if union { "union" } else { "struct" };
                let name = if name.is_empty() { name } else { format!("{name} ") };
                let lines: String = members.iter().map(|member| self.member(member, depth + 1)).collect();
                format!("{word} {name}{{\n{lines}{indent}}}")
            }
            BtfType::Enum { name, values, .. } => {
                let name = if name.is_empty() { name } else { format!("{name} ") };
                let line = |(name, value): &(String, i64)| format!("{indent}\t{name} = {value},\n");
                format!("enum {name}{{\n{}{indent}}}", values.iter().map(line).collect::<String>())
            }
            _ => self.declare(ty, "", depth),
        }
    }

    fn member(&self, member: &BtfMember, depth: usize) -> String {
        let width = member.bit_size.map(|bits| format!(": {bits}")).unwrap_or_default();
        format!("{}{}{width};\n", "\t".repeat(depth), self.declare(member.ty, &member.name, depth))
    }
}
