//! `import "path"`: finds what it names and takes it in.
//!
//! A path is looked for beside the root script, then beside the script that imports. What can be imported: scripts,
//! which become texts of their own to parse; C headers, whose definitions all may use; compiled BPF objects, and BPF C,
//! which a compiler of the machine makes objects of; folders of these. A path is taken in once, whatever asks for it
//! again. What everybody may change is refused.
//!
//! Deliberately absent: merging the scripts, which the driver does with their trees.

use super::{Compiled, Entry, Preprocessor};
use crate::diag::{Diagnostic, codes};
use crate::source::{FileId, Span};
use crate::syntax::ast::Object;

/// Folders of bpftrace's standard library, and their files. What they define is part of the language here.
const LIBRARY: &[(&str, &[&str])] = &[
    ("stdlib", &["base.bpf.c"]),
    ("stdlib/map", &["map.bpf.c"]),
    ("stdlib/process", &["process.bpf.c"]),
    ("stdlib/stack", &["dwunwind.bpf.c", "dwunwind_defs.h"]),
    ("stdlib/strings", &["errors.h", "signal.h", "strings.bpf.c", "strings.h", "syscall.h"]),
    ("stdlib/system", &["system.bpf.c"]),
    ("stdlib/task", &["task.bpf.c", "vma.bpf.c"]),
    ("stdlib/test", &["test.bpf.c"]),
    ("stdlib/usdt", &["usdt.bpf.c"]),
];

/// Scripts that import each other, one inside the other, at most.
const MAX_INSIDE: usize = 64;

/// What the end of a name says about a file.
enum Kind {
    Script,
    Header,
    Source,
    Object,
    Other,
}

fn kind(name: &str) -> Kind {
    let ends =
        |end: &str| name.strip_suffix(end).is_some_and(|stem| !stem.is_empty() && !stem.ends_with('/'));
    match () {
        () if ends(".bt") => Kind::Script,
        () if ends(".h") => Kind::Header,
        () if ends(".bpf.c") => Kind::Source,
        () if ends(".bpf.o") => Kind::Object,
        () => Kind::Other,
    }
}

/// True for a folder or file of the standard library.
fn is_library(name: &str) -> bool {
    let file = |(folder, files): &(&str, &[&str])| {
        let rest = name.strip_prefix(folder).and_then(|rest| rest.strip_prefix('/'));
        name == *folder || rest.is_some_and(|rest| files.contains(&rest))
    };
    LIBRARY.iter().any(file)
}

/// The folder of a file, with its slash; empty for the working folder.
fn folder(of: &str) -> &str {
    of.rfind('/').map_or("", |slash| &of[..=slash])
}

