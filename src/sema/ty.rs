//! Types while they are being worked out: those of [`super::types`] and what only inference needs to know.
//!
//! Beyond a [`Type`], an integer may be *flexible*: it comes from a non-negative literal and takes whatever sign its
//! neighbour has. Integers and pointers know the memory they point to as long as the script leaves that implicit.
//! A map's value may be an aggregation.
//!
//! Invariant: [`Ty::join`] is monotone, so that a fixpoint over joins ends.

use std::sync::Arc;

use super::tree::Aggregate;
use super::types::{IntType, Space, StructId, Type};
use crate::wire::types::Name;

/// Value and name of each constant of an enum.
pub(super) type Constants = Arc<[(i64, String)]>;

/// A type under inference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Ty {
    /// No value: what `print()` gives, and what `void *` points to.
    Void,
    Int {
        int: IntType,
        /// From a non-negative literal: either sign will do.
        flexible: bool,
        /// Where it points to, should it be used as an address.
        space: Option<Space>,
    },
    Bool,
    /// C's `char` behind a pointer: the kernel's types say which sign it has, and they are asked only when one is read.
    Char,
    Str {
        size: u32,
    },
    Tuple(Arc<[Ty]>),
    /// Items with names; two records are alike whatever the order of their names.
    Record {
        names: Arc<[Arc<str>]>,
        items: Arc<[Ty]>,
    },
    Buffer {
        size: u32,
    },
    Inet,
    Mac,
    Pointer {
        to: Arc<Ty>,
        space: Option<Space>,
    },
    Struct {
        id: StructId,
        /// Where pointers in it lead to.
        space: Option<Space>,
    },
    Array {
        element: Arc<Ty>,
        count: u32,
        /// As of a struct.
        space: Option<Space>,
    },
    Enum {
        int: IntType,
        name: Arc<str>,
        values: Constants,
    },
    Named(Name),
    /// The value of a map that accumulates.
    Aggregate(Aggregate),
}

impl Ty {
    pub(super) const I8: Ty = Ty::fixed(1, true);
    pub(super) const I64: Ty = Ty::fixed(8, true);
    pub(super) const U32: Ty = Ty::fixed(4, false);
    pub(super) const U64: Ty = Ty::fixed(8, false);

    /// An integer whose sign is settled.
    pub(super) const fn fixed(size: u8, signed: bool) -> Ty {
        Ty::Int { int: IntType { size, signed }, flexible: false, space: None }
    }

    /// The smallest signed type that holds the literal; unsigned only beyond the largest of 64 bits.
    pub(super) fn of_literal(value: u64) -> Ty {
        match i64::try_from(value) {
            Ok(value) => {
                let int = IntType { size: signed_size(value), signed: true };
                Ty::Int { int, flexible: true, space: None }
            }
            Err(_) => Ty::U64,
        }
    }

    /// The smallest signed type that holds a negative literal.
    pub(super) fn of_negative(value: i64) -> Ty {
        Ty::fixed(signed_size(value), true)
    }

    /// Integers and enums.
    pub(super) fn as_int(&self) -> Option<IntType> {
        match self {
            Ty::Int { int, .. } | Ty::Enum { int, .. } => Some(*int),
            _ => None,
        }
    }

    pub(super) fn is_int(&self) -> bool {
        self.as_int().is_some()
    }

    pub(super) fn is_pointer(&self) -> bool {
        matches!(self, Ty::Pointer { .. })
    }

    pub(super) fn is_str(&self) -> bool {
        matches!(self, Ty::Str { .. })
    }

    pub(super) fn is_flexible(&self) -> bool {
        matches!(self, Ty::Int { flexible: true, .. })
    }

    pub(super) fn is_signed(&self) -> bool {
        match self {
            Ty::Aggregate(aggregate) => aggregate_signed(aggregate),
            _ => self.as_int().is_some_and(|int| int.signed),
        }
    }

    /// What may stand in an `if`, a predicate, `&&` and the like.
    pub(super) fn is_condition(&self) -> bool {
        self.is_int() || matches!(self, Ty::Bool | Ty::Pointer { .. })
    }

    /// The memory that the value, used as an address, points to.
    pub(super) fn space(&self) -> Option<Space> {
        match self {
            Ty::Int { space, .. }
            | Ty::Pointer { space, .. }
            | Ty::Struct { space, .. }
            | Ty::Array { space, .. } => *space,
            _ => None,
        }
    }

    /// The same type pointing into `space`.
    pub(super) fn in_space(mut self, new: Option<Space>) -> Ty {
        if let Ty::Int { space, .. }
        | Ty::Pointer { space, .. }
        | Ty::Struct { space, .. }
        | Ty::Array { space, .. } = &mut self
        {
            *space = new;
        }
        self
    }

