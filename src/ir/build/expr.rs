//! Scalars: every expression whose value is one number in one register.

use super::func::FuncBuilder;
use crate::ir::entities::Value;
use crate::ir::function::{BinOp, Cond, UnOp};
use crate::sema::tree::{BinaryOp, Expr, ExprKind, MapId, VarId};
use crate::sema::types::{IntType, Type};

impl<'m> FuncBuilder<'_, 'm> {
    /// The value of a scalar expression, extended to 64 bits by its type.
    pub fn int(&mut self, expr: &'m Expr) -> Value {
        let value = self.scalar(expr);
        self.as_int(value)
    }

    /// As `int`, but the context's address stays one.
    pub fn scalar(&mut self, expr: &'m Expr) -> Value {
        let outer = std::mem::replace(&mut self.span, expr.span);
        let value = self.scalar_here(expr);
        self.span = outer;
        value
    }

    fn scalar_here(&mut self, expr: &'m Expr) -> Value {
        match &expr.kind {
            ExprKind::Int(value) => self.iconst(*value),
            ExprKind::Var(var) => self.variable(*var),
            ExprKind::StepVar { var, delta, prefix } => self.step_variable(*var, *delta, *prefix, &expr.ty),
            ExprKind::MapGet { map, key } => self.map_get(*map, key.as_deref(), &expr.ty),
            ExprKind::StepMap { map, key, delta, prefix } => {
                self.step_map(*map, key.as_deref(), *delta, *prefix, &expr.ty)
            }
            ExprKind::HasKey { map, key } => self.has_key(*map, key),
            ExprKind::Delete { map, key } => self.delete(*map, key.as_deref()),
            ExprKind::Len(map) => self.len(*map),
            ExprKind::Push { map, value } => self.push(*map, value),
            ExprKind::Next { map, stays } => self.next_number(*map, *stays, &expr.ty),
            ExprKind::Builtin(builtin) => self.builtin(*builtin),
            ExprKind::Context => self.context,
            ExprKind::Load { address, offset, space, bits } => {
                self.read_scalar(address, *offset, *space, *bits, &expr.ty)
            }
            ExprKind::TupleField { base, index } => self.scalar_field(base, *index),
            ExprKind::Part { base, offset, bits } => self.scalar_part(base, *offset, *bits, &expr.ty),
            ExprKind::Element { base, offset, index, count } => {
                self.scalar_element(base, *offset, index, *count, &expr.ty)
            }
            ExprKind::Block { statements, value } => {
                self.nested(statements);
                self.scalar(value)
            }
            ExprKind::AddressOf(var) => self.address_of_var(*var),
            ExprKind::AddressOfMap(map) => self.address_of_map(*map),
            ExprKind::Neg(inner) => {
                let value = self.int(inner);
                let value = self.unary(UnOp::Neg, value);
                self.canonical(value, &expr.ty)
            }
            ExprKind::BitNot(inner) => {
                let value = self.int(inner);
                let value = self.binary_const(BinOp::Xor, value, -1);
                // The complement of a sign-extended number is one.
                if is_signed(&expr.ty) { value } else { self.canonical(value, &expr.ty) }
            }
            ExprKind::Binary { op, left, right } => self.binary_op(*op, left, right, &expr.ty),
            ExprKind::Call { function, args } => self.function(*function, args, &expr.ty),
            ExprKind::Cast(inner) => self.cast(inner, &expr.ty),
            ExprKind::Ternary { cond, then, otherwise } => self.choice(cond, then, otherwise),
            ExprKind::Not(_) | ExprKind::Logical { .. } | ExprKind::Equal { .. } => self.truth(expr),
            // No scalars: sema does not put them here.
            ExprKind::Str(_)
            | ExprKind::LoadStr { .. }
            | ExprKind::LoadWhole { .. }
            | ExprKind::DataLoc { .. }
            | ExprKind::Bytes(_)
            | ExprKind::Tuple(_) => self.iconst(0),
        }
    }

    fn variable(&mut self, var: VarId) -> Value {
        if self.vars.is_in_memory(var) {
            return self.load_var(var);
        }
        match self.vars.get(var) {
            Some(value) => value,
            None => self.iconst(0),
        }
    }

    fn step_variable(&mut self, var: VarId, delta: i64, prefix: bool, ty: &Type) -> Value {
        let old = self.variable(var);
        let old = self.as_int(old);
        let new = self.binary_const(BinOp::Add, old, delta);
        let new = self.canonical(new, ty);
        self.set_scalar(var, new);
        if prefix { new } else { old }
    }

    fn len(&mut self, map: MapId) -> Value {
        match self.len_counter(map) {
            Some(counter) => self.load(crate::ir::function::Width::B8, false, counter, 0),
            None if self.info(map).is_hash() => self.count_by_walk(map),
            None if self.info(map).is_array() => {
                self.iconst(self.m.program.maps[map.0 as usize].max_entries.into())
            }
            None => self.iconst(1),
        }
    }

    fn choice(&mut self, cond: &'m Expr, then: &'m Expr, otherwise: &'m Expr) -> Value {
        let (yes, no) = (self.new_block(), self.new_block());
        self.condition(cond, yes, no);
        let yes = self.arm(yes, |b| Some(b.int(then)));
        let no = self.arm(no, |b| Some(b.int(otherwise)));
        self.join_value([yes, no])
    }

    /// The number that both arms computed.
    pub fn join_value(&mut self, arms: [super::func::Arm; 2]) -> Value {
        match self.join(arms) {
            Some(value) => value,
            None => self.iconst(0),
        }
    }

    fn binary_op(&mut self, op: BinaryOp, left: &'m Expr, right: &'m Expr, ty: &Type) -> Value {
        let (l, r) = (self.int(left), self.int(right));
        match condition(op, is_signed(&left.ty)) {
            Some(cond) => self.icmp(cond, l, r),
            None => self.arithmetic(op, l, r, ty),
        }
    }

    /// `left op right` of type `ty`, which both are extended by. Division and right shifts are unsigned.
    pub fn arithmetic(&mut self, op: BinaryOp, left: Value, right: Value, ty: &Type) -> Value {
        let (op, may_leave_range) = match op {
            BinaryOp::Add => (BinOp::Add, true),
            BinaryOp::Sub => (BinOp::Sub, true),
            BinaryOp::Mul => (BinOp::Mul, true),
            BinaryOp::Div => return self.divide(BinOp::UDiv, left, right),
            BinaryOp::Mod => return self.divide(BinOp::URem, left, right),
            BinaryOp::BitAnd => (BinOp::And, false),
            BinaryOp::BitOr => (BinOp::Or, false),
            BinaryOp::BitXor => (BinOp::Xor, false),
            BinaryOp::Shl => (BinOp::Shl, true),
            BinaryOp::Shr => (BinOp::LShr, false),
            // Comparisons and logic are no arithmetic: sema does not put them here.
            _ => (BinOp::And, false),
        };
        let value = self.binary(op, left, right);
        if may_leave_range { self.canonical(value, ty) } else { value }
    }

    /// Division or modulo; by 0 it gives 1, as in the reference.
    fn divide(&mut self, op: BinOp, left: Value, right: Value) -> Value {
        match self.func.as_const(right) {
            Some(0) => self.iconst(1),
            Some(_) => self.binary(op, left, right),
            None => {
                let (usual, by_zero) = (self.new_block(), self.new_block());
                self.branch(right, usual, by_zero);
                let usual = self.arm(usual, |b| Some(b.binary(op, left, right)));
                let by_zero = self.cold_arm(by_zero, |b| Some(b.iconst(1)));
                self.join_value([usual, by_zero])
            }
        }
    }

    fn cast(&mut self, inner: &'m Expr, ty: &Type) -> Value {
        if *ty == Type::Bool {
            return self.truth(inner);
        }
        let value = self.scalar(inner);
        let (Some(from), Some(to)) = (inner.ty.as_int(), ty.as_int()) else { return value };
        // A number in the range of its type is often extended as the wider type wants it already.
        let same = if from.signed { to.signed } else { from.size < to.size || !to.signed };
        if from.size <= to.size && (same || to.size == 8) {
            return value;
        }
        let value = self.as_int(value);
        self.canonical(value, ty)
    }

    /// A number cut to its type and extended by it.
    pub fn canonical(&mut self, value: Value, ty: &Type) -> Value {
        let op = match ty.as_int() {
            Some(IntType { size: 1, signed: false }) => UnOp::Zext8,
            Some(IntType { size: 2, signed: false }) => UnOp::Zext16,
            Some(IntType { size: 4, signed: false }) => UnOp::Zext32,
            Some(IntType { size: 1, signed: true }) => UnOp::Sext8,
            Some(IntType { size: 2, signed: true }) => UnOp::Sext16,
            Some(IntType { size: 4, signed: true }) => UnOp::Sext32,
            _ => return value,
        };
        match self.func.as_const(value) {
            Some(number) => self.iconst(op.eval(number as u64) as i64),
            None => self.unary(op, value),
        }
    }
}

/// True for signed integers; pointers and names are unsigned.
pub fn is_signed(ty: &Type) -> bool {
    ty.as_int().is_some_and(|int| int.signed)
}

/// The comparison that an operator is.
pub fn condition(op: BinaryOp, signed: bool) -> Option<Cond> {
    Some(match (op, signed) {
        (BinaryOp::Eq, _) => Cond::Eq,
        (BinaryOp::Ne, _) => Cond::Ne,
        (BinaryOp::Lt, false) => Cond::Ult,
        (BinaryOp::Le, false) => Cond::Ule,
        (BinaryOp::Gt, false) => Cond::Ugt,
        (BinaryOp::Ge, false) => Cond::Uge,
        (BinaryOp::Lt, true) => Cond::Slt,
        (BinaryOp::Le, true) => Cond::Sle,
        (BinaryOp::Gt, true) => Cond::Sgt,
        (BinaryOp::Ge, true) => Cond::Sge,
        _ => return None,
    })
}
