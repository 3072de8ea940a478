//! `printf` against bpftrace 0.27: `tests/golden/runtime/printf.tsv` holds what it printed, line by line the format,
//! the argument and `<what was printed>`. `printf-c.tsv` holds the cases in which C's meaning is printed instead; its
//! fourth column is what bpftrace prints.

use beetrace::runtime::format;
use beetrace::runtime::value::Context;
use beetrace::wire::format::{Conversion, Count, Format, Piece};
use beetrace::wire::record::Field;

use super::notation::{Fixed, value};

#[test]
fn prints_as_the_reference() {
    check(include_str!("../../golden/runtime/printf.tsv"), 400);
}

#[test]
fn prints_as_c_where_the_reference_does_not() {
    check(include_str!("../../golden/runtime/printf-c.tsv"), 20);
}

fn check(cases: &str, least: usize) {
    let mut wrong = String::new();
    assert!(cases.lines().count() >= least);
    for line in cases.lines() {
        let columns: Vec<&str> = line.split('\t').collect();
        let args: Vec<_> = columns[1].split(" ; ").filter(|arg| !arg.is_empty()).map(value).collect();
        let printed = printf(columns[0], &args);
        if format!("<{printed}>") != columns[2] {
            wrong += &format!("{} of {}: <{printed}>, not {}\n", columns[0], columns[1], columns[2]);
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

fn printf(text: &str, args: &[(beetrace::wire::types::DataType, Vec<u8>)]) -> String {
    let (mut record, mut fields) = (vec![0; 8], Vec::new());
    for (ty, bytes) in args {
        fields.push(Field { offset: record.len() as u32, ty: ty.clone() });
        record.extend(bytes);
    }
    let mut out = Vec::new();
    let mut context = Context { names: &mut Fixed, raw: false };
    format::write(&mut out, &parse(text), &fields, &record, &mut context);
    String::from_utf8(out).expect("escaped text")
}

/// Enough of a parser for the cases; the real one belongs to an earlier stage.
fn parse(text: &str) -> Format {
    let mut format = Format::default();
    let mut literal = String::new();
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if c != '%' {
            literal.push(c);
            continue;
        }
        let mut conversion = Conversion::default();
        let mut number: Option<u32> = None;
        let mut precise = false;
        loop {
            let c = chars.next().expect("a conversion");
            let count = |number: Option<u32>| number.map(Count::Fixed);
            match c {
                '%' => {
                    literal.push('%');
                    break;
                }
                '-' => conversion.left = true,
                '+' => conversion.plus = true,
                ' ' => conversion.space = true,
                '#' => conversion.alternate = true,
                '0' if number.is_none() && !precise => conversion.zero = true,
                '0'..='9' => number = Some(number.unwrap_or(0) * 10 + c as u32 - '0' as u32),
                '*' if precise => conversion.precision = Some(Count::Argument),
                '*' => conversion.width = Some(Count::Argument),
                '.' => {
                    conversion.width = conversion.width.or(count(number.take()));
                    precise = true;
                }
                'h' if conversion.length == Some(2) => conversion.length = Some(1),
                'h' => conversion.length = Some(2),
                'l' | 'j' | 'z' | 't' => conversion.length = Some(8),
                kind => {
                    let given = count(number.take());
                    match precise {
                        true => {
                            conversion.precision = conversion.precision.or(given).or(Some(Count::Fixed(0)));
                        }
                        false => conversion.width = conversion.width.or(given),
                    }
                    conversion.kind = match kind {
                        'r' if chars.next_if_eq(&'x').is_some() => 'R',
                        'r' if chars.next_if_eq(&'h').is_some() => 'H',
                        kind => kind,
                    };
                    format.pieces.push(Piece::Text(std::mem::take(&mut literal)));
                    format.pieces.push(Piece::Conversion(conversion));
                    break;
                }
            }
        }
    }
    format.pieces.push(Piece::Text(literal));
    format
}