    /// The type that the typed tree carries. Aggregations and `void` have none.
    pub(super) fn to_type(&self) -> Type {
        match self {
            Ty::Void | Ty::Aggregate(_) => Type::None,
            Ty::Int { int, .. } => Type::Int(*int),
            Ty::Bool => Type::Bool,
            Ty::Char => Ty::I8.to_type(),
            Ty::Str { size } => Type::Str { size: *size },
            Ty::Tuple(items) => Type::Tuple(items.iter().map(Ty::to_type).collect()),
            Ty::Pointer { to, space } => {
                Type::Pointer { to: Arc::new(to.to_type()), space: space.unwrap_or(Space::Kernel) }
            }
            Ty::Record { names, items } => {
                Type::Record { names: names.clone(), items: items.iter().map(Ty::to_type).collect() }
            }
            Ty::Buffer { size } => Type::Buffer { size: *size },
            Ty::Inet => Type::Inet,
            Ty::Mac => Type::Mac,
            Ty::Struct { id, .. } => Type::Struct(*id),
            Ty::Array { element, count, .. } => {
                Type::Array { element: Arc::new(element.to_type()), count: *count }
            }
            Ty::Enum { int, name, values } => {
                Type::Enum { int: *int, name: name.clone(), values: values.clone() }
            }
            Ty::Named(name) => Type::Named(*name),
        }
    }

    /// Equal but for what inference alone looks at.
    pub(super) fn same(&self, other: &Ty) -> bool {
        match (self, other) {
            (Ty::Int { int: a, .. }, Ty::Int { int: b, .. }) => a == b,
            (Ty::Char, Ty::Int { int, .. }) | (Ty::Int { int, .. }, Ty::Char) => int.size == 1,
            (Ty::Tuple(a), Ty::Tuple(b)) => a.len() == b.len() && a.iter().zip(&**b).all(|(a, b)| a.same(b)),
            (Ty::Pointer { to: a, .. }, Ty::Pointer { to: b, .. }) => a.same(b),
            (Ty::Array { element: a, count: m, .. }, Ty::Array { element: b, count: n, .. }) => {
                m == n && a.same(b)
            }
            (Ty::Struct { id: a, .. }, Ty::Struct { id: b, .. }) => a == b,
            (Ty::Record { names: a, items: x }, Ty::Record { names: b, items: y }) => {
                a == b && x.iter().zip(&**y).all(|(x, y)| x.same(y))
            }
            (Ty::Enum { name: a, int: i, .. }, Ty::Enum { name: b, int: j, .. }) => a == b && i == j,
            _ => self == other,
        }
    }

    /// The type of something that is set both to a `self` and to an `other`; None when there is none.
    pub(super) fn join(&self, other: &Ty) -> Option<Ty> {
        match (self, other) {
            (Ty::Aggregate(_), _) | (_, Ty::Aggregate(_)) => join_aggregate(self, other),
            (Ty::Enum { .. }, Ty::Enum { .. }) if self.same(other) => Some(self.clone()),
            (Ty::Int { .. } | Ty::Enum { .. }, Ty::Int { .. } | Ty::Enum { .. }) => {
                Some(join_int(self, other))
            }
            (Ty::Str { size: a }, Ty::Str { size: b }) => Some(Ty::Str { size: (*a).max(*b) }),
            (Ty::Tuple(a), Ty::Tuple(b)) if a.len() == b.len() => {
                let items: Option<Arc<[Ty]>> = a.iter().zip(&**b).map(|(a, b)| a.join(b)).collect();
                items.map(Ty::Tuple)
            }
            (Ty::Record { names, items }, Ty::Record { names: others, .. })
                if names.len() == others.len() =>
            {
                let found =
                    names.iter().zip(&**items).map(|(name, item)| item.join(other.record_item(name)?.1));
                let items: Arc<[Ty]> = found.collect::<Option<_>>()?;
                Some(Ty::Record { names: names.clone(), items })
            }
            (Ty::Buffer { size: a }, Ty::Buffer { size: b }) => Some(Ty::Buffer { size: *a.max(b) }),
            (Ty::Pointer { to: a, space: s }, Ty::Pointer { to: b, space: t }) => {
                let to = if a.same(b) { a.clone() } else { Arc::new(a.join(b)?) };
                Some(Ty::Pointer { to, space: (*s).or(*t) })
            }
            _ if self.same(other) => Some(self.clone()),
            _ => None,
        }
    }

    /// Every value of `self` is one of `target`.
    pub(super) fn fits(&self, target: &Ty) -> bool {
        if let (Some(a), Some(b)) = (self.as_int(), target.as_int()) {
            return match (a.signed == b.signed || self.is_flexible(), a.signed) {
                (true, _) => a.size <= b.size,
                (false, false) => a.size < b.size,
                (false, true) => false,
            };
        }
        match (self, target) {
            (Ty::Str { size: a }, Ty::Str { size: b }) | (Ty::Buffer { size: a }, Ty::Buffer { size: b }) => {
                a <= b
            }
            (Ty::Tuple(a), Ty::Tuple(b)) => a.len() == b.len() && a.iter().zip(&**b).all(|(a, b)| a.fits(b)),
            (Ty::Record { names, items }, Ty::Record { .. }) => names
                .iter()
                .zip(&**items)
                .all(|(name, item)| target.record_item(name).is_some_and(|(_, wanted)| item.fits(wanted))),
            _ => self.same(target),
        }
    }

