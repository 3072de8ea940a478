//! `interval`: now and then, on one CPU. `profile` is written the same way.
//!
//! `interval:s:1`, `interval:ms:10`, `interval:us:500`, `interval:hz:5`; without a unit the number is nanoseconds, or a
//! duration such as `1s`.

use super::{Place, parts};
use crate::diag::{Diagnostic, codes};
use crate::sema::check::Checker;
use crate::sema::tree::Attach;
use crate::source::Span;
use crate::syntax::ast::{AttachPoint, Part};

/// How often something happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rate {
    /// Nanoseconds.
    Every(u64),
    /// Times a second.
    Hertz(u64),
}

const NANOS: &[(&str, u64)] = &[("s", 1_000_000_000), ("ms", 1_000_000), ("us", 1_000)];
/// Durations may be given in more units.
const DURATIONS: &[(&str, u64)] = &[
    ("ns", 1),
    ("us", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
    ("d", 86_400_000_000_000),
];

/// Units, for listings.
pub(super) fn entries() -> Vec<String> {
    NANOS.iter().map(|(unit, _)| *unit).chain(["hz"]).map(|unit| format!("{unit}:")).collect()
}

impl Checker<'_, '_> {
    pub(super) fn interval(&mut self, point: &AttachPoint) -> Option<Vec<Place>> {
        let (rate, name) = self.rate("interval", point)?;
        let period = match rate {
            Rate::Every(period) => period,
            Rate::Hertz(frequency) => (1_000_000_000 / frequency).max(1),
        };
        Some(vec![Place::new(name, Attach::Interval { period }, point.span)])
    }

    /// The rate of an attach point and its full name.
    pub(super) fn rate(&mut self, kind: &str, point: &AttachPoint) -> Option<(Rate, String)> {
        match parts(point) {
            [duration] => self.duration(kind, duration),
            [unit, count] => self.unit(kind, unit, count),
            _ => {
                let message = format!("{kind} takes a unit and a number");
                self.malformed(point.span, message, "one or two parts expected", &format!("{kind}:s:1"))
            }
        }
    }

    fn duration(&mut self, kind: &str, part: &Part) -> Option<(Rate, String)> {
        let period = match duration(&part.text) {
            Some(period) => period,
            None if NANOS.iter().any(|(unit, _)| part.text == *unit) || part.text == "hz" => {
                let message = format!("{kind}:{} lacks a number", part.text);
                return self.malformed(part.span, message, "how many?", &format!("{kind}:{}:1", part.text));
            }
            None => return self.report_number(kind, part),
        };
        if period < 1000 {
            let message = format!("{kind} of {period} ns is too short");
            let error = Diagnostic::error(codes::BAD_ATTACH_POINT, message).at(part.span, "at least 1us");
            self.report(
                error.help(format!("a number without a unit is nanoseconds: `{kind}:{}ms`", period.max(1))),
            );
            return None;
        }
        Some((Rate::Every(period / 1000 * 1000), format!("{kind}:us:{}", period / 1000)))
    }

    fn unit(&mut self, kind: &str, unit: &Part, count: &Part) -> Option<(Rate, String)> {
        let scale = NANOS.iter().find(|(name, _)| *name == unit.text).map(|(_, scale)| *scale);
        if scale.is_none() && unit.text != "hz" {
            let message = format!("`{}` is no unit of {kind}", unit.text);
            return self.malformed(unit.span, message, "s, ms, us or hz expected", &format!("{kind}:s:1"));
        }
        let Some(number) = number(&count.text) else { return self.report_number(kind, count) };
        if number == 0 {
            return self.report_range(kind, count.span, "at least 1");
        }
        let rate = match scale {
            Some(scale) => number.checked_mul(scale).map(Rate::Every),
            None => (number <= 1_000_000_000).then_some(Rate::Hertz(number)),
        };
        if let Some(Rate::Hertz(wanted)) = rate
            && let Some(most) = self.host.sample_limit().filter(|most| wanted > *most)
        {
            let message = format!("{kind} cannot run {wanted} times a second: the kernel allows {most}");
            let error = Diagnostic::error(codes::BAD_ATTACH_POINT, message).at(count.span, "too often");
            let error = error.note("above its limit the kernel leaves out samples without a word");
            self.report(error.help(format!("raise it: `sysctl kernel.perf_event_max_sample_rate={wanted}`")));
            return None;
        }
        let Some(rate) = rate else { return self.report_range(kind, count.span, "too large") };
        Some((rate, format!("{kind}:{}:{number}", unit.text)))
    }

    fn report_number(&mut self, kind: &str, part: &Part) -> Option<(Rate, String)> {
        let message = format!("`{}` is no number", part.text);
        self.malformed(part.span, message, "a number expected", &format!("{kind}:s:1"))
    }

    fn report_range(&mut self, kind: &str, span: Span, label: &str) -> Option<(Rate, String)> {
        self.malformed(
            span,
            format!("{kind} cannot run so often, or so rarely"),
            label,
            &format!("{kind}:s:1"),
        )
    }
}

/// A number with a unit of time; without one, nanoseconds.
fn duration(text: &str) -> Option<u64> {
    if let Some(value) = number(text) {
        return Some(value);
    }
    let split = text.find(|c: char| c.is_ascii_alphabetic())?;
    let scale = DURATIONS.iter().find(|(unit, _)| *unit == &text[split..])?.1;
    number(&text[..split])?.checked_mul(scale)
}

/// An integer in any form of the language: hexadecimal, octal, `1e6`, `1_000`.
pub(super) fn number(text: &str) -> Option<u64> {
    let digits: String = text.chars().filter(|c| *c != '_').collect();
    if let Some(hex) = digits.strip_prefix("0x").or(digits.strip_prefix("0X")) {
        return u64::from_str_radix(hex, 16).ok();
    }
    if let Some((mantissa, exponent)) = digits.split_once(['e', 'E']) {
        let power = 10u64.checked_pow(exponent.parse().ok()?)?;
        let mantissa: u64 = mantissa.parse().ok().filter(|m| (1..10).contains(m))?;
        return mantissa.checked_mul(power);
    }
    match digits.strip_prefix('0') {
        Some(octal) if !octal.is_empty() => u64::from_str_radix(octal, 8).ok(),
        _ => digits.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::{duration, number};

    #[test]
    fn numbers_and_durations() {
        assert_eq!(number("1e3"), Some(1000));
        assert_eq!(number("0x10"), Some(16));
        assert_eq!(number("010"), Some(8));
        assert_eq!(number("1_000"), Some(1000));
        assert_eq!(number("abc"), None);
        assert_eq!(duration("1s"), Some(1_000_000_000));
        assert_eq!(duration("1500us"), Some(1_500_000));
        assert_eq!(duration("5"), Some(5));
        assert_eq!(duration("5x"), None);
        assert_eq!(duration("s"), None);
    }
}
