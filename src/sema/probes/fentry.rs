//! `fentry:function`, `fentry:module:function`, `fentry:bpf:program`, `fentry:bpf:id:program`, and `fexit` alike.
//!
//! A program of this kind belongs to one function, which must be in BTF and traceable; its arguments and result have the types
//! that BTF tells.

use std::collections::{HashMap, HashSet};

use super::rawtracepoint::slots;
use super::wildcard::{is_pattern, matches};
use super::{Place, parts};
use crate::diag::{Diagnostic, codes, suggest};
use crate::host::{Btf, BtfKind, BtfType, Host, HostError, KernelFunction};
use crate::sema::check::Checker;
use crate::sema::fields::{Field, RESULT, Record, Shape};
use crate::sema::tree::{Attach, Inside, ProbeKind, Traced};
use crate::source::Span;
use crate::syntax::ast::{AttachPoint, Part};

/// Arguments that a trampoline can pass on.
const MOST_ARGUMENTS: usize = 12;

/// All functions with types, or those of running BPF programs, for listings.
pub(super) fn entries(host: &dyn Host, pattern: &str) -> Result<Vec<String>, HostError> {
    if pattern.starts_with("bpf:") {
        return Ok(host.bpf_functions()?.iter().map(|f| format!("bpf:{}:{}", f.id, f.name)).collect());
    }
    let btf = host.btf()?;
    let mut typed = Typed { btf, names: HashMap::new() };
    // asking for one name at a time would be slower than reading all
    typed.names.insert("vmlinux".into(), btf.names(BtfKind::Func).into_iter().collect());
    let all = host.kernel_functions()?.iter();
    Ok(all.filter(|f| typed.has(f)).map(|f| format!("{}:{}", f.module, f.name)).collect())
}

impl Checker<'_, '_> {
    pub(super) fn fentry(&mut self, kind: ProbeKind, point: &AttachPoint) -> Option<Vec<Place>> {
        match parts(point) {
            [bpf, name] if bpf.text == "bpf" => self.running(kind, None, name, point.span),
            [bpf, id, name] if bpf.text == "bpf" => self.running(kind, Some(id), name, point.span),
            [function] => self.typed_function(kind, None, function, point.span),
            [module, function] => self.typed_function(kind, Some(module), function, point.span),
            _ => {
                let message = format!("{} takes a function, perhaps with its module", kind.name());
                let form = format!("{}:vfs_read", kind.name());
                self.malformed(point.span, message, "one or two parts expected", &form)
            }
        }
    }

    /// Functions of running BPF programs.
    fn running(&mut self, kind: ProbeKind, id: Option<&Part>, name: &Part, span: Span) -> Option<Vec<Place>> {
        let fits = |program: &&crate::host::BpfFunction| {
            let same_id = id.is_none_or(|id| matches(&id.text, &program.id.to_string()));
            same_id && matches(&name.text, &program.name)
        };
        let found: Vec<Place> = match self.host.bpf_functions() {
            Ok(all) => all.iter().filter(fits).map(|f| running_place(kind, f.id, &f.name, span)).collect(),
            Err(error) => return self.host_error(span, "running BPF programs", &error),
        };
        if found.is_empty() {
            let message = format!("no BPF program `{}` is running", name.text);
            let help = "list them with `beetrace -l 'fentry:bpf:*'`; only programs with BTF can be traced";
            return self.no_such(name.span, message, Some(help.into()));
        }
        Some(found)
    }

    fn typed_function(
        &mut self,
        kind: ProbeKind,
        module: Option<&Part>,
        function: &Part,
        span: Span,
    ) -> Option<Vec<Place>> {
        let btf = self.btf(span, kind.name())?;
        let (module, function) = (module.map(|part| part.text.as_str()), function.text.as_str());
        if !is_pattern(function) && module.is_none_or(|module| module == "vmlinux") {
            // The list of traceable functions takes longer to read than all else; the kernel tells when one is not.
            if btf.find(BtfKind::Func, function).is_some() {
                return Some(vec![place(kind, "vmlinux", function, span)]);
            }
        }
        let all = match self.host.kernel_functions() {
            Ok(all) => all,
            Err(HostError::Missing(_)) if !is_pattern(function) => &[],
            Err(error) => return self.host_error(span, "kernel functions", &error),
        };
        let mut typed = Typed { btf, names: HashMap::new() };
        let named = |f: &&KernelFunction| {
            module.is_none_or(|module| matches(module, &f.module)) && matches(function, &f.name)
        };
        let mut found: Vec<&KernelFunction> = all.iter().filter(named).filter(|f| typed.has(f)).collect();
        found.dedup();
        if found.is_empty() {
            return self.report_untyped(kind, all, (module, function), span);
        }
        Some(found.into_iter().map(|f| place(kind, &f.module, &f.name, span)).collect())
    }

