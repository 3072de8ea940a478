//! `kprobe:function`, `kprobe:module:function`, `kprobe:function+offset`, and `kretprobe` without offsets.

use std::collections::BTreeSet;

use super::interval::number;
use super::wildcard::{is_pattern, matches};
use super::{Place, parts};
use crate::diag::{Diagnostic, codes, suggest};
use crate::host::{Feature, Host, HostError, KernelFunction};
use crate::sema::check::Checker;
use crate::sema::tree::{Attach, ProbeKind};
use crate::source::Span;
use crate::syntax::ast::{AttachPoint, Part};

/// An attach point taken apart.
struct Wanted<'a> {
    kind: ProbeKind,
    module: Option<&'a str>,
    function: &'a str,
    offset: u64,
    span: Span,
}

/// All functions, with their modules when the pattern names some, for listings.
pub(super) fn entries(host: &dyn Host, pattern: &str) -> Result<Vec<String>, HostError> {
    let name = |function: &KernelFunction| match pattern.contains(':') {
        true => format!("{}:{}", function.module, function.name),
        false => function.name.clone(),
    };
    Ok(host.kernel_functions()?.iter().map(name).collect())
}

impl Checker<'_, '_> {
    pub(super) fn kprobe(&mut self, kind: ProbeKind, point: &AttachPoint) -> Option<Vec<Place>> {
        if let [part] = parts(point)
            && let Some(address) = number(&part.text)
        {
            return self.kernel_address(kind, address, part);
        }
        let wanted = self.wanted(kind, point)?;
        if !self.host.has(Feature::Kprobe) {
            let message = format!("this kernel has no {}s", kind.name());
            let error = Diagnostic::error(codes::MISSING_FEATURE, message).at(point.span, "needs kprobes");
            self.report(
                error.help("the kernel must be built with CONFIG_KPROBE_EVENTS, and not be locked down"),
            );
            return None;
        }
        let pattern = is_pattern(wanted.function) || wanted.module.is_some_and(is_pattern);
        match self.host.kernel_functions() {
            Ok(all) => self.choose(all, &wanted, pattern),
            Err(error) if pattern => self.host_error(point.span, "kernel functions", &error),
            Err(error) => self.unlisted(&wanted, &error),
        }
    }

    /// A place by its address: nobody checks that an instruction begins there.
    fn kernel_address(&mut self, kind: ProbeKind, address: u64, part: &Part) -> Option<Vec<Place>> {
        let word = kind.name();
        if !self.options.allow_unsafe {
            let message = format!("a {word} at a bare address needs --unsafe");
            let error = Diagnostic::error(codes::BAD_ATTACH_POINT, message).at(part.span, "an address");
            let error = error.note("an address within an instruction can bring the machine down");
            self.report(error.help(format!("name a function instead, `{word}:function`, or add --unsafe")));
            return None;
        }
        let at_return = kind == ProbeKind::Kretprobe;
        let target = Attach::Address { address, at_return };
        Some(vec![Place::new(format!("{word}:{}", part.text), target, part.span)])
    }

    /// The functions among `all` that are meant.
    fn choose(&mut self, all: &[KernelFunction], wanted: &Wanted, pattern: bool) -> Option<Vec<Place>> {
        let first = match is_pattern(wanted.function) {
            true => 0,
            false => all.partition_point(|f| f.name.as_str() < wanted.function),
        };
        let fits = |f: &&KernelFunction| {
            let module = wanted.module.is_none_or(|module| matches(module, &f.module));
            module && matches(wanted.function, &f.name) && (!pattern || !f.name.contains(".part."))
        };
        let near = all[first..].iter();
        let found: BTreeSet<(Option<&str>, &str)> = match is_pattern(wanted.function) {
            true => near
                .filter(fits)
                .map(|f| (wanted.module.map(|_| f.module.as_str()), f.name.as_str()))
                .collect(),
            false => near
                .take_while(|f| f.name == wanted.function)
                .filter(fits)
                .map(|f| (wanted.module.map(|_| f.module.as_str()), f.name.as_str()))
                .collect(),
        };
        if found.is_empty() {
            return self.report_function(all, wanted, pattern);
        }
        Some(found.into_iter().map(|(module, function)| place(wanted, module, function)).collect())
    }

