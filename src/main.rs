//! beetrace
fn main() {}
