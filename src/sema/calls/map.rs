//! Functions of maps: `delete`, `has_key`, `len`.

use crate::diag::{Diagnostic, codes};
use crate::source::Span;
use crate::syntax::ast::{Expr, ExprKind as Ast};

use super::super::check::Checker;
use super::super::storage::Storage;
use super::super::tree::{Expr as TreeExpr, ExprKind, MapId};
use super::super::ty::Ty;
use super::super::value::Val;
use super::Call;

impl Checker<'_, '_> {
    /// `delete(@m, key)`, `delete(@m[key])`, `delete(@m)`
    pub(super) fn delete(&mut self, call: Call) -> Option<Val> {
        let (map, key) = self.entry_of(call)?;
        Some(Val::new(Ty::Bool, call.span, ExprKind::Delete { map, key: key.map(Box::new) }))
    }

    /// `has_key(@m, key)`, `has_key(@m[key])`
    pub(super) fn has_key(&mut self, call: Call) -> Option<Val> {
        let (map, key) = self.entry_of(call)?;
        let key = match key {
            Some(key) => key,
            None if self.quiet => return Some(Val::int(0, Ty::Bool, call.span)),
            None => {
                let message = "has_key() wants a map and a key";
                let error = Diagnostic::error(codes::ARITY, message).at(call.span, "no key");
                self.report(error.help("usage: `has_key(@map, key)`"));
                return None;
            }
        };
        Some(Val::new(Ty::Bool, call.span, ExprKind::HasKey { map, key: Box::new(key) }))
    }

    /// The entry that a call names by map and key, or by one map expression.
    fn entry_of(&mut self, call: Call) -> Option<(MapId, Option<TreeExpr>)> {
        match (&call.args[0].kind, call.args.get(1)) {
            (Ast::Map { name, key: None }, key) => self.entry(call.args[0].span, name, key),
            (Ast::Map { name, key: Some(key) }, None) => self.entry(call.args[0].span, name, Some(key)),
            (Ast::Map { key: Some(_), .. }, Some(second)) => {
                let message = format!("{}() has two keys", call.name);
                self.error(codes::ARITY, second.span, message, "the second")
            }
            _ => self.report_no_map(call, &call.args[0]),
        }
    }

    /// `len(@m)`, `len(stack)`
    pub(super) fn len(&mut self, call: Call) -> Option<Val> {
        if let Some(frames) = self.stack_len(call) {
            return frames;
        }
        let (map, span) = self.whole_map(call)?;
        self.check_counted(map, span)?;
        self.refuse_trie(map.0 as usize, span, "a program cannot count the prefixes of")?;
        if let Some((false, first)) = self.maps.list[map.0 as usize].keyed {
            let name = self.maps.list[map.0 as usize].name.clone();
            let message = format!("@{name} has no keys to count");
            let error = Diagnostic::error(codes::MAP_KEY, message).at(span, "its length asked for");
            self.report(error.because(first, "used without a key here"));
            return None;
        }
        Some(Val::new(Ty::I64, call.span, ExprKind::Len(map)))
    }

    /// What is in a queue is counted by the script that uses it: of one that others use too nobody knows.
    fn check_counted(&mut self, map: MapId, span: Span) -> Option<()> {
        let info = &self.maps.list[map.0 as usize];
        let Some(declared) = info.declared.as_ref().filter(|it| it.storage.is_sequence() && it.pin.is_some())
        else {
            return Some(());
        };
        let message =
            format!("the length of the pinned {} @{} is not known", declared.storage.name(), info.name);
        let error = Diagnostic::error(codes::BAD_ARGUMENT, message).at(span, "others may use it too");
        self.report(error.because(declared.kind_span, "pinned here"));
        None
    }

    /// Reports what a program cannot do to map `at` if it is an lpmtrie.
    pub(in super::super) fn refuse_trie(&mut self, at: usize, span: Span, what: &str) -> Option<()> {
        if self.storage_of(at) != Some(Storage::LpmTrie) {
            return Some(());
        }
        let message = format!("{what} the lpmtrie @{}", self.maps.list[at].name);
        let error = Diagnostic::error(codes::BAD_ARGUMENT, message).at(span, "an lpmtrie");
        self.report(self.as_declared(error, at).help("`print` shows the whole map"));
        None
    }

    /// The map that is the first argument, as a whole; it must be used elsewhere.
    pub(in super::super) fn whole_map(&mut self, call: Call) -> Option<(MapId, Span)> {
        let arg = &call.args[0];
        let Ast::Map { name, key: None } = &arg.kind else { return self.report_no_map(call, arg) };
        let at = self.maps.find(name)?;
        if !self.maps.list[at].accessed && !self.quiet {
            self.report_undefined(arg.span, name);
            return None;
        }
        Some((MapId(at as u32), arg.span))
    }

    pub(in super::super) fn report_undefined(&mut self, span: Span, name: &str) {
        let message = format!("undefined map @{name}");
        let mut error =
            Diagnostic::error(codes::UNDEFINED_MAP, message).at(span, "nothing is ever put in it");
        let others = self.maps.list.iter().filter(|map| map.accessed).map(|map| map.name.as_str());
        if let Some(near) = crate::diag::suggest::nearest(name, others) {
            error = error.help(format!("did you mean @{near}?"));
        }
        self.report(error);
    }

    fn report_no_map<T>(&mut self, call: Call, arg: &Expr) -> Option<T> {
        let message = format!("{}() wants a map", call.name);
        let keyed = matches!(arg.kind, Ast::Map { .. });
        let label = if keyed { "one entry of a map" } else { "no map" };
        let error = Diagnostic::error(codes::BAD_ARGUMENT, message).at(arg.span, label);
        self.report(if keyed { error.help("leave the key out") } else { error });
        None
    }
}
