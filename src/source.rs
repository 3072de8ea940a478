//! Source files, spans and positions.
//!
//! Every stage keeps spans to the end: the line info that the kernel's verifier prints comes from here.
//! A span is a byte range of one file; lines and columns are computed on demand.
//!
//! A text may be *made of* others: the preprocessor's result is a file of its own whose [`Origins`] say where each
//! piece comes from. Stages keep the spans of the text they read; [`SourceMap::resolve`] leads back to what the user
//! wrote, and whoever shows a place asks it first.
//!
//! Deliberately absent: reading files. The driver reads them and hands over text.

use std::ops::Range;

/// A file of a [`SourceMap`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct FileId(pub u32);

/// A byte range `start..end` of one file. The default span stands for "made by the compiler".
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct Span {
    /// The file.
    pub file: FileId,
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}

impl Span {
    /// A span of `file` over `range` (bytes).
    pub fn new(file: FileId, range: Range<usize>) -> Span {
        Span { file, start: range.start as u32, end: range.end as u32 }
    }

    /// The smallest span that covers both, which must be of one file.
    pub fn to(self, other: Span) -> Span {
        Span { file: self.file, start: self.start.min(other.start), end: self.end.max(other.end) }
    }

    /// The byte range.
    pub fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }

    /// True for code that stands nowhere in the script.
    pub fn is_synthetic(self) -> bool {
        self.start == 0 && self.end == 0
    }
}

/// A file's name and text.
#[derive(Clone, Debug)]
pub struct SourceFile {
    /// As the user named it; `-e` for a one-liner, `-` for standard input.
    pub name: String,
    /// The whole text, UTF-8.
    pub text: String,
    /// Byte offsets at which lines start.
    lines: Vec<u32>,
    /// For a text that was made of others: where its pieces come from.
    origins: Option<Origins>,
}

/// Where the pieces of a made text come from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origins {
    /// In the order of the text.
    pieces: Vec<Piece>,
    /// The macros whose expansions are among the pieces.
    macros: Vec<MacroOrigin>,
}

/// A macro that was expanded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MacroOrigin {
    /// Its name.
    pub name: String,
    /// Where its name stands in the definition; synthetic for a built-in one.
    pub span: Span,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Piece {
    /// First byte in the made text; it ends where the next begins.
    start: u32,
    /// Where it comes from.
    span: Span,
    /// Taken as it is, so that offsets inside carry over; else it stands for the whole of `span`.
    exact: bool,
    /// Index of the macro that it was made by.
    by: Option<u32>,
}

impl Origins {
    /// Says that what follows byte `start` of the made text is the text at `span`.
    pub fn copied(&mut self, start: usize, span: Span) {
        let carries_on = |last: &Piece| {
            let offset = start as u32 - last.start;
            last.exact
                && last.by.is_none()
                && last.span.file == span.file
                && last.span.start + offset == span.start
        };
        match self.pieces.last_mut() {
            Some(last) if carries_on(last) => last.span.end = span.end,
            _ => self.pieces.push(Piece { start: start as u32, span, exact: true, by: None }),
        }
    }

    /// Says that what follows byte `start` was made by the macro `by` out of what stands at `span`; `exact` for an
    /// argument that came through as it was.
    pub fn made(&mut self, start: usize, span: Span, by: u32, exact: bool) {
        self.pieces.push(Piece { start: start as u32, span, exact, by: Some(by) });
    }

    /// Takes in a macro; gives its index.
    pub fn add_macro(&mut self, name: &str, span: Span) -> u32 {
        let known = self.macros.iter().position(|known| known.span == span && known.name == name);
        known.unwrap_or_else(|| {
            self.macros.push(MacroOrigin { name: name.into(), span });
            self.macros.len() - 1
        }) as u32
    }

    /// The same macros, and no pieces: for another text that they go into.
    pub fn clone_macros(&self) -> Origins {
        Origins { pieces: Vec::new(), macros: self.macros.clone() }
    }

    fn piece(&self, at: u32) -> Option<&Piece> {
        let behind = self.pieces.partition_point(|piece| piece.start <= at);
        self.pieces.get(behind.checked_sub(1)?)
    }

    /// Where the bytes `span` of the made text come from.
    pub fn resolve(&self, span: Span) -> Span {
        let last = span.end.max(span.start + 1) - 1;
        let (Some(first), Some(last)) = (self.piece(span.start), self.piece(last)) else { return span };
        let start =
            if first.exact { first.span.start + (span.start - first.start) } else { first.span.start };
        let end = if last.exact { last.span.start + (span.end - last.start) } else { last.span.end };
        if first.span.file != last.span.file {
            return first.span;
        }
        // Arguments may come out in another order than they went in.
        let (start, end) = if start <= end { (start, end) } else { (last.span.start, first.span.end) };
        Span { file: first.span.file, start, end }
    }

