//! Layouts held against those of the C compiler that built libbpf for us.

use std::fmt::Write as _;
use std::process::Command;
use std::{env, fs, process};

use super::{host, types_on};

/// A small generator of numbers, the same on every run.
struct Random(u64);

impl Random {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n
    }

    fn pick<'a>(&mut self, list: &[&'a str]) -> &'a str {
        list[self.below(list.len() as u64) as usize]
    }
}

const INTS: &[(&str, u64)] = &[
    ("char", 8),
    ("unsigned char", 8),
    ("short", 16),
    ("unsigned int", 32),
    ("int", 32),
    ("long", 64),
    ("unsigned long long", 64),
    ("_Bool", 1),
];

/// One member, or several; `name` makes their names.
fn member(random: &mut Random, name: &mut u32, depth: u32, out: &mut String) {
    *name += 1;
    let attribute =
        random.pick(&["", "", "", "", "", " __attribute__((packed))", " __attribute__((aligned(16)))"]);
    let (int, bits) = INTS[random.below(INTS.len() as u64) as usize];
    let _ = match random.below(12) {
        0..4 => write!(out, "{int} m{name}{attribute}; "),
        4..7 => write!(out, "{int} m{name} : {}; ", random.below(bits) + 1),
        7 => write!(out, "{int} : {}; ", random.below(bits + 1)),
        8 => write!(out, "void *m{name}[{}]; ", random.below(3) + 1),
        9 => write!(out, "{int} m{name}[{}][{}]{attribute}; ", random.below(3) + 1, random.below(3) + 1),
        10 if depth < 3 => {
            *out += random.pick(&["struct { ", "union { ", "struct __attribute__((packed)) { "]);
            for _ in 0..random.below(4) + 1 {
                member(random, name, depth + 1, out);
            }
            let tail = random.pick(&["", "", " __attribute__((aligned(4)))"]);
            match random.below(2) {
                0 => write!(out, "}}{tail}; "),
                _ => write!(out, "}}{tail} m{name}; "),
            }
        }
        _ => write!(out, "int (*m{name})(struct s *, ...); "),
    };
}

/// What is asked about: offsets of ordinary members of the outermost struct, known by `our` text.
fn program(structs: &[String], asked: &[(usize, String)]) -> String {
    let mut c = String::from("#include <stdio.h>\n#include <stddef.h>\n");
    structs.iter().for_each(|s| c += &format!("{s}\n"));
    c += "int main(void) {\n";
    for at in 0..structs.len() {
        c += &format!("printf(\"s{at} %zu %zu\\n\", sizeof(struct s{at}), _Alignof(struct s{at}));\n");
    }
    for (at, member) in asked {
        c += &format!("printf(\"s{at}.{member} %zu\\n\", offsetof(struct s{at}, {member}));\n");
    }
    c + "return 0; }\n"
}

#[test]
fn layouts_are_those_of_the_c_compiler() {
    let mut random = Random(42);
    let mut structs = Vec::new();
    for at in 0..400 {
        let (mut text, mut name) = (String::new(), 0);
        for _ in 0..random.below(8) + 1 {
            member(&mut random, &mut name, 0, &mut text);
        }
        let tail =
            random.pick(&["", "", "", " __attribute__((packed))", " __attribute__((packed, aligned(8)))"]);
        structs.push(format!("struct s{at} {{ {text}}}{tail};"));
    }
    let script = format!("{}\nbegin {{ }}", structs.join("\n"));
    let ours = types_on(&script, &host());
    assert!(!ours.contains("error"), "{ours}");
    let (mut expected, mut asked, mut current) = (Vec::new(), Vec::new(), 0);
    for line in ours.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        if let ["struct", name, "size", size, "align", align] = words[..] {
            current = name[1..].parse().unwrap();
            expected.push(format!("{name} {size} {align}"));
        } else if line.starts_with("  m") && !words.contains(&"bits") {
            asked.push((current, words[0].to_string(), words[1][1..].to_string()));
        }
    }
    let questions: Vec<(usize, String)> = asked.iter().map(|(at, name, _)| (*at, name.clone())).collect();
    expected.extend(asked.iter().map(|(at, name, offset)| format!("s{at}.{name} {offset}")));
    let folder = env::temp_dir().join(format!("beetrace-layouts-{}", process::id()));
    fs::create_dir_all(&folder).unwrap();
    let (source, binary) = (folder.join("s.c"), folder.join("s"));
    fs::write(&source, program(&structs, &questions)).unwrap();
    let compiled = Command::new("cc").arg("-w").arg("-o").arg(&binary).arg(&source).output().unwrap();
    assert!(compiled.status.success(), "{}", String::from_utf8_lossy(&compiled.stderr));
    let theirs = String::from_utf8(Command::new(&binary).output().unwrap().stdout).unwrap();
    fs::remove_dir_all(&folder).unwrap();
    let theirs: Vec<&str> = theirs.lines().collect();
    assert_eq!(theirs.len(), expected.len());
    for (ours, theirs) in expected.iter().zip(theirs) {
        let at: usize = ours[1..].split([' ', '.']).next().unwrap().parse().unwrap();
        assert_eq!(ours, theirs, "{}", structs[at]);
    }
    assert!(asked.len() > 500, "{}", asked.len());
}
