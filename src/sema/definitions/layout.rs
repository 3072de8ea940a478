//! Where the members of a struct or union stand: the rules of the System V ABI for x86-64, which are those of the
//! 64-bit ARM ABI too but for bit fields without a name.
//!
//! A bit field stands at the next free bit, unless it would then cross a boundary of its type: it begins there instead.
//! A width of 0 moves to such a boundary. `packed` means that nothing is aligned and bit fields cross boundaries.

use super::Definitions;
use crate::host::{Btf, BtfMember, BtfType, TypeId};

/// A member before it has a place.
pub(super) struct Slot {
    /// None for an anonymous member or bit field.
    pub name: Option<String>,
    pub ty: TypeId,
    /// Bytes; 0 for a flexible array.
    pub size: u64,
    /// Bytes, at least 1.
    pub align: u64,
    /// What `aligned` says, in bytes.
    pub aligned: Option<u64>,
    pub packed: bool,
    /// Width of a bit field.
    pub bits: Option<u64>,
}

/// Members in their places.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Layout {
    pub members: Vec<BtfMember>,
    /// Bytes.
    pub size: u64,
    /// Bytes.
    pub align: u64,
}

/// Lays members out. None when they take more than what BTF can tell.
pub(super) fn layout(slots: Vec<Slot>, union: bool, packed: bool, aligned: Option<u64>) -> Option<Layout> {
    let (mut end, mut most, mut align) = (0u64, 0u64, 1u64);
    let mut members = Vec::with_capacity(slots.len());
    for slot in slots {
        let packed = packed || slot.packed;
        let own = if packed { slot.aligned.unwrap_or(1) } else { slot.align.max(slot.aligned.unwrap_or(1)) };
        let start = if union { 0 } else { end };
        let (at, after) = match slot.bits {
            None => {
                let at = start.checked_next_multiple_of(own * 8)?;
                (at, at.checked_add(slot.size.checked_mul(8)?)?)
            }
            Some(width) => place_bits(start, width, &slot, packed)?,
        };
        // A bit field without a name does not align the struct; on ARM it does.
        if slot.bits.is_none() || slot.name.is_some() || cfg!(target_arch = "aarch64") {
            align = align.max(own);
        }
        end = after;
        most = most.max(after);
        let kept = slot.bits.is_none() || slot.name.is_some();
        if kept {
            let bit_size = slot.bits.map(|width| width as u32);
            let bit_offset = u32::try_from(at).ok()?;
            members.push(BtfMember {
                name: slot.name.unwrap_or_default(),
                ty: slot.ty,
                bit_offset,
                bit_size,
            });
        }
    }
    let align = align.max(aligned.unwrap_or(1));
    let size = most.div_ceil(8).checked_next_multiple_of(align)?;
    u32::try_from(size.checked_mul(8)?).ok()?;
    Some(Layout { members, size, align })
}

fn place_bits(start: u64, width: u64, slot: &Slot, packed: bool) -> Option<(u64, u64)> {
    let unit = slot.size * 8;
    let boundary = slot.align.max(1) * 8;
    if width == 0 {
        let at = start.checked_next_multiple_of(boundary)?;
        return Some((at, at));
    }
    let start = match slot.aligned {
        Some(by) => start.checked_next_multiple_of(by * 8)?,
        None => start,
    };
    let crosses = start % unit + width > unit;
    let at = if crosses && !packed { start.checked_next_multiple_of(boundary)? } else { start };
    Some((at, at.checked_add(width)?))
}

impl Definitions<'_> {
    /// The part of `ty` that `name` is: its bits from the start, and its type. Looks into anonymous members too.
    pub(super) fn member(&self, ty: TypeId, name: &str) -> Option<BtfMember> {
        let (_, BtfType::Composite { members, .. }) = self.resolve(ty) else { return None };
        if let Some(found) = members.iter().find(|member| member.name == name) {
            return Some(found.clone());
        }
        members.iter().filter(|member| member.name.is_empty()).find_map(|outer| {
            let inner = self.member(outer.ty, name)?;
            Some(BtfMember { bit_offset: outer.bit_offset + inner.bit_offset, ..inner })
        })
    }
}
