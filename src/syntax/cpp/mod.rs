//! C's preprocessor, for scripts and headers.
//!
//! [`prepare`] takes a script and gives the text that the language's parser reads: macros expanded, C definitions and
//! directives gone, what conditions leave out gone too. The definitions come out as declarations. The text is a file of
//! its own in the source map, whose [`Origins`](crate::source::Origins) lead every place back to the script, so that
//! messages underline what the user wrote. A script without C is left as it is.
//!
//! An `import` takes in C where it stands, and the script that it names is prepared with what was defined so far.
//!
//! What differs from C: a macro without parameters that stands for an expression is one operand of the script; macros expand in predicates and bodies of probes, not in attach points, names of fields, `$x`
//! and `@x`; macros of headers leave the language's own names alone.
//!
//! Invariants: work and memory are linear in the script, its headers and what the macros make, which is limited.
//! Deliberately absent: reading files, which [`Headers`] does.

mod conditions;
mod directives;
mod expand;
mod hide;
mod imports;
mod items;
mod macros;
mod operand;
mod output;
mod script;
mod substitute;
mod token;

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::diag::{Diagnostic, Severity, Sink, codes};
use crate::source::{FileId, SourceMap, Span};
use crate::syntax::ast::Object;
use crate::syntax::cdecl::ast::Declaration;
use conditions::Group;
use expand::Expander;
use token::Token;

/// What became of the search for a header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// Its text.
    Text {
        /// Where it was found.
        path: String,
        /// The whole.
        text: String,
        /// Not the user's: what is wrong in it is passed over.
        system: bool,
    },
    /// A header of the kernel or of libc whose types and constants are known without it.
    Known,
    /// Not there, and nothing is known of it.
    Missing,
    /// It is there but cannot be read, for this reason.
    Unreadable(String),
}

/// What an import finds at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// Something that every user may change, so that it is not taken.
    Writable,
    /// A folder with the names of what is in it, sorted.
    Folder(Vec<String>),
    /// A file with its bytes, or why it cannot be read.
    File(Result<Vec<u8>, String>),
}

/// What became of BPF C.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Compiled {
    /// The object.
    Object {
        /// The file.
        bytes: Vec<u8>,
        /// What the compiler said; mostly nothing.
        said: String,
    },
    /// There is no compiler; holds where it was looked for.
    NoCompiler(String),
    /// The compiler says why not.
    Refused(String),
}

/// Where headers come from, and what is defined without them.
pub trait Headers {
    /// Looks for the header `name`, written in quotes or angle brackets in the file `from`.
    fn find(&self, name: &str, quoted: bool, from: &str) -> Found;

    /// What an import finds at `path`.
    fn import(&self, path: &str) -> Option<Entry>;

    /// Compiles the BPF C at `path`.
    fn compile(&self, path: &str) -> Compiled;

    /// Headers that the command line includes before the script.
    fn before(&self) -> Vec<String>;

    /// Macros that are there from the start, as `#define` lines.
    fn predefined(&self) -> String;

    /// True for a name of the language, which no header's macro takes over.
    fn keeps(&self, name: &str) -> bool;
}

/// A script after the preprocessor.
#[derive(Debug)]
pub struct Prepared {
    /// The text to parse; the script itself when it holds no C.
    pub file: FileId,
    /// The C types that the script and its headers define, in order.
    pub declarations: Vec<Declaration>,
    /// Scripts that this one imports, directly or not, after the preprocessor; by the names they are imported under.
    pub imports: Vec<FileId>,
    /// Compiled objects that are imported, in order.
    pub objects: Vec<Object>,
}

impl From<FileId> for Prepared {
    /// A script that needs no preprocessor.
    fn from(file: FileId) -> Prepared {
        Prepared { file, declarations: Vec::new(), imports: Vec::new(), objects: Vec::new() }
    }
}

/// Messages after which no more are passed on.
const ENOUGH: usize = 100;

/// Macros that go with the headers that need not be there.
const PRELUDE: &str = include_str!("prelude.h");

/// Runs the preprocessor over the script `file`.
pub fn prepare(sources: &mut SourceMap, file: FileId, headers: &dyn Headers, sink: &mut Sink) -> Prepared {
    let before = headers.before();
    let text = sources.file(file).text.clone();
    if before.is_empty() && !script::holds_c(&text) && !text.contains("import") {
        return file.into();
    }
    let keeps = |name: &str| headers.keeps(name);
    let mut all = Preprocessor {
        sources,
        headers,
        sink,
        expander: Expander::new(&keeps),
        groups: Vec::new(),
        floor: 0,
        file,
        depth: 0,
        quiet: 0,
        included: 0,
        seen: HashMap::new(),
        once: HashSet::new(),
        c_tokens: Vec::new(),
        prelude: false,
        said: 0,
        root: file,
        asked: HashSet::new(),
        scripts: BTreeMap::new(),
        objects: Vec::new(),
    };
    let predefined = headers.predefined();
    let built_in = all.sources.add("built-in", predefined.as_str());
    all.read(built_in, &predefined);
    for name in before {
        all.header(&name, true, Span::default());
    }
    let made = all.script(&text);
    let declarations = all.declarations();
    let imports = all.scripts.values().flatten().copied().collect();
    let objects = std::mem::take(&mut all.objects);
    let name = all.sources.file(file).name.clone();
    let file = all.sources.add_made(name, made.text, made.origins);
    Prepared { file, declarations, imports, objects }
}

/// The state of a run.
struct Preprocessor<'a> {
    sources: &'a mut SourceMap,
    headers: &'a dyn Headers,
    sink: &'a mut Sink,
    expander: Expander<'a>,
    /// Conditions that are open, of all files at work.
    groups: Vec<Group>,
    /// How many of them are of the files around the one being read.
    floor: usize,
    /// The file being read.
    file: FileId,
    /// Headers being read, one inside the other.
    depth: usize,
    /// How many of them are not the user's.
    quiet: usize,
    /// Headers read so far.
    included: usize,
    /// Files by path.
    seen: HashMap<String, FileId>,
    /// Files with `#pragma once`.
    once: HashSet<FileId>,
    /// C code, with its macros expanded; true for that of a header that is not the user's.
    c_tokens: Vec<(Token, bool)>,
    /// The prelude has been read.
    prelude: bool,
    /// Messages so far.
    said: usize,
    /// The script that all this is about.
    root: FileId,
    /// Imports so far, as they are written.
    asked: HashSet<String>,
    /// Scripts that are imported, by name; none for those still being read, and for other files.
    scripts: BTreeMap<String, Option<FileId>>,
    /// Compiled objects so far.
    objects: Vec<Object>,
}

impl Preprocessor<'_> {
    /// Passes a message on. In headers that are not the user's, mistakes are not the user's either.
    fn report(&mut self, diagnostic: Diagnostic) {
        let limit = diagnostic.code == codes::TOO_LARGE && diagnostic.severity == Severity::Error;
        if (self.quiet == 0 || limit) && self.said < ENOUGH {
            self.said += 1;
            self.sink.push(diagnostic);
        }
    }

    fn pass_on(&mut self, mut sink: Sink) {
        sink.take().into_iter().for_each(|diagnostic| self.report(diagnostic));
    }

    /// Defines what kernel headers define beside types and constants.
    fn prelude(&mut self) {
        if !std::mem::replace(&mut self.prelude, true) {
            let file = self.sources.add("built-in macros", PRELUDE);
            self.read(file, PRELUDE);
        }
    }
}
