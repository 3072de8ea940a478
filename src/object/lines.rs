//! Line records out of spans.
//!
//! A record is made where the place (file, line, column) changes. Code that stands nowhere in the script belongs to
//! the place before it, at the start to the probe block. Work per record does not grow with the script: positions
//! come from an index of line starts, columns stop counting at [`LAST_COLUMN`], and of a line longer than
//! [`LONG_LINE`] bytes a record keeps the part that begins at its place.

use super::artifact::Line;
use crate::codegen::inst::Code;
use crate::source::{SourceMap, Span};

/// The highest column that the kernel's line info can hold.
pub const LAST_COLUMN: u32 = 1023;

/// Bytes of a line that are kept whole.
const LONG_LINE: usize = 240;

/// Opcode of the 64-bit immediate load, which takes two slots.
const LOAD_IMM64: u8 = 0x18;

/// Finds lines and columns fast.
pub struct Places<'a> {
    sources: &'a SourceMap,
    files: Vec<(&'a str, Vec<u32>)>,
}

impl<'a> Places<'a> {
    /// Indexes `sources`.
    pub fn new(sources: &'a SourceMap) -> Places<'a> {
        let starts = |text: &str| {
            let after = text.bytes().enumerate().filter(|(_, b)| *b == b'\n').map(|(i, _)| i as u32 + 1);
            std::iter::once(0).chain(after).collect()
        };
        let files = sources.files().map(|(_, f)| (f.text.as_str(), starts(&f.text))).collect();
        Places { sources, files }
    }

    /// File index, 1-based line and column (in characters, at most [`LAST_COLUMN`]) of a span's first byte.
    pub fn of(&self, span: Span) -> (u32, u32, u32) {
        let span = self.sources.resolve(span);
        let Some((text, starts)) = self.files.get(span.file.0 as usize) else { return (span.file.0, 1, 1) };
        let line = starts.partition_point(|start| *start <= span.start);
        let upto = text.get(starts[line - 1] as usize..span.start as usize).unwrap_or("");
        let column = upto.chars().take(LAST_COLUMN as usize - 1).count() as u32 + 1;
        (span.file.0, line as u32, column)
    }

    /// The record of a span for the code from a slot on.
    pub fn line(&self, slot: u32, span: Span) -> Line {
        let (file, line, column) = self.of(span);
        Line { slot, file, line, column, text: self.text(span, line) }
    }

    /// The line's text, or for a long line what begins at `span`, cut; no control characters.
    fn text(&self, span: Span, line: u32) -> String {
        let Some((text, starts)) = self.files.get(span.file.0 as usize) else { return String::new() };
        let start = starts[line as usize - 1] as usize;
        let end = starts.get(line as usize).map_or(text.len(), |next| *next as usize - 1);
        let whole = &text[start..end.max(start)];
        let mut shown = whole;
        if whole.len() > LONG_LINE {
            let rest = text.get(span.start as usize..end).unwrap_or(whole);
            let mut cut = rest.len().min(LONG_LINE);
            while !rest.is_char_boundary(cut) {
                cut -= 1;
            }
            shown = &rest[..cut];
        }
        shown.trim_end().chars().map(|c| if c.is_control() && c != '\t' { ' ' } else { c }).collect()
    }
}

/// The records of one program whose probe block is at `block`.
pub fn records(code: &Code, block: Span, places: &Places) -> Vec<Line> {
    let mut out: Vec<Line> = Vec::new();
    let mut last: Option<Span> = None;
    let mut second = false;
    for (slot, insn) in code.insns.iter().enumerate() {
        let skip = second;
        second = !second && insn.code == LOAD_IMM64;
        let mut span = code.spans.get(slot).copied().unwrap_or_default();
        if span.is_synthetic() && slot == 0 {
            span = block;
        }
        span = places.sources.resolve(span);
        if skip || (span.is_synthetic() && slot > 0) || last == Some(span) {
            continue;
        }
        last = Some(span);
        let (file, line, column) = places.of(span);
        let same = out.last().is_some_and(|l| (l.file, l.line, l.column) == (file, line, column));
        if !same {
            out.push(Line { slot: slot as u32, file, line, column, text: places.text(span, line) });
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codegen::inst::Insn;
    use crate::source::FileId;

    fn span(range: std::ops::Range<usize>) -> Span {
        Span::new(FileId(0), range)
    }

    fn code(spans: &[Span], wide: &[usize]) -> Code {
        let mut insns = vec![Insn { code: 0xb7, ..Insn::default() }; spans.len()];
        for at in wide {
            insns[*at].code = LOAD_IMM64;
            insns[at + 1].code = 0;
        }
        Code { insns, spans: spans.to_vec(), ..Code::default() }
    }

    #[test]
    fn a_record_only_where_the_place_changes() {
        let mut sources = SourceMap::default();
        sources.add("a.bt", "begin {\n  @x = 1;\r\n  @y = 2;\n}\n");
        let places = Places::new(&sources);
        let none = Span::default();
        let (x, y) = (span(10..16), span(21..27));
        // an unknown place, a 64-bit load of which the second half claims another place, the same place again
        let got = records(&code(&[none, x, y, x, none, y], &[1]), span(0..31), &places);
        let flat: Vec<_> = got.iter().map(|l| (l.slot, l.line, l.column, l.text.as_str())).collect();
        assert_eq!(flat, [(0, 1, 1, "begin {"), (1, 2, 3, "  @x = 1;"), (5, 3, 3, "  @y = 2;")]);
    }

    #[test]
    fn long_lines_are_cut_and_columns_end() {
        let mut sources = SourceMap::default();
        let statement = "@äöü = 1; ";
        sources.add("-e", statement.repeat(300));
        let places = Places::new(&sources);
        let at = statement.len() * 200;
        let got = records(&code(&[span(at..at + 5)], &[]), span(0..5), &places);
        assert_eq!(got[0].column, LAST_COLUMN);
        assert!(got[0].text.starts_with("@äöü = 1;") && got[0].text.len() <= LONG_LINE, "{:?}", got[0].text);
    }

    #[test]
    fn a_program_without_a_place_has_a_record() {
        let got =
            records(&code(&[Span::default()], &[]), Span::default(), &Places::new(&SourceMap::default()));
        assert_eq!(got.len(), 1);
        assert_eq!((got[0].slot, got[0].line, got[0].column), (0, 1, 1));
    }
}
