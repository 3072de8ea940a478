//! Reading DWARF: functions and types, one at a time, by their offsets in `.debug_info`.
//!
//! Nothing is kept here. Damaged information gives less, never a panic: every read may fail, and what fails is not
//! there. Split DWARF (`.dwo`) is not read.

use std::collections::HashMap;

use gimli::{
    AttributeValue, DW_AT_abstract_origin, DW_AT_bit_offset, DW_AT_bit_size, DW_AT_byte_size,
    DW_AT_const_value, DW_AT_count, DW_AT_data_bit_offset, DW_AT_data_member_location, DW_AT_declaration,
    DW_AT_encoding, DW_AT_language, DW_AT_low_pc, DW_AT_name, DW_AT_producer, DW_AT_specification,
    DW_AT_type, DW_AT_upper_bound, DW_AT_variable_parameter, DwAt, DwTag, LittleEndian,
};

use super::Convention;
use crate::host::btf::{BtfKind, BtfMember, BtfType, TypeId};

/// Bytes of a section.
pub type Slice<'d> = gimli::EndianSlice<'d, LittleEndian>;
/// The sections of a file.
pub type Dwarf<'d> = gimli::Dwarf<Slice<'d>>;
type Unit<'d> = gimli::Unit<Slice<'d>>;
type Die<'d> = gimli::DebuggingInformationEntry<Slice<'d>>;

/// A type in `.debug_info`: its offset, and of an array how many of its dimensions are left out in front.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Entry {
    /// Bytes from the start of the section.
    pub offset: usize,
    /// Dimensions left out.
    pub skipped: usize,
}

/// The parameters and the result of a function.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RawSignature {
    /// Name and type.
    pub parameters: Vec<(String, Option<Entry>)>,
    /// None for `void`.
    pub result: Option<Entry>,
    /// How it is called.
    pub convention: Convention,
}

/// References do not go on for ever.
const MOST_STEPS: usize = 16;

/// The function whose code begins at `address`.
pub fn signature(dwarf: &Dwarf, address: u64) -> Option<RawSignature> {
    let mut headers = dwarf.units();
    while let Ok(Some(header)) = headers.next() {
        let Ok(unit) = dwarf.unit(header) else { continue };
        if !holds(dwarf, &unit, address) {
            continue;
        }
        if let Some(found) = in_unit(dwarf, &unit, address) {
            return Some(found);
        }
    }
    None
}

/// Whether the unit's code holds an address; without ranges it has to be looked through.
fn holds<'d>(dwarf: &Dwarf<'d>, unit: &Unit<'d>, address: u64) -> bool {
    let Ok(mut ranges) = dwarf.unit_ranges(unit) else { return true };
    let mut any = false;
    while let Ok(Some(range)) = ranges.next() {
        any = true;
        if (range.begin..range.end).contains(&address) {
            return true;
        }
    }
    !any
}

fn in_unit<'d>(dwarf: &Dwarf<'d>, unit: &Unit<'d>, address: u64) -> Option<RawSignature> {
    let mut entries = unit.entries();
    while let Ok(Some(entry)) = entries.next_dfs() {
        if entry.tag() != gimli::DW_TAG_subprogram {
            continue;
        }
        let start =
            entry.attr_value(DW_AT_low_pc).and_then(|low| dwarf.attr_address(unit, low).ok().flatten());
        if start == Some(address) || (start.is_none() && first_range(dwarf, unit, entry) == Some(address)) {
            let offset = entry.offset();
            return Some(read_signature(dwarf, unit, offset));
        }
    }
    None
}

fn first_range<'d>(dwarf: &Dwarf<'d>, unit: &Unit<'d>, entry: &Die<'d>) -> Option<u64> {
    entry.attr(gimli::DW_AT_ranges)?;
    dwarf.die_ranges(unit, entry).ok()?.next().ok().flatten().map(|range| range.begin)
}

fn read_signature<'d>(dwarf: &Dwarf<'d>, unit: &Unit<'d>, offset: gimli::UnitOffset) -> RawSignature {
    let mut made = RawSignature { convention: convention(dwarf, unit), ..RawSignature::default() };
    let Ok(mut tree) = unit.entries_tree(Some(offset)) else { return made };
    let Ok(root) = tree.root() else { return made };
    made.result =
        inherited(dwarf, unit, root.entry(), DW_AT_type).and_then(|(at, value)| referred(&at, value));
    let mut children = root.children();
    while let Ok(Some(child)) = children.next() {
        let entry = child.entry();
        if entry.tag() != gimli::DW_TAG_formal_parameter {
            continue;
        }
        // Go describes results as parameters, too
        if let Some((_, AttributeValue::Flag(true))) = inherited(dwarf, unit, entry, DW_AT_variable_parameter)
        {
            continue;
        }
        let name = inherited(dwarf, unit, entry, DW_AT_name).and_then(|(at, value)| text(dwarf, &at, value));
        let ty = inherited(dwarf, unit, entry, DW_AT_type).and_then(|(at, value)| referred(&at, value));
        made.parameters.push((name.unwrap_or_default(), ty));
    }
    made
}

