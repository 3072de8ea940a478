//! What `beetrace explain` tells is true: the wrong script of each code gets it, the right one compiles.

use beetrace::config::Config;
use beetrace::diag::{Sink, codes, explain, render};
use beetrace::driver::compile::{Settings, parse, prepare};
use beetrace::host::fake::Fake;
use beetrace::sema::{self, Options};
use beetrace::source::SourceMap;

/// The messages about a script, as a user sees them.
fn messages(text: &str) -> String {
    let mut sources = SourceMap::default();
    let file = sources.add("-e", text);
    let mut sink = Sink::default();
    let made = prepare(&mut sources, file, &Fake::default(), &Settings::default(), &mut sink);
    let script = parse(&sources, &made, &mut sink);
    let (mut config, mut options) = (Config::default(), Options::default());
    config.adopt(&script.config, &[], &mut sink);
    options.adopt(&config);
    if !sink.has_errors() {
        sema::analyse(&script, &Fake::default(), &options, &mut sink);
    }
    render::to_string(&sources, sink.all())
}

#[test]
fn wrong_scripts_get_their_code_and_right_ones_do_not() {
    let mut failed = String::new();
    for code in codes::ALL {
        let found = explain::find(code.id).expect("every code is explained");
        let (Some(wrong), Some(right)) = (found.wrong(), found.right()) else { continue };
        let (of_wrong, of_right) = (messages(&wrong), messages(&right));
        if !of_wrong.contains(&format!("[{}]", code.id)) {
            failed += &format!("{}: the wrong script does not get it:\n{wrong}{of_wrong}\n", code.id);
        }
        if of_right.contains("error[") || of_right.contains(code.id) {
            failed += &format!("{}: the right script is not right:\n{right}{of_right}\n", code.id);
        }
    }
    assert!(failed.is_empty(), "{failed}");
}

#[test]
fn the_rules_of_the_type_checker_have_scripts() {
    let without = |id: &str| explain::find(id).is_none_or(|found| found.wrong().is_none());
    let checked = codes::ALL.iter().filter(|code| matches!(&code.id[..3], "E02" | "E03" | "E04" | "E05"));
    let missing: Vec<&str> = checked.map(|code| code.id).filter(|id| without(id)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}
