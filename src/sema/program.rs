//! The typed program, put together from the checked bodies.

use super::check::Checker;
use super::drains;
use super::expr::prefix;
use super::maps::Slot;
use super::probes::iter;
use super::storage::Storage;
use super::tree::{
    Aggregate, Attach, Builtin, Expr, ExprKind, Map, MapValue, Probe, ProbeKind, Program, Var,
};
use super::ty::Ty;
use super::types::{Space, Type};
use crate::diag::{Diagnostic, codes};
use crate::host::BtfKind;
use crate::syntax::ast::{self, BinaryOp};

impl Checker<'_, '_> {
    /// Types every body aloud and makes the program.
    pub(super) fn program(mut self, script: &ast::Script) -> Program {
        let probes = (0..self.bodies.len()).filter_map(|body| self.probe(body)).collect();
        self.check_maps();
        self.check_declared();
        let clauses = script.probes.iter().map(clause_text).collect();
        let maps = (0..self.maps.list.len()).map(|at| self.map(at)).collect();
        Program {
            probes,
            clauses,
            maps,
            structs: self.types.structs,
            probe_names: self.probe_names,
            texts: self.texts,
            imports: self.called,
            taken: self.imports.taken(),
        }
    }

    fn probe(&mut self, body: usize) -> Option<Probe> {
        self.current = body;
        let ast = self.body().ast;
        let predicate = ast.predicate.as_ref().and_then(|predicate| self.condition(predicate));
        let mut statements = self.block(&ast.body);
        drains::mark(&mut statements);
        let predicate = self.with_pid(predicate.map(super::value::Val::into_expr));
        let predicate = self.with_object(predicate);
        let vars = (0..self.body().vars.len()).map(|var| self.var_of(var)).collect();
        let body = &mut self.bodies[body];
        let attach = std::mem::take(&mut body.attach);
        let (clause, kind, span) = (body.clause, body.kind, ast.span);
        // A block whose attach points are all wrong was checked for its own mistakes only.
        (!attach.is_empty()).then_some(Probe {
            clause,
            span,
            kind,
            attach,
            predicate,
            body: statements,
            vars,
        })
    }

    fn var_of(&self, at: usize) -> Var {
        let slot = &self.body().vars[at];
        let name = format!("${}", self.body().scopes.vars[at].name);
        let ty = match &slot.slot.ty {
            Some(ty) => ty.to_type(),
            None => Ty::I64.to_type(),
        };
        Var { name, ty }
    }

    /// The predicate of `-p`, before the script's own, and for counters and clocks of CPUs that of `-c`. Timers and the
    /// ends of the script run for no process.
    fn with_pid(&self, predicate: Option<Expr>) -> Option<Expr> {
        use ProbeKind::*;
        let wanted = match self.body().kind {
            Kprobe | Kretprobe | Fentry | Fexit | Tracepoint | Rawtracepoint => self.options.pid,
            Profile | Software | Hardware => self.options.target(),
            _ => None,
        };
        let Some(pid) = wanted else { return predicate };
        let (span, u32) = (self.body().ast.span, Ty::U32.to_type());
        let own = Expr { span, ty: u32.clone(), kind: ExprKind::Builtin(Builtin::Pid) };
        let wanted = Expr::int(i64::from(pid), u32, span);
        let (left, right) = (Box::new(own), Box::new(wanted));
        let same = Expr { span, ty: Type::Bool, kind: ExprKind::Binary { op: BinaryOp::Eq, left, right } };
        Some(both(same, predicate))
    }

    /// An iterator's program runs once more behind the last object, without one: the script does not.
    fn with_object(&self, predicate: Option<Expr>) -> Option<Expr> {
        let target = match self.body().attach.first().map(|at| &at.target) {
            Some(Attach::Iter { target, .. }) => target,
            _ => return predicate,
        };
        let Some(offset) = self.host.btf().ok().and_then(|btf| iter::object(btf, target)) else {
            return predicate;
        };
        let (span, u64) = (self.body().ast.span, Ty::U64.to_type());
        let context = Type::Pointer { to: std::sync::Arc::new(Type::None), space: Space::Context };
        let address = Box::new(Expr { span, ty: context, kind: ExprKind::Context });
        let kind = ExprKind::Load { address, offset: i64::from(offset), space: Space::Context, bits: None };
        let left = Box::new(Expr { span, ty: u64.clone(), kind });
        let right = Box::new(Expr::int(0, u64, span));
        let there = ExprKind::Binary { op: BinaryOp::Ne, left, right };
        let predicate = self.of_process(target).into_iter().fold(predicate, |all, one| Some(both(one, all)));
        Some(both(Expr { span, ty: Type::Bool, kind: there }, predicate))
    }

