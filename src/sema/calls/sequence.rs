//! Functions of queues and stacks: `push`, `pop`, `peek`.
//!
//! A map is one of them by its declaration only, and those three functions are the only way to its values, but for
//! `print`, `len` and `clear`, which take any map as a whole.

use crate::diag::{Diagnostic, codes};
use crate::source::Span;
use crate::syntax::ast::ExprKind as Ast;

use super::super::check::Checker;
use super::super::storage::Storage;
use super::super::tree::{ExprKind, MapId};
use super::super::ty::Ty;
use super::super::value::Val;
use super::Call;

impl Checker<'_, '_> {
    /// `push(@q, value)`
    pub(super) fn push(&mut self, call: Call) -> Option<Val> {
        let map = self.sequence(call);
        let val = self.value(&call.args[1]);
        let (map, val) = (map?, val?);
        if self.quiet {
            return Some(Val::int(0, Ty::Bool, call.span));
        }
        let (found, span) = (self.described(&val), val.span);
        let ty = self.maps.list[map.0 as usize].value.ty.clone()?;
        let Some(value) = self.coerce(val, &ty) else { return self.report_map_value(span, map, &found) };
        let kind = ExprKind::Push { map, value: Box::new(value) };
        Some(Val::new(Ty::Bool, call.span, kind))
    }

    /// `pop(@q)`, `peek(@q)`
    pub(super) fn next_of(&mut self, call: Call, stays: bool) -> Option<Val> {
        let map = self.sequence(call)?;
        // Without a type what is put into it is wrong, which is said there.
        let ty = self.maps.list[map.0 as usize].value.ty.clone()?;
        Some(Val::new(ty, call.span, ExprKind::Next { map, stays }))
    }

    /// The queue or stack that is the first argument.
    fn sequence(&mut self, call: Call) -> Option<MapId> {
        let arg = &call.args[0];
        let name = match &arg.kind {
            Ast::Map { name, key: None } => name,
            Ast::Map { name, key: Some(key) } if self.is_sequence(name) => {
                let message = format!("@{name} has no keys");
                return self.error(codes::MAP_KEY, key.span, message, "a key here");
            }
            _ => {
                let message = format!("{}() wants a queue or a stack", call.name);
                return self.error(codes::BAD_ARGUMENT, arg.span, message, "no such map");
            }
        };
        let at = self.maps.find(name)?;
        if self.is_sequence(name) {
            return Some(MapId(at as u32));
        }
        let message = format!("{}() wants a queue or a stack", call.name);
        let error = Diagnostic::error(codes::BAD_ARGUMENT, message);
        let error = match self.storage_of(at) {
            Some(storage) => error.at(arg.span, format!("declared as {}", storage.name())),
            None => error.at(arg.span, "not declared as one"),
        };
        let error = self.as_declared(error, at);
        self.report(error.help(format!("declare it: `let @{name} = queue(1000);`")));
        None
    }

    fn is_sequence(&self, name: &str) -> bool {
        self.maps.find(name).and_then(|at| self.storage_of(at)).is_some_and(Storage::is_sequence)
    }

    /// Reports a use of map `at`, if it is a queue or a stack, by key or as one value.
    pub(in super::super) fn refuse_sequence(&mut self, at: usize, span: Span, label: &str) -> Option<()> {
        let Some(storage) = self.storage_of(at).filter(|storage| storage.is_sequence()) else {
            return Some(());
        };
        let name = &self.maps.list[at].name;
        let message = format!("@{name} is a {}: it has no keys", storage.name());
        let help = format!("`push(@{name}, value)`, `pop(@{name})` and `peek(@{name})` are what it is for");
        let error = Diagnostic::error(codes::MAP_KEY, message).at(span, label);
        self.report(self.as_declared(error, at).help(help));
        None
    }
}