    /// The macro that made the first byte of `span`.
    fn macro_at(&self, span: Span) -> Option<&MacroOrigin> {
        let piece = self.piece(span.start).filter(|piece| !piece.exact)?;
        self.macros.get(piece.by? as usize)
    }
}

/// All files of one compilation.
#[derive(Clone, Debug, Default)]
pub struct SourceMap {
    files: Vec<SourceFile>,
}

/// A 1-based line and column (in characters).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// 1-based line.
    pub line: u32,
    /// 1-based column, counted in characters.
    pub column: u32,
}

impl SourceMap {
    /// Adds a file.
    pub fn add(&mut self, name: impl Into<String>, text: impl Into<String>) -> FileId {
        self.push(name.into(), text.into(), None)
    }

    /// Adds a text that was made of other files of this map.
    pub fn add_made(&mut self, name: impl Into<String>, text: impl Into<String>, origins: Origins) -> FileId {
        self.push(name.into(), text.into(), Some(origins))
    }

    fn push(&mut self, name: String, text: String, origins: Option<Origins>) -> FileId {
        let lines = std::iter::once(0)
            .chain(text.bytes().enumerate().filter(|(_, b)| *b == b'\n').map(|(i, _)| i as u32 + 1))
            .collect();
        self.files.push(SourceFile { name, text, lines, origins });
        FileId(self.files.len() as u32 - 1)
    }

    /// The file `id`.
    pub fn file(&self, id: FileId) -> &SourceFile {
        &self.files[id.0 as usize]
    }

    /// Every file with its id, in the order they were added.
    pub fn files(&self) -> impl Iterator<Item = (FileId, &SourceFile)> {
        self.files.iter().enumerate().map(|(i, f)| (FileId(i as u32), f))
    }

    /// Where a span stands in what the user wrote; itself, unless it is of a made text.
    pub fn resolve(&self, mut span: Span) -> Span {
        while let Some(origins) = self.files.get(span.file.0 as usize).and_then(|file| file.origins.as_ref())
        {
            let origin = origins.resolve(span);
            if origin.file == span.file {
                break;
            }
            span = origin;
        }
        span
    }

    /// The macro whose expansion a span begins in.
    pub fn macro_at(&self, span: Span) -> Option<&MacroOrigin> {
        self.files.get(span.file.0 as usize)?.origins.as_ref()?.macro_at(span)
    }

    /// The text of a span, as the stage that made the span read it.
    pub fn text(&self, span: Span) -> &str {
        self.file(span.file).text.get(span.range()).unwrap_or("")
    }

    /// Line and column of the span's first byte, in the file that [`SourceMap::resolve`] tells.
    pub fn position(&self, span: Span) -> Position {
        let span = self.resolve(span);
        let (file, line) = (self.file(span.file), self.line(span));
        let start = file.lines[line as usize - 1] as usize;
        let upto = file.text.get(start..span.start as usize).unwrap_or("");
        Position { line, column: upto.chars().count() as u32 + 1 }
    }

    /// The 1-based line of the span's first byte; quicker than its position where lines are long.
    pub fn line(&self, span: Span) -> u32 {
        let span = self.resolve(span);
        self.file(span.file).lines.partition_point(|start| *start <= span.start).max(1) as u32
    }

    /// The text of line `line` (1-based) of `file`, without its newline.
    pub fn line_text(&self, file: FileId, line: u32) -> &str {
        let file = self.file(file);
        let start = line.checked_sub(1).and_then(|index| file.lines.get(index as usize));
        let rest = start.and_then(|start| file.text.get(*start as usize..)).unwrap_or("");
        rest.split('\n').next().unwrap_or("").trim_end_matches('\r')
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_of_a_made_text_lead_back() {
        let mut sources = SourceMap::default();
        let script = sources.add("a.bt", "TWICE(x) + y\n");
        let span = |range| Span::new(script, range);
        let mut origins = Origins::default();
        let twice = origins.add_macro("TWICE", Span::new(script, 0..5));
        // (x*2) + y
        origins.made(0, span(0..8), twice, false);
        origins.made(1, span(6..7), twice, true);
        origins.made(2, span(0..8), twice, false);
        origins.copied(5, span(8..11));
        origins.copied(8, span(11..13));
        let made = sources.add_made("a.bt", "(x*2) + y\n", origins);
        let there = |range| sources.resolve(Span::new(made, range));
        assert_eq!(there(0..5), span(0..8));
        assert_eq!(there(1..2), span(6..7));
        assert_eq!(there(8..9), span(11..12));
        assert_eq!(there(1..9), span(6..12));
        assert_eq!(sources.macro_at(Span::new(made, 3..4)).map(|m| m.name.as_str()), Some("TWICE"));
        assert_eq!(sources.macro_at(Span::new(made, 1..2)), None);
        assert_eq!(sources.position(Span::new(made, 8..9)).column, 12);
    }
}