    /// The item of that name in a record, with its place.
    pub(super) fn record_item(&self, name: &str) -> Option<(usize, &Ty)> {
        let Ty::Record { names, items } = self else { return None };
        let at = names.iter().position(|known| **known == *name)?;
        Some((at, items.get(at)?))
    }

    /// The items of a tuple or record.
    pub(super) fn items(&self) -> Option<&Arc<[Ty]>> {
        match self {
            Ty::Tuple(items) | Ty::Record { items, .. } => Some(items),
            _ => None,
        }
    }
}

/// True when `ty` is an aggregation of the same kind, whatever its parameters.
pub(super) fn same_kind(kind: &Aggregate, ty: &Ty) -> bool {
    matches!(ty, Ty::Aggregate(other) if std::mem::discriminant(kind) == std::mem::discriminant(other))
}

fn signed_size(value: i64) -> u8 {
    match value {
        -0x80..=0x7f => 1,
        -0x8000..=0x7fff => 2,
        -0x8000_0000..=0x7fff_ffff => 4,
        _ => 8,
    }
}

fn aggregate_signed(aggregate: &Aggregate) -> bool {
    use Aggregate::*;
    match aggregate {
        Sum { signed } | Min { signed } | Max { signed } | Avg { signed } | Stats { signed } => *signed,
        Series(series) => series.signed,
        Count | Hist { .. } | Lhist { .. } => false,
    }
}

/// Two uses of one aggregation agree when only the sign differs, which is then signed.
fn join_aggregate(a: &Ty, b: &Ty) -> Option<Ty> {
    let (Ty::Aggregate(a), Ty::Aggregate(b)) = (a, b) else { return None };
    let signed = aggregate_signed(a) || aggregate_signed(b);
    let (a, b) = (with_sign(a.clone(), signed), with_sign(b.clone(), signed));
    (a == b).then_some(Ty::Aggregate(a))
}

fn with_sign(aggregate: Aggregate, signed: bool) -> Aggregate {
    use Aggregate::*;
    match aggregate {
        Sum { .. } => Sum { signed },
        Min { .. } => Min { signed },
        Max { .. } => Max { signed },
        Avg { .. } => Avg { signed },
        Stats { .. } => Stats { signed },
        Series(series) => Series(crate::wire::map::Series { signed, ..series }),
        other => other,
    }
}

/// The integer that holds both; 64 bits signed when nothing does.
fn join_int(a: &Ty, b: &Ty) -> Ty {
    let (Some(x), Some(y)) = (a.as_int(), b.as_int()) else { return Ty::I64 };
    let flexible = a.is_flexible() && b.is_flexible();
    let space = a.space().or(b.space());
    let size = x.size.max(y.size);
    let int = if x.signed == y.signed {
        IntType { size, signed: x.signed }
    } else if a.is_flexible() || b.is_flexible() {
        let signed = if a.is_flexible() { y.signed } else { x.signed };
        IntType { size, signed }
    } else {
        let (signed, unsigned) = if x.signed { (x.size, y.size) } else { (y.size, x.size) };
        let size = if signed > unsigned { signed } else { (unsigned * 2).min(8) };
        IntType { size, signed: true }
    };
    Ty::Int { int, flexible, space }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn int(size: u8, signed: bool) -> Ty {
        Ty::fixed(size, signed)
    }

    #[test]
    fn literals_take_the_smallest_signed_type() {
        assert_eq!(Ty::of_literal(127).as_int(), int(1, true).as_int());
        assert_eq!(Ty::of_literal(128).as_int(), int(2, true).as_int());
        assert_eq!(Ty::of_literal(70_000).as_int(), int(4, true).as_int());
        assert_eq!(Ty::of_literal(u64::MAX), Ty::U64);
        assert_eq!(Ty::of_negative(-129), int(2, true));
    }

    #[test]
    fn joins_hold_both() {
        let join = |a: Ty, b: Ty| a.join(&b).unwrap();
        assert_eq!(join(int(1, false), int(1, true)), int(2, true));
        assert_eq!(join(int(4, false), int(2, true)), int(8, true));
        assert_eq!(join(int(8, false), int(8, true)), int(8, true));
        assert_eq!(join(int(8, true), int(4, false)), int(8, true));
        assert!(join(Ty::of_literal(1), Ty::of_literal(300)).is_flexible());
        assert_eq!(join(Ty::of_literal(300), int(1, false)), int(2, false));
        assert_eq!(join(Ty::Str { size: 4 }, Ty::Str { size: 9 }), Ty::Str { size: 9 });
        assert!(Ty::Bool.join(&Ty::I8).is_none());
    }
}
