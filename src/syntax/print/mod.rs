//! The syntax tree as text, for `-d ast` and as the base of the formatter.
//!
//! Invariant: what is printed parses back to the same tree, spans and comments apart. To that end parentheses stand
//! where precedence asks for them and nowhere else.
//!
//! The text is normalised: one statement a line, two blanks a level, durations in nanoseconds, C integer types in one
//! spelling. Deliberately absent: comments, and any choice of layout.

mod expr;

use super::ast::{AttachPoint, Block, Part, Probe, Script, Statement, StatementKind};

pub use expr::{expr, type_name};

/// The whole script; ends with a newline unless it is empty.
pub fn script(script: &Script) -> String {
    let mut printer = Printer::default();
    for (index, probe) in script.probes.iter().enumerate() {
        if index > 0 {
            printer.out.push('\n');
        }
        printer.probe(probe);
    }
    printer.out
}

/// An attach point, with quotes where its parts need them.
pub fn attach_point(attach: &AttachPoint) -> String {
    let kind = attach.parts.first().map_or("", |p| p.text.as_str());
    let quoted = attach.parts.first().is_some_and(|p| attach_part(p, false) != p.text);
    let paths = attach.parts.len() > 1 && !quoted && super::parse::takes_path(kind);
    let parts = attach.parts.iter().enumerate();
    let parts: Vec<String> = parts.map(|(index, part)| attach_part(part, paths && index > 0)).collect();
    parts.join(":")
}

fn attach_part(part: &Part, path: bool) -> String {
    let plain =
        |c: char| !(c.is_ascii_whitespace() || c == '\x0b' || "{},;:\"".contains(c) || c == '/' && !path);
    if part.text.chars().all(plain) && !part.text.starts_with('#') {
        return part.text.clone();
    }
    format!("\"{}\"", part.text.replace('\\', "\\\\").replace('"', "\\\""))
}

#[derive(Default)]
struct Printer {
    out: String,
    level: usize,
}

impl Printer {
    fn probe(&mut self, probe: &Probe) {
        let attach: Vec<String> = probe.attach.iter().map(attach_point).collect();
        self.out.push_str(&attach.join(",\n"));
        if let Some(predicate) = &probe.predicate {
            let condition = expr(predicate);
            // `/*` would begin a comment.
            let blank = if condition.starts_with('*') { " " } else { "" };
            self.out.push_str(&format!(" /{blank}{condition}/"));
        }
        self.out.push(' ');
        self.block(&probe.body);
        self.out.push('\n');
    }

    fn line(&mut self, text: &str) {
        self.indent();
        self.out.push_str(text);
        self.out.push_str(";\n");
    }

    fn indent(&mut self) {
        self.out.extend(std::iter::repeat_n("  ", self.level));
    }

    /// From brace to brace, without a newline behind.
    fn block(&mut self, block: &Block) {
        if block.statements.is_empty() {
            return self.out.push_str("{ }");
        }
        self.out.push_str("{\n");
        self.level += 1;
        block.statements.iter().for_each(|s| self.statement(s));
        self.level -= 1;
        self.indent();
        self.out.push('}');
    }

    fn statement(&mut self, statement: &Statement) {
        match &statement.kind {
            StatementKind::Expr(value) => self.line(&expr(value)),
            StatementKind::Assign { target, op, value } => {
                let op = op.map_or("", |op| op.symbol());
                self.line(&format!("{} {op}= {}", expr(target), expr(value)));
            }
            StatementKind::Let { name, ty, value, .. } => {
                let ty = ty.as_ref().map_or(String::new(), |ty| format!(": {}", type_name(ty)));
                let value = value.as_ref().map_or(String::new(), |value| format!(" = {}", expr(value)));
                self.line(&format!("let ${name}{ty}{value}"));
            }
            StatementKind::Return(None) => self.line("return"),
            StatementKind::Return(Some(value)) => self.line(&format!("return {}", expr(value))),
            StatementKind::If { .. } => {
                self.indent();
                self.if_chain(statement);
                self.out.push('\n');
            }
            StatementKind::Block(block) => {
                self.indent();
                self.block(block);
                self.out.push('\n');
            }
        }
    }

    /// `if`, and the `else if`s that its last branch consists of.
    fn if_chain(&mut self, statement: &Statement) {
        let mut next = Some(statement);
        while let Some(StatementKind::If { cond, then, otherwise }) = next.map(|s| &s.kind) {
            self.out.push_str(&format!("if ({}) ", expr(cond)));
            self.block(then);
            let Some(otherwise) = otherwise else { return };
            self.out.push_str(" else ");
            next = match otherwise.statements.as_slice() {
                [only] if matches!(only.kind, StatementKind::If { .. }) => Some(only),
                _ => return self.block(otherwise),
            };
        }
    }
}
