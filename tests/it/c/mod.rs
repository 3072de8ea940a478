//! The C part of scripts: the preprocessor, declarations and their layouts.

mod layouts;
mod robust;

use crate::golden;
use beetrace::config::Config;
use beetrace::diag::{Sink, render};
use beetrace::driver::compile::{Settings, parse, prepare};
use beetrace::host::Entry;
use beetrace::host::fake::Fake;
use beetrace::sema;
use beetrace::source::SourceMap;

/// A machine with some headers.
pub fn host() -> Fake {
    Fake::default()
        .with_header("own.h", "#pragma once\n#define OWN 7\nstruct own { int a; long b; };\n#define PLUS(x) ((x) + OWN)\n")
        .with_header("broken.h", "struct broken { int a b; };\n#define\n")
        .with_header("loop.h", "#include \"loop.h\"\n")
        .with_header("<system.h>", "struct sys { int a; };\nint x y z;\nstruct bad { nonsense q; };\n#error no\n#define SYS 3\nstatic inline int f(int a) { return a; }\n#define pid 77\n")
}

/// The text after the preprocessor, then the messages.
fn preprocessed(text: &str) -> String {
    let (mut sources, mut sink) = (SourceMap::default(), Sink::default());
    let file = sources.add("-e", text);
    let made = prepare(&mut sources, file, &host(), &Settings::default(), &mut sink);
    let messages = render::to_string(&sources, sink.all());
    format!("{}\n{messages}", sources.file(made.file).text.trim_end())
}

/// The types that a script defines, then the messages.
pub fn types_on(text: &str, host: &Fake) -> String {
    let (mut sources, mut sink) = (SourceMap::default(), Sink::default());
    let file = sources.add("-e", text);
    let made = prepare(&mut sources, file, host, &Settings::default(), &mut sink);
    let script = parse(&sources, &made, &mut sink);
    let types = sema::describe_definitions(&script, host, &mut sink);
    format!("{types}{}", render::to_string(&sources, sink.all()))
}

/// The typed tree of a script with C in it, or what is said against it.
fn typed(text: &str) -> String {
    let (mut sources, mut sink) = (SourceMap::default(), Sink::default());
    let (file, host) = (sources.add("-e", text), host());
    let made = prepare(&mut sources, file, &host, &Settings::default(), &mut sink);
    let script = parse(&sources, &made, &mut sink);
    if sink.has_errors() {
        return render::to_string(&sources, sink.all());
    }
    let program = sema::analyse(&script, &host, &sema::Options::default(), &mut sink);
    let messages = render::to_string(&sources, sink.all());
    if sink.has_errors() { messages } else { format!("{messages}{}", sema::print(&program)) }
}

#[test]
fn scripts_with_c_mean_what_they_say() {
    golden::check("csema", typed);
}

/// A machine with files to import.
fn with_imports() -> Fake {
    let file = |text: &str| Entry::File(Ok(text.as_bytes().to_vec()));
    let folder = |names: &[&str]| Entry::Folder(names.iter().map(|name| name.to_string()).collect());
    host()
        .with_import("helpers.bt", file("macro greet() { print(\"hello\"); }\nmacro add1(x) { x + 1 }\n"))
        .with_import("b.bt", file("begin { print(\"b1\"); }\nbegin { print(\"b2\"); }\n"))
        .with_import("a.bt", file("import \"b.bt\";\nimport \"a.bt\";\nbegin { print(\"a\"); }\n"))
        .with_import(
            "types.h",
            file("#define THREE 3\n#define SQ(x) ((x)*(x))\nstruct foo { int a; char b; };\n"),
        )
        .with_import(
            "c.bt",
            file("#include \"own.h\"\n#define FOUR 4\nlet @m = hash(7);\nmacro five() { FOUR + 1 }\n"),
        )
        .with_import("set.bt", file("config = { max_strlen = 32 } begin { }"))
        .with_import("bad.bt", file("begin { $x = }"))
        .with_import("code.bpf.c", file("int f(int x) { return x; }"))
        .with_import("code.bpf.o", file("\u{7f}ELF"))
        .with_import("text.txt", file("hello"))
        .with_import("bytes.bt", Entry::File(Ok(vec![0xff, 0xfe])))
        .with_import("locked.bt", Entry::File(Err("permission denied".into())))
        .with_import("open.bt", Entry::Writable)
        .with_import("lib", folder(&["a.bt", "l.h", "notes.txt", "one.bt", "open.bt", "sub"]))
        .with_import("lib/l.h", file("#define LIB 9\n"))
        .with_import("lib/a.bt", file("begin { print(LIB + 1); }"))
        .with_import("lib/one.bt", file("import \"two.bt\"; begin { print(LIB); }"))
        .with_import("lib/two.bt", file("begin { print(\"two\"); }"))
        .with_import("lib/open.bt", Entry::Writable)
        .with_import("lib/notes.txt", file("hello"))
        .with_import("lib/sub", folder(&["three.bt"]))
}

#[test]
fn imports_are_taken_in() {
    golden::check("imports", |text| {
        let (mut sources, mut sink) = (SourceMap::default(), Sink::default());
        let (file, host) = (sources.add("-e", text), with_imports());
        let made = prepare(&mut sources, file, &host, &Settings::default(), &mut sink);
        let script = parse(&sources, &made, &mut sink);
        if sink.has_errors() {
            return render::to_string(&sources, sink.all());
        }
        let (mut config, mut options) = (Config::default(), sema::Options::default());
        config.adopt(&script.config, &[], &mut sink);
        options.adopt(&config);
        let program = sema::analyse(&script, &host, &options, &mut sink);
        let messages = render::to_string(&sources, sink.all());
        if sink.has_errors() { messages } else { format!("{messages}{}", sema::print(&program)) }
    });
}

#[test]
fn macros_and_directives() {
    golden::check("cpp", preprocessed);
}

#[test]
fn definitions_and_layouts() {
    golden::check("ctypes", |text| types_on(text, &host()));
}
