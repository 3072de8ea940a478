//! Statements.

use super::func::FuncBuilder;
use super::module::{ControlWord, System};
use crate::ir::entities::Value;
use crate::ir::function::{InstData, Provenance, Type as IrType, Width};
use crate::sema::tree::{Expr, ExprKind, Stmt, StmtKind, VarId};
use crate::wire::record::Action;

impl<'m> FuncBuilder<'_, 'm> {
    /// Statements in order, as far as they are reached.
    pub fn statements(&mut self, statements: &'m [Stmt]) {
        for statement in statements {
            if !self.is_reachable() {
                return;
            }
            self.span = statement.span;
            self.statement(statement);
            self.count_faults();
        }
    }

    /// The statements of a block expression; what follows is built even where they return.
    pub fn nested(&mut self, statements: &'m [Stmt]) {
        self.count_faults();
        self.statements(statements);
        if !self.is_reachable() {
            let never = self.new_block();
            self.enter(never);
        }
    }

    fn statement(&mut self, statement: &'m Stmt) {
        match &statement.kind {
            StmtKind::Expr(expr) => self.expression_only(expr),
            StmtKind::SetVar { var, value } => self.set_var(*var, value),
            StmtKind::SetMap { map, key, value } => self.set_map(*map, key.as_ref(), value),
            StmtKind::UpdateMap { map, key, op, value } => self.update_map(*map, key.as_ref(), *op, value),
            StmtKind::Aggregate { map, key, value } => self.aggregate(*map, key.as_ref(), value.as_ref()),
            StmtKind::If { cond, then, otherwise } => self.if_(cond, then, otherwise),
            StmtKind::While { cond, body } => self.while_(cond, body),
            StmtKind::ForRange { var, start, end, body } => self.for_range(*var, start, end, body),
            StmtKind::ForMap { var, map, body } => self.for_map(*var, *map, body),
            StmtKind::Unroll { count, body } => self.unroll(*count, body),
            StmtKind::Break => self.break_(),
            StmtKind::Continue => self.continue_(),
            StmtKind::Return(value) => self.return_value(value.as_ref()),
            StmtKind::Printf { format, args } => self.printf(statement, format, args),
            StmtKind::Formatted { what, format, args } => self.formatted(statement, *what, format, args),
            StmtKind::Join { array, space, separator } => {
                self.join_texts(statement, array, *space, separator)
            }
            StmtKind::PrintValue { value } => self.print_value(statement, value),
            StmtKind::PrintEntry { map, key } => self.print_entry(statement, *map, key),
            StmtKind::PrintMap { map, top, div, drains } => {
                let drains = drains.then_some(self.probe.clause);
                let (map, clause, top, div) = (map.0 as usize, self.probe.clause, *top, *div);
                self.control(statement, || Action::PrintMap { map, clause, top, div, drains });
            }
            StmtKind::Clear(map) => {
                let (map, clause) = (map.0 as usize, self.probe.clause);
                self.control(statement, || Action::Clear { map, clause });
            }
            StmtKind::Zero(map) => self.control(statement, || Action::Zero { map: map.0 as usize }),
            StmtKind::Exit { code } => self.exit(statement, code.as_ref()),
            StmtKind::Time { format } => {
                self.event(statement, &[], |_| Action::Time { format: format.clone() });
            }
        }
    }

    fn expression_only(&mut self, expr: &'m Expr) {
        match &expr.kind {
            ExprKind::StepMap { map, key, delta, .. } => self.step_map_only(*map, key.as_deref(), *delta),
            ExprKind::Cast(inner) => self.expression_only(inner),
            _ if expr.ty.is_scalar() => {
                self.scalar(expr);
            }
            _ => {
                let memory = self.memory(expr);
                self.release(memory);
            }
        }
    }

    fn set_var(&mut self, var: VarId, value: &'m Expr) {
        if self.probe.vars[var.0 as usize].ty.is_scalar() {
            let value = self.scalar(value);
            self.set_scalar(var, value);
        } else {
            self.set_var_memory(var, value);
        }
    }

    fn if_(&mut self, cond: &'m Expr, then: &'m [Stmt], otherwise: &'m [Stmt]) {
        let (yes, no) = (self.new_block(), self.new_block());
        self.condition(cond, yes, no);
        let arms = [(yes, then), (no, otherwise)].map(|(block, statements)| {
            self.arm(block, |b| {
                b.statements(statements);
                None
            })
        });
        self.join(arms);
    }

    /// `exit(code)`: the status, then the flag, then the record that wakes the runtime.
    fn exit(&mut self, statement: &'m Stmt, code: Option<&'m Expr>) {
        let code = match code {
            Some(code) => self.int(code),
            None => self.iconst(0),
        };
        self.count_faults();
        let one = self.iconst(1);
        for (word, value) in [(ControlWord::ExitCode, code), (ControlWord::ExitFlag, one)] {
            let address = self.control_word(word);
            self.store(Width::B8, address, 0, value);
        }
        self.control(statement, || Action::Exit);
        self.return_();
    }

    fn control_word(&mut self, word: ControlWord) -> Value {
        let map = self.m.system(System::Control);
        let data = InstData::MapValueAddr { map, offset: 0 };
        let inst = self.func.make_inst(data, Some(IrType::Ptr(Provenance::MapValue(map))), self.span);
        self.m.control_word(inst, word);
        self.append(inst)
    }
}