    /// Without the list an exact name is taken as it is, when the kernel knows the symbol.
    fn unlisted(&mut self, wanted: &Wanted, error: &HostError) -> Option<Vec<Place>> {
        if matches!(error, HostError::Denied(_)) || self.host.is_kernel_symbol(wanted.function) {
            return Some(vec![place(wanted, wanted.module, wanted.function)]);
        }
        self.no_such(wanted.span, format!("no kernel function `{}`", wanted.function), None)
    }

    fn report_function(
        &mut self,
        all: &[KernelFunction],
        wanted: &Wanted,
        pattern: bool,
    ) -> Option<Vec<Place>> {
        let name = wanted.function;
        if pattern {
            let module = wanted.module.map(|module| format!("{module}:")).unwrap_or_default();
            return self.no_such(wanted.span, format!("no traceable function is like {module}{name}"), None);
        }
        if let Some(module) = wanted.module {
            let known = all.iter().any(|f| f.module == module);
            let message = match known {
                true => format!("no function `{name}` in the module {module}"),
                false => format!("no module `{module}` is loaded"),
            };
            let other = all.iter().find(|f| f.name == name);
            let help =
                other.map(|f| format!("it is in {}: `{}:{}:{name}`", f.module, wanted.kind.name(), f.module));
            return self.no_such(wanted.span, message, help);
        }
        if self.host.is_kernel_symbol(name) {
            let message = format!("`{name}` cannot be traced");
            let error = Diagnostic::error(codes::NO_SUCH_TARGET, message).at(wanted.span, "not traceable");
            self.report(error.note("it was inlined, or the kernel marks it as notrace"));
            return None;
        }
        let near = suggest::nearest(name, all.iter().map(|f| f.name.as_str()));
        let help = near.map(|near| format!("did you mean `{}:{near}`?", wanted.kind.name()));
        self.no_such(wanted.span, format!("no kernel function `{name}`"), help)
    }

    fn wanted<'p>(&mut self, kind: ProbeKind, point: &'p AttachPoint) -> Option<Wanted<'p>> {
        let name = kind.name();
        let (module, part) = match parts(point) {
            [function] => (None, function),
            [module, function] => (Some(module.text.as_str()), function),
            _ => {
                let message = format!("{name} takes a function, perhaps with its module");
                return self.malformed(
                    point.span,
                    message,
                    "one or two parts expected",
                    &format!("{name}:vfs_read"),
                );
            }
        };
        let (function, offset) = match part.text.split_once('+') {
            None => (part.text.as_str(), 0),
            Some(_) if kind == ProbeKind::Kretprobe => {
                let message = "a kretprobe is at the function's end: it has no offset";
                return self.malformed(part.span, message, "offset not allowed", "kretprobe:function");
            }
            Some((function, offset)) => match number(offset) {
                Some(offset) => (function, offset),
                None => {
                    let message = format!("`{offset}` is no offset");
                    return self.malformed(part.span, message, "a number expected", "kprobe:function+4");
                }
            },
        };
        if function.is_empty() {
            return self.malformed(
                point.span,
                format!("{name} of no function"),
                "no name",
                &format!("{name}:vfs_read"),
            );
        }
        Some(Wanted { kind, module, function, offset, span: point.span })
    }
}

fn place(wanted: &Wanted, module: Option<&str>, function: &str) -> Place {
    let mut name = wanted.kind.name().to_string();
    for part in module.into_iter().chain([function]) {
        name = format!("{name}:{part}");
    }
    if wanted.offset != 0 {
        name = format!("{name}+{}", wanted.offset);
    }
    let (function, module) = (function.to_string(), module.map(str::to_string));
    let target = match wanted.kind {
        ProbeKind::Kretprobe => Attach::Kretprobe { function, module },
        _ => Attach::Kprobe { function, module, offset: wanted.offset },
    };
    Place::new(name, target, wanted.span)
}
