//! Source files, spans and positions.
//!
//! Every stage keeps spans to the end: the line info that the kernel's verifier prints comes from here.
//! A span is a byte range of one file; lines and columns are computed on demand.
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
        let text = text.into();
        let lines = std::iter::once(0)
            .chain(text.bytes().enumerate().filter(|(_, b)| *b == b'\n').map(|(i, _)| i as u32 + 1))
            .collect();
        self.files.push(SourceFile { name: name.into(), text, lines });
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

    /// The text of a span.
    pub fn text(&self, span: Span) -> &str {
        self.file(span.file).text.get(span.range()).unwrap_or("")
    }

    /// Line and column of the span's first byte.
    pub fn position(&self, span: Span) -> Position {
        let (file, line) = (self.file(span.file), self.line(span));
        let start = file.lines[line as usize - 1] as usize;
        let upto = file.text.get(start..span.start as usize).unwrap_or("");
        Position { line, column: upto.chars().count() as u32 + 1 }
    }

    /// The 1-based line of the span's first byte; quicker than its position where lines are long.
    pub fn line(&self, span: Span) -> u32 {
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
