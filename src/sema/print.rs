//! The typed tree as text, for `-d typed` and tests.
//!
//! Close to the language, with what sema has added made visible: conversions are calls of their type (`int64(x)`),
//! constants carry their type (`5i8`), reads of memory say how wide and where (`[kernel uint32 x+8]`).

use std::fmt::Write;

use super::names;
use super::tree::*;
use super::types::{Space, Type};

/// Prints a program.
pub fn print(program: &Program) -> String {
    let mut printer = Printer { program, vars: &[], out: String::new(), depth: 0 };
    for map in &program.maps {
        printer.map(map);
    }
    for probe in &program.probes {
        printer.probe(probe);
    }
    printer.out
}

struct Printer<'p> {
    program: &'p Program,
    vars: &'p [Var],
    out: String,
    depth: usize,
}

impl<'p> Printer<'p> {
    fn ty(&self, ty: &Type) -> String {
        names::type_name(ty, &self.program.structs)
    }

    fn line(&mut self, text: &str) {
        let _ = writeln!(self.out, "{:width$}{text}", "", width = self.depth * 2);
    }

    fn map(&mut self, map: &Map) {
        let key = map.key.as_ref().map(|key| format!("[{}]", self.ty(key))).unwrap_or_default();
        let value = match &map.value {
            MapValue::Plain(ty) => self.ty(ty),
            MapValue::Aggregate(kind) => aggregate(kind),
        };
        let marks = [(map.cleared, " cleared"), (map.measured, " measured")];
        let marks: String = marks.iter().filter(|(set, _)| *set).map(|(_, mark)| *mark).collect();
        let storage = map.storage.map(|storage| format!(" {}({})", storage.name(), map.max_entries));
        let storage = storage.unwrap_or_default();
        self.line(&format!("map {}{key}: {value}{storage}{marks}", map.name));
    }

    fn probe(&mut self, probe: &'p Probe) {
        self.vars = &probe.vars;
        for point in &probe.attach {
            self.line(format!("{} {}", point.name, attach(&point.target)).trim_end());
        }
        if let Some(predicate) = &probe.predicate {
            let predicate = self.expr(predicate);
            self.line(&format!("/{predicate}/"));
        }
        self.line("{");
        self.depth += 1;
        for var in &probe.vars {
            let declaration = format!("let {}: {}", var.name, self.ty(&var.ty));
            self.line(&declaration);
        }
        self.stmts(&probe.body);
        self.depth -= 1;
        self.line("}");
    }

    fn stmts(&mut self, stmts: &[Stmt]) {
        stmts.iter().for_each(|stmt| self.stmt(stmt));
    }

    fn nested(&mut self, stmts: &[Stmt]) {
        self.depth += 1;
        self.stmts(stmts);
        self.depth -= 1;
    }

