//! What a typed script prints, straight from the tree: the reference of differential tests.
//!
//! Covers what `script` generates: integers, strings, tuples as keys, plain maps and count, sum, min, max.
//! Deliberately absent: everything that depends on the machine (builtins, memory, time).

use std::collections::{BTreeMap, HashMap};

use crate::sema::tree::{
    Aggregate, BinaryOp, Expr, ExprKind, MapId, MapValue, Probe, Program, Stmt, StmtKind, VarId,
};
use crate::sema::types::{IntType, Type};
use crate::wire::format::{Conversion, Format, Piece};

/// A value of the language.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Value {
    /// Extended to 64 bits by its type.
    Int(i64),
    /// Without NUL.
    Str(Vec<u8>),
    /// Several.
    Tuple(Vec<Value>),
}

/// What a map holds at a key.
#[derive(Clone, Debug)]
enum Cell {
    Plain(Value),
    Number(i64),
}

/// How a statement ended.
#[derive(PartialEq)]
enum Flow {
    On,
    Returned,
    Broke,
    Continued,
}

/// Runs every probe once, in order, and gives what they print.
///
/// # Errors
/// Names the construct, when the script has one that this evaluator does not cover.
pub fn run(program: &Program) -> Result<String, String> {
    let mut machine = Machine { program, maps: HashMap::new(), out: String::new() };
    for probe in &program.probes {
        machine.probe(probe)?;
    }
    Ok(machine.out)
}

struct Machine<'a> {
    program: &'a Program,
    maps: HashMap<MapId, BTreeMap<Value, Cell>>,
    out: String,
}

type Vars = HashMap<VarId, Value>;

/// Keyless maps keep their value here.
const NO_KEY: Value = Value::Int(0);

