//! What no script may do to the parser: panic, overflow the stack, take long, point outside of the text.

use std::time::{Duration, Instant};

use super::generate::Random;
use crate::golden;
use beetrace::diag::{Sink, codes};
use beetrace::source::{FileId, Span};
use beetrace::syntax::ast::{Expr, ExprKind, ForOver, Script, Statement, StatementKind};
use beetrace::syntax::{MAX_DEPTH, MAX_NESTING};

fn parse(text: &str) -> (Script, Sink) {
    let mut sink = Sink::default();
    let script = beetrace::syntax::parse(FileId(0), text, &mut sink);
    (script, sink)
}

fn codes_of(text: &str) -> Vec<&'static str> {
    parse(text).1.all().iter().map(|d| d.code.id).collect()
}

#[test]
fn nesting_is_limited() {
    let fine = MAX_NESTING - 2;
    for (open, inside, close) in [
        ("(", "1", ")"),
        ("f(", "1", ")"),
        ("@[", "1", "]"),
        ("$x[", "1", "]"),
        ("(1,", "1", ")"),
        ("$x ? ", "1", " : 2"),
        ("(uint8)(", "1", ")"),
        ("sizeof(", "1", ")"),
        ("-(", "1", ")"),
        ("(a=", "1", ")"),
        ("{ ", "1", " }"),
        ("if (1) { ", "1", " }"),
        ("(typeof(", "1", "))2"),
        ("f(typeof(", "1", "))"),
        ("sizeof(typeof(", "1", "))"),
        ("offsetof(typeof(", "1", "), a)"),
    ] {
        let script = |n: usize| format!("begin {{ $x = {}{inside}{}; }}", open.repeat(n), close.repeat(n));
        let each = open.matches(['(', '[', '{', '?']).count() - open.matches("1)").count();
        assert_eq!(codes_of(&script(200 / each)), [] as [&str; 0], "{open}");
        assert_eq!(codes_of(&script(fine / each)), [] as [&str; 0], "{open}");
        for many in [MAX_NESTING, 100_000] {
            assert_eq!(codes_of(&script(many)), [codes::TOO_DEEP.id], "{open} {many}");
        }
    }
    let blocks = |n: usize| format!("begin {}{}", "{".repeat(n), "}".repeat(n));
    assert_eq!(codes_of(&blocks(MAX_NESTING)), [] as [&str; 0]);
    assert_eq!(codes_of(&blocks(MAX_NESTING + 1)), [codes::TOO_DEEP.id]);
    assert_eq!(codes_of(&"(".repeat(100_000)), [codes::SYNTAX.id]);
    assert_eq!(codes_of(&format!("begin {{ {}", "(".repeat(100_000))), [codes::TOO_DEEP.id]);
}

/// C is kept as text; its braces count all the same.
#[test]
fn nesting_of_c_is_limited() {
    let structs = |n: usize| format!("{}int x;{} begin {{ }}", "struct a { ".repeat(n), "} b;".repeat(n));
    assert_eq!(codes_of(&structs(MAX_NESTING)), [] as [&str; 0]);
    assert_eq!(codes_of(&structs(MAX_NESTING + 1)), [codes::TOO_DEEP.id]);
    assert_eq!(codes_of(&structs(100_000)), [codes::TOO_DEEP.id]);
}

/// What is refused at its innermost place is not parsed again and again on the way out.
#[test]
fn mistakes_deep_inside_are_found_in_time() {
    for (open, close) in [
        ("(typeof(", "), 1)"),
        ("if (1) { ", " }"),
        ("$x = { ", " };"),
        ("sizeof(", ")"),
        ("(a=", ")"),
        ("((uint8)(", "))"),
        ("while (1) { ", " }"),
    ] {
        let start = Instant::now();
        let text = format!("begin {{ {}$$;{} }}", open.repeat(50), close.repeat(50));
        assert!(!codes_of(&text).is_empty(), "{open}");
        assert!(start.elapsed() < Duration::from_secs(2), "{open} {:?}", start.elapsed());
    }
    for chain in ["if ", "if !", "if comptime ", "while ", "unroll "] {
        let text = format!("begin {{ {} }}", chain.repeat(20_000));
        assert!(!codes_of(&text).is_empty(), "{chain}");
    }
}

