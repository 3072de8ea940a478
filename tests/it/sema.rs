//! Syntax tree to typed tree: what scripts mean, and what is said about those that mean nothing.

use crate::golden;
use beetrace::config::Config;
use beetrace::diag::{Sink, render};
use beetrace::host::fake::Fake;
use beetrace::host::{Feature, Host};
use beetrace::sema::{self, Options, tree};
use beetrace::source::SourceMap;

/// Analyses `text`; gives the program and the messages as a user sees them.
fn analyse_on(text: &str, host: &dyn Host, options: &Options) -> (tree::Program, String) {
    let mut sources = SourceMap::default();
    let file = sources.add("-e", text);
    let mut sink = Sink::default();
    let script = beetrace::syntax::parse(file, text, &mut sink);
    assert!(!sink.has_errors(), "{}", render::to_string(&sources, sink.all()));
    let (mut config, mut options) = (Config::default(), options.clone());
    config.max_strlen = options.max_strlen;
    config.max_map_keys = options.max_map_keys;
    config.max_probes = options.max_probes;
    config.adopt(&script.config, &[], &mut sink);
    options.adopt(&config);
    let program = sema::analyse(&script, host, &options, &mut sink);
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

/// Scripts whose command line is `5 hello 0x10 -- --name=Ann --all --hex=0x1f --unused`, without what they do not ask for.
#[test]
fn parameters_of_the_command_line_are_values() {
    golden::check("parameters", |text| {
        let named = [("name", Some("Ann")), ("all", None), ("hex", Some("0x1f"))];
        let named = named.iter().filter(|(name, _)| text.contains(&format!("\"{name}\"")));
        let options = Options {
            params: ["5", "hello", "0x10"].map(String::from).to_vec(),
            named: named.map(|(name, value)| (name.to_string(), value.map(String::from))).collect(),
            ..options()
        };
        outcome(text, &Fake::default(), &options)
    });
}

#[test]
fn parameters_that_nobody_asks_for_are_refused() {
    let options = Options { named: vec![("cuont".into(), None)], ..options() };
    let messages = outcome("begin { print(getopt(\"count\", 1)); }", &Fake::default(), &options);
    assert!(messages.contains("the script has no parameter --cuont"), "{messages}");
    assert!(messages.contains("did you mean --count?"), "{messages}");
}

#[test]
fn a_script_tells_its_parameters() {
    let text = "begin { print(getopt(\"n\", 3, \"how many\")); if (getopt(\"all\")) { getopt(\"n\", 3); } }";
    let script = beetrace::syntax::parse(beetrace::source::FileId(0), text, &mut Sink::default());
    let found = sema::expand::parameters(&script, &options());
    let found: Vec<_> =
        found.iter().map(|p| (p.name.as_str(), p.default.as_deref(), &*p.description)).collect();
    assert_eq!(found, [("n", Some("3"), "how many"), ("all", None, "")]);
}

fn options() -> Options {
    Options::default()
}

#[test]
fn a_process_is_traced_where_the_probe_can_tell() {
    let with = Options { pid: Some(42), ..options() };
    let text = "kprobe:vfs_read /cpu == 1/ { @++ } profile:hz:9, interval:s:1, end { @-- }";
    let tree = outcome(text, &Fake::default(), &with);
    assert!(tree.contains("kprobe:vfs_read\n/(pid == 42u32) && (cpu == 1u64)/"), "{tree}");
    assert!(tree.contains("profile:hz:9 9 times a second\n/pid == 42u32/"), "{tree}");
    assert!(tree.contains("every 1000000000 ns\n{") && tree.contains("end\n{"), "{tree}");
}

#[test]
fn probes_in_user_space_are_of_the_process() {
    let on = |pid, cpid, text: &str| {
        let options = Options { pid, cpid, ..options() };
        outcome(text, &Fake::default(), &options)
    };
    let text = on(
        Some(42),
        0,
        "uprobe:add { @a++ } uprobe:libc:malloc { @b++ } usdt:setjmp { @c++ } usdt:*:step { @d++ }",
    );
    assert!(text.contains("uprobe:/usr/bin/app:add at 0x1000 of the file, in process 42\n{"), "{text}");
    assert!(
        text.contains("uprobe:/usr/lib/libc.so.6:malloc at 0x2100 of the file, in process 42\n{"),
        "{text}"
    );
    assert!(
        text.contains("usdt:/usr/lib/libc.so.6:libc:setjmp at 0x2108 of the file, in process 42\n"),
        "{text}"
    );
    assert!(text.contains("usdt:/usr/bin/app:app:step at 0x1110 of the file, in process 42\n"), "{text}");
    assert!(!text.contains("pid =="), "the kernel filters: {text}");
    let text = on(None, 7, "uprobe:app:add { @++ }");
    assert!(text.contains("at 0x1000 of the file, in process 7\n"), "{text}");
    let text = on(Some(9), 0, "uprobe:add { @++ }");
    assert!(text.contains("error[E0203]: there is no process 9"), "{text}");
}

#[test]
fn what_the_command_line_says_is_known() {
    let given = Options { cpid: 7, max_strlen: 64, max_map_keys: 10, ..options() };
    let (program, _) = analyse_on("begin { @[cpid] = str(curtask); @y = 1; }", &Fake::default(), &given);
    let text = sema::print(&program);
    assert!(text.contains("@[7u64] = [kernel string[64] curtask]"), "{text}");
    assert_eq!((program.maps[0].max_entries, program.maps[1].max_entries), (10, 1));
}

#[test]
fn more_probes_than_the_limit_are_refused() {
    use beetrace::host::Feature;
    let few = Options { max_probes: 2, ..options() };
    let single = Fake::default().without(Feature::KprobeMulti);
    let text = outcome("kprobe:vfs_* { @++ }", &single, &few);
    assert!(text.contains("error[E0602]: 4 probes, 2 at most"), "{text}");
    // one link holds them all
    let text = outcome("kprobe:vfs_* { @++ }", &Fake::default(), &few);
    assert!(!text.contains("error"), "{text}");
    let text = outcome("kprobe:vfs_*, kprobe:vfs_r*, kprobe:vfs_w* { @++ }", &Fake::default(), &few);
    assert!(text.contains("error[E0602]: 3 probes, 2 at most"), "{text}");
}

#[test]
fn missing_features_are_named() {
    use beetrace::host::Feature;
    let on = |text: &str, feature| outcome(text, &Fake::default().without(feature), &options());
    let text = on("kprobe:vfs_read { @++ }", Feature::Kprobe);
    assert!(text.contains("error[E0601]: this kernel has no kprobes"), "{text}");
    let text = on("kretprobe:vfs_read { @[func] = count() }", Feature::GetFuncIp);
    assert!(text.contains("error[E0601]: `func` needs the kernel feature get_func_ip"), "{text}");
    let text = on("kprobe:vfs_read { @[func] = count() }", Feature::GetFuncIp);
    assert!(!text.contains("error"), "{text}");
    let text = on("begin { print(((struct task_struct *)curtask).pid); }", Feature::Btf);
    assert!(text.contains("error[E0604]"), "{text}");
}

#[test]
fn scripts_without_kernel_types_need_no_btf() {
    use beetrace::host::Feature;
    let host = Fake::default().without(Feature::Btf);
    let text = "kprobe:vfs_read { print((uint32)arg0); print(*(unsigned long *)arg1); print(curtask); }
        tracepoint:syscalls:sys_enter_openat { print(str(args.filename)); print(args.flags); }";
    let text = outcome(text, &host, &options());
    assert!(!text.contains("error") && text.contains("print([kernel uint64 uint64 *(arg1)])"), "{text}");
}

#[test]
fn deep_expressions_are_checked_without_deep_trouble() {
    let deep = beetrace::syntax::MAX_NESTING / 2;
    let scripts = [
        format!("begin {{ print({}1{}); }}", "(".repeat(deep), ")".repeat(deep)),
        format!("begin {{ print({}pid); }}", "~".repeat(200)),
        format!("begin {{ print(pid{}); }}", " + 1".repeat(480)),
        format!("begin {{ print({}pid{}); }}", "(1, ".repeat(deep), ")".repeat(deep)),
        format!("begin {{ @x = 1; print({}1{}); }}", "@x[".repeat(deep), "]".repeat(deep))
            .replace("@x = 1", "@x[1] = 1"),
        format!("begin {{ {} print(1); {} }}", "if (pid) { ".repeat(deep), "}".repeat(deep)),
        format!("begin {{ print({}pid{}); }}", "pid ? ".repeat(deep), " : 1".repeat(deep)),
    ];
    for script in scripts {
        let text = outcome(&script, &Fake::default(), &options());
        assert!(!text.contains("error"), "{:.60}: {:.2000}", script, text);
    }
}

#[test]
fn time_is_linear_in_the_size_of_a_script() {
    let script = |n: usize| {
        let statements: String = (0..n)
            .map(|i| {
                format!(
                    "$v{i} = pid + {i}; @m{i}[comm, $v{i}] = $v{i} * 2; @s = \"{}\";\n",
                    "x".repeat(i % 500)
                )
            })
            .collect();
        format!("begin {{ {statements} }}")
    };
    let took = |n: usize| {
        let text = script(n);
        let start = std::time::Instant::now();
        assert!(!outcome(&text, &Fake::default(), &options()).contains("error"));
        start.elapsed()
    };
    let (small, large) = (took(500), took(5000));
    assert!(large < small * 40, "{small:?} for 500 statements, {large:?} for 5000");
}

#[test]
fn the_reference_is_that_of_the_table() {
    let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/stdlib.md");
    let made = beetrace::sema::reference::markdown();
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&file, &made).unwrap();
    }
    let text = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(text == made, "docs/stdlib.md is not what the table says: BLESS=1 writes it");
}

