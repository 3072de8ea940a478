//! `rawtracepoint:event`, `rawtracepoint:module:event`: tracepoints with the arguments that the kernel's own code has.
//!
//! Which there are, and what their arguments are, stands in BTF: a tracepoint `x` has a typedef `btf_trace_x` of a pointer to a
//! function, and a function `__traceiter_x` of the same type, which has the parameters' names too. The first parameter is the
//! kernel's own.

use super::wildcard::{is_pattern, matches};
use super::{Place, parts};
use crate::diag::suggest;
use crate::host::{Btf, BtfKind, BtfType, Host, HostError, TypeId};
use crate::sema::check::Checker;
use crate::sema::fields::{Field, Record, Shape};
use crate::sema::tree::Attach;
use crate::source::Span;
use crate::syntax::ast::AttachPoint;

/// What BTF puts before the name of a tracepoint.
const PREFIX: &str = "btf_trace_";

/// Type of a tracepoint's arguments, `void *__data` included.
pub(in crate::sema) fn prototype(btf: &dyn Btf, module: &str, event: &str) -> Option<TypeId> {
    let typedef = btf.find_in(module, BtfKind::Typedef, &format!("{PREFIX}{event}"))?;
    let BtfType::Typedef { ty, .. } = btf.get(typedef) else { return None };
    let BtfType::Pointer(to) = btf.get(ty) else { return None };
    let named = btf.find_in(module, BtfKind::Func, &format!("__traceiter_{event}"));
    match named.map(|id| btf.get(id)) {
        Some(BtfType::Func { proto, .. }) => Some(proto),
        _ => Some(to),
    }
}

/// Names of the tracepoints of a module, sorted.
pub(super) fn events(btf: &dyn Btf, module: &str) -> Vec<String> {
    let names = btf.names_in(module, BtfKind::Typedef).into_iter();
    let mut events: Vec<String> =
        names.filter_map(|name| name.strip_prefix(PREFIX).map(str::to_owned)).collect();
    events.sort_unstable();
    events.dedup();
    events
}

/// All of them, for listings.
pub(super) fn entries(host: &dyn Host) -> Result<Vec<String>, HostError> {
    let btf = host.btf()?;
    let of = |module: &String| {
        let names = events(btf, module).into_iter();
        names.map(|event| format!("{module}:{event}")).collect::<Vec<_>>()
    };
    Ok(host.btf_modules().iter().flat_map(of).collect())
}

impl Checker<'_, '_> {
    pub(super) fn rawtracepoint(&mut self, point: &AttachPoint) -> Option<Vec<Place>> {
        let (module, event) = match parts(point) {
            [event] => ("*", event),
            [module, event] => (module.text.as_str(), event),
            _ => {
                let message = "a rawtracepoint has a name, perhaps with its module";
                let form = "rawtracepoint:sched_switch";
                return self.malformed(point.span, message, "one or two parts expected", form);
            }
        };
        let btf = self.btf(point.span, "a rawtracepoint")?;
        let modules = self.host.btf_modules();
        let mut modules = modules.iter().map(String::as_str).filter(|name| matches(module, name));
        if !is_pattern(&event.text) {
            let found = modules.find(|module| prototype(btf, module, &event.text).is_some());
            return match found {
                Some(module) => Some(vec![place(module, &event.text, point.span)]),
                None => self.report_no_event(btf, &event.text, point.span),
            };
        }
        let of = |module: &str| {
            let fits = events(btf, module).into_iter().filter(|name| matches(&event.text, name));
            fits.map(|name| place(module, &name, point.span)).collect::<Vec<_>>()
        };
        let places: Vec<Place> = modules.flat_map(of).collect();
        if places.is_empty() {
            return self.no_such(point.span, format!("no rawtracepoint is like {}", event.text), None);
        }
        Some(places)
    }

    fn report_no_event(&mut self, btf: &dyn Btf, event: &str, span: Span) -> Option<Vec<Place>> {
        let names = events(btf, "vmlinux");
        let near = suggest::nearest(event, names.iter().map(String::as_str));
        let help = near.map(|near| format!("did you mean `rawtracepoint:{near}`?"));
        self.no_such(span, format!("no rawtracepoint {event}"), help)
    }

    /// The arguments of a rawtracepoint.
    pub(in crate::sema) fn raw_record(&mut self, span: Span, module: &str, event: &str) -> Option<Record> {
        let btf = self.btf(span, "`args` of a rawtracepoint")?;
        let BtfType::FuncProto { params, .. } = btf.get(prototype(btf, module, event)?) else { return None };
        Some(Record { fields: slots(btf, params.into_iter().skip(1)) })
    }
}

/// Arguments as they lie in the context, 8 bytes each; those passed as whole structs take what they need.
pub(in crate::sema) fn slots(btf: &dyn Btf, params: impl Iterator<Item = (String, TypeId)>) -> Vec<Field> {
    let mut offset = 0;
    let field = |(name, ty): (String, TypeId)| {
        let size = match btf.resolve(ty).1 {
            BtfType::Composite { size, .. } => size.next_multiple_of(8),
            _ => 8,
        };
        let field = Field { name, offset, size, signed: false, shape: Shape::Typed(ty), on_stack: false };
        offset += size;
        field
    };
    params.map(field).collect()
}

fn place(module: &str, event: &str, span: Span) -> Place {
    let target = Attach::Rawtracepoint { module: module.to_owned(), event: event.to_owned() };
    Place::new(format!("rawtracepoint:{module}:{event}"), target, span)
}