/// How the functions of a unit are called.
fn convention(dwarf: &Dwarf, unit: &Unit) -> Convention {
    if !is_go(unit) {
        return Convention::C;
    }
    let producer = root(unit).and_then(|root| root.attr_value(DW_AT_producer));
    let producer = producer.and_then(|value| text(dwarf, &Home::Same(unit), value)).unwrap_or_default();
    // `Go cmd/compile go1.22.1; regabi`
    let flags = producer.split_once(';').map_or("", |(_, flags)| flags);
    if flags.contains("regabi") { Convention::Go } else { Convention::GoStack }
}

fn is_go(unit: &Unit) -> bool {
    let language = root(unit).and_then(|root| root.attr_value(DW_AT_language));
    language == Some(AttributeValue::Language(gimli::DW_LANG_Go))
}

/// The entry of the whole unit.
fn root<'d>(unit: &Unit<'d>) -> Option<Die<'d>> {
    unit.entries().next_dfs().ok().flatten().cloned()
}

/// A unit that an attribute stands in: that of the entry, or another one that it refers to.
enum Home<'u, 'd> {
    Same(&'u Unit<'d>),
    Other(Box<Unit<'d>>),
}

impl<'d> Home<'_, 'd> {
    fn unit(&self) -> &Unit<'d> {
        match self {
            Home::Same(unit) => unit,
            Home::Other(unit) => unit,
        }
    }
}

/// An attribute of an entry, or of what the entry is an instance of.
fn inherited<'u, 'd>(
    dwarf: &Dwarf<'d>,
    unit: &'u Unit<'d>,
    entry: &Die<'d>,
    name: DwAt,
) -> Option<(Home<'u, 'd>, AttributeValue<Slice<'d>>)> {
    let mut home = Home::Same(unit);
    let mut entry = entry.clone();
    for _ in 0..MOST_STEPS {
        if let Some(value) = entry.attr_value(name) {
            return Some((home, value));
        }
        let origin =
            entry.attr_value(DW_AT_abstract_origin).or_else(|| entry.attr_value(DW_AT_specification))?;
        let offset = referred(&home, origin)?.offset;
        let (next, at) = unit_of(dwarf, offset)?;
        entry = next.entry(at).ok()?;
        home = Home::Other(Box::new(next));
    }
    None
}

/// What an attribute refers to.
fn referred(home: &Home, value: AttributeValue<Slice>) -> Option<Entry> {
    refers(home.unit(), value)
}

fn refers(unit: &Unit, value: AttributeValue<Slice>) -> Option<Entry> {
    let offset = match value {
        AttributeValue::UnitRef(offset) => offset.to_debug_info_offset(&unit.header)?.0,
        AttributeValue::DebugInfoRef(offset) => offset.0,
        _ => return None,
    };
    Some(Entry { offset, skipped: 0 })
}

fn text(dwarf: &Dwarf, home: &Home, value: AttributeValue<Slice>) -> Option<String> {
    let text = dwarf.attr_string(home.unit(), value).ok()?;
    Some(String::from_utf8_lossy(text.slice()).into_owned())
}

/// The unit that holds an offset, and the offset within it.
fn unit_of<'d>(dwarf: &Dwarf<'d>, offset: usize) -> Option<(Unit<'d>, gimli::UnitOffset)> {
    let mut headers = dwarf.units();
    while let Ok(Some(header)) = headers.next() {
        if let Some(at) = gimli::DebugInfoOffset(offset).to_unit_offset(&header) {
            return dwarf.unit(header).ok().map(|unit| (unit, at));
        }
    }
    None
}

/// True for a `const` of something.
pub fn is_const(dwarf: &Dwarf, at: Entry) -> bool {
    let Some((unit, offset)) = unit_of(dwarf, at.offset) else { return false };
    unit.entry(offset).is_ok_and(|entry| entry.tag() == gimli::DW_TAG_const_type)
}

