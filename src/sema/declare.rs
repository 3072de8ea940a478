//! Declarations of maps: `let @name = kind(entries);`, and beyond bpftrace `let @name = kind(entries, pin="name");`,
//! which keeps the map in bpffs, where the next run and other programs find it.
//!
//! As in the reference, aggregations are kept by every CPU for itself and all else is shared: a declaration says whether
//! entries may be evicted, and how many there may be. A map without keys has one value, whatever its declaration allows.
//!
//! Beyond the reference there are arrays. An `array` has all its elements from the start, each 0, under the numbers
//! below its size: no element comes or goes, `has_key` is true for those numbers, `delete` sets one to 0, and what prints
//! the map leaves out those that are 0. Other keys read 0, and what is written to them is counted as lost.
//!
//! Deliberately absent: sizes that depend on anything but literals.

use super::check::Checker;
use super::constant::{self, Const, Folded};
use super::tree::Storage;
use super::ty::Ty;
use crate::diag::{Diagnostic, codes, suggest};
use crate::source::Span;
use crate::syntax::ast::{Expr, ExprKind, MapDecl};

/// Entries of a map at most: as `max_map_keys`.
const MOST_ENTRIES: u64 = 1 << 28;

/// A declaration, settled.
#[derive(Clone, Debug)]
pub(super) struct Declared {
    pub storage: Storage,
    /// Entries at most.
    pub entries: u32,
    /// Where the kind stands.
    pub kind_span: Span,
    /// The name under which it outlives the run.
    pub pin: Option<String>,
}

impl Checker<'_, '_> {
    /// Takes the declarations of the script in. The maps that it uses are known.
    pub(super) fn declare(&mut self, decls: &[MapDecl]) {
        for (at, decl) in decls.iter().enumerate() {
            if let Some(first) = decls[..at].iter().find(|first| first.name == decl.name) {
                let message = format!("@{} is declared twice", decl.name);
                let error = Diagnostic::error(codes::MAP_DECLARATION, message);
                let error = error.at(decl.name_span, "declared again");
                self.report(error.because(first.name_span, "declared here"));
                continue;
            }
            let storage = self.storage(decl);
            let entries = storage.and_then(|_| self.entries(decl));
            let pin = self.pin(decl);
            let Some(map) = self.maps.find(&decl.name) else {
                let message = format!("@{} is declared and not used", decl.name);
                self.report(Diagnostic::warning(codes::UNUSED_MAP, message).at(decl.name_span, "never used"));
                continue;
            };
            if let (Some(storage), Some(entries)) = (storage, entries) {
                let declared = Declared { storage, entries, kind_span: decl.kind_span, pin };
                self.maps.list[map].declared = Some(declared);
            }
        }
    }

    fn storage(&mut self, decl: &MapDecl) -> Option<Storage> {
        let known = Storage::ALL.into_iter().find(|storage| storage.name() == decl.kind);
        if known.is_none() {
            let message = format!("unknown kind of map: {}", decl.kind);
            let names = Storage::ALL.map(Storage::name);
            let help = match suggest::nearest(&decl.kind, names) {
                Some(near) => format!("did you mean {near}?"),
                None => format!("there are {}", names.join(", ")),
            };
            let error = Diagnostic::error(codes::MAP_DECLARATION, message);
            self.report(error.at(decl.kind_span, "no kind of map").help(help));
        }
        known
    }

