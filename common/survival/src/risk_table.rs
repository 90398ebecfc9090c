//! Risk sets at the distinct follow-up times.

use super::data::Survival;

/// The risk set at one distinct follow-up time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RiskRow {
    /// Follow-up time.
    pub time: f64,
    /// Patients with a follow-up time `>= time`.
    pub at_risk: u64,
    /// Events at `time`.
    pub events: u64,
    /// Patients censored at `time`.
    pub censored: u64,
}

/// Risk sets at all distinct follow-up times in increasing order.
///
/// A patient censored at the time of an event is still in the risk set of that
/// event (events come first at a tied time).
#[must_use]
#[allow(
    clippy::float_cmp,
    reason = "patients share a row only when their recorded times are equal"
)]
pub fn risk_table(data: &Survival) -> Vec<RiskRow> {
    let mut outcomes: Vec<(f64, bool)> = data.outcomes().collect();
    outcomes.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    let mut at_risk = outcomes.len() as u64;
    outcomes
        .chunk_by(|a, b| a.0 == b.0)
        .filter_map(|tied| {
            let &(time, _) = tied.first()?;
            let size = tied.len() as u64;
            let events = tied.iter().filter(|&&(_, event)| event).count() as u64;
            let row = RiskRow { time, at_risk, events, censored: size - events };
            at_risk -= size;
            Some(row)
        })
        .collect()
}
