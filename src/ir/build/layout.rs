//! How values of the language lie in memory: C's layout, as [`crate::wire::types::DataType`] has it.

use std::sync::Arc;

use crate::sema::tree::Program;
use crate::sema::types::{IntType, Type};
use crate::wire::align_up;
use crate::wire::types::{DataType, StructField};

/// The shape of a value of type `ty`, for whoever reads it.
pub fn shape(program: &Program, ty: &Type) -> DataType {
    match ty {
        Type::None => DataType::Bytes { size: 0 },
        Type::Int(int) => DataType::Int { size: int.size, signed: int.signed },
        Type::Bool => DataType::Bool,
        Type::Str { size } => DataType::Str { size: *size },
        Type::Tuple(types) => DataType::tuple(types.iter().map(|ty| shape(program, ty))),
        Type::Record { names, items } => {
            let fields = Fields::new(program, items);
            let field = |((name, ty), (offset, _)): ((&Arc<str>, &Type), &(u32, u32))| StructField {
                name: name.to_string(),
                offset: *offset,
                bits: None,
                ty: shape(program, ty),
            };
            let named = names.iter().zip(items.iter()).zip(&fields.fields);
            DataType::Struct { size: fields.size, fields: named.map(field).collect() }
        }
        Type::Buffer { size } => DataType::Buffer { size: *size },
        Type::Inet => DataType::Inet,
        Type::Mac => DataType::Mac,
        Type::Pointer { .. } => DataType::Pointer,
        Type::Struct(id) => {
            let def = program.struct_def(*id);
            let fields = def.fields.iter().map(|field| StructField {
                name: field.name.clone(),
                offset: field.offset,
                bits: field.bits,
                ty: shape(program, &field.ty),
            });
            DataType::Struct { size: def.size, fields: fields.collect() }
        }
        Type::Array { element, count } => {
            DataType::Array { element: Arc::new(shape(program, element)), count: *count }
        }
        Type::Enum { int, values, .. } => DataType::Enum { size: int.size, names: values.clone() },
        Type::Named(name) => DataType::Named { size: 8, name: *name },
    }
}

/// The shape of a plain map's value: integers take 8 bytes.
pub fn map_value_shape(program: &Program, ty: &Type) -> DataType {
    match shape(program, ty) {
        DataType::Int { signed, .. } => DataType::Int { size: 8, signed },
        DataType::Enum { names, .. } => DataType::Enum { size: 8, names },
        other => other,
    }
}

/// Bytes and alignment of a value: those of its [`shape`], without making one.
pub fn size_align(program: &Program, ty: &Type) -> (u32, u32) {
    match ty {
        Type::None => (0, 1),
        Type::Str { size } => (*size, 1),
        Type::Buffer { size } => (align_up(size + 4, 4), 4),
        Type::Inet => (20, 4),
        Type::Mac => (6, 1),
        Type::Tuple(types) | Type::Record { items: types, .. } => {
            let fields = Fields::new(program, types);
            (fields.size, fields.align)
        }
        Type::Struct(id) => {
            let def = program.struct_def(*id);
            (def.size, def.fields.iter().map(|field| size_align(program, &field.ty).1).max().unwrap_or(1))
        }
        Type::Array { element, count } => {
            let (size, align) = size_align(program, element);
            (size * count, align)
        }
        _ => {
            let size = u32::from(ty.as_int().unwrap_or(IntType::U64).size);
            (size, size)
        }
    }
}

/// Bytes of a value.
pub fn size_of(program: &Program, ty: &Type) -> u32 {
    size_align(program, ty).0
}

/// Where a tuple's fields are.
pub struct Fields {
    /// Offset and size of each.
    pub fields: Vec<(u32, u32)>,
    /// The whole, with padding.
    pub size: u32,
    /// The largest alignment.
    pub align: u32,
}

impl Fields {
    /// The fields of a tuple of these types.
    pub fn new(program: &Program, types: &[Type]) -> Fields {
        let (mut offset, mut align, mut fields) = (0, 1, Vec::with_capacity(types.len()));
        for ty in types {
            let (size, wanted) = size_align(program, ty);
            offset = align_up(offset, wanted);
            align = align.max(wanted);
            fields.push((offset, size));
            offset += size;
        }
        Fields { fields, size: align_up(offset, align), align }
    }
}

/// `ty` with its texts shortened, all to the same size, so that it takes `limit` bytes at most. None when even
/// that is not enough.
pub fn fit(program: &Program, ty: &Type, limit: u32) -> Option<Type> {
    if size_of(program, ty) <= limit {
        return Some(ty.clone());
    }
    // Sizes that are multiples of 8 keep comparisons and copies in whole words. The longest that fits is
    // searched by halving.
    let fits = |words: u32| size_of(program, &shorten(ty, words * 8)) <= limit;
    let (mut low, mut high) = (1, limit / 8);
    if !fits(low) {
        return None;
    }
    while low < high {
        let middle = (low + high).div_ceil(2);
        if fits(middle) { low = middle } else { high = middle - 1 }
    }
    Some(shorten(ty, low * 8))
}

fn shorten(ty: &Type, text: u32) -> Type {
    match ty {
        Type::Str { size } => Type::Str { size: text.min(*size) },
        Type::Buffer { size } => Type::Buffer { size: text.min(*size) },
        Type::Tuple(types) => Type::Tuple(types.iter().map(|ty| shorten(ty, text)).collect()),
        Type::Record { names, items } => {
            Type::Record { names: names.clone(), items: items.iter().map(|ty| shorten(ty, text)).collect() }
        }
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const U8: Type = Type::Int(IntType { size: 1, signed: false });

    #[test]
    fn sizes_agree_with_shapes() {
        let program = Program::default();
        let inner = Type::Tuple([Type::Str { size: 5 }, Type::Int(IntType::U32)].into());
        let ty = Type::Tuple([U8, Type::Int(IntType::U64), inner, Type::Bool].into());
        let shape = shape(&program, &ty);
        assert_eq!(size_align(&program, &ty), (shape.size(), shape.align()));
        let DataType::Tuple { fields, .. } = shape else { panic!("a tuple") };
        let Type::Tuple(types) = &ty else { panic!("a tuple") };
        let ours: Vec<u32> = Fields::new(&program, types).fields.iter().map(|field| field.0).collect();
        assert_eq!(ours, fields.iter().map(|field| field.0).collect::<Vec<_>>());
    }

    #[test]
    fn keys_are_shortened_to_fit() {
        let program = Program::default();
        let ty =
            Type::Tuple([Type::Str { size: 1024 }, Type::Int(IntType::U64), Type::Str { size: 16 }].into());
        let shorter = fit(&program, &ty, 512).expect("fits");
        assert_eq!(
            shorter,
            Type::Tuple([Type::Str { size: 488 }, Type::Int(IntType::U64), Type::Str { size: 16 }].into())
        );
        assert_eq!(fit(&program, &Type::Tuple(vec![Type::Int(IntType::U64); 65].into()), 512), None);
    }
}
