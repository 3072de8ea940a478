//! Maps in expressions: reading an entry, stepping it, and its key.

use crate::diag::{Diagnostic, codes};
use crate::source::Span;
use crate::syntax::ast;

use super::super::check::Checker;
use super::super::storage::Storage;
use super::super::tree::{Expr, ExprKind, MapId};
use super::super::ty::Ty;
use super::super::value::Val;

impl Checker<'_, '_> {
    /// The value of `@name[key]`.
    pub(super) fn map_value(&mut self, span: Span, name: &str, key: Option<&ast::Expr>) -> Option<Val> {
        let (map, key) = self.entry(span, name, key)?;
        // Without a type what the map is set to is wrong, which is said there.
        let ty = self.maps.list[map.0 as usize].value.ty.clone()?;
        Some(Val::new(ty, span, ExprKind::MapGet { map, key: key.map(Box::new) }))
    }

    /// The map of that name and the key in the map's type. In quiet mode the key is left out.
    pub(in super::super) fn entry(
        &mut self,
        span: Span,
        name: &str,
        key: Option<&ast::Expr>,
    ) -> Option<(MapId, Option<Expr>)> {
        let at = self.maps.find(name)?;
        let map = MapId(at as u32);
        if self.quiet {
            return Some((map, None));
        }
        self.refuse_sequence(at, span, "used like a map with keys")?;
        if self.storage_of(at) == Some(Storage::LpmTrie) {
            return Some((map, Some(self.prefix_key(span, at, key)?)));
        }
        if self.storage_of(at).is_some_and(Storage::is_array) {
            return Some((map, Some(self.array_key(span, at, key)?)));
        }
        match self.maps.list[at].keyed {
            Some((keyed, first)) if keyed != key.is_some() => {
                self.report_keyed(span, name, keyed, first);
                key.and_then(|key| self.value(key));
                None
            }
            _ => match key {
                Some(key) => Some((map, Some(self.key(at, key)?))),
                None => Some((map, None)),
            },
        }
    }

    /// The kind that the script declares map `at` to be.
    pub(in super::super) fn storage_of(&self, at: usize) -> Option<Storage> {
        self.maps.list[at].declared.as_ref().map(|declared| declared.storage)
    }

    /// The key of array `at`: the number of an element.
    fn array_key(&mut self, span: Span, at: usize, key: Option<&ast::Expr>) -> Option<Expr> {
        let Some(key) = key else {
            let message = format!("@{} is an array: its elements have numbers", self.maps.list[at].name);
            let error = Diagnostic::error(codes::MAP_KEY, message).at(span, "no number here");
            self.report(self.as_declared(error, at));
            return None;
        };
        let val = self.value(key)?;
        if !val.ty.is_int() {
            let found = self.name(&val.ty);
            let message = format!("a key of the array @{} is an integer", self.maps.list[at].name);
            let error = Diagnostic::error(codes::MAP_KEY, message).at(key.span, format!("this is {found}"));
            let error = self.as_declared(error, at);
            self.report(error.help(format!(
                "a hash takes keys of any type: `let @{0} = hash(n);`",
                self.maps.list[at].name
            )));
            return None;
        }
        let entries = self.maps.list[at].declared.as_ref().map_or(0, |declared| declared.entries);
        if let Some(number) = val.as_integer().filter(|number| !(0..i128::from(entries)).contains(number)) {
            let message = format!("the array @{} has no element {number}", self.maps.list[at].name);
            let label = format!("0 to {}", entries - 1);
            let warning = Diagnostic::warning(codes::NO_ELEMENT, message).at(key.span, label);
            self.report(self.as_declared(warning, at));
        }
        Some(val.into_expr())
    }

    /// Shows where map `at` is declared.
    pub(in super::super) fn as_declared(&self, error: Diagnostic, at: usize) -> Diagnostic {
        match &self.maps.list[at].declared {
            Some(declared) => error.because(declared.kind_span, "declared here"),
            None => error,
        }
    }

