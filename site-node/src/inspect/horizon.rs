//! Whether follow-up and the time grid of an experiment are of one size.

use plan::experiment::TimeUnit;

use super::{Check, Finding, Findings};
use crate::cohort::Cohort;

/// Years after which nobody is followed any more.
const LONGEST: f64 = 120.0;

/// Notes events that no model of the experiment sees, and times that are those of another unit.
pub(super) fn check(asked: &Check<'_>, cohort: &Cohort, found: &mut Findings) {
    let own = asked.source.outcome.as_ref().map(|outcome| outcome.unit);
    let unit = asked.plan.map(|plan| plan.outcome.unit).or(own).unwrap_or(TimeUnit::Days);
    let horizon = asked.plan.and_then(|plan| plan.outcome.edges.last().copied());
    let within = cohort.training_events_within(horizon.unwrap_or(f64::INFINITY));
    let events = cohort.training_events();
    let longest = cohort.longest_time();
    let question = question(longest, unit);
    let name = unit.name();
    let longest = rounded(longest);
    match horizon {
        Some(horizon) if within == 0 && events > 0 => {
            let what = format!(
                "0 of {events} events of the training patients lie within the horizon of {horizon} {name}, and \
                 the longest time is about {longest} {name}"
            );
            let fix = question.unwrap_or(
                "check the unit under [outcome] of cohort.toml, or ask for a later horizon",
            );
            found.problems.push(Finding::about("horizon", what, fix));
        }
        Some(horizon) if 2 * within < events => found.notes.push(format!(
            "{within} of {events} events of the training patients lie within the horizon of {horizon} {name}"
        )),
        _ => {}
    }
    if let Some(question) = question
        && (within > 0 || events == 0 || horizon.is_none())
    {
        found.notes.push(format!("the longest time is about {longest} {name}: {question}"));
    }
}

/// What to ask where somebody is followed for longer than anybody lives.
fn question(longest: f64, unit: TimeUnit) -> Option<&'static str> {
    if longest * unit.days() <= LONGEST * TimeUnit::Years.days() {
        return None;
    }
    Some(match unit {
        TimeUnit::Days => "is the time in another unit, such as minutes? cohort.toml states days",
        TimeUnit::Months | TimeUnit::Years => {
            "is the unit days? correct it under [outcome] of cohort.toml"
        }
    })
}

/// A time to two digits, so that it is no patient's own.
fn rounded(time: f64) -> f64 {
    if time <= 0.0 {
        return 0.0;
    }
    let step = 10_f64.powf(time.log10().floor() - 1.0);
    let value = (time / step).round() * step;
    // Without the digits that a step below one leaves behind.
    (value * 1e6).round() / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_time_is_told_exactly() {
        for (time, wanted) in
            [(3441.0, 3400.0), (3.16, 3.2), (0.0, 0.0), (99.6, 100.0), (0.0123, 0.012)]
        {
            assert!((rounded(time) - wanted).abs() < 1e-9, "{time}: {}", rounded(time));
        }
    }

    #[test]
    fn who_is_followed_for_longer_than_a_life_has_another_unit() {
        assert!(question(119.0, TimeUnit::Years).is_none());
        assert!(question(3441.0, TimeUnit::Years).is_some_and(|it| it.contains("days?")));
        assert!(question(3441.0, TimeUnit::Days).is_none());
        assert!(question(3441.0, TimeUnit::Months).is_some());
    }
}