    fn stmt(&mut self, stmt: &Stmt) {
        use StmtKind::*;
        let text = match &stmt.kind {
            If { cond, then, otherwise } => return self.branches(cond, then, otherwise),
            Expr(expr) => self.expr(expr),
            SetVar { var, value } => format!("{} = {}", self.var(*var), self.expr(value)),
            SetMap { map, key, value } => {
                format!("{} = {}", self.entry(*map, key.as_ref()), self.expr(value))
            }
            UpdateMap { map, key, op, value } => {
                format!("{} {}= {}", self.entry(*map, key.as_ref()), op.symbol(), self.expr(value))
            }
            Aggregate { map, key, value } => {
                let value = value.as_ref().map(|value| self.expr(value)).unwrap_or_default();
                format!("{} <- {value}", self.entry(*map, key.as_ref())).trim_end().to_string()
            }
            While { cond, body } => return self.round(&format!("while {}", self.expr(cond)), body),
            ForRange { var, start, end, body } => {
                let head = format!("for {} : {}..{}", self.var(*var), self.expr(start), self.expr(end));
                return self.round(&head, body);
            }
            ForMap { var, map, body } => {
                return self.round(&format!("for {} : {}", self.var(*var), self.name(*map)), body);
            }
            Unroll { count, body } => return self.round(&format!("unroll {count}"), body),
            Break => "break".into(),
            Continue => "continue".into(),
            Return(None) => "return".into(),
            Return(Some(value)) => format!("return {}", self.expr(value)),
            Printf { format, args } => {
                let args: String = args.iter().map(|arg| format!(", {}", self.expr(arg))).collect();
                format!("printf({}{args})", pieces(format))
            }
            Formatted { what, format, args } => {
                let name = match what {
                    super::tree::FormattedAs::Error => "errorf",
                    super::tree::FormattedAs::Warning => "warnf",
                    super::tree::FormattedAs::Cat => "cat",
                    super::tree::FormattedAs::System => "system",
                };
                let args: String = args.iter().map(|arg| format!(", {}", self.expr(arg))).collect();
                format!("{name}({}{args})", pieces(format))
            }
            Join { array, space, separator } => {
                format!("join({} {}, {separator:?})", self::space(*space), self.expr(array))
            }
            PrintValue { value } => format!("print({})", self.expr(value)),
            PrintEntry { map, key } => format!("print({})", self.entry(*map, Some(key))),
            PrintMap { map, top, div, drains } => {
                let drains = if *drains { " and drain" } else { "" };
                format!("print{drains}({}, top {top}, div {div})", self.name(*map))
            }
            Clear(map) => format!("clear({})", self.name(*map)),
            Zero(map) => format!("zero({})", self.name(*map)),
            Exit { code } => {
                format!("exit({})", code.as_ref().map(|code| self.expr(code)).unwrap_or_default())
            }
            Time { format } => format!("time({format:?})"),
        };
        self.line(&text);
    }

    fn branches(&mut self, cond: &Expr, then: &[Stmt], otherwise: &[Stmt]) {
        let cond = self.expr(cond);
        self.line(&format!("if {cond} {{"));
        self.nested(then);
        if !otherwise.is_empty() {
            self.line("} else {");
            self.nested(otherwise);
        }
        self.line("}");
    }

    fn round(&mut self, head: &str, body: &[Stmt]) {
        self.line(&format!("{head} {{"));
        self.nested(body);
        self.line("}");
    }

    fn name(&self, map: MapId) -> &str {
        &self.program.maps[map.0 as usize].name
    }

    fn var(&self, var: VarId) -> &str {
        &self.vars[var.0 as usize].name
    }

    fn entry(&self, map: MapId, key: Option<&Expr>) -> String {
        let key = key.map(|key| format!("[{}]", self.expr(key))).unwrap_or_default();
        format!("{}{key}", self.name(map))
    }

    fn list(&self, items: &[Expr]) -> String {
        items.iter().map(|item| self.expr(item)).collect::<Vec<_>>().join(", ")
    }