/// Decodes a type; `name` gives the ids of the types that it is made of.
pub fn decode(dwarf: &Dwarf, at: Entry, name: &mut dyn FnMut(Option<Entry>) -> TypeId) -> Option<BtfType> {
    let (unit, offset) = unit_of(dwarf, at.offset)?;
    let mut tree = unit.entries_tree(Some(offset)).ok()?;
    let root = tree.root().ok()?;
    let entry = root.entry().clone();
    let about = About { dwarf, unit: &unit, entry: &entry };
    Some(match entry.tag() {
        gimli::DW_TAG_base_type => about.base(),
        gimli::DW_TAG_pointer_type | gimli::DW_TAG_reference_type | gimli::DW_TAG_rvalue_reference_type => {
            BtfType::Pointer(name(about.ty()))
        }
        gimli::DW_TAG_ptr_to_member_type => long(),
        gimli::DW_TAG_typedef => BtfType::Typedef { name: about.name(), ty: name(about.ty()) },
        gimli::DW_TAG_const_type
        | gimli::DW_TAG_volatile_type
        | gimli::DW_TAG_restrict_type
        | gimli::DW_TAG_atomic_type => BtfType::Qualifier(name(about.ty())),
        gimli::DW_TAG_structure_type | gimli::DW_TAG_class_type | gimli::DW_TAG_union_type => {
            if about.entry.attr(DW_AT_declaration).is_some() {
                return Some(BtfType::Forward { name: about.name() });
            }
            let members = members(dwarf, &unit, root, name);
            let union = entry.tag() == gimli::DW_TAG_union_type;
            BtfType::Composite { union, name: about.name(), size: about.size(), members }
        }
        gimli::DW_TAG_enumeration_type => {
            let (values, signed) = enumerators(dwarf, &unit, root);
            BtfType::Enum { name: about.name(), size: about.size(), signed, values }
        }
        gimli::DW_TAG_array_type => {
            let counts = dimensions(root);
            let count = counts.get(at.skipped).copied().unwrap_or(0);
            let element = if at.skipped + 1 < counts.len() {
                Some(Entry { skipped: at.skipped + 1, ..at })
            } else {
                about.ty()
            };
            BtfType::Array { element: name(element), count }
        }
        // behind no pointer, but one itself
        gimli::DW_TAG_subroutine_type if is_go(&unit) => long(),
        gimli::DW_TAG_unspecified_type => BtfType::Void,
        _ => BtfType::Other,
    })
}

/// Of what takes 8 bytes and is no more known.
fn long() -> BtfType {
    BtfType::Int { name: "long".into(), size: 8, signed: true, is_bool: false, is_char: false }
}

/// An entry with what is needed to read its attributes.
struct About<'a, 'd> {
    dwarf: &'a Dwarf<'d>,
    unit: &'a Unit<'d>,
    entry: &'a Die<'d>,
}

impl About<'_, '_> {
    fn name(&self) -> String {
        let value = self.entry.attr_value(DW_AT_name);
        value.and_then(|value| text(self.dwarf, &Home::Same(self.unit), value)).unwrap_or_default()
    }

    fn ty(&self) -> Option<Entry> {
        refers(self.unit, self.entry.attr_value(DW_AT_type)?)
    }

    fn number(&self, name: DwAt) -> Option<u64> {
        self.entry.attr(name)?.udata_value()
    }

    fn size(&self) -> u32 {
        self.number(DW_AT_byte_size).and_then(|size| u32::try_from(size).ok()).unwrap_or(0)
    }

    fn base(&self) -> BtfType {
        let (name, size) = (self.name(), self.size());
        let encoding = match self.entry.attr_value(DW_AT_encoding) {
            Some(AttributeValue::Encoding(encoding)) => encoding,
            _ => return BtfType::Other,
        };
        let int = |signed, is_bool, is_char| BtfType::Int { name, size, signed, is_bool, is_char };
        match encoding {
            gimli::DW_ATE_boolean => int(false, true, false),
            gimli::DW_ATE_signed | gimli::DW_ATE_address => int(true, false, false),
            gimli::DW_ATE_signed_char => int(true, false, true),
            gimli::DW_ATE_unsigned | gimli::DW_ATE_UTF => int(false, false, false),
            gimli::DW_ATE_unsigned_char => int(false, false, true),
            _ => BtfType::Other,
        }
    }
}

