//! What `-d STAGE` prints.

use object::{Object, ObjectSection, ObjectSymbol};

use super::compile::Product;
use crate::cli::Stage;
use crate::codegen::disasm;
use crate::codegen::inst::Code;
use crate::ir::{Module, print};
use crate::object::artifact::Artifact;
use crate::object::elf;
use crate::sema;
use crate::source::SourceMap;
use crate::syntax;

/// The stage whose result this is; none for the settings.
pub fn stage(product: &Product) -> Option<Stage> {
    match product {
        Product::Ast(_) => Some(Stage::Ast),
        Product::Config(_) => None,
        Product::Typed(_) => Some(Stage::Typed),
        Product::Ir(_) => Some(Stage::Ir),
        Product::Opt(_) => Some(Stage::Opt),
        Product::Asm(..) => Some(Stage::Asm),
    }
}

/// The text of a stage's result.
pub fn product(product: &Product, sources: &SourceMap) -> String {
    match product {
        Product::Ast(script) => syntax::print::script(script),
        Product::Config(_) => String::new(),
        Product::Typed(program) => sema::print(program),
        Product::Ir(module) | Product::Opt(module) => print::module(module, print::Options::default()),
        Product::Asm(module, codes) => assembly(module, codes, sources),
    }
}

fn assembly(module: &Module, codes: &[Code], sources: &SourceMap) -> String {
    let mut out = String::new();
    for (program, code) in module.programs.iter().zip(codes) {
        let points: Vec<&str> = program.attach.iter().map(|point| point.name.as_str()).collect();
        let (slots, stack) = (code.insns.len(), code.stack);
        out += &format!("; {} ({slots} instructions, {stack} bytes of stack)\n", points.join(", "));
        out += &disasm::script(code, module, sources);
        out.push('\n');
    }
    out
}

/// What the ELF object holds: sections and symbols, then the instructions' relocations.
pub fn elf(artifact: &Artifact) -> String {
    let written = elf::write(artifact);
    let file = match object::File::parse(&*written.bytes) {
        Ok(file) => file,
        Err(error) => return format!("the object cannot be read back: {error}\n"),
    };
    let mut out = format!("{} bytes\n\nsections\n", written.bytes.len());
    for section in file.sections() {
        let name = section.name().unwrap_or("?");
        out += &format!(
            "  {name:<32} {:>8} bytes {:>4} relocations\n",
            section.size(),
            section.relocations().count()
        );
    }
    out += "\nsymbols\n";
    for symbol in file.symbols().filter(|symbol| !symbol.name().unwrap_or("").is_empty()) {
        let (name, kind) = (symbol.name().unwrap_or("?"), symbol.kind());
        out += &format!("  {name:<32} {kind:?} at {} of {} bytes\n", symbol.address(), symbol.size());
    }
    out
}