    fn expr(&self, expr: &Expr) -> String {
        use ExprKind::*;
        match &expr.kind {
            Int(value) => self.constant(*value, &expr.ty),
            Str(text) => format!("{:?}", String::from_utf8_lossy(text)),
            Var(var) => self.var(*var).to_string(),
            MapGet { map, key } => self.entry(*map, key.as_deref()),
            StepMap { map, key, delta, prefix } => step(&self.entry(*map, key.as_deref()), *delta, *prefix),
            StepVar { var, delta, prefix } => step(self.var(*var), *delta, *prefix),
            HasKey { map, key } => format!("has_key({}, {})", self.name(*map), self.expr(key)),
            Push { map, value } => format!("push({}, {})", self.name(*map), self.expr(value)),
            Next { map, stays } => {
                format!("{}({})", if *stays { "peek" } else { "pop" }, self.name(*map))
            }
            Delete { map, key } => format!("delete({})", self.entry(*map, key.as_deref())),
            Len(map) => format!("len({})", self.name(*map)),
            Builtin(super::tree::Builtin::Stack(stack)) => {
                let side = if stack.user { "ustack" } else { "kstack" };
                format!("{side}({:?}, {})", stack.mode, stack.depth).to_lowercase()
            }
            Builtin(builtin) => format!("{builtin:?}").to_lowercase().replace(['(', ')'], ""),
            Context => "ctx".into(),
            Load { .. }
            | LoadStr { .. }
            | LoadWhole { .. }
            | Part { .. }
            | Element { .. }
            | DataLoc { .. } => self.read(expr),
            AddressOf(var) => format!("&{}", self.var(*var)),
            AddressOfMap(map) => format!("&{}", self.name(*map)),
            Block { statements, value } => self.block(statements, value),
            Bytes(inner) => format!("{}({})", self.ty(&expr.ty), self.expr(inner)),
            Tuple(items) if items.len() == 1 => format!("({},)", self.list(items)),
            Tuple(items) => format!("({})", self.list(items)),
            TupleField { base, index } => format!("{}.{index}", self.expr(base)),
            Neg(inner) => format!("-{}", self.operand(inner)),
            BitNot(inner) => format!("~{}", self.operand(inner)),
            Not(inner) => format!("!{}", self.operand(inner)),
            Binary { op, left, right } => self.infix(op.symbol(), left, right),
            Logical { and, left, right } => self.infix(if *and { "&&" } else { "||" }, left, right),
            Equal { negated, left, right } => self.infix(if *negated { "!=" } else { "==" }, left, right),
            Ternary { cond, then, otherwise } => {
                format!("{} ? {} : {}", self.operand(cond), self.operand(then), self.operand(otherwise))
            }
            Call { function: Function::Imported(number), args } => {
                let import = self.program.imports.get(*number as usize);
                format!("{}({})", import.map_or("?", |import| &import.name), self.list(args))
            }
            Call { function, args } => {
                format!("{}({})", format!("{function:?}").to_lowercase(), self.list(args))
            }
            Cast(inner) => format!("{}({})", self.ty(&expr.ty), self.expr(inner)),
        }
    }

    /// What is read from memory. Apart from `expr`, whose frame is kept small.
    fn read(&self, expr: &Expr) -> String {
        use ExprKind::*;
        match &expr.kind {
            Load { address, offset, space, bits } => {
                let bits = bits.map(|(first, width)| format!(" bits {first}+{width}")).unwrap_or_default();
                let at = self.at(address, *offset);
                format!("[{} {} {at}{bits}]", self::space(*space), self.ty(&expr.ty))
            }
            LoadStr { address, offset, space, length, array } => {
                let length = length.as_ref().map(|n| format!(" up to {}", self.expr(n))).unwrap_or_default();
                let array = if *array { " array" } else { "" };
                let at = self.at(address, *offset);
                format!("[{} {}{array} {at}{length}]", self::space(*space), self.ty(&expr.ty))
            }
            LoadWhole { address, offset, space } => {
                let at = self.at(address, *offset);
                format!("[{} {} {at}]", self::space(*space), self.ty(&expr.ty))
            }
            Part { base, offset, bits } => {
                let bits = bits.map(|(first, width)| format!(" bits {first}+{width}")).unwrap_or_default();
                format!("{}{{{} at {offset}{bits}}}", self.operand(base), self.ty(&expr.ty))
            }
            Element { base, offset, index, count } => {
                let (base, index, ty) = (self.operand(base), self.expr(index), self.ty(&expr.ty));
                format!("{base}{{{ty} at {offset}, {index} of {count}}}")
            }
            DataLoc { offset } => format!("[data_loc {} {offset}]", self.ty(&expr.ty)),
            _ => String::new(),
        }
    }

    /// A block expression on one line.
    fn block(&self, statements: &[Stmt], value: &Expr) -> String {
        let mut inner = Printer { program: self.program, vars: self.vars, out: String::new(), depth: 0 };
        inner.stmts(statements);
        let lines: Vec<&str> = inner.out.lines().map(str::trim).collect();
        format!("{{ {}; {} }}", lines.join("; "), self.expr(value))
    }

    fn infix(&self, symbol: &str, left: &Expr, right: &Expr) -> String {
        format!("{} {symbol} {}", self.operand(left), self.operand(right))
    }

