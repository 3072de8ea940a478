//! The parser that pest derives from the grammar file, and the operator precedences that the file leaves out.

use std::sync::LazyLock;

use pest::pratt_parser::{Assoc, Op, PrattParser};

/// The derived parser.
#[derive(pest_derive::Parser)]
#[grammar = "grammar/beetrace.pest"]
pub(super) struct Grammar;

/// Operators, loosest first.
pub(super) static PRATT: LazyLock<PrattParser<Rule>> = LazyLock::new(|| {
    let left = |rule| Op::infix(rule, Assoc::Left);
    PrattParser::new()
        .op(left(Rule::or_op))
        .op(left(Rule::and_op))
        .op(left(Rule::bor_op))
        .op(left(Rule::xor_op))
        .op(left(Rule::band_op))
        .op(left(Rule::eq_op))
        .op(left(Rule::rel_op))
        .op(left(Rule::shift_op))
        .op(left(Rule::add_op))
        .op(left(Rule::mul_op))
        .op(Op::prefix(Rule::pre_inc)
            | Op::prefix(Rule::pre_dec)
            | Op::prefix(Rule::minus)
            | Op::prefix(Rule::not)
            | Op::prefix(Rule::bit_not)
            | Op::prefix(Rule::deref)
            | Op::prefix(Rule::address)
            | Op::prefix(Rule::cast)
            | Op::prefix(Rule::comptime))
        .op(Op::postfix(Rule::index)
            | Op::postfix(Rule::tuple_field)
            | Op::postfix(Rule::field)
            | Op::postfix(Rule::arrow)
            | Op::postfix(Rule::post_inc)
            | Op::postfix(Rule::post_dec))
});
