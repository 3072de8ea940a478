//! Text to syntax tree and back.

mod generate;
mod robust;

use crate::golden;
use beetrace::diag::{Sink, render};
use beetrace::source::SourceMap;
use beetrace::syntax::ast::Script;
use beetrace::syntax::print;

/// Parses `text`, which must have no mistakes.
fn parse(text: &str) -> Script {
    let mut sources = SourceMap::default();
    let file = sources.add("-e", text);
    let mut sink = Sink::default();
    let script = beetrace::syntax::parse(file, text, &mut sink);
    assert!(sink.all().is_empty(), "{text}\n{}", render::to_string(&sources, sink.all()));
    script
}

/// The tree as text without its spans and comments, to compare trees of different texts.
fn bare(script: &Script) -> String {
    let script = Script { comments: Vec::new(), ..script.clone() };
    let text = format!("{script:?}");
    let mut pieces = text.split("Span {");
    let first = pieces.next().unwrap_or_default().to_owned();
    pieces.fold(first, |out, piece| out + piece.split_once('}').map_or("", |(_, rest)| rest))
}

/// Printing what `script` says gives a text that says the same.
fn check_round_trip(script: &Script) {
    let printed = print::script(script);
    let again = parse(&printed);
    assert_eq!(bare(&again), bare(script), "{printed}");
    assert_eq!(print::script(&again), printed);
}

#[test]
fn trees_print_and_parse_back() {
    golden::check("ast", |text| {
        let script = parse(text);
        check_round_trip(&script);
        print::script(&script)
    });
}

#[test]
fn random_trees_print_and_parse_back() {
    for seed in 1..=150 {
        check_round_trip(&generate::script(seed));
    }
}

#[test]
fn comments_are_kept() {
    let script = parse("#!/bin/x\n// a\nbegin { /* b\n */ print(\"// c\"); } // d");
    let texts: Vec<&str> = script.comments.iter().map(|c| c.text.as_str()).collect();
    assert_eq!(texts, ["#!/bin/x", "// a", "/* b\n */", "// d"]);
}

/// The messages about `text`, as a user sees them.
fn messages(text: &str) -> String {
    let mut sources = SourceMap::default();
    let file = sources.add("-e", text);
    let mut sink = Sink::default();
    beetrace::syntax::parse(file, text, &mut sink);
    render::to_string(&sources, sink.all())
}

#[test]
fn mistakes_are_explained() {
    golden::check("syntax", messages);
}
