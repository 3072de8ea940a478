//! Text to syntax tree.

use crate::golden;
use beetrace::diag::{Sink, render};
use beetrace::source::SourceMap;
use beetrace::syntax::ast::Script;

/// Parses `text`, which must have no mistakes.
fn parse(text: &str) -> Script {
    let mut sources = SourceMap::default();
    let file = sources.add("-e", text);
    let mut sink = Sink::default();
    let script = beetrace::syntax::parse(file, text, &mut sink);
    assert!(sink.all().is_empty(), "{}", render::to_string(&sources, sink.all()));
    script
}

#[test]
fn one_liners_parse() {
    for (text, probes) in [
        ("BEGIN { print(1) }", 1),
        ("#!/usr/bin/env beetrace\nkprobe:vfs_read /4/2/1 > 3/ { @[comm, pid] = count(); $x = @y[1]++ }", 1),
        ("uprobe:/bin/bash:\"a b\":* { print((struct task_struct *)curtask->a.b.0) }", 1),
        (
            "begin { if ($x) { return; } else if $y { @ = hist(1) } else {} let $z: uint8 = (uint8)1 } end {}",
            2,
        ),
    ] {
        assert_eq!(parse(text).probes.len(), probes, "{text}");
    }
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
