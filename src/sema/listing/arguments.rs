//! What `-lv` tells of a probe: its arguments, as a script names them, with their types.

use super::ctext;
use crate::host::{Btf, BtfKind, BtfType, Host, TypeId};
use crate::sema::probes::{iter, rawtracepoint};
use crate::sema::tree::ProbeKind;

/// The arguments of the probe `name` of a kind; empty where nothing is known.
pub fn of(host: &dyn Host, kind: ProbeKind, name: &str) -> Vec<String> {
    arguments(host, kind, name).unwrap_or_default()
}

fn arguments(host: &dyn Host, kind: ProbeKind, name: &str) -> Option<Vec<String>> {
    let (module, last) = name.rsplit_once(':').unwrap_or(("vmlinux", name));
    match kind {
        ProbeKind::Tracepoint => Some(fields(&host.tracepoint_format(module, last).ok()?)),
        ProbeKind::Rawtracepoint => {
            let btf = host.btf().ok()?;
            let (_, params) = prototype(btf, rawtracepoint::prototype(btf, module, last)?)?;
            Some(named(btf, params.into_iter().skip(1)))
        }
        ProbeKind::Kprobe | ProbeKind::Kretprobe | ProbeKind::Fentry | ProbeKind::Fexit => {
            of_function(host.btf().ok()?, kind, module, last)
        }
        ProbeKind::Iter => {
            let btf = host.btf().ok()?;
            let BtfType::Func { proto, .. } = btf.get(iter::function(btf, name)?) else { return None };
            let (_, params) = prototype(btf, proto)?;
            Some(named(btf, params.into_iter().skip(1)))
        }
        ProbeKind::Uprobe | ProbeKind::Uretprobe => of_user_function(host, kind, module, last),
        _ => None,
    }
}

/// What debug information tells of a program's function.
fn of_user_function(host: &dyn Host, kind: ProbeKind, path: &str, function: &str) -> Option<Vec<String>> {
    let binaries = host.binaries();
    let binary = binaries.open(path).ok()?;
    let signature = binary.signature(binary.named(function).first()?.address)?;
    let types = binaries.types();
    // a star of debug information stands at its type
    let close = |argument: String| argument.replace(" *", "*");
    Some(match kind {
        ProbeKind::Uprobe => named(types, signature.parameters.into_iter()).into_iter().map(close).collect(),
        _ => match types.resolve(signature.result).1 {
            BtfType::Void => Vec::new(),
            _ => vec![close(ctext::argument(types, signature.result, "retval"))],
        },
    })
}

fn of_function(btf: &dyn Btf, kind: ProbeKind, module: &str, function: &str) -> Option<Vec<String>> {
    let function = function.split('+').next()?;
    let BtfType::Func { proto, .. } = btf.get(btf.find_in(module, BtfKind::Func, function)?) else {
        return None;
    };
    let (ret, params) = prototype(btf, proto)?;
    let result = match btf.resolve(ret).1 {
        BtfType::Void => None,
        _ => Some(ctext::argument(btf, ret, "retval")),
    };
    let numbered = |(at, (_, ty)): (usize, &(String, TypeId))| ctext::argument(btf, *ty, &format!("arg{at}"));
    Some(match kind {
        ProbeKind::Kprobe => params.iter().enumerate().map(numbered).collect(),
        ProbeKind::Kretprobe => result.into_iter().collect(),
        ProbeKind::Fentry => named(btf, params.into_iter()),
        _ => named(btf, params.into_iter()).into_iter().chain(result).collect(),
    })
}

fn prototype(btf: &dyn Btf, id: TypeId) -> Option<(TypeId, Vec<(String, TypeId)>)> {
    match btf.get(id) {
        BtfType::FuncProto { ret, params } => Some((ret, params)),
        _ => None,
    }
}

fn named(btf: &dyn Btf, params: impl Iterator<Item = (String, TypeId)>) -> Vec<String> {
    params.map(|(name, ty)| ctext::argument(btf, ty, &name)).collect()
}

/// Declarations in a format file, without the fields that all tracepoints have: those before the first empty line.
fn fields(format: &str) -> Vec<String> {
    let own = format.split("\n\n").nth(1).unwrap_or_default();
    let field = |line: &str| Some(line.trim().strip_prefix("field:")?.split(';').next()?.to_owned());
    own.lines().filter_map(field).collect()
}