#[test]
fn chains_are_limited() {
    let chain = |link: &str, n: usize| format!("begin {{ $x = 1{}; }}", link.repeat(n));
    for link in [" + 1", " || $y", ".a", "[0]", " ? 1 : 2", ".0", "->b"] {
        let base = if link.starts_with(['.', '[', '-']) { "begin { $x = $y" } else { "begin { $x = 1" };
        let text = |n: usize| format!("{base}{}; }}", link.repeat(n));
        assert_eq!(codes_of(&text(MAX_DEPTH - 2)), [] as [&str; 0], "{link}");
        for many in [MAX_DEPTH, 5_000] {
            assert_eq!(codes_of(&text(many)), [codes::TOO_DEEP.id], "{link} {many}");
        }
    }
    for prefix in ["!", "-  ", "~", "*", "(uint8)", "comptime "] {
        let text = |n: usize| format!("begin {{ $x = {}1; }}", prefix.repeat(n));
        assert_eq!(codes_of(&text(MAX_DEPTH - 2)), [] as [&str; 0], "{prefix}");
        for many in [MAX_DEPTH, 5_000] {
            assert_eq!(codes_of(&text(many)), [codes::TOO_DEEP.id], "{prefix} {many}");
        }
    }
    let ifs = |n: usize| format!("begin {{ if (1) {{ }} {} }}", "else if (1) { } ".repeat(n));
    assert_eq!(codes_of(&ifs(MAX_DEPTH / 2 - 5)), [] as [&str; 0]);
    assert_eq!(codes_of(&ifs(5_000)), [codes::TOO_DEEP.id]);
    assert!(codes_of(&chain("", 1)).is_empty());
}

/// CPU time of parsing `text`: deaf to what else the machine does.
fn time(text: &str) -> Duration {
    let now = || {
        let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        // SAFETY: the call writes to the timespec it is given, and to nothing else.
        unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut time) };
        Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
    };
    let start = now();
    parse(text);
    now() - start
}

#[test]
fn time_grows_with_the_text() {
    let statements = |n: usize| -> String {
        let one = |i| format!("  @m{}[pid] = sum(arg0 + {i});\n", i % 7);
        format!("begin {{\n{}}}\n", (0..n).map(one).collect::<String>())
    };
    let broken = |n: usize| statements(n) + "end { $x = ; }";
    for text in [&statements as &dyn Fn(usize) -> String, &broken] {
        let (small, large) = (time(&text(500)), time(&text(5000)));
        assert!(large < small * 20, "500 statements in {small:?}, 5,000 in {large:?}");
    }
    // Runs on a thread of its own, so by the clock on the wall.
    let deep = format!("begin {{ $x = {}1{}; }}", "(".repeat(200), ")".repeat(200));
    let start = Instant::now();
    parse(&deep);
    assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
}

/// Every span of the tree and of the messages, with what it belongs to.
fn spans(script: &Script, sink: &Sink) -> Vec<Span> {
    let mut spans: Vec<Span> = script.comments.iter().map(|c| c.span).collect();
    spans.extend(sink.all().iter().flat_map(|d| d.labels.iter().map(|l| l.span)));
    spans.extend(script.c_items.iter().map(|c| c.span));
    spans.extend(script.config.iter().flat_map(|s| [s.span, s.key_span, s.value_span]));
    spans.extend(script.imports.iter().flat_map(|i| [i.span, i.path_span]));
    spans.extend(script.map_decls.iter().flat_map(|d| [d.span, d.name_span, d.kind_span]));
    for item in &script.macros {
        spans.extend([item.span, item.name_span, item.body.span]);
        item.body.statements.iter().for_each(|s| statement_spans(s, &mut spans));
        item.value.iter().for_each(|e| expr_spans(e, &mut spans));
    }
    spans.extend(script.functions.iter().flat_map(|f| [f.span, f.name_span, f.body.span]));
    for probe in &script.probes {
        spans.extend([probe.span, probe.body.span]);
        spans.extend(probe.attach.iter().flat_map(|a| a.parts.iter().map(|p| p.span).chain([a.span])));
        probe.predicate.iter().for_each(|e| expr_spans(e, &mut spans));
        probe.body.statements.iter().for_each(|s| statement_spans(s, &mut spans));
    }
    spans
}

fn statement_spans(statement: &Statement, spans: &mut Vec<Span>) {
    spans.push(statement.span);
    match &statement.kind {
        StatementKind::Expr(e) | StatementKind::Return(Some(e)) => expr_spans(e, spans),
        StatementKind::Assign { target, value, .. } => {
            expr_spans(target, spans);
            expr_spans(value, spans);
        }
        StatementKind::Let { value: Some(value), .. } => expr_spans(value, spans),
        StatementKind::If { cond, then, otherwise } => {
            expr_spans(cond, spans);
            then.statements.iter().for_each(|s| statement_spans(s, spans));
            otherwise.iter().flat_map(|b| &b.statements).for_each(|s| statement_spans(s, spans));
        }
        StatementKind::Block(block) => block.statements.iter().for_each(|s| statement_spans(s, spans)),
        StatementKind::Discard(value) => expr_spans(value, spans),
        StatementKind::For { name_span, over, body, .. } => {
            spans.push(*name_span);
            match over {
                ForOver::Map(map) => expr_spans(map, spans),
                ForOver::Range { start, end } => [start, end].iter().for_each(|e| expr_spans(e, spans)),
            }
            body.statements.iter().for_each(|s| statement_spans(s, spans));
        }
        StatementKind::While { cond, body } | StatementKind::Unroll { count: cond, body } => {
            expr_spans(cond, spans);
            body.statements.iter().for_each(|s| statement_spans(s, spans));
        }
        _ => {}
    }
}

