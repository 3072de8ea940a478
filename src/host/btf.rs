//! The kernel's types (BTF) as the compiler sees them. (contract)
//!
//! Types are decoded one at a time, when asked for: the whole has more than a hundred thousand.

/// Index of a type in BTF; 0 is void.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TypeId(pub u32);

/// What a type may be looked up as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BtfKind {
    /// `struct`
    Struct,
    /// `union`
    Union,
    /// `enum`, 32 or 64 bits
    Enum,
    /// `typedef`
    Typedef,
    /// integer
    Int,
    /// function
    Func,
}

/// A member of a struct or union.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BtfMember {
    /// Empty for an anonymous struct or union.
    pub name: String,
    /// Its type.
    pub ty: TypeId,
    /// Bits from the start of the struct.
    pub bit_offset: u32,
    /// Width of a bit field; None for an ordinary member.
    pub bit_size: Option<u32>,
}

/// One type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BtfType {
    /// `void`
    Void,
    /// An integer of `size` bytes.
    Int {
        /// C name.
        name: String,
        /// Bytes.
        size: u32,
        /// Signed.
        signed: bool,
        /// `_Bool`
        is_bool: bool,
        /// `char` and friends of one byte that hold text.
        is_char: bool,
    },
    /// A pointer.
    Pointer(TypeId),
    /// An array.
    Array {
        /// Of what.
        element: TypeId,
        /// How many; 0 for a flexible one.
        count: u32,
    },
    /// A struct or union.
    Composite {
        /// Union as against struct.
        union: bool,
        /// Empty when anonymous.
        name: String,
        /// Bytes.
        size: u32,
        /// In order.
        members: Vec<BtfMember>,
    },
    /// A declared struct or union without a body here.
    Forward {
        /// Its name.
        name: String,
    },
    /// An enumeration.
    Enum {
        /// Empty when anonymous.
        name: String,
        /// Bytes.
        size: u32,
        /// Signed.
        signed: bool,
        /// Name and value.
        values: Vec<(String, i64)>,
    },
    /// Another name for a type.
    Typedef {
        /// The name.
        name: String,
        /// For what.
        ty: TypeId,
    },
    /// const, volatile, restrict, type tag: look at the type beneath.
    Qualifier(TypeId),
    /// A function and its prototype.
    Func {
        /// The name.
        name: String,
        /// A FuncProto.
        proto: TypeId,
    },
    /// A prototype.
    FuncProto {
        /// What it returns.
        ret: TypeId,
        /// Name and type of each parameter.
        params: Vec<(String, TypeId)>,
    },
    /// Anything else (float, var, datasec, tags).
    Other,
}

/// Types of one kernel image.
pub trait Btf {
    /// The type of that kind and name.
    fn find(&self, kind: BtfKind, name: &str) -> Option<TypeId>;

    /// Decodes one type; Void for an unknown id.
    fn get(&self, id: TypeId) -> BtfType;

    /// The type of that kind and name among those of a kernel module, or of `vmlinux`. None when the module is not
    /// loaded or has no types.
    fn find_in(&self, module: &str, kind: BtfKind, name: &str) -> Option<TypeId> {
        if module == "vmlinux" { self.find(kind, name) } else { None }
    }

    /// As [`Btf::names`], of a kernel module's own types, or of `vmlinux`.
    fn names_in(&self, module: &str, kind: BtfKind) -> Vec<String> {
        if module == "vmlinux" { self.names(kind) } else { Vec::new() }
    }

    /// True for a `const` (a [`BtfType::Qualifier`]).
    fn is_const(&self, _id: TypeId) -> bool {
        false
    }

    /// Names of all types of a kind, for suggestions and listings.
    fn names(&self, kind: BtfKind) -> Vec<String>;

    /// The value of an enum constant, looked up in all enums, with the enum's type.
    fn enum_constant(&self, name: &str) -> Option<(i64, TypeId)>;

    /// Follows typedefs and qualifiers to the type beneath.
    fn resolve(&self, mut id: TypeId) -> (TypeId, BtfType) {
        loop {
            match self.get(id) {
                BtfType::Typedef { ty, .. } | BtfType::Qualifier(ty) => id = ty,
                other => return (id, other),
            }
        }
    }
}
