//! Types of the language. (contract)
//!
//! A value of an integer type narrower than 64 bits is always held sign- or zero-extended to 64 bits.

use std::sync::Arc;

use crate::wire::types::Name;

/// Index of a struct or union in [`super::tree::Program::structs`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StructId(pub u32);

/// Which memory an address belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Space {
    /// Read with bpf_probe_read_kernel.
    Kernel,
    /// Read with bpf_probe_read_user.
    User,
    /// The program's context: read directly at constant offsets.
    Context,
}

/// An integer type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct IntType {
    /// Bytes: 1, 2, 4 or 8.
    pub size: u8,
    /// Signed.
    pub signed: bool,
}

impl IntType {
    /// 64 bits, unsigned.
    pub const U64: IntType = IntType { size: 8, signed: false };
    /// 64 bits, signed.
    pub const I64: IntType = IntType { size: 8, signed: true };
    /// 32 bits, unsigned.
    pub const U32: IntType = IntType { size: 4, signed: false };
}

/// A type of the language.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Type {
    /// No value.
    None,
    /// An integer.
    Int(IntType),
    /// true or false
    Bool,
    /// Text in `size` bytes, the NUL included.
    Str {
        /// Bytes.
        size: u32,
    },
    /// A tuple.
    Tuple(Arc<[Type]>),
    /// A record: a tuple whose items have names, printed in this order.
    Record {
        /// One an item.
        names: Arc<[Arc<str>]>,
        /// As of a tuple.
        items: Arc<[Type]>,
    },
    /// Bytes, at most `size` of them, that know how many they are.
    Buffer {
        /// Bytes at most.
        size: u32,
    },
    /// An address of either family of the internet.
    Inet,
    /// A hardware address of six bytes.
    Mac,
    /// A pointer; `to` is `None` for `void *`.
    Pointer {
        /// What is there.
        to: Arc<Type>,
        /// In which memory.
        space: Space,
    },
    /// A struct or union.
    Struct(StructId),
    /// An array.
    Array {
        /// Of what.
        element: Arc<Type>,
        /// How many.
        count: u32,
    },
    /// An enum of the given size; printed by name.
    Enum {
        /// Its integer.
        int: IntType,
        /// Its name, empty when anonymous.
        name: Arc<str>,
        /// Value and name of each constant.
        values: Arc<[(i64, String)]>,
    },
    /// A 64-bit number that user space names when it prints.
    Named(Name),
}

impl Type {
    /// The integer that the value is in a register, when it is one.
    pub fn as_int(&self) -> Option<IntType> {
        match self {
            Type::Int(int) | Type::Enum { int, .. } => Some(*int),
            Type::Bool => Some(IntType { size: 1, signed: false }),
            Type::Pointer { .. } | Type::Named(_) => Some(IntType::U64),
            _ => None,
        }
    }

    /// The items of a tuple or record.
    pub fn items(&self) -> Option<&[Type]> {
        match self {
            Type::Tuple(items) | Type::Record { items, .. } => Some(items),
            _ => None,
        }
    }

    /// True for values that live in one register.
    pub fn is_scalar(&self) -> bool {
        self.as_int().is_some()
    }
}
