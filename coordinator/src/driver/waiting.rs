//! What an operator is told of hospitals that are missing, and why a run ended without them.

use std::collections::BTreeMap;

use base::clock::{Moment, Timestamp};
use base::ids::SiteName;
use node::wire::Progress;

use super::Running;
use crate::round::Outcome;

/// Why a site does not take part.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct DeclineReason {
    /// The rule or the stage, such as `policy.modes`.
    pub rule: String,
    /// In words.
    pub reason: String,
}

impl Running {
    /// Tells those who follow the run for how many hospitals it waits and until when, once for each change.
    pub(super) fn tell_missing(&mut self, now: Moment) {
        let missing = self.machine.missing();
        if missing == self.missing {
            return;
        }
        self.missing = missing;
        let Some(missing) = missing else { return };
        let left = u64::try_from(missing.until.since(now).as_millis()).unwrap_or(u64::MAX);
        let until = Timestamp(self.driver.clock.wall().0.saturating_add(left));
        tracing::info!(more = missing.more, %until, "waiting for more hospitals");
        self.report(Progress::Waiting { more: missing.more, until });
    }
}

/// Why a run ended, with the reason of each hospital that declined where too few took part.
pub(super) fn reason(outcome: &Outcome, declined: &BTreeMap<SiteName, DeclineReason>) -> String {
    if !matches!(outcome, Outcome::NoQuorum { .. }) || declined.is_empty() {
        return outcome.to_string();
    }
    // Hospitals with one and the same reason are named together.
    let mut by_reason: BTreeMap<&DeclineReason, Vec<&str>> = BTreeMap::new();
    for (site, reason_to_decline) in declined {
        by_reason.entry(reason_to_decline).or_default().push(site.as_str());
    }
    let one = |(reason_to_decline, sites): (&DeclineReason, Vec<&str>)| {
        format!(
            "{} declined: {}: {}",
            sites.join(", "),
            reason_to_decline.rule,
            reason_to_decline.reason
        )
    };
    let reasons: Vec<String> = by_reason.into_iter().map(one).collect();
    format!("{outcome}; {}", reasons.join("; "))
}

#[cfg(test)]
mod tests {
    use base::ids::Round;

    use super::*;

    #[test]
    fn each_hospital_that_declined_is_named_with_its_reason() {
        let reason_to_decline = |rule: &str, reason: &str| DeclineReason {
            rule: rule.to_owned(),
            reason: reason.to_owned(),
        };
        let site = |name: &str| name.parse::<SiteName>().unwrap();
        let declined = BTreeMap::from([
            (site("a"), reason_to_decline("policy.modes", "mode off is not allowed")),
            (site("b"), reason_to_decline("data", "a table is missing")),
            (site("c"), reason_to_decline("policy.modes", "mode off is not allowed")),
        ]);
        let none = Outcome::NoQuorum { round: Round(1), had: 0, needed: 3 };
        let text = reason(&none, &declined);
        assert!(text.starts_with("round 1 had 0 of the 3 sites"), "{text}");
        assert!(text.contains("; a, c declined: policy.modes: mode off is not allowed"), "{text}");
        assert!(text.contains("; b declined: data: a table is missing"), "{text}");
        assert_eq!(reason(&none, &BTreeMap::new()), none.to_string());
        let diverged = Outcome::Diverged { round: Round(2) };
        assert_eq!(reason(&diverged, &declined), diverged.to_string());
    }
}