fn expr_spans(expr: &Expr, spans: &mut Vec<Span>) {
    spans.push(expr.span);
    match &expr.kind {
        ExprKind::Map { key: Some(inner), .. }
        | ExprKind::Field { base: inner, .. }
        | ExprKind::TupleField { base: inner, .. }
        | ExprKind::Unary { operand: inner, .. }
        | ExprKind::Step { target: inner, .. }
        | ExprKind::Cast { operand: inner, .. }
        | ExprKind::Comptime(inner)
        | ExprKind::SizeofExpr(inner) => expr_spans(inner, spans),
        ExprKind::Call { args: items, .. } | ExprKind::Tuple(items) => {
            items.iter().for_each(|e| expr_spans(e, spans));
        }
        ExprKind::Index { base: left, index: right } | ExprKind::Binary { left, right, .. } => {
            expr_spans(left, spans);
            expr_spans(right, spans);
        }
        ExprKind::Record(fields) => fields.iter().for_each(|f| {
            spans.push(f.name_span);
            expr_spans(&f.value, spans);
        }),
        ExprKind::Block { body, value } => {
            spans.push(body.span);
            body.statements.iter().for_each(|s| statement_spans(s, spans));
            value.iter().for_each(|e| expr_spans(e, spans));
        }
        ExprKind::If { cond, then, otherwise } => {
            [Some(cond), Some(then), otherwise.as_ref()]
                .into_iter()
                .flatten()
                .for_each(|e| expr_spans(e, spans));
        }
        ExprKind::Type(ty) | ExprKind::SizeofType(ty) => spans.push(ty.span),
        ExprKind::Ternary { cond, then, otherwise } => {
            [Some(cond), then.as_ref(), Some(otherwise)]
                .into_iter()
                .flatten()
                .for_each(|e| expr_spans(e, spans));
        }
        _ => {}
    }
}

/// Bits of scripts to throw in.
const CRUMBS: &[&str] = &[
    "{",
    "}",
    "(",
    ")",
    "[",
    "]",
    ";",
    ",",
    "/",
    "//",
    "/*",
    "*/",
    "\"",
    "'",
    "“",
    "@",
    "$",
    "$x",
    "?",
    ":",
    "=",
    "==",
    "++",
    "-",
    ".",
    "->",
    "if",
    "else",
    "let",
    "return",
    "for",
    "struct",
    "sizeof",
    "1",
    "0x",
    "1e",
    "\\",
    "\n",
    " ",
    "begin {",
    "kprobe:f",
    "é",
    "\u{feff}",
    "\0",
    "#!",
    "#",
    "&&",
    "!",
    "(uint8)",
    "%d",
    "config = {",
    "macro f(",
    "import \"",
    "let @a = hash(",
    "fn f(",
    "#define A",
    "struct s {",
    "for ($i : ",
    "while (",
    "unroll (",
    "{ 1 }",
    "typeof(",
    "comptime",
    "offsetof(",
    "_ = ",
    "..",
    "(a=",
];

fn mutate(random: &mut Random, text: &str) -> String {
    let mut chars: Vec<char> = text.chars().collect();
    for _ in 0..1 + random.below(4) {
        let at = random.below(chars.len() + 1);
        let end = (at + random.below(9)).min(chars.len());
        match random.below(4) {
            0 => drop(chars.drain(at..end)),
            1 => {
                let copy: Vec<char> = chars[at..end].to_vec();
                let to = random.below(chars.len() + 1);
                chars.splice(to..to, copy);
            }
            2 => chars.truncate(if random.below(8) == 0 { at } else { chars.len() }),
            _ => drop(chars.splice(at..at, random.pick(CRUMBS).chars())),
        }
    }
    chars.into_iter().collect()
}

#[test]
fn broken_scripts_never_panic() {
    let files = golden::files("syntax").into_iter().chain(golden::files("ast"));
    let scripts: Vec<String> = files.flat_map(|f| golden::cases(&f)).map(|c| c.script).collect();
    let mut random = Random::new(20_25);
    let start = Instant::now();
    let mut runs = 0;
    while start.elapsed() < Duration::from_secs(1) {
        let script = random.pick(&scripts);
        let text = mutate(&mut random, &script);
        let outcome = std::panic::catch_unwind(|| parse(&text));
        let (script, sink) = outcome.unwrap_or_else(|_| panic!("panics: {text:?}"));
        for span in spans(&script, &sink) {
            assert!(text.get(span.range()).is_some(), "{span:?} in {text:?}");
        }
        runs += 1;
    }
    assert!(runs > 100, "only {runs} scripts in a second");
}