impl Machine<'_> {
    fn probe(&mut self, probe: &Probe) -> Result<(), String> {
        let mut vars = Vars::new();
        if let Some(predicate) = &probe.predicate
            && self.int(predicate, &mut vars)? == 0
        {
            return Ok(());
        }
        self.block(&probe.body, &mut vars).map(|_| ())
    }

    fn block(&mut self, statements: &[Stmt], vars: &mut Vars) -> Result<Flow, String> {
        for statement in statements {
            let flow = self.statement(statement, vars)?;
            if flow != Flow::On {
                return Ok(flow);
            }
        }
        Ok(Flow::On)
    }

    fn statement(&mut self, statement: &Stmt, vars: &mut Vars) -> Result<Flow, String> {
        match &statement.kind {
            StmtKind::Expr(expr) => {
                self.eval(expr, vars)?;
            }
            StmtKind::SetVar { var, value } => {
                let value = self.eval(value, vars)?;
                vars.insert(*var, value);
            }
            StmtKind::SetMap { map, key, value } => {
                let value = self.eval(value, vars)?;
                let key = self.key(key.as_ref(), vars)?;
                self.maps.entry(*map).or_default().insert(key, Cell::Plain(value));
            }
            StmtKind::UpdateMap { map, key, op, value } => {
                self.update(*map, key.as_ref(), *op, value, vars)?
            }
            StmtKind::Aggregate { map, key, value } => {
                let value = value.as_ref().map(|v| self.int(v, vars)).transpose()?;
                let key = self.key(key.as_ref(), vars)?;
                self.aggregate(*map, key, value)?;
            }
            StmtKind::If { cond, then, otherwise } => {
                let taken = if self.int(cond, vars)? != 0 { then } else { otherwise };
                return self.block(taken, vars);
            }
            StmtKind::While { cond, body } => {
                while self.int(cond, vars)? != 0 {
                    match self.block(body, vars)? {
                        Flow::Broke => break,
                        Flow::Returned => return Ok(Flow::Returned),
                        Flow::On | Flow::Continued => {}
                    }
                }
            }
            StmtKind::ForRange { var, start, end, body } => {
                let numbers = self.int(start, vars)?..self.int(end, vars)?;
                return self.rounds(numbers.map(|n| Some((*var, Value::Int(n)))), body, vars);
            }
            StmtKind::Unroll { count, body } => return self.rounds((0..*count).map(|_| None), body, vars),
            StmtKind::ForMap { var, map, body } => return self.over_map(*var, *map, body, vars),
            StmtKind::Break => return Ok(Flow::Broke),
            StmtKind::Continue => return Ok(Flow::Continued),
            StmtKind::Return(_) => return Ok(Flow::Returned),
            StmtKind::Printf { format, args } => {
                let args = args.iter().map(|a| self.eval(a, vars)).collect::<Result<Vec<_>, _>>()?;
                self.printf(format, &args)?;
            }
            StmtKind::PrintMap { map, .. } => self.print_map(*map)?,
            StmtKind::Clear(map) => {
                self.maps.remove(map);
            }
            other => return Err(format!("statement {other:?}")),
        }
        Ok(Flow::On)
    }

    /// A round for each item, with the variable that it sets.
    fn rounds(
        &mut self,
        items: impl Iterator<Item = Option<(VarId, Value)>>,
        body: &[Stmt],
        vars: &mut Vars,
    ) -> Result<Flow, String> {
        for item in items {
            vars.extend(item);
            match self.block(body, vars)? {
                Flow::Broke => break,
                Flow::Returned => return Ok(Flow::Returned),
                Flow::On | Flow::Continued => {}
            }
        }
        Ok(Flow::On)
    }

    /// A round for each key that was there at the beginning and still is.
    fn over_map(&mut self, var: VarId, map: MapId, body: &[Stmt], vars: &mut Vars) -> Result<Flow, String> {
        let keys: Vec<Value> =
            self.maps.get(&map).into_iter().flatten().map(|(key, _)| key.clone()).collect();
        for key in keys {
            let value = match self.maps.get(&map).and_then(|cells| cells.get(&key)) {
                Some(Cell::Plain(value)) => value.clone(),
                Some(Cell::Number(n)) => Value::Int(*n),
                None => continue,
            };
            vars.insert(var, Value::Tuple(vec![key, value]));
            match self.block(body, vars)? {
                Flow::Broke => break,
                Flow::Returned => return Ok(Flow::Returned),
                Flow::On | Flow::Continued => {}
            }
        }
        Ok(Flow::On)
    }

    fn update(
        &mut self,
        map: MapId,
        key: Option<&Expr>,
        op: BinaryOp,
        value: &Expr,
        vars: &mut Vars,
    ) -> Result<(), String> {
        let ty = self.plain_int(map)?;
        let value = self.int(value, vars)?;
        let key = self.key(key, vars)?;
        let old = self.stored(map, &key);
        let new = canonical(binary(op, old, value, ty), ty);
        self.maps.entry(map).or_default().insert(key, Cell::Plain(Value::Int(new)));
        Ok(())
    }

    fn aggregate(&mut self, map: MapId, key: Value, value: Option<i64>) -> Result<(), String> {
        let MapValue::Aggregate(kind) = &self.program.maps[map.0 as usize].value else {
            return Err("aggregation into a plain map".into());
        };
        let value = value.unwrap_or(1);
        let cells = self.maps.entry(map).or_default();
        let old = match cells.get(&key) {
            Some(Cell::Number(n)) => Some(*n),
            _ => None,
        };
        let new = match (kind, old) {
            (Aggregate::Count | Aggregate::Sum { .. }, old) => old.unwrap_or(0).wrapping_add(value),
            (_, None) => value,
            (Aggregate::Min { signed: true }, Some(old)) => old.min(value),
            (Aggregate::Max { signed: true }, Some(old)) => old.max(value),
            (Aggregate::Min { .. }, Some(old)) => (old as u64).min(value as u64) as i64,
            (Aggregate::Max { .. }, Some(old)) => (old as u64).max(value as u64) as i64,
            (other, _) => return Err(format!("aggregation {other:?}")),
        };
        cells.insert(key, Cell::Number(new));
        Ok(())
    }

    fn print_map(&mut self, map: MapId) -> Result<(), String> {
        let name = &self.program.maps[map.0 as usize].name;
        for (key, cell) in self.maps.get(&map).into_iter().flatten() {
            match (key, cell) {
                (&NO_KEY, Cell::Number(n)) => self.out += &format!("{name}: {n}\n"),
                other => return Err(format!("printing {other:?}")),
            }
        }
        Ok(())
    }

    fn printf(&mut self, format: &Format, args: &[Value]) -> Result<(), String> {
        let mut args = args.iter();
        for piece in &format.pieces {
            match piece {
                Piece::Text(text) => self.out += text,
                Piece::Conversion(Conversion { kind, .. }) => match (kind, args.next()) {
                    ('d' | 'i', Some(Value::Int(n))) => self.out += &n.to_string(),
                    ('u', Some(Value::Int(n))) => self.out += &(*n as u64).to_string(),
                    ('s', Some(Value::Str(s))) => self.out += &String::from_utf8_lossy(s),
                    other => return Err(format!("conversion {other:?}")),
                },
            }
        }
        Ok(())
    }

    fn plain_int(&self, map: MapId) -> Result<IntType, String> {
        match &self.program.maps[map.0 as usize].value {
            MapValue::Plain(ty) => ty.as_int().ok_or_else(|| format!("update of {ty:?}")),
            other => Err(format!("update of {other:?}")),
        }
    }

    fn key(&mut self, key: Option<&Expr>, vars: &mut Vars) -> Result<Value, String> {
        key.map_or(Ok(NO_KEY), |key| self.eval(key, vars))
    }

    fn stored(&self, map: MapId, key: &Value) -> i64 {
        match self.maps.get(&map).and_then(|cells| cells.get(key)) {
            Some(Cell::Plain(Value::Int(n))) => *n,
            _ => 0,
        }
    }

    fn int(&mut self, expr: &Expr, vars: &mut Vars) -> Result<i64, String> {
        match self.eval(expr, vars)? {
            Value::Int(n) => Ok(n),
            other => Err(format!("{other:?} where an integer is due")),
        }
    }

    fn eval(&mut self, expr: &Expr, vars: &mut Vars) -> Result<Value, String> {
        let int = expr.ty.as_int();
        let number = |n: i64| Ok(Value::Int(int.map_or(n, |ty| canonical(n, ty))));
        match &expr.kind {
            ExprKind::Int(n) => Ok(Value::Int(*n)),
            ExprKind::Str(s) => Ok(Value::Str(s.clone())),
            ExprKind::Var(var) => Ok(vars.get(var).cloned().unwrap_or(zero(&expr.ty))),
            ExprKind::MapGet { map, key } => {
                let key = self.key(key.as_deref(), vars)?;
                match self.maps.get(map).and_then(|cells| cells.get(&key)) {
                    Some(Cell::Plain(value)) => Ok(value.clone()),
                    Some(Cell::Number(n)) => Ok(Value::Int(*n)),
                    None => Ok(zero(&expr.ty)),
                }
            }
            ExprKind::StepMap { map, key, delta, prefix } => {
                let ty = self.plain_int(*map)?;
                let key = self.key(key.as_deref(), vars)?;
                let old = self.stored(*map, &key);
                let new = canonical(old.wrapping_add(*delta), ty);
                self.maps.entry(*map).or_default().insert(key, Cell::Plain(Value::Int(new)));
                number(if *prefix { new } else { old })
            }
            ExprKind::StepVar { var, delta, prefix } => {
                let old = match vars.get(var) {
                    Some(Value::Int(n)) => *n,
                    _ => 0,
                };
                let new = int.map_or(old.wrapping_add(*delta), |ty| canonical(old.wrapping_add(*delta), ty));
                vars.insert(*var, Value::Int(new));
                number(if *prefix { new } else { old })
            }
            ExprKind::HasKey { map, key } => {
                let key = self.eval(key, vars)?;
                Ok(Value::Int(self.maps.get(map).is_some_and(|cells| cells.contains_key(&key)).into()))
            }
            ExprKind::Delete { map, key } => {
                let key = self.key(key.as_deref(), vars)?;
                let gone = self.maps.get_mut(map).and_then(|cells| cells.remove(&key));
                Ok(Value::Int(gone.is_some().into()))
            }
            ExprKind::Tuple(items) => {
                Ok(Value::Tuple(items.iter().map(|i| self.eval(i, vars)).collect::<Result<_, _>>()?))
            }
            ExprKind::TupleField { base, index } => match self.eval(base, vars)? {
                Value::Tuple(items) => Ok(items[*index as usize].clone()),
                other => Err(format!("field of {other:?}")),
            },
            ExprKind::Neg(x) => self.int(x, vars).and_then(|x| number(x.wrapping_neg())),
            ExprKind::BitNot(x) => self.int(x, vars).and_then(|x| number(!x)),
            ExprKind::Not(x) => Ok(Value::Int((self.int(x, vars)? == 0).into())),
            ExprKind::Cast(x) => {
                let x = self.int(x, vars)?;
                if expr.ty == Type::Bool { Ok(Value::Int((x != 0).into())) } else { number(x) }
            }
            ExprKind::Binary { op, left, right } => {
                let ty = left.ty.as_int().unwrap_or(IntType::I64);
                let (left, right) = (self.int(left, vars)?, self.int(right, vars)?);
                number(binary(*op, left, right, ty))
            }
            ExprKind::Logical { and, left, right } => {
                let left = self.int(left, vars)? != 0;
                let result = if left == *and { self.int(right, vars)? != 0 } else { left };
                Ok(Value::Int(result.into()))
            }
            ExprKind::Equal { negated, left, right } => {
                let equal = self.eval(left, vars)? == self.eval(right, vars)?;
                Ok(Value::Int((equal != *negated).into()))
            }
            ExprKind::Ternary { cond, then, otherwise } => {
                let taken = if self.int(cond, vars)? != 0 { then } else { otherwise };
                self.eval(taken, vars)
            }
            other => Err(format!("expression {other:?}")),
        }
    }
}

