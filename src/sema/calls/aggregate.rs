//! Aggregations: what a map is set to by `count()`, `hist(x)` and the like.

use crate::diag::{Diagnostic, codes};
use crate::syntax::ast::{Expr, ExprKind as Ast};
use crate::wire::map::lhist_buckets;

use super::super::check::Checker;
use super::super::signatures::{self, Aggregation, Meaning};
use super::super::tree::{self, Aggregate};
use super::super::ty::Ty;
use super::super::value::Val;
use super::Call;

/// Buckets of `lhist` at most.
const MOST_BUCKETS: i128 = 1000;

/// The aggregation that `value`, assigned to a map, calls for.
pub(in super::super) fn aggregation(value: &Expr) -> Option<Aggregation> {
    match &value.kind {
        Ast::Call { name, .. } => match signatures::find(name)?.meaning {
            Meaning::Aggregation(kind) => Some(kind),
            _ => None,
        },
        _ => None,
    }
}

impl Checker<'_, '_> {
    /// The aggregation with its parameters, and the value that is added.
    pub(in super::super) fn aggregate(
        &mut self,
        value: &Expr,
        kind: Aggregation,
    ) -> Option<(Aggregate, Option<tree::Expr>)> {
        let call = Call::of(value)?;
        self.row(call)?;
        let Some(arg) = call.args.first() else { return Some((Aggregate::Count, None)) };
        let val = self.value(arg);
        let made = match &val {
            Some(val) if !val.ty.is_int() => self.report_sample(call, val),
            Some(val) => self.parameters(call, kind, val.ty.is_signed()),
            None => None,
        }?;
        let signed =
            Ty::Aggregate(made.clone()).is_signed() || matches!(kind, Aggregation::Hist | Aggregation::Lhist);
        let ty = if signed { Ty::I64 } else { Ty::U64 };
        Some((made, val.map(|val| val.cast(ty).into_expr())))
    }

    fn report_sample(&mut self, call: Call, val: &Val) -> Option<Aggregate> {
        let message = format!("{}() takes an integer", call.name);
        let error = Diagnostic::error(codes::BAD_ARGUMENT, message);
        let error = error.at(val.span, format!("this is {}", self.name(&val.ty)));
        self.report(match val.ty {
            Ty::Bool | Ty::Pointer { .. } => error.help("cast it: `(uint64)...`"),
            _ => error,
        });
        None
    }

    fn parameters(&mut self, call: Call, kind: Aggregation, signed: bool) -> Option<Aggregate> {
        Some(match kind {
            Aggregation::Count => Aggregate::Count,
            Aggregation::Sum => Aggregate::Sum { signed },
            Aggregation::Min => Aggregate::Min { signed },
            Aggregation::Max => Aggregate::Max { signed },
            Aggregation::Avg => Aggregate::Avg { signed },
            Aggregation::Stats => Aggregate::Stats { signed },
            Aggregation::Hist => return self.hist(call),
            Aggregation::Lhist => return self.lhist(call),
        })
    }

    fn hist(&mut self, call: Call) -> Option<Aggregate> {
        let Some(arg) = call.args.get(1) else { return Some(Aggregate::Hist { bits: 0 }) };
        match self.literal_count(call, arg)? {
            bits @ 0..=5 => Some(Aggregate::Hist { bits: bits as u8 }),
            bits => {
                let message = format!("hist() with {bits} bits");
                self.error(codes::OUT_OF_RANGE, arg.span, message, "0 to 5")
            }
        }
    }

    fn lhist(&mut self, call: Call) -> Option<Aggregate> {
        let mut bounds = [0i64; 3];
        for (bound, arg) in bounds.iter_mut().zip(&call.args[1..]) {
            let val = self.value(arg)?;
            let Some(Ok(value)) = val.as_integer().map(i64::try_from) else {
                let message = "the bounds of lhist() are constants of 64 bits";
                return self.error(codes::BAD_ARGUMENT, arg.span, message, "no such constant");
            };
            *bound = value;
        }
        let [min, max, step] = bounds;
        self.check_lhist(call, min, max, step)?;
        Some(Aggregate::Lhist { min, max, step })
    }

    fn check_lhist(&mut self, call: Call, min: i64, max: i64, step: i64) -> Option<()> {
        let range = i128::from(max) - i128::from(min);
        let (arg, message, label) = if step < 1 {
            (3, "the step of lhist() is at least 1".to_string(), "too small")
        } else if range < 0 {
            (2, format!("lhist() from {min} up to {max}"), "below the lowest value")
        } else if range < i128::from(step) {
            (3, format!("one step of lhist() is larger than its range of {range}"), "too large")
        } else if range / i128::from(step) > MOST_BUCKETS {
            let buckets = range / i128::from(step);
            (3, format!("lhist() of {buckets} buckets, {MOST_BUCKETS} at most"), "too small a step")
        } else {
            debug_assert!(lhist_buckets(min, max, step) >= 3);
            return Some(());
        };
        self.error(codes::OUT_OF_RANGE, call.args[arg].span, message, label)
    }
}