    /// Reports a use with a key of a map without, or the reverse.
    pub(in super::super) fn report_keyed(&mut self, span: Span, name: &str, keyed: bool, first: Span) {
        let (message, label, earlier) = if keyed {
            (format!("@{name} has keys"), "no key here", "used with a key here")
        } else {
            (format!("@{name} has no keys"), "a key here", "used without a key here")
        };
        let error = Diagnostic::error(codes::MAP_KEY, message).at(span, label);
        self.report(error.because(first, earlier));
    }

    /// A key of map `at`.
    pub(in super::super) fn key(&mut self, at: usize, key: &ast::Expr) -> Option<Expr> {
        let val = self.value(key)?;
        let slot = self.maps.list[at].key.clone();
        let Some(target) = slot.ty else { return self.report_key_type(at, &val) };
        let found = self.name(&val.ty);
        match self.coerce(val, &target) {
            Some(key) => Some(key),
            None => {
                let name = &self.maps.list[at].name;
                let message = format!("a key of @{name} is {}, not {found}", self.name(&target));
                let error =
                    Diagnostic::error(codes::MAP_KEY, message).at(key.span, format!("this is {found}"));
                let label = format!("taken as {} from here", self.name(&target));
                self.report(error.because(slot.span, label));
                None
            }
        }
    }

    fn report_key_type(&mut self, at: usize, val: &Val) -> Option<Expr> {
        let message = format!("{} cannot be a key of @{}", self.name(&val.ty), self.maps.list[at].name);
        self.error(codes::MAP_KEY, val.span, message, "used as a key")
    }

    /// `++x`, `x--` on a variable or a map.
    pub(super) fn step(&mut self, expr: &ast::Expr) -> Option<Val> {
        let ast::ExprKind::Step { target, increment, prefix } = &expr.kind else { return None };
        let (increment, prefix) = (*increment, *prefix);
        match &target.kind {
            ast::ExprKind::Variable(_) => {
                let (id, ty) = self.variable_type(target)?;
                let ty = if self.var(id).fixed {
                    self.stepped(target, ty)
                } else {
                    self.stepped_open(target, ty, increment)
                }?;
                let delta = self.delta(&ty, increment);
                Some(Val::new(ty, expr.span, ExprKind::StepVar { var: id, delta, prefix }))
            }
            ast::ExprKind::Map { name, key } => {
                let (map, key) = self.entry(target.span, name, key.as_deref())?;
                let ty = self.maps.list[map.0 as usize].value.ty.clone()?;
                let ty = self.stepped_open(target, ty, increment)?;
                let delta = self.delta(&ty, increment);
                let kind = ExprKind::StepMap { map, key: key.map(Box::new), delta, prefix };
                Some(Val::new(ty, expr.span, kind))
            }
            _ => {
                let message = "only variables and maps can be incremented";
                self.error(codes::TYPE_MISMATCH, target.span, message, "neither")
            }
        }
    }

    /// The type of a step of something whose type follows its use: 64 bits, signed when it was or goes down.
    fn stepped_open(&mut self, target: &ast::Expr, ty: Ty, increment: bool) -> Option<Ty> {
        let ty = self.stepped(target, ty)?;
        Some(match ty {
            Ty::Pointer { .. } => ty,
            // Once settled the type is that of the step already.
            _ if !self.quiet => ty,
            _ if ty.is_signed() || !increment => Ty::I64,
            _ => Ty::U64,
        })
    }

    fn stepped(&mut self, target: &ast::Expr, ty: Ty) -> Option<Ty> {
        if ty.is_int() || ty.is_pointer() {
            return Some(ty);
        }
        let message = format!("{} cannot be incremented", self.name(&ty));
        let label = format!("this is {}", self.name(&ty));
        self.error(codes::TYPE_MISMATCH, target.span, message, label)
    }

    fn delta(&self, ty: &Ty, increment: bool) -> i64 {
        let size = i64::from(self.step_of(ty));
        if increment { size } else { -size }
    }
}
