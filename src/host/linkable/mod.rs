//! Compiled BPF objects that scripts import: which functions they offer, with the types of their BTF.
//!
//! Only what the compiler asks of an object is read here; the object as a whole is libbpf's, which links it. Reading is
//! pure: the bytes come from whoever found the file.
//!
//! Invariants: ids of types are those of the object's own BTF, 0 is void; every id in range is a type, [`BtfType::Other`]
//! where the compiler has no use for it. Malformed bytes are refused, never trusted.

mod stack;

use object::{Architecture, Endianness, Object, ObjectKind, ObjectSection, ObjectSymbol, SymbolKind};
use serde::{Deserialize, Serialize};

use super::btf::{BtfMember, BtfType, TypeId};

/// What is wrong with an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unfit {
    /// No ELF file, or a broken one; in words.
    NotElf(String),
    /// An ELF file, but no relocatable one of BPF code for this machine's byte order.
    NotBpf,
    /// It has no types (`.BTF`): it was compiled without `-g`.
    NoTypes,
    /// Its types say nothing of its functions' code (`.BTF.ext`).
    NoCodeTypes,
    /// Its types are not well formed.
    BadTypes,
}

/// A compiled object.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Linkable {
    /// By their number, less 1.
    types: Vec<BtfType>,
    /// Forward declarations of unions, and enums of the kind for 8 bytes.
    marked: Vec<TypeId>,
    /// Functions that others may call, in the order of the types.
    pub functions: Vec<Offered>,
    /// Functions that only the object itself may call.
    pub private: Vec<String>,
    /// Functions that others have to define, with the numbers of their types, while the types are read.
    externs: Vec<(TypeId, String)>,
    /// Functions that it calls and other objects have to offer.
    pub needs: Vec<String>,
    /// What its section `license` says.
    pub license: Option<String>,
}

/// A function that an object offers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offered {
    /// Its name.
    pub name: String,
    /// A [`BtfType::FuncProto`].
    pub proto: TypeId,
    /// A definition that another one of the same name may replace.
    pub weak: bool,
    /// Bytes of stack that it needs, with what it calls in the object.
    pub stack: u32,
}

/// A type as far as linking compares it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Shape {
    /// `void`, and what is not compared.
    Void,
    /// An integer of so many bytes.
    Int(u32),
    /// A pointer.
    Pointer(Box<Shape>),
    /// An array.
    Array(Box<Shape>),
    /// A struct or union by its name.
    Composite {
        /// Union as against struct.
        union: bool,
        /// Empty when anonymous.
        name: String,
    },
    /// An enum by its name, with its bytes.
    Enum {
        /// Empty when anonymous.
        name: String,
        /// Bytes.
        size: u32,
        /// Of the kind for 8 bytes.
        wide: bool,
    },
    /// A function: what it returns and takes.
    Function(Box<Shape>, Vec<Shape>),
}

/// Pointers, arrays and names of a type in a row, at most.
const LONGEST: u32 = 64;

/// Types inside each other, at most, when a [`Shape`] is made.
const DEEPEST: u32 = 32;

impl Linkable {
    /// Reads an object.
    ///
    /// # Errors
    /// See [`Unfit`].
    pub fn read(bytes: &[u8]) -> Result<Linkable, Unfit> {
        let file = object::File::parse(bytes).map_err(|error| Unfit::NotElf(error.to_string()))?;
        let endianness = if cfg!(target_endian = "little") { Endianness::Little } else { Endianness::Big };
        let fits = file.architecture() == Architecture::Bpf
            && file.kind() == ObjectKind::Relocatable
            && file.endianness() == endianness
            && file.is_64();
        if !fits {
            return Err(Unfit::NotBpf);
        }
        let section = |name: &str| file.section_by_name(name).and_then(|section| section.data().ok());
        let types = section(".BTF").filter(|data| !data.is_empty()).ok_or(Unfit::NoTypes)?;
        let mut all = Reader::new(types).and_then(Reader::all).ok_or(Unfit::BadTypes)?;
        if !(1..=all.types.len() as u32).all(|id| all.ends(TypeId(id))) {
            return Err(Unfit::BadTypes);
        }
        let symbol = |name: &str| {
            let mut named = file.symbols().filter(|symbol| symbol.name() == Ok(name));
            named.find(|symbol| symbol.kind() == SymbolKind::Text && !symbol.is_undefined())
        };
        let stacks = stack::of_functions(&file);
        all.functions.retain_mut(|function| match symbol(&function.name) {
            Some(found) => {
                function.weak = found.is_weak();
                function.stack = stacks.get(&function.name).copied().unwrap_or(0);
                true
            }
            None => false,
        });
        if !all.functions.is_empty() && section(".BTF.ext").is_none_or(<[u8]>::is_empty) {
            return Err(Unfit::NoCodeTypes);
        }
        let text = |data: &[u8]| String::from_utf8_lossy(data.split(|b| *b == 0).next()?).into_owned().into();
        all.license = section("license").and_then(text);
        Ok(all)
    }

