//! Leaves out of the program that is shipped what it has no use for.

use std::env;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    // The index of the tables by which panics unwind: what is shipped aborts instead.
    if env::var("PROFILE").as_deref() == Ok("release") {
        println!("cargo::rustc-link-arg-bins=-Wl,--no-eh-frame-hdr");
    }
}