    /// Of an iterator over tasks or what belongs to them: whether the task is one of the process that is traced.
    fn of_process(&self, target: &str) -> Option<Expr> {
        let pid = self.options.target()?;
        let btf = self.host.btf().ok()?;
        let task = iter::member(btf, iter::context(btf, target)?, "task")?;
        let process = iter::member(btf, btf.find(BtfKind::Struct, "task_struct")?, "tgid")?;
        let (span, u32) = (self.body().ast.span, Ty::U32.to_type());
        let context = Type::Pointer { to: std::sync::Arc::new(Type::None), space: Space::Context };
        let load = |address: Expr, offset: u32, space: Space, ty: Type| Expr {
            span,
            ty,
            kind: ExprKind::Load { address: Box::new(address), offset: i64::from(offset), space, bits: None },
        };
        let context = Expr { span, ty: context, kind: ExprKind::Context };
        let task = load(context, task, Space::Context, Ty::U64.to_type());
        let left = Box::new(load(task, process, Space::Kernel, u32.clone()));
        let right = Box::new(Expr::int(i64::from(pid), u32, span));
        let kind = ExprKind::Binary { op: BinaryOp::Eq, left, right };
        Some(Expr { span, ty: Type::Bool, kind })
    }

    /// Says which maps are read but never written: they hold 0.
    fn check_maps(&mut self) {
        for at in 0..self.maps.list.len() {
            let map = &self.maps.list[at];
            let empty = |slot: &Slot| {
                let nothing = slot.ty.as_ref().and_then(Ty::items).is_some_and(|items| items.is_empty());
                nothing.then_some(slot.span)
            };
            if let Some(span) = empty(&map.key).or_else(|| empty(&map.value)) {
                let message = format!("@{} cannot hold an empty tuple", map.name);
                let error = Diagnostic::error(codes::MAP_VALUE, message).at(span, "there is nothing to keep");
                self.report(error);
                continue;
            }
            if map.accessed && !map.written {
                let message = format!("@{} is never written", map.name);
                let warning = Diagnostic::warning(codes::UNWRITTEN_MAP, message).at(map.span, "always 0");
                self.report(warning);
            }
        }
    }

    fn map(&self, at: usize) -> Map {
        let map = &self.maps.list[at];
        let declared = map.declared.as_ref();
        let sequence = declared.is_some_and(|it| it.storage.is_sequence());
        let keyed = map.keyed.is_some_and(|(keyed, _)| keyed);
        let array = declared.is_some_and(|it| it.storage.is_array());
        let prefix = declared.is_some_and(|it| it.storage == Storage::LpmTrie).then(prefix::key_type);
        let key = if array { Some(&Ty::U32) } else { prefix.as_ref().or(map.key.ty.as_ref()) };
        let key = key.filter(|_| keyed).map(Ty::to_type);
        let value = match &map.value.ty {
            Some(Ty::Aggregate(kind)) => MapValue::Aggregate(Aggregate::clone(kind)),
            Some(ty) => MapValue::Plain(ty.to_type()),
            None => MapValue::Plain(Ty::I64.to_type()),
        };
        Map {
            name: format!("@{}", map.name),
            span: map.span,
            key,
            value,
            // what others see cannot be swapped for another map, and what is taken out one by one need not be
            cleared: map.cleared && declared.is_none_or(|it| it.pin.is_none() && !it.storage.is_sequence()),
            measured: map.measured,
            max_entries: if keyed || sequence {
                declared.map_or(self.options.max_map_keys, |it| it.entries)
            } else {
                1
            },
            storage: declared.map(|it| it.storage),
            pin: declared.and_then(|it| it.pin.clone()),
        }
    }
}

/// `first`, and then the script's own condition.
fn both(first: Expr, then: Option<Expr>) -> Expr {
    let Some(then) = then else { return first };
    let (span, left, right) = (first.span, Box::new(first), Box::new(then));
    Expr { span, ty: Type::Bool, kind: ExprKind::Logical { and: true, left, right } }
}

/// The attach points of a block as written.
fn clause_text(probe: &ast::Probe) -> String {
    let point = |point: &ast::AttachPoint| {
        point.parts.iter().map(|part| part.text.as_str()).collect::<Vec<_>>().join(":")
    };
    probe.attach.iter().map(point).collect::<Vec<_>>().join(",")
}
