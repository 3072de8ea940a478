//! Syntax tree to typed tree: what scripts mean, and what is said about those that mean nothing.

use crate::golden;
use beetrace::diag::{Sink, render};
use beetrace::host::Host;
use beetrace::host::fake::Fake;
use beetrace::sema::{self, Options, tree};
use beetrace::source::SourceMap;

/// Analyses `text`; gives the program and the messages as a user sees them.
fn analyse_on(text: &str, host: &dyn Host, options: &Options) -> (tree::Program, String) {
    let mut sources = SourceMap::default();
    let file = sources.add("-e", text);
    let mut sink = Sink::default();
    let script = beetrace::syntax::parse(file, text, &mut sink);
    assert!(!sink.has_errors(), "{}", render::to_string(&sources, sink.all()));
    let program = sema::analyse(&script, host, options, &mut sink);
    (program, render::to_string(&sources, sink.all()))
}

/// What is said about a script, or the typed tree when there is nothing to say against it.
fn outcome(text: &str, host: &dyn Host, options: &Options) -> String {
    let (program, messages) = analyse_on(text, host, options);
    match messages.contains("error[") {
        true => messages,
        false => format!("{messages}{}", sema::print(&program)),
    }
}

#[test]
fn scripts_mean_what_they_say() {
    golden::check("sema", |text| outcome(text, &Fake::default(), &Options::default()));
}