    /// In parentheses unless it is one thing.
    fn operand(&self, expr: &Expr) -> String {
        let text = self.expr(expr);
        match expr.kind {
            ExprKind::Binary { .. }
            | ExprKind::Logical { .. }
            | ExprKind::Equal { .. }
            | ExprKind::Ternary { .. } => {
                format!("({text})")
            }
            _ => text,
        }
    }

    fn at(&self, address: &Expr, offset: i64) -> String {
        match offset {
            0 => self.operand(address),
            _ => format!("{}{offset:+}", self.operand(address)),
        }
    }

    fn constant(&self, value: i64, ty: &Type) -> String {
        match ty {
            Type::Bool => (value != 0).to_string(),
            Type::Int(int) if int.signed => format!("{value}i{}", u32::from(int.size) * 8),
            Type::Int(int) => format!("{}u{}", value as u64, u32::from(int.size) * 8),
            Type::Enum { values, .. } => match values.iter().find(|(known, _)| *known == value) {
                Some((_, name)) => name.clone(),
                None => value.to_string(),
            },
            other => format!("{}({value})", self.ty(other)),
        }
    }
}

fn step(target: &str, delta: i64, prefix: bool) -> String {
    let sign = match delta {
        1 => "++".to_string(),
        -1 => "--".to_string(),
        _ => format!("{delta:+}"),
    };
    if prefix { format!("{sign}{target}") } else { format!("{target}{sign}") }
}

fn space(space: Space) -> &'static str {
    match space {
        Space::Kernel => "kernel",
        Space::User => "user",
        Space::Context => "ctx",
    }
}

fn aggregate(kind: &Aggregate) -> String {
    match kind {
        Aggregate::Hist { bits } => format!("hist({bits} bits)"),
        Aggregate::Series(series) => {
            let sign = if series.signed { "signed " } else { "" };
            format!("{sign}tseries({} ns, {}, {:?})", series.interval, series.intervals, series.how)
        }
        Aggregate::Lhist { min, max, step } => format!("lhist({min}, {max}, {step})"),
        other => {
            let name = names::aggregate(other);
            let signed = super::ty::Ty::Aggregate(other.clone()).is_signed();
            if signed { format!("signed {name}") } else { name.to_string() }
        }
    }
}

fn attach(target: &Attach) -> String {
    match target {
        Attach::Interval { period } => format!("every {period} ns"),
        Attach::Profile { period: Some(period), .. } => format!("every {period} ns"),
        Attach::Profile { frequency: Some(frequency), .. } => format!("{frequency} times a second"),
        Attach::Uprobe(at) | Attach::Uretprobe(at) | Attach::Usdt(at) => {
            let mut text = format!("at {:#x} of the file", at.offset);
            if at.semaphore != 0 {
                text += &format!(", semaphore at {:#x}", at.semaphore);
            }
            match at.pid {
                Some(pid) => format!("{text}, in process {pid}"),
                None => text,
            }
        }
        _ => String::new(),
    }
}

/// A format, conversions as they were understood.
fn pieces(format: &crate::wire::format::Format) -> String {
    use crate::wire::format::Piece;
    let mut text = String::new();
    for piece in &format.pieces {
        match piece {
            Piece::Text(literal) => text.push_str(&literal.replace('%', "%%")),
            Piece::Conversion(made) => text.push_str(&conversion(made)),
        }
    }
    format!("{text:?}")
}

fn conversion(made: &crate::wire::format::Conversion) -> String {
    use crate::wire::format::Count;
    let flags =
        [(made.left, '-'), (made.plus, '+'), (made.space, ' '), (made.alternate, '#'), (made.zero, '0')];
    let mut text: String =
        std::iter::once('%').chain(flags.iter().filter(|(set, _)| *set).map(|(_, flag)| *flag)).collect();
    let count = |count| match count {
        Count::Fixed(number) => number.to_string(),
        Count::Argument => "*".into(),
    };
    text.extend(made.width.map(count));
    text.extend(made.precision.map(|p| format!(".{}", count(p))));
    let length = match made.length {
        Some(1) => "hh",
        Some(2) => "h",
        Some(_) => "l",
        None => "",
    };
    text.push_str(length);
    text.push(made.kind);
    text
}
