//! Values that are no scalars: what scripts make of them, in the interpreter, before and after the passes.

use super::run::{Value, decode};
use super::{compiles, module};
use beetrace::diag::{Sink, render};
use beetrace::host::fake::Fake;
use beetrace::ir::build::Facts;
use beetrace::ir::interp::{self, World};
use beetrace::ir::{Module, passes};
use beetrace::sema::{self, Options};
use beetrace::source::SourceMap;
use beetrace::wire::record::Action;

fn compiled(text: &str) -> Module {
    let mut sources = SourceMap::default();
    let file = sources.add("-e", text);
    let mut sink = Sink::default();
    let script = beetrace::syntax::parse(file, text, &mut sink);
    let program = sema::analyse(&script, &Fake::default(), &Options::default(), &mut sink);
    assert!(!sink.has_errors(), "{}", render::to_string(&sources, sink.all()));
    module(&program, &Facts::default())
}

/// What each `print(value)` of the first program gives.
fn run(module: &Module) -> Vec<Value> {
    let mut world = World::new(&module.maps);
    let result = interp::run(&module.maps, &module.programs[0].function, &mut world);
    assert_eq!(result, Ok(0));
    let value = |record: &interp::Record| {
        let number = u32::from_le_bytes(record.bytes[..4].try_into().expect("4 bytes"));
        match &module.actions[number as usize] {
            Action::PrintValue { value } => decode(&value.ty, &record.bytes[value.offset as usize..]),
            other => panic!("no {other:?} in these tests"),
        }
    };
    world.records.iter().map(value).collect()
}

/// Holds what the script prints against `expected`, as built and after all passes.
fn prints(text: &str, expected: &[i64]) {
    let mut module = compiled(text);
    let expected: Vec<Value> = expected.iter().map(|number| Value::Int(*number)).collect();
    assert_eq!(run(&module), expected, "as built: {text}");
    passes::optimise(&mut module);
    assert_eq!(run(&module), expected, "after the passes: {text}");
    compiles(&module);
}

#[test]
fn arrays_are_values() {
    prints(
        "begin { $a = (int8[8])0x0807060504030201; $i = (uint64)2; print($a[1]); print($a[$i]); $i = 8;
            print($a[$i]); print((uint64)$a == 0x0807060504030201); $b = (uint16[2])(uint32)0xffff0001;
            print($b[0]); print($b[1]); $c = (bool[2])(uint16)0x0200; print($c[0]); print($c[1]);
            print($a == (int8[8])0x0807060504030201); @m[$b] = $b; print(@m[$b][1]); }",
        &[2, 3, 0, 1, 1, 0xffff, 0, 1, 1, 0xffff],
    );
}

#[test]
fn texts_have_characters() {
    prints(
        "begin { $s = \"hello\"; $i = (uint32)1; print($s[0]); print($s[$i]); $d = (int8[])\"ab\"; print($d[1]);
            print($d[2]); $i = 9; print($s[$i]); }",
        &[104, 101, 98, 0, 0],
    );
}

#[test]
fn addresses_lead_to_what_is_there_now() {
    prints(
        "begin { $x = (uint32)5; $p = &$x; print(*$p); $x = 9; print(*$p); $x++; print(*$p); $q = &$p; print(**$q);
            if ($x == 10) { $x = 77; } print(*$p); @m = 7; $m = &@m; print(*$m); @m = 3; print(*$m); print($x); }",
        &[5, 9, 10, 10, 77, 7, 3, 77],
    );
}

#[test]
fn blocks_run_before_their_values() {
    prints(
        "begin { $i = 1; $a = { $i = 5; $i + 1 }; print($a); print($i); $b = if ($i == 5) { $i++; 7 } else { 8 };
            print($b); print($i); print({ let $c = 2; $c * 3 }); print({ @n++; 1 } + { @n++; 1 }); $n = @n; print($n);
            $d = 0 ?: { 4 }; print($d); }",
        &[6, 5, 7, 6, 6, 2, 2, 4],
    );
}

#[test]
fn a_block_may_end_the_run() {
    prints("begin { print(1); $a = { if (pid == pid) { return; } 5 }; print($a); }", &[1]);
}

#[test]
fn records_go_by_their_names() {
    prints(
        "begin { $r = (a=1, b=(c=2, d=3)); print($r.b.d); $r = (b=(d=30, c=20000), a=10); print($r.a);
            print($r.b.c); @r[(x=1, y=2)] = $r; print(@r[(y=2, x=1)].b.d); print((a=1, b=2) == (b=2, a=1)); }",
        &[3, 10, 20000, 30, 1],
    );
}