    /// A type; void for an unknown number.
    pub fn get(&self, id: TypeId) -> &BtfType {
        let at = (id.0 as usize).checked_sub(1);
        at.and_then(|at| self.types.get(at)).unwrap_or(&BtfType::Void)
    }

    /// True when pointers, arrays and names lead from the type to another kind of type, or to void.
    fn ends(&self, mut id: TypeId) -> bool {
        for _ in 0..LONGEST {
            id = match self.get(id) {
                BtfType::Pointer(to) => *to,
                BtfType::Array { element, .. } => *element,
                BtfType::Typedef { ty, .. } | BtfType::Qualifier(ty) => *ty,
                _ => return true,
            };
        }
        false
    }

    /// A type as linking compares it.
    pub fn shape(&self, id: TypeId) -> Shape {
        self.shape_within(id, DEEPEST)
    }

    fn shape_within(&self, id: TypeId, room: u32) -> Shape {
        let Some(room) = room.checked_sub(1) else { return Shape::Void };
        let inner = |id: TypeId| Box::new(self.shape_within(id, room));
        match self.get(id) {
            BtfType::Int { size, .. } => Shape::Int(*size),
            BtfType::Pointer(to) => Shape::Pointer(inner(*to)),
            BtfType::Array { element, .. } => Shape::Array(inner(*element)),
            BtfType::Composite { union, name, .. } => Shape::Composite { union: *union, name: name.clone() },
            BtfType::Forward { name } => {
                Shape::Composite { union: self.marked.contains(&id), name: name.clone() }
            }
            BtfType::Enum { name, size, .. } => {
                Shape::Enum { name: name.clone(), size: *size, wide: self.marked.contains(&id) }
            }
            BtfType::Typedef { ty, .. } | BtfType::Qualifier(ty) => self.shape_within(*ty, room),
            BtfType::FuncProto { ret, params } => {
                let params = params.iter().map(|(_, ty)| self.shape_within(*ty, room)).collect();
                Shape::Function(inner(*ret), params)
            }
            BtfType::Void | BtfType::Func { .. } | BtfType::Other => Shape::Void,
        }
    }
}

/// Kinds of types, as BTF numbers them.
mod kind {
    pub const INT: u32 = 1;
    pub const PTR: u32 = 2;
    pub const ARRAY: u32 = 3;
    pub const STRUCT: u32 = 4;
    pub const UNION: u32 = 5;
    pub const ENUM: u32 = 6;
    pub const FWD: u32 = 7;
    pub const TYPEDEF: u32 = 8;
    pub const RESTRICT: u32 = 11;
    pub const FUNC: u32 = 12;
    pub const FUNC_PROTO: u32 = 13;
    pub const VAR: u32 = 14;
    pub const DATASEC: u32 = 15;
    pub const FLOAT: u32 = 16;
    pub const DECL_TAG: u32 = 17;
    pub const TYPE_TAG: u32 = 18;
    pub const ENUM64: u32 = 19;
}

/// The linkage of functions that others may call.
const GLOBAL: u32 = 1;
/// The linkage of functions that others define.
const EXTERN: u32 = 2;

/// A walk over the types of a `.BTF` section.
struct Reader<'a> {
    types: &'a [u8],
    strings: &'a [u8],
    /// Bit 31 of the type's second word.
    flag: bool,
    /// What stands in sections.
    placed: Vec<TypeId>,
}

