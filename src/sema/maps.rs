//! The maps of a script: where each is used first, with or without a key, and what inference finds out about it.
//!
//! Whether a map has keys is settled by its first use; the checker reports uses that disagree.

use std::collections::HashMap;

use super::declare::Declared;
use super::ty::Ty;
use crate::source::Span;
use crate::syntax::ast::{Expr, ExprKind, ForOver, Script, StatementKind};

/// A type with the place that gave it first.
#[derive(Clone, Debug, Default)]
pub(super) struct Slot {
    pub ty: Option<Ty>,
    /// Where the type comes from: the use whose type it took last.
    pub span: Span,
}

/// What is known of a map.
#[derive(Clone, Debug)]
pub(super) struct MapInfo {
    /// Without `@`.
    pub name: String,
    /// First use.
    pub span: Span,
    /// Whether it has keys, and the use that says so. None while it is only printed, cleared or asked about.
    pub keyed: Option<(bool, Span)>,
    /// Read or written entry by entry somewhere, not only printed or cleared.
    pub accessed: bool,
    /// Given a value somewhere.
    pub written: bool,
    /// Its value has no type because what it is set to is wrong.
    pub broken: bool,
    /// `clear` or `zero` is called on it.
    pub cleared: bool,
    /// `len` is called on it.
    pub measured: bool,
    /// Its declaration.
    pub declared: Option<Declared>,
    pub key: Slot,
    pub value: Slot,
}

/// Every map of a script, in the order of first use.
#[derive(Default)]
pub(super) struct Maps {
    pub list: Vec<MapInfo>,
    index: HashMap<String, usize>,
}

/// Functions whose first argument is a map as a whole.
const WHOLE: [&str; 4] = ["print", "clear", "zero", "len"];
/// Functions of a queue or a stack.
const SEQUENCE: [&str; 3] = ["push", "pop", "peek"];
/// Functions of a map and a key, or of a keyless map.
const ENTRY: [&str; 2] = ["delete", "has_key"];

impl Maps {
    /// Finds the maps of `script` and how they are used.
    pub fn collect(script: &Script) -> Maps {
        let mut maps = Maps::default();
        for probe in &script.probes {
            probe.predicate.iter().for_each(|predicate| maps.expr(predicate));
            super::walk::probe_statements(probe, &mut |statement| {
                match &statement.kind {
                    StatementKind::For { over: ForOver::Map(map), .. } => maps.walked(map),
                    _ => super::walk::roots(statement, &mut |root| maps.expr(root)),
                }
                if let StatementKind::Assign { target, .. } = &statement.kind {
                    maps.written(target);
                }
            });
        }
        maps
    }

    /// The map of that name; every map of the script has an entry.
    pub fn find(&self, name: &str) -> Option<usize> {
        self.index.get(name).copied()
    }

    fn expr(&mut self, expr: &Expr) {
        match &expr.kind {
            ExprKind::Map { name, key } => {
                let map = self.enter(name, expr.span);
                map.accessed = true;
                map.keyed.get_or_insert((key.is_some(), expr.span));
            }
            ExprKind::Call { name, args, .. } => return self.call(name, args),
            ExprKind::Step { target, .. } => self.written(target),
            _ => {}
        }
        super::walk::operands(expr, &mut |operand| self.expr(operand));
    }

    fn call(&mut self, function: &str, args: &[Expr]) {
        let mut rest = args;
        if let Some((first, others)) = args.split_first()
            && let ExprKind::Map { name, key: None } = &first.kind
            && (WHOLE.contains(&function) || ENTRY.contains(&function) || SEQUENCE.contains(&function))
        {
            let map = self.enter(name, first.span);
            map.accessed |= !WHOLE.contains(&function);
            map.written |= function == "push";
            map.cleared |= matches!(function, "clear" | "zero");
            map.measured |= function == "len";
            rest = others;
        }
        rest.iter().for_each(|arg| self.expr(arg));
    }

    /// A loop runs over a map: a use of it as a whole.
    fn walked(&mut self, over: &Expr) {
        match &over.kind {
            ExprKind::Map { name, key: None } => drop(self.enter(name, over.span)),
            _ => self.expr(over),
        }
    }

    fn written(&mut self, target: &Expr) {
        if let ExprKind::Map { name, .. } = &target.kind {
            self.enter(name, target.span).written = true;
        }
    }

    fn enter(&mut self, name: &str, span: Span) -> &mut MapInfo {
        let next = self.list.len();
        let at = *self.index.entry(name.to_string()).or_insert(next);
        if at == next {
            self.list.push(MapInfo {
                name: name.to_string(),
                span,
                keyed: None,
                accessed: false,
                written: false,
                broken: false,
                cleared: false,
                measured: false,
                declared: None,
                key: Slot::default(),
                value: Slot::default(),
            });
        }
        &mut self.list[at]
    }
}
