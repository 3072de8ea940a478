//! The time of optimisation, and in debug builds of the verifier with it, grows with the size of the function, not
//! with its square.

use std::fmt::Write;

use beetrace::ir::fuzz::{self, Config};
use beetrace::ir::passes::{self, PIPELINE, Pass};
use beetrace::ir::{Module, parse};

/// Seconds that this thread has run on a CPU: other work on the machine does not count.
pub fn cpu_time() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    text.split(' ').next().unwrap().parse::<f64>().unwrap() / 1e9
}

/// A function that counts under `count` keys, one after another, as a script with so many statements does.
fn assignments(count: u32) -> Module {
    let mut text = String::from(
        "map0 = hash \"m\" key 16 value 8 entries 64 role user \"@m\"
         function f begin clause 0 { slot0 = 16 align 8 \"key\" slot1 = 8 align 8 \"value\"
         block0(v0: ctx): jump block1 ",
    );
    let mut value = 0;
    for number in 0..count {
        let mut v = || {
            value += 1;
            format!("v{value}")
        };
        let [pid, wide, key, one, map, found, slot, zero] = [(); 8].map(|()| v());
        let [pointer, old, sum, at, small] = [(); 5].map(|()| v());
        let block = 1 + 4 * number;
        let (null, some, next) = (block + 1, block + 2, block + 4);
        let _ = write!(
            text,
            "block{block}: {pid} = call get_current_pid_tgid() {wide} = zext32 {pid} {key}: slot0 = slot_addr slot0
             zero [{key}], 16 store.u32 [{key}], {wide} {one} = const {number} store.u64 [{key} + 8], {one}
             {map}: map0 = map_addr map0 {found}: map0.value? = call map_lookup_elem({map}, {key})
             br_null {found}, block{null}, block{some}
             block{null}: {slot}: slot1 = slot_addr slot1 {zero} = const 0 store.u64 [{slot}], {zero}
             call map_update_elem({map}, {key}, {slot}, {zero}) jump block{next}
             block{some}: {pointer}: map0.value = non_null {found} {old} = load.u64 [{pointer}]
             {sum} = add {old}, {one} {at} = const {number} {small} = icmp.ult {sum}, {at}
             store.u64 [{pointer}], {sum} branch {small}, block{next}, block{}
             block{}: jump block{next} ",
            block + 3,
            block + 3,
        );
    }
    let _ = write!(text, "block{}: v{} = const 0 return v{} }}", 1 + 4 * count, value + 1, value + 1);
    parse::module(&text).unwrap_or_else(|error| panic!("{error}"))
}

/// Instructions of a function, and the least time that all passes take.
fn measure(module: &Module) -> (usize, f64) {
    let size = module.programs[0].function.inst_count();
    let times = (0..3).map(|_| {
        let mut func = module.programs[0].function.clone();
        let start = cpu_time();
        passes::optimise_function(&module.maps, &mut func);
        cpu_time() - start
    });
    (size, times.fold(f64::MAX, f64::min))
}

/// Eight times the size may take eight times the time, and as much twice more for a busy machine; the square would
/// be sixty-four times.
fn check_growth(what: &str, small: &Module, large: &Module) {
    let ((size, time), (large_size, large_time)) = (measure(small), measure(large));
    let growth = large_size as f64 / size as f64;
    let slower = large_time / time;
    assert!(growth > 5.0, "{what}: {size} to {large_size}");
    assert!(slower < growth * 3.0, "{what}: {size} in {time} s, {large_size} in {large_time} s");
}

#[test]
fn many_statements() {
    check_growth("assignments", &assignments(40), &assignments(320));
}

#[test]
fn large_random_functions() {
    let function = |size| fuzz::function(5, &Config { size, loops: false, ..Config::default() });
    check_growth("random", &function(200), &function(2000));
}

/// `cargo test --release -- --nocapture eighty_thousand` tells the time of each pass.
#[test]
fn eighty_thousand_instructions() {
    let count = if cfg!(debug_assertions) { 200 } else { 4700 };
    let random = fuzz::function(9, &Config { size: 4 * count, ..Config::default() });
    for (name, module) in [("assignments", assignments(count)), ("random", random)] {
        let mut func = module.programs[0].function.clone();
        println!("{name}: {} instructions, {} blocks", func.inst_count(), func.layout.len());
        let start = cpu_time();
        for name in PIPELINE {
            let begin = cpu_time();
            Pass::named(name).expect("is a pass").run(&module.maps, &mut func);
            println!("  {name:14} {:.4} s, {} left", cpu_time() - begin, func.inst_count());
        }
        let all = cpu_time() - start;
        println!("  all            {all:.4} s");
        assert!(cfg!(debug_assertions) || all < 1.0, "{name}: {all} s");
    }
}
