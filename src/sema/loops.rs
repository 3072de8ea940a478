//! Loops: `while`, `for`, `unroll`, and the jumps in them.
//!
//! The variable of a range has the type that holds both ends; the variable of a map is a tuple of its key and value,
//! where the value of an aggregation is the number that it is.

use super::check::Checker;
use super::names;
use super::storage::Storage;
use super::tree::{Aggregate, MapId, Stmt, StmtKind, VarId};
use super::ty::Ty;
use crate::diag::{Diagnostic, codes};
use crate::source::Span;
use crate::syntax::ast::{Block, Expr, ExprKind as Ast, ForOver, Statement, StatementKind};

/// Copies that `unroll` may make, as in the reference.
const MOST_COPIES: i128 = 100;

impl Checker<'_, '_> {
    fn deprecate_while(&mut self, span: Span) {
        let word = Span::new(span.file, span.start as usize..span.start as usize + "while".len());
        let warning = Diagnostic::warning(codes::DEPRECATED, "`while` may go in the future");
        let help = "a loop over a range is known to end: `for ($i : 0..100) { ... break; }`";
        self.report(warning.at(word, "works still").help(help));
    }

    /// A loop or a jump in one; None also for what is neither.
    pub(super) fn loop_statement(&mut self, statement: &Statement) -> Option<StmtKind> {
        match &statement.kind {
            StatementKind::While { cond, body } => {
                self.deprecate_while(statement.span);
                let cond = self.condition(cond);
                let body = self.round(body);
                Some(StmtKind::While { cond: cond?.into_expr(), body })
            }
            StatementKind::Unroll { count, body } => {
                let count = self.copies(count);
                let body = self.round(body);
                Some(StmtKind::Unroll { count: count?, body })
            }
            StatementKind::For { over, body, .. } => {
                let var = self.body().scopes.of_let(statement);
                match over {
                    ForOver::Range { start, end } => self.range(var, start, end, body),
                    ForOver::Map(map) => self.over_map(var, map, body),
                }
            }
            StatementKind::Break => self.jump(statement.span, StmtKind::Break, "break"),
            StatementKind::Continue => self.jump(statement.span, StmtKind::Continue, "continue"),
            _ => None,
        }
    }

    fn round(&mut self, body: &Block) -> Vec<Stmt> {
        self.loops += 1;
        let body = self.block(body);
        self.loops -= 1;
        body
    }

    fn jump(&mut self, span: Span, kind: StmtKind, name: &str) -> Option<StmtKind> {
        if self.loops > 0 {
            return Some(kind);
        }
        let message = format!("`{name}` outside of a loop");
        let error = Diagnostic::error(codes::OUTSIDE_LOOP, message).at(span, "no loop around it");
        self.report(error.help("`return` ends the probe"));
        None
    }

    fn copies(&mut self, count: &Expr) -> Option<u32> {
        let val = self.value(count)?;
        match val.as_integer() {
            Some(copies @ 1..=MOST_COPIES) => Some(copies as u32),
            Some(copies) => {
                let message = format!("a block cannot be unrolled {copies} times");
                let error = Diagnostic::error(codes::OUT_OF_RANGE, message);
                let error = error.at(count.span, format!("1 to {MOST_COPIES} copies"));
                self.report(error.help("a `for` loop has any number of rounds: `for ($i : 0..n)`"));
                None
            }
            None => {
                let message = "the number of copies must be known when the script is compiled";
                let error = Diagnostic::error(codes::BAD_ARGUMENT, message).at(count.span, "not a constant");
                self.report(error.help("a `for` loop has any number of rounds: `for ($i : 0..n)`"));
                None
            }
        }
    }

    fn range(&mut self, var: Option<VarId>, start: &Expr, end: &Expr, body: &Block) -> Option<StmtKind> {
        let ends = [start, end].map(|end| self.range_end(end));
        let body = self.round(body);
        let [start, end] = ends;
        let (start, end, var) = (start?, end?, var?);
        let ty = self.var(var).slot.ty.clone()?;
        if !ty.is_int() {
            // What else it is set to is wrong, which is said there.
            return None;
        }
        let (start, end) = (start.cast(ty.clone()).into_expr(), end.cast(ty).into_expr());
        Some(StmtKind::ForRange { var, start, end, body })
    }