/// The value of an unset variable or a missing key.
fn zero(ty: &Type) -> Value {
    match ty {
        Type::Str { .. } => Value::Str(Vec::new()),
        Type::Tuple(items) => Value::Tuple(items.iter().map(zero).collect()),
        _ => Value::Int(0),
    }
}

/// The low bytes of the type's size, extended by its sign.
fn canonical(n: i64, ty: IntType) -> i64 {
    match (ty.size, ty.signed) {
        (1, true) => i64::from(n as i8),
        (2, true) => i64::from(n as i16),
        (4, true) => i64::from(n as i32),
        (1, false) => i64::from(n as u8),
        (2, false) => i64::from(n as u16),
        (4, false) => i64::from(n as u32),
        _ => n,
    }
}

/// The operation on extended operands; the result is not yet cut to its type.
fn binary(op: BinaryOp, a: i64, b: i64, ty: IntType) -> i64 {
    let order = if ty.signed { a.cmp(&b) } else { (a as u64).cmp(&(b as u64)) };
    match op {
        BinaryOp::Add => a.wrapping_add(b),
        BinaryOp::Sub => a.wrapping_sub(b),
        BinaryOp::Mul => a.wrapping_mul(b),
        BinaryOp::Div | BinaryOp::Mod if b == 0 => 1,
        BinaryOp::Div => (a as u64 / b as u64) as i64,
        BinaryOp::Mod => (a as u64 % b as u64) as i64,
        BinaryOp::BitAnd => a & b,
        BinaryOp::BitOr => a | b,
        BinaryOp::BitXor => a ^ b,
        BinaryOp::Shl => a.wrapping_shl(b as u32),
        BinaryOp::Shr => (a as u64).wrapping_shr(b as u32) as i64,
        BinaryOp::Eq => order.is_eq().into(),
        BinaryOp::Ne => order.is_ne().into(),
        BinaryOp::Lt => order.is_lt().into(),
        BinaryOp::Le => order.is_le().into(),
        BinaryOp::Gt => order.is_gt().into(),
        BinaryOp::Ge => order.is_ge().into(),
        BinaryOp::And => i64::from(a != 0 && b != 0),
        BinaryOp::Or => i64::from(a != 0 || b != 0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edges_of_division_and_width() {
        let u64_ = IntType::U64;
        assert_eq!(binary(BinaryOp::Div, -1, 2, u64_), i64::MAX);
        assert_eq!(binary(BinaryOp::Div, 5, 0, u64_), 1);
        assert_eq!(binary(BinaryOp::Mod, 5, 0, u64_), 1);
        assert_eq!(binary(BinaryOp::Shr, -1, 1, u64_), i64::MAX);
        assert_eq!(canonical(300, IntType { size: 1, signed: false }), 44);
        assert_eq!(canonical(200, IntType { size: 1, signed: true }), -56);
    }
}
