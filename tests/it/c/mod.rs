//! The C part of scripts: the preprocessor, declarations and their layouts.

mod layouts;
mod robust;

use crate::golden;
use beetrace::config::Config;
use beetrace::diag::{Sink, render};
use beetrace::driver::compile::{Settings, parse, prepare};
use beetrace::host::Entry;
use beetrace::host::fake::Fake;
use beetrace::host::imports::CompileError;
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

/// See the source beside it.
const LIBRARY: &[u8] = include_bytes!("../../objects/library.bpf.o");

/// The library with `old`, which is in it, replaced where it first stands.
fn without(old: &[u8], new: &[u8]) -> Vec<u8> {
    let mut bytes = LIBRARY.to_vec();
    let at = bytes.windows(old.len()).position(|window| window == old).expect("it is there");
    bytes[at..at + new.len()].copy_from_slice(new);
    bytes
}

/// A machine with files to import.
fn with_imports() -> Fake {
    let object = |bytes: &[u8]| Entry::File(Ok(bytes.to_vec()));
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
        .with_import("failed.bpf.c", file("int f(int x) { return y; }"))
        .with_compiled(
            "failed.bpf.c",
            Err(CompileError::Refused("failed.bpf.c:1:23: error: who is y?".into())),
        )
        .with_import("good.bpf.c", file("int add_one(int value) { return value + 1; }"))
        .with_compiled("good.bpf.c", Ok((LIBRARY.to_vec(), String::new())))
        .with_import("doubtful.bpf.c", file("int add_one(int value) { return value + 1; }"))
        .with_compiled("doubtful.bpf.c", Ok((LIBRARY.to_vec(), "doubtful.bpf.c:1:1: warning: hm".into())))
        .with_import("library.bpf.o", object(LIBRARY))
        .with_import("second.bpf.o", object(include_bytes!("../../objects/second.bpf.o")))
        .with_import("clash.bpf.o", object(include_bytes!("../../objects/clash.bpf.o")))
        .with_import("lonely.bpf.o", object(include_bytes!("../../objects/lonely.bpf.o")))
        .with_import("text.bpf.o", file("no object"))
        .with_import("cut.bpf.o", object(&LIBRARY[..200]))
        .with_import("other.bpf.o", object(&without(b"\xf7\0", b"\x3e\0")))
        .with_import("untyped.bpf.o", object(&without(b".BTF\0", b".BTX\0")))
        .with_import("unplaced.bpf.o", object(&without(b".BTF.ext\0", b".BTX.ext\0")))
        .with_import(
            "broken.bpf.o",
            object(&without(b"\x9f\xeb\x01\0\x18\0\0\0\0\0\0\0", b"\x9f\xeb\x01\0\x19\0\0\0\0\0\0\0")),
        )
        .with_import("made", folder(&["library.bpf.o", "second.bpf.o"]))
        .with_import("made/library.bpf.o", object(LIBRARY))
        .with_import("made/second.bpf.o", object(include_bytes!("../../objects/second.bpf.o")))
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