    fn range_end(&mut self, end: &Expr) -> Option<super::value::Val> {
        let val = self.value(end)?;
        if val.ty.is_int() {
            return Some(val);
        }
        let found = self.name(&val.ty);
        let message = format!("a range goes from integer to integer, not {found}");
        self.error(codes::TYPE_MISMATCH, end.span, message, format!("this is {found}"))
    }

    fn over_map(&mut self, var: Option<VarId>, over: &Expr, body: &Block) -> Option<StmtKind> {
        let map = self.walked_map(over);
        let body = self.round(body);
        let (map, var) = (map?, var?);
        self.var(var).slot.ty.as_ref()?;
        Some(StmtKind::ForMap { var, map, body })
    }

    /// The map that a loop runs over: one with keys, whose values a script can read.
    fn walked_map(&mut self, over: &Expr) -> Option<MapId> {
        let Ast::Map { name, key: None } = &over.kind else {
            let message = "a loop runs over a map or a range";
            let error = Diagnostic::error(codes::TYPE_MISMATCH, message).at(over.span, "neither");
            self.report(error.help("a range has two ends: `0..10`"));
            return None;
        };
        let at = self.maps.find(name)?;
        self.refuse_sequence(at, over.span, "a loop over it")?;
        self.refuse_trie(at, over.span, "a program cannot go over the prefixes of")?;
        let info = self.maps.list[at].clone();
        match info.keyed {
            None => {
                self.report_undefined(over.span, name);
                return None;
            }
            Some((false, first)) => {
                let message = format!("@{name} has no keys to run over");
                let error = Diagnostic::error(codes::MAP_KEY, message).at(over.span, "a loop over it");
                self.report(error.because(first, "used without a key here"));
                return None;
            }
            Some((true, _)) => {}
        }
        if let Some(Ty::Aggregate(kind)) = &info.value.ty
            && number_of(kind).is_none()
        {
            let kind = names::aggregate(kind);
            let message = format!("a loop cannot read the values of a {kind} map");
            let error = Diagnostic::error(codes::MAP_VALUE, message).at(over.span, format!("holds {kind}"));
            self.report(error.because(info.value.span, "from here").help("`print` shows the whole map"));
            return None;
        }
        Some(MapId(at as u32))
    }

    /// The type of the variable of a loop over map `at`, as far as it is known.
    pub(super) fn entry_type(&self, at: usize) -> Option<Ty> {
        let info = &self.maps.list[at];
        let value = match info.value.ty.clone()? {
            Ty::Aggregate(kind) => number_of(&kind)?,
            ty => ty,
        };
        let array = self.storage_of(at).is_some_and(Storage::is_array);
        let key = if array { Ty::U32 } else { info.key.ty.clone()? };
        Some(Ty::Tuple([key, value].into()))
    }
}

/// The type of the number that an aggregation is; None for those that are more than a number.
pub(super) fn number_of(kind: &Aggregate) -> Option<Ty> {
    use Aggregate::*;
    match kind {
        Count => Some(Ty::I64),
        Sum { signed } | Min { signed } | Max { signed } | Avg { signed } => {
            Some(if *signed { Ty::I64 } else { Ty::U64 })
        }
        Stats { .. } | Hist { .. } | Lhist { .. } | Series(_) => None,
    }
}

/// The type of the record that a script reads where an aggregation is several numbers.
pub(super) fn record_of(kind: &Aggregate) -> Option<Ty> {
    let Aggregate::Stats { signed } = kind else { return None };
    let number = if *signed { Ty::I64 } else { Ty::U64 };
    let names = ["count", "average", "total"].map(Into::into);
    Some(Ty::Record { names: names.into(), items: [Ty::U64, number.clone(), number].into() })
}
