//! No text makes the C front panic, and its time grows with the text.

use std::time::{Duration, Instant};

use super::{host, types_on};

const PIECES: &[&str] = &[
    "#define ",
    "#if ",
    "#endif\n",
    "#else\n",
    "#undef A\n",
    "#include \"own.h\"\n",
    "#include <linux/fs.h>\n",
    "\n",
    " ",
    "A",
    "B(x)",
    "B",
    "(",
    ")",
    "{",
    "}",
    "[",
    "]",
    ",",
    ";",
    "##",
    "#",
    "struct ",
    "union ",
    "enum ",
    "typedef ",
    "int ",
    "char ",
    "x",
    "y",
    "*",
    "=",
    "1",
    "0xff",
    "'a'",
    "\"s\"",
    "...",
    "__VA_ARGS__",
    "__attribute__((packed))",
    ":",
    "sizeof(",
    "defined ",
    "begin { ",
    "print(A); ",
    "&& ",
    "?",
    "\\\n",
    "/*",
    "*/",
    "//",
    "é",
    "$x",
    "@y",
    "'",
    "\"",
    "struct x { int a; };",
    "typedef struct x y;",
    "enum { E = 1 };",
    "-",
    ">",
    ".",
    "offsetof(struct x, a)",
];

#[test]
fn no_text_panics() {
    let mut seed = 7u64;
    let mut next = move |n: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) as usize % n
    };
    let host = host();
    let until = Instant::now() + Duration::from_secs(3);
    let mut count = 0;
    while Instant::now() < until {
        let length = next(40) + 1;
        let text: String = (0..length).map(|_| PIECES[next(PIECES.len())]).collect();
        types_on(&text, &host);
        count += 1;
    }
    assert!(count > 100, "{count}");
}

#[test]
fn depth_and_growth_are_limited() {
    let host = host();
    let mut doubling = String::from("#define M0 1 1\n");
    for n in 1..64 {
        doubling += &format!("#define M{n} M{} M{}\n", n - 1, n - 1);
    }
    let mut chain = String::from("#define M0 1\n");
    for n in 1..5000 {
        chain += &format!("#define M{n} M{}\n", n - 1);
    }
    let typedefs: String = (1..3000)
        .map(|n| format!("typedef t{} *t{n};\n", n - 1))
        .fold("typedef int t0;\n".into(), |a, b| a + &b);
    for text in [
        format!("{doubling}begin {{ print(M63); }}"),
        format!("{chain}begin {{ print(M4999); }}"),
        format!("#define F(x) x x\nbegin {{ print({}1{}); }}", "F(".repeat(300), ")".repeat(300)),
        format!("struct s {{ int {}x; }};", "*".repeat(50_000)),
        format!("struct s {{ int x{}; }};", "[1]".repeat(50_000)),
        format!("struct s {{ int {}x{}; }};", "(".repeat(50_000), ")".repeat(50_000)),
        format!("{}int a;{}", "struct { ".repeat(20_000), "};".repeat(20_000)),
        format!("enum {{ A = {}1 }};", "!".repeat(50_000)),
        format!("enum {{ A = 1{} }};", "+1".repeat(50_000)),
        format!("enum {{ A = {}1{} }};", "1?".repeat(50_000), ":1".repeat(50_000)),
        typedefs,
        "#include \"loop.h\"\n".into(),
        format!("{}begin {{ }}", "#if 1\n".repeat(50_000)),
    ] {
        let said = types_on(&text, &host);
        assert!(said.contains("error["), "{:.80}: {said:.400}", text);
    }
}

#[test]
fn time_is_linear() {
    let host = host();
    let script = |n: usize| {
        let mut text = String::new();
        for i in 0..n {
            text += &format!(
                "#define C{i} ({i} + F{i}(2))\n#define F{i}(x) ((x) * {i})\n#if C{i} > 1\nstruct s{i} {{ int a; struct {{ char b[C{i}]; }}; }};\n#endif\n"
            );
        }
        for i in 0..n {
            text += &format!("kprobe:f{i} {{ print(C{i}); print(F{i}(pid)); }}\n");
        }
        text
    };
    let took = |n: usize| {
        let text = script(n);
        let once = || {
            let start = Instant::now();
            let said = types_on(&text, &host);
            assert!(!said.contains("error"), "{said:.2000}");
            start.elapsed()
        };
        // The best of some: other work on the machine only adds.
        (0..3).map(|_| once()).min().expect("three runs")
    };
    let (small, large) = (took(200), took(2000));
    assert!(large < small * 40, "{small:?} for 200, {large:?} for 2000");
}