impl Preprocessor<'_> {
    /// Takes in what `name`, written at `span`, stands for. `root` is false for an import within a probe or macro.
    pub(super) fn import(&mut self, name: &str, span: Span, root: bool) {
        if !root && matches!(kind(name), Kind::Script) {
            return self.misplaced_import(span, format!("`{name}` is a script"));
        }
        if !self.asked.insert(name.to_owned()) {
            return;
        }
        let (mut checked, mut writable) = (Vec::new(), None);
        for path in self.candidates(name) {
            match self.headers.import(&path) {
                None => checked.push(path),
                Some(Entry::Writable) => writable = Some(path),
                Some(Entry::Folder(_)) if !root => {
                    return self.misplaced_import(span, format!("`{name}` is a folder"));
                }
                Some(Entry::Folder(names)) => return self.folder(name, &path, names, span),
                Some(Entry::File(content)) => return self.file(name, &path, content, span, false),
            }
        }
        if writable.is_none() && is_library(name) {
            return;
        }
        match writable {
            Some(path) => self.writable(&path, span),
            None => {
                let error = Diagnostic::error(codes::IMPORT, format!("there is no `{name}` to import"));
                self.report(error.at(span, "not found").note(format!("looked for {}", checked.join(", "))));
            }
        }
    }

    fn misplaced_import(&mut self, span: Span, message: String) {
        let error = Diagnostic::error(codes::IMPORT, message).at(span, "imported within a probe or macro");
        self.report(error.help("import scripts and folders at the top, before all probes"));
    }

    fn writable(&mut self, path: &str, span: Span) {
        let error =
            Diagnostic::error(codes::IMPORT, format!("`{path}` is not imported: everybody may change it"));
        let error =
            error.at(span, "not safe to import").note("the file or its folder can be written by all users");
        self.report(error.help("take the right from others: chmod o-w"));
    }

    /// Paths that `name` may mean.
    fn candidates(&self, name: &str) -> Vec<String> {
        if name.starts_with('/') {
            return vec![name.to_owned()];
        }
        let beside = |file: FileId| format!("{}{name}", folder(&self.sources.file(file).name));
        let mut paths = vec![beside(self.root)];
        let own = beside(self.file);
        if own != paths[0] {
            paths.push(own);
        }
        paths
    }

    /// Takes in what a folder holds, not the folders in it.
    fn folder(&mut self, name: &str, path: &str, names: Vec<String>, span: Span) {
        let (name, path) = (name.trim_end_matches('/'), path.trim_end_matches('/'));
        // The scripts of a folder may use what its headers define.
        let (headers, others): (Vec<_>, Vec<_>) = names.into_iter().partition(|name| name.ends_with(".h"));
        for file in headers.into_iter().chain(others) {
            let (name, path) = (format!("{name}/{file}"), format!("{path}/{file}"));
            match self.headers.import(&path) {
                None | Some(Entry::Folder(_)) => {}
                Some(Entry::Writable) => self.writable(&path, span),
                Some(Entry::File(content)) => self.file(&name, &path, content, span, true),
            }
        }
    }

    /// Takes in a file; one of an unknown kind is passed over in a folder.
    fn file(
        &mut self,
        name: &str,
        path: &str,
        content: Result<Vec<u8>, String>,
        span: Span,
        in_folder: bool,
    ) {
        let known = kind(name);
        if matches!(known, Kind::Other) {
            if !in_folder {
                let error =
                    Diagnostic::error(codes::IMPORT, format!("`{name}` is of no kind that can be imported"));
                self.report(error.at(span, "expected a folder, .bt, .h, .bpf.c or .bpf.o"));
            }
            return;
        }
        if self.scripts.contains_key(name) {
            return;
        }
        self.scripts.insert(name.to_owned(), None);
        let bytes = match content {
            Ok(bytes) => bytes,
            Err(why) => {
                let error = Diagnostic::error(codes::IMPORT, format!("cannot read `{path}`: {why}"));
                return self.report(error.at(span, "imported here"));
            }
        };
        match known {
            Kind::Header => self.enter(path, String::from_utf8_lossy(&bytes).into_owned(), false, span),
            Kind::Script => match String::from_utf8(bytes) {
                Ok(text) => self.nested(name, path, text, span),
                Err(_) => {
                    let error = Diagnostic::error(codes::IMPORT, format!("`{path}` is not UTF-8 text"));
                    self.report(error.at(span, "imported here"));
                }
            },
            Kind::Source => self.source(name, path, span),
            Kind::Object | Kind::Other => self.object(name, bytes, span),
        }
    }

    fn object(&mut self, name: &str, bytes: Vec<u8>, span: Span) {
        self.objects.push(Object { name: name.to_owned(), span, bytes: bytes.into() });
    }

    /// Has BPF C compiled.
    fn source(&mut self, name: &str, path: &str, span: Span) {
        let error = match self.headers.compile(path) {
            Compiled::Object { bytes, said } => {
                if !said.is_empty() {
                    let warning =
                        Diagnostic::warning(codes::COMPILER_WARNING, format!("clang warns of `{name}`"));
                    self.report(warning.at(span, "imported here").note(said));
                }
                return self.object(name, bytes, span);
            }
            Compiled::NoCompiler(path) => {
                let message = format!("`{name}` is BPF C, which needs clang, and there is none");
                let error = Diagnostic::error(codes::IMPORT, message).at(span, "imported here");
                let error = error.note(format!("looked for `clang` in {path}"));
                error.help("install clang, or compile it elsewhere (clang -g -O2 -target bpf -c) and import the .bpf.o")
            }
            Compiled::Refused(said) => {
                let message = format!("clang does not compile `{name}`");
                Diagnostic::error(codes::IMPORT, message).at(span, "imported here").note(said)
            }
        };
        self.report(error);
    }

    /// Prepares the script `text` as if it stood by itself, but with what has been defined so far.
    fn nested(&mut self, name: &str, path: &str, text: String, span: Span) {
        if self.depth >= MAX_INSIDE {
            let error = Diagnostic::error(
                codes::TOO_LARGE,
                format!("more than {MAX_INSIDE} imports inside each other"),
            );
            return self.report(error.at(span, "one too many"));
        }
        let file = self.sources.add(path, text.as_str());
        let around =
            (std::mem::replace(&mut self.file, file), std::mem::replace(&mut self.floor, self.groups.len()));
        let gone = std::mem::take(&mut self.expander.gone);
        self.depth += 1;
        let made = self.script(&text);
        self.depth -= 1;
        self.expander.gone = gone;
        (self.file, self.floor) = around;
        let made = self.sources.add_made(path, made.text, made.origins);
        self.scripts.insert(name.to_owned(), Some(made));
    }
}
