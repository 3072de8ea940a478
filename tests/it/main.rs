//! The one integration binary: golden files and whole-stage tests, one module a stage.

mod build;
mod c;
mod codegen;
mod codegen_lint;
mod codegen_random;
mod codes;
mod compile_scaling;
mod differential;
mod docs;
mod explain;
mod golden;
mod handmade;
mod ir;
mod ir_scaling;
#[cfg(feature = "kernel")]
mod load;
#[cfg(feature = "kernel")]
mod load_report;
mod object;
mod runtime;
mod schema;
mod sema;
mod syntax;
mod tidy;