/// A kind that cannot be listed does not hide the others.
#[test]
fn what_can_be_listed_is_listed() {
    let host = Fake::default().without(Feature::Btf);
    let list = |pattern: &str| {
        let mut sink = Sink::default();
        let listed = sema::listing::list(pattern, &host, None, false, &mut sink);
        let diagnostics: Vec<_> = sink.take().into_iter().chain(listed.clone().err().map(|e| *e)).collect();
        (listed.unwrap_or_default(), render::to_string(&SourceMap::default(), &diagnostics))
    };
    let (listed, told) = list("*vfs_read");
    assert_eq!(listed, "kprobe:vfs_read\n");
    assert!(told.starts_with("warning[W0201]: fentry probes cannot be listed: "), "{told}");
    let (listed, told) = list("fentry:vfs_read");
    assert_eq!(listed, "");
    assert!(told.starts_with("error[E0203]: fentry probes cannot be listed: "), "{told}");
}

/// What `-l` tells of programs and libraries, one pattern a line; `-p 42` and `-v` may stand before it.
#[test]
fn programs_and_libraries_are_listed() {
    golden::check("listing", |text| {
        let mut out = String::new();
        for line in text.lines().filter(|line| !line.is_empty()) {
            let (pid, line) = match line.strip_prefix("-p 42 ") {
                Some(rest) => (Some(42), rest),
                None => (None, line),
            };
            let (verbose, pattern) = match line.strip_prefix("-v ") {
                Some(rest) => (true, rest),
                None => (false, line),
            };
            out += &match sema::listing::list(pattern, &Fake::default(), pid, verbose, &mut Sink::default()) {
                Ok(list) => list,
                Err(error) => render::to_string(&SourceMap::default(), &[*error]),
            };
        }
        out
    });
}
