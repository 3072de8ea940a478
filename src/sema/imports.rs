//! What imported objects offer: their functions, with types laid among the script's and the kernel's.
//!
//! Invariant: a function that is offered has a prototype; of functions with the same name one is the linker's choice, or
//! it is a mistake here. Deliberately absent: checking calls, which `calls` does.

use std::collections::HashMap;

use super::definitions::Definitions;
use crate::diag::{Diagnostic, Sink, codes};
use crate::host::linkable::{Linkable, Offered, Shape, Unfit};
use crate::host::{BtfType, TypeId};
use crate::source::Span;
use crate::syntax::ast::Object;

/// Licenses whose code may be in one program with the kernel's own.
const GPL_COMPATIBLE: &[&str] =
    &["GPL", "GPL v2", "GPL and additional rights", "Dual BSD/GPL", "Dual MIT/GPL", "Dual MPL/GPL"];

/// A function that a script may call.
#[derive(Clone, Debug)]
pub(super) struct Import {
    /// The object as the import names it.
    pub object: String,
    /// Name, which may be empty, and type of each parameter.
    pub params: Vec<(String, TypeId)>,
    pub ret: TypeId,
    pub shape: Shape,
    /// Bytes of stack, with what it calls.
    pub stack: u32,
    span: Span,
    weak: bool,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Imports {
    functions: HashMap<String, Import>,
    /// Static functions, with their objects.
    private: HashMap<String, String>,
}

impl Imports {
    /// Reads the objects; their types go to `types`, what is wrong with them to `sink`.
    pub fn collect(objects: &[Object], types: &mut Definitions, license: &str, sink: &mut Sink) -> Imports {
        let (mut imports, mut needs) = (Imports::default(), Vec::new());
        for object in objects {
            match Linkable::read(&object.bytes) {
                Ok(read) => {
                    imports.take(object, &read, types, license, sink);
                    needs.extend(read.needs.into_iter().map(|name| (name, object)));
                }
                Err(why) => sink.push(unfit(object, &why)),
            }
        }
        for (name, object) in needs.into_iter().filter(|(name, _)| !imports.offers(name)) {
            let message = format!("`{}` calls `{name}`, which no imported object defines", object.name);
            let error = Diagnostic::error(codes::IMPORT, message).at(object.span, "imported here");
            sink.push(error.help("import the object that defines it too"));
        }
        imports
    }

    fn take(
        &mut self,
        object: &Object,
        read: &Linkable,
        types: &mut Definitions,
        license: &str,
        sink: &mut Sink,
    ) {
        if let Some(own) = read.license.as_deref().filter(|own| !go_together(own, license)) {
            let message = format!("`{}` is under another license than the script", object.name);
            let error = Diagnostic::error(codes::IMPORT, message);
            let error = error.at(object.span, format!("`{own}`, the script `{license}`"));
            sink.push(error.help(format!("say what the whole is under: config = {{ license = \"{own}\" }}")));
        }
        let mut adopted = HashMap::new();
        for Offered { name, proto, weak, stack } in &read.functions {
            let BtfType::FuncProto { ret, params } = read.get(*proto) else { continue };
            if let Some(known) = self.functions.get(name) {
                if !known.weak && !weak {
                    sink.push(twice(name, object, known));
                }
                if *weak || !known.weak {
                    continue;
                }
            }
            let mut ty = |id: TypeId| types.adopt(read, id, &mut adopted);
            let params = params.iter().map(|(name, id)| (name.clone(), ty(*id))).collect();
            let (ret, shape) = (ty(*ret), read.shape(*proto));
            let import = Import {
                object: object.name.clone(),
                params,
                ret,
                shape,
                stack: *stack,
                span: object.span,
                weak: *weak,
            };
            self.functions.insert(name.clone(), import);
        }
        let private = read.private.iter().map(|name| (name.clone(), object.name.clone()));
        self.private.extend(private);
    }

    /// Names that programs cannot have.
    pub fn taken(&self) -> Vec<String> {
        let mut names: Vec<String> = self.functions.keys().cloned().collect();
        names.sort_unstable();
        names
    }

    /// True for a function that a script may call.
    pub fn offers(&self, name: &str) -> bool {
        self.functions.contains_key(name)
    }

    /// The function of that name.
    pub fn find(&self, name: &str) -> Option<&Import> {
        self.functions.get(name)
    }

    /// The object in which the function of that name is static.
    pub fn private(&self, name: &str) -> Option<&str> {
        self.private.get(name).map(String::as_str)
    }
}

fn go_together(one: &str, other: &str) -> bool {
    one == other || GPL_COMPATIBLE.contains(&one) && GPL_COMPATIBLE.contains(&other)
}

fn twice(name: &str, object: &Object, known: &Import) -> Diagnostic {
    let message = format!("the function `{name}` is defined by two objects");
    let error = Diagnostic::error(codes::IMPORT, message);
    error.at(object.span, format!("again in {}", object.name)).because(known.span, "first defined here")
}

fn unfit(object: &Object, why: &Unfit) -> Diagnostic {
    let name = &object.name;
    let (message, label, help) = match why {
        Unfit::NotElf(_) => (format!("`{name}` is no object file"), "no ELF file", None),
        Unfit::NotBpf => (
            format!("`{name}` is no object of BPF code"),
            "compiled for something else",
            Some("compile it for BPF: clang -g -O2 -target bpf -c"),
        ),
        Unfit::NoTypes => (
            format!("`{name}` has no types"),
            "no section .BTF",
            Some("compile it with types: clang -g -O2 -target bpf -c"),
        ),
        Unfit::NoCodeTypes => (
            format!("`{name}` does not tell the types of its functions"),
            "no section .BTF.ext",
            Some("compile it with types: clang -g -O2 -target bpf -c"),
        ),
        Unfit::BadTypes => (format!("the types of `{name}` are malformed"), "broken section .BTF", None),
    };
    let mut error = Diagnostic::error(codes::IMPORT, message).at(object.span, label);
    if let Unfit::NotElf(why) = why {
        error = error.note(why.clone());
    }
    match help {
        Some(help) => error.help(help),
        None => error,
    }
}