impl<'a> Reader<'a> {
    fn new(data: &'a [u8]) -> Option<Reader<'a>> {
        if data.get(..2)? != 0xeb9f_u16.to_ne_bytes() {
            return None;
        }
        let header = |at: usize| Some(word(data, 4 * at)? as usize);
        let start = header(1)?;
        let part = |offset: usize, length: usize| {
            let from = start.checked_add(offset)?;
            data.get(from..from.checked_add(length)?)
        };
        let (types, strings) = (part(header(2)?, header(3)?)?, part(header(4)?, header(5)?)?);
        Some(Reader { types, strings, flag: false, placed: Vec::new() })
    }

    fn all(mut self) -> Option<Linkable> {
        let mut all = Linkable::default();
        while !self.types.is_empty() {
            self.one(&mut all)?;
        }
        let externs = std::mem::take(&mut all.externs).into_iter();
        all.needs = externs.filter(|(id, _)| !self.placed.contains(id)).map(|(_, name)| name).collect();
        Some(all)
    }

    fn next(&mut self) -> Option<u32> {
        let first = word(self.types, 0)?;
        self.types = &self.types[4..];
        Some(first)
    }

    fn string(&self, at: u32) -> Option<String> {
        let rest = self.strings.get(at as usize..)?;
        let end = rest.iter().position(|byte| *byte == 0)?;
        Some(String::from_utf8_lossy(&rest[..end]).into_owned())
    }

    fn text(&mut self) -> Option<String> {
        let at = self.next()?;
        self.string(at)
    }

    fn id(&mut self) -> Option<TypeId> {
        self.next().map(TypeId)
    }

    fn one(&mut self, all: &mut Linkable) -> Option<()> {
        let (name, info, size) = (self.text()?, self.next()?, self.next()?);
        let (count, ty) = (info & 0xffff, TypeId(size));
        self.flag = info >> 31 == 1;
        let made = match info >> 24 & 0x1f {
            kind::INT => self.integer(name, size)?,
            kind::PTR => BtfType::Pointer(ty),
            kind::ARRAY => {
                let (element, _, count) = (self.id()?, self.next()?, self.next()?);
                BtfType::Array { element, count }
            }
            kind @ (kind::STRUCT | kind::UNION) => {
                let members = (0..count).map(|_| self.member()).collect::<Option<_>>()?;
                BtfType::Composite { union: kind == kind::UNION, name, size, members }
            }
            kind @ (kind::ENUM | kind::ENUM64) => {
                if kind == kind::ENUM64 {
                    all.marked.push(TypeId(all.types.len() as u32 + 1));
                }
                let value = |_| self.constant(kind == kind::ENUM64);
                let values = (0..count).map(value).collect::<Option<_>>()?;
                BtfType::Enum { name, size, signed: self.flag, values }
            }
            kind::FWD => {
                if self.flag {
                    all.marked.push(TypeId(all.types.len() as u32 + 1));
                }
                BtfType::Forward { name }
            }
            kind::TYPEDEF => BtfType::Typedef { name, ty },
            kind::TYPEDEF..=kind::RESTRICT | kind::TYPE_TAG => BtfType::Qualifier(ty),
            kind::FUNC => {
                match count {
                    GLOBAL => {
                        all.functions.push(Offered { name: name.clone(), proto: ty, weak: false, stack: 0 })
                    }
                    EXTERN => all.externs.push((TypeId(all.types.len() as u32 + 1), name.clone())),
                    _ => all.private.push(name.clone()),
                }
                BtfType::Func { name, proto: ty }
            }
            kind::FUNC_PROTO => {
                let params = (0..count).map(|_| Some((self.text()?, self.id()?))).collect::<Option<_>>()?;
                BtfType::FuncProto { ret: ty, params }
            }
            // those that the kernel defines stand in a section of theirs
            kind::DATASEC => {
                for _ in 0..count {
                    let (id, _, _) = (self.id()?, self.next()?, self.next()?);
                    self.placed.push(id);
                }
                BtfType::Other
            }
            kind => {
                for _ in 0..words_of_other(kind)? {
                    self.next()?;
                }
                BtfType::Other
            }
        };
        all.types.push(made);
        Some(())
    }

    fn integer(&mut self, name: String, size: u32) -> Option<BtfType> {
        let encoding = self.next()? >> 24 & 0xf;
        let is_char = encoding & 2 != 0 || name == "char";
        let (signed, is_bool) = (encoding & 1 != 0, encoding & 4 != 0);
        Some(BtfType::Int { name, size, signed, is_bool, is_char })
    }

    fn member(&mut self) -> Option<BtfMember> {
        let (name, ty, offset) = (self.text()?, self.id()?, self.next()?);
        let (bit_offset, width) = if self.flag { (offset & 0xff_ffff, offset >> 24) } else { (offset, 0) };
        Some(BtfMember { name, ty, bit_offset, bit_size: (width > 0).then_some(width) })
    }

    fn constant(&mut self, wide: bool) -> Option<(String, i64)> {
        let (name, low) = (self.text()?, self.next()?);
        let value = match (wide, self.flag) {
            (true, _) => (u64::from(self.next()?) << 32 | u64::from(low)) as i64,
            (false, true) => i64::from(low as i32),
            (false, false) => i64::from(low),
        };
        Some((name, value))
    }
}

/// Words behind the head of a type that the compiler has no use for; None for kinds that nobody knows.
fn words_of_other(kind: u32) -> Option<u32> {
    match kind {
        kind::VAR | kind::DECL_TAG => Some(1),
        kind::FLOAT => Some(0),
        _ => None,
    }
}

fn word(data: &[u8], at: usize) -> Option<u32> {
    let bytes = data.get(at..at.checked_add(4)?)?;
    Some(u32::from_ne_bytes(bytes.try_into().ok()?))
}
