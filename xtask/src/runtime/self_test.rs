//! The runner's own test: one guest whose cases must come out as their names say.
//!
//! A runner that calls everything `ok` would pass every other test there is.

use super::case::Suite;
use super::features::Features;
use super::guest_run::{self, Group};
use super::report::{Outcome, Report, Verdict};
use crate::guest::image::Input;
use crate::guest::kernel::Kernel;
use crate::{Res, product};

const CASES: &str = include_str!("../../guest/self-test.rt");
const FEATURES: &str = "present 5.10: true\nabsent -: false\nlost 5.10: false\n";

/// Runs the cases on `kernel`. Each is reported as passed if its verdict is the one that its name begins with:
/// `pass`, `fail` or `skip`, and for `fail TEXT:` if the failure's detail holds the text.
pub fn run(kernel: &Kernel, filter: &str, report: &Report) -> Res<()> {
    let suite = Suite::parse("self-test", CASES)?;
    if !format!("{}: ", suite.name).contains(filter) {
        return Ok(());
    }
    let features = Features::parse(FEATURES)?;
    let mut input = Input::default();
    input.program("workload", product::workload()?);
    let group = Group {
        kernel: *kernel,
        machine: suite.machine.clone(),
        cases: suite.cases.iter().map(|case| (&suite, case)).collect(),
    };
    let own = Report::new(true);
    guest_run::run(&group, &input, &features, &own)?;
    let outcomes = own.outcomes();
    for case in &suite.cases {
        let expected = case.name.split(':').next().unwrap_or_default();
        // those that fail are told at the end, when they failed again
        let mut own =
            outcomes.iter().filter(|outcome| outcome.case == format!("{}: {}", suite.name, case.name));
        let (outcome, more) = (own.next(), own.next());
        let verdict = match outcome {
            Some(outcome) if more.is_none() => told(expected, &outcome.verdict),
            _ => Verdict::Fail("it was not reported once\n".into()),
        };
        let took = outcome.map(|outcome| outcome.took).unwrap_or_default();
        report.add(Outcome::new(kernel, &suite, case, took, verdict));
    }
    Ok(())
}

fn told(expected: &str, verdict: &Verdict) -> Verdict {
    let right = match (expected.split_once(' '), verdict) {
        (None, Verdict::Pass) => expected == "pass",
        (Some(("skip", feature)), Verdict::Skip(named)) => feature == named,
        (Some(("fail", text)), Verdict::Fail(detail)) => detail.contains(text),
        _ => false,
    };
    if right { Verdict::Pass } else { Verdict::Fail(format!("expected `{expected}`, got {verdict:?}\n")) }
}