    fn report_untyped(
        &mut self,
        kind: ProbeKind,
        all: &[KernelFunction],
        (module, function): (Option<&str>, &str),
        span: Span,
    ) -> Option<Vec<Place>> {
        let word = kind.name();
        if is_pattern(function) {
            return self.no_such(span, format!("no function with types (BTF) is like {function}"), None);
        }
        let other = if kind == ProbeKind::Fentry { "kprobe" } else { "kretprobe" };
        let traceable = all.iter().find(|f| f.name == function);
        match traceable {
            Some(there) if module.is_some_and(|module| module != there.module) => {
                let help = format!("it is in {}: `{word}:{}:{function}`", there.module, there.module);
                let message =
                    format!("no function `{function}` in the module {}", module.unwrap_or_default());
                self.no_such(span, message, Some(help))
            }
            Some(_) => {
                let message = format!("`{function}` has no types in BTF");
                let error = Diagnostic::error(codes::NO_SUCH_TARGET, message).at(span, "types unknown");
                let error =
                    error.note("it may be static with several definitions, or of a module without BTF");
                self.report(error.help(format!("`{other}:{function}` needs no types")));
                None
            }
            None if self.host.is_kernel_symbol(function) => {
                let message = format!("`{function}` cannot be traced");
                let error = Diagnostic::error(codes::NO_SUCH_TARGET, message).at(span, "not traceable");
                self.report(error.note("it was inlined, or the kernel marks it as notrace"));
                None
            }
            None => {
                let near = suggest::nearest(function, all.iter().map(|f| f.name.as_str()));
                let help = near.map(|near| format!("did you mean `{word}:{near}`?"));
                self.no_such(span, format!("no kernel function `{function}`"), help)
            }
        }
    }

    /// Arguments, and for `fexit` the result, of a function.
    pub(in crate::sema) fn function_record(&mut self, span: Span, traced: &Traced) -> Option<Record> {
        let Inside::Module(module) = &traced.inside else {
            let message = "the arguments of BPF programs have no types here";
            return self.error(codes::NOT_IN_PROBE, span, message, "`args` used");
        };
        let btf = self.btf(span, "`args`")?;
        let func = btf.find_in(module, BtfKind::Func, &traced.function)?;
        let BtfType::Func { proto, .. } = btf.get(func) else { return None };
        let BtfType::FuncProto { ret, params } = btf.get(proto) else { return None };
        let mut fields = slots(btf, params.into_iter());
        if fields.len() > MOST_ARGUMENTS {
            return None;
        }
        let offset = fields.last().map_or(0, |last| last.offset + last.size);
        let returns = !matches!(btf.resolve(ret).1, BtfType::Void);
        let shape = Shape::Typed(ret);
        fields.extend(returns.then(|| Field {
            name: RESULT.into(),
            offset,
            size: 8,
            signed: false,
            shape,
            on_stack: false,
        }));
        Some(Record { fields })
    }
}

/// Which functions BTF knows, by module.
struct Typed<'b> {
    btf: &'b dyn Btf,
    names: HashMap<String, HashSet<String>>,
}

impl Typed<'_> {
    fn has(&mut self, function: &KernelFunction) -> bool {
        if function.module == "vmlinux" && !self.names.contains_key("vmlinux") {
            return self.btf.find(BtfKind::Func, &function.name).is_some();
        }
        if !self.names.contains_key(&function.module) {
            let names = self.btf.names_in(&function.module, BtfKind::Func);
            self.names.insert(function.module.clone(), names.into_iter().collect());
        }
        self.names[&function.module].contains(&function.name)
    }
}

fn target(kind: ProbeKind, traced: Traced) -> Attach {
    if kind == ProbeKind::Fentry { Attach::Fentry(traced) } else { Attach::Fexit(traced) }
}

fn place(kind: ProbeKind, module: &str, function: &str, span: Span) -> Place {
    let traced = Traced { function: function.into(), inside: Inside::Module(module.into()) };
    Place::new(format!("{}:{module}:{function}", kind.name()), target(kind, traced), span)
}

fn running_place(kind: ProbeKind, id: u32, function: &str, span: Span) -> Place {
    let traced = Traced { function: function.into(), inside: Inside::Program(id) };
    Place::new(format!("{}:bpf:{id}:{function}", kind.name()), target(kind, traced), span)
}
