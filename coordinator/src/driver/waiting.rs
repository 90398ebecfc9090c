//! What an operator is told of hospitals that are missing, and why a run ended without them.

use std::collections::{BTreeMap, BTreeSet};

use base::clock::{Moment, Timestamp};
use base::ids::SiteName;

use super::{DriveError, Running};
use crate::round::Outcome;
use crate::run_event::RunEvent;

/// Why a site does not take part.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct DeclineReason {
    /// The rule or the stage, such as `policy.modes`.
    pub rule: String,
    /// In words.
    pub reason: String,
}

/// The most hospitals that are named in one line.
const NAMED: usize = 20;

/// Hospitals without a part in a round that had too few.
#[derive(Debug, Default)]
pub(super) struct Absent {
    /// They belong to the federation and are not connected.
    pub away: Vec<SiteName>,
    /// They are connected and sent no update.
    pub late: Vec<SiteName>,
}

impl Running {
    /// The hospitals of the federation that are not connected and have not declined.
    fn away(&self) -> Vec<SiteName> {
        let here: BTreeSet<SiteName> = self.driver.connections.sites().into_iter().collect();
        let members = self.driver.members.sites(self.driver.clock.wall());
        let away = members.into_iter().filter(|site| !here.contains(site));
        away.filter(|site| !self.declined.contains_key(site)).collect()
    }

    /// Who is absent now, where `sent` sent an update for the round that is open.
    pub(super) fn absent(&self, sent: &BTreeSet<SiteName>) -> Absent {
        let late = |site: &SiteName| !sent.contains(site) && !self.declined.contains_key(site);
        // Before a round is open nobody has been asked for an update.
        let late = self.updates.is_some().then(|| {
            self.driver.connections.sites().into_iter().filter(late).collect::<Vec<SiteName>>()
        });
        Absent { away: self.away(), late: late.unwrap_or_default() }
    }

    /// Tells those who follow the run for how many hospitals it waits and until when, once for each change.
    pub(super) fn tell_missing(&mut self, now: Moment) -> Result<(), DriveError> {
        let missing = self.machine.missing();
        if missing == self.missing {
            return Ok(());
        }
        self.missing = missing;
        let Some(missing) = missing else { return Ok(()) };
        let left = u64::try_from(missing.until.since(now).as_millis()).unwrap_or(u64::MAX);
        let until = Timestamp(self.driver.clock.wall().0.saturating_add(left));
        let mut away = self.away();
        away.truncate(NAMED);
        self.publish(RunEvent::Waiting { more: missing.more, until, away })
    }
}

/// At most [`NAMED`] of the names, and how many more there are.
fn names(sites: &[SiteName]) -> String {
    let named: Vec<&str> = sites.iter().take(NAMED).map(SiteName::as_str).collect();
    match sites.len().saturating_sub(NAMED) {
        0 => named.join(", "),
        more => format!("{} and {more} more", named.join(", ")),
    }
}

/// Why a run ended. Where too few took part, with the reason of each hospital that declined, and the names of those
/// that were away or late, each with the next step.
pub(super) fn reason(
    outcome: &Outcome,
    declined: &BTreeMap<SiteName, DeclineReason>,
    absent: &Absent,
) -> String {
    if !matches!(outcome, Outcome::NoQuorum { .. }) {
        return outcome.to_string();
    }
    // Hospitals with one and the same reason are named together.
    let mut by_reason: BTreeMap<&DeclineReason, Vec<&str>> = BTreeMap::new();
    for (site, decline) in declined {
        by_reason.entry(decline).or_default().push(site.as_str());
    }
    let one = |(decline, sites): (&DeclineReason, Vec<&str>)| {
        format!("{} declined: {}: {}", sites.join(", "), decline.rule, decline.reason)
    };
    let mut reasons: Vec<String> = by_reason.into_iter().map(one).collect();
    if !absent.away.is_empty() {
        let away = names(&absent.away);
        reasons.push(format!(
            "not connected: {away} (start site-node run there; where it runs, its log says why it has no connection)"
        ));
    }
    if !absent.late.is_empty() {
        let late = names(&absent.late);
        reasons.push(format!(
            "connected, but sent no update: {late} (raise aggregation.window if the time ran out; otherwise see the \
             log of site-node there)"
        ));
    }
    if reasons.is_empty() {
        return outcome.to_string();
    }
    format!("{outcome}; {}", reasons.join("; "))
}

#[cfg(test)]
mod tests {
    use base::ids::Round;

    use super::*;

    #[test]
    fn each_hospital_that_declined_is_named_with_its_reason() {
        let decline = |rule: &str, reason: &str| DeclineReason {
            rule: rule.to_owned(),
            reason: reason.to_owned(),
        };
        let site = |name: &str| name.parse::<SiteName>().unwrap();
        let declined = BTreeMap::from([
            (site("a"), decline("policy.modes", "mode none is not allowed")),
            (site("b"), decline("data", "a table is missing")),
            (site("c"), decline("policy.modes", "mode none is not allowed")),
        ]);
        let none = Outcome::NoQuorum { round: Round(1), had: 0, needed: 3 };
        let nobody = Absent::default();
        let text = reason(&none, &declined, &nobody);
        assert!(text.starts_with("round 1 had 0 of the 3 sites"), "{text}");
        assert!(text.contains("; a, c declined: policy.modes: mode none is not allowed"), "{text}");
        assert!(text.contains("; b declined: data: a table is missing"), "{text}");
        assert_eq!(reason(&none, &BTreeMap::new(), &nobody), none.to_string());
        let absent = Absent { away: vec![site("d"), site("e")], late: vec![site("f")] };
        let text = reason(&none, &declined, &absent);
        assert!(text.contains("; not connected: d, e (start site-node run there"), "{text}");
        assert!(text.contains("; connected, but sent no update: f ("), "{text}");
        let many: Vec<SiteName> = (0..30).map(|number| site(&format!("s{number}"))).collect();
        let text = reason(&none, &BTreeMap::new(), &Absent { away: many, late: Vec::new() });
        assert!(text.contains("s19 and 10 more"), "{text}");
        let diverged = Outcome::Diverged { round: Round(2) };
        assert_eq!(reason(&diverged, &declined, &absent), diverged.to_string());
    }
}
