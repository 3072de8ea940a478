//! `print(value)` against bpftrace 0.27: `tests/golden/runtime/values.tsv` holds the value and `<what was printed>`.

use beetrace::runtime::value::{self, Context};

use super::notation::{Fixed, value};

#[test]
fn prints_as_the_reference() {
    for line in include_str!("../../golden/runtime/values.tsv").lines() {
        let (text, expected) = line.split_once('\t').expect("two columns");
        let (ty, bytes) = value(text);
        let mut out = Vec::new();
        value::write(&mut out, &ty, &bytes, 1, &mut Context { names: &mut Fixed, raw: false });
        assert_eq!(format!("<{}>", String::from_utf8(out).unwrap()), expected, "{text}");
    }
}
