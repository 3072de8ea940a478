//! The C part of scripts: the preprocessor, declarations and their layouts.

mod layouts;
mod robust;

use crate::golden;
use beetrace::diag::{Sink, render};
use beetrace::driver::compile::{Settings, parse, prepare};
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

#[test]
fn macros_and_directives() {
    golden::check("cpp", preprocessed);
}

#[test]
fn definitions_and_layouts() {
    golden::check("ctypes", |text| types_on(text, &host()));
}
