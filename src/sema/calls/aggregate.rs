//! Aggregations: what a map is set to by `count()`, `hist(x)` and the like.

use crate::diag::{Diagnostic, codes};
use crate::syntax::ast::{Expr, ExprKind as Ast};
use crate::wire::map::{self, SERIES_SLOT, SeriesKind, lhist_buckets};

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

/// Bytes of a value that every CPU has for itself, at most.
const LARGEST: u32 = 32 << 10;

fn tree_tuple(items: &[tree::Expr]) -> super::super::types::Type {
    super::super::types::Type::Tuple(items.iter().map(|item| item.ty.clone()).collect())
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
        let value = val.map(|val| val.cast(ty).into_expr());
        if kind != Aggregation::Series {
            return Some((made, value));
        }
        let items = vec![value?, self.software_tai(call.span).into_expr()];
        let ty = tree_tuple(&items);
        Some((made, Some(tree::Expr { span: call.span, ty, kind: tree::ExprKind::Tuple(items) })))
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
            Aggregation::Series => return self.series(call, signed),
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

    fn series(&mut self, call: Call, signed: bool) -> Option<Aggregate> {
        self.unstable("tseries", "unstable_tseries", self.options.unstable.tseries, call.span);
        let (interval, intervals) =
            (self.literal_count(call, &call.args[1])?, self.literal_count(call, &call.args[2])?);
        let most = LARGEST / SERIES_SLOT;
        let how = match call.args.get(3) {
            Some(arg) => self.series_kind(call, arg)?,
            None => SeriesKind::Last,
        };
        let (arg, message, label) = if interval == 0 {
            (1, "an interval of tseries() takes time".to_string(), "at least 1 ns")
        } else if intervals == 0 {
            (2, "tseries() without intervals".to_string(), "at least 1")
        } else if intervals > u64::from(most) {
            (2, format!("tseries() of {intervals} intervals, {most} at most"), "too many")
        } else {
            let series = map::Series { signed, interval, intervals: intervals as u32, how };
            return Some(Aggregate::Series(series));
        };
        self.error(codes::OUT_OF_RANGE, call.args[arg].span, message, label)
    }

    fn series_kind(&mut self, call: Call, arg: &Expr) -> Option<SeriesKind> {
        Some(match self.literal_text(call, arg)?.as_str() {
            "avg" => SeriesKind::Avg,
            "max" => SeriesKind::Max,
            "min" => SeriesKind::Min,
            "sum" => SeriesKind::Sum,
            other => {
                let message = format!("tseries() cannot make `{other}` of the values of an interval");
                return self.error(codes::BAD_ARGUMENT, arg.span, message, "one of avg, max, min, sum");
            }
        })
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