    /// The name that `pin="name"` gives, the only named argument there is.
    fn pin(&mut self, decl: &MapDecl) -> Option<String> {
        let mut pin = None;
        for arg in &decl.args {
            let Some((name, span)) = &arg.name else { continue };
            let fits = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'_' | b'-');
            let (what, at, label) = match &arg.value.kind {
                _ if name != "pin" => {
                    (format!("declarations of maps have no `{name}`"), *span, "expected `pin`")
                }
                _ if pin.is_some() => ("a map is pinned once".to_owned(), *span, "once more"),
                ExprKind::Str(text)
                    if !text.is_empty() && text.len() < 128 && text.iter().all(|c| fits(*c)) =>
                {
                    pin = Some(String::from_utf8_lossy(text).into_owned());
                    continue;
                }
                ExprKind::Str(_) => {
                    let message = "a map is pinned under a name of letters, digits, `_` and `-`".to_owned();
                    (message, arg.value.span, "no such name")
                }
                _ => ("a map is pinned under a name".to_owned(), arg.value.span, "expected a string"),
            };
            let error = Diagnostic::error(codes::MAP_DECLARATION, what).at(at, label);
            self.report(
                error.help(format!("write `let @{} = {}(1000, pin=\"name\");`", decl.name, decl.kind)),
            );
        }
        pin
    }

    /// The number of entries, which is the only argument without a name.
    fn entries(&mut self, decl: &MapDecl) -> Option<u32> {
        let mut values = decl.args.iter().filter(|arg| arg.name.is_none()).map(|arg| &arg.value);
        let help = format!("write `let @{} = {}(1000);`", decl.name, decl.kind);
        let report = |checker: &mut Self, span, message: String, label: &str| {
            let error = Diagnostic::error(codes::MAP_DECLARATION, message).at(span, label);
            checker.report(error.help(help));
        };
        let Some(value) = values.next() else {
            let message = format!("the declaration of @{} does not say how many entries it has", decl.name);
            report(self, decl.span, message, "no number of entries");
            return None;
        };
        if let Some(second) = values.next() {
            let message = "a map is declared with the number of its entries alone".to_owned();
            report(self, second.span, message, "one argument too many");
            return None;
        }
        match literal(value).as_ref().map(Const::as_integer) {
            Some(Some(entries)) if (1..=i128::from(MOST_ENTRIES)).contains(&entries) => Some(entries as u32),
            Some(Some(entries)) => {
                let message = format!("a map has 1 to {MOST_ENTRIES} entries, not {entries}");
                report(self, value.span, message, "out of range");
                None
            }
            _ => {
                let message = "the number of a map's entries is an integer known in advance".to_owned();
                report(self, value.span, message, "no integer literal");
                None
            }
        }
    }

    /// Says which maps are not what they are declared to be.
    pub(super) fn check_declared(&mut self) {
        for at in 0..self.maps.list.len() {
            let map = &self.maps.list[at];
            let (Some(declared), Some(ty)) = (&map.declared, &map.value.ty) else { continue };
            let aggregate = matches!(ty, Ty::Aggregate(_));
            if keeps(declared.storage, ty) {
                continue;
            }
            let wanted = match (aggregate, declared.storage) {
                (true, Storage::Array) => Storage::PerCpuArray,
                (false, Storage::PerCpuArray) => Storage::Array,
                (true, storage) if storage.evicts() => Storage::PerCpuLruHash,
                (true, _) => Storage::PerCpuHash,
                (false, storage) if storage.evicts() => Storage::LruHash,
                (false, _) => Storage::Hash,
            };
            let (name, kind) = (&map.name, declared.storage.name());
            let holds = self.name(ty);
            let message = format!("@{name} is declared as {kind}, which does not keep {holds}");
            let error = Diagnostic::error(codes::MAP_DECLARATION, message);
            let trie = declared.storage == Storage::LpmTrie;
            let label = match trie {
                true => "keeps plain values".to_owned(),
                false => format!("expected {}", wanted.name()),
            };
            let help = match trie {
                true => format!("add to its values: `@{name}[key]++`, `@{name}[key] += n`"),
                false => format!("declare it as {}", wanted.name()),
            };
            let error = error.at(declared.kind_span, label);
            let error = error.because(map.value.span, format!("{holds} here"));
            let note = match aggregate {
                true if declared.storage == Storage::Array => {
                    "min(), max() and tseries() are kept by every CPU for itself"
                }
                true => "aggregations are kept by every CPU for itself",
                false => "only aggregations are kept by every CPU for itself",
            };
            self.report(error.note(note).help(help));
        }
    }
}

/// Whether maps of that kind keep values of that type. What CPUs add to one value from all sides may be in a plain
/// array.
fn keeps(storage: Storage, ty: &Ty) -> bool {
    match ty {
        Ty::Aggregate(kind) if storage == Storage::Array => kind.adds_up(),
        ty => storage.is_per_cpu() == matches!(ty, Ty::Aggregate(_)),
    }
}

/// What an expression of literals comes to.
fn literal(expr: &Expr) -> Option<Const> {
    let folded = match &expr.kind {
        ExprKind::Int { value, .. } => return Some(Const::Int(*value)),
        ExprKind::Unary { op, operand } => constant::unary(*op, &literal(operand)?),
        ExprKind::Binary { op, left, right, .. } => constant::binary(*op, &literal(left)?, &literal(right)?),
        _ => return None,
    };
    match folded {
        Folded::Value(value) => Some(value),
        _ => None,
    }
}