fn members<'d>(
    dwarf: &Dwarf<'d>,
    unit: &Unit<'d>,
    root: gimli::EntriesTreeNode<'_, '_, Slice<'d>>,
    name: &mut dyn FnMut(Option<Entry>) -> TypeId,
) -> Vec<BtfMember> {
    let (mut found, mut children) = (Vec::new(), root.children());
    while let Ok(Some(child)) = children.next() {
        let entry = child.entry();
        // a base class is a member without a name: its fields are found through it
        let own = match entry.tag() {
            gimli::DW_TAG_member => true,
            gimli::DW_TAG_inheritance => false,
            _ => continue,
        };
        let about = About { dwarf, unit, entry };
        // static members of C++ have no place
        if about.entry.attr(gimli::DW_AT_external).is_some() || about.entry.attr(DW_AT_declaration).is_some()
        {
            continue;
        }
        let byte = about.number(DW_AT_data_member_location).unwrap_or(0) as u32;
        let width = about.number(DW_AT_bit_size).map(|width| width as u32);
        let bit_offset = match (about.number(DW_AT_data_bit_offset), about.number(DW_AT_bit_offset)) {
            (Some(first), _) => first as u32,
            // before DWARF 4 bits were counted from the unit's high end
            (None, Some(high)) => {
                let unit = (about.size().max(4)) * 8;
                byte * 8 + unit.saturating_sub(high as u32 + width.unwrap_or(0))
            }
            (None, None) => byte * 8,
        };
        let text = if own { about.name() } else { String::new() };
        found.push(BtfMember { name: text, ty: name(about.ty()), bit_offset, bit_size: width });
    }
    found
}

fn enumerators<'d>(
    dwarf: &Dwarf<'d>,
    unit: &Unit<'d>,
    root: gimli::EntriesTreeNode<'_, '_, Slice<'d>>,
) -> (Vec<(String, i64)>, bool) {
    let (mut values, mut children) = (Vec::new(), root.children());
    while let Ok(Some(child)) = children.next() {
        let entry = child.entry();
        if entry.tag() != gimli::DW_TAG_enumerator {
            continue;
        }
        let about = About { dwarf, unit, entry };
        let value = entry.attr(DW_AT_const_value);
        let value = value.and_then(|value| value.sdata_value().or(value.udata_value().map(|v| v as i64)));
        values.push((about.name(), value.unwrap_or(0)));
    }
    let signed = values.iter().any(|(_, value)| *value < 0);
    (values, signed)
}

/// Lengths of an array's dimensions; 0 where there is none.
fn dimensions(root: gimli::EntriesTreeNode<'_, '_, Slice<'_>>) -> Vec<u32> {
    let (mut found, mut children) = (Vec::new(), root.children());
    while let Ok(Some(child)) = children.next() {
        let entry = child.entry();
        if entry.tag() != gimli::DW_TAG_subrange_type {
            continue;
        }
        let number = |name: DwAt| entry.attr(name).and_then(|value| value.udata_value());
        let count =
            number(DW_AT_count).or_else(|| number(DW_AT_upper_bound).map(|last| last.wrapping_add(1)));
        found.push(count.and_then(|count| u32::try_from(count).ok()).unwrap_or(0));
    }
    found
}

/// Named types of the whole file, those in namespaces by their own names. Declarations without a body are left out.
pub fn names(dwarf: &Dwarf) -> HashMap<(BtfKind, String), usize> {
    let mut found = HashMap::new();
    let mut headers = dwarf.units();
    while let Ok(Some(header)) = headers.next() {
        let Ok(unit) = dwarf.unit(header) else { continue };
        let mut entries = unit.entries();
        while let Ok(Some(entry)) = entries.next_dfs() {
            let Some(kind) = kind(entry.tag()) else { continue };
            if entry.attr(DW_AT_declaration).is_some() || entry.attr(DW_AT_name).is_none() {
                continue;
            }
            let name = About { dwarf, unit: &unit, entry }.name();
            if let Some(offset) = entry.offset().to_debug_info_offset(&unit.header) {
                found.entry((kind, name)).or_insert(offset.0);
            }
        }
    }
    found
}

fn kind(tag: DwTag) -> Option<BtfKind> {
    match tag {
        gimli::DW_TAG_structure_type | gimli::DW_TAG_class_type => Some(BtfKind::Struct),
        gimli::DW_TAG_union_type => Some(BtfKind::Union),
        gimli::DW_TAG_enumeration_type => Some(BtfKind::Enum),
        gimli::DW_TAG_typedef => Some(BtfKind::Typedef),
        gimli::DW_TAG_base_type => Some(BtfKind::Int),
        _ => None,
    }
}
