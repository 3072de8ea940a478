//! The one integration binary: golden files and whole-stage tests, one module a stage.

mod codegen;
mod handmade;
mod ir;
mod object;
mod syntax;
