//! The syntax tree as text, for `-d ast` and as the base of the formatter.
//!
//! Invariant: what is printed parses back to the same tree, spans and comments apart. To that end parentheses stand
//! where precedence asks for them and nowhere else.
//!
//! The text is normalised: one statement a line, two blanks a level, durations in nanoseconds, C integer types in one
//! spelling, blocks within expressions on one line. Deliberately absent: comments, and any choice of layout.

mod expr;
mod items;

use super::ast::{
    AttachPoint, Block, Expr, ExprKind, ForOver, Part, Probe, Script, Statement, StatementKind,
};

pub use expr::{expr, type_name};

/// The whole script; ends with a newline unless it is empty.
pub fn script(script: &Script) -> String {
    let mut printer = Printer::default();
    printer.items(script);
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
    let name = attach.name.as_ref().map_or(String::new(), |name| format!("{name}="));
    name + &parts.join(":")
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
    /// Everything on one line, as within an expression.
    inline: bool,
    /// A semicolon behind every `if` and block, so that none is taken for the value of what is printed.
    closed: bool,
}

/// A block as an expression.
fn block_expr(body: &Block, value: Option<&Expr>) -> String {
    let mut printer = Printer { inline: true, closed: true, ..Printer::default() };
    printer.value_block(body, value);
    printer.out
}

/// An expression where a statement may stand: what begins like a statement is put in parentheses.
fn effect(value: &Expr) -> String {
    let text = expr(value);
    let statement = text.starts_with('{') || text.starts_with("if (");
    if statement { format!("({text})") } else { text }
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
        self.out.push(';');
        self.newline();
    }

    fn newline(&mut self) {
        self.out.push(if self.inline { ' ' } else { '\n' });
    }

    fn indent(&mut self) {
        if !self.inline {
            self.out.extend(std::iter::repeat_n("  ", self.level));
        }
    }

    /// From brace to brace, without a newline behind.
    fn block(&mut self, block: &Block) {
        self.value_block(block, None);
    }

    /// A block whose last expression is its value. Without one, what could be taken for it gets a semicolon.
    fn value_block(&mut self, block: &Block, value: Option<&Expr>) {
        if block.statements.is_empty() && value.is_none() {
            return self.out.push_str("{ }");
        }
        self.out.push('{');
        self.newline();
        self.level += 1;
        block.statements.iter().for_each(|s| self.statement(s));
        if let Some(value) = value {
            self.indent();
            let valued = matches!(value.kind, ExprKind::Block { .. } | ExprKind::If { .. });
            self.out.push_str(&if valued { expr(value) } else { effect(value) });
            self.newline();
        }
        self.level -= 1;
        self.indent();
        self.out.push('}');
    }

    fn statement(&mut self, statement: &Statement) {
        match &statement.kind {
            StatementKind::Expr(value) => self.line(&effect(value)),
            StatementKind::Discard(value) => self.line(&format!("_ = {}", expr(value))),
            StatementKind::Break => self.line("break"),
            StatementKind::Continue => self.line("continue"),
            StatementKind::Import(import) => {
                let mut path = String::new();
                expr::string(&mut path, import.path.as_bytes());
                self.line(&format!("import {path}"));
            }
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
                self.ended();
            }
            StatementKind::Block(block) => {
                self.indent();
                self.block(block);
                self.ended();
            }
            StatementKind::For { name, over, body, .. } => {
                let over = match over {
                    ForOver::Map(map) => operand(map),
                    ForOver::Range { start, end } => format!("{}..{}", operand(start), operand(end)),
                };
                self.headed(&format!("for (${name} : {over}) "), body);
            }
            StatementKind::While { cond, body } => self.headed(&format!("while ({}) ", expr(cond)), body),
            StatementKind::Unroll { count, body } => {
                self.headed(&format!("unroll ({}) ", expr(count)), body);
            }
        }
    }

    fn headed(&mut self, head: &str, body: &Block) {
        self.indent();
        self.out.push_str(head);
        self.block(body);
        self.newline();
    }

    /// Behind an `if` or block that is a statement.
    fn ended(&mut self) {
        if self.closed {
            self.out.push(';');
        }
        self.newline();
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

/// What a loop runs over; only the simplest stands without parentheses.
fn operand(value: &Expr) -> String {
    use ExprKind::*;
    match value.kind {
        Int { .. } | Name(_) | Variable(_) | Map { .. } | Call { .. } | Positional(_) | PositionalCount => {
            expr(value)
        }
        _ => format!("({})", expr(value)),
    }
}
