//! Constant expressions: flat lists of operators to trees.

use super::ast::{Attributes, Base, BaseKind, CType, Expr, ExprKind, Step};
use super::build::{Builder, Pair};
use super::grammar::Rule;
use super::{MAX_NESTING, words};

/// Operators in a row. More make a tree too deep to walk.
const LONGEST: usize = 1000;

/// Operators by what binds them, the loosest first.
const LEVELS: &[&[&str]] = &[
    &["||"],
    &["&&"],
    &["|"],
    &["^"],
    &["&"],
    &["==", "!="],
    &["<", "<=", ">", ">="],
    &["<<", ">>"],
    &["+", "-"],
    &["*", "/", "%"],
];

/// Rule `expr`.
pub(super) fn expr(builder: &Builder, pair: Pair) -> Expr {
    let span = builder.span(&pair);
    let mut parts = pair.into_inner();
    let first = parts.next().map(|flat| self::flat(builder, flat));
    let first = first.unwrap_or_else(|| builder.nothing(span));
    match (parts.next(), parts.next()) {
        (Some(then), Some(otherwise)) => {
            let (then, otherwise) = (expr(builder, then), expr(builder, otherwise));
            Expr { span, kind: ExprKind::Ternary(Box::new(first), Box::new(then), Box::new(otherwise)) }
        }
        _ => first,
    }
}

fn flat(builder: &Builder, pair: Pair) -> Expr {
    let span = builder.span(&pair);
    let parts: Vec<Pair> = pair.into_inner().collect();
    if parts.len() > LONGEST {
        builder.report(span, format!("more than {LONGEST} operators in a row"), "split this");
        return builder.nothing(span);
    }
    let mut operands = Vec::new();
    let mut operators: Vec<(&'static str, usize)> = Vec::new();
    for part in parts {
        if part.as_rule() == Rule::operand {
            operands.push(operand(builder, part));
            continue;
        }
        let level = LEVELS
            .iter()
            .enumerate()
            .find_map(|(level, list)| list.iter().find(|op| **op == part.as_str()).map(|op| (*op, level)));
        let (op, level) = level.unwrap_or(("+", 8));
        reduce(&mut operands, &mut operators, level);
        operators.push((op, level));
    }
    reduce(&mut operands, &mut operators, 0);
    operands.pop().unwrap_or_else(|| builder.nothing(span))
}

/// Applies the operators that bind at least as tightly as those of `level`.
fn reduce(operands: &mut Vec<Expr>, operators: &mut Vec<(&'static str, usize)>, level: usize) {
    while let Some((op, _)) = operators.pop_if(|(_, own)| *own >= level) {
        let (Some(right), Some(left)) = (operands.pop(), operands.pop()) else { return };
        let span = left.span.to(right.span);
        operands.push(Expr { span, kind: ExprKind::Binary(op, Box::new(left), Box::new(right)) });
    }
}

fn operand(builder: &Builder, pair: Pair) -> Expr {
    let span = builder.span(&pair);
    let mut parts: Vec<Pair> = pair.into_inner().collect();
    if parts.len() > LONGEST {
        builder.report(span, format!("more than {LONGEST} operators in a row"), "split this");
        return builder.nothing(span);
    }
    let Some(last) = parts.pop() else { return builder.nothing(span) };
    let mut made = primary(builder, last);
    for part in parts.into_iter().rev() {
        let span = builder.span(&part).to(made.span);
        let kind = match part.as_rule() {
            Rule::cast => match part.into_inner().next() {
                Some(ty) => ExprKind::Cast(Box::new(cast_type(builder, ty)), Box::new(made)),
                None => made.kind,
            },
            _ => ExprKind::Unary(part.as_str().chars().next().unwrap_or('+'), Box::new(made)),
        };
        made = Expr { span, kind };
    }
    made
}

fn cast_type(builder: &Builder, pair: Pair) -> CType {
    if pair.as_rule() == Rule::type_name {
        return builder.type_name(pair);
    }
    let span = builder.span(&pair);
    let mut parts = pair.into_inner();
    let name = parts.next().map_or(String::new(), |p| p.as_str().trim_end().to_owned());
    let base = Base { span, kind: BaseKind::Named(name), attributes: Attributes::default() };
    parts.take(MAX_NESTING).fold(CType::Base(Box::new(base)), |ty, _| CType::Pointer(Box::new(ty)))
}

fn primary(builder: &Builder, pair: Pair) -> Expr {
    let span = builder.span(&pair);
    let text = pair.as_str();
    let kind = match pair.as_rule() {
        Rule::number | Rule::char => {
            let value = if pair.as_rule() == Rule::number { words::number(text) } else { words::char(text) };
            let Some(value) = value else {
                builder.report(span, format!("`{text}` is not an integer"), "malformed");
                return builder.nothing(span);
            };
            ExprKind::Number(value)
        }
        Rule::group => {
            return pair.into_inner().next().map_or_else(|| builder.nothing(span), |e| expr(builder, e));
        }
        Rule::string => {
            builder.report(span, "text has no value here", "expected an integer");
            return builder.nothing(span);
        }
        Rule::constant => ExprKind::Name(text.trim_end().to_owned()),
        rule => match about_type(builder, rule, pair) {
            Some(kind) => kind,
            None => return builder.nothing(span),
        },
    };
    Expr { span, kind }
}

fn about_type(builder: &Builder, rule: Rule, pair: Pair) -> Option<ExprKind> {
    let mut parts = pair.into_inner().filter(|p| p.as_rule() != Rule::sizeof_word);
    let first = parts.next()?;
    if first.as_rule() == Rule::operand {
        return Some(ExprKind::SizeofExpr(Box::new(operand(builder, first))));
    }
    let ty = match first.as_rule() {
        Rule::specifiers => CType::Base(Box::new(builder.specifiers(first).0)),
        _ => builder.type_name(first),
    };
    let ty = Box::new(ty);
    let path = parts.next().map(|path| steps(builder, path));
    Some(match (rule, path) {
        (Rule::alignof, _) => ExprKind::Alignof(ty),
        (Rule::offsetof, Some(path)) => ExprKind::Offsetof(ty, path),
        (Rule::member_size, Some(path)) => ExprKind::SizeofMember(ty, path),
        _ => ExprKind::Sizeof(ty),
    })
}

fn steps(builder: &Builder, pair: Pair) -> Vec<Step> {
    let name = |pair: &Pair| Step::Field(pair.as_str().trim_end().to_owned(), builder.span(pair));
    let step = |part: Pair| match part.as_rule() {
        Rule::word => Some(name(&part)),
        Rule::path_field => part.into_inner().next().map(|p| name(&p)),
        _ => part.into_inner().next().map(|e| Step::Index(expr(builder, e))),
    };
    pair.into_inner().filter_map(step).collect()
}
